//! What a ticket is redeemed for: the rows of the query it was given for, or of one part of them.
//!
//! ```text
//! GetFlightInfo ──> shelve ──> the shelf: plan, schema, cancel switch ──> DoGet(ticket) runs it
//!                     └──────> the ticket: how to plan it again ───────┘  where the shelf has forgotten it
//! PollFlightInfo ──> start: runs it up to its first rows, and the first DoGet goes on from there
//! CancelFlightInfo ─> cancel: its streams end, and no ticket of it gives anything any more
//! RenewFlightEndpoint ─> renew: another ticket for the same, which lasts longer
//! ```
//!
//! Redeeming runs queries and nothing else: what changes something ran before it had a ticket, and its rows are on the shelf.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::{FlightEndpoint, FlightInfo};
use futures::{StreamExt, TryStreamExt, stream};
use pareto_engine::{Outcome, Parts, Prepared, QueryProgress};
use tonic::Status;

use super::command::Fetch;
use super::sessions::Caller;
use super::statement::{Asked, announced_schema};
use super::stream::{Cancel, Messages, Rows};
use super::ticket::{Again, MAX_TEXT_BYTES, Sealed, Stub};
use super::{FlightSql, stream as outgoing, ticket, upload, wire};
use crate::status::{from_datafusion, from_engine, internal};

/// What the shelf keeps for the tickets of one query.
pub(crate) struct Ticketed {
    user: Arc<str>,
    cancel: Cancel,
    schema: SchemaRef,
    source: Source,
    /// A run that a poll began; the first fetch goes on with it.
    started: Mutex<Option<(Rows, Arc<QueryProgress>)>>,
}

enum Source {
    /// Rows that are there already, of a statement that has run.
    Given(Vec<RecordBatch>),
    /// A plan and the rows it is run with, one run per row; no rows means no parameters.
    Whole(Arc<Prepared>, Vec<RecordBatch>),
    /// A plan in parts, a ticket for each.
    Parts(Parts),
}

/// What the shelf keeps of a query, and what a ticket says of it where it can be run again.
pub(crate) async fn shelve(
    front: &FlightSql,
    caller: &Caller,
    asked: Asked,
    schema: SchemaRef,
    most: u32,
) -> Result<(Ticketed, Option<Again>), Status> {
    let Asked { prepared, parameters, types } = asked;
    let cut = prepared.parts(usize::try_from(most).unwrap_or(1));
    let parts = cut.await.map_err(|error| from_engine(&error))?;
    let files = parts.as_ref().map(Parts::files).unwrap_or_default();
    let print = ticket::print(front.sessions.signer(), &wire::schema_bytes(&schema)?, &files);
    let text = Some(prepared.sql()).filter(|text| text.len() <= MAX_TEXT_BYTES);
    let again = text.zip(prepared.choices()).map(|(text, settings)| Again {
        text: text.to_owned(),
        settings,
        types: types.into(),
        parts: most,
        print,
    });
    let source = match parts {
        Some(parts) => Source::Parts(parts),
        None => Source::Whole(prepared, parameters),
    };
    let (user, cancel, started) = (Arc::clone(&caller.user), Cancel::new(), Mutex::default());
    Ok((Ticketed { user, cancel, schema, source, started }, again))
}

/// Runs a statement that changes something and gives rows, and keeps them: it has run though nobody fetches, and once
/// however often somebody does.
pub(crate) async fn act(
    caller: &Caller,
    asked: &Asked,
    schema: SchemaRef,
) -> Result<Ticketed, Status> {
    let outcome = asked.prepared.execute(None).await.map_err(|error| from_engine(&error))?;
    let rows: Vec<RecordBatch> = rows_of(outcome)?.try_collect().await?;
    let (user, cancel, started) = (Arc::clone(&caller.user), Cancel::new(), Mutex::default());
    Ok(Ticketed { user, cancel, schema, source: Source::Given(rows), started })
}

/// DoGet of a ticket.
pub(crate) async fn fetch(
    front: &FlightSql,
    caller: &Caller,
    sealed: &Sealed,
) -> Result<Messages, Status> {
    let stub = sealed.open(front, caller)?;
    check_alive(front, caller, &stub)?;
    if stub.done {
        let (none, schema) = (stream::empty().boxed(), Arc::new(Schema::empty()));
        return Ok(outgoing::encode(none, Arc::default(), schema, Cancel::new(), &front.running));
    }
    let ticketed = find(front, caller, &stub).await?;
    let started = if stub.part == 0 { ticketed.take_started() } else { None };
    let (rows, run) = match started {
        Some(started) => started,
        None => {
            let run = Arc::default();
            (ticketed.source.run(stub.part, &run).await?, run)
        }
    };
    let schema = Arc::clone(&ticketed.schema);
    Ok(outgoing::encode(rows, run, schema, ticketed.cancel.clone(), &front.running))
}

/// What a ticket that is alive stands for: from the shelf, or planned again.
async fn find(front: &FlightSql, caller: &Caller, stub: &Stub) -> Result<Arc<Ticketed>, Status> {
    let handle = stub.handle()?;
    if let Ok(ticketed) = front.tickets.get(handle) {
        return Ok(ticketed);
    }
    let again = stub.again.as_ref().ok_or_else(|| front.tickets.gone())?;
    let session = front.sessions.like(caller, &again.settings).map_err(|_| ticket::outdated())?;
    let prepared = session.prepare(&again.text).await.map_err(|error| from_engine(&error))?;
    let schema = announced_schema(&prepared, again.types());
    let asked =
        Asked { prepared: Arc::new(prepared), parameters: Vec::new(), types: again.types() };
    let (ticketed, now) = shelve(front, caller, asked, schema, again.parts).await?;
    // Never rows of another shape, other parts than those that were fetched already, or anything that is no query.
    if now.as_ref() != Some(again) {
        return Err(ticket::outdated());
    }
    let ticketed = Arc::new(ticketed);
    front.tickets.put_in_place(handle, Arc::clone(&ticketed));
    Ok(ticketed)
}

