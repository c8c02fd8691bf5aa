//! The rows of a plan that is read several times: computed when the first of its readers asks, kept for all of them.
//!
//! The readers are copies of a subplan in one plan ([`crate::rewrite`]), or the plans that a statement which changes rows
//! makes of what it decided once ([`crate::dml`]).
//!
//! Each partition is computed once, by a task of its own, so that it goes on when the reader that asked first needs no
//! more, and ends when nobody holds it. Rows stay in memory while there is room, an eighth of the pool at most, because what
//! reads them needs the rest, and a MERGE keeps the rows of several plans; then all of that partition go to disk, where each
//! reader reads them for itself. When the last partition has begun, the plan itself is let go, and with it the memory that it
//! holds: for hash tables, and for the kept rows that it reads.

use crate::memory;
use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The part of the memory pool that the rows of one plan may take: one in so many.
const SHARE: usize = 8;

type Computed = Shared<BoxFuture<'static, std::result::Result<Arc<Rows>, Arc<DataFusionError>>>>;

/// A plan, and its rows as far as they are computed.
#[derive(Debug)]
pub(crate) struct Kept {
    /// What it is, to who asks where memory and disk went.
    name: &'static str,
    /// What computes the rows, until all partitions have begun.
    plan: Mutex<Arc<dyn ExecutionPlan>>,
    partitions: Vec<Mutex<Option<Computed>>>,
    /// How many of them have not begun.
    left: AtomicUsize,
}

impl Kept {
    pub(crate) fn new(name: &'static str, plan: Arc<dyn ExecutionPlan>) -> Self {
        let count = plan.output_partitioning().partition_count();
        let partitions = (0..count).map(|_| Mutex::default()).collect();
        Self { name, plan: Mutex::new(plan), partitions, left: AtomicUsize::new(count) }
    }

    /// How many rows there are, once all of them are computed.
    pub(crate) fn count(&self) -> Option<usize> {
        let counted = |place: &Mutex<Option<Computed>>| -> Option<usize> {
            let place = lock(place);
            place.as_ref()?.peek()?.as_ref().ok().map(|rows| rows.count)
        };
        self.partitions.iter().map(counted).sum()
    }

    /// Computes with `plan` from now on: the same subplan after a rule has changed it.
    pub(crate) fn compute_with(&self, plan: &Arc<dyn ExecutionPlan>) {
        *lock(&self.plan) = Arc::clone(plan);
    }

