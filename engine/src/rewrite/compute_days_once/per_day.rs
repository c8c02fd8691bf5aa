//! The expression: days between the first and the last of a batch are computed, rows look theirs up.

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, RecordBatch, UInt32Array};
use arrow::compute::{max, min, take};
use arrow::datatypes::{DataType, Date32Type, FieldRef, Schema, SchemaRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A day must be there so many times on average, or each row is computed by itself.
const ROWS_PER_DAY: usize = 4;

/// An expression over one date.
#[derive(Debug, Clone, Eq)]
pub(super) struct PerDayExpr {
    /// The date, a column of the input.
    date: Arc<dyn PhysicalExpr>,
    /// What is computed of it, over a batch that has nothing else.
    of_day: Arc<dyn PhysicalExpr>,
    /// The columns of that batch.
    day: SchemaRef,
}

// By hand, because a derived one would move the expressions.
impl PartialEq for PerDayExpr {
    fn eq(&self, other: &Self) -> bool {
        self.date.eq(&other.date) && self.of_day.eq(&other.of_day)
    }
}

impl Hash for PerDayExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.date.hash(state);
        self.of_day.hash(state);
    }
}

impl PerDayExpr {
    /// Computes `expr` once for each day; it reads only the column `date` of a schema.
    pub(super) fn new(
        expr: &Arc<dyn PhysicalExpr>,
        date: &Column,
        schema: &Schema,
    ) -> Result<Self> {
        let day = Schema::new(vec![schema.field(date.index()).clone()]);
        let of_day = super::super::star::moved(expr, 0, |_| 0)?;
        Ok(Self { date: Arc::new(date.clone()), of_day, day: Arc::new(day) })
    }

    /// What is computed of some dates.
    fn of(&self, dates: ArrayRef) -> Result<ArrayRef> {
        let count = dates.len();
        let batch = RecordBatch::try_new(Arc::clone(&self.day), vec![dates])?;
        self.of_day.evaluate(&batch)?.into_array(count)
    }

    /// The same by a table of days; `None` where that does not pay, or a day that no row has cannot be computed.
    fn by_day(&self, dates: &ArrayRef) -> Result<Option<ArrayRef>> {
        let known = dates.as_primitive::<Date32Type>();
        let (Some(first), Some(last)) = (min(known), max(known)) else { return Ok(None) };
        let days = i64::from(last) - i64::from(first) + 1;
        if usize::try_from(days).is_ok_and(|days| days > dates.len() / ROWS_PER_DAY) {
            return Ok(None);
        }
        // NULL is looked up behind the last day.
        let none = known.null_count() > 0;
        let each = (first..=last).map(Some).chain(none.then_some(None));
        let Ok(values) = self.of(Arc::new(each.collect::<Date32Array>())) else { return Ok(None) };
        let place = |day: i32| day.wrapping_sub(first).cast_unsigned();
        let places: UInt32Array = if none {
            let behind = last.wrapping_sub(first).cast_unsigned() + 1;
            known.iter().map(|day| Some(day.map_or(behind, place))).collect()
        } else {
            UInt32Array::from_iter_values(known.values().iter().map(|day| place(*day)))
        };
        Ok(Some(take(&values, &places, None)?))
    }
}

impl fmt::Display for PerDayExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "per_day({})", self.of_day)
    }
}

impl PhysicalExpr for PerDayExpr {
    fn data_type(&self, _input: &Schema) -> Result<DataType> {
        self.of_day.data_type(&self.day)
    }

    fn nullable(&self, _input: &Schema) -> Result<bool> {
        self.of_day.nullable(&self.day)
    }

    fn return_field(&self, _input: &Schema) -> Result<FieldRef> {
        self.of_day.return_field(&self.day)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let dates = self.date.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(match self.by_day(&dates)? {
            Some(values) => values,
            None => self.of(dates)?,
        }))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.date]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.is_empty()) {
            (Some(date), true) => Ok(Arc::new(Self { date, ..self.as_ref().clone() })),
            _ => internal_err!("what is computed once for each day reads one date"),
        }
    }

    fn get_properties(&self, children: &[ExprProperties]) -> Result<ExprProperties> {
        match children {
            [date] => properties(&self.of_day, date),
            _ => Ok(ExprProperties::new_unknown()),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of_day.fmt_sql(f)
    }
}

/// What is known of an expression's order, when something is known of its date.
fn properties(expr: &Arc<dyn PhysicalExpr>, date: &ExprProperties) -> Result<ExprProperties> {
    if expr.is::<Column>() {
        return Ok(date.clone());
    }
    if let Some(constant) = expr.downcast_ref::<Literal>() {
        return Ok(ExprProperties {
            sort_properties: SortProperties::Singleton,
            range: Interval::from(constant.value()),
            preserves_lex_ordering: true,
            strictly_order_preserving: true,
        });
    }
    let below = expr.children().into_iter().map(|child| properties(child, date));
    expr.get_properties(&below.collect::<Result<Vec<_>>>()?)
}