/// Refuses a ticket that gives no rows any more. Asking keeps it on the shelf.
fn check_alive(front: &FlightSql, caller: &Caller, stub: &Stub) -> Result<(), Status> {
    let handle = stub.handle()?;
    match front.tickets.get(handle) {
        Ok(ticketed) if ticketed.user == caller.user => Ok(()),
        Ok(_) => Err(front.tickets.gone()),
        Err(_) if !stub.is_good() => Err(ticket::expired()),
        Err(gone) if front.cancelled.get(handle).is_ok() => Err(gone),
        Err(_) if stub.done || stub.again.is_some() => Ok(()),
        Err(gone) => Err(gone),
    }
}

/// The endpoint of a ticket with its full time from now.
pub(crate) fn renew(
    front: &FlightSql,
    caller: &Caller,
    sealed: &Sealed,
) -> Result<FlightEndpoint, Status> {
    let stub = sealed.open(front, caller)?;
    check_alive(front, caller, &stub)?;
    Ok(stub.endpoint(front.sessions.signer(), stub.part, front.tickets.idle()))
}

/// Ends what a ticket's query is doing, and the ticket. Was there anything to end?
pub(crate) fn cancel(front: &FlightSql, caller: &Caller, sealed: &Sealed) -> bool {
    let Ok(stub) = sealed.open(front, caller) else { return false };
    let Ok(handle) = stub.handle() else { return false };
    if stub.done || check_alive(front, caller, &stub).is_err() {
        return false;
    }
    front.cancelled.put_in_place(handle, ());
    if let Ok(ticketed) = front.tickets.take(handle) {
        ticketed.cancel.cancel();
    }
    true
}

impl Ticketed {
    /// How many tickets it takes to fetch it all.
    pub(crate) fn parts(&self) -> u32 {
        match &self.source {
            Source::Given(_) | Source::Whole(..) => 1,
            Source::Parts(parts) => u32::try_from(parts.count()).unwrap_or(u32::MAX),
        }
    }

    fn take_started(&self) -> Option<(Rows, Arc<QueryProgress>)> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Source {
    /// The rows of one part.
    async fn run(&self, part: u32, watch: &Arc<QueryProgress>) -> Result<Rows, Status> {
        match self {
            Self::Given(rows) => Ok(stream::iter(rows.clone()).map(Ok).boxed()),
            Self::Whole(prepared, parameters) => {
                run_query(Arc::clone(prepared), parameters.clone(), watch).await
            }
            Self::Parts(parts) => {
                let part = usize::try_from(part).unwrap_or(usize::MAX);
                rows_of(parts.execute(part).await.map_err(|error| from_engine(&error))?)
            }
        }
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
    let Some(ticket) = info.endpoint.first().and_then(|endpoint| endpoint.ticket.as_ref()) else {
        return Ok(());
    };
    let Fetch::Ticket(sealed) = Fetch::decode(&ticket.ticket)? else { return Ok(()) };
    let stub = sealed.open(front, caller)?;
    if stub.done {
        return Ok(());
    }
    let ticketed = find(front, caller, &stub).await?;
    let mut rows = ticketed.source.run(stub.part, progress).await?;
    let first = rows.next().await.transpose()?;
    let rows = stream::iter(first.map(Ok)).chain(rows).boxed();
    *ticketed.started.lock().unwrap_or_else(PoisonError::into_inner) =
        Some((rows, Arc::clone(progress)));
    let (kept, idle) = (Arc::downgrade(&ticketed), front.tickets.idle());
    let _forgotten = front.compute.spawn(async move {
        tokio::time::sleep(idle).await;
        drop(kept.upgrade().and_then(|ticketed| ticketed.take_started()));
    });
    Ok(())
}

/// Runs a query once per row of parameters, one after another. The first run starts now, so that what is wrong with
/// the query is the answer to the call and not a broken stream.
async fn run_query(
    prepared: Arc<Prepared>,
    parameters: Vec<RecordBatch>,
    progress: &Arc<QueryProgress>,
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
    let started = run_once(&prepared, first, progress).await?;
    let progress = Arc::clone(progress);
    let later = stream::iter(runs)
        .then(move |row| {
            let (prepared, progress) = (Arc::clone(&prepared), Arc::clone(&progress));
            async move { run_once(&prepared, row, &progress).await }
        })
        .try_flatten();
    Ok(started.chain(later).boxed())
}

async fn run_once(
    prepared: &Prepared,
    row: Option<RecordBatch>,
    progress: &Arc<QueryProgress>,
) -> Result<Rows, Status> {
    let progress = Some(Arc::clone(progress));
    rows_of(prepared.execute_watched(row, progress).await.map_err(|error| from_engine(&error))?)
}

fn rows_of(outcome: Outcome) -> Result<Rows, Status> {
    match outcome {
        Outcome::Rows(rows) => Ok(rows.map_err(from_datafusion).boxed()),
        Outcome::Affected(_) | Outcome::Done => Err(internal(
            "fetching the result",
            "the statement was planned as a query and ran as an update",
        )),
    }
}
