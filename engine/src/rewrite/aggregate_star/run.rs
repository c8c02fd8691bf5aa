//! One partition's run of the operator.
//!
//! Dimensions are read once for all partitions, at the same time. Then every partition of the fact looks its rows' keys
//! up, dimension by dimension, the one that drops most first; columns are gathered for the rows that are left only, and
//! added to the partition's [`Tally`], or given as they are once it shows that hardly two belong to one group.

use super::super::states;
use super::dimension::{Built, Dimension};
use super::exec::{Origin, Plain, Work};
use super::tally::Tally;
use crate::memory;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, prep_null_mask_filter, take};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::{StreamExt, TryStreamExt};
use pareto_udfs::lookup::Picked;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The dimensions, read, and the memory they take.
#[derive(Debug)]
pub(super) struct Ready {
    dimensions: Arc<Vec<Built>>,
    /// The order to look keys up in.
    order: Vec<usize>,
    _memory: MemoryReservation,
}

/// What EXPLAIN ANALYZE shows.
pub(super) struct Counts {
    baseline: BaselineMetrics,
    /// Rows of the fact that were read, and that every dimension kept.
    fact_rows: Count,
    kept_rows: Count,
    /// Rows given as groups of their own.
    passed_rows: Count,
    /// Partitions answered by the plain plan.
    plain: Count,
}

impl Counts {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            fact_rows: MetricBuilder::new(metrics).counter("fact_rows", partition),
            kept_rows: MetricBuilder::new(metrics).counter("kept_rows", partition),
            passed_rows: MetricBuilder::new(metrics).counter("skipped_aggregation_rows", partition),
            plain: MetricBuilder::new(metrics).counter("plain", partition),
        }
    }
}

/// One partition's run.
pub(super) struct Run {
    pub(super) fact: Arc<dyn ExecutionPlan>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) work: Arc<Work>,
    pub(super) plain: Plain,
    pub(super) built: Arc<OnceCell<Option<Arc<Ready>>>>,
    pub(super) counts: Counts,
    pub(super) partition: usize,
    pub(super) context: Arc<TaskContext>,
}

impl Run {
    /// Reads the dimensions, or waits for who does, then begins with the fact.
    pub(super) async fn start(self) -> Result<SendableRecordBatchStream> {
        let ready =
            self.built.get_or_try_init(|| prepare(&self.dimensions, &self.context)).await?.clone();
        let schema = Arc::clone(&self.work.measures.schema);
        let tally = match &ready {
            Some(ready) => {
                Tally::new(Arc::clone(&self.work.measures), Arc::clone(&ready.dimensions))?
            }
            None => None,
        };
        let (Some(ready), Some(tally)) = (ready, tally) else { return self.plainly() };
        let nothing = ready.dimensions.iter().any(|dimension| dimension.drops_all);
        let rows = if nothing {
            futures::stream::empty().boxed()
        } else {
            self.fact.execute(self.partition, Arc::clone(&self.context))?.boxed()
        };
        let memory = MemoryConsumer::new(format!("StarAggregateExec[{}]", self.partition))
            .with_can_spill(true)
            .register(self.context.memory_pool());
        let batch_size = self.context.session_config().batch_size();
        let options = &self.context.session_config().options().execution;
        let probe = Probe {
            rows: options.skip_partial_aggregation_probe_rows_threshold,
            groups_per_row: options.skip_partial_aggregation_probe_ratio_threshold,
            can_pass: tally.converts(),
        };
        let work = Partition {
            run: self,
            ready,
            tally,
            memory,
            batch_size,
            probe,
            added_rows: 0,
            passes: false,
            picked: Picked::default(),
            rows: Some(rows),
        };
        let states = futures::stream::try_unfold(work, |mut work| async move {
            Ok::<_, DataFusionError>(work.advance().await?.map(|states| (states, work)))
        });
        let slices =
            states.map_ok(move |states| futures::stream::iter(states::slices(&states, batch_size)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, slices.try_flatten())))
    }

    /// The plain plan's answer, all of it in the first partition.
    fn plainly(self) -> Result<SendableRecordBatchStream> {
        self.counts.plain.add(1);
        if self.partition > 0 {
            let schema = Arc::clone(&self.work.measures.schema);
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::empty())));
        }
        let dimensions = self.dimensions.iter().map(|dimension| &dimension.plan);
        let inputs: Vec<_> = std::iter::once(&self.fact).chain(dimensions).collect();
        let plain = self.plain.over(&inputs, self.context.session_config().options())?;
        // The dimensions' plans have run once; exchanges in them must forget that.
        let plain = reset_plan_states(plain)?;
        if plain.output_partitioning().partition_count() == 1 {
            return plain.execute(0, self.context);
        }
        CoalescePartitionsExec::new(plain).execute(0, self.context)
    }
}

