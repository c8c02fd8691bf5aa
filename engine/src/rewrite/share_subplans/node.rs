//! The mark on a logical plan, and how it becomes an operator.
//!
//! The mark is a border: rules that run later change what is below it in the same way in every copy, because nothing of
//! what is above comes through.

use super::exec::SharedSubplanExec;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchemaRef, Result, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A copy of a subplan that is there more than once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SharedSubplan {
    /// The same for all copies.
    number: usize,
    input: LogicalPlan,
    /// As it was marked: rules that let a reader's expressions be computed below see that their columns do not come through.
    schema: DFSchemaRef,
}

impl SharedSubplan {
    pub(super) fn new(number: usize, input: LogicalPlan) -> Self {
        let schema = Arc::clone(input.schema());
        Self { number, input, schema }
    }
}

impl PartialOrd for SharedSubplan {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.number, &self.input).partial_cmp(&(other.number, &other.input))
    }
}

impl UserDefinedLogicalNodeCore for SharedSubplan {
    fn name(&self) -> &'static str {
        "SharedSubplan"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSubplan: {}", self.number)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([input]) = <[_; 1]>::try_from(inputs) else {
            return internal_err!("SharedSubplan takes one input");
        };
        Ok(Self { number: self.number, input, schema: Arc::clone(&self.schema) })
    }
}

/// Plans queries as DataFusion does, and shared subplans too.
#[derive(Debug)]
pub(crate) struct SharingPlanner;

#[async_trait]
impl QueryPlanner for SharingPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)]);
        planner.create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for SharingPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _planning: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(shared), [input]) =
            (node.as_any().downcast_ref::<SharedSubplan>(), physical_inputs)
        else {
            return Ok(None);
        };
        Ok(Some(Arc::new(SharedSubplanExec::copy(shared.number, Arc::clone(input)))))
    }
}
