//! The operator: reads the dimensions, then the fact, and gives the states of a partial aggregate.
//!
//! What it does with rows stands in [`super::run`]; here are its inputs, its plain plan and what EXPLAIN says of it. The plain
//! plan, over the same inputs and with the same schema, runs instead when a dimension cannot be used (its keys repeat, it
//! does not fit into memory). Only then is it put over the inputs as they have become, and gets the exchanges it needs.
//!
//! Never answers by itself: a final aggregate above merges the states of all partitions.

use super::super::star::Role;
use super::dimension::Dimension;
use super::run::{Counts, Ready, Run};
use super::tally::{Label, Measures};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, FilterDescription, FilterPushdownPhase,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A column of the gathered row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The fact's column at that place.
    Fact(usize),
    /// A dimension, and the place among its wanted columns.
    Dimension(usize, usize),
}

/// What the operator does besides reading its inputs.
#[derive(Debug)]
pub(super) struct Work {
    /// The columns that expressions are evaluated over, and their types.
    pub(super) gathered: Vec<Origin>,
    pub(super) gathered_schema: SchemaRef,
    /// Cheap conditions over the fact's row, decided before keys are looked up.
    pub(super) early: Vec<Arc<dyn PhysicalExpr>>,
    /// Conditions over the gathered row.
    pub(super) conditions: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) measures: Arc<Measures>,
    /// The groups and aggregates, as EXPLAIN shows them.
    pub(super) title: String,
}

impl Work {
    /// The place of the fact's column that a group is, if it is one.
    fn fact_column(&self, label: Label) -> Option<usize> {
        let Label::Row(place) = label else { return None };
        let column = self.measures.grouped.get(place)?.downcast_ref::<Column>()?;
        match self.gathered.get(column.index())? {
            Origin::Fact(place) => Some(*place),
            Origin::Dimension(..) => None,
        }
    }
}

/// The plan that an operator stands for, over the inputs it was planned with.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    plan: Arc<dyn ExecutionPlan>,
    /// The fact, then the dimensions.
    inputs: Vec<Arc<dyn ExecutionPlan>>,
}

