//! GetDbSchemas: the schemas, filtered by catalog and name pattern, in order.
//!
//! ```text
//! catalog_name: utf8, db_schema_name: utf8 not null
//! ```

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::CommandGetDbSchemas;
use pareto_engine::Session;
use tonic::Status;

use super::super::like::Like;
use super::{ask, assemble, catalog_passes, text, text_column};

const SCHEMATA: &str =
    "SELECT catalog_name, schema_name FROM information_schema.schemata ORDER BY 1, 2";

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, false),
    ]))
}

pub(crate) async fn batch(
    session: &Session,
    command: &CommandGetDbSchemas,
) -> Result<RecordBatch, Status> {
    let pattern = Like::new(command.db_schema_filter_pattern.as_deref());
    let mut rows = ask(session, SCHEMATA).await?;
    rows.retain(|row| {
        catalog_passes(command.catalog.as_deref(), text(row, 0)) && pattern.matches(text(row, 1))
    });
    assemble(
        schema(),
        vec![
            text_column(rows.iter().map(|row| Some(text(row, 0)))),
            text_column(rows.iter().map(|row| Some(text(row, 1)))),
        ],
    )
}
