//! The transactions of a session: the one that `BEGIN` opened, and those that a client holds by itself.
//!
//! `BEGIN` opens one for the session, and each statement that starts after it belongs to it. A client of the wire begins
//! one and names it with each statement: [`Session::within`] is the same session, settings and all, whose statements
//! belong to that transaction and no other.
//!
//! Example: `session.within(&session.begin_transaction()).execute("DELETE FROM t")` is seen by nobody yet.

use super::Session;
use crate::error::{EngineError, Result};
use crate::sql::statement::transaction::none_open;
use crate::transaction::Transaction;
use std::sync::{Arc, Weak};

impl Session {
    /// A transaction that belongs to whoever holds it.
    pub fn begin_transaction(&self) -> Arc<Transaction> {
        Transaction::begin(&self.engine, self.identity.clone(), &self.temporary)
    }

    /// This session, with all statements in a transaction.
    #[must_use]
    pub fn within(&self, transaction: &Arc<Transaction>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            id: self.id,
            engine: Arc::clone(&self.engine),
            identity: self.identity.clone(),
            values: Arc::clone(&self.values),
            configured: Arc::clone(&self.configured),
            temporary: Arc::clone(&self.temporary),
            within: Some(Arc::clone(transaction)),
        })
    }

    /// Whether a statement that starts now is part of a transaction.
    pub fn in_transaction(&self) -> bool {
        self.transaction().is_some()
    }

    /// The transaction that a statement which starts now belongs to.
    pub(crate) fn transaction(&self) -> Option<Arc<Transaction>> {
        self.within.clone().or_else(|| self.values().transaction.clone())
    }

    /// The transaction that a client holds and all statements belong to.
    pub(crate) fn held_transaction(&self) -> Option<&Arc<Transaction>> {
        self.within.as_ref()
    }

    /// `BEGIN`. A driver's transaction that has changed nothing yet is as good as a new one.
    pub(crate) fn open_transaction(&self) -> Result<()> {
        if self.within.as_ref().is_some_and(|held| held.is_fresh()) {
            return Ok(());
        }
        let mut values = self.values();
        if self.within.is_some() || values.transaction.is_some() {
            return Err(EngineError::invalid("a transaction is open already")
                .with_hint("COMMIT or ROLLBACK it first; SAVEPOINT marks a place within it"));
        }
        let identity = self.identity.clone();
        values.transaction = Some(Transaction::begin(&self.engine, identity, &self.temporary));
        Ok(())
    }

    /// `COMMIT` and `ROLLBACK`: statements from now on are by themselves again.
    pub(crate) fn close_transaction(&self) -> Result<Arc<Transaction>> {
        self.values().transaction.take().ok_or_else(none_open)
    }
}
