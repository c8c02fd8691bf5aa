//! PollFlightInfo: a statement that takes long, started by one call and asked after by others.
//!
//! ```text
//! Poll(query)      starts it; quick ones are answered at once     progress 1, endpoints, no descriptor
//!                  others with a descriptor to poll with          progress 0.4, no endpoints yet
//! Poll(descriptor) waits a while, then says how far it is         progress 0.9
//!                  or that it is done                             progress 1, endpoints, no descriptor
//! ```
//!
//! Done means: an update has run; a query has its first rows, and the first DoGet goes on from there. Meanwhile no call
//! is open that a proxy could cut. Progress is the share of the scanned tables' rows that have been read, and is left
//! out when it is not known. A query nobody polls for any more is stopped.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo};
use futures::FutureExt;
use pareto_engine::QueryProgress;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic::Status;

use super::command::Query;
use super::compute::panicked;
use super::sessions::Caller;
use super::wire::Types;
use super::{FlightSql, redeem, ticket};
use crate::handle::Handle;

/// A statement that ends this soon never needs a second call.
const AT_ONCE: Duration = Duration::from_millis(200);
/// How long a later call waits for the end before it says how far the statement is.
const PATIENCE: Duration = Duration::from_secs(5);

type Outcome = Option<Result<FlightInfo, Status>>;

/// A statement somebody polls for; dropping it stops it.
pub(crate) struct Polled {
    user: Arc<str>,
    outcome: watch::Receiver<Outcome>,
    progress: Arc<QueryProgress>,
    /// Somebody asked since the last look.
    asked: AtomicBool,
    task: AbortHandle,
}

impl fmt::Debug for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl Polled {
    /// Ends a run that has given no row yet; what it gave otherwise belongs to the ticket.
    fn stop(&self) {
        if !self.task.is_finished() {
            self.progress.stop();
        }
        self.task.abort();
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers one poll.
pub(crate) async fn poll(
    front: &FlightSql,
    caller: &Caller,
    types: Types,
    descriptor: FlightDescriptor,
) -> Result<PollInfo, Status> {
    if let Some(handle) = handle(&descriptor) {
        let polled = owned(front, caller, handle)?;
        polled.asked.store(true, Ordering::Relaxed);
        return answer(front, &polled, handle, PATIENCE).await;
    }
    if let Query::Metadata(_) = Query::decode(&descriptor)? {
        return front.info(caller, types, descriptor).await.map(complete);
    }
    let polled = Arc::new(begin(front, caller, types, descriptor));
    let handle = front.polls.put(Arc::clone(&polled))?;
    watch_over(front, handle);
    answer(front, &polled, handle, AT_ONCE).await
}

/// Stops the statement that a descriptor polls for. Was there one?
pub(crate) fn stop(front: &FlightSql, caller: &Caller, descriptor: &FlightDescriptor) -> bool {
    let Some(handle) = handle(descriptor) else { return false };
    let Ok(polled) = owned(front, caller, handle) else { return false };
    let running = polled.outcome.borrow().is_none();
    polled.stop();
    front.polls.take(handle).is_ok() && running
}

fn begin(front: &FlightSql, caller: &Caller, types: Types, descriptor: FlightDescriptor) -> Polled {
    let progress = Arc::new(QueryProgress::default());
    let (sender, outcome) = watch::channel(None);
    let (own_front, own_caller, own_progress) =
        (front.clone(), caller.clone(), Arc::clone(&progress));
    let task = front.compute.spawn(async move {
        let work = run(&own_front, &own_caller, types, descriptor, &own_progress);
        let ended = AssertUnwindSafe(work).catch_unwind().await;
        sender.send_replace(Some(ended.unwrap_or_else(|_| Err(panicked()))));
    });
    let user = Arc::clone(&caller.user);
    Polled { user, outcome, progress, asked: AtomicBool::new(true), task }
}

async fn run(
    front: &FlightSql,
    caller: &Caller,
    types: Types,
    descriptor: FlightDescriptor,
    progress: &Arc<QueryProgress>,
) -> Result<FlightInfo, Status> {
    let info = front.info(caller, types, descriptor).await?;
    redeem::start(front, caller, &info, progress).await?;
    Ok(info)
}

/// Forgets a statement, and so stops it, when nobody has asked for it for a while.
fn watch_over(front: &FlightSql, handle: Handle) {
    let (polls, idle) = (Arc::clone(&front.polls), front.polls.idle());
    let _forgotten = front.compute.spawn(async move {
        loop {
            tokio::time::sleep(idle).await;
            let Ok(polled) = polls.get(handle) else { break };
            if !polled.asked.swap(false, Ordering::Relaxed) {
                polls.take(handle).ok();
                break;
            }
        }
    });
}

async fn answer(
    front: &FlightSql,
    polled: &Polled,
    handle: Handle,
    patience: Duration,
) -> Result<PollInfo, Status> {
    let mut outcome = polled.outcome.clone();
    // It fails at once when the task was aborted.
    drop(tokio::time::timeout(patience, outcome.wait_for(Option::is_some)).await);
    // In this order: a task that ends in between has said how.
    let finished = polled.task.is_finished();
    let ended = outcome.borrow().clone();
    match ended {
        Some(ended) => {
            front.polls.take(handle).ok();
            ended.map(complete)
        }
        None if finished => Err(Status::cancelled("error: the query was cancelled")),
        None => Ok(pending(front, polled, handle)),
    }
}

fn complete(info: FlightInfo) -> PollInfo {
    let mut poll = PollInfo::new().with_info(info);
    poll.progress = Some(1.0);
    poll
}

fn pending(front: &FlightSql, polled: &Polled, handle: Handle) -> PollInfo {
    let descriptor = FlightDescriptor::new_cmd(handle.encode());
    // The descriptor in the info is what CancelFlightInfo stops.
    let info = FlightInfo::new()
        .with_descriptor(descriptor.clone())
        .with_total_records(-1)
        .with_total_bytes(-1);
    let mut poll = PollInfo::new().with_info(info).with_descriptor(descriptor);
    poll.progress = polled.progress.fraction();
    let mut expiring = FlightEndpoint::new();
    ticket::expire_after(front.polls.idle(), &mut expiring);
    poll.expiration_time = expiring.expiration_time;
    poll
}

/// The handle in a descriptor of ours. A Flight SQL command never looks like one: it starts with another byte.
fn handle(descriptor: &FlightDescriptor) -> Option<Handle> {
    let ours = descriptor.r#type() == DescriptorType::Cmd;
    ours.then(|| Handle::decode("poll", &descriptor.cmd).ok()).flatten()
}

fn owned(front: &FlightSql, caller: &Caller, handle: Handle) -> Result<Arc<Polled>, Status> {
    let polled = front.polls.get(handle)?;
    if polled.user == caller.user {
        Ok(polled)
    } else {
        Err(Status::permission_denied(
            "error: this query belongs to another user\n  hint: ask your own",
        ))
    }
}
