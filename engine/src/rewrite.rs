//! What we change of plans, in the order it happens.
//!
//! While a statement becomes a plan, numbers keep what they mean:
//!
//! 1. [`exact_decimals`]: money stays exact beside a number that is written in the statement;
//! 2. [`checked_arithmetic`]: whole numbers that outgrow their type are an error, between constants here, and as the first
//!    rule on physical plans where rows decide.
//!
//! On logical plans, before DataFusion's rules, which then improve on what ours made:
//!
//! 3. [`join_memberships`]: IN, EXISTS and `in_segment` as values become joins, so they work wherever a value does.
//!
//! Among them:
//!
//! 4. [`count_distinct`]: different whole numbers and dates are counted with bitmaps, before DataFusion makes groups of them.
//!
//! After them, when it is known which columns are needed:
//!
//! 5. [`eliminate_joins`]: a join that neither adds a column that is needed nor adds or drops rows is left out, if keys that
//!    say `RELY` promise so;
//! 6. [`share_subplans`]: an aggregate or window that is there twice is computed once. The copies are tied together by the
//!    last of all rules on physical plans.
//!
//! On physical plans, between DataFusion's: when joins are ordered and filters pushed to the scans, and before exchanges and
//! sorts are put in, which are then settled for fewer operators, and before filters that only become known while the query
//! runs are pushed to the scans:
//!
//! 7. [`eliminate_filters`]: a condition that the files answer is not asked of their rows;
//! 8. [`guard_grouping_sets`]: what is known of rows is not taken to hold for the groups of several sets;
//! 9. [`derive_grouping_sets`]: CUBE, ROLLUP and GROUPING SETS read the rows once, for the finest set;
//! 10. [`aggregate_star`]: a star is joined, grouped and aggregated by one operator. After the grouping sets, because the
//!     aggregate of their finest set may be over a star;
//! 11. [`order_star_joins`]: what is left of stars is joined in the order in which dimensions drop rows.
//!
//! The last two read a plan as a [`star`].
//!
//! And after DataFusion's, when exchanges and sorts are in their places:
//!
//! 12. [`eliminate_order`]: an exchange does not keep an order that nobody reads;
//! 13. [`eliminate_exchanges`]: rows that come together by fewer columns do not change threads twice. After the order, because
//!     an exchange that keeps one stays;
//! 14. [`read_neighbours`]: `lag`, `row_number` and their like are computed for a batch at once;
//! 15. [`compute_days_once`]: what is computed of a date alone is computed once for each day;
//! 16. [`number_groups`]: groups by one whole number are numbered by an array;
//! 17. [`pack_sorts`]: rows are sorted by whole numbers as one number each.
//!
//! The first two decide what a statement means, and the guard keeps answers right, so they have no switch. Any other rule
//! changes plans, never answers: one that only makes a query faster has a switch, and `agreement.rs` holds it to the answers
//! without. A new rule is a file here and a line in [`install`].

mod aggregate_star;
#[cfg(test)]
mod agreement;
mod checked_arithmetic;
mod compute_days_once;
mod count_distinct;
mod derive_grouping_sets;
mod eliminate_exchanges;
mod eliminate_filters;
mod eliminate_joins;
mod eliminate_order;
mod exact_decimals;
mod guard_grouping_sets;
mod join_memberships;
mod number_groups;
mod order_star_joins;
mod pack_sorts;
mod read_neighbours;
mod share_subplans;
mod star;
mod states;
mod subqueries;

pub(crate) use order_star_joins::StarJoinOrderExec;

use aggregate_star::AggregateStar;
use checked_arithmetic::{CheckedArithmetic, Constants};
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::Optimizer;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use derive_grouping_sets::DeriveGroupingSets;
use exact_decimals::ExactDecimals;
use order_star_joins::OrderStarJoins;
use share_subplans::{LinkSubplans, SharingPlanner};
use std::sync::Arc;

/// The logical rule of DataFusion's that makes groups of a single DISTINCT.
const SINGLE_DISTINCTS: &str = "single_distinct_aggregation_to_group_by";

/// The physical rule of DataFusion's that ours come before: the one that puts exchanges and sorts in.
const BEFORE: &str = "EnsureRequirements";

/// A builder that plans with our rules and DataFusion's.
#[expect(
    clippy::disallowed_methods,
    reason = "the new list holds DataFusion's rules, and ours in their places"
)]
pub(crate) fn install(builder: SessionStateBuilder) -> SessionStateBuilder {
    let mut logical = Optimizer::new().rules;
    let place = logical.iter().position(|rule| rule.name() == SINGLE_DISTINCTS).unwrap_or(0);
    logical.insert(place, Arc::new(count_distinct::CountDistinct));
    logical.insert(0, Arc::new(join_memberships::JoinMemberships));
    logical.push(Arc::new(eliminate_joins::EliminateJoins));
    logical.push(Arc::new(share_subplans::ShareSubplans));
    let ours: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 5] = [
        Arc::new(eliminate_filters::EliminateFilters),
        Arc::new(guard_grouping_sets::GuardGroupingSets),
        Arc::new(DeriveGroupingSets),
        Arc::new(AggregateStar),
        Arc::new(OrderStarJoins),
    ];
    let mut physical = PhysicalOptimizer::new().rules;
    let place = physical.iter().position(|rule| rule.name() == BEFORE).unwrap_or(physical.len());
    physical.splice(place..place, ours);
    physical.insert(0, Arc::new(CheckedArithmetic));
    physical.push(Arc::new(eliminate_order::EliminateOrder));
    physical.push(Arc::new(eliminate_exchanges::EliminateExchanges));
    physical.push(Arc::new(read_neighbours::ReadNeighbours));
    physical.push(Arc::new(compute_days_once::ComputeDaysOnce));
    physical.push(Arc::new(number_groups::NumberGroups));
    physical.push(Arc::new(pack_sorts::PackSorts));
    physical.push(Arc::new(LinkSubplans));
    builder
        .with_optimizer_rules(logical)
        .with_query_planner(Arc::new(SharingPlanner))
        .with_physical_optimizer_rules(physical)
}

/// Lets a session read statements with what we know of numbers.
pub(crate) fn install_numbers(registry: &mut dyn FunctionRegistry) -> Result<()> {
    registry.register_expr_planner(Arc::new(Constants))?;
    registry.register_expr_planner(Arc::new(ExactDecimals))?;
    registry.register_function_rewrite(Arc::new(ExactDecimals))
}
