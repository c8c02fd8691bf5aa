//! Rule: an aggregate with grouping sets takes its rows as if nothing were known of their order.
//!
//! What is known of rows does not hold for their groups once columns become NULL. With `WHERE a = 5` every row has one `a`,
//! the groups of `ROLLUP (a)` have two; rows that come sorted by `a` do not make groups that do. DataFusion hands such
//! knowledge on: groups would be given as finished too early, and sorts left out. So the aggregate is put over an
//! [`UnorderedExec`], which passes rows on and promises nothing of them. It comes before exchanges and sorts are put in.
//!
//! Where nothing is known of the rows, as over most tables, the plan stays as it is. [`super::derive_grouping_sets`] takes the
//! operator away again under an aggregate of one set, of which everything holds.
//!
//! Example: `SELECT a, sum(x) FROM t WHERE a = 5 GROUP BY ROLLUP (a) ORDER BY a` is sorted.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use std::fmt;
use std::sync::Arc;

/// The rule. It keeps answers right, so nothing switches it.
#[derive(Debug)]
pub(crate) struct GuardGroupingSets;

impl PhysicalOptimizerRule for GuardGroupingSets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let guarded = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) if needs_guard(aggregate) => {
                    let input = Arc::new(UnorderedExec::new(Arc::clone(aggregate.input())));
                    let anew = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                    Some(Arc::clone(&node).replace_children(vec![input], anew)?)
                }
                _ => None,
            };
            Ok(guarded.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "guard_grouping_sets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether an aggregate makes several sets of rows of which something is known.
fn needs_guard(aggregate: &AggregateExec) -> bool {
    let reads_rows = matches!(
        aggregate.mode(),
        AggregateMode::Partial | AggregateMode::Single | AggregateMode::SinglePartitioned
    );
    let known = aggregate.input().equivalence_properties();
    reads_rows
        && !aggregate.group_expr().is_single()
        && !(known.oeq_class().is_empty() && known.eq_group().is_empty())
}

/// An operator that passes rows on and promises nothing of their order.
#[derive(Debug)]
pub(super) struct UnorderedExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl UnorderedExec {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, properties: Arc::new(properties) }
    }

    /// The plan without this operator on top of it.
    pub(super) fn under(plan: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
        plan.downcast_ref::<Self>().map_or(plan, |unordered| &unordered.input)
    }
}

impl DisplayAs for UnorderedExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match form {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "UnorderedExec"),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for UnorderedExec {
    fn name(&self) -> &'static str {
        "UnorderedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[_; 1]>::try_from(children) else {
            return internal_err!("UnorderedExec takes one input");
        };
        Ok(Arc::new(Self::new(input)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = || Arc::new(Statistics::new_unknown(&self.schema()));
        Ok(inputs.first().map_or_else(unknown, Arc::clone))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
