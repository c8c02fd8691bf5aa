//! `information_schema.routines`: every function, also those that only a rewrite of the statement knows.
//!
//! DataFusion lists what is registered with it, table functions by their names alone. The chains and the functions that
//! read files are gone before it plans. The rows of all table functions are written here, in the same columns.
//!
//! Example: `SHOW FUNCTIONS LIKE 'rfm_t%'` lists `rfm_table` with its arguments.

use crate::error::{EngineError, Result};
use crate::relations::{Names, Relations};
use crate::sql::prepare::FILE_FUNCTIONS;
use crate::state::{CATALOG, DEFAULT_SCHEMA};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::physical_plan::collect;
use pareto_udfs::Function;
use std::sync::Arc;

/// A table function.
struct Routine {
    name: &'static str,
    description: String,
    syntax: String,
}

/// DataFusion's list, and ours after it.
pub(super) async fn list(relations: &Arc<Relations>) -> Result<Arc<dyn TableProvider>> {
    let state = relations.template();
    let routines = routines();
    let mut others = state.table_functions().clone();
    others.retain(|name, _| routines.iter().all(|routine| routine.name != name));
    let names = Arc::new(Names::new(Arc::clone(relations)));
    let described = InformationSchemaProvider::new(names).with_table_functions(others);
    let listed = described.table(super::ROUTINES[0]).await?;
    let listed = listed.ok_or_else(|| EngineError::internal("there is no list of functions"))?;
    let plan = listed.scan(&**state, None, &[], None).await?;
    let mut batches = collect(plan, state.task_ctx()).await?;
    let schema = listed.schema();
    batches.push(rows(&schema, &routines)?);
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

fn routines() -> Vec<Routine> {
    let functions = pareto_udfs::functions();
    let tables = functions.iter().filter(|function| matches!(function, Function::Table(..)));
    let specs = tables.map(Function::spec).chain(pareto_udfs::chains());
    let specified = specs.map(|spec| Routine {
        name: spec.name,
        description: spec.documentation().description,
        syntax: spec.signature(),
    });
    let files = FILE_FUNCTIONS.iter().map(|(name, _)| Routine {
        name,
        description: "Reads files where they lie.".to_owned(),
        syntax: format!("{name}('data/*' [, option => value, ..])"),
    });
    specified.chain(files).collect()
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
