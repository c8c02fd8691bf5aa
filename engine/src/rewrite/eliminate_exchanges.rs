//! Rule: rows that come together by fewer columns do not change threads twice.
//!
//! Groups by customer and day are the same groups when all rows of a customer are in one thread. What then needs them by
//! customer has them there:
//!
//! ```text
//! WindowAggExec: PARTITION BY customer_id             WindowAggExec: PARTITION BY customer_id
//!   RepartitionExec: Hash(customer_id)                  AggregateExec: gby=[customer_id, sold_on]
//!     AggregateExec: gby=[customer_id, sold_on]   =>      RepartitionExec: Hash(customer_id)
//!       RepartitionExec: Hash(customer_id, sold_on)         AggregateExec: mode=Partial
//!         AggregateExec: mode=Partial
//! ```
//!
//! When what needs them is an aggregate in two steps, it becomes one in one step. The groups are as evenly spread over the
//! threads as the fewer columns are, so one of these must be a number whose values reach far: by region the work
//! of many customers would be done by the thread that has the largest region. It runs when all exchanges are in their places;
//! only what hands its rows on, one by one or by group, is looked through. A subplan that is computed once for several
//! readers is, when all of them need its rows by the same columns.

use super::share_subplans::SharedSubplanExec;
use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::combine_partial_final_agg::CombinePartialFinalAggregate;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, Partitioning, replace_children_if_necessary};
use std::collections::HashMap;
use std::sync::Arc;

/// Values that reach so far are taken to be many.
const FAR: usize = 10_000;

/// The rule; `pareto.exchange_elimination` switches it.
#[derive(Debug)]
pub(crate) struct EliminateExchanges;

impl PhysicalOptimizerRule for EliminateExchanges {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.exchange_elimination) {
            return Ok(plan);
        }
        let shared = asked_alike(&plan)?;
        let fewer = plan.transform_down(|node| {
            Ok(match without(&node, &shared)? {
                Some(fewer) => Transformed::yes(fewer),
                None => Transformed::no(node),
            })
        })?;
        if !fewer.transformed {
            return Ok(fewer.data);
        }
        CombinePartialFinalAggregate::new().optimize(fewer.data, config)
    }

    fn name(&self) -> &'static str {
        "eliminate_exchanges"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

type Keys = Vec<Arc<dyn PhysicalExpr>>;

/// What is below an exchange, when another one further down can do for both.
fn without(
    plan: &Arc<dyn ExecutionPlan>,
    shared: &HashMap<usize, Keys>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    match exchanged(plan) {
        Some((input, keys, threads)) => moved_down(input, keys, threads, shared),
        None => Ok(None),
    }
}

/// What an exchange brings together, by what, and in how many threads.
fn exchanged(plan: &Arc<dyn ExecutionPlan>) -> Option<(&Arc<dyn ExecutionPlan>, &Keys, usize)> {
    let exchange = plan.downcast_ref::<RepartitionExec>()?;
    match (exchange.partitioning(), exchange.preserve_order()) {
        (Partitioning::Hash(keys, threads), false) => Some((exchange.input(), keys, *threads)),
        _ => None,
    }
}

