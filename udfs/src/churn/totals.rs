//! Aggregates over a few totals of money or of customers.
//!
//! A function says which numbers its rows add, one column per total, and what the totals come to. Whole
//! numbers and decimals are added exactly as 256-bit integers, floats exactly as [`FloatSum`]: the
//! state merges, and the order of the rows leaves no trace. NULL in a column adds nothing.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, Float64Array, ListArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{and, cast, is_not_null, not, nullif};
use arrow::datatypes::{
    DECIMAL256_MAX_PRECISION, DataType, Decimal256Type, Field, Float64Type, UInt64Type, i256,
};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::float_sum::FloatSum;
use crate::aggregate::{self, Gather, list_of};
use crate::amount::{Amount, too_large};
use crate::args::Arguments;
use crate::function::{Function, Spec};
use crate::ranking::ordered::infinite;

/// What the rows add, one column per total.
pub(crate) type Terms = Box<dyn Fn(&[ArrayRef]) -> Result<Vec<ArrayRef>> + Send + Sync>;

/// What the totals come to, as a value of the result type.
pub(crate) type Finish = Box<dyn Fn(&[Total], &DataType) -> Result<ScalarValue> + Send + Sync>;

/// How an aggregate over totals works.
pub(crate) struct Recipe {
    /// The type of every total for the types of the arguments.
    pub(crate) kinds: fn(&[DataType]) -> Vec<DataType>,
    /// The result type.
    pub(crate) returns: fn(&[DataType]) -> DataType,
    /// Reads the constants of a call.
    pub(crate) plan: fn(&Arguments) -> Result<(Terms, Finish)>,
}

/// Makes a function of a contract and a recipe.
pub(crate) fn function(spec: &'static Spec, recipe: Recipe) -> Function {
    aggregate::function(spec, recipe)
}

impl Gather for Recipe {
    fn check(&self, arguments: &Arguments) -> Result<()> {
        (self.plan)(arguments).map(drop)
    }

    fn returns(&self, given: &[DataType]) -> DataType {
        (self.returns)(given)
    }

    fn state(&self, given: &[DataType]) -> Vec<(&'static str, DataType)> {
        let kept = |kind| match kind {
            DataType::Float64 => list_of(DataType::Float64),
            exact => exact,
        };
        let totals = (self.kinds)(given).into_iter();
        totals.flat_map(|kind| [("total", kept(kind)), ("rows", DataType::UInt64)]).collect()
    }

    fn start(&self, arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn Accumulator>> {
        let (terms, finish) = (self.plan)(arguments)?;
        let totals = (self.kinds)(given).into_iter().map(Total::new).collect();
        let (function, returns) = (arguments.spec().name, (self.returns)(given));
        Ok(Box::new(Totals { function, returns, terms, finish, totals }))
    }
}

/// One total, and of how many rows.
#[derive(Debug)]
pub(crate) struct Total {
    kind: DataType,
    exact: i256,
    float: FloatSum,
    rows: u64,
}

impl Total {
    fn new(kind: DataType) -> Self {
        Self { kind, exact: i256::ZERO, float: FloatSum::default(), rows: 0 }
    }

    /// How many rows had a number.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The total as an integer of the smallest unit; None for floats.
    pub(crate) fn exact(&self) -> Option<i256> {
        (self.kind != DataType::Float64).then_some(self.exact)
    }

    /// The total of floats.
    pub(crate) fn float(&self) -> f64 {
        self.float.value()
    }

    /// This total for each one of another of the same kind; None unless the other is positive.
    pub(crate) fn over(&self, other: &Self) -> Option<f64> {
        match self.exact() {
            Some(total) => other.exact.is_positive().then(|| Amount::over(total, other.exact)),
            None => (other.float() > 0.0).then(|| self.float() / other.float()),
        }
    }

    /// Adds what rows have. None means the total has overflowed.
    fn update(&mut self, column: &ArrayRef) -> Option<()> {
        self.rows += u64::try_from(column.len() - column.null_count()).ok()?;
        self.add(column)
    }

    fn add(&mut self, column: &ArrayRef) -> Option<()> {
        if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
            return numbers.iter().flatten().try_for_each(|number| self.float.add(number));
        }
        let mut numbers = column.as_primitive_opt::<Decimal256Type>()?.iter().flatten();
        self.exact = numbers.try_fold(self.exact, |total, number| total.plus(number))?;
        Some(())
    }

