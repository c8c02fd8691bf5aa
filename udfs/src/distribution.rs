//! Aggregates over the distribution of one amount: how often each value occurs.
//!
//! The state is the distinct values, ascending, with their counts. Two states merge by adding counts,
//! so the result cannot depend on partitions, batches or the order of rows, and a rollup may keep the
//! state. Values wait in a buffer that is folded in when it has grown as long as the state, which
//! keeps both the work and the memory in proportion to the distinct values.
//!
//! NULL and NaN are skipped; an infinite amount is an error that names the column. What is computed
//! from the distribution at the end is the function's own [`Plan`].

use std::fmt::{self, Debug};
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, PrimitiveArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Field, Float64Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type, i256,
};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use crate::aggregate::{self, Gather, list_of};
use crate::amount::{Amount, Precise};
use crate::args::Arguments;
use crate::function::{Function, Spec};
use crate::ranking::ordered::infinite;

/// Computes the result from the distribution.
pub(crate) type Summary = Box<dyn Fn(&Distribution) -> Result<ScalarValue> + Send + Sync>;

/// Reads the constants of a call.
pub(crate) type Plan = fn(&Arguments) -> Result<Summary>;

/// Result type for the argument types, after coercion.
pub(crate) type Returns = fn(&[DataType]) -> DataType;

/// The distinct values of a group, ascending, and how often each occurs.
#[derive(Debug)]
pub(crate) struct Distribution {
    pub(crate) values: ArrayRef,
    pub(crate) counts: Vec<u64>,
}

/// A computation over exact or float amounts, written once for both.
pub(crate) trait Fold {
    type Output;
    /// `runs` is ascending; `None` means the sums have overflowed.
    fn fold<A: Amount>(&self, runs: &[(A, u64)]) -> Option<Self::Output>;
}

impl Distribution {
    /// How many rows had a value.
    pub(crate) fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Runs a computation over the amounts. None if a sum has overflowed.
    pub(crate) fn fold<F: Fold>(&self, fold: &F) -> Option<F::Output> {
        match self.values.data_type() {
            DataType::Float64 => fold.fold(&self.runs::<Float64Type, Precise>(Precise::new)),
            DataType::Decimal256(..) => fold.fold(&self.runs::<Decimal256Type, i256>(|v| v)),
            DataType::Decimal128(..) => fold
                .fold(&self.runs::<Decimal128Type, i128>(|v| v))
                .or_else(|| fold.fold(&self.runs::<Decimal128Type, i256>(i256::from_i128))),
            _ => fold.fold(&self.runs::<Int64Type, i128>(i128::from)).or_else(|| {
                fold.fold(&self.runs::<Int64Type, i256>(|v| i256::from_i128(v.into())))
            }),
        }
    }

    fn runs<T: ArrowPrimitiveType, A>(&self, amount: impl Fn(T::Native) -> A) -> Vec<(A, u64)> {
        let values = self.values.as_primitive::<T>().values().iter();
        values.zip(&self.counts).map(|(value, count)| (amount(*value), *count)).collect()
    }
}

/// Makes a function of a contract and a plan.
pub(crate) fn function(spec: &'static Spec, returns: Returns, plan: Plan) -> Function {
    aggregate::function(spec, Summarized { returns, plan })
}

struct Summarized {
    returns: Returns,
    plan: Plan,
}

impl Gather for Summarized {
    fn check(&self, arguments: &Arguments) -> Result<()> {
        (self.plan)(arguments).map(drop)
    }

    fn returns(&self, given: &[DataType]) -> DataType {
        (self.returns)(given)
    }

    fn state(&self, given: &[DataType]) -> Vec<(&'static str, DataType)> {
        let value_type = given.first().cloned().unwrap_or(DataType::Int64);
        vec![("values", list_of(value_type)), ("counts", list_of(DataType::UInt64))]
    }

