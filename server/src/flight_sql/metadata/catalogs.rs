//! GetCatalogs: the catalogs of the server. There is one, `pareto`.
//!
//! ```text
//! catalog_name: utf8 not null
//! ```

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use pareto_engine::Session;
use tonic::Status;

use super::{ask, assemble, text, text_column};

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("catalog_name", DataType::Utf8, false)]))
}

pub(crate) async fn batch(session: &Session) -> Result<RecordBatch, Status> {
    let rows =
        ask(session, "SELECT DISTINCT catalog_name FROM information_schema.schemata ORDER BY 1")
            .await?;
    assemble(schema(), vec![text_column(rows.iter().map(|row| Some(text(row, 0))))])
}
