//! A column as one order-preserving `u64` per row.
//!
//! Integers, dates and decimals that fit 64 bits are shifted so that the lowest becomes 0; floats
//! get the usual bit trick; anything wider, and text, is replaced by its place among the distinct
//! values. Equal values get equal keys, NaN is read as no value, and an infinite amount is an error
//! that names the column. The [`Scale`] remembers how to turn a key back into an exact amount.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBufferBuilder, Float64Array, Int32Array, Int64Array,
    make_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, i256};
use datafusion::common::{DataFusionError, Result};

use crate::parallel::{self, CHUNK};

/// A column as comparable keys.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// One per row; 0 where there is no value.
    pub(crate) keys: Vec<u64>,
    nulls: Option<NullBuffer>,
    pub(crate) scale: Scale,
}

/// How a key becomes an amount again.
#[derive(Debug)]
pub(crate) enum Scale {
    /// The key with its sign bit flipped is the integer.
    Whole,
    /// The float bit trick.
    Float,
    /// The key is a place in this list of decimals.
    Decimal(Vec<i128>),
    /// The key is a place in this list of wide decimals.
    Wide(Vec<i256>),
    /// The keys have an order and no amount.
    Text,
}

const SIGN: u64 = 1 << 63;

/// The key of 0, under [`Scale::Whole`] and [`Scale::Float`] alike.
pub(crate) const ZERO: u64 = SIGN;

impl Ordered {
    /// Reads a column; `label` names it in errors.
    pub(crate) fn read(column: &ArrayRef, label: &str) -> Result<Self> {
        match column.data_type() {
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                floats(&cast(column, &DataType::Float64)?, label)
            }
            DataType::Decimal128(..) => Ok(decimals(column)),
            DataType::Decimal256(..) => {
                let values = column.as_primitive::<Decimal256Type>();
                let (keys, distinct) = places(values.iter());
                let nulls = values.nulls().cloned();
                Ok(Self { keys, nulls, scale: Scale::Wide(distinct) })
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let values = cast(column, &DataType::LargeUtf8)?;
                let (keys, _) = places(values.as_string::<i64>().iter());
                Ok(Self { keys, nulls: values.nulls().cloned(), scale: Scale::Text })
            }
            _ => whole(column),
        }
    }

    /// The same rows in the opposite order. Amounts can no longer be read back.
    pub(crate) fn reversed(mut self) -> Self {
        parallel::fill(&mut self.keys, CHUNK, |_, keys| {
            for key in keys {
                *key = !*key;
            }
        });
        self.scale = Scale::Text;
        self
    }

    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    pub(crate) fn nulls(&self) -> Option<&NullBuffer> {
        self.nulls.as_ref()
    }

    /// The keys of the rows that have a value, ascending.
    pub(crate) fn sorted(&self) -> Vec<u64> {
        super::sort(self.present(0..self.keys.len()).into_owned())
    }

    /// Keeps only the rows for which `keep` holds; the others lose their value.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut valid = BooleanBufferBuilder::new(self.keys.len());
        for row in 0..self.keys.len() {
            valid.append(self.is_valid(row) && keep(row));
        }
        self.nulls = Some(NullBuffer::new(valid.finish()));
    }

    /// The keys of some rows, without the others. Amounts can no longer be read back.
    pub(crate) fn pick(&self, rows: &[usize]) -> Self {
        let keys = rows.iter().map(|row| self.keys[*row]).collect();
        Self { keys, nulls: None, scale: Scale::Text }
    }

    /// Refuses a key that is missing or that two of the counted rows share.
    pub(crate) fn check_unique(&self, counted: &Self, label: &str) -> Result<()> {
        let rows = (0..self.keys.len()).filter(|row| counted.is_valid(*row));
        let mut keys = Vec::with_capacity(self.keys.len());
        for row in rows {
            if !self.is_valid(row) {
                return Err(DataFusionError::Execution(format!(
                    "key {label} is NULL in a row that has a value: ties => 'split' needs a key \
                     that identifies every row"
                )));
            }
            keys.push(self.keys[row]);
        }
        if super::sort(keys).windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DataFusionError::Execution(format!(
                "key {label} is not unique: ties => 'split' needs a key that no two rows of a \
                 partition share"
            )));
        }
        Ok(())
    }

    /// How many rows have a value.
    pub(crate) fn count(&self) -> usize {
        self.keys.len() - self.nulls.as_ref().map_or(0, NullBuffer::null_count)
    }

    /// The keys of those of the rows that have a value.
    pub(crate) fn present(&self, rows: Range<usize>) -> Cow<'_, [u64]> {
        let keys = &self.keys[rows.clone()];
        match &self.nulls {
            None => Cow::Borrowed(keys),
            Some(nulls) => {
                let valid = nulls.slice(rows.start, rows.len());
                Cow::Owned(valid.valid_indices().map(|row| keys[row]).collect())
            }
        }
    }
}

