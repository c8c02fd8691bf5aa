//! GetTables: tables and views, filtered by catalog, patterns and types, each with its columns when asked.
//!
//! ```text
//! catalog_name: utf8, db_schema_name: utf8, table_name: utf8 not null, table_type: utf8 not null
//! [, table_schema: binary not null]      the columns as an encapsulated IPC schema, see columns.rs
//! ```
//!
//! Rows come ordered by catalog, schema and name, with one exception: when the name's pattern is, letter for letter, a
//! table's name, that table comes first. Clients that look up `a_b` without escaping it read the first row only and
//! would otherwise get `axb`.
//!
//! A view whose tables are gone has no columns any more; it is listed without them rather than fail the whole list.

use std::sync::Arc;

use arrow::array::{BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::CommandGetTables;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use pareto_engine::{ErrorKind, Session};
use tonic::Status;

use super::super::like::Like;
use super::super::wire::{self, Types};
use super::{TextRow, ask, assemble, catalog_passes, columns, table_types, text, text_column};
use crate::status::from_engine;

const TABLES: &str = "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables ORDER BY 1, 2, 3";

/// How many tables are opened at a time to learn their columns.
const OPEN_AT_ONCE: usize = 16;

pub(crate) fn schema(include_schema: bool) -> SchemaRef {
    let mut fields = vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("table_type", DataType::Utf8, false),
    ];
    if include_schema {
        fields.push(Field::new("table_schema", DataType::Binary, false));
    }
    Arc::new(Schema::new(fields))
}

pub(crate) async fn batch(
    session: &Session,
    command: &CommandGetTables,
    types: Types,
) -> Result<RecordBatch, Status> {
    let in_schema = Like::new(command.db_schema_filter_pattern.as_deref());
    let named = Like::new(command.table_name_filter_pattern.as_deref());
    let mut rows = ask(session, TABLES).await?;
    rows.retain(|row| {
        catalog_passes(command.catalog.as_deref(), text(row, 0))
            && in_schema.matches(text(row, 1))
            && named.matches(text(row, 2))
            && table_types::is_wanted(&command.table_types, announced_type(row))
    });
    rows.sort_by_key(|row| !named.is_exactly(text(row, 2)));
    let mut arrays = vec![
        text_column(rows.iter().map(|row| Some(text(row, 0)))),
        text_column(rows.iter().map(|row| Some(text(row, 1)))),
        text_column(rows.iter().map(|row| Some(text(row, 2)))),
        text_column(rows.iter().map(|row| Some(announced_type(row)))),
    ];
    if command.include_schema {
        let schemas: Vec<Bytes> = stream::iter(rows.clone())
            .map(|row| async move { table_schema(session, &row, types).await })
            .buffered(OPEN_AT_ONCE)
            .try_collect()
            .await?;
        arrays.push(Arc::new(BinaryArray::from_iter_values(schemas)));
    }
    assemble(schema(command.include_schema), arrays)
}

fn announced_type(row: &TextRow) -> &'static str {
    table_types::announce(text(row, 1), text(row, 3))
}

async fn table_schema(session: &Session, row: &TextRow, types: Types) -> Result<Bytes, Status> {
    let (catalog, db_schema, table) = (text(row, 0), text(row, 1), text(row, 2));
    match session.table_schema(db_schema, table).await {
        Ok(schema) => {
            wire::schema_bytes(&columns::describe_table(catalog, db_schema, table, &schema, types))
        }
        Err(error) if matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound) => {
            wire::schema_bytes(&Schema::empty())
        }
        Err(error) => Err(from_engine(&error)),
    }
}
