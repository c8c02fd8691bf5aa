//! A result on its way out: batches become messages of about 2 MiB, at the pace of the reader.
//!
//! ```text
//! engine stream ──> wire types ──> gather small batches ──> encode ──> 4 messages wait at most ──> socket
//!                   \________________ a task of its own _______________/
//! ```
//!
//! The encoding task waits when four messages lie unread, so a slow reader holds up its own query and nothing else.
//! When the reader goes away, or the query is cancelled, the task is aborted and with it the engine's stream: nothing
//! keeps running for nobody. Small batches are gathered only while the engine has more of them ready, so the first
//! rows of a slow query are not held back.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_flight::FlightData;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use pareto_engine::QueryProgress;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::compute::panicked;
use super::wire;
use crate::status::internal;

/// Small enough for clients that accept 4 MiB, large enough that the cost per message does not show.
const MESSAGE_BYTES: usize = 2 * 1024 * 1024;

/// Batches of fewer rows are gathered when more are ready.
const SMALL_ROWS: usize = 4_096;

/// How many encoded messages may wait for the reader.
const MESSAGES_WAITING: usize = 4;

/// Rows in the engine's types, with statuses for errors.
pub(crate) type Rows = BoxStream<'static, Result<RecordBatch, Status>>;

/// Messages for the client.
pub(crate) type Messages = BoxStream<'static, Result<FlightData, Status>>;

/// Turns on when somebody cancels the query; shared by all streams of one ticket.
#[derive(Clone, Debug)]
pub(crate) struct Cancel {
    signal: watch::Sender<bool>,
    /// The runs to be told, for an operator may be busy and not look at signals.
    runs: Arc<Mutex<Vec<Weak<QueryProgress>>>>,
}

impl Cancel {
    pub(crate) fn new() -> Self {
        Self { signal: watch::Sender::new(false), runs: Arc::default() }
    }

    pub(crate) fn cancel(&self) {
        self.signal.send_replace(true);
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().filter_map(Weak::upgrade).for_each(|run| run.stop());
    }

    /// Tells a run, too.
    fn reach(&self, run: &Arc<QueryProgress>) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|run| run.strong_count() > 0);
        runs.push(Arc::downgrade(run));
    }

    async fn cancelled(&self) {
        // The sender lives in self, so waiting cannot fail before it succeeds.
        let _ = self.signal.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

/// Encodes the rows of a run in the announced schema. `running` counts the streams that are open.
pub(crate) fn encode(
    rows: Rows,
    run: Arc<QueryProgress>,
    announced: SchemaRef,
    cancel: Cancel,
    running: &Arc<AtomicU64>,
) -> Messages {
    let (sender, receiver) = mpsc::channel(MESSAGES_WAITING);
    cancel.reach(&run);
    let task = tokio::spawn(async move {
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Status::cancelled("error: the query was cancelled")),
            // A stream that just ended would look complete, so a panic ends it with a status.
            outcome = AssertUnwindSafe(pump(rows, announced, &sender)).catch_unwind() => {
                outcome.unwrap_or_else(|_| Err(panicked()))
            }
        };
        if let Err(status) = outcome {
            // When the reader is gone there is nobody to tell.
            let _ = sender.send(Err(status)).await;
        }
    });
    running.fetch_add(1, Ordering::Relaxed);
    let (messages, running) = (ReceiverStream::new(receiver), Arc::clone(running));
    Outgoing { messages, run, task, running }.boxed()
}

/// A result that is already whole, such as a list of tables.
pub(crate) fn encode_batch(batch: &RecordBatch) -> Result<Messages, Status> {
    let mut encoder = Encoder::new();
    let mut messages = vec![Ok(encoder.schema(&batch.schema()))];
    for part in split(batch)? {
        messages.extend(encoder.batch(&part)?.into_iter().map(Ok));
    }
    Ok(futures::stream::iter(messages).boxed())
}

/// Reads rows and sends messages until one of the two ends.
async fn pump(
    mut rows: Rows,
    announced: SchemaRef,
    sender: &mpsc::Sender<Result<FlightData, Status>>,
) -> Result<(), Status> {
    let mut encoder = Encoder::new();
    if sender.send(Ok(encoder.schema(&announced))).await.is_err() {
        return Ok(());
    }
    let mut gathered = Gathered::default();
    loop {
        // With rows in hand, take what is ready and wait for nothing.
        let next =
            if gathered.is_empty() { Some(rows.next().await) } else { rows.next().now_or_never() };
        let ended = match next {
            Some(Some(batch)) => {
                gathered.push(wire::batch(&batch?, &announced)?);
                if !gathered.is_enough() {
                    continue;
                }
                false
            }
            Some(None) => true,
            None => false,
        };
        for part in split(&gathered.take(&announced)?)? {
            for message in encoder.batch(&part)? {
                if sender.send(Ok(message)).await.is_err() {
                    return Ok(());
                }
            }
        }
        if ended {
            return Ok(());
        }
    }
}

/// Batches that wait to be sent as one.
#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Gathered {
    fn push(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.rows += batch.num_rows();
            self.batches.push(batch);
        }
    }

    fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    fn is_enough(&self) -> bool {
        self.rows >= SMALL_ROWS
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, Status> {
        let batches = std::mem::take(&mut self.batches);
        let rows = std::mem::take(&mut self.rows);
        match <[RecordBatch; 1]>::try_from(batches) {
            Ok([only]) => Ok(only),
            Err(none) if none.is_empty() => Ok(RecordBatch::new_empty(Arc::clone(schema))),
            // There is nothing to join in rows without columns, only their number.
            Err(_) if schema.fields().is_empty() => {
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &options)
                    .map_err(|source| internal("gathering rows", source))
            }
            Err(many) => {
                concat_batches(schema, &many).map_err(|source| internal("gathering rows", source))
            }
        }
    }
}

