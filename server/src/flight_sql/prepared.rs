//! Prepared statements: planned once, run as often as the client likes with other parameters.
//!
//! ```text
//! CreatePreparedStatement("SELECT .. WHERE id = ?")  ──> handle, schema of the rows, schema of the parameters
//! CreatePreparedSubstraitPlan(plan)                  ──> the same
//! DoPut(CommandPreparedStatementQuery, rows)         ──> binds them
//! GetFlightInfo(CommandPreparedStatementQuery)       ──> a ticket for the statement with what is bound now
//! DoPut(CommandPreparedStatementUpdate, rows)        ──> runs it for every row, all or none, answers the count
//! ClosePreparedStatement(handle)
//! ```
//!
//! A query bound to several rows runs for each, one result after the other. `is_update` (a field that the protocol has
//! and the Rust crate lacks) tells drivers which of the two calls to make. Parameter schemas are always sent, all
//! columns nullable, in the order of the placeholders.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedSubstraitPlanRequest, Any, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, DoPutPreparedStatementResult,
};
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use pareto_engine::Prepared;
use prost::Message;
use tonic::Status;

use super::sessions::Caller;
use super::statement::Asked;
use super::upload::{self, Upload};
use super::wire::Types;
use super::{FlightSql, bulk_insert, statement, substrait, transaction, wire};
use crate::handle::Handle;
use crate::status::from_engine;

/// One prepared statement of one user.
pub(crate) struct PreparedStatement {
    user: Arc<str>,
    prepared: Arc<Prepared>,
    types: Types,
    /// What the next run uses.
    bound: Mutex<Vec<RecordBatch>>,
}

impl fmt::Debug for PreparedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedStatement")
            .field("sql", &self.prepared.sql())
            .finish_non_exhaustive()
    }
}

impl PreparedStatement {
    fn bound(&self) -> Vec<RecordBatch> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bind(&self, parameters: Vec<RecordBatch>) {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = parameters;
    }
}

/// `ActionCreatePreparedStatementResult` with the field that `arrow-flight` 59 does not know.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Created {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) prepared_statement_handle: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) dataset_schema: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) parameter_schema: Bytes,
    #[prost(bool, optional, tag = "4")]
    pub(crate) is_update: Option<bool>,
}

/// The type under which [`Created`] travels.
pub(crate) const CREATED_TYPE: &str =
    "type.googleapis.com/arrow.flight.protocol.sql.ActionCreatePreparedStatementResult";

/// CreatePreparedStatement: the body of the action's one result.
pub(crate) async fn create(
    front: &FlightSql,
    caller: &Caller,
    request: ActionCreatePreparedStatementRequest,
    types: Types,
) -> Result<Bytes, Status> {
    let caller = &transaction::within(front, caller, request.transaction_id.as_ref())?;
    let prepared =
        caller.session.prepare(&request.query).await.map_err(|error| from_engine(&error))?;
    keep(front, caller, prepared, types)
}

/// CreatePreparedSubstraitPlan: the same, and run by the same calls.
pub(crate) async fn create_substrait(
    front: &FlightSql,
    caller: &Caller,
    request: ActionCreatePreparedSubstraitPlanRequest,
    types: Types,
) -> Result<Bytes, Status> {
    let transaction = request.transaction_id.as_ref();
    let prepared = substrait::prepare(front, caller, request.plan, transaction).await?;
    keep(front, caller, prepared, types)
}

/// Keeps a prepared statement and tells the client what it is.
fn keep(
    front: &FlightSql,
    caller: &Caller,
    prepared: Prepared,
    types: Types,
) -> Result<Bytes, Status> {
    let dataset_schema = wire::schema_bytes(&statement::announced_schema(&prepared, types))?;
    let parameter_schema = wire::schema_bytes(&parameter_schema(&prepared, types))?;
    let is_update = Some(statement::is_update(&prepared));
    let statement = PreparedStatement {
        user: Arc::clone(&caller.user),
        prepared: Arc::new(prepared),
        types,
        bound: Mutex::default(),
    };
    let prepared_statement_handle = front.prepared.put(Arc::new(statement))?.encode();
    let created =
        Created { prepared_statement_handle, dataset_schema, parameter_schema, is_update };
    let any = Any { type_url: CREATED_TYPE.to_owned(), value: created.encode_to_vec().into() };
    Ok(any.encode_to_vec().into())
}

/// ClosePreparedStatement. Closing what is gone already is no error: the client wanted it gone.
pub(crate) fn close(
    front: &FlightSql,
    caller: &Caller,
    request: &ActionClosePreparedStatementRequest,
) -> Result<(), Status> {
    let handle = decode(&request.prepared_statement_handle)?;
    if find(front, caller, handle).is_ok() {
        front.prepared.take(handle).ok();
    }
    Ok(())
}

