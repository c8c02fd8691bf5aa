//! GetPrimaryKeys: the columns of a table's declared primary key, in key order.
//!
//! ```text
//! catalog_name, db_schema_name, table_name not null, column_name not null, key_sequence: int32 not null, key_name
//! ```
//!
//! The filters are names, not patterns. A table without a key, or no such table, has no rows: that is the answer to a
//! question, not an error.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::CommandGetPrimaryKeys;
use pareto_engine::Session;
use tonic::Status;

use super::{ask, assemble, catalog_passes, text, text_column};

const KEYS: &str = "SELECT k.table_catalog, k.table_schema, k.table_name, k.column_name, k.ordinal_position, k.constraint_name \
    FROM information_schema.table_constraints c JOIN information_schema.key_column_usage k \
    ON c.constraint_schema = k.constraint_schema AND c.constraint_name = k.constraint_name \
    AND c.table_schema = k.table_schema AND c.table_name = k.table_name \
    WHERE c.constraint_type = 'PRIMARY KEY' ORDER BY 2, 3, 5";

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("key_name", DataType::Utf8, true),
    ]))
}

pub(crate) async fn batch(
    session: &Session,
    command: &CommandGetPrimaryKeys,
) -> Result<RecordBatch, Status> {
    let mut rows = ask(session, KEYS).await?;
    rows.retain(|row| {
        catalog_passes(command.catalog.as_deref(), text(row, 0))
            && command.db_schema.as_deref().is_none_or(|wanted| wanted == text(row, 1))
            && command.table == text(row, 2)
    });
    let column = |index| text_column(rows.iter().map(|row| Some(text(row, index))));
    assemble(
        schema(),
        vec![
            column(0),
            column(1),
            column(2),
            column(3),
            sequence(rows.iter().map(|row| text(row, 4))),
            column(5),
        ],
    )
}

/// Ordinal positions, which `information_schema` counts from 1 as the protocol does.
pub(crate) fn sequence<'a>(positions: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(positions.map(|position| position.parse().unwrap_or(1))))
}
