//! Statements: SQL text in, a ticket or a count out. Whatever call it came by, a statement runs once. What a ticket is
//! good for, `redeem.rs` knows.
//!
//! ```text
//! GetFlightInfo(SELECT ..)    plans it, keeps the plan on the shelf of tickets       DoGet(ticket) runs it
//! GetFlightInfo(INSERT ..)    runs it; total_records is the count                    DoGet(ticket) is empty
//! GetFlightInfo(OPTIMIZE ..)  runs it and keeps its few rows                         DoGet(ticket) gives them
//! DoPut(CommandStatementUpdate)   runs it and answers the count
//! GetSchema(..)               plans it and runs nothing
//! ```
//!
//! An update that comes by the query path (`cursor.execute("INSERT ..")` of the Python driver does) runs before
//! GetFlightInfo answers: the driver fetches in the background and throws errors of that fetch away, so anything later
//! would lose statements silently. A SELECT may be fetched again while its ticket lives; an update is never repeated.
//!
//! `SET pareto.parallel_endpoints = 8` announces a query whose plan can be cut ([`pareto_engine::Parts`]) by up to eight
//! endpoints: fetched side by side, one after another or some of them twice, they give the rows of the query at the moment
//! it was announced. One endpoint is the default, for there are clients that read the first and no other.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::sql::{CommandStatementQuery, CommandStatementUpdate};
use arrow_flight::{FlightDescriptor, FlightInfo};
use futures::TryStreamExt;
use pareto_engine::{Outcome, Prepared};
use tonic::Status;

use super::metadata::columns;
use super::sessions::Caller;
use super::ticket::Stub;
use super::wire::Types;
use super::{FlightSql, prepared, redeem, transaction, upload, wire};
use crate::handle::Handle;
use crate::status::{from_datafusion, from_engine, invalid};

/// A statement about to be announced: its plan, the rows it is run with, and the types its result is sent in.
pub(crate) struct Asked {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) parameters: Vec<RecordBatch>,
    pub(crate) types: Types,
}

/// GetFlightInfo of SQL text.
pub(crate) async fn info(
    front: &FlightSql,
    caller: &Caller,
    command: CommandStatementQuery,
    types: Types,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    let caller = transaction::within(front, caller, command.transaction_id.as_ref())?;
    let prepared =
        caller.session.prepare(&command.query).await.map_err(|error| from_engine(&error))?;
    let asked = Asked { prepared: Arc::new(prepared), parameters: Vec::new(), types };
    announce(front, &caller, asked, descriptor).await
}

/// GetSchema of SQL text.
pub(crate) async fn schema(
    front: &FlightSql,
    caller: &Caller,
    command: &CommandStatementQuery,
    types: Types,
) -> Result<SchemaRef, Status> {
    let caller = transaction::within(front, caller, command.transaction_id.as_ref())?;
    let prepared =
        caller.session.prepare(&command.query).await.map_err(|error| from_engine(&error))?;
    Ok(announced_schema(&prepared, types))
}

/// DoPut of SQL text: runs it and counts.
pub(crate) async fn update(
    front: &FlightSql,
    caller: &Caller,
    command: &CommandStatementUpdate,
) -> Result<i64, Status> {
    let caller = transaction::within(front, caller, command.transaction_id.as_ref())?;
    let outcome =
        caller.session.execute(&command.query).await.map_err(|error| from_engine(&error))?;
    Ok(finish(outcome).await?.unwrap_or(0))
}

