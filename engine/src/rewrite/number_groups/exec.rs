//! The operator: rows in, states of groups out, as the first step of an aggregate gives them.
//!
//! States may come out at any time and in parts: when memory is short it gives what it has and starts anew.

use super::super::states;
use super::Expected;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use pareto_udfs::lookup::KeysMet;
use std::fmt;
use std::sync::Arc;

/// The first step of an aggregate by a whole number.
#[derive(Debug)]
pub(super) struct NumberedAggregateExec {
    /// What would compute it otherwise; it knows what is grouped and aggregated, and what is known of the answer.
    plain: Arc<AggregateExec>,
    expected: Expected,
    metrics: ExecutionPlanMetricsSet,
}

impl NumberedAggregateExec {
    /// Computes what `plain` does, a first step of an aggregate.
    pub(super) fn new(plain: &AggregateExec, expected: Expected) -> Self {
        let plain = Arc::new(plain.clone());
        Self { plain, expected, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for NumberedAggregateExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(form, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            write!(f, "NumberedAggregateExec: ")?;
        }
        let groups: Vec<&str> =
            self.plain.group_expr().expr().iter().map(|(_, name)| name.as_str()).collect();
        let functions: Vec<&str> =
            self.plain.aggr_expr().iter().map(|function| function.name()).collect();
        let Expected { least, count } = self.expected;
        write!(f, "gby=[{}], aggr=[{}], ", groups.join(", "), functions.join(", "))?;
        write!(f, "numbers={count} from {least}")
    }
}

impl ExecutionPlan for NumberedAggregateExec {
    fn name(&self) -> &'static str {
        "NumberedAggregateExec"
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
        match plain.downcast_ref::<AggregateExec>() {
            Some(plain) => Ok(Arc::new(Self::new(plain, self.expected))),
            None => internal_err!("NumberedAggregateExec stands for an aggregate"),
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
        let memory = MemoryConsumer::new(format!("NumberedAggregateExec[{partition}]"))
            .with_can_spill(true)
            .register(context.memory_pool());
        if memory.try_grow(self.expected.count * size_of::<u32>()).is_err() {
            return self.plain.execute(partition, context);
        }
        let input = self.plain.input().execute(partition, Arc::clone(&context))?;
        let batch_size = context.session_config().batch_size();
        let work = Work {
            plain: Arc::clone(&self.plain),
            keys: KeysMet::new(self.expected.least, self.expected.count),
            accumulators: accumulators(&self.plain)?,
            groups: Vec::new(),
            memory,
            metrics: BaselineMetrics::new(&self.metrics, partition),
            batch_size,
        };
        let parts = futures::stream::try_unfold((work, Some(input)), |mut all| async move {
            let states = all.0.next(&mut all.1).await?;
            Ok::<_, DataFusionError>(states.map(|states| (states, all)))
        });
        let slices =
            parts.map_ok(move |states| futures::stream::iter(states::slices(&states, batch_size)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), slices.try_flatten())))
    }
}

type Accumulators = Vec<Box<dyn GroupsAccumulator>>;

fn accumulators(aggregate: &AggregateExec) -> Result<Accumulators> {
    aggregate.aggr_expr().iter().map(states::accumulator).collect()
}

/// One partition's run.
struct Work {
    plain: Arc<AggregateExec>,
    keys: KeysMet,
    accumulators: Accumulators,
    /// The groups of a batch; its memory is kept from batch to batch.
    groups: Vec<usize>,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
    batch_size: usize,
}

impl Work {
    /// Reads on until there are states to give: at the end, or when memory is short.
    async fn next(
        &mut self,
        input: &mut Option<SendableRecordBatchStream>,
    ) -> Result<Option<RecordBatch>> {
        while let Some(rows) = input {
            let Some(batch) = rows.next().await.transpose()? else {
                *input = None;
                let states = self.emit()?;
                self.memory.free();
                return Ok(states);
            };
            let elapsed = self.metrics.elapsed_compute().clone();
            let timer = elapsed.timer();
            self.add(&batch)?;
            timer.done();
            if let Err(full) = self.memory.try_resize(self.bytes()) {
                if self.keys.len() < self.batch_size {
                    return Err(full);
                }
                return self.emit();
            }
        }
        Ok(None)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let Self { plain, keys, accumulators, groups, .. } = self;
        let evaluate = |expr: &Arc<dyn PhysicalExpr>| -> Result<ArrayRef> {
            expr.evaluate(batch)?.into_array(batch.num_rows())
        };
        for (key, _) in plain.group_expr().expr() {
            keys.number(&evaluate(key)?, groups)?;
        }
        let functions = plain.aggr_expr().iter().zip(plain.filter_expr());
        for (accumulator, (function, filter)) in accumulators.iter_mut().zip(functions) {
            let arguments = function.expressions();
            let arguments: Vec<ArrayRef> = arguments.iter().map(evaluate).collect::<Result<_>>()?;
            let kept = filter.as_ref().map(evaluate).transpose()?;
            let kept = kept.as_ref().map(|kept| kept.as_boolean());
            accumulator.update_batch(&arguments, groups, kept, keys.len())?;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let states: usize = self.accumulators.iter().map(|one| one.size()).sum();
        states + self.keys.bytes() + self.groups.capacity() * size_of::<usize>()
    }

    /// Takes the groups met and their states out, and starts anew; nothing when there is no group.
    fn emit(&mut self) -> Result<Option<RecordBatch>> {
        let count = self.keys.len();
        if count == 0 {
            return Ok(None);
        }
        let schema = self.plain.schema();
        let mut columns = vec![self.keys.take(schema.field(0).data_type())?];
        for accumulator in &mut self.accumulators {
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        self.accumulators = accumulators(&self.plain)?;
        self.metrics.record_output(count);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(Some(RecordBatch::try_new_with_options(schema, columns, &options)?))
    }
}