/// The shared subplans whose rows every reader needs by the same columns, and these.
fn asked_alike(plan: &Arc<dyn ExecutionPlan>) -> Result<HashMap<usize, Keys>> {
    let mut copies = HashMap::<usize, usize>::new();
    let mut asked = HashMap::<usize, Vec<Keys>>::new();
    plan.apply(|node| {
        if let Some(copy) = node.downcast_ref::<SharedSubplanExec>() {
            *copies.entry(copy.number()).or_default() += 1;
        }
        if let Some((input, keys, _)) = exchanged(node) {
            let (mut node, mut keys) = (input, keys.clone());
            while let Some((input, below)) = handed_on(node, &keys) {
                (node, keys) = (input, below);
            }
            if let Some(copy) = node.downcast_ref::<SharedSubplanExec>() {
                asked.entry(copy.number()).or_default().push(keys);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let alike = asked.into_iter().filter_map(|(number, mut readers)| {
        let all = copies.get(&number) == Some(&readers.len());
        let keys = readers.pop()?;
        (all && readers.iter().all(|other| *other == keys)).then_some((number, keys))
    });
    Ok(alike.collect())
}

/// The plan with its rows by `keys`, which are over its columns, if an exchange in it can see to that.
fn moved_down(
    plan: &Arc<dyn ExecutionPlan>,
    keys: &Keys,
    threads: usize,
    shared: &HashMap<usize, Keys>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let input = if let Some((input, below)) = handed_on(plan, keys) {
        moved_down(input, &below, threads, shared)?
    } else if let Some(copy) = plan.downcast_ref::<SharedSubplanExec>() {
        match (copy.input(), shared.get(&copy.number())) {
            (Some(input), Some(asked)) if asked == keys => {
                moved_down(input, keys, threads, shared)?
            }
            _ => None,
        }
    } else if let Some(aggregate) = plan.downcast_ref::<AggregateExec>()
        && matches!(
            aggregate.mode(),
            AggregateMode::FinalPartitioned | AggregateMode::SinglePartitioned
        )
        && let Some(below) = over_groups(keys, aggregate)
    {
        regrouped(aggregate.input(), below, threads)?
    } else {
        None
    };
    input.map(|input| replace_children_if_necessary(Arc::clone(plan), vec![input])).transpose()
}

/// The input of what hands rows on, one by one or by group, and the keys over its columns.
fn handed_on<'a>(
    plan: &'a Arc<dyn ExecutionPlan>,
    keys: &Keys,
) -> Option<(&'a Arc<dyn ExecutionPlan>, Keys)> {
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let is_partial = *aggregate.mode() == AggregateMode::Partial;
        let below = over_groups(keys, aggregate).filter(|_| is_partial)?;
        Some((aggregate.input(), below))
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let columns: Keys =
            projection.expr().iter().map(|column| Arc::clone(&column.expr)).collect();
        Some((projection.input(), over(keys, &columns)?))
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        filter.projection().is_none().then(|| (filter.input(), keys.clone()))
    } else {
        plan.downcast_ref::<CooperativeExec>().map(|passing| (passing.input(), keys.clone()))
    }
}

/// The keys over the input of an aggregate without grouping sets.
fn over_groups(keys: &Keys, aggregate: &AggregateExec) -> Option<Keys> {
    let groups = aggregate.group_expr();
    let columns: Keys = groups.expr().iter().map(|(group, _)| Arc::clone(group)).collect();
    over(keys, &columns).filter(|_| groups.is_single())
}

/// An exchange that brings groups together, by fewer of their columns.
fn regrouped(
    plan: &Arc<dyn ExecutionPlan>,
    keys: Keys,
    threads: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(exchange) = plan.downcast_ref::<RepartitionExec>() else { return Ok(None) };
    match (exchange.partitioning(), exchange.preserve_order()) {
        (Partitioning::Hash(_, there), false)
            if *there == threads && is_spread(exchange.input(), &keys)? =>
        {
            let keys = Partitioning::Hash(keys, threads);
            let exchange = RepartitionExec::try_new(Arc::clone(exchange.input()), keys)?;
            Ok(Some(Arc::new(exchange)))
        }
        _ => Ok(None),
    }
}

/// Whether one of the keys, columns of a plan, has values far enough apart to be many.
fn is_spread(plan: &Arc<dyn ExecutionPlan>, keys: &Keys) -> Result<bool> {
    let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
    let reach = |key: &Arc<dyn PhysicalExpr>| {
        let column = known.column_statistics.get(key.downcast_ref::<Column>()?.index())?;
        let (low, high) = (column.min_value.get_value()?, column.max_value.get_value()?);
        high.distance(low)
    };
    Ok(keys.iter().filter_map(reach).any(|reach| reach >= FAR))
}

/// The keys over what columns are made of, if all are columns that are handed on as they are.
fn over(keys: &Keys, columns: &[Arc<dyn PhysicalExpr>]) -> Option<Keys> {
    let below = keys.iter().map(|key| {
        let place = key.downcast_ref::<Column>()?.index();
        columns.get(place).filter(|below| below.is::<Column>()).cloned()
    });
    below.collect()
}
