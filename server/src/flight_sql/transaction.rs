//! Transactions of a client, and their savepoints: begun by an action, named with each statement, ended by an action.
//!
//! ```text
//! BeginTransaction                              ──> an id
//! CommandStatementQuery { sql, id } ..          statements in it; without an id a statement is by itself
//! BeginSavepoint(id, "before"), EndSavepoint(savepoint, ROLLBACK | RELEASE)
//! EndTransaction(id, COMMIT | ROLLBACK)
//! ```
//!
//! What a transaction can promise is the engine's affair: all reads, changes of one table. An id is worth something to the
//! user who got it and to nobody else. One that nobody names for eight hours, as long as a session lives, is rolled back. Rows that drivers ingest
//! carry no id even within a transaction, so they go to the one that their session has begun last.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionResult,
    ActionEndSavepointRequest, ActionEndTransactionRequest, EndTransaction, ProstMessageExt,
};
use bytes::Bytes;
use pareto_engine::{Savepoint, Transaction};
use prost::Message;
use tonic::Status;
use uuid::Uuid;

use super::FlightSql;
use super::sessions::Caller;
use crate::handle::{Handle, Shelf};
use crate::status::{from_engine, invalid};

/// `ActionEndSavepointRequest.EndSavepoint`, which `arrow-flight` keeps to itself.
const RELEASE: i32 = 1;
const ROLLBACK: i32 = 2;

const MAX_TRANSACTIONS: usize = 1_024;
const MAX_SAVEPOINTS: usize = 16_384;
/// How long a transaction stays open without a statement. It locks nothing, so it may be long.
pub(crate) const IDLE: Duration = Duration::from_secs(8 * 3_600);

/// The transactions that are open, and the savepoints in them.
#[derive(Debug)]
pub(crate) struct Transactions {
    open: Shelf<Arc<Begun>>,
    savepoints: Shelf<Arc<Marked>>,
}

/// A transaction of a user's session.
struct Begun {
    user: Arc<str>,
    session: Uuid,
    transaction: Arc<Transaction>,
}

/// A savepoint in one.
struct Marked {
    of: Arc<Begun>,
    savepoint: Savepoint,
}

impl Transactions {
    pub(crate) fn new() -> Self {
        Self {
            open: Shelf::new("transaction", MAX_TRANSACTIONS, IDLE),
            savepoints: Shelf::new("savepoint", MAX_SAVEPOINTS, IDLE),
        }
    }

    fn find(&self, caller: &Caller, id: &[u8]) -> Result<(Handle, Arc<Begun>), Status> {
        let handle = Handle::decode("transaction", id)?;
        let begun = self.open.get(handle)?;
        if begun.user == caller.user { Ok((handle, begun)) } else { Err(self.open.gone()) }
    }

    fn find_savepoint(&self, caller: &Caller, id: &[u8]) -> Result<(Handle, Arc<Marked>), Status> {
        let handle = Handle::decode("savepoint", id)?;
        let marked = self.savepoints.get(handle)?;
        if marked.of.user == caller.user {
            Ok((handle, marked))
        } else {
            Err(self.savepoints.gone())
        }
    }
}

/// BeginTransaction: the body of the action's one result.
pub(crate) fn begin(front: &FlightSql, caller: &Caller) -> Result<Bytes, Status> {
    let begun = Begun {
        user: Arc::clone(&caller.user),
        session: caller.session.id(),
        transaction: caller.session.begin_transaction(),
    };
    let transaction_id = front.transactions.open.put(Arc::new(begun))?.encode();
    Ok(ActionBeginTransactionResult { transaction_id }.as_any().encode_to_vec().into())
}

/// EndTransaction. Whatever comes of it, the id is worth nothing afterwards.
pub(crate) async fn end(
    front: &FlightSql,
    caller: &Caller,
    request: &ActionEndTransactionRequest,
) -> Result<(), Status> {
    let (handle, begun) = front.transactions.find(caller, &request.transaction_id)?;
    let commits = match request.action() {
        EndTransaction::Commit => true,
        EndTransaction::Rollback => false,
        EndTransaction::Unspecified => return Err(neither("COMMIT or ROLLBACK")),
    };
    front.transactions.open.take(handle)?;
    let transaction = &begun.transaction;
    let ended = if commits { transaction.commit().await } else { transaction.rollback().await };
    ended.map_err(|error| from_engine(&error))
}

/// BeginSavepoint: the body of the action's one result.
pub(crate) fn begin_savepoint(
    front: &FlightSql,
    caller: &Caller,
    request: &ActionBeginSavepointRequest,
) -> Result<Bytes, Status> {
    let (_, of) = front.transactions.find(caller, &request.transaction_id)?;
    let savepoint = of.transaction.savepoint(&request.name).map_err(|error| from_engine(&error))?;
    let marked = Marked { of, savepoint };
    let savepoint_id = front.transactions.savepoints.put(Arc::new(marked))?.encode();
    Ok(ActionBeginSavepointResult { savepoint_id }.as_any().encode_to_vec().into())
}

/// EndSavepoint.
pub(crate) async fn end_savepoint(
    front: &FlightSql,
    caller: &Caller,
    request: &ActionEndSavepointRequest,
) -> Result<(), Status> {
    let (handle, marked) = front.transactions.find_savepoint(caller, &request.savepoint_id)?;
    let transaction = &marked.of.transaction;
    let ended = match request.action {
        ROLLBACK => transaction.rollback_to(marked.savepoint).await,
        RELEASE => {
            front.transactions.savepoints.take(handle)?;
            transaction.release(marked.savepoint)
        }
        _ => return Err(neither("ROLLBACK or RELEASE")),
    };
    ended.map_err(|error| from_engine(&error))
}

/// The caller, with their statements in the transaction they name; an empty id names none.
pub(crate) fn within(
    front: &FlightSql,
    caller: &Caller,
    id: Option<&Bytes>,
) -> Result<Caller, Status> {
    match id.filter(|id| !id.is_empty()) {
        None => Ok(caller.clone()),
        Some(id) => Ok(caller.within(&front.transactions.find(caller, id)?.1.transaction)),
    }
}

/// The same for rows in bulk: without an id they go to the transaction that the session has open.
pub(crate) fn within_ingest(
    front: &FlightSql,
    caller: &Caller,
    id: Option<&Bytes>,
) -> Result<Caller, Status> {
    if id.is_some_and(|id| !id.is_empty()) {
        return within(front, caller, id);
    }
    let session = caller.session.id();
    let own = |begun: &Arc<Begun>| begun.session == session && begun.transaction.is_open();
    Ok(match front.transactions.open.find(own) {
        Some(begun) => caller.within(&begun.transaction),
        None => caller.clone(),
    })
}

/// Rolls back what a session leaves open when it ends.
pub(crate) fn abandon(front: &FlightSql, caller: &Caller) {
    let session = caller.session.id();
    let left = front.transactions.open.take_all(|begun| begun.session == session);
    if left.is_empty() {
        return;
    }
    let _rolled_back = front.compute.spawn(async move {
        for begun in left {
            // It may have ended a moment ago, which is as good.
            let _ended = begun.transaction.rollback().await;
        }
    });
}

fn neither(wanted: &str) -> Status {
    invalid(format!("the request says neither {wanted}"))
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun").field("user", &self.user).finish_non_exhaustive()
    }
}
