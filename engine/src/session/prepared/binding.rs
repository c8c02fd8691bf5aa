//! The values of one run in place of the parameters.
//!
//! A driver binds the type that was announced, or another one. A value gets the announced type where that keeps it. Where
//! it does not, a comparison takes the value as it was bound: no BIGINT is 1.5, and comparing with 1 would find some. A
//! DECIMAL or TIMESTAMP that is written loses digits that it has no room for, as one in the text of an `INSERT` does. Anything
//! else is refused.
//!
//! Example: `WHERE id = ?` with the number 1.0 is `WHERE id = 1`; `LIMIT ?` with 1.5 is an error.

use super::settle_limits;
use crate::error::{EngineError, Result};
use crate::sql::sql_type;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::expr::{Between, InList, InSubquery, Placeholder, SetComparison};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use std::collections::HashMap;

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is compared with others, or computed with where that decides no column's type.
    Compared,
    /// It is a value that is written, as it is.
    Written,
    /// Its type is that of a result, or it is an argument.
    Shown,
}

/// The plan with the one row of values.
pub(super) fn bind(
    plan: LogicalPlan,
    row: &RecordBatch,
    parameters: &SchemaRef,
) -> Result<LogicalPlan> {
    if row.num_rows() != 1 {
        return Err(EngineError::invalid(format!(
            "one row of parameters runs a statement once; {} rows were bound",
            row.num_rows()
        )));
    }
    let mut known: HashMap<String, Option<DataType>> = plan.get_parameter_types()?;
    settle_limits(&plan, &mut known)?;
    let uses = Uses::of(&plan)?;
    let mut values = Vec::with_capacity(row.num_columns());
    for (column, parameter) in row.columns().iter().zip(parameters.fields()) {
        let (value, name) = (ScalarValue::try_from_array(column, 0)?, parameter.name());
        values.push(match known.get(name) {
            Some(Some(wanted)) => {
                fitted(unzoned(value, wanted)?, wanted, name, uses.of_parameter(name))?
            }
            // A type that the statement leaves open is taken as it was bound.
            _ => value,
        });
    }
    Ok(plan.with_param_values(ParamValues::from(values))?)
}

/// A value as the wanted type, or as it is where a comparison can take it.
fn fitted(value: ScalarValue, wanted: &DataType, name: &str, used: Use) -> Result<ScalarValue> {
    let bound = value.data_type();
    if bound == *wanted {
        return Ok(value);
    }
    let refused = |why: &str| {
        let (bound, wanted) = (sql_type(&bound), sql_type(wanted));
        EngineError::invalid(format!("parameter {name} is {bound}, but {wanted} is wanted{why}"))
    };
    let alike = (bound.is_numeric() && wanted.is_numeric())
        || (bound.is_temporal() && wanted.is_temporal());
    match value.cast_to(wanted) {
        Ok(cast) if keeps(&value, &cast) => Ok(cast),
        _ if alike && used == Use::Compared => Ok(value),
        Ok(cast) if used == Use::Written && rounds(&bound, wanted) => Ok(cast),
        Ok(_) => Err(refused(", and the value would become another")
            .with_hint(format!("CAST(? AS {}) takes it as it is", sql_type(&bound)))),
        Err(_) => Err(refused("")),
    }
}

/// A moment with a zone as the same moment in UTC, where one without a zone is wanted: that is how tables keep it.
fn unzoned(value: ScalarValue, wanted: &DataType) -> Result<ScalarValue> {
    match value.data_type() {
        DataType::Timestamp(unit, Some(_))
            if !matches!(wanted, DataType::Timestamp(_, Some(_))) =>
        {
            Ok(value.cast_to(&DataType::Timestamp(unit, None))?)
        }
        _ => Ok(value),
    }
}