    /// Adds the state of another. None means the total has overflowed.
    fn merge(&mut self, totals: &ArrayRef, rows: &ArrayRef) -> Option<()> {
        match totals.as_list_opt::<i32>() {
            Some(lists) => lists.iter().flatten().try_for_each(|parts| self.add(&parts))?,
            None => self.add(totals)?,
        }
        self.rows += rows.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        Some(())
    }

    fn state(&self) -> Result<[ScalarValue; 2]> {
        let total: ArrayRef = match self.exact() {
            Some(total) => {
                let total = Decimal256Array::from_iter_values([total]);
                Arc::new(total.with_data_type(self.kind.clone()))
            }
            None => {
                let parts = Float64Array::from_iter_values(self.float.parts().iter().copied());
                let item = Arc::new(Field::new_list_field(DataType::Float64, false));
                let offsets = OffsetBuffer::from_lengths([parts.len()]);
                Arc::new(ListArray::try_new(item, offsets, Arc::new(parts), None)?)
            }
        };
        Ok([ScalarValue::try_from_array(&total, 0)?, ScalarValue::UInt64(Some(self.rows))])
    }
}

/// The accumulator.
struct Totals {
    function: &'static str,
    returns: DataType,
    terms: Terms,
    finish: Finish,
    totals: Vec<Total>,
}

impl Accumulator for Totals {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let terms = (self.terms)(values)?;
        for (total, term) in self.totals.iter_mut().zip(&terms) {
            total.update(term).ok_or_else(|| too_large(self.function, "the money"))?;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (total, state) in self.totals.iter_mut().zip(states.chunks_exact(2)) {
            if let [totals, rows] = state {
                let merged = total.merge(totals, rows);
                merged.ok_or_else(|| too_large(self.function, "the money"))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        (self.finish)(&self.totals, &self.returns)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states: Result<Vec<_>> = self.totals.iter().map(Total::state).collect();
        Ok(states?.into_iter().flatten().collect())
    }

    fn size(&self) -> usize {
        let parts = self.totals.iter().map(|total| size_of_val(total.float.parts()));
        size_of_val(self) + self.totals.capacity() * size_of::<Total>() + parts.sum::<usize>()
    }
}

impl Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totals").field("totals", &self.totals).finish_non_exhaustive()
    }
}

/// The one type in which amounts can be added: floats if one of them is, else a decimal with the most
/// decimals any of them has.
pub(crate) fn common(given: &[DataType]) -> DataType {
    let scale = |data_type: &DataType| match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    };
    if given.contains(&DataType::Float64) {
        return DataType::Float64;
    }
    let scale = given.iter().map(scale).max().unwrap_or(0);
    DataType::Decimal256(DECIMAL256_MAX_PRECISION, scale)
}

/// Two columns of amounts in their common type, NULL in both where one of them is NULL or NaN.
/// `labels` name them where an amount is infinite.
pub(crate) fn pair(columns: &[ArrayRef], labels: &[String; 2]) -> Result<[ArrayRef; 2]> {
    let [left, right, ..] = columns else {
        return Err(DataFusionError::Internal("a total did not get its columns".to_owned()));
    };
    let kind = common(&[left.data_type().clone(), right.data_type().clone()]);
    let left = present(&cast(left, &kind)?, &labels[0])?;
    let right = present(&cast(right, &kind)?, &labels[1])?;
    let both = and(&is_not_null(&left)?, &is_not_null(&right)?)?;
    Ok([keep(&left, &both)?, keep(&right, &both)?])
}

/// The column with NULL wherever `kept` is not true.
pub(crate) fn keep(column: &ArrayRef, kept: &BooleanArray) -> Result<ArrayRef> {
    let kept = match kept.nulls() {
        Some(nulls) => BooleanArray::new(kept.values() & nulls.inner(), None),
        None => kept.clone(),
    };
    Ok(nullif(column, &not(&kept)?)?)
}

/// The column with NULL for NaN and 0.0 for -0.0; an infinite amount is an error.
fn present(column: &ArrayRef, label: &str) -> Result<ArrayRef> {
    let Some(floats) = column.as_primitive_opt::<Float64Type>() else {
        return Ok(Arc::clone(column));
    };
    if let Some(value) = floats.iter().flatten().find(|value| value.is_infinite()) {
        return Err(infinite(label, value));
    }
    // Adding zero turns -0.0 into 0.0, which arrow compares by their bits.
    let present = |value: Option<f64>| Some(value.filter(|value| !value.is_nan())? + 0.0);
    Ok(Arc::new(floats.iter().map(present).collect::<Float64Array>()))
}
