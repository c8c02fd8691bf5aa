//! The names that completion offers: what the warehouse holds and what the engine knows.
//!
//! They are asked for with plain SQL over `information_schema`, so a prompt on a server completes as well as one on a
//! directory. Asked for when the prompt opens and after every statement that may have changed them; bounded.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use futures::TryStreamExt;
use pareto_engine::{EngineError, Outcome};

use super::Connection;

/// More columns than this are not completed.
const MOST_COLUMNS: usize = 100_000;

/// One table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its schema.
    pub(super) schema: String,
    /// Its name.
    pub(super) name: String,
    /// Its columns, in order.
    pub(super) columns: Vec<String>,
}

/// Everything that can be completed.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Tables and views.
    pub(super) relations: Vec<Relation>,
    /// Functions.
    pub(super) functions: Vec<String>,
}

impl Names {
    /// Asks for all names.
    pub(super) async fn load(connection: &Arc<Connection>) -> Result<Self, EngineError> {
        let columns = format!(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns \
             ORDER BY table_schema, table_name, ordinal_position LIMIT {MOST_COLUMNS}"
        );
        let mut relations: Vec<Relation> = Vec::new();
        for row in rows(connection, &columns).await? {
            let [schema, name, column] = row;
            match relations.last_mut() {
                Some(last) if last.schema == schema && last.name == name => {
                    last.columns.push(column)
                }
                Some(_) | None => relations.push(Relation { schema, name, columns: vec![column] }),
            }
        }
        let functions =
            "SELECT DISTINCT routine_name FROM information_schema.routines ORDER BY routine_name";
        let functions = rows(connection, functions).await?.into_iter().map(|[name]| name).collect();
        Ok(Self { relations, functions })
    }
}

/// The rows of a query over names, as text.
async fn rows<const COLUMNS: usize>(
    connection: &Arc<Connection>,
    sql: &str,
) -> Result<Vec<[String; COLUMNS]>, EngineError> {
    let Outcome::Rows(stream) = connection.execute(sql).await? else { return Ok(Vec::new()) };
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    let mut rows = Vec::new();
    for batch in batches {
        let texts = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
        let texts = texts
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| EngineError::internal(error.to_string()))?;
        for row in 0..batch.num_rows() {
            let cell = |column: usize| {
                texts.get(column).map(|text| text.as_string::<i32>().value(row).to_owned())
            };
            rows.push(std::array::from_fn(|column| cell(column).unwrap_or_default()));
        }
    }
    Ok(rows)
}
