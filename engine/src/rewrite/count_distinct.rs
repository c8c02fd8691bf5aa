//! Rule: different whole numbers and dates are counted by the values met, not by groups of groups.
//!
//! Before, DataFusion makes groups of each value, as many as there are pairs, and counts them:
//!
//! ```text
//! Aggregate: groupBy=[[month]], aggr=[[count(customer_id)]]
//!   Aggregate: groupBy=[[month, customer_id]], aggr=[[]]
//! ```
//!
//! After, each month keeps its customers in a bitmap (`pareto_udfs::count_distinct`):
//!
//! ```text
//! Aggregate: groupBy=[[month]], aggr=[[count_distinct(customer_id) AS count(DISTINCT customer_id)]]
//! ```
//!
//! The answer has the same name, type and value. Other types, and `DISTINCT` in other functions and in windows, stay. It
//! runs before DataFusion's rule for single DISTINCTs, which would take them.

use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use pareto_udfs::{count_distinct, counts_distinct};

/// The rule; `pareto.distinct_bitmaps` switches it.
#[derive(Debug)]
pub(crate) struct CountDistinct;

impl OptimizerRule for CountDistinct {
    fn name(&self) -> &'static str {
        "count_distinct"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        if !ParetoOptions::switched_on(&config.options(), |own| own.distinct_bitmaps) {
            return Ok(Transformed::no(plan));
        }
        let mut any = false;
        let mut functions = Vec::with_capacity(aggregate.aggr_expr.len());
        for function in &aggregate.aggr_expr {
            let counted = counted(function, aggregate)?;
            any |= counted.is_some();
            functions.push(counted.unwrap_or_else(|| function.clone()));
        }
        if !any {
            return Ok(Transformed::no(plan));
        }
        let input = std::sync::Arc::clone(&aggregate.input);
        let counted = Aggregate::try_new(input, aggregate.group_expr.clone(), functions)?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(counted)))
    }
}

/// A count of different whole numbers under its name; nothing for anything else.
fn counted(function: &Expr, aggregate: &Aggregate) -> Result<Option<Expr>> {
    let Expr::AggregateFunction(count) = function.clone().unalias() else { return Ok(None) };
    let AggregateFunctionParams { args, distinct, filter, order_by, null_treatment } = count.params;
    let [counted] = args.as_slice() else { return Ok(None) };
    let is_plain = distinct && order_by.is_empty() && count.func == count_udaf();
    if !is_plain || !counts_distinct(&counted.get_type(aggregate.input.schema())?) {
        return Ok(None);
    }
    let own =
        AggregateFunction::new_udf(count_distinct(), args, false, filter, order_by, null_treatment);
    let (_, name) = function.qualified_name();
    Ok(Some(Expr::AggregateFunction(own).alias(name)))
}
