//! Ctrl-C and SIGTERM.
//!
//! An [`Interrupt`] is listened to from the start of the program's work, so that a signal between two statements, or
//! between opening a warehouse and serving it, is not lost. A statement that is dropped is cancelled.
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

/// Listens for Ctrl-C, or for what stops a server.
#[derive(Debug)]
pub(crate) struct Interrupt {
    signals: mpsc::Receiver<()>,
}

impl Interrupt {
    /// Starts to listen: from here on Ctrl-C no longer ends the program by itself.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self { signals: receive(&[SignalKind::interrupt()])? })
    }

    /// Starts to listen for SIGTERM as well: both stop a server.
    pub(crate) fn listen_for_stop() -> Result<Self> {
        Ok(Self { signals: receive(&[SignalKind::terminate(), SignalKind::interrupt()])? })
    }

    /// Waits for the next signal, or returns at once when there was one since the last.
    pub(crate) async fn requested(&mut self) {
        next(&mut self.signals).await;
    }

    /// Forgets a Ctrl-C that was meant for something that is over.
    pub(crate) fn forget(&mut self) {
        while self.signals.try_recv().is_ok() {}
    }
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