/// Makes the flight info of a planned statement, running it first when it is an update.
pub(crate) async fn announce(
    front: &FlightSql,
    caller: &Caller,
    asked: Asked,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    check_parameters(&asked.prepared, &asked.parameters)?;
    let schema = announced_schema(&asked.prepared, asked.types);
    let mut info = FlightInfo::new().with_descriptor(descriptor).with_total_bytes(-1);
    info.schema = wire::schema_bytes(&schema)?;
    let handle = Handle::random();
    let (stub, parts) = if is_update(&asked.prepared) {
        let count = prepared::run_update(caller, &asked.prepared, &asked.parameters).await?;
        info.total_records = count.unwrap_or(-1);
        (Stub::new(handle, &caller.user, true, None), 1)
    } else {
        info.total_records = -1;
        let most = parallel_endpoints(caller);
        let (ticketed, again) = if asked.prepared.acts() {
            (redeem::act(caller, &asked, schema).await?, None)
        } else {
            redeem::shelve(front, caller, asked, schema, most).await?
        };
        let parts = ticketed.parts();
        front.tickets.put_in_place(handle, Arc::new(ticketed));
        // Clients that know nothing of endpoints read the first; those that do are told that the order counts.
        info.ordered = most > 1;
        (Stub::new(handle, &caller.user, false, again), parts)
    };
    let signer = front.sessions.signer();
    info.endpoint =
        (0..parts).map(|part| stub.endpoint(signer, part, front.tickets.idle())).collect();
    Ok(info)
}

/// How many endpoints the caller's results may have.
fn parallel_endpoints(caller: &Caller) -> u32 {
    let chosen = caller.session.chosen("pareto.parallel_endpoints");
    chosen.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// The one schema of a statement's result, its columns described for drivers; an update has none.
pub(crate) fn announced_schema(prepared: &Prepared, types: Types) -> SchemaRef {
    let schema = if prepared.is_update() {
        Schema::empty()
    } else {
        columns::describe_result(&prepared.schema(), types)
    };
    Arc::new(schema)
}

/// Statements without columns have nothing to fetch, so they must not wait for a fetch to run.
pub(crate) fn is_update(prepared: &Prepared) -> bool {
    prepared.is_update() || prepared.schema().fields().is_empty()
}

/// Runs an update once per row of parameters and adds the counts up; `None` when it counts nothing.
pub(crate) async fn run_update(
    prepared: &Prepared,
    parameters: &[RecordBatch],
) -> Result<Option<i64>, Status> {
    if parameters.is_empty() {
        return finish(prepared.execute(None).await.map_err(|error| from_engine(&error))?).await;
    }
    let mut total = None;
    for batch in parameters {
        for index in 0..batch.num_rows() {
            let row = upload::row(batch, index)?;
            let outcome = prepared.execute(Some(row)).await.map_err(|error| from_engine(&error))?;
            if let Some(count) = finish(outcome).await? {
                *total.get_or_insert(0) += count;
            }
        }
    }
    Ok(total)
}

/// Brings an update to its end. One that returns rows anyway is drained, so that it really ran.
pub(crate) async fn finish(outcome: Outcome) -> Result<Option<i64>, Status> {
    match outcome {
        Outcome::Affected(count) => Ok(Some(i64::try_from(count).unwrap_or(i64::MAX))),
        Outcome::Done => Ok(None),
        Outcome::Rows(mut rows) => {
            let mut count = 0_i64;
            while let Some(batch) = rows.try_next().await.map_err(from_datafusion)? {
                count = count.saturating_add(i64::try_from(batch.num_rows()).unwrap_or(i64::MAX));
            }
            Ok(Some(count))
        }
    }
}

/// As many parameters as the statement has, or a refusal that says both numbers.
pub(crate) fn check_parameters(
    prepared: &Prepared,
    parameters: &[RecordBatch],
) -> Result<(), Status> {
    let expected = prepared.parameter_schema().fields().len();
    let plural = if expected == 1 { "" } else { "s" };
    if expected > 0 && parameters.is_empty() {
        return Err(invalid(format!(
            "the statement has {expected} parameter{plural} and none was bound\n  hint: prepare it and bind a value for each"
        )));
    }
    match parameters.iter().find(|batch| batch.num_columns() != expected) {
        None => Ok(()),
        Some(batch) => Err(invalid(format!(
            "the statement has {expected} parameter{plural} and {} were bound",
            batch.num_columns()
        ))),
    }
}
