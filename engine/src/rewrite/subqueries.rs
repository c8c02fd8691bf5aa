//! Expressions that read more than the row before them: what rules need to know alike.
//!
//! Example: `amount > (SELECT avg(amount) FROM sales)` reads other rows; `amount > 5` does not.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::sync::Arc;

/// Whether an expression reads rows other than its input's: those of a subquery, or of a query around its own.
pub(super) fn reads_more(expr: &Expr) -> Result<bool> {
    expr.exists(|part| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    })
}

/// Whether two expressions are the same, and read the same versions of tables, which look alike in a plan.
pub(super) fn is_same(one: &Expr, other: &Expr) -> Result<bool> {
    Ok(one == other && sources(one)? == sources(other)?)
}

/// The tables that the subqueries of an expression read, in order.
fn sources(expr: &Expr) -> Result<Vec<*const ()>> {
    let mut sources = Vec::new();
    expr.apply(|part| {
        let subquery = match part {
            Expr::InSubquery(test) => &test.subquery,
            Expr::Exists(test) => &test.subquery,
            Expr::SetComparison(test) => &test.subquery,
            Expr::ScalarSubquery(subquery) => subquery,
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        subquery.subquery.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                sources.push(Arc::as_ptr(&scan.source).cast::<()>());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(sources)
}