impl Plain {
    /// The plan over these inputs, ready to run.
    pub(super) fn over(
        &self,
        inputs: &[&Arc<dyn ExecutionPlan>],
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replace = |node: Arc<dyn ExecutionPlan>| {
            let place = self.inputs.iter().position(|old| Arc::ptr_eq(old, &node));
            Ok(match place.and_then(|place| inputs.get(place)) {
                Some(new) => Transformed::new(Arc::clone(new), true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        };
        let plan = Arc::clone(&self.plan).transform_down(replace).data()?;
        EnsureRequirements::new().optimize(plan, options)
    }
}

/// Filter, join, group and aggregate of a star in one operator.
#[derive(Debug)]
pub(super) struct StarAggregateExec {
    fact: Arc<dyn ExecutionPlan>,
    dimensions: Vec<Dimension>,
    work: Arc<Work>,
    /// The partial aggregate this stands for.
    plain: Plain,
    built: Arc<OnceCell<Option<Arc<Ready>>>>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl StarAggregateExec {
    pub(super) fn new(
        fact: Arc<dyn ExecutionPlan>,
        dimensions: Vec<Dimension>,
        work: Arc<Work>,
        plain: Arc<dyn ExecutionPlan>,
    ) -> Self {
        // What is known of the plain plan's columns holds here too, but for the order of rows.
        let mut known = plain.equivalence_properties().clone();
        known.clear_orderings();
        known.clear_per_partition_constants();
        let inputs = std::iter::once(&fact).chain(dimensions.iter().map(|one| &one.plan));
        let plain = Plain { plan: plain, inputs: inputs.cloned().collect() };
        Self::over(fact, dimensions, work, plain, known)
    }

    fn over(
        fact: Arc<dyn ExecutionPlan>,
        dimensions: Vec<Dimension>,
        work: Arc<Work>,
        plain: Plain,
        known: EquivalenceProperties,
    ) -> Self {
        let properties = PlanProperties::new(
            known,
            Partitioning::UnknownPartitioning(fact.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            fact,
            dimensions,
            work,
            plain,
            built: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        }
    }

    fn with_children(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        if children.len() != self.dimensions.len() + 1 {
            return internal_err!("StarAggregateExec takes a fact and its dimensions");
        }
        let mut children = children.into_iter();
        let fact = children.next().unwrap_or_else(|| Arc::clone(&self.fact));
        let dimensions = self.dimensions.iter().cloned().zip(children);
        let dimensions = dimensions.map(|(old, plan)| Dimension { plan, ..old }).collect();
        let known = self.properties.equivalence_properties().clone();
        Ok(Self::over(fact, dimensions, Arc::clone(&self.work), self.plain.clone(), known))
    }
}

impl DisplayAs for StarAggregateExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(form, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            write!(f, "StarAggregateExec: ")?;
        }
        write!(f, "{}", self.work.title)?;
        for dimension in &self.dimensions {
            let how = match dimension.role {
                Role::Inner => "join",
                Role::Outer => "left join",
                Role::Semi => "semi join",
                Role::Anti => "anti join",
            };
            write!(f, ", {how} {} = {}", dimension.fact_key, dimension.key)?;
        }
        let conditions = self.work.early.iter().chain(&self.work.conditions);
        let conditions: Vec<String> = conditions.map(ToString::to_string).collect();
        if !conditions.is_empty() {
            write!(f, ", where={}", conditions.join(" AND "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for StarAggregateExec {
    fn name(&self) -> &'static str {
        "StarAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.fact)
            .chain(self.dimensions.iter().map(|dimension| &dimension.plan))
            .collect()
    }

    /// The fact is read by every thread; a dimension is built by one.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        std::iter::once(true).chain(self.dimensions.iter().map(|_| false)).collect()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let keys =
            self.dimensions.iter().flat_map(|dimension| [&dimension.fact_key, &dimension.key]);
        for expr in keys.chain(&self.work.early).chain(&self.work.conditions) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn dynamic_expressions_produced(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        let filters = self.dimensions.iter().filter_map(|dimension| dimension.filter.as_ref());
        filters.map(|filter| Arc::clone(filter) as Arc<dyn PhysicalExpr>).collect()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_children(children)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_children(children)?))
    }

    fn gather_filters_for_pushdown(
        &self,
        phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let mut fact = ChildFilterDescription::all_unsupported(&parent_filters);
        if phase == FilterPushdownPhase::Post
            && config.optimizer.enable_join_dynamic_filter_pushdown
        {
            fact = fact.with_self_filters(self.dynamic_expressions_produced());
        }
        let mut all = FilterDescription::new().with_child(fact);
        for _ in &self.dimensions {
            all = all.with_child(ChildFilterDescription::all_unsupported(&parent_filters));
        }
        Ok(all)
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        let dimensions = self.dimensions.iter().map(|_| ChildStats::Skip);
        std::iter::once(ChildStats::At(None)).chain(dimensions).collect()
    }

    /// Groups by a column of the fact lie within the bounds of that column. Nothing else is known.
    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut known = Statistics::new_unknown(&self.schema());
        let labels = self.work.measures.labels.iter();
        for (label, group) in labels.zip(&mut known.column_statistics) {
            let column = self.work.fact_column(*label);
            let fact = inputs
                .first()
                .zip(column)
                .and_then(|(fact, column)| fact.column_statistics.get(column));
            if let Some(fact) = fact {
                group.min_value = fact.min_value.clone().to_inexact();
                group.max_value = fact.max_value.clone().to_inexact();
            }
        }
        Ok(Arc::new(known))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let run = Run {
            fact: Arc::clone(&self.fact),
            dimensions: self.dimensions.clone(),
            work: Arc::clone(&self.work),
            plain: self.plain.clone(),
            built: Arc::clone(&self.built),
            counts: Counts::new(&self.metrics, partition),
            partition,
            context,
        };
        let schema = Arc::clone(&self.work.measures.schema);
        let stream = futures::stream::once(run.start()).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}
