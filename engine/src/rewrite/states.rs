//! Partial states of aggregates, as rules of ours compute and merge them: what two operators need alike.

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;

/// The accumulator of an aggregate over many groups.
pub(super) fn accumulator(
    function: &Arc<AggregateFunctionExpr>,
) -> Result<Box<dyn GroupsAccumulator>> {
    if function.groups_accumulator_supported() {
        return function.create_groups_accumulator();
    }
    let function = Arc::clone(function);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
}

/// Cuts states into batches of the size that is asked for.
pub(super) fn slices(states: &RecordBatch, batch_size: usize) -> Vec<Result<RecordBatch>> {
    let starts = (0..states.num_rows()).step_by(batch_size.max(1));
    starts.map(|start| Ok(states.slice(start, batch_size.min(states.num_rows() - start)))).collect()
}
