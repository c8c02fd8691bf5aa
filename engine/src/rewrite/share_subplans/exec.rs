//! The operator: one copy of a shared subplan.
//!
//! As it is planned, a copy only hands on what is below it. Tied together by [`super::link`], the first copy shows the
//! subplan in `EXPLAIN`, and the others name its number; whichever is asked first has it computed.

use crate::kept_rows::Kept;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, SchedulingType,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// A copy of a shared subplan.
#[derive(Debug)]
pub(in super::super) struct SharedSubplanExec {
    number: usize,
    /// Nothing in a copy that reads what another one shows.
    input: Option<Arc<dyn ExecutionPlan>>,
    /// Nothing before the copies are tied together.
    kept: Option<Arc<Kept>>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl SharedSubplanExec {
    /// A copy that is not tied to others.
    pub(super) fn copy(number: usize, input: Arc<dyn ExecutionPlan>) -> Self {
        // The order of rows is not promised: what is above would ask for one, and the copies would differ.
        let mut known = input.equivalence_properties().clone();
        known.clear_orderings();
        let properties = PlanProperties::new(
            known,
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            number,
            input: Some(input),
            kept: None,
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        }
    }

    pub(in super::super) fn number(&self) -> usize {
        self.number
    }

    pub(in super::super) fn input(&self) -> Option<&Arc<dyn ExecutionPlan>> {
        self.input.as_ref()
    }

    /// The copy that shows the subplan.
    pub(super) fn first(&self, kept: &Arc<Kept>) -> Self {
        self.tied(self.input.clone(), kept)
    }

    /// A copy that reads what is computed for the first.
    pub(super) fn other(&self, kept: &Arc<Kept>) -> Self {
        self.tied(None, kept)
    }

    fn tied(&self, input: Option<Arc<dyn ExecutionPlan>>, kept: &Arc<Kept>) -> Self {
        Self {
            number: self.number,
            input,
            kept: Some(Arc::clone(kept)),
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::clone(&self.properties),
        }
    }
}

impl DisplayAs for SharedSubplanExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(form, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            write!(f, "SharedSubplanExec: ")?;
        }
        write!(f, "number={}", self.number)
    }
}

impl ExecutionPlan for SharedSubplanExec {
    fn name(&self) -> &'static str {
        "SharedSubplanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.input.iter().collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.children().len() {
            return internal_err!("SharedSubplanExec takes as many inputs as it has");
        }
        let Some(input) = children.pop() else { return Ok(self) };
        let copy = Self::copy(self.number, input);
        let (Some(kept), Some(input)) = (&self.kept, &copy.input) else {
            return Ok(Arc::new(copy));
        };
        kept.compute_with(input);
        Ok(Arc::new(copy.first(kept)))
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
        vec![ChildStats::At(partition); self.children().len()]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = || Arc::new(Statistics::new_unknown(&self.schema()));
        Ok(inputs.first().map_or_else(unknown, Arc::clone))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(kept) = &self.kept else {
            let Some(input) = &self.input else {
                return internal_err!("a copy of a shared subplan is not tied to the others");
            };
            return input.execute(partition, context);
        };
        let counted = BaselineMetrics::new(&self.metrics, partition);
        let rows = kept.stream(partition, context, &self.metrics);
        let rows = rows.inspect_ok(move |batch| counted.record_output(batch.num_rows()));
        let schema: SchemaRef = self.schema();
        Ok(make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, rows))))
    }
}
