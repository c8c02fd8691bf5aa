//! The ids of transactions and savepoints: Pareto draws them by chance, the scenarios have chosen them beforehand.
//!
//! ```text
//! client                                      Pareto
//! BeginTransaction                        ──> BeginTransaction
//!   transaction_id                       <──    01 9f3c.., remembered
//! statement in transaction_id             ──> statement in 01 9f3c..
//! ```
//!
//! Only Pareto begins, ends and refuses. An id is never forgotten here: one that Pareto has ended goes to Pareto again, and
//! Pareto says that it is gone. Before Pareto has begun anything, the scenario's id is passed on as it came.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The scenarios' ids.
pub(crate) const TRANSACTION: &str = "transaction_id";
pub(crate) const SAVEPOINT: &str = "savepoint_id";

/// What each of the scenarios' ids stands for now.
#[derive(Default)]
pub(crate) struct Ids(Mutex<HashMap<&'static str, Bytes>>);

impl Ids {
    /// The scenario's name for what Pareto has begun; what Pareto gave no id has none here.
    pub(crate) fn begun(&self, theirs: &'static str, ours: Bytes) -> Bytes {
        if ours.is_empty() {
            return ours;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(theirs, ours);
        Bytes::from_static(theirs.as_bytes())
    }

    /// Puts Pareto's id in the place of the scenario's; any other is left as it is.
    pub(crate) fn put(&self, id: &mut Bytes) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ours) = std::str::from_utf8(id).ok().and_then(|name| known.get(name)) {
            *id = ours.clone();
        }
    }

    /// The same where there may be none; whether the statement is in a transaction.
    pub(crate) fn put_option(&self, id: &mut Option<Bytes>) -> bool {
        let Some(id) = id.as_mut().filter(|id| !id.is_empty()) else { return false };
        self.put(id);
        true
    }
}
