//! `RESTORE [TABLE] t TO VERSION AS OF n | TIMESTAMP AS OF 'time'`: a new version with the rows of an old one.
//!
//! Nothing is forgotten: the versions in between stay in the history. A version whose files `VACUUM` has removed cannot
//! be restored, and the error says so.
//!
//! Example: `RESTORE sales TO VERSION AS OF 12`.

use super::{Own, own};
use crate::answer::{Answer, Kind, Shape, int, schema_of};
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use crate::sql::{Parsed, prepare};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use pareto_catalog::{AsOf, Right};

#[derive(Debug)]
struct RestoreTable {
    table: Written,
    to: AsOf,
}

const SHAPE: Shape = &[("restored_version", Kind::Int), ("new_version", Kind::Int)];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("RESTORE")?;
    reader.word("TABLE");
    let table = reader.name()?;
    reader.expect("TO")?;
    let to = if reader.word("VERSION AS OF") {
        AsOf::Version(reader.number()?)
    } else if reader.word("TIMESTAMP AS OF") {
        prepare::moment(&reader.string()?)?
    } else {
        return reader.unexpected("VERSION AS OF or TIMESTAMP AS OF");
    };
    own(RestoreTable { table, to })
}

#[async_trait]
impl Own for RestoreTable {
    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let table = context.table(&self.table)?;
        let latest = context.table_version(&table.name, Right::Create).await?;
        let version = match &self.to {
            AsOf::Version(version) => *version,
            other => context.engine.warehouse().open_table(table, other.clone()).await?.version(),
        };
        let made = latest.restore(version).await?;
        let mut answer = Answer::new(SHAPE);
        answer.push([int(version), int(made)]);
        answer.outcome()
    }
}
