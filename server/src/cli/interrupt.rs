//! Ctrl-C and SIGTERM.
//!
//! [`Interrupt`] is for statements: it is listened to from the start of the program's work, so that a Ctrl-C between
//! two statements is not lost, and a statement that is dropped is cancelled. [`stop_requested`] is for servers.
//!
//! Signals are received on a thread of their own. On the threads that run statements a signal would have to wait until
//! one of them pauses, which a large join may not do for many seconds.
//!
//! Example: `tokio::select! { () = interrupt.requested() => cancel, row = rows.next() => print }`.

use std::io;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::error::{CliError, Result};

/// Listens for Ctrl-C.
#[derive(Debug)]
pub(crate) struct Interrupt {
    signals: mpsc::Receiver<()>,
}

impl Interrupt {
    /// Starts to listen: from here on Ctrl-C no longer ends the program by itself.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self { signals: receive(&[SignalKind::interrupt()])? })
    }

    /// Waits for the next Ctrl-C, or returns at once when there was one since the last.
    pub(crate) async fn requested(&mut self) {
        next(&mut self.signals).await;
    }

    /// Forgets a Ctrl-C that was meant for something that is over.
    pub(crate) fn forget(&mut self) {
        while self.signals.try_recv().is_ok() {}
    }
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn stop_requested() -> Result<()> {
    let mut signals = receive(&[SignalKind::terminate(), SignalKind::interrupt()])?;
    next(&mut signals).await;
    Ok(())
}

/// Waits for a signal; for ever, should the thread that receives them be gone.
async fn next(signals: &mut mpsc::Receiver<()>) {
    if signals.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Receives signals on a thread of its own. Several that are not waited for count as one.
fn receive(kinds: &[SignalKind]) -> Result<mpsc::Receiver<()>> {
    start(kinds).map_err(|source| CliError::io("listening for signals", source))
}

fn start(kinds: &[SignalKind]) -> io::Result<mpsc::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (sender, receiver) = mpsc::channel(1);
    let entered = runtime.enter();
    for kind in kinds {
        let mut signals = signal(*kind)?;
        let sender = sender.clone();
        runtime.spawn(async move {
            while signals.recv().await.is_some() {
                // A full channel holds a signal already.
                let _ = sender.try_send(());
            }
        });
    }
    drop(entered);
    let wait = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(receiver)
}