/// When adding rows up is of no use, as DataFusion's partial aggregate decides it, by the same settings.
#[derive(Debug, Clone, Copy)]
struct Probe {
    /// Asked after that many rows.
    rows: usize,
    /// Of no use with more groups for each row.
    groups_per_row: f64,
    can_pass: bool,
}

impl Probe {
    fn is_useless(self, rows: usize, groups: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a share, to compare")]
        let share = groups as f64 / rows as f64;
        self.can_pass && rows > 0 && rows >= self.rows && share > self.groups_per_row
    }
}

/// A partition whose dimensions are ready.
struct Partition {
    run: Run,
    ready: Arc<Ready>,
    tally: Tally,
    memory: MemoryReservation,
    batch_size: usize,
    probe: Probe,
    /// Rows in the tally.
    added_rows: usize,
    /// Whether rows are given as they are.
    passes: bool,
    picked: Picked,
    rows: Option<futures::stream::BoxStream<'static, Result<RecordBatch>>>,
}

impl Partition {
    /// Reads on until there are states to give: at the end, when memory is short, or of every batch once rows pass.
    async fn advance(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(rows) = &mut self.rows {
            let Some(batch) = rows.next().await.transpose()? else {
                self.rows = None;
                return self.emit().map(Some);
            };
            let elapsed = self.run.counts.baseline.elapsed_compute().clone();
            let timer = elapsed.timer();
            let passed = self.add(&batch)?;
            timer.done();
            if let Some(states) = passed {
                self.run.counts.baseline.record_output(states.num_rows());
                return Ok(Some(states));
            }
            if self.probe.is_useless(self.added_rows, self.tally.groups()) {
                self.passes = true;
                return self.emit().map(Some);
            }
            if let Err(full) = self.memory.try_resize(self.tally.bytes()) {
                if self.tally.groups() < self.batch_size || self.run.work.measures.labels.is_empty()
                {
                    return Err(full);
                }
                return self.emit().map(Some);
            }
        }
        Ok(None)
    }

    /// Empties the tally.
    fn emit(&mut self) -> Result<RecordBatch> {
        let states = self.tally.emit()?;
        self.memory.free();
        self.added_rows = 0;
        self.run.counts.baseline.record_output(states.num_rows());
        Ok(states)
    }

    /// Adds the rows of a batch to the tally, or gives them back as states.
    fn add(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        self.run.counts.fact_rows.add(batch.num_rows());
        let chosen = self.choose(batch)?;
        if let Some(chosen) = &chosen {
            self.picked.start(chosen);
        }
        let mut keys: Vec<Option<ArrayRef>> = vec![None; self.run.dimensions.len()];
        let mut started = chosen.is_some();
        for place in &self.ready.order {
            let built = &self.ready.dimensions[*place];
            let key = self.run.dimensions[*place]
                .fact_key
                .evaluate(batch)?
                .into_array(batch.num_rows())?;
            let stride = self.tally.stride(*place);
            if built.groups.changes_nothing(&key) {
                keys[*place] = Some(key);
                continue;
            }
            if started {
                built.groups.next(&key, stride, &mut self.picked)?;
            } else {
                built.groups.first(&key, stride, &mut self.picked)?;
            }
            started = true;
            if self.picked.rows().is_empty() {
                return Ok(None);
            }
            keys[*place] = Some(key);
        }
        if !started {
            self.picked.start_whole(batch.num_rows());
        }
        let rows = self.gather(batch, &keys)?;
        let rows = self.run.work.conditions.iter().try_fold(rows, |rows, condition| {
            let kept = condition.evaluate(&rows)?.into_array(rows.num_rows())?;
            let kept = kept.as_boolean();
            let kept =
                if kept.null_count() > 0 { prep_null_mask_filter(kept) } else { kept.clone() };
            self.picked.retain(kept.values().iter());
            Ok::<_, DataFusionError>(filter_record_batch(&rows, &kept)?)
        })?;
        self.run.counts.kept_rows.add(rows.num_rows());
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        if self.passes {
            self.run.counts.passed_rows.add(rows.num_rows());
            return self.tally.convert(&rows, self.picked.groups()).map(Some);
        }
        self.added_rows += rows.num_rows();
        self.tally.add(&rows, self.picked.groups())?;
        Ok(None)
    }

