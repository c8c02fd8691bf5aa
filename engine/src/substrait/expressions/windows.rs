//! Window functions: the function, what it runs over, and its frame.
//!
//! A bound that is left out has no end. Where the plan does not say whether bounds count rows or values, they count
//! values when there is an order, as SQL has it.
//!
//! Example: `{ function: rank, sorts: [#1 DESC] }` is `rank() OVER (ORDER BY c1 DESC)`.

use crate::error::{EngineError, Result};
use crate::substrait::messages::functions::{
    Bound, BoundKind, BoundsType, Invocation, Offset, WindowFunction,
};
use crate::substrait::reader::{Reader, Scope};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::{
    Expr, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, expr,
};

impl Reader<'_> {
    pub(super) fn window_function(&mut self, call: &WindowFunction, scope: &Scope) -> Result<Expr> {
        let partitions = self.row_expressions(&call.partitions, scope)?;
        let sorts = self.sorts(&call.sorts, scope)?;
        self.window(call, partitions, sorts, scope)
    }

    /// The same where partitions and order are those of a window relation.
    pub(in crate::substrait) fn window(
        &mut self,
        call: &WindowFunction,
        partition_by: Vec<Expr>,
        mut order_by: Vec<SortExpr>,
        scope: &Scope,
    ) -> Result<Expr> {
        let (fun, args) = self.window_definition(call, scope)?;
        let units = match BoundsType::try_from(call.bounds_type) {
            Ok(BoundsType::Rows) => WindowFrameUnits::Rows,
            Ok(BoundsType::Range) => WindowFrameUnits::Range,
            Ok(BoundsType::Unspecified) | Err(_) if order_by.is_empty() => WindowFrameUnits::Rows,
            Ok(BoundsType::Unspecified) | Err(_) => WindowFrameUnits::Range,
        };
        let start =
            bound(call.lower_bound.as_ref(), WindowFrameBound::Preceding(ScalarValue::Null))?;
        let end = bound(call.upper_bound.as_ref(), WindowFrameBound::Following(ScalarValue::Null))?;
        let window_frame = WindowFrame::new_bounds(units, start, end);
        window_frame.regularize_order_bys(&mut order_by)?;
        let distinct = Invocation::try_from(call.invocation) == Ok(Invocation::Distinct);
        Ok(Expr::from(expr::WindowFunction {
            fun,
            params: WindowFunctionParams {
                args,
                partition_by,
                order_by,
                window_frame,
                filter: None,
                null_treatment: None,
                distinct,
            },
        }))
    }
}

/// A bound of a frame; `unbounded` when it has no end.
fn bound(bound: Option<&Bound>, unbounded: WindowFrameBound) -> Result<WindowFrameBound> {
    Ok(match bound.and_then(|bound| bound.kind.as_ref()) {
        None | Some(BoundKind::Unbounded(_)) => unbounded,
        Some(BoundKind::CurrentRow(_)) => WindowFrameBound::CurrentRow,
        Some(BoundKind::Preceding(offset)) => WindowFrameBound::Preceding(distance(offset)?),
        Some(BoundKind::Following(offset)) => WindowFrameBound::Following(distance(offset)?),
    })
}

fn distance(offset: &Offset) -> Result<ScalarValue> {
    match u64::try_from(offset.offset) {
        Ok(distance) => Ok(ScalarValue::UInt64(Some(distance))),
        Err(_) => Err(EngineError::invalid(format!(
            "a window's bound is {} away: a distance is not negative",
            offset.offset
        ))),
    }
}
