//! Literals: Substrait's values to DataFusion's.
//!
//! A literal keeps its type: an `i32` compared with a `BIGINT` column is widened by the planner, as in SQL. A value that its
//! own type cannot hold (an `i8` of 300, an `i64` of a time that overflows nanoseconds) is refused.
//!
//! Example: `{ precision_timestamp: { precision: 1, value: 15 } }` is 1.5 seconds after 1970, in milliseconds.

use super::messages::literals::{Fraction, IntervalDay, IntervalYear, Literal, Precision, Value};
use super::messages::types as messages_types;
use super::reader::{Reader, incomplete, unsupported};
use super::types;
use crate::error::{EngineError, Result};
use arrow::datatypes::{IntervalMonthDayNano, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use uuid::Uuid;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Unsigned integers, as some producers mark them.
const UNSIGNED: u32 = 1;

impl Reader<'_> {
    /// The expression of a literal. Those with literals inside are built by the functions that SQL builds them with.
    pub(super) fn literal(&mut self, literal: &Literal) -> Result<Expr> {
        self.step()?;
        let value = literal.value.as_ref().ok_or_else(|| incomplete("Literal", "a value"))?;
        match value {
            Value::Struct(fields) => {
                let fields = self.literals(&fields.values)?;
                self.struct_of(fields)
            }
            Value::List(items) => {
                let items = self.literals(&items.values)?;
                self.function("make_array", items)
            }
            Value::Map(map) => {
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                for entry in &map.entries {
                    let (Some(key), Some(value)) = (&entry.key, &entry.value) else {
                        return Err(incomplete("Literal.Map", "a key and a value"));
                    };
                    keys.push(self.literal(key)?);
                    values.push(self.literal(value)?);
                }
                self.map_of(keys, values)
            }
            value => Ok(Expr::Literal(scalar(value, literal.variation)?, None)),
        }
    }

    fn literals(&mut self, literals: &[Literal]) -> Result<Vec<Expr>> {
        literals.iter().map(|literal| self.literal(literal)).collect()
    }

    /// A struct of these fields.
    pub(super) fn struct_of(&self, fields: Vec<Expr>) -> Result<Expr> {
        let named = fields.into_iter().enumerate().flat_map(|(place, field)| {
            let name = ScalarValue::Utf8(Some(types::field_name(place)));
            [Expr::Literal(name, None), field]
        });
        self.function("named_struct", named.collect())
    }

    /// A map of these keys to these values.
    pub(super) fn map_of(&self, keys: Vec<Expr>, values: Vec<Expr>) -> Result<Expr> {
        let keys = self.function("make_array", keys)?;
        let values = self.function("make_array", values)?;
        self.function("map", vec![keys, values])
    }
}

fn scalar(value: &Value, variation: u32) -> Result<ScalarValue> {
    Ok(match value {
        Value::Boolean(value) => ScalarValue::Boolean(Some(*value)),
        Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => integer(value, variation)?,
        Value::Fp32(value) => ScalarValue::Float32(Some(*value)),
        Value::Fp64(value) => ScalarValue::Float64(Some(*value)),
        Value::Text(text) | Value::FixedChar(text) => ScalarValue::Utf8(Some(text.clone())),
        Value::VarChar(text) => ScalarValue::Utf8(Some(text.value.clone())),
        Value::Binary(bytes) | Value::FixedBinary(bytes) => {
            ScalarValue::Binary(Some(bytes.clone()))
        }
        Value::Uuid(bytes) => {
            let uuid =
                Uuid::from_slice(bytes).map_err(|_| EngineError::invalid("a UUID has 16 bytes"))?;
            ScalarValue::Utf8(Some(uuid.to_string()))
        }
        Value::Date(days) => ScalarValue::Date32(Some(*days)),
        Value::Timestamp(micros) => ScalarValue::TimestampMicrosecond(Some(*micros), None),
        Value::TimestampTz(micros) => {
            ScalarValue::TimestampMicrosecond(Some(*micros), Some(types::UTC.into()))
        }
        Value::PrecisionTimestamp(precision) => timestamp(precision, None)?,
        Value::PrecisionTimestampTz(precision) => timestamp(precision, Some(types::UTC))?,
        Value::Time(micros) => ScalarValue::Time64Microsecond(Some(*micros)),
        Value::PrecisionTime(precision) => time(precision)?,
        Value::IntervalYear(year) => ScalarValue::IntervalYearMonth(Some(months(year)?)),
        Value::IntervalDay(day) => interval(0, day)?,
        Value::IntervalCompound(interval_of) => {
            let months = interval_of.year.as_ref().map_or(Ok(0), months)?;
            interval(months, &interval_of.day.clone().unwrap_or_default())?
        }
        Value::Decimal(decimal) => {
            let (precision, scale) = types::decimal_digits(decimal.precision, decimal.scale)?;
            let bytes: [u8; 16] = decimal
                .value
                .as_slice()
                .try_into()
                .map_err(|_| EngineError::invalid("a decimal literal has 16 bytes"))?;
            ScalarValue::Decimal128(Some(i128::from_le_bytes(bytes)), precision, scale)
        }
        // NULL of a type that an extension declares is NULL of any type.
        Value::Null(messages_types::Type {
            kind:
                Some(
                    messages_types::Kind::UserDefined(_)
                    | messages_types::Kind::UserDefinedReference(_),
                ),
        }) => ScalarValue::Null,
        Value::Null(of) => ScalarValue::try_from(&types::data_type(of)?)?,
        Value::EmptyList(list) => {
            let item = list.item.as_deref().ok_or_else(|| incomplete("empty list", "a type"))?;
            ScalarValue::List(ScalarValue::new_list_nullable(&[], &types::data_type(item)?))
        }
        Value::EmptyMap(_) => return Err(unsupported("an empty map", "NULL of the map's type is")),
        Value::UserDefined(_) => {
            return Err(unsupported(
                "a literal of a user-defined type",
                "literals of the standard's types are",
            ));
        }
        Value::Struct(_) | Value::List(_) | Value::Map(_) => {
            return Err(EngineError::internal("a literal with literals inside"));
        }
    })
}

