//! What a rewrite asks must have one answer.
//!
//! A condition that looks at nothing but the row before it is asked of the files several times, the source of a MERGE may
//! be read for each kind of its clauses, and after a lost race the whole statement is run again. A function whose value
//! changes from call to call would answer differently each time, and rows would be lost or doubled; a LIMIT that takes
//! whatever rows come first does not say which rows change. Both are refused, in subqueries as well. What else depends on
//! the order in which rows come, `row_number()` among equals or a sum of floats, is asked once ([`super::decided`]).
//!
//! Example: `DELETE FROM t WHERE k IN (SELECT k FROM s LIMIT 10)` is refused, with `ORDER BY k` it is not.

use crate::error::{EngineError, Result};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{InSubquery, SetComparison};
use datafusion::logical_expr::{Expr, FetchType, Limit, LogicalPlan, Values};
use std::sync::Arc;

/// Refuses functions that would give another value each time.
pub(super) fn refuse_volatile(plan: &LogicalPlan, verb: &str) -> Result<()> {
    let mut volatile = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            volatile |= expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if volatile {
        return Err(EngineError::invalid(format!(
            "{verb} cannot use a function whose value changes from call to call"
        ))
        .with_hint("compute the values into a table first, then join with it"));
    }
    Ok(())
}

/// Refuses a LIMIT over rows without an order.
pub(super) fn refuse_loose_limit(plan: &LogicalPlan, verb: &str) -> Result<()> {
    let mut loose = is_loose(plan);
    plan.apply_with_subqueries(|node| {
        // A subquery of a condition is looked at where it stands: EXISTS does not care which rows its LIMIT takes.
        if !matches!(node, LogicalPlan::Subquery(_)) {
            loose |= node.inputs().into_iter().any(is_loose);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                loose |= rows_of(expr).is_some_and(is_loose);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    if loose {
        return Err(EngineError::invalid(format!(
            "{verb} cannot depend on a LIMIT without ORDER BY: which rows it takes is not defined"
        ))
        .with_hint("order it by a key, or store the keys in a table first and join with it"));
    }
    Ok(())
}

/// Whether a plan gives the same rows of the same tables each time. Of aggregates, windows and sorts nobody knows: the sum
/// of floats depends on the order in which they come.
pub(super) fn gives_the_same(plan: &LogicalPlan) -> Result<bool> {
    let mut same = true;
    plan.apply_with_subqueries(|node| {
        same &= matches!(
            node,
            LogicalPlan::TableScan(_)
                | LogicalPlan::Values(_)
                | LogicalPlan::EmptyRelation(_)
                | LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::Union(_)
        );
        Ok(if same { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(same)
}

/// Expressions as a plan, so that they are walked with their subqueries as everything else is.
pub(super) fn plan_of(expressions: Vec<Expr>) -> LogicalPlan {
    LogicalPlan::Values(Values { schema: Arc::new(DFSchema::empty()), values: vec![expressions] })
}

/// The rows of a subquery that matter to the expression it stands in.
fn rows_of(expr: &Expr) -> Option<&LogicalPlan> {
    match expr {
        Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })
        | Expr::ScalarSubquery(subquery) => Some(subquery.subquery.as_ref()),
        _ => None,
    }
}

/// Whether a plan is a LIMIT that may take these rows or others.
fn is_loose(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Limit(limit) => !takes_none(limit) && !is_settled(&limit.input),
        LogicalPlan::Subquery(lateral) => is_loose(&lateral.subquery),
        _ => false,
    }
}

/// Whether the rows come in an order that was asked for, or there is only one.
fn is_settled(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Values(values) => values.values.len() == 1,
        LogicalPlan::Projection(projection) => is_settled(&projection.input),
        LogicalPlan::Filter(filter) => is_settled(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => is_settled(&alias.input),
        _ => false,
    }
}

fn takes_none(limit: &Limit) -> bool {
    matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0))))
}
