//! Statements: SQL text in, a ticket or a count out. Whatever call it came by, a statement runs once.
//!
//! ```text
//! GetFlightInfo(SELECT ..)    plans it, keeps the plan on the shelf of tickets       DoGet(ticket) runs it
//! GetFlightInfo(INSERT ..)    runs it; total_records is the count                    DoGet(ticket) is empty
//! DoPut(CommandStatementUpdate)   runs it and answers the count
//! GetSchema(..)               plans it and runs nothing
//! ```
//!
//! An update that comes by the query path (`cursor.execute("INSERT ..")` of the Python driver does) runs before
//! GetFlightInfo answers: the driver fetches in the background and throws errors of that fetch away, so anything later
//! would lose statements silently. A SELECT may be fetched again while its ticket lives; an update is never repeated.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::sql::{
    CommandStatementQuery, CommandStatementUpdate, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use futures::{StreamExt, TryStreamExt, stream};
use pareto_engine::{Outcome, Prepared, QueryProgress};
use prost::Message;
use tonic::Status;

use super::command::Fetch;
use super::metadata::columns;
use super::sessions::Caller;
use super::stream::{Cancel, Messages, Rows};
use super::wire::Types;
use super::{FlightSql, prepared, stream as outgoing, transaction, upload, wire};
use crate::handle::Handle;
use crate::status::{from_datafusion, from_engine, internal, invalid};

/// What a ticket points to.
pub(crate) struct Ticketed {
    pub(crate) user: Arc<str>,
    pub(crate) cancel: Cancel,
    schema: SchemaRef,
    source: Source,
    /// A run that a poll began; the first fetch goes on with it.
    started: Mutex<Option<Rows>>,
}

/// A statement about to be announced: its plan, the rows it is run with, and the types its result is sent in.
pub(crate) struct Asked {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) parameters: Vec<RecordBatch>,
    pub(crate) types: Types,
}

enum Source {
    /// A plan and the rows it is run with, one run per row; no rows means no parameters.
    Query(Arc<Prepared>, Vec<RecordBatch>),
    /// An update that ran when the ticket was made.
    Done,
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
    let Asked { prepared, parameters, types } = asked;
    check_parameters(&prepared, &parameters)?;
    let schema = announced_schema(&prepared, types);
    let (source, total_records) = if is_update(&prepared) {
        let count = prepared::run_update(caller, &prepared, &parameters).await?;
        (Source::Done, count.unwrap_or(-1))
    } else {
        (Source::Query(prepared, parameters), -1)
    };
    let bytes = wire::schema_bytes(&schema)?;
    let (user, cancel, started) = (Arc::clone(&caller.user), Cancel::new(), Mutex::default());
    let ticketed = Ticketed { user, cancel, schema, source, started };
    let handle = front.tickets.put(Arc::new(ticketed))?;
    let ticket =
        TicketStatementQuery { statement_handle: handle.encode() }.as_any().encode_to_vec();
    let mut endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket));
    expire_later(front, &mut endpoint);
    let mut info = FlightInfo::new()
        .with_descriptor(descriptor)
        .with_endpoint(endpoint)
        .with_total_records(total_records)
        .with_total_bytes(-1);
    info.schema = bytes;
    Ok(info)
}

/// DoGet of a ticket.
pub(crate) async fn fetch(
    front: &FlightSql,
    caller: &Caller,
    handle: Handle,
) -> Result<Messages, Status> {
    let ticketed = owned(front, caller, handle)?;
    let started = ticketed.take_started();
    let rows = match (&ticketed.source, started) {
        (_, Some(started)) => started,
        (Source::Query(prepared, parameters), None) => {
            run_query(Arc::clone(prepared), parameters.clone(), None).await?
        }
        (Source::Done, None) => stream::empty().boxed(),
    };
    let schema = Arc::clone(&ticketed.schema);
    Ok(outgoing::encode(rows, schema, ticketed.cancel.clone(), &front.running))
}

