//! The operator: states of the finest sets in, states of all sets out. What it does with rows stands in
//! [`super::cascade`].

use super::super::states;
use super::cascade::{Cascade, Merged};
use super::sets::{Set, Sets};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// Derives the states of coarser sets.
#[derive(Debug)]
pub(super) struct GroupingCascadeExec {
    input: Arc<dyn ExecutionPlan>,
    aggregates: Arc<[Merged]>,
    sets: Arc<Sets>,
    /// The group columns, the grouping id, the states.
    schema: SchemaRef,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl GroupingCascadeExec {
    /// Stands for `plain`, the partial aggregate of all sets, with the states of the finest in `input`.
    pub(super) fn new(
        input: Arc<AggregateExec>,
        sets: Sets,
        plain: &AggregateExec,
    ) -> Result<Self> {
        let schema = input.input().schema();
        let arguments = |function: &Arc<AggregateFunctionExpr>| {
            function.expressions().iter().map(|expr| expr.data_type(&schema)).collect::<Result<_>>()
        };
        let aggregates = input.aggr_expr().iter();
        let aggregates = aggregates
            .map(|function| {
                Ok(Merged { arguments: arguments(function)?, function: Arc::clone(function) })
            })
            .collect::<Result<_>>()?;
        // Columns are NULL in coarser sets, whatever is known of the rows.
        let known = EquivalenceProperties::new(plain.schema());
        Ok(Self::over(input, aggregates, Arc::new(sets), known))
    }

    fn over(
        input: Arc<dyn ExecutionPlan>,
        aggregates: Arc<[Merged]>,
        sets: Arc<Sets>,
        known: EquivalenceProperties,
    ) -> Self {
        let schema = Arc::clone(known.schema());
        let properties = PlanProperties::new(
            known,
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Self { input, aggregates, sets, schema, metrics, properties: Arc::new(properties) }
    }
}

impl DisplayAs for GroupingCascadeExec {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(form, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            write!(f, "GroupingCascadeExec: ")?;
        }
        let titles = |sets: Vec<&Set>| {
            sets.into_iter().map(|set| set.title(&self.schema)).collect::<Vec<_>>().join(", ")
        };
        let all = self.sets.sets.iter();
        let read = all.clone().filter(|set| set.read).collect();
        write!(f, "sets=[{}], read=[{}]", titles(all.collect()), titles(read))
    }
}

impl ExecutionPlan for GroupingCascadeExec {
    fn name(&self) -> &'static str {
        "GroupingCascadeExec"
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
            return internal_err!("GroupingCascadeExec takes one input");
        };
        let (aggregates, sets) = (Arc::clone(&self.aggregates), Arc::clone(&self.sets));
        Ok(Arc::new(Self::over(
            input,
            aggregates,
            sets,
            self.properties.equivalence_properties().clone(),
        )))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        use datafusion::physical_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(Recompute))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new(format!("GroupingCascadeExec[{partition}]"))
            .with_can_spill(true)
            .register(context.memory_pool());
        let batch_size = context.session_config().batch_size();
        let cascade = Cascade {
            aggregates: Arc::clone(&self.aggregates),
            sets: Arc::clone(&self.sets),
            schema: Arc::clone(&self.schema),
            metrics: self.metrics.clone(),
            baseline: BaselineMetrics::new(&self.metrics, partition),
            partition,
            memory,
            rows: Some(self.input.execute(partition, context)?),
            first: true,
        };
        let rounds = futures::stream::try_unfold(cascade, |mut cascade| async move {
            Ok::<_, DataFusionError>(cascade.round().await?.map(|states| (states, cascade)))
        });
        let slices = rounds.map_ok(move |batches| {
            let slices =
                batches.into_iter().flat_map(move |batch| states::slices(&batch, batch_size));
            futures::stream::iter(slices)
        });
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, slices.try_flatten())))
    }
}
