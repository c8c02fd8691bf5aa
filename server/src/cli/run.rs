//! Runs one statement and prints its result while it arrives.
//!
//! ```text
//! task of its own:  plan ─> execute ─> fetch ──(a few batches)──> this task: print
//!                        Ctrl-C: the task is dropped, and with it the statement
//! ```
//!
//! Fetching and printing overlap; the time told is that of planning, executing and fetching alone, so that a slow
//! terminal does not make a statement look slow. A result is never held as a whole.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use pareto_engine::{EngineError, Outcome};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::connection::Connection;
use super::error::{CliError, Result};
use super::interrupt::Interrupt;
use super::output::Printer;

/// Batches fetched ahead of printing.
const BATCHES_AHEAD: usize = 2;

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It gave a result of so many rows.
    Rows(u64),
    /// It changed so many rows.
    Affected(u64),
    /// It did what it says.
    Done,
}

/// A statement that succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) ending: Ending,
    /// Planning, executing and fetching.
    pub(crate) elapsed: Duration,
}

impl Finished {
    /// What `--timing` prints.
    pub(crate) fn timing(&self) -> String {
        format!("time: {:.4} s", self.elapsed.as_secs_f64())
    }
}

/// What the fetching task sends.
enum Piece {
    Schema(SchemaRef),
    Rows(RecordBatch),
}

/// Runs one statement and prints its result; Ctrl-C cancels it.
pub(crate) async fn run<W: Write + Send>(
    connection: &Arc<Connection>,
    sql: &str,
    printer: &mut Printer<W>,
    interrupt: &mut Interrupt,
) -> Result<Finished> {
    let (pieces, mut arriving) = mpsc::channel(BATCHES_AHEAD);
    let mut task = Fetching(tokio::spawn(fetch(Arc::clone(connection), sql.to_owned(), pieces)));
    let finished = match next(&mut arriving, interrupt).await? {
        Some(Piece::Schema(schema)) => {
            let mut printing = printer.start(&schema)?;
            while let Some(Piece::Rows(batch)) = next(&mut arriving, interrupt).await? {
                printing.write(&batch)?;
            }
            // A result that broke off is left without its end, so that a reader notices too.
            let finished = task.ended().await?;
            printing.finish()?;
            finished
        }
        Some(Piece::Rows(_)) | None => task.ended().await?,
    };
    printer.flush()?;
    Ok(finished)
}

/// The next piece, unless Ctrl-C comes first.
async fn next(
    arriving: &mut mpsc::Receiver<Piece>,
    interrupt: &mut Interrupt,
) -> Result<Option<Piece>> {
    tokio::select! {
        biased;
        () = interrupt.requested() => Err(CliError::Interrupted),
        piece = arriving.recv() => Ok(piece),
    }
}

/// Plans, executes and fetches one statement.
async fn fetch(
    connection: Arc<Connection>,
    sql: String,
    pieces: mpsc::Sender<Piece>,
) -> std::result::Result<Finished, EngineError> {
    let started = Instant::now();
    let outcome = connection.execute(&sql).await?;
    let mut elapsed = started.elapsed();
    let mut stream = match outcome {
        Outcome::Rows(stream) => stream,
        Outcome::Affected(rows) => return Ok(Finished { ending: Ending::Affected(rows), elapsed }),
        Outcome::Done => return Ok(Finished { ending: Ending::Done, elapsed }),
    };
    let mut rows = 0;
    // A failure to send means that nobody prints any more; the reason is known there.
    let mut wanted = pieces.send(Piece::Schema(stream.schema())).await.is_ok();
    while wanted {
        let waiting = Instant::now();
        let next = stream.next().await;
        elapsed += waiting.elapsed();
        let Some(batch) = next else { break };
        let batch = batch.map_err(|error| connection.explain(error, &sql))?;
        rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        if batch.num_rows() > 0 {
            wanted = pieces.send(Piece::Rows(batch)).await.is_ok();
        }
    }
    Ok(Finished { ending: Ending::Rows(rows), elapsed })
}

/// The fetching task, which ends when nobody waits for it.
struct Fetching(JoinHandle<std::result::Result<Finished, EngineError>>);

impl Fetching {
    async fn ended(&mut self) -> Result<Finished> {
        match (&mut self.0).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(CliError::failed(
                "the statement was given up because of the defect above",
                "look at what it changed before you run it again",
            )),
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.abort();
    }
}
