//! Expressions that read more than the row before them: what two rules need to know alike.
//!
//! Example: `amount > (SELECT avg(amount) FROM sales)` reads other rows; `amount > 5` does not.

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;

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
