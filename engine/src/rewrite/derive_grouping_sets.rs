//! Rule: GROUPING SETS, CUBE and ROLLUP aggregate the rows once, for the finest set, and derive the coarser sets from it.
//!
//! Before, every row is expanded once for each set:
//!
//! ```text
//! AggregateExec: mode=Partial, gby=[(region, city), (region, NULL), (NULL, NULL)], aggr=[sum(amount)]
//!   sales
//! ```
//!
//! After:
//!
//! ```text
//! GroupingCascadeExec: sets=[(region, city), (region), ()], read=[(region, city)]
//!   AggregateExec: mode=Partial, gby=[region, city], aggr=[sum(amount)]
//!     sales
//! ```
//!
//! Sets that no other set refines are read from the rows; the others are merged from the states of the smallest set that
//! refines them. States merge exactly, DISTINCT and FILTER among them, because the final aggregate above would merge them
//! anyway. Aggregates that depend on the order of rows keep the plain plan.
//!
//! The aggregate below has no grouping sets any more where one set refines all others, as in CUBE and ROLLUP, so that
//! the star aggregate may take it.

mod cascade;
mod exec;
mod sets;

use super::guard_grouping_sets::UnorderedExec;
use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use exec::GroupingCascadeExec;
use sets::Sets;
use std::sync::Arc;

/// Wider masks have no grouping id.
const MOST_COLUMNS: usize = 64;

/// The rule; `pareto.grouping_cascade` switches it.
#[derive(Debug)]
pub(crate) struct DeriveGroupingSets;

impl PhysicalOptimizerRule for DeriveGroupingSets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.grouping_cascade) {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let cascade = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => replacement(aggregate)?,
                None => None,
            };
            Ok(cascade.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "derive_grouping_sets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands for an aggregate, when some of its sets can be derived.
fn replacement(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let single = match aggregate.mode() {
        AggregateMode::Partial => false,
        AggregateMode::Single => true,
        AggregateMode::Final
        | AggregateMode::FinalPartitioned
        | AggregateMode::SinglePartitioned
        | AggregateMode::PartialReduce => return Ok(None),
    };
    let groups = aggregate.group_expr();
    let ordered = aggregate.aggr_expr().iter().any(|function| !function.order_bys().is_empty());
    if groups.is_single()
        || ordered
        || aggregate.limit_options().is_some()
        || groups.expr().len() > MOST_COLUMNS
    {
        return Ok(None);
    }
    let sets = Sets::of(groups.groups());
    if sets.read().count() == groups.groups().len() {
        return Ok(None);
    }
    let whole = with_groups(aggregate, groups.clone(), aggregate.input())?;
    let finest: Vec<Vec<bool>> = sets.read().cloned().collect();
    let read = match finest.as_slice() {
        // One set, of whose groups all holds that is known of the rows.
        [only] if only.iter().all(|absent| !absent) => {
            let one = PhysicalGroupBy::new_single(groups.expr().to_vec());
            with_groups(aggregate, one, UnorderedExec::under(aggregate.input()))?
        }
        _ => {
            let (exprs, nulls) = (groups.expr().to_vec(), groups.null_expr().to_vec());
            let several = PhysicalGroupBy::new(exprs, nulls, finest, true);
            with_groups(aggregate, several, aggregate.input())?
        }
    };
    let read = Arc::new(read);
    let cascade: Arc<dyn ExecutionPlan> = Arc::new(GroupingCascadeExec::new(read, sets, &whole)?);
    if !single {
        return Ok(Some(cascade));
    }
    let merged = if cascade.output_partitioning().partition_count() == 1 {
        cascade
    } else {
        Arc::new(CoalescePartitionsExec::new(cascade))
    };
    let last = AggregateExec::try_new(
        AggregateMode::Final,
        groups.as_final(),
        aggregate.aggr_expr().to_vec(),
        vec![None; aggregate.aggr_expr().len()],
        merged,
        aggregate.input_schema(),
    )?;
    Ok(Some(Arc::new(last)))
}

/// The partial aggregate for other groups of the same rows.
fn with_groups(
    aggregate: &AggregateExec,
    groups: PhysicalGroupBy,
    input: &Arc<dyn ExecutionPlan>,
) -> Result<AggregateExec> {
    AggregateExec::try_new(
        AggregateMode::Partial,
        groups,
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(input),
        aggregate.input_schema(),
    )
}
