//! Money stays exact beside a number that is written in the statement.
//!
//! The planner reads `1.19` as a DOUBLE, and a DECIMAL beside a DOUBLE becomes one: a tax, a discount or a limit in a
//! statement would turn cents into fractions of them. So:
//!
//! | Written | Becomes |
//! |---|---|
//! | `amount * 1.19`, `amount > 0.5`, with `amount` a DECIMAL | the number as a DECIMAL with the digits written |
//! | `amount IN (0.5, 1.19)`, `amount BETWEEN 0.5 AND 1.19`, `CASE amount WHEN 0.5 ..` | the same |
//! | `amount / 1.19` | stays: a quotient is a DOUBLE |
//! | a number stored or cast as a DECIMAL | its digits, not those of the DOUBLE nearest to it |
//!
//! Where the exact result could need more digits than a DECIMAL has, the numbers stay DOUBLE.
//!
//! Example: `sum(amount * 1.19)` over cents is exact to a hundredth of a cent.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, Cast, InList, TryCast};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, Operator, lit};
use sqlparser::ast::BinaryOperator;

/// A DOUBLE written with more digits after the point than this was not meant as money.
const SCALE_LIMIT: usize = 15;

/// Both halves: what a statement's operations mean, and its casts.
#[derive(Debug)]
pub(crate) struct ExactDecimals;

impl ExprPlanner for ExactDecimals {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let Some(operator) = exact_operator(&expr.op) else {
            return Ok(PlannerResult::Original(expr));
        };
        let (left, right) = match (number(&expr.left), number(&expr.right)) {
            (Some(number), None) => (beside(&number, &expr.right, &expr.op, schema), None),
            (None, Some(number)) => (None, beside(&number, &expr.left, &expr.op, schema)),
            _ => (None, None),
        };
        if left.is_none() && right.is_none() {
            return Ok(PlannerResult::Original(expr));
        }
        let (left, right) = (left.unwrap_or(expr.left), right.unwrap_or(expr.right));
        let exact = BinaryExpr::new(Box::new(left), operator, Box::new(right));
        Ok(PlannerResult::Planned(Expr::BinaryExpr(exact)))
    }
}

impl FunctionRewrite for ExactDecimals {
    fn name(&self) -> &'static str {
        "exact_decimals"
    }

    fn rewrite(
        &self,
        mut expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        let changed = match &mut expr {
            Expr::Cast(Cast { expr: inner, field })
            | Expr::TryCast(TryCast { expr: inner, field }) => as_text(inner, field.data_type()),
            Expr::InList(InList { expr: compared, list, .. }) => {
                compare(compared, list.iter_mut(), schema)
            }
            Expr::Between(Between { expr: compared, low, high, .. }) => {
                compare(compared, [low.as_mut(), high.as_mut()].into_iter(), schema)
            }
            Expr::Case(Case { expr: Some(compared), when_then_expr, .. }) => {
                compare(compared, when_then_expr.iter_mut().map(|(when, _)| when.as_mut()), schema)
            }
            _ => false,
        };
        Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
    }
}

/// Makes a number that is cast to a DECIMAL the text of its digits.
fn as_text(inner: &mut Expr, data_type: &DataType) -> bool {
    let (DataType::Decimal128(_, 0..), Some(text)) = (data_type, number(inner)) else {
        return false;
    };
    *inner = lit(text);
    true
}

/// Makes the numbers that a DECIMAL is compared with exact. True if there are any.
fn compare<'a>(
    compared: &Expr,
    numbers: impl Iterator<Item = &'a mut Expr>,
    schema: &DFSchema,
) -> bool {
    let mut changed = false;
    for one in numbers {
        let exact =
            number(one).and_then(|number| beside(&number, compared, &BinaryOperator::Eq, schema));
        if let Some(exact) = exact {
            *one = exact;
            changed = true;
        }
    }
    changed
}

/// The operators whose result is exact when both sides are.
fn exact_operator(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Modulo => Operator::Modulo,
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// A DOUBLE that is written in the statement: the fewest digits that mean it, which are those written.
fn number(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) if value.is_finite() => {
            Some(value.to_string())
        }
        _ => None,
    }
}

/// The number as a DECIMAL, beside an expression that is one.
fn beside(number: &str, other: &Expr, op: &BinaryOperator, schema: &DFSchema) -> Option<Expr> {
    let Ok(DataType::Decimal128(other_precision, other_scale)) = other.get_type(schema) else {
        return None;
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = i8::try_from(fraction.len()).ok().filter(|_| fraction.len() <= SCALE_LIMIT)?;
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |digits| digits + 1);
    let precision = u8::try_from(digits).ok()?.max(scale.unsigned_abs()).max(1);
    let needed = match op {
        BinaryOperator::Multiply => precision.checked_add(other_precision)?.checked_add(1)?,
        _ => {
            let whole = (i16::from(precision) - i16::from(scale))
                .max(i16::from(other_precision) - i16::from(other_scale));
            u8::try_from(whole + i16::from(scale.max(other_scale)) + 1).ok()?
        }
    };
    let exact = ScalarValue::Decimal128(Some(value), precision, scale);
    (needed <= DECIMAL128_MAX_PRECISION).then(|| lit(exact))
}