    /// The rows of a partition, for an operator: nothing is computed before the first of them is asked for.
    pub(crate) fn stream(
        self: &Arc<Self>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send + use<> {
        let (kept, metrics) = (Arc::clone(self), metrics.clone());
        let rows = async move { kept.rows(partition, context, &metrics).await };
        futures::stream::once(rows).try_flatten()
    }

    /// The rows of a partition.
    async fn rows(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let computed = {
            let Some(place) = self.partitions.get(partition) else {
                return Err(internal_datafusion_err!("there is no partition {partition}"));
            };
            let mut place = lock(place);
            match &*place {
                Some(computed) => computed.clone(),
                None => place.insert(self.compute(partition, &context, metrics)?).clone(),
            }
        };
        let rows = computed.await.map_err(DataFusionError::Shared)?;
        rows.read()
    }

    fn compute(
        &self,
        partition: usize,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Computed> {
        let rows = self.begin(partition, context)?;
        let memory = MemoryConsumer::new(format!("{}[{partition}]", self.name))
            .register(context.memory_pool());
        let most = match context.memory_pool().memory_limit() {
            MemoryLimit::Finite(limit) => limit / SHARE / self.partitions.len().max(1),
            MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
        };
        let spills = SpillMetrics::new(metrics, partition);
        let disk = SpillManager::new(context.runtime_env(), spills, rows.schema())
            .with_compression_type(context.session_config().spill_compression());
        let task = SpawnedTask::spawn(keep(rows, memory, most, disk, self.name));
        let computed = async move {
            let rows = task.join_unwind().await;
            let rows = rows.map_err(|ended| DataFusionError::External(Box::new(ended)));
            rows.flatten().map(Arc::new).map_err(Arc::new)
        };
        Ok(computed.boxed().shared())
    }

    /// Starts a partition, and lets go of the plan with the last of them: nobody starts another one.
    fn begin(
        &self,
        partition: usize,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut plan = lock(&self.plan);
        let rows = plan.execute(partition, Arc::clone(context))?;
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let nothing = EmptyExec::new(plan.schema());
            *plan = Arc::new(nothing);
        }
        Ok(rows)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All rows of a partition.
struct Rows {
    place: Place,
    count: usize,
    /// Reads what is on disk, and knows the columns.
    disk: SpillManager,
}

enum Place {
    Memory(
        Arc<[RecordBatch]>,
        #[expect(dead_code, reason = "held for as long as the rows")] MemoryReservation,
    ),
    Disk(Arc<dyn SpillFile>),
}

impl Rows {
    fn read(&self) -> Result<SendableRecordBatchStream> {
        match &self.place {
            Place::Disk(file) => self.disk.read_spill_as_stream(Arc::clone(file), None),
            Place::Memory(batches, _) => {
                let batches = Arc::clone(batches);
                let each = (0..batches.len()).map(move |i| Ok(batches[i].clone()));
                Ok(stream(&self.disk, futures::stream::iter(each)))
            }
        }
    }
}

fn stream(
    disk: &SpillManager,
    rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(disk.schema()), rows))
}

/// Takes all rows: into at most so many bytes of memory, or to disk from the first one on if there is no room for all.
async fn keep(
    mut rows: SendableRecordBatchStream,
    memory: MemoryReservation,
    most: usize,
    disk: SpillManager,
    name: &'static str,
) -> Result<Rows> {
    let (mut batches, mut count) = (Vec::new(), 0);
    while let Some(batch) = rows.try_next().await? {
        count += batch.num_rows();
        let bytes = memory::bytes_of(&batch);
        let has_room = memory.size() + bytes <= most && memory.try_grow(bytes).is_ok();
        batches.push(batch);
        if !has_room {
            let rows = rows.inspect_ok(|batch| count += batch.num_rows());
            let rows = futures::stream::iter(batches.into_iter().map(Ok)).chain(rows);
            let place = to_disk(rows, &memory, &disk, name).await?;
            return Ok(Rows { place, count, disk });
        }
    }
    Ok(Rows { place: Place::Memory(batches.into(), memory), count, disk })
}

async fn to_disk(
    mut rows: impl Stream<Item = Result<RecordBatch>> + Unpin,
    memory: &MemoryReservation,
    disk: &SpillManager,
    name: &'static str,
) -> Result<Place> {
    let mut file = disk.create_in_progress_file(name)?;
    while let Some(batch) = rows.try_next().await? {
        file.append_batch(&batch)?;
        memory.try_shrink(memory::bytes_of(&batch).min(memory.size()))?;
    }
    match file.finish()? {
        Some(file) => Ok(Place::Disk(file)),
        None => internal_err!("no rows were written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    /// A partition of a hundred batches of a thousand numbers, and one without any.
    fn numbers() -> Arc<dyn ExecutionPlan> {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let whole = Arc::new(Int64Array::from_iter_values(0..100_000));
        let whole = RecordBatch::try_new(Arc::clone(&schema), vec![whole]).unwrap();
        let batches = (0..100).map(|part| whole.slice(part * 1000, 1000)).collect();
        MemorySourceConfig::try_new_exec(&[batches, Vec::new()], schema, None).unwrap()
    }

    fn context(memory_bytes: usize) -> (Arc<TaskContext>, Arc<dyn MemoryPool>) {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(memory_bytes));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build().unwrap();
        (Arc::new(TaskContext::default().with_runtime(Arc::new(runtime))), pool)
    }

    async fn all(rows: SendableRecordBatchStream) -> Vec<i64> {
        let batches: Vec<_> = rows.try_collect().await.unwrap();
        let columns = batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>());
        columns.flat_map(|column| column.values().to_vec()).collect()
    }

    #[tokio::test]
    async fn every_reader_gets_all_rows_from_memory_or_disk() {
        // The partition has 800,000 bytes, and may have a sixteenth of the memory.
        for (memory_bytes, spilled) in [(13_000_000, 0), (12_600_000, 1)] {
            let (context, pool) = context(memory_bytes);
            let metrics = ExecutionPlanMetricsSet::new();
            let kept = Kept::new("numbers", numbers());
            let read = || kept.rows(0, Arc::clone(&context), &metrics);
            let (one, other) = futures::try_join!(read(), read()).unwrap();
            assert_eq!(kept.count(), None);
            let later = read().await.unwrap();
            for rows in [one, other, later] {
                assert_eq!(all(rows).await, (0..100_000).collect::<Vec<_>>());
            }
            assert_eq!(metrics.clone_inner().spill_count(), Some(spilled));
            assert_eq!(pool.reserved() > 0, spilled == 0);
            let none = kept.rows(1, Arc::clone(&context), &metrics).await.unwrap();
            assert_eq!(all(none).await, Vec::<i64>::new());
            assert_eq!(kept.count(), Some(100_000));
            drop(kept);
            assert_eq!(pool.reserved(), 0);
        }
    }

    #[tokio::test]
    async fn the_plan_is_let_go_when_its_last_partition_has_begun() {
        let (context, _) = context(13_000_000);
        let metrics = ExecutionPlanMetricsSet::new();
        let plan = numbers();
        let held = Arc::downgrade(&plan);
        let kept = Kept::new("numbers", plan);
        let first = kept.rows(0, Arc::clone(&context), &metrics).await.unwrap();
        assert!(held.upgrade().is_some());
        let last = kept.rows(1, Arc::clone(&context), &metrics).await.unwrap();
        assert!(held.upgrade().is_none());
        assert_eq!(all(last).await, Vec::<i64>::new());
        let again = kept.rows(0, context, &metrics).await.unwrap();
        for rows in [first, again] {
            assert_eq!(all(rows).await.len(), 100_000);
        }
    }

    #[tokio::test]
    async fn an_error_is_told_to_every_reader() {
        let (context, _) = context(0);
        let metrics = ExecutionPlanMetricsSet::new();
        let kept = Kept::new("numbers", numbers());
        let error = kept.rows(2, context, &metrics).await.err().unwrap().to_string();
        assert!(error.contains("no partition 2"), "{error}");
    }
}