fn integer(value: &Value, variation: u32) -> Result<ScalarValue> {
    let wrong = |value: i32, name: &str| EngineError::invalid(format!("{value} is no {name}"));
    let unsigned = variation == UNSIGNED;
    Ok(match *value {
        Value::I8(value) if unsigned => {
            ScalarValue::UInt8(Some(u8::try_from(value).map_err(|_| wrong(value, "u8"))?))
        }
        Value::I8(value) => {
            ScalarValue::Int8(Some(i8::try_from(value).map_err(|_| wrong(value, "i8"))?))
        }
        Value::I16(value) if unsigned => {
            ScalarValue::UInt16(Some(u16::try_from(value).map_err(|_| wrong(value, "u16"))?))
        }
        Value::I16(value) => {
            ScalarValue::Int16(Some(i16::try_from(value).map_err(|_| wrong(value, "i16"))?))
        }
        // These have no room for the sign of an unsigned number, so its highest bit is written there.
        Value::I32(value) if unsigned => ScalarValue::UInt32(Some(value.cast_unsigned())),
        Value::I32(value) => ScalarValue::Int32(Some(value)),
        Value::I64(value) if unsigned => ScalarValue::UInt64(Some(value.cast_unsigned())),
        Value::I64(value) => ScalarValue::Int64(Some(value)),
        _ => return Err(EngineError::internal("a literal that is no integer")),
    })
}

/// A count of units of ten to the power of minus `precision`, in the unit that is as fine or finer.
fn in_unit(literal: &Precision) -> Result<(TimeUnit, i64)> {
    let unit = types::unit(literal.precision)?;
    let finer = types::digits(unit).saturating_sub(literal.precision.unsigned_abs());
    let value = 10_i64.checked_pow(finer).and_then(|factor| literal.value.checked_mul(factor));
    value
        .map(|value| (unit, value))
        .ok_or_else(|| EngineError::invalid(format!("the time {} is out of range", literal.value)))
}

fn timestamp(literal: &Precision, zone: Option<&str>) -> Result<ScalarValue> {
    let (unit, value) = in_unit(literal)?;
    let (value, zone) = (Some(value), zone.map(Into::into));
    Ok(match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(value, zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone),
    })
}

fn time(literal: &Precision) -> Result<ScalarValue> {
    let (unit, value) = in_unit(literal)?;
    let short = || {
        i32::try_from(value)
            .map_err(|_| EngineError::invalid(format!("the time of day {value} is out of range")))
    };
    Ok(match unit {
        TimeUnit::Second => ScalarValue::Time32Second(Some(short()?)),
        TimeUnit::Millisecond => ScalarValue::Time32Millisecond(Some(short()?)),
        TimeUnit::Microsecond => ScalarValue::Time64Microsecond(Some(value)),
        TimeUnit::Nanosecond => ScalarValue::Time64Nanosecond(Some(value)),
    })
}

fn months(interval: &IntervalYear) -> Result<i32> {
    let months =
        interval.years.checked_mul(12).and_then(|months| months.checked_add(interval.months));
    months.ok_or_else(|| EngineError::invalid("an interval of years is out of range"))
}

fn interval(months: i32, day: &IntervalDay) -> Result<ScalarValue> {
    let wrong = || EngineError::invalid("an interval of days is out of range");
    let fraction = match day.fraction {
        Some(Fraction::Microseconds(micros)) => i64::from(micros).checked_mul(1_000),
        Some(Fraction::Precision(digits @ 0..=9)) => 10_i64
            .checked_pow(9 - digits.unsigned_abs())
            .and_then(|factor| day.subseconds.checked_mul(factor)),
        Some(Fraction::Precision(digits)) => {
            return Err(EngineError::invalid(format!(
                "an interval with {digits} digits of a second: 0 to 9 are supported"
            )));
        }
        None => Some(0),
    };
    let nanos = i64::from(day.seconds)
        .checked_mul(NANOS_PER_SECOND)
        .zip(fraction)
        .and_then(|(seconds, fraction)| seconds.checked_add(fraction))
        .ok_or_else(wrong)?;
    let value = IntervalMonthDayNano::new(months, day.days, nanos);
    Ok(ScalarValue::IntervalMonthDayNano(Some(value)))
}
