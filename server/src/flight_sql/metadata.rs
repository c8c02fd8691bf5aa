//! Questions about what exists: one command, one file, and here the one list of them.
//!
//! Every metadata command has a schema that is known without looking (drivers compare it column by column, nullability
//! included) and an answer that fits into one batch. The answers come from `information_schema`, which shows what the
//! caller may see; the session is asked in SQL like any client would ask.
//!
//! ```text
//! GetFlightInfo(command)   schema(command), and the command itself as the ticket
//! DoGet(command)           schema(command), then the one batch
//! ```
//!
//! A filter that is absent lets everything through, the catalog's too; none of them ever narrows an answer to nothing
//! by being left out.

pub(crate) mod catalogs;
pub(crate) mod columns;
pub(crate) mod db_schemas;
pub(crate) mod foreign_keys;
pub(crate) mod primary_keys;
pub(crate) mod sql_info;
pub(crate) mod table_types;
pub(crate) mod tables;
pub(crate) mod xdbc_types;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use futures::TryStreamExt;
use pareto_engine::{Outcome, Session};
use tonic::Status;

use super::command::Metadata;
use super::sessions::Caller;
use super::wire::Types;
use crate::status::{from_datafusion, from_engine, internal};

/// The schema of the answer, known without asking anybody.
pub(crate) fn schema(command: &Metadata) -> SchemaRef {
    match command {
        Metadata::Catalogs(_) => catalogs::schema(),
        Metadata::DbSchemas(_) => db_schemas::schema(),
        Metadata::Tables(command) => tables::schema(command.include_schema),
        Metadata::TableTypes(_) => table_types::schema(),
        Metadata::PrimaryKeys(_) => primary_keys::schema(),
        Metadata::ExportedKeys(_) | Metadata::ImportedKeys(_) | Metadata::CrossReference(_) => {
            foreign_keys::schema()
        }
        Metadata::SqlInfo(_) => sql_info::schema(),
        Metadata::XdbcTypeInfo(_) => xdbc_types::schema(),
    }
}

/// The answer.
pub(crate) async fn batch(
    caller: &Caller,
    command: &Metadata,
    types: Types,
) -> Result<RecordBatch, Status> {
    let session = &caller.session;
    match command {
        Metadata::Catalogs(_) => catalogs::batch(session).await,
        Metadata::DbSchemas(command) => db_schemas::batch(session, command).await,
        Metadata::Tables(command) => tables::batch(session, command, types).await,
        Metadata::TableTypes(_) => table_types::batch(),
        Metadata::PrimaryKeys(command) => primary_keys::batch(session, command).await,
        Metadata::ExportedKeys(command) => foreign_keys::exported(session, command).await,
        Metadata::ImportedKeys(command) => foreign_keys::imported(session, command).await,
        Metadata::CrossReference(command) => foreign_keys::cross_reference(session, command).await,
        Metadata::SqlInfo(command) => sql_info::batch(session, command),
        Metadata::XdbcTypeInfo(command) => xdbc_types::batch(command),
    }
}

/// One row of a catalog query: every value as text, or NULL.
pub(crate) type TextRow = Vec<Option<String>>;

/// Runs a catalog query and reads all of it.
pub(crate) async fn ask(session: &Session, sql: &str) -> Result<Vec<TextRow>, Status> {
    let outcome = session.execute(sql).await.map_err(|error| from_engine(&error))?;
    let Outcome::Rows(rows) = outcome else {
        return Err(internal("reading the catalog", "information_schema gave no rows"));
    };
    let mut answer = Vec::new();
    for batch in rows.try_collect::<Vec<_>>().await.map_err(from_datafusion)? {
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .map(|column| {
                cast(column, &DataType::Utf8)
                    .map_err(|source| internal("reading the catalog", source))
            })
            .collect::<Result<_, Status>>()?;
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| {
                column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned())
            };
            answer.push(columns.iter().map(value).collect());
        }
    }
    Ok(answer)
}

/// The value in a column, empty when it is NULL or not there.
pub(crate) fn text(row: &[Option<String>], column: usize) -> &str {
    row.get(column).and_then(Option::as_deref).unwrap_or_default()
}

/// Does a catalog filter let this catalog through? Absent means all; empty means objects without one, and none is.
pub(crate) fn catalog_passes(filter: Option<&str>, catalog: &str) -> bool {
    filter.is_none_or(|wanted| wanted == catalog)
}

/// Columns that were built to fit their schema.
pub(crate) fn assemble(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, Status> {
    RecordBatch::try_new(schema, columns)
        .map_err(|source| internal("answering a metadata command", source))
}

/// A column of text.
pub(crate) fn text_column<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<arrow::array::StringArray>())
}
