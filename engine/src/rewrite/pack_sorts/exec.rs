//! The operator: all rows in, the same rows in order out.
//!
//! Rows are held under the memory limit while they come, then put into one piece, ordered by their packed numbers and taken
//! out a batch at a time. Between passes others get their turn, and a query that is cancelled ends.

use crate::memory;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, EmptyRecordBatchStream, ExecutionPlan,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use pareto_udfs::Packed;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// More bytes are sorted in pieces, by the plain sort: texts of one piece could outgrow their offsets.
const MOST_BYTES: usize = 1 << 30;

/// So are more rows: a pass over them would keep others waiting, and who cancels.
const MOST_ROWS: usize = 1 << 24;

/// Sorts by numbers.
#[derive(Debug)]
pub(super) struct PackedSortExec {
    /// What would sort otherwise; it knows by what, and what is known of the rows.
    plain: Arc<SortExec>,
    metrics: ExecutionPlanMetricsSet,
}

impl PackedSortExec {
    /// Does what `plain` does, a sort without a limit by columns that pack.
    pub(super) fn new(plain: &SortExec) -> Self {
        Self { plain: Arc::new(plain.clone()), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for PackedSortExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(form, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            write!(f, "PackedSortExec: ")?;
        }
        let partitioned = self.plain.preserve_partitioning();
        write!(f, "expr=[{}], preserve_partitioning=[{partitioned}]", self.plain.expr())
    }
}

impl ExecutionPlan for PackedSortExec {
    fn name(&self) -> &'static str {
        "PackedSortExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plain.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.plain.children()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.plain.input_distribution_requirements()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.plain.benefits_from_input_partitioning()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.plain.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plain = Arc::clone(&self.plain).replace_children(children, options)?;
        match plain.downcast_ref::<SortExec>() {
            Some(plain) => Ok(Arc::new(Self::new(plain))),
            None => internal_err!("PackedSortExec stands for a sort"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.plain.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.plain.statistics_from_inputs(inputs, args)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.plain.input().execute(partition, Arc::clone(&context))?;
        let memory = MemoryConsumer::new(format!("PackedSortExec[{partition}]"))
            .with_can_spill(true)
            .register(context.memory_pool());
        let work = Work {
            sort: Arc::clone(&self.plain),
            schema: self.schema(),
            memory,
            metrics: BaselineMetrics::new(&self.metrics, partition),
            taken_over: MetricBuilder::new(&self.metrics).counter("plain", partition),
            context,
        };
        let rows = futures::stream::once(work.sort(input)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// One partition's run.
struct Work {
    sort: Arc<SortExec>,
    schema: SchemaRef,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
    /// Whether the plain sort had to take over.
    taken_over: Count,
    context: Arc<TaskContext>,
}

impl Work {
    async fn sort(self, mut input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let mut batches = Vec::new();
        let mut rows = 0;
        let mut bytes = 0;
        while let Some(batch) = input.try_next().await? {
            rows += batch.num_rows();
            bytes += memory::bytes_of(&batch);
            batches.push(batch);
            // The rows, their copy in one piece, and their numbers.
            let needed = 2 * bytes + rows * Packed::ROW_BYTES;
            let too_many = bytes > MOST_BYTES || rows > MOST_ROWS;
            if too_many || self.memory.try_resize(needed).is_err() {
                return self.plainly(batches, Some(input));
            }
        }
        let elapsed = self.metrics.elapsed_compute().clone();
        let Some(mut packed) = Packed::new(rows) else { return self.plainly(batches, None) };
        for column in self.sort.expr() {
            tokio::task::yield_now().await;
            let _timer = elapsed.timer();
            let piece = |batch: &RecordBatch| -> Result<ArrayRef> {
                column.expr.evaluate(batch)?.into_array(batch.num_rows())
            };
            let pieces: Vec<_> = batches.iter().map(piece).collect::<Result<_>>()?;
            if !packed.column(&pieces, column.options)? {
                return self.plainly(batches, None);
            }
        }
        tokio::task::yield_now().await;
        let timer = elapsed.timer();
        let whole = concat_batches(&self.schema, &batches)?;
        drop(batches);
        timer.done();
        loop {
            tokio::task::yield_now().await;
            let _timer = elapsed.timer();
            if !packed.pass() {
                break;
            }
        }
        Ok(self.taken_out(whole, packed.into_order().into()))
    }

    /// The rows in their order, a batch at a time.
    fn taken_out(self, whole: RecordBatch, order: UInt32Array) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let batch_size = self.context.session_config().batch_size().max(1);
        let starts = (0..order.len()).step_by(batch_size);
        let batches = futures::stream::iter(starts).map(move |start| {
            let Self { metrics, memory, .. } = &self;
            let _timer = metrics.elapsed_compute().timer();
            let places = order.slice(start, batch_size.min(order.len() - start));
            let batch = take_record_batch(&whole, &places)?;
            metrics.record_output(batch.num_rows());
            if start + batch_size >= order.len() {
                memory.free();
            }
            Ok(batch)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    /// The plain sort of the rows that were read and those that follow.
    fn plainly(
        self,
        batches: Vec<RecordBatch>,
        rest: Option<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream> {
        let Self { sort, schema, memory, metrics, taken_over, context } = self;
        taken_over.add(1);
        drop(memory);
        let rest =
            rest.unwrap_or_else(|| Box::pin(EmptyRecordBatchStream::new(Arc::clone(&schema))));
        let rows =
            futures::stream::iter(batches.into_iter().map(Ok::<_, DataFusionError>)).chain(rest);
        let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        let once = Arc::new(Once { schema: Arc::clone(&schema), rows: Mutex::new(Some(rows)) });
        let input =
            StreamingTableExec::try_new(Arc::clone(&schema), vec![once], None, [], false, None)?;
        let sort = SortExec::new(sort.expr().clone(), Arc::new(input));
        let sorted = sort.execute(0, context)?;
        let sorted = sorted.inspect_ok(move |batch| metrics.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, sorted)))
    }
}

/// Rows that can be read once.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        rows.unwrap_or_else(|| Box::pin(EmptyRecordBatchStream::new(Arc::clone(&self.schema))))
    }
}