    fn start(&self, arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn Accumulator>> {
        let spec = arguments.spec();
        let summary = (self.plan)(arguments)?;
        let label = arguments.label(spec.parameters.first().map_or("", |p| p.name));
        let value_type = given.first().cloned().unwrap_or(DataType::Int64);
        counts(&value_type, &label, summary).ok_or_else(|| {
            DataFusionError::Plan(format!(
                "{}: {label} is {value_type}: cast it to a number, a date or a timestamp",
                spec.name
            ))
        })
    }
}

/// The accumulator of a column of this type; None if its values have no order.
fn counts(value_type: &DataType, label: &str, summary: Summary) -> Option<Box<dyn Accumulator>> {
    let started: fn(DataType, String, Summary) -> Box<dyn Accumulator> = match value_type {
        DataType::Float64 => boxed::<Float64Type>,
        DataType::Decimal128(..) => boxed::<Decimal128Type>,
        DataType::Decimal256(..) => boxed::<Decimal256Type>,
        DataType::Int64 => boxed::<Int64Type>,
        DataType::Date32 => boxed::<Date32Type>,
        DataType::Date64 => boxed::<Date64Type>,
        DataType::Timestamp(TimeUnit::Second, _) => boxed::<TimestampSecondType>,
        DataType::Timestamp(TimeUnit::Millisecond, _) => boxed::<TimestampMillisecondType>,
        DataType::Timestamp(TimeUnit::Microsecond, _) => boxed::<TimestampMicrosecondType>,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => boxed::<TimestampNanosecondType>,
        DataType::Time32(TimeUnit::Second) => boxed::<Time32SecondType>,
        DataType::Time32(_) => boxed::<Time32MillisecondType>,
        DataType::Time64(TimeUnit::Microsecond) => boxed::<Time64MicrosecondType>,
        DataType::Time64(_) => boxed::<Time64NanosecondType>,
        DataType::Duration(TimeUnit::Second) => boxed::<DurationSecondType>,
        DataType::Duration(TimeUnit::Millisecond) => boxed::<DurationMillisecondType>,
        DataType::Duration(TimeUnit::Microsecond) => boxed::<DurationMicrosecondType>,
        DataType::Duration(TimeUnit::Nanosecond) => boxed::<DurationNanosecondType>,
        _ => return None,
    };
    Some(started(value_type.clone(), label.to_owned(), summary))
}

fn boxed<T: ArrowPrimitiveType + Send>(
    value_type: DataType,
    label: String,
    summary: Summary,
) -> Box<dyn Accumulator>
where
    T::Native: ArrowNativeTypeOp,
{
    let counts = Counts::<T> { value_type, label, summary, runs: vec![], waiting: vec![] };
    Box::new(counts)
}

/// The accumulator: values with their counts, ascending, and values not folded in yet.
struct Counts<T: ArrowPrimitiveType> {
    value_type: DataType,
    label: String,
    summary: Summary,
    runs: Vec<(T::Native, u64)>,
    waiting: Vec<(T::Native, u64)>,
}

/// Fewer waiting values than this are not worth folding in.
const PATIENCE: usize = 1_024;

impl<T: ArrowPrimitiveType> Counts<T>
where
    T::Native: ArrowNativeTypeOp,
{
    fn take(&mut self, value: T::Native, count: u64) {
        self.waiting.push((value, count));
        if self.waiting.len() >= self.runs.len().max(PATIENCE) {
            self.fold_in();
        }
    }

    /// Sorts what is waiting and merges it into the runs.
    fn fold_in(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        self.runs.append(&mut self.waiting);
        // The front is already in order, which the sort notices.
        self.runs.sort_by(|left, right| left.0.compare(right.0));
        self.runs.dedup_by(|next, kept| {
            let same = next.0.is_eq(kept.0);
            if same {
                kept.1 += next.1;
            }
            same
        });
    }

    fn values(&self) -> ArrayRef {
        let values = PrimitiveArray::<T>::from_iter_values(self.runs.iter().map(|run| run.0));
        Arc::new(values.with_data_type(self.value_type.clone()))
    }
}

/// The values without NaN; an infinite one is an error.
fn present(values: &ArrayRef, label: &str) -> Result<ArrayRef> {
    let DataType::Float64 = values.data_type() else { return Ok(Arc::clone(values)) };
    let floats = values.as_primitive::<Float64Type>();
    if let Some(value) = floats.iter().flatten().find(|value| value.is_infinite()) {
        return Err(infinite(label, value));
    }
    // Adding zero turns -0.0 into 0.0, so the two are one value.
    let present = floats.iter().flatten().filter(|value| !value.is_nan()).map(|value| value + 0.0);
    Ok(Arc::new(PrimitiveArray::<Float64Type>::from_iter_values(present)))
}

impl<T: ArrowPrimitiveType> Accumulator for Counts<T>
where
    T::Native: ArrowNativeTypeOp,
{
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let values = present(values, &self.label)?;
        for value in values.as_primitive::<T>().iter().flatten() {
            self.take(value, 1);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else { return Ok(()) };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        for row in 0..values.len() {
            if values.is_null(row) {
                continue;
            }
            let (values, counts) = (values.value(row), counts.value(row));
            let runs = values.as_primitive::<T>().values().iter();
            for (value, count) in runs.zip(counts.as_primitive::<UInt64Type>().values()) {
                self.take(*value, *count);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.fold_in();
        let counts = self.runs.iter().map(|run| run.1).collect();
        (self.summary)(&Distribution { values: self.values(), counts })
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.fold_in();
        let counts = UInt64Array::from_iter_values(self.runs.iter().map(|run| run.1));
        let list = |items: ArrayRef| {
            let item = Arc::new(Field::new_list_field(items.data_type().clone(), false));
            let offsets = OffsetBuffer::from_lengths([items.len()]);
            ListArray::try_new(item, offsets, items, None)
                .map(|list| ScalarValue::List(Arc::new(list)))
        };
        Ok(vec![list(self.values())?, list(Arc::new(counts))?])
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.label.capacity()
            + (self.runs.capacity() + self.waiting.capacity()) * size_of::<(T::Native, u64)>()
    }
}

impl<T: ArrowPrimitiveType> Debug for Counts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").field("distinct", &self.runs.len()).finish()
    }
}
