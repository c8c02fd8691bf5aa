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
//! only what hands its rows on, one by one or by group, is looked through.

use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
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
        let fewer = plan.transform_down(|node| {
            Ok(match without(&node)? {
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

/// What is below an exchange, when another one further down can do for both.
fn without(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(exchange) = plan.downcast_ref::<RepartitionExec>() else { return Ok(None) };
    match (exchange.partitioning(), exchange.preserve_order()) {
        (Partitioning::Hash(keys, threads), false) => moved_down(exchange.input(), keys, *threads),
        _ => Ok(None),
    }
}

type Keys = Vec<Arc<dyn PhysicalExpr>>;

/// The plan with its rows by `keys`, which are over its columns, if an exchange in it can see to that.
fn moved_down(
    plan: &Arc<dyn ExecutionPlan>,
    keys: &Keys,
    threads: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let groups: Keys =
            aggregate.group_expr().expr().iter().map(|(group, _)| Arc::clone(group)).collect();
        let single = aggregate.group_expr().is_single();
        let Some(below) = over(keys, &groups).filter(|_| single) else { return Ok(None) };
        let input = match aggregate.mode() {
            AggregateMode::Partial => moved_down(aggregate.input(), &below, threads)?,
            AggregateMode::FinalPartitioned | AggregateMode::SinglePartitioned => {
                regrouped(aggregate.input(), below, threads)?
            }
            AggregateMode::Final | AggregateMode::Single | AggregateMode::PartialReduce => None,
        };
        return input
            .map(|input| replace_children_if_necessary(Arc::clone(plan), vec![input]))
            .transpose();
    }
    let (input, below) = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let columns: Keys =
            projection.expr().iter().map(|column| Arc::clone(&column.expr)).collect();
        (projection.input(), over(keys, &columns))
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        (filter.input(), filter.projection().is_none().then(|| keys.clone()))
    } else if let Some(passing) = plan.downcast_ref::<CooperativeExec>() {
        (passing.input(), Some(keys.clone()))
    } else {
        return Ok(None);
    };
    let Some(below) = below else { return Ok(None) };
    let input = moved_down(input, &below, threads)?;
    input.map(|input| replace_children_if_necessary(Arc::clone(plan), vec![input])).transpose()
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