/// The integer behind a [`Scale::Whole`] key.
pub(crate) fn whole_of(key: u64) -> i64 {
    (key ^ SIGN).cast_signed()
}

/// The float behind a [`Scale::Float`] key.
pub(crate) fn float_of(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

fn whole_key(value: i64) -> u64 {
    value.cast_unsigned() ^ SIGN
}

fn float_key(value: f64) -> u64 {
    // Adding zero turns -0.0 into 0.0, so the two are one value.
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

/// A key for every value.
fn keys<T: Copy + Sync>(values: &[T], key: impl Fn(T) -> u64 + Sync) -> Vec<u64> {
    let mut keys = vec![0; values.len()];
    parallel::fill(&mut keys, CHUNK, |first, keys| {
        for (to, value) in keys.iter_mut().zip(&values[first..]) {
            *to = key(*value);
        }
    });
    keys
}

fn floats(column: &ArrayRef, label: &str) -> Result<Ordered> {
    let values = column.as_primitive::<Float64Type>();
    let nulls = present_floats(values, label)?;
    Ok(Ordered { keys: keys(values.values(), float_key), nulls, scale: Scale::Float })
}

/// The rows that have a number.
fn present_floats(values: &Float64Array, label: &str) -> Result<Option<NullBuffer>> {
    let finite = parallel::map(values.len(), CHUNK, |rows| {
        values.values()[rows].iter().all(|value| value.is_finite())
    });
    if finite.into_iter().all(|finite| finite) {
        return Ok(values.nulls().cloned());
    }
    let mut valid = BooleanBufferBuilder::new(values.len());
    for (row, value) in values.values().iter().enumerate() {
        let present = values.is_valid(row) && !value.is_nan();
        if present && value.is_infinite() {
            return Err(infinite(label, *value));
        }
        valid.append(present);
    }
    let nulls = NullBuffer::new(valid.finish());
    Ok((nulls.null_count() > 0).then_some(nulls))
}

/// The error for an infinite amount.
pub(crate) fn infinite(label: &str, value: f64) -> DataFusionError {
    let sign = if value < 0.0 { "-" } else { "+" };
    DataFusionError::Execution(format!(
        "{label} holds {sign}infinity, which has no place among amounts: filter it out or replace \
         it with NULL"
    ))
}

fn decimals(column: &ArrayRef) -> Ordered {
    let values = column.as_primitive::<Decimal128Type>();
    let nulls = values.nulls().cloned();
    let narrow = parallel::map(values.len(), CHUNK, |rows| {
        let mut rows = rows;
        rows.all(|row| values.is_null(row) || i64::try_from(values.value(row)).is_ok())
    });
    if narrow.into_iter().all(|narrow| narrow) {
        let key = |value: i128| i64::try_from(value).map(whole_key).unwrap_or_default();
        return Ordered { keys: keys(values.values(), key), nulls, scale: Scale::Whole };
    }
    let (keys, distinct) = places(values.iter());
    Ordered { keys, nulls, scale: Scale::Decimal(distinct) }
}

fn whole(column: &ArrayRef) -> Result<Ordered> {
    let keys = match column.data_type() {
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => {
            let data = column.to_data().into_builder().data_type(DataType::Int32);
            let values = Int32Array::from(data.build()?);
            keys(values.values(), |value| whole_key(i64::from(value)))
        }
        _ => keys(integers(column)?.values(), whole_key),
    };
    Ok(Ordered { keys, nulls: column.nulls().cloned(), scale: Scale::Whole })
}

/// Reads integers, dates, times, timestamps and durations as 64-bit integers.
pub(crate) fn integers(column: &ArrayRef) -> Result<Int64Array> {
    let data = column.to_data();
    let plain = match column.data_type() {
        DataType::Timestamp(..)
        | DataType::Duration(_)
        | DataType::Date64
        | DataType::Time64(_) => {
            make_array(data.into_builder().data_type(DataType::Int64).build()?)
        }
        DataType::Date32 | DataType::Time32(_) => {
            let days: Int32Array = data.into_builder().data_type(DataType::Int32).build()?.into();
            Arc::new(days.unary::<_, Int64Type>(i64::from))
        }
        _ => cast(column, &DataType::Int64)?,
    };
    Ok(plain.as_primitive::<Int64Type>().clone())
}

/// Replaces every value by its place among the distinct ones.
fn places<T: Ord + Copy>(values: impl Iterator<Item = Option<T>> + Clone) -> (Vec<u64>, Vec<T>) {
    let mut distinct: Vec<T> = values.clone().flatten().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let place = |value: Option<T>| {
        let found = value.and_then(|value| distinct.binary_search(&value).ok());
        found.and_then(|place| u64::try_from(place).ok()).unwrap_or_default()
    };
    (values.map(place).collect(), distinct)
}
