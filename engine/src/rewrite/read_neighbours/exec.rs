//! The operator: rows pass in order, with a column for each window.
//!
//! Of rows that have passed it keeps as many as a window looks back, only the columns that windows read; batches wait until
//! as many rows are known behind them as a window looks ahead.

use super::look::{Counted, Look, Over, Shifted, Stretch, numbers};
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, ChildrenPropertiesMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Windows that look at neighbours.
#[derive(Debug)]
pub(super) struct NeighbourWindowExec {
    /// What would compute them otherwise; it knows what is required of the rows, and what is known of the answer.
    plain: Arc<dyn ExecutionPlan>,
    looks: Arc<[Look]>,
    over: Over,
    metrics: ExecutionPlanMetricsSet,
}

impl NeighbourWindowExec {
    /// Computes `looks` in place of `plain`.
    pub(super) fn new(plain: Arc<dyn ExecutionPlan>, looks: Vec<Look>, over: Over) -> Self {
        Self { plain, looks: looks.into(), over, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for NeighbourWindowExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(form, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            write!(f, "NeighbourWindowExec: ")?;
        }
        let windows = self.plain.downcast_ref::<BoundedWindowAggExec>();
        let windows = windows.map_or(&[][..], BoundedWindowAggExec::window_expr);
        let names: Vec<&str> = windows.iter().map(|window| window.name()).collect();
        write!(f, "wdw=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for NeighbourWindowExec {
    fn name(&self) -> &'static str {
        "NeighbourWindowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plain.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.plain.children()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.plain.required_input_ordering()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.plain.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
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
        Ok(Arc::new(Self {
            plain,
            looks: Arc::clone(&self.looks),
            over: self.over.clone(),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
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
        let [input] = self.children()[..] else {
            return internal_err!("NeighbourWindowExec has one input");
        };
        let schema = self.schema();
        let reach = self.looks.iter().map(Look::reach);
        let (back, ahead) =
            reach.fold((0, 0), |far, reach| (far.0.max(reach.0), far.1.max(reach.1)));
        // Where nobody asks who is equal in order, the order need not be read.
        let asks_peers = self.looks.iter().any(|look| matches!(look, Look::Rank | Look::DenseRank));
        let mut over = self.over.clone();
        if !asks_peers {
            over.order.clear();
        }
        let passing = Passing {
            looks: Arc::clone(&self.looks),
            over,
            asks_peers,
            schema: Arc::clone(&schema),
            back,
            ahead,
            before: Vec::new(),
            held: 0,
            counted: Counted::default(),
            waiting: VecDeque::new(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let input = input.execute(partition, context)?;
        let rows = futures::stream::try_unfold((passing, Some(input)), |mut all| async move {
            let batch = all.0.next(&mut all.1).await?;
            Ok::<_, DataFusionError>(batch.map(|batch| (batch, all)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// Rows on their way.
struct Passing {
    looks: Arc<[Look]>,
    over: Over,
    /// Whether a window asks who is equal in order.
    asks_peers: bool,
    schema: SchemaRef,
    /// How far the windows look.
    back: usize,
    ahead: usize,
    /// What windows read of the last rows that have passed, at most `back`.
    before: Vec<ArrayRef>,
    /// How many rows these are, also where windows read no column.
    held: usize,
    counted: Counted,
    waiting: VecDeque<Waiting>,
    metrics: BaselineMetrics,
}

/// A batch, and what windows read of it: the values of shifts, then what partitions are by, then the order.
struct Waiting {
    batch: RecordBatch,
    read: Vec<ArrayRef>,
}

impl Passing {
    /// The next batch with its windows; reads on until enough is known.
    async fn next(
        &mut self,
        input: &mut Option<SendableRecordBatchStream>,
    ) -> Result<Option<RecordBatch>> {
        loop {
            let behind: usize = self.waiting.iter().skip(1).map(|one| one.batch.num_rows()).sum();
            let is_known = input.is_none() || behind >= self.ahead;
            if is_known && let Some(first) = self.waiting.pop_front() {
                let elapsed = self.metrics.elapsed_compute().clone();
                let _timer = elapsed.timer();
                let answer = self.answer(&first)?;
                self.metrics.record_output(answer.num_rows());
                return Ok(Some(answer));
            }
            let Some(rows) = input else { return Ok(None) };
            match rows.next().await.transpose()? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => self.waiting.push_back(self.read(batch)?),
                None => *input = None,
            }
        }
    }

    fn read(&self, batch: RecordBatch) -> Result<Waiting> {
        let shifts = self.looks.iter().filter_map(|look| match look {
            Look::Back(_, shifted) | Look::Ahead(_, shifted) => Some(&shifted.value),
            Look::RowNumber | Look::Rank | Look::DenseRank => None,
        });
        let all = shifts.chain(&self.over.partition).chain(&self.over.order);
        let read = all.map(|expr| expr.evaluate(&batch)?.into_array(batch.num_rows()));
        let read = read.collect::<Result<_>>()?;
        Ok(Waiting { batch, read })
    }

    /// A batch with a column for each window.
    fn answer(&mut self, first: &Waiting) -> Result<RecordBatch> {
        let count = first.batch.num_rows();
        let rows = self.held..self.held + count;
        let around = self.around(first)?;
        let all = around.first().map_or(rows.end, |column| column.len());
        let (shifts, keys) =
            around.split_at(around.len() - self.over.partition.len() - self.over.order.len());
        let (partition_by, order_by) = keys.split_at(self.over.partition.len());
        let order_by = self.asks_peers.then_some(order_by);
        let stretch = Stretch::new(rows.clone(), all, partition_by, order_by)?;
        let counted = if shifts.len() < self.looks.len() {
            stretch.counted(self.counted)
        } else {
            Vec::new()
        };
        self.counted = counted.last().copied().unwrap_or_default();
        let mut columns = first.batch.columns().to_vec();
        let mut shifts = shifts.iter();
        for look in self.looks.iter() {
            let mut shifted = |by: &usize, shift: &Shifted, back: bool| match shifts.next() {
                Some(values) => stretch.shifted(values, &shift.default, *by, back),
                None => internal_err!("a shift has no values"),
            };
            columns.push(match look {
                Look::Back(by, shift) => shifted(by, shift, true)?,
                Look::Ahead(by, shift) => shifted(by, shift, false)?,
                Look::RowNumber | Look::Rank | Look::DenseRank => numbers(look, &counted),
            });
        }
        self.held = rows.end.min(self.back);
        let kept = |column: &ArrayRef| column.slice(rows.end - self.held, self.held);
        self.before = around.iter().map(kept).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    /// What windows read, of the rows before a batch, its own, and as many after it as they look ahead.
    fn around(&self, first: &Waiting) -> Result<Vec<ArrayRef>> {
        let mut around = Vec::with_capacity(first.read.len());
        for (place, column) in first.read.iter().enumerate() {
            let before = self.before.get(place).cloned();
            let mut parts: Vec<ArrayRef> = before.into_iter().chain([Arc::clone(column)]).collect();
            let mut wanted = self.ahead;
            for after in &self.waiting {
                let part = &after.read[place];
                let take = wanted.min(part.len());
                if take == 0 {
                    break;
                }
                parts.push(part.slice(0, take));
                wanted -= take;
            }
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            around.push(if parts.len() == 1 { Arc::clone(column) } else { concat(&parts)? });
        }
        Ok(around)
    }
}
