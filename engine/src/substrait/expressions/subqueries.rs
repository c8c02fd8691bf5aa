//! Subqueries: one value, membership, existence, comparison with any or all.
//!
//! While a subquery is read, the columns around it can be referred to as outer columns. Those of more than one value per
//! row are refused: `(a, b) IN (..)` and `UNIQUE (..)` have no operator here.
//!
//! Example: `x = ANY (..)` is `x IN (..)`, `x <> ALL (..)` is `x NOT IN (..)`.

use crate::error::{EngineError, Result};
use crate::substrait::messages::RelBytes;
use crate::substrait::messages::expressions::{
    Comparison, PredicateOp, Reduction, SetComparison as ComparisonMessage,
    Subquery as SubqueryMessage, SubqueryKind,
};
use crate::substrait::reader::{Reader, Scope, incomplete, unsupported};
use datafusion::common::Spans;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::{Expr, Operator, Subquery};
use std::sync::Arc;

impl Reader<'_> {
    pub(super) fn subquery(&mut self, subquery: &SubqueryMessage, scope: &Scope) -> Result<Expr> {
        match subquery.kind.as_ref().ok_or_else(|| incomplete("Subquery", "a kind"))? {
            SubqueryKind::Scalar(scalar) => {
                Ok(Expr::ScalarSubquery(self.one_column(&scalar.input, scope)?))
            }
            SubqueryKind::In(member) => {
                let [needle] = member.needles.as_slice() else {
                    return Err(unsupported(
                        "Subquery.InPredicate with several needles",
                        "one value is looked for; join on the others",
                    ));
                };
                let needle = Box::new(self.row_expression(needle, scope)?);
                let haystack = self.one_column(&member.haystack, scope)?;
                Ok(Expr::InSubquery(InSubquery::new(needle, haystack, false)))
            }
            SubqueryKind::Set(predicate) => match PredicateOp::try_from(predicate.op) {
                Ok(PredicateOp::Exists) => {
                    let rows = self.any_columns(&predicate.tuples, scope)?;
                    Ok(Expr::Exists(Exists::new(rows, false)))
                }
                Ok(PredicateOp::Unique | PredicateOp::Unspecified) | Err(_) => {
                    Err(unsupported("Subquery.SetPredicate other than EXISTS", "EXISTS is"))
                }
            },
            SubqueryKind::Comparison(comparison) => self.comparison(comparison, scope),
        }
    }

    fn comparison(&mut self, comparison: &ComparisonMessage, scope: &Scope) -> Result<Expr> {
        let operator = match Comparison::try_from(comparison.comparison) {
            Ok(Comparison::Eq) => Operator::Eq,
            Ok(Comparison::Ne) => Operator::NotEq,
            Ok(Comparison::Lt) => Operator::Lt,
            Ok(Comparison::Gt) => Operator::Gt,
            Ok(Comparison::Le) => Operator::LtEq,
            Ok(Comparison::Ge) => Operator::GtEq,
            Ok(Comparison::Unspecified) | Err(_) => {
                return Err(incomplete("SetComparison", "a comparison_op"));
            }
        };
        let quantifier = match Reduction::try_from(comparison.reduction) {
            Ok(Reduction::Any) => SetQuantifier::Any,
            Ok(Reduction::All) => SetQuantifier::All,
            Ok(Reduction::Unspecified) | Err(_) => {
                return Err(incomplete("SetComparison", "a reduction_op"));
            }
        };
        let left = Box::new(self.row_expression(&comparison.left, scope)?);
        let right = self.one_column(&comparison.right, scope)?;
        Ok(match (operator, &quantifier) {
            (Operator::Eq, SetQuantifier::Any) => {
                Expr::InSubquery(InSubquery::new(left, right, false))
            }
            (Operator::NotEq, SetQuantifier::All) => {
                Expr::InSubquery(InSubquery::new(left, right, true))
            }
            _ => Expr::SetComparison(SetComparison::new(left, right, operator, quantifier)),
        })
    }

    fn one_column(&mut self, bytes: &RelBytes, scope: &Scope) -> Result<Subquery> {
        let relation = self.within(bytes, scope)?;
        if relation.fields.len() != 1 {
            return Err(EngineError::invalid(format!(
                "a subquery that is compared has one column, this one has {}",
                relation.fields.len()
            )));
        }
        Ok(subquery(self.exact(relation)?))
    }

    fn any_columns(&mut self, bytes: &RelBytes, scope: &Scope) -> Result<Subquery> {
        Ok(subquery(self.within(bytes, scope)?.plan))
    }

    /// Reads a relation that may refer to the columns of `scope`.
    fn within(
        &mut self,
        bytes: &RelBytes,
        scope: &Scope,
    ) -> Result<crate::substrait::reader::Relation> {
        self.outer.push(scope.clone());
        let relation = self.relation(bytes);
        self.outer.pop();
        relation
    }
}

fn subquery(plan: datafusion::logical_expr::LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}
