//! Rule: what is computed of a date alone is computed once for each day.
//!
//! Months, quarters, weekdays, and texts made of them: a fact of six million sales has them of a thousand days, and rows
//! that lie together in a file are of the same few. So each batch computes them for the days between its first and its last,
//! and its rows look theirs up:
//!
//! ```text
//! AggregateExec: gby=[date_trunc(month, sold_on)]   =>   AggregateExec: gby=[per_day(date_trunc(month, sold_on))]
//! ```
//!
//! It runs at the end, on what projections compute and aggregates group by; the star aggregate asks [`once_per_day`] for its
//! own groups. An expression is left as it is when it calls no function, reads more than one column, or gives another value
//! each time.

mod per_day;

use crate::settings::ParetoOptions;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, PhysicalGroupBy};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};
use per_day::PerDayExpr;
use std::sync::Arc;

/// The rule; `pareto.day_lookup` switches it.
#[derive(Debug)]
pub(crate) struct ComputeDaysOnce;

impl PhysicalOptimizerRule for ComputeDaysOnce {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.day_lookup) {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let new = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                projected(projection)?
            } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
                grouped(aggregate)?
            } else {
                None
            };
            // What is known of the order of rows was relied on.
            let keeps = |new: &Arc<dyn ExecutionPlan>| {
                new.output_ordering() == node.output_ordering()
                    && is_same(new.output_partitioning(), node.output_partitioning())
            };
            Ok(match new.filter(keeps) {
                Some(new) => Transformed::yes(new),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "compute_days_once"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether rows are spread alike; what is not known to be equal is not equal to itself.
fn is_same(new: &Partitioning, old: &Partitioning) -> bool {
    match (new, old) {
        (Partitioning::UnknownPartitioning(new), Partitioning::UnknownPartitioning(old)) => {
            new == old
        }
        _ => new == old,
    }
}

fn projected(projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let schema = projection.input().schema();
    let mut changes = false;
    let mut columns = Vec::with_capacity(projection.expr().len());
    for column in projection.expr() {
        let once = once_per_day(&column.expr, &schema)?;
        changes |= once.is_some();
        let expr = once.unwrap_or_else(|| Arc::clone(&column.expr));
        columns.push(ProjectionExpr { expr, alias: column.alias.clone() });
    }
    if !changes {
        return Ok(None);
    }
    Ok(Some(Arc::new(ProjectionExec::try_new(columns, Arc::clone(projection.input()))?)))
}

fn grouped(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (groups, schema) = (aggregate.group_expr(), aggregate.input().schema());
    let mut changes = false;
    let mut exprs = Vec::with_capacity(groups.expr().len());
    for (expr, name) in groups.expr() {
        let once = once_per_day(expr, &schema)?;
        changes |= once.is_some();
        exprs.push((once.unwrap_or_else(|| Arc::clone(expr)), name.clone()));
    }
    if !changes {
        return Ok(None);
    }
    let groups = PhysicalGroupBy::new(
        exprs,
        groups.null_expr().to_vec(),
        groups.groups().to_vec(),
        groups.has_grouping_set(),
    );
    let new = AggregateExec::try_new(
        *aggregate.mode(),
        groups,
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )?
    .with_limit_options(aggregate.limit_options());
    let same = new.input_order_mode() == aggregate.input_order_mode()
        && new.schema() == aggregate.schema();
    Ok(same.then(|| Arc::new(new) as Arc<dyn ExecutionPlan>))
}

/// The expression with what it computes of a date alone computed once for each day; `None` if it computes nothing so.
pub(super) fn once_per_day(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let once = Arc::clone(expr).transform_down(|expr| {
        if expr.is::<PerDayExpr>() {
            return Ok(Transformed::new(expr, false, TreeNodeRecursion::Jump));
        }
        let Some(date) = date_of(&expr, schema) else { return Ok(Transformed::no(expr)) };
        let once: Arc<dyn PhysicalExpr> = Arc::new(PerDayExpr::new(&expr, &date, schema)?);
        Ok(Transformed::new(once, true, TreeNodeRecursion::Jump))
    })?;
    Ok(once.transformed.then_some(once.data))
}

/// The date that an expression is computed of alone, if looking it up is likely to be faster.
fn date_of(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Column> {
    let columns = collect_columns(expr);
    let mut columns = columns.into_iter();
    let (Some(column), None) = (columns.next(), columns.next()) else { return None };
    let is_date = schema
        .fields()
        .get(column.index())
        .is_some_and(|field| *field.data_type() == DataType::Date32);
    (is_date && calls(expr) && !is_volatile(expr) && is_plain(expr)).then_some(column)
}

/// Whether it calls a function.
fn calls(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is::<ScalarFunctionExpr>() || expr.children().into_iter().any(calls)
}

/// Whether it is made of columns and constants only, and not of what is known while the query runs.
fn is_plain(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let children = expr.children();
    if children.is_empty() {
        return expr.is::<Column>() || expr.is::<Literal>();
    }
    children.into_iter().all(is_plain)
}
