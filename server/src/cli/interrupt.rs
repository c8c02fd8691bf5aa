//! Ctrl-C and SIGTERM.
//!
//! [`Interrupt`] is for statements: it is listened to from the start of the program's work, so that a Ctrl-C between
//! two statements is not lost, and a statement that is dropped is cancelled. [`stop_requested`] is for servers.
//!
//! Example: `tokio::select! { () = interrupt.requested() => cancel, row = rows.next() => print }`.

use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::{CliError, Result};

/// Listens for Ctrl-C.
#[derive(Debug)]
pub(crate) struct Interrupt {
    signal: Signal,
}

impl Interrupt {
    /// Starts to listen: from here on Ctrl-C no longer ends the program by itself.
    pub(crate) fn listen() -> Result<Self> {
        let signal = signal(SignalKind::interrupt())
            .map_err(|source| CliError::io("listening for Ctrl-C", source))?;
        Ok(Self { signal })
    }

    /// Waits for the next Ctrl-C, or returns at once when there was one since the last.
    pub(crate) async fn requested(&mut self) {
        if self.signal.recv().await.is_none() {
            // The runtime is going down; there will be no signal any more.
            std::future::pending::<()>().await;
        }
    }

    /// Forgets a Ctrl-C that was meant for something that is over.
    pub(crate) fn forget(&mut self) {
        while self.signal.recv().now_or_never().flatten().is_some() {}
    }
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn stop_requested() -> Result<()> {
    let listening = |source| CliError::io("listening for SIGTERM", source);
    let mut terminate = signal(SignalKind::terminate()).map_err(listening)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(listening)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
