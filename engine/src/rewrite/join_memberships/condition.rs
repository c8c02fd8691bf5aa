//! IN and `in_segment` in WHERE and HAVING.
//!
//! A condition drops a row where it is NULL as where it is FALSE, so a test that it asks for as it is, or beside others
//! with AND and OR, may be FALSE instead of NULL: DataFusion makes a join of it that does just that. `NOT IN` alone is
//! also left to DataFusion, whose join knows of NULL. Under anything else NULL counts: `x NOT IN (..) OR y > 5` does
//! not hold where the first is NULL. Such a test becomes a value as anywhere else, unless its subquery refers to the row
//! and NULL may be among the members: no join gives that value, and DataFusion's is FALSE for it.

use super::{Marks, is_membership, segment_test};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator};
use datafusion::optimizer::OptimizerConfig;
use std::sync::Arc;

/// The tests of a filter: for DataFusion to join where it may, values everywhere else.
pub(super) fn in_where(
    filter: Filter,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    if !filter.predicate.exists(|part| Ok(is_membership(part)))? {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let mut marks = Marks::new(filter.input.as_ref().clone(), config);
    let mut changed = false;
    let mut conjuncts = Vec::new();
    for conjunct in split_conjunction(&filter.predicate) {
        let conjunct = marks.conjunct(conjunct.clone())?;
        changed |= conjunct.transformed;
        conjuncts.push(conjunct.data);
    }
    let (true, Some(predicate)) = (changed, conjunction(conjuncts)) else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let is_wider = !marks.values.is_empty();
    let rewritten = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(marks.input))?);
    if !is_wider {
        return Ok(Transformed::yes(rewritten));
    }
    let columns = filter.input.schema().columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(rewritten).project(columns)?.build().map(Transformed::yes)
}

impl Marks<'_> {
    /// One of the conditions that must all hold.
    fn conjunct(&mut self, expr: Expr) -> Result<Transformed<Expr>> {
        if let Expr::Not(test) = &expr {
            if matches!(test.as_ref(), Expr::InSubquery(_)) {
                return expr.map_children(|test| self.member(test));
            }
            if let Some(test) = segment_test(test, &self.input)? {
                // NULL is in no segment, and not outside of one: not even of one without members.
                let known = (*test.expr).clone().is_not_null();
                let outside = Expr::InSubquery(InSubquery { negated: true, ..test });
                return Ok(Transformed::yes(known.and(outside)));
            }
        }
        if matches!(&expr, Expr::InSubquery(_)) {
            return self.member(expr);
        }
        self.condition(expr)
    }

    /// A condition, or what AND and OR make one of: where it is NULL it may as well be FALSE.
    fn condition(&mut self, expr: Expr) -> Result<Transformed<Expr>> {
        let is_joined = match &expr {
            Expr::BinaryExpr(sides) => matches!(sides.op, Operator::And | Operator::Or),
            _ => false,
        };
        if is_joined {
            return expr.map_children(|side| self.condition(side));
        }
        if matches!(&expr, Expr::InSubquery(test) if !test.negated) {
            return self.member(expr);
        }
        match segment_test(&expr, &self.input)? {
            Some(test) => {
                let test = self.member(Expr::InSubquery(test))?;
                Ok(Transformed::yes(test.data))
            }
            None => self.valued(expr),
        }
    }

    /// A test that stays, with values for the tests in what it looks for.
    fn member(&mut self, test: Expr) -> Result<Transformed<Expr>> {
        test.map_children(|member| self.valued(member))
    }

    /// An expression with values for its tests.
    fn valued(&mut self, expr: Expr) -> Result<Transformed<Expr>> {
        expr.transform_up(|part| {
            if !is_membership(&part) {
                return Ok(Transformed::no(part));
            }
            if let Some(value) = self.value(&part)? {
                return Ok(Transformed::yes(value));
            }
            // No join gives the value: DataFusion makes of the test what it can.
            Ok(match segment_test(&part, &self.input)? {
                Some(test) => Transformed::yes(Expr::InSubquery(test)),
                None => Transformed::no(part),
            })
        })
    }
}