impl Ticketed {
    fn take_started(&self) -> Option<Rows> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs an announced query up to its first rows and leaves them for the first fetch. What nobody fetches while the
/// ticket lives is thrown away.
pub(crate) async fn start(
    front: &FlightSql,
    caller: &Caller,
    info: &FlightInfo,
    progress: &Arc<QueryProgress>,
) -> Result<(), Status> {
    let tickets = info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.as_ref());
    for ticket in tickets {
        let Fetch::Ticket(handle) = Fetch::decode(&ticket.ticket)? else { continue };
        let ticketed = owned(front, caller, handle)?;
        let Source::Query(prepared, parameters) = &ticketed.source else { continue };
        let (prepared, parameters) = (Arc::clone(prepared), parameters.clone());
        let mut rows = run_query(prepared, parameters, Some(progress)).await?;
        let first = rows.next().await.transpose()?;
        let rows = stream::iter(first.map(Ok)).chain(rows).boxed();
        *ticketed.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(rows);
        let (kept, idle) = (Arc::downgrade(&ticketed), front.tickets.idle());
        let _forgotten = front.compute.spawn(async move {
            tokio::time::sleep(idle).await;
            drop(kept.upgrade().and_then(|ticketed| ticketed.take_started()));
        });
    }
    Ok(())
}

/// The ticket's content, for its owner only. A stranger learns nothing from the refusal.
pub(crate) fn owned(
    front: &FlightSql,
    caller: &Caller,
    handle: Handle,
) -> Result<Arc<Ticketed>, Status> {
    let ticketed = front.tickets.get(handle)?;
    if ticketed.user == caller.user { Ok(ticketed) } else { Err(front.tickets.gone()) }
}

/// Announces when an untouched ticket expires.
pub(crate) fn expire_later(front: &FlightSql, endpoint: &mut FlightEndpoint) {
    expire_after(front.tickets.idle(), endpoint);
}

/// Announces that an endpoint expires after so long.
pub(crate) fn expire_after(idle: Duration, endpoint: &mut FlightEndpoint) {
    let expires = chrono::Utc::now() + idle;
    let timestamp = endpoint.expiration_time.get_or_insert_default();
    timestamp.seconds = expires.timestamp();
    timestamp.nanos = i32::try_from(expires.timestamp_subsec_nanos()).unwrap_or_default();
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

/// Runs a query once per row of parameters, one after another. The first run starts now, so that what is wrong with
/// the query is the answer to the call and not a broken stream.
async fn run_query(
    prepared: Arc<Prepared>,
    parameters: Vec<RecordBatch>,
    progress: Option<&Arc<QueryProgress>>,
) -> Result<Rows, Status> {
    let mut runs = Vec::new();
    for batch in &parameters {
        for index in 0..batch.num_rows() {
            runs.push(Some(upload::row(batch, index)?));
        }
    }
    if parameters.is_empty() {
        runs.push(None);
    }
    let mut runs = runs.into_iter();
    let Some(first) = runs.next() else { return Ok(stream::empty().boxed()) };
    let started = run_once(&prepared, first, progress.cloned()).await?;
    let later = stream::iter(runs)
        .then(move |row| {
            let prepared = Arc::clone(&prepared);
            async move { run_once(&prepared, row, None).await }
        })
        .try_flatten();
    Ok(started.chain(later).boxed())
}

async fn run_once(
    prepared: &Prepared,
    row: Option<RecordBatch>,
    progress: Option<Arc<QueryProgress>>,
) -> Result<Rows, Status> {
    let outcome = prepared.execute_watched(row, progress).await;
    match outcome.map_err(|error| from_engine(&error))? {
        Outcome::Rows(rows) => Ok(rows.map_err(from_datafusion).boxed()),
        Outcome::Affected(_) | Outcome::Done => Err(internal(
            "fetching the result",
            "the statement was planned as a query and ran as an update",
        )),
    }
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