/// GetFlightInfo of a prepared statement with what is bound now.
pub(crate) async fn info(
    front: &FlightSql,
    caller: &Caller,
    command: CommandPreparedStatementQuery,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    let statement = find(front, caller, decode(&command.prepared_statement_handle)?)?;
    let prepared = Arc::clone(&statement.prepared);
    let asked = Asked { prepared, parameters: statement.bound(), types: statement.types };
    statement::announce(front, caller, asked, descriptor).await
}

/// GetSchema of a prepared statement.
pub(crate) fn schema(
    front: &FlightSql,
    caller: &Caller,
    command: &CommandPreparedStatementQuery,
) -> Result<SchemaRef, Status> {
    let statement = find(front, caller, decode(&command.prepared_statement_handle)?)?;
    Ok(statement::announced_schema(&statement.prepared, statement.types))
}

/// DoPut of parameters for a query: checks and keeps them.
pub(crate) async fn bind(
    front: &FlightSql,
    caller: &Caller,
    command: CommandPreparedStatementQuery,
    upload: Upload,
) -> Result<DoPutPreparedStatementResult, Status> {
    let statement = find(front, caller, decode(&command.prepared_statement_handle)?)?;
    let parameters = upload::rows(upload).await?;
    if !parameters.is_empty() {
        statement::check_parameters(&statement.prepared, &parameters)?;
    }
    statement.bind(parameters);
    Ok(DoPutPreparedStatementResult {
        prepared_statement_handle: Some(command.prepared_statement_handle),
    })
}

/// DoPut of parameters for an update: runs it with each row.
pub(crate) async fn update(
    front: &FlightSql,
    caller: &Caller,
    command: CommandPreparedStatementUpdate,
    upload: Upload,
) -> Result<i64, Status> {
    let statement = find(front, caller, decode(&command.prepared_statement_handle)?)?;
    let sent = upload::rows(upload).await?;
    let no_parameters = statement.prepared.parameter_schema().fields().is_empty();
    let parameters = match sent.is_empty() {
        _ if no_parameters => Vec::new(),
        true => statement.bound(),
        false => sent,
    };
    statement::check_parameters(&statement.prepared, &parameters)?;
    Ok(run_update(caller, &statement.prepared, &parameters).await?.unwrap_or(0))
}

/// Runs an update with all rows that are bound, or with none of them: it is one call, and a call that fails changes nothing.
pub(crate) async fn run_update(
    caller: &Caller,
    prepared: &Prepared,
    parameters: &[RecordBatch],
) -> Result<Option<i64>, Status> {
    let rows: usize = parameters.iter().map(RecordBatch::num_rows).sum();
    if rows < 2 {
        return run_rows(caller, prepared, parameters).await;
    }
    let session = prepared.session();
    if session.in_transaction() {
        return run_rows(caller, prepared, parameters).await;
    }
    let transaction = session.begin_transaction();
    let ran = run_rows(caller, &prepared.within(&transaction), parameters).await;
    let ended = if ran.is_ok() { transaction.commit().await } else { transaction.rollback().await };
    let ran = ran?;
    ended.map_err(|error| from_engine(&error))?;
    Ok(ran)
}

/// Many rows for an INSERT are one INSERT of many rows; everything else runs row by row.
async fn run_rows(
    caller: &Caller,
    prepared: &Prepared,
    parameters: &[RecordBatch],
) -> Result<Option<i64>, Status> {
    // The statement's own session: it may have been prepared in a transaction.
    let caller = caller.with(prepared.session());
    match bulk_insert::run(&caller, prepared.sql(), parameters).await? {
        Some(count) => Ok(Some(count)),
        None => statement::run_update(prepared, parameters).await,
    }
}

fn find(
    front: &FlightSql,
    caller: &Caller,
    handle: Handle,
) -> Result<Arc<PreparedStatement>, Status> {
    let statement = front.prepared.get(handle)?;
    if statement.user == caller.user { Ok(statement) } else { Err(front.prepared.gone()) }
}

fn decode(bytes: &[u8]) -> Result<Handle, Status> {
    Handle::decode("prepared statement", bytes)
}

/// What the client may bind, in wire types. Any parameter may be NULL, whatever the planner thinks of the column.
fn parameter_schema(prepared: &Prepared, types: Types) -> Schema {
    let schema = wire::schema(&prepared.parameter_schema(), types);
    let open = |field: &FieldRef| {
        let data_type = match field.data_type() {
            // The driver of Java writes milliseconds, whatever unit it is told.
            DataType::Timestamp(_, zone) if types == Types::Java => {
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
            }
            DataType::Time32(_) | DataType::Time64(_) if types == Types::Java => {
                DataType::Time32(TimeUnit::Millisecond)
            }
            other => other.clone(),
        };
        Field::new(field.name(), data_type, true)
    };
    Schema::new(schema.fields().iter().map(open).collect::<Vec<_>>())
}
