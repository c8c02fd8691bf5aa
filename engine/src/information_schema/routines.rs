//! `information_schema.routines`: every function, also those that only a rewrite of the statement knows.
//!
//! DataFusion lists what is registered with it. The chains and the functions that read files are gone before it
//! plans; their rows are added here, in the same columns.
//!
//! Example: `SHOW FUNCTIONS LIKE 'rfm_t%'` lists `rfm_table` with its arguments.

use crate::error::Result;
use crate::relations::Relations;
use crate::sql::prepare::FILE_FUNCTIONS;
use crate::state::{CATALOG, DEFAULT_SCHEMA};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::physical_plan::collect;
use std::sync::Arc;

/// A table function that DataFusion never sees.
struct Routine {
    name: &'static str,
    description: String,
    syntax: String,
}

/// DataFusion's list, and ours after it.
pub(super) async fn with_ours(
    listed: Arc<dyn TableProvider>,
    relations: &Relations,
) -> Result<Arc<dyn TableProvider>> {
    let state = relations.template();
    let plan = listed.scan(state, None, &[], None).await?;
    let mut batches = collect(plan, state.task_ctx()).await?;
    let schema = listed.schema();
    batches.push(rows(&schema, &routines())?);
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

fn routines() -> Vec<Routine> {
    let chains = pareto_udfs::chains().into_iter().map(|spec| Routine {
        name: spec.name,
        description: spec.documentation().description,
        syntax: spec.signature(),
    });
    let files = FILE_FUNCTIONS.iter().map(|(name, _)| Routine {
        name,
        description: "Reads files where they lie.".to_owned(),
        syntax: format!("{name}('data/*' [, option => value, ..])"),
    });
    chains.chain(files).collect()
}

/// Rows in the columns of the list, found by name.
fn rows(schema: &SchemaRef, routines: &[Routine]) -> Result<RecordBatch> {
    let column = |name: &str| -> ArrayRef {
        let text = |routine: &Routine| match name {
            "specific_catalog" | "routine_catalog" => Some(CATALOG.to_owned()),
            "specific_schema" | "routine_schema" => Some(DEFAULT_SCHEMA.to_owned()),
            "specific_name" | "routine_name" => Some(routine.name.to_owned()),
            "routine_type" => Some("FUNCTION".to_owned()),
            "data_type" | "function_type" => Some("TABLE".to_owned()),
            "description" => Some(routine.description.clone()),
            "syntax_example" => Some(routine.syntax.clone()),
            _ => None,
        };
        match name {
            // The same question has the same answer at one version of the tables only.
            "is_deterministic" => Arc::new(BooleanArray::from(vec![false; routines.len()])),
            _ => Arc::new(routines.iter().map(text).collect::<StringArray>()),
        }
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
