//! Work that ends soon after nobody waits for it any more.
//!
//! A query whose reader is gone is dropped, and an operator notices when it waits. A fit of a model does not wait: it may
//! search for seconds within one call. So the host says on its thread when it is to stop ([`stoppable`]), and a
//! search looks before each step. What it has found by then is no answer but an error, which nobody reads.
//!
//! Example: the host runs `stoppable(&stop, || operator.poll())` and sets `stop` when the client has gone.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::{DataFusionError, Result};

thread_local! {
    static HERE: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Runs `work` on this thread. Long work of functions within it ends with an error soon after `stop` is set.
pub fn stoppable<T>(stop: &Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    let _before = Before(HERE.replace(Some(Arc::clone(stop))));
    work()
}

/// Puts back what was there, even when the work ends in a panic.
struct Before(Option<Arc<AtomicBool>>);

impl Drop for Before {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}

/// What tells work on this thread to stop, for the threads that it shares the work with.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Option<Arc<AtomicBool>>);

impl Stop {
    pub(crate) fn here() -> Self {
        Self(HERE.with_borrow(Clone::clone))
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// An error once it is set.
    pub(crate) fn check(&self) -> Result<()> {
        match self.is_set() {
            true => Err(DataFusionError::Execution("the query was stopped".to_owned())),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_stopped_within_its_call_and_nowhere_else() {
        let stop = Arc::new(AtomicBool::new(false));
        assert!(!Stop::here().is_set());
        stoppable(&stop, || {
            let here = Stop::here();
            assert!(here.check().is_ok());
            stop.store(true, Ordering::Relaxed);
            assert!(here.check().is_err());
            let other = Arc::new(AtomicBool::new(false));
            stoppable(&other, || assert!(!Stop::here().is_set()));
            assert!(Stop::here().is_set());
        });
        assert!(!Stop::here().is_set());
    }
}
