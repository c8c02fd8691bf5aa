//! What a star may do that the plan it stands for does not: compute a key of rows that a condition drops, and read a
//! dimension again.
//!
//! Keys of the fact are computed for whole batches, conditions of the fact apart. A key that fails on some row,
//! `CAST(code AS BIGINT)` or `100 / x`, may have a condition in front of it that keeps it from that row. So only such keys
//! make a star as cannot fail.
//!
//! A dimension that does not fit is read again by the plain plan. The rows of a recursive query's last round are there once.

use arrow::datatypes::{DataType, Schema};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    CaseExpr, CastExpr, Column, IsNotNullExpr, IsNullExpr, Literal, TryCastExpr,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::work_table::WorkTableExec;
use std::sync::Arc;

/// Functions that give a value for every row, whatever is in it.
const NEVER_FAIL: &[&str] =
    &["btrim", "coalesce", "date_part", "date_trunc", "lower", "ltrim", "nullif", "rtrim", "upper"];

/// Whether an expression gives a value for every row, and the same each time.
pub(super) fn never_fails(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let itself = if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        let from = cast.expr().data_type(schema);
        from.is_ok_and(|from| widens(&from, cast.cast_type()))
    } else if let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() {
        NEVER_FAIL.contains(&function.name())
    } else {
        expr.is::<Column>()
            || expr.is::<Literal>()
            || expr.is::<TryCastExpr>()
            || expr.is::<CaseExpr>()
            || expr.is::<IsNullExpr>()
            || expr.is::<IsNotNullExpr>()
    };
    itself && expr.children().into_iter().all(|child| never_fails(child, schema))
}

/// Whether every value of a type is one of another type.
fn widens(from: &DataType, to: &DataType) -> bool {
    let bytes = |data_type: &DataType| data_type.primitive_width().unwrap_or(0);
    let is_text = |data_type: &DataType| {
        matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    };
    if from == to || (is_text(from) && is_text(to)) {
        return true;
    }
    if let DataType::Dictionary(_, value) = from {
        return widens(value, to);
    }
    if from.is_unsigned_integer() && to.is_integer() {
        return bytes(from) < bytes(to);
    }
    from.is_signed_integer() && to.is_signed_integer() && bytes(from) <= bytes(to)
}

/// Whether a plan gives the same rows when it is run again.
pub(super) fn may_run_again(plan: &Arc<dyn ExecutionPlan>) -> bool {
    !plan.is::<WorkTableExec>() && plan.children().into_iter().all(may_run_again)
}
