//! Rule: an exchange does not keep an order that nobody reads.
//!
//! The files of a sorted table are read in their order, and an aggregate over them can give its groups in that order too. For
//! that, DataFusion merges the sorted streams where rows change threads, row by row. A sort above makes all of it worthless:
//!
//! ```text
//! SortExec: customer_id, sold_on                    SortExec: customer_id, sold_on
//!   AggregateExec: ordering_mode=Sorted               AggregateExec
//!     RepartitionExec: preserve_order=true      =>      RepartitionExec
//!       AggregateExec: ordering_mode=Sorted               AggregateExec: ordering_mode=Sorted
//!         DataSourceExec                                    DataSourceExec
//! ```
//!
//! Only what is known to hand an order on, or to make one anew, is looked through. It runs when all sorts are in their places,
//! and never takes one away.

use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use std::sync::Arc;

/// The rule; `pareto.order_elimination` switches it.
#[derive(Debug)]
pub(crate) struct EliminateOrder;

impl PhysicalOptimizerRule for EliminateOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(options, |own| own.order_elimination) {
            return Ok(plan);
        }
        without_order(&plan, true)
    }

    fn name(&self) -> &'static str {
        "eliminate_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan; when the order of its rows is not `read`, without what is only done to keep it.
fn without_order(plan: &Arc<dyn ExecutionPlan>, read: bool) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(exchange) = plan.downcast_ref::<RepartitionExec>()
        && exchange.preserve_order()
        && !read
    {
        let input = without_order(exchange.input(), false)?;
        let plain = RepartitionExec::try_new(input, exchange.partitioning().clone())?;
        return Ok(Arc::new(plain));
    }
    let read = reads(plan, read);
    let children = plan.children().into_iter().map(|child| without_order(child, read));
    replace_children_if_necessary(Arc::clone(plan), children.collect::<Result<_>>()?)
}

/// Whether an operator reads the order of its input, when its own is `read` or not.
fn reads(plan: &Arc<dyn ExecutionPlan>, read: bool) -> bool {
    if plan.is::<SortExec>() {
        return false;
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        // An order of its groups only makes it faster, and is asked for as if it were needed.
        let mut functions = aggregate.aggr_expr().iter();
        return read || functions.any(|function| !function.order_bys().is_empty());
    }
    let hands_on = plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<RepartitionExec>();
    if !hands_on || plan.required_input_ordering().iter().any(Option::is_some) {
        return true;
    }
    read && plan.maintains_input_order().iter().any(|maintained| *maintained)
}