/// Whether a value is still the same. Text is read as a quoted value is, and floating point is never exact.
fn keeps(value: &ScalarValue, cast: &ScalarValue) -> bool {
    let bound = value.data_type();
    if value.is_null() || is_text(&bound) || cast.data_type().is_floating() {
        return true;
    }
    let back = match (&bound, cast.data_type()) {
        // A zone is put to a moment on the wall, and says nothing of its digits.
        (DataType::Timestamp(_, None), DataType::Timestamp(unit, Some(_))) => {
            let short = value.cast_to(&DataType::Timestamp(unit, None));
            short.and_then(|short| short.cast_to(&bound))
        }
        _ => cast.cast_to(&bound),
    };
    back.is_ok_and(|back| back == *value)
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

/// Whether a value that is written loses digits and nothing else: those of a number behind the scale of a DECIMAL, those of
/// a moment behind the unit of a TIMESTAMP.
fn rounds(bound: &DataType, wanted: &DataType) -> bool {
    let is_moment = |data_type: &DataType| matches!(data_type, DataType::Timestamp(..));
    let of_number = bound.is_numeric() && wanted.is_decimal();
    of_number || (is_moment(bound) && is_moment(wanted))
}

/// How often each parameter stands where.
#[derive(Debug, Default)]
struct Uses {
    all: HashMap<String, usize>,
    compared: HashMap<String, usize>,
    written: HashMap<String, usize>,
}

impl Uses {
    fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut uses = Self::default();
        let writes = matches!(plan, LogicalPlan::Dml(_));
        plan.apply_with_subqueries(|node| {
            let computes = writes || matches!(node, LogicalPlan::Filter(_));
            node.apply_expressions(|expr| {
                if writes {
                    count(&mut uses.written, bare(expr));
                }
                expr.apply(|part| {
                    count(&mut uses.all, part);
                    for operand in operands(part, computes) {
                        count(&mut uses.compared, operand);
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(uses)
    }

    /// What a parameter is wherever it stands.
    fn of_parameter(&self, name: &str) -> Use {
        let all = self.all.get(name);
        match all {
            Some(_) if all == self.compared.get(name) => Use::Compared,
            Some(_) if all == self.written.get(name) => Use::Written,
            _ => Use::Shown,
        }
    }
}

fn count(times: &mut HashMap<String, usize>, expr: &Expr) {
    if let Expr::Placeholder(Placeholder { id, .. }) = expr {
        *times.entry(id.clone()).or_default() += 1;
    }
}

/// A value without its name and the type it is written as.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        Expr::Cast(cast) => bare(&cast.expr),
        other => other,
    }
}

/// What an expression compares, and what it `computes` with.
fn operands(expr: &Expr, computes: bool) -> Vec<&Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(*op) || (computes && is_arithmetic(*op)) =>
        {
            vec![left.as_ref(), right.as_ref()]
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            vec![expr.as_ref(), low.as_ref(), high.as_ref()]
        }
        Expr::InList(InList { expr, list, .. }) => {
            let mut all = vec![expr.as_ref()];
            all.extend(list);
            all
        }
        Expr::InSubquery(InSubquery { expr, .. })
        | Expr::SetComparison(SetComparison { expr, .. })
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr) => vec![expr.as_ref()],
        _ => Vec::new(),
    }
}

fn is_arithmetic(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo
    )
}

fn compares(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::TimeUnit;

    fn check(value: &ScalarValue, wanted: &DataType, used: Use, expected: Option<&ScalarValue>) {
        let made = fitted(value.clone(), wanted, "$1", used).ok();
        assert_eq!(made.as_ref(), expected, "{value:?} as {wanted}, {used:?}");
    }

    #[test]
    fn a_value_is_cast_where_that_keeps_it() {
        let (whole, part) = (ScalarValue::Float64(Some(2.0)), ScalarValue::Float64(Some(1.5)));
        for used in [Use::Compared, Use::Written, Use::Shown] {
            check(&whole, &DataType::Int64, used, Some(&ScalarValue::Int64(Some(2))));
        }
        check(&part, &DataType::Int64, Use::Compared, Some(&part));
        check(&part, &DataType::Int64, Use::Written, None);
        check(&part, &DataType::Int64, Use::Shown, None);
        let noon = ScalarValue::TimestampSecond(Some(12 * 60 * 60), None);
        let midnight = ScalarValue::TimestampSecond(Some(0), None);
        check(&noon, &DataType::Date32, Use::Compared, Some(&noon));
        check(&noon, &DataType::Date32, Use::Written, None);
        check(&midnight, &DataType::Date32, Use::Shown, Some(&ScalarValue::Date32(Some(0))));
        let text = ScalarValue::Utf8(Some("one".to_owned()));
        check(&text, &DataType::Int64, Use::Compared, None);
    }

    #[test]
    fn a_written_decimal_is_rounded() {
        let (value, tenths) = (ScalarValue::Float64(Some(1.26)), DataType::Decimal128(8, 1));
        let rounded = ScalarValue::Decimal128(Some(13), 8, 1);
        check(&value, &tenths, Use::Written, Some(&rounded));
        check(&value, &tenths, Use::Compared, Some(&value));
        check(&value, &tenths, Use::Shown, None);
    }

    #[test]
    fn a_zone_keeps_the_moment() {
        let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
        let berlin = ScalarValue::TimestampMicrosecond(Some(7), Some("Europe/Berlin".into()));
        let moment = ScalarValue::TimestampMicrosecond(Some(7), None);
        let bound = unzoned(berlin.clone(), &plain).unwrap();
        assert_eq!(bound, moment);
        assert_eq!(unzoned(berlin.clone(), &berlin.data_type()).unwrap(), berlin);
        let wall = fitted(moment, &berlin.data_type(), "$1", Use::Written).unwrap();
        assert_eq!(wall.data_type(), berlin.data_type());
    }

    #[test]
    fn a_written_moment_loses_nanoseconds() {
        let value = ScalarValue::TimestampNanosecond(Some(1_001), None);
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let short = ScalarValue::TimestampMicrosecond(Some(1), None);
        check(&value, &micros, Use::Written, Some(&short));
        check(&value, &micros, Use::Compared, Some(&value));
    }
}