    /// The rows that the early conditions leave; `None` without any.
    fn choose(&self, batch: &RecordBatch) -> Result<Option<BooleanBuffer>> {
        let mut chosen: Option<BooleanBuffer> = None;
        for condition in &self.run.work.early {
            let holds = condition.evaluate(batch)?.into_array(batch.num_rows())?;
            let holds = holds.as_boolean();
            let holds = match holds.nulls() {
                Some(known) => holds.values() & known.inner(),
                None => holds.values().clone(),
            };
            chosen = Some(match chosen {
                Some(before) => &before & &holds,
                None => holds,
            });
        }
        Ok(chosen)
    }

    /// The columns that expressions need, of the rows that are left.
    fn gather(&self, batch: &RecordBatch, keys: &[Option<ArrayRef>]) -> Result<RecordBatch> {
        let work = &self.run.work;
        let kept = self.picked.rows().len();
        let rows = UInt32Array::from(self.picked.rows().to_vec());
        let mut places: Vec<Option<UInt32Array>> = vec![None; keys.len()];
        let mut columns = Vec::with_capacity(work.gathered.len());
        for origin in &work.gathered {
            columns.push(match *origin {
                Origin::Fact(column) if kept == batch.num_rows() => {
                    Arc::clone(batch.column(column))
                }
                Origin::Fact(column) => take(batch.column(column), &rows, None)?,
                Origin::Dimension(dimension, column) => {
                    let built = &self.ready.dimensions[dimension];
                    let (Some(lookup), Some(key)) = (&built.rows, &keys[dimension]) else {
                        return internal_err!("a dimension's rows were not kept");
                    };
                    let places = match &mut places[dimension] {
                        Some(places) => places,
                        none => none.insert(lookup.numbers(key, self.picked.rows())?),
                    };
                    take(&built.columns[column], places, None)?
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(kept));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&work.gathered_schema), columns, &options)?)
    }
}

/// Reads all dimensions at the same time; `None` when the plain plan must answer.
async fn prepare(
    dimensions: &[Dimension],
    context: &Arc<TaskContext>,
) -> Result<Option<Arc<Ready>>> {
    let list_limit = context.session_config().options().execution.parquet.max_in_list_size;
    let tasks: Vec<_> = dimensions
        .iter()
        .map(|dimension| {
            let (dimension, context) = (dimension.clone(), Arc::clone(context));
            SpawnedTask::spawn(async move { read(&dimension, &context, list_limit).await })
        })
        .collect();
    let mut built = Vec::with_capacity(tasks.len());
    let memory =
        MemoryConsumer::new("StarAggregateExec dimensions").register(context.memory_pool());
    for task in tasks {
        let read = task.join().await.map_err(|error| DataFusionError::External(Box::new(error)))?;
        match read? {
            Some(one) if memory.try_grow(one.bytes()).is_ok() => built.push(one),
            _ => return Ok(None),
        }
    }
    let mut order: Vec<usize> = (0..built.len()).collect();
    order.sort_by(|one, other| built[*one].share.total_cmp(&built[*other].share));
    Ok(Some(Arc::new(Ready { dimensions: Arc::new(built), order, _memory: memory })))
}

/// Reads one dimension. Its rows are held under the memory limit while it is built.
async fn read(
    dimension: &Dimension,
    context: &Arc<TaskContext>,
    list_limit: usize,
) -> Result<Option<Built>> {
    let plan = if dimension.plan.output_partitioning().partition_count() == 1 {
        Arc::clone(&dimension.plan)
    } else {
        Arc::new(CoalescePartitionsExec::new(Arc::clone(&dimension.plan)))
    };
    let memory = MemoryConsumer::new("StarAggregateExec dimension").register(context.memory_pool());
    let mut rows = plan.execute(0, Arc::clone(context))?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await.transpose()? {
        // The rows, their copy in one piece, and what is built of them.
        if memory.try_grow(memory::bytes_of(&batch).saturating_mul(3)).is_err() {
            return Ok(None);
        }
        batches.push(batch);
    }
    // What fails while it is built may be a row that no fact joins: the plain plan knows.
    Ok(dimension.build(&batches, list_limit).unwrap_or_default())
}
