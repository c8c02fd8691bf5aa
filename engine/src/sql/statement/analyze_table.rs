//! `ANALYZE [TABLE] t`: what the columns of a table hold, one row each.
//!
//! The planner needs no such command: every file carries its statistics in the table's log. This reads the rows and
//! counts NULLs and (approximately) distinct values, and shows the bounds as text. It stores nothing.
//!
//! Example: `ANALYZE sales` shows that `channel` has 4 distinct values.

use super::{Effect, Own, own};
use crate::answer::{Answer, Cell, Kind, Shape, int, schema_of, text};
use crate::context::{StatementContext, full, quote};
use crate::error::Result;
use crate::session::Outcome;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use crate::sql::{Parsed, sql_type};
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;

#[derive(Debug)]
struct AnalyzeTable(Written);

const SHAPE: Shape = &[
    ("column_name", Kind::Text),
    ("data_type", Kind::Text),
    ("row_count", Kind::Int),
    ("null_count", Kind::Int),
    ("distinct_count", Kind::Int),
    ("min", Kind::Text),
    ("max", Kind::Text),
];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("ANALYZE")?;
    reader.word("TABLE");
    let table = reader.name()?;
    reader.word("COMPUTE STATISTICS");
    own(AnalyzeTable(table))
}

#[async_trait]
impl Own for AnalyzeTable {
    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let table = context.table(&self.0)?;
        let mut answer = Answer::new(SHAPE);
        for column in &table.columns {
            let name = quote(&column.name);
            // One column at a time: what is read is bounded by the widest column, not by the table.
            let sql = if is_ordered(&column.data_type) {
                format!(
                    "SELECT count(*), count({name}), approx_distinct({name}), min({name}), max({name}) FROM {}",
                    full(&table.name)
                )
            } else {
                format!(
                    "SELECT count(*), count({name}), NULL, NULL, NULL FROM {}",
                    full(&table.name)
                )
            };
            let batches = context.rows(&sql).await?;
            let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { continue };
            let rows = number(batch, 0)?;
            let nulls = number(batch, 1)?.and_then(|filled| rows.map(|rows| rows - filled));
            answer.push([
                text(column.name.clone()),
                text(sql_type(&column.data_type)),
                rows.map_or(Cell::Null, int),
                nulls.map_or(Cell::Null, int),
                number(batch, 2)?.map_or(Cell::Null, int),
                shown(batch, 3)?.into(),
                shown(batch, 4)?.into(),
            ]);
        }
        answer.outcome()
    }
}

fn is_ordered(data_type: &DataType) -> bool {
    !matches!(
        data_type,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::Struct(_)
            | DataType::Map(_, _)
            | DataType::Boolean
    )
}

fn shown(batch: &RecordBatch, column: usize) -> Result<Option<String>> {
    let values = batch.column(column);
    if values.is_null(0) {
        return Ok(None);
    }
    Ok(Some(ArrayFormatter::try_new(values, &FormatOptions::default())?.value(0).to_string()))
}

fn number(batch: &RecordBatch, column: usize) -> Result<Option<i64>> {
    Ok(shown(batch, column)?.and_then(|text| text.parse().ok()))
}
