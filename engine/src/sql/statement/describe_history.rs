//! `DESCRIBE HISTORY t [LIMIT n]`: the versions of a table, newest first, with what made each.
//!
//! Example: after a load and a delete, two rows above the `CREATE TABLE` one.

use super::{Effect, Own, own};
use crate::answer::{Answer, Cell, Kind, Shape, int, schema_of, text};
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use pareto_catalog::Right;

#[derive(Debug)]
struct DescribeHistory {
    table: Written,
    limit: Option<usize>,
}

const SHAPE: Shape = &[
    ("version", Kind::Int),
    ("made_at", Kind::Moment),
    ("operation", Kind::Text),
    ("parameters", Kind::Text),
    ("engine", Kind::Text),
];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    if !reader.word("DESCRIBE") {
        reader.expect("DESC")?;
    }
    reader.expect("HISTORY")?;
    let table = reader.name()?;
    let limit = if reader.word("LIMIT") { usize::try_from(reader.number()?).ok() } else { None };
    own(DescribeHistory { table, limit })
}

#[async_trait]
impl Own for DescribeHistory {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let name = context.table(&self.table)?.name.clone();
        let version = context.table_version(&name, Right::Select).await?;
        let mut answer = Answer::new(SHAPE);
        for entry in version.history(self.limit).await? {
            let parameters: Vec<String> =
                entry.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
            answer.push([
                int(entry.version),
                entry.timestamp_ms.map_or(Cell::Null, Cell::Moment),
                text(entry.operation),
                text(parameters.join(", ")),
                entry.engine.into(),
            ]);
        }
        answer.outcome()
    }
}
