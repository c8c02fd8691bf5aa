//! Two sets of threads: the wire's, which are always free to answer, and the engine's, which compute.
//!
//! An operator may hold its thread for seconds. Were the wire served from the same threads, a client could not even
//! cancel: two heavy joins on two cores would leave nobody to read the request. So every call that plans or runs a
//! statement is handed to the engine's runtime, and the wire waits for it without holding a thread.
//!
//! ```text
//! GetFlightInfo ──> wire thread ──run(work)──> engine thread      the client leaves: the work is aborted
//!                        <──────── outcome ────────┘              the work panics: INTERNAL, the connection lives
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tonic::Status;

use crate::status::internal;

/// The engine's threads.
#[derive(Clone, Debug)]
pub(crate) struct Compute(Handle);

impl Compute {
    /// The threads of the runtime this is called on.
    pub(crate) fn here() -> Self {
        Self(Handle::current())
    }

    /// Starts work there that outlives the call; aborting it is up to whoever keeps the handle.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.0.spawn(work).abort_handle()
    }

    /// Runs work there. Dropping the future aborts the work.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Status>> + Send + 'static,
    ) -> Result<T, Status> {
        match Task(self.0.spawn(work)).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => Err(panicked()),
            Err(_) => Err(Status::unavailable(
                "error: the server is stopping\n  hint: connect again later",
            )),
        }
    }
}

/// What a client is told about a defect that stopped its statement. What happened is in the server's log.
pub(crate) fn panicked() -> Status {
    internal("the statement", "it ended in a panic")
}

/// A task that ends with its owner.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_status() {
        let work = async { if true { panic!("a defect") } else { Ok(()) } };
        assert_eq!(Compute::here().run(work).await.unwrap_err().code(), Code::Internal);
        assert_eq!(Compute::here().run(async { Ok(1) }).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn work_ends_with_the_call() {
        let (alive, dropped) = oneshot::channel::<()>();
        let work = async move {
            let _alive = alive;
            std::future::pending::<Result<(), Status>>().await
        };
        let compute = Compute::here();
        assert!(tokio::time::timeout(Duration::from_millis(20), compute.run(work)).await.is_err());
        assert!(dropped.await.is_err(), "what the work held is gone");
    }
}
