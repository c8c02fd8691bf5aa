//! StatementIngest: rows in bulk into a table, in the driver's four modes.
//!
//! ```text
//! mode             table exists                table is missing
//! create           ALREADY_EXISTS              CREATE TABLE .. AS
//! append           INSERT INTO                 NOT_FOUND
//! replace          CREATE OR REPLACE .. AS     CREATE TABLE .. AS
//! create_append    INSERT INTO                 CREATE TABLE .. AS
//! ```
//!
//! The upload is first written to a file of its own ([`Spool`]) and then taken in by one statement, so it is one commit:
//! a client that breaks off leaves the table as it was. Columns go by name; those that are not sent are NULL or
//! default. A temporary table is its session's alone: mode create makes one beside a table of its name, and the others look
//! at the temporary one only. The memory used does not grow with the upload. Nothing is ever ingested into a table half.

use arrow::datatypes::SchemaRef;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::sql::{CommandStatementIngest, TableExistsOption, TableNotExistOption};
use futures::{StreamExt, TryStreamExt, stream};
use pareto_engine::ErrorKind;
use tonic::Status;

use super::FlightSql;
use super::session_options::CATALOG;
use super::sessions::Caller;
use super::spool::Spool;
use super::transaction;
use super::upload::Upload;
use crate::status::{from_engine, from_flight, invalid};

/// Takes the rows in and counts them.
pub(crate) async fn ingest(
    front: &FlightSql,
    caller: &Caller,
    command: CommandStatementIngest,
    upload: Upload,
) -> Result<i64, Status> {
    let temporary = command.temporary;
    // What cannot work is refused before the upload is taken in.
    let (caller, write, table) = match admitted(front, caller, &command).await {
        Ok(admitted) => admitted,
        Err(status) => {
            upload.refuse().await;
            return Err(status);
        }
    };
    let spool = receive(upload).await?;
    let sql = write.sql(&table, &spool, temporary);
    let written = caller.session.execute_upload(&sql, &spool.file()).await;
    written.map_err(|error| from_engine(&error))?;
    Ok(i64::try_from(spool.rows()).unwrap_or(i64::MAX))
}

/// What is to be done with the rows, and where they go.
async fn admitted(
    front: &FlightSql,
    caller: &Caller,
    command: &CommandStatementIngest,
) -> Result<(Caller, Write, Target), Status> {
    let caller = transaction::within_ingest(front, caller, command.transaction_id.as_ref())?;
    if let Some(catalog) =
        command.catalog.as_deref().filter(|catalog| !catalog.is_empty() && *catalog != CATALOG)
    {
        return Err(invalid(format!(
            "there is no catalog \"{catalog}\"\n  hint: the only one is \"{CATALOG}\""
        )));
    }
    if command.table.is_empty() {
        return Err(invalid("the rows are for no table\n  hint: name a table"));
    }
    let table = Target { schema: schema(&caller, command), table: command.table.clone() };
    let write = plan(&caller, command, &table).await?;
    Ok((caller, write, table))
}

/// Writes the upload down. Its schema comes before its first batch, and alone when there is none.
async fn receive(upload: Upload) -> Result<Spool, Status> {
    let mut batches = FlightRecordBatchStream::new_from_flight_data(upload);
    let first = batches.try_next().await.map_err(from_flight)?;
    let missing = || invalid("the upload has no schema\n  hint: send one even for no rows");
    let schema = SchemaRef::clone(batches.schema().ok_or_else(missing)?);
    let batches = stream::iter(first.map(Ok)).chain(batches.map_err(from_flight));
    Spool::write(&schema, batches).await
}

/// Where the rows go.
struct Target {
    schema: String,
    table: String,
}

/// What is done with them.
#[derive(Clone, Copy)]
enum Write {
    Create,
    Replace,
    Append,
}

impl Write {
    fn sql(self, target: &Target, spool: &Spool, temporary: bool) -> String {
        let kind = if temporary { "TEMPORARY TABLE" } else { "TABLE" };
        let name = format!("{}.{}", quote(&target.schema), quote(&target.table));
        let columns = spool.columns().map(quote).collect::<Vec<_>>().join(", ");
        let rows = format!("SELECT {columns} FROM {}", spool.relation());
        match self {
            Self::Create => format!("CREATE {kind} {name} AS {rows}"),
            Self::Replace => format!("CREATE OR REPLACE {kind} {name} AS {rows}"),
            Self::Append => format!("INSERT INTO {name} ({columns}) {rows}"),
        }
    }
}

/// The schema that was asked for, or the session's.
fn schema(caller: &Caller, command: &CommandStatementIngest) -> String {
    let asked = command.schema.clone().filter(|schema| !schema.is_empty());
    let current = || {
        caller
            .session
            .settings()
            .into_iter()
            .find(|(key, _)| key == "schema")
            .map(|(_, schema)| schema)
    };
    asked.or_else(current).unwrap_or_else(|| "public".to_owned())
}

async fn plan(
    caller: &Caller,
    command: &CommandStatementIngest,
    target: &Target,
) -> Result<Write, Status> {
    let exists = match caller.session.table_schema(&target.schema, &target.table).await {
        Ok(_) if command.temporary => caller.session.has_temporary(&target.schema, &target.table),
        Ok(_) => true,
        Err(error) if error.kind == ErrorKind::NotFound => false,
        Err(error) => return Err(from_engine(&error)),
    };
    let options = command.table_definition_options.unwrap_or_default();
    let shown = format!("{}.{}", target.schema, target.table);
    if exists {
        match options.if_exists() {
            TableExistsOption::Append => Ok(Write::Append),
            TableExistsOption::Replace => Ok(Write::Replace),
            TableExistsOption::Fail | TableExistsOption::Unspecified => {
                Err(Status::already_exists(format!(
                    "error: table \"{shown}\" already exists\n  hint: ingest with mode append or replace"
                )))
            }
        }
    } else {
        match options.if_not_exist() {
            TableNotExistOption::Create => Ok(Write::Create),
            TableNotExistOption::Fail | TableNotExistOption::Unspecified => {
                Err(Status::not_found(format!(
                    "error: table \"{shown}\" does not exist\n  hint: ingest with mode create or create_append"
                )))
            }
        }
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quote("Customer Value"), "\"Customer Value\"");
        assert_eq!(quote("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
    }
}
