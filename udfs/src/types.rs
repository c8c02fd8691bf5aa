//! Which column types an argument takes, and which one it is read as.
//!
//! Coercion only unifies: small integers become 64-bit, unsigned 64-bit becomes a decimal so nothing
//! is lost, or signed where the argument counts (`ntile` and `rank` are unsigned), small decimals
//! become 128-bit, text becomes one kind of text. It never turns a decimal into a float. A type that does not fit is left alone by [`coerce`] and refused by [`check`],
//! because DataFusion wraps an error of the first in another message and shows that of the second
//! as it is.

use arrow::datatypes::{DataType, FieldRef, IntervalUnit};
use datafusion::common::{DataFusionError, Result};

use crate::args::wrong_count;
use crate::function::{Kind, Spec};

/// The types the arguments are cast to before the function sees them.
pub(crate) fn coerce(spec: &Spec, given: &[DataType]) -> Vec<DataType> {
    let kind = |index: usize| spec.parameters.get(index).map(|parameter| parameter.kind);
    given
        .iter()
        .enumerate()
        .map(|(index, data_type)| {
            let wanted = kind(index).and_then(|kind| read_as(kind, data_type));
            wanted.unwrap_or_else(|| data_type.clone())
        })
        .collect()
}

/// Refuses a wrong number of arguments and columns of a wrong type; returns the types read.
pub(crate) fn check(spec: &'static Spec, fields: &[FieldRef]) -> Result<Vec<DataType>> {
    if fields.len() < spec.required() || fields.len() > spec.parameters.len() {
        return Err(wrong_count(spec, fields.len()));
    }
    for (parameter, field) in spec.parameters.iter().zip(fields) {
        if parameter.kind.is_column() && read_as(parameter.kind, field.data_type()).is_none() {
            return Err(DataFusionError::Plan(format!(
                "{}: {} must be {}, not {}",
                spec.name,
                parameter.name,
                parameter.kind.accepts(),
                field.data_type()
            )));
        }
    }
    Ok(fields.iter().map(|field| field.data_type().clone()).collect())
}

/// The type a column argument is read as; None if it does not fit.
fn read_as(kind: Kind, given: &DataType) -> Option<DataType> {
    let amount = amount_type(given);
    match kind {
        Kind::Amount => amount,
        Kind::Real => amount.map(|_| DataType::Float64),
        Kind::Model => match given {
            DataType::Struct(fields) => {
                let known = |name: &str| fields.iter().any(|field| field.name() == name);
                (known("model") && known("params")).then(|| given.clone())
            }
            _ => None,
        },
        Kind::Measure => amount.or_else(|| moment_type(given)),
        Kind::Key => amount.or_else(|| moment_type(given)).or_else(|| text_type(given)),
        Kind::Span => match given {
            DataType::Interval(_) | DataType::Duration(_) => {
                Some(DataType::Interval(IntervalUnit::MonthDayNano))
            }
            _ => amount.map(|_| DataType::Float64),
        },
        Kind::Whole => whole_type(given),
        Kind::Moment => instant_type(given),
        Kind::Flag => {
            matches!(given, DataType::Boolean | DataType::Null).then_some(DataType::Boolean)
        }
        Kind::Count(..)
        | Kind::Number(..)
        | Kind::Days
        | Kind::Share
        | Kind::Choice(_)
        | Kind::Instant
        | Kind::Text(_)
        | Kind::Breaks
        | Kind::Positives
        | Kind::Shares
        | Kind::Names
        | Kind::Written(_) => Some(given.clone()),
    }
}

fn amount_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::UInt64 => Some(DataType::Decimal128(20, 0)),
        DataType::Null => Some(DataType::Int64),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(DataType::Float64),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            Some(DataType::Decimal128(*precision, *scale))
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => Some(given.clone()),
        DataType::Dictionary(_, value) => amount_type(value),
        other if other.is_integer() => Some(DataType::Int64),
        _ => None,
    }
}

/// Integers only.
fn whole_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Dictionary(_, value) => whole_type(value),
        DataType::UInt64 => Some(DataType::Int64),
        other => amount_type(other).filter(|data_type| *data_type == DataType::Int64),
    }
}

/// Dates and timestamps only.
fn instant_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Dictionary(_, value) => instant_type(value),
        DataType::Null | DataType::Date32 | DataType::Date64 => Some(DataType::Date32),
        DataType::Timestamp(..) => Some(given.clone()),
        _ => None,
    }
}

fn moment_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Dictionary(_, value) => moment_type(value),
        DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_) => Some(given.clone()),
        _ => None,
    }
}

fn text_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Dictionary(_, value) => text_type(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(given.clone()),
        _ => None,
    }
}
