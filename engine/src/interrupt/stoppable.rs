//! An operator that runs as another one, made stoppable, and is to its neighbours what it was.
//!
//! What an operator promises of its rows, their order above all, is worked out from its expressions. One with a
//! [`super::checkpoint`] in them would promise less, and its neighbours would be planned anew for it.
//!
//! While it runs, functions that compute for long know the interrupt too ([`pareto_udfs::stoppable`]).
//!
//! Example: a sort by `day, id` whose second key is behind a checkpoint still gives rows in the order of `day, id`.

use super::{Interrupt, cancelled};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;

/// The operator.
#[derive(Debug)]
pub(super) struct StoppableExec {
    runs: Arc<dyn ExecutionPlan>,
    interrupt: Interrupt,
    properties: Arc<PlanProperties>,
}

impl StoppableExec {
    /// `runs` in the place of `planned`.
    pub(super) fn new(
        planned: &dyn ExecutionPlan,
        runs: Arc<dyn ExecutionPlan>,
        interrupt: &Interrupt,
    ) -> Self {
        let properties = Arc::clone(planned.properties());
        Self { runs, interrupt: interrupt.clone(), properties }
    }
}

impl DisplayAs for StoppableExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.fmt_as(kind, f)
    }
}

impl ExecutionPlan for StoppableExec {
    fn name(&self) -> &str {
        self.runs.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.runs.maintains_input_order()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.runs.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.runs.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let runs = Arc::clone(&self.runs).replace_children(children, options)?;
        let (interrupt, properties) = (self.interrupt.clone(), Arc::clone(&self.properties));
        Ok(Arc::new(Self { runs, interrupt, properties }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut rows = self.runs.execute(partition, context)?;
        let (schema, interrupt) = (rows.schema(), self.interrupt.clone());
        let rows = futures::stream::poll_fn(move |waker| {
            match pareto_udfs::stoppable(&interrupt.0, || rows.poll_next_unpin(waker)) {
                Poll::Ready(Some(Err(_))) if interrupt.is_set() => {
                    Poll::Ready(Some(Err(cancelled())))
                }
                other => other,
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.runs.metrics()
    }
}
