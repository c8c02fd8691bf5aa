//! Stopping operators that do not notice that nobody waits for them.
//!
//! A query whose reader is gone is dropped, and an operator notices when it waits. Some work on for long:
//!
//! * A nested loop join may compare for hours without giving a batch. So its condition gets a checkpoint in front: each
//!   time it is evaluated, on some thousand pairs, it first looks whether the query is still wanted.
//! * A sort hands its thousand batches to as many tasks at once, and the news that nobody wants them waits behind them in the
//!   queue. So a sort key gets a checkpoint: a task that is late does nothing.
//! * A hash join takes in the rows of one side without waiting. So a key of that side gets a checkpoint.
//! * What gives its first row after its last input, such as an aggregate, may compute long at its end. So functions of ours
//!   that search for long know the interrupt.
//! * Any join may make millions of batches of two that it has read, and what counts or sums them takes one after the
//!   other. So it gives way after some of them, as operators that read files do.
//!
//! All of it costs next to nothing, changes no answer, and is put in only where somebody can stop the query.
//!
//! Example: `SELECT count(*) FROM a, b WHERE a.x * b.x = 7` stops within milliseconds of its client's going away.
//!
//! * [`checkpoint`]: the expression that looks;
//! * [`stoppable`]: the operator around one with such expressions.

mod checkpoint;
mod stoppable;

use crate::error::{EngineError, ErrorKind};
use checkpoint::Checkpoint;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec,
    NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stoppable::StoppableExec;

/// Turns on when a query is no longer wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a query that is no longer wanted ends with.
fn cancelled() -> DataFusionError {
    EngineError::new(ErrorKind::Cancelled, "the statement was cancelled").into()
}

/// The same plan, stoppable; that of an `EXPLAIN ANALYZE` only within the conditions of its joins.
pub(crate) fn guard(
    plan: Arc<dyn ExecutionPlan>,
    interrupt: &Interrupt,
) -> Result<Arc<dyn ExecutionPlan>> {
    // What is shown to users is shown as it was planned.
    let is_shown = plan.is::<AnalyzeExec>();
    let guarded = plan.transform_up(|node| {
        let is_many = multiplies(node.as_ref()) && !is_shown;
        let checked = if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            nested_loops(join, interrupt)?
        } else if is_shown {
            None
        } else {
            stoppable(&node, interrupt)?
        };
        let is_checked = checked.is_some();
        let node = checked.unwrap_or(node);
        Ok(if is_many {
            Transformed::yes(Arc::new(CooperativeExec::new(node)))
        } else {
            Transformed::new_transformed(node, is_checked)
        })
    })?;
    Ok(guarded.data)
}

/// What computes long without waiting, and stops, in its place.
fn stoppable(
    node: &Arc<dyn ExecutionPlan>,
    interrupt: &Interrupt,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let runs = if let Some(sort) = node.downcast_ref::<SortExec>() {
        sorted(sort, interrupt)
    } else if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        hashed(join, interrupt)?
    } else {
        // Over sorted rows these give rows early, and may still compute long for each.
        let is_ours_to_call = node.is::<AggregateExec>() || node.is::<BoundedWindowAggExec>();
        let is_late = is_ours_to_call || node.pipeline_behavior() == EmissionType::Final;
        is_late.then(|| Arc::clone(node))
    };
    Ok(runs.map(|runs| Arc::new(StoppableExec::new(node.as_ref(), runs, interrupt)) as _))
}

/// Whether an operator may give many batches for one it has read.
fn multiplies(node: &dyn ExecutionPlan) -> bool {
    node.is::<CrossJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<SortMergeJoinExec>()
}

/// The join with a checkpoint in its condition, if it has one.
fn nested_loops(
    join: &NestedLoopJoinExec,
    interrupt: &Interrupt,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = join.filter() else { return Ok(None) };
    let condition = Checkpoint::before(filter.expression(), interrupt);
    let filter =
        JoinFilter::new(condition, filter.column_indices().to_vec(), Arc::clone(filter.schema()));
    let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter)).build()?;
    Ok(Some(Arc::new(join)))
}

/// The sort with a checkpoint in its last key; one that keeps a few rows only waits often enough.
fn sorted(sort: &SortExec, interrupt: &Interrupt) -> Option<Arc<dyn ExecutionPlan>> {
    if sort.fetch().is_some() {
        return None;
    }
    let mut keys = sort.expr().to_vec();
    let PhysicalSortExpr { expr, options } = keys.pop()?;
    keys.push(PhysicalSortExpr { expr: Checkpoint::before(&expr, interrupt), options });
    let sorted = SortExec::new(LexOrdering::new(keys)?, Arc::clone(sort.input()))
        .with_preserve_partitioning(sort.preserve_partitioning());
    Some(Arc::new(sorted))
}

/// The join with a checkpoint in a key of the side that it takes in.
fn hashed(join: &HashJoinExec, interrupt: &Interrupt) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut on = join.on().to_vec();
    let Some((left, _)) = on.first_mut() else { return Ok(None) };
    *left = Checkpoint::before(left, interrupt);
    Ok(Some(Arc::new(HashJoinExecBuilder::from(join).with_on(on).build()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;

    const FIT: &str = "SELECT bgnbd_fit(CAST(value % 5 AS DOUBLE), CASE WHEN value % 5 = 0 THEN 0.0 ELSE 1.0 + value % 30 END, 40.0) AS fit \
        FROM generate_series(1, 1000)";

    #[tokio::test]
    async fn a_fit_that_nobody_waits_for_is_given_up() {
        let mut context = SessionContext::new();
        pareto_udfs::install(&mut context).unwrap();
        for is_stopped in [false, true] {
            let plan = context.sql(FIT).await.unwrap().create_physical_plan().await.unwrap();
            let interrupt = Interrupt::default();
            let plan = guard(plan, &interrupt).unwrap();
            if is_stopped {
                interrupt.set();
            }
            match collect(plan, context.task_ctx()).await {
                Ok(rows) => assert_eq!((rows[0].num_rows(), is_stopped), (1, false)),
                Err(error) => {
                    assert!(is_stopped && error.to_string().contains("cancelled"), "{error}")
                }
            }
        }
    }
}