/// Cuts a batch into parts of about one message. A single row is never cut.
fn split(batch: &RecordBatch) -> Result<Vec<RecordBatch>, Status> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column
            .to_data()
            .get_slice_memory_size()
            .map_err(|source| internal("measuring rows", source))?;
    }
    let parts = bytes.div_ceil(MESSAGE_BYTES).max(1);
    let rows_per_part = batch.num_rows().div_ceil(parts).max(1);
    Ok((0..batch.num_rows())
        .step_by(rows_per_part)
        .map(|start| batch.slice(start, rows_per_part.min(batch.num_rows() - start)))
        .collect())
}

/// Arrow IPC. The wire's types have no dictionaries, the engine's own may.
struct Encoder {
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    options: IpcWriteOptions,
    context: IpcWriteContext,
}

impl Encoder {
    fn new() -> Self {
        let mut context = IpcWriteContext::default();
        // The next message is about as large as the last one.
        context.set_reserve_scratch(true);
        Self {
            generator: IpcDataGenerator::default(),
            dictionaries: DictionaryTracker::new(false),
            options: IpcWriteOptions::default(),
            context,
        }
    }

    /// The schema; it comes first, for it numbers the dictionaries.
    fn schema(&mut self, schema: &SchemaRef) -> FlightData {
        self.generator
            .schema_to_bytes_with_dictionary_tracker(schema, &mut self.dictionaries, &self.options)
            .into()
    }

    /// The rows, after the dictionaries they need.
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<FlightData>, Status> {
        let (dictionaries, encoded) = self
            .generator
            .encode(batch, &mut self.dictionaries, &self.options, &mut self.context)
            .map_err(|source| internal("encoding rows", source))?;
        Ok(dictionaries.into_iter().chain([encoded]).map(Into::into).collect())
    }
}

/// The messages of one result; dropping it ends the query behind it.
struct Outgoing {
    messages: ReceiverStream<Result<FlightData, Status>>,
    run: Arc<QueryProgress>,
    task: JoinHandle<()>,
    running: Arc<AtomicU64>,
}

impl Stream for Outgoing {
    type Item = Result<FlightData, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_next_unpin(cx)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.run.stop();
        self.task.abort();
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{Int64Array, StringArray};
    use arrow_flight::decode::FlightRecordBatchStream;
    use futures::{TryStreamExt, stream};
    use tonic::Code;

    use super::*;

    fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(range)) as _)])
            .unwrap()
    }

    fn start(rows: Rows, cancel: &Cancel) -> (Messages, Arc<AtomicU64>) {
        let running = Arc::new(AtomicU64::new(0));
        let run = Arc::default();
        (encode(rows, run, numbers(0..0).schema(), cancel.clone(), &running), running)
    }

    async fn decode(messages: Messages) -> Vec<RecordBatch> {
        FlightRecordBatchStream::new_from_flight_data(messages.map_err(Into::into))
            .try_collect()
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn small_batches_are_gathered_and_large_ones_are_split() {
        let small = stream::iter((0..100).map(|n| Ok(numbers(n..n + 1)))).boxed();
        let (messages, running) = start(small, &Cancel::new());
        let batches = decode(messages).await;
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0], numbers(0..100));
        assert_eq!(running.load(Ordering::Relaxed), 0);

        let large = stream::iter([Ok(numbers(0..1_000_000))]).boxed();
        let batches = decode(start(large, &Cancel::new()).0).await;
        assert_eq!(batches.len(), 4);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000_000);
    }

    #[tokio::test]
    async fn a_slow_reader_holds_up_its_query_and_a_gone_one_ends_it() {
        let made = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&made);
        let endless = stream::repeat_with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(numbers(0..8_192))
        });
        let (messages, running) = start(endless.boxed(), &Cancel::new());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let ahead = made.load(Ordering::Relaxed);
        assert!(ahead <= 6, "{ahead} batches were made for nobody");
        assert_eq!(running.load(Ordering::Relaxed), 1);
        drop(messages);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(made.load(Ordering::Relaxed), ahead);
        assert_eq!(running.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_cancelled_query_says_so_even_when_it_makes_no_rows() {
        let cancel = Cancel::new();
        let (mut messages, _) = start(stream::pending().boxed(), &cancel);
        assert!(messages.next().await.unwrap().is_ok(), "the schema comes first");
        cancel.cancel();
        assert_eq!(messages.next().await.unwrap().unwrap_err().code(), Code::Cancelled);
        assert!(messages.next().await.is_none());
    }

    #[tokio::test]
    async fn a_panic_does_not_look_like_the_end() {
        let rows = stream::iter([1, 0])
            .map(|n| if n == 0 { panic!("a defect") } else { Ok(numbers(0..9_000)) });
        let (messages, _) = start(rows.boxed(), &Cancel::new());
        let ends: Vec<_> = messages
            .map(|message| message.map(|_| ()).map_err(|status| status.code()))
            .collect()
            .await;
        assert_eq!(ends, [Ok(()), Ok(()), Err(Code::Internal)]);
    }

    #[tokio::test]
    async fn a_whole_batch_needs_no_task() {
        let batch =
            RecordBatch::try_from_iter([("s", Arc::new(StringArray::from(vec!["a", "b"])) as _)])
                .unwrap();
        assert_eq!(decode(encode_batch(&batch).unwrap()).await, std::slice::from_ref(&batch));
        let none = batch.slice(0, 0);
        assert!(decode(encode_batch(&none).unwrap()).await.is_empty());
    }
}
