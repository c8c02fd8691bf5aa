//! Types: Substrait's to Arrow's.
//!
//! | Substrait | Here |
//! |---|---|
//! | `i8` .. `i64`, with the variation 1 | signed, unsigned integers |
//! | `string`, `varchar`, `fixedchar`, `uuid` | text, whatever its length |
//! | `precision_timestamp<p>`, `precision_time<p>` | the next unit that is as fine |
//! | `timestamp`, `time` | microseconds |
//! | `interval_year` | months |
//! | `interval_day`, `interval_compound` | months, days and nanoseconds |
//! | `decimal<p, s>` | `DECIMAL(p, s)`, up to 38 digits |
//!
//! Types that an extension declares, type aliases and functions as values are refused by name.

use super::messages::types::{Kind, NamedStruct, Plain, Type};
use super::reader::{incomplete, unsupported};
use crate::error::{EngineError, Result};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use std::sync::Arc;

/// The variation under which a producer writes unsigned integers.
const UNSIGNED: u32 = 1;
/// The zone in which instants are counted.
pub(super) const UTC: &str = "UTC";

/// The Arrow type of a type.
pub(super) fn data_type(of: &Type) -> Result<DataType> {
    let kind = of.kind.as_ref().ok_or_else(|| incomplete("Type", "a kind"))?;
    Ok(match kind {
        Kind::Bool(_) => DataType::Boolean,
        Kind::I8(plain) => integer(plain, DataType::Int8, DataType::UInt8),
        Kind::I16(plain) => integer(plain, DataType::Int16, DataType::UInt16),
        Kind::I32(plain) => integer(plain, DataType::Int32, DataType::UInt32),
        Kind::I64(plain) => integer(plain, DataType::Int64, DataType::UInt64),
        Kind::Fp32(_) => DataType::Float32,
        Kind::Fp64(_) => DataType::Float64,
        Kind::Text(_) | Kind::FixedChar(_) | Kind::VarChar(_) | Kind::Uuid(_) => DataType::Utf8,
        Kind::Binary(_) | Kind::FixedBinary(_) => DataType::Binary,
        Kind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::TimestampTz(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        Kind::PrecisionTimestamp(p) => DataType::Timestamp(unit(p.size)?, None),
        Kind::PrecisionTimestampTz(p) => DataType::Timestamp(unit(p.size)?, Some(UTC.into())),
        Kind::Date(_) => DataType::Date32,
        Kind::Time(_) => DataType::Time64(TimeUnit::Microsecond),
        Kind::PrecisionTime(p) => time(unit(p.size)?),
        Kind::IntervalYear(_) => DataType::Interval(IntervalUnit::YearMonth),
        Kind::IntervalDay(_) | Kind::IntervalCompound(_) => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        Kind::Decimal(decimal) => {
            let (precision, scale) = decimal_digits(decimal.precision, decimal.scale)?;
            DataType::Decimal128(precision, scale)
        }
        Kind::Struct(fields) => DataType::Struct(struct_fields(&fields.types)?),
        Kind::List(list) => list_of(item(list.item.as_deref(), "List")?),
        Kind::Map(map) => {
            let key = item(map.key.as_deref(), "Map")?;
            let value = item(map.value.as_deref(), "Map")?;
            map_of(key, value)
        }
        Kind::UserDefined(_) | Kind::UserDefinedReference(_) => {
            return Err(unsupported("a user-defined type", "the types of the standard are"));
        }
        Kind::Alias(_) => {
            return Err(unsupported("a type alias", "write the type out where it is used"));
        }
        Kind::Function(_) => {
            return Err(unsupported("a function type", "the other types of the standard are"));
        }
    })
}

/// The name of a field of a struct, which Substrait only counts.
pub(super) fn field_name(place: usize) -> String {
    format!("c{place}")
}

/// The Arrow type of a list.
pub(super) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

fn map_of(key: DataType, value: DataType) -> DataType {
    let entries =
        Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

fn item(of: Option<&Type>, container: &str) -> Result<DataType> {
    data_type(of.ok_or_else(|| incomplete(container, "the type of its items"))?)
}

fn struct_fields(types: &[Type]) -> Result<Fields> {
    let fields = types.iter().enumerate();
    fields.map(|(place, of)| Ok(Field::new(field_name(place), data_type(of)?, true))).collect()
}

fn integer(plain: &Plain, signed: DataType, unsigned: DataType) -> DataType {
    if plain.variation == UNSIGNED { unsigned } else { signed }
}

/// The coarsest unit that holds so many digits of a second.
pub(super) fn unit(digits: i32) -> Result<TimeUnit> {
    match digits {
        0 => Ok(TimeUnit::Second),
        1..=3 => Ok(TimeUnit::Millisecond),
        4..=6 => Ok(TimeUnit::Microsecond),
        7..=9 => Ok(TimeUnit::Nanosecond),
        _ => Err(EngineError::invalid(format!(
            "a time with {digits} digits of a second: 0 to 9 are supported"
        ))),
    }
}

/// The digits of a second that a unit has.
pub(super) fn digits(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// The type of a time of day in a unit.
pub(super) fn time(unit: TimeUnit) -> DataType {
    match unit {
        TimeUnit::Second | TimeUnit::Millisecond => DataType::Time32(unit),
        TimeUnit::Microsecond | TimeUnit::Nanosecond => DataType::Time64(unit),
    }
}

/// Precision and scale that a decimal here can have.
pub(super) fn decimal_digits(precision: i32, scale: i32) -> Result<(u8, i8)> {
    let wrong = || {
        EngineError::invalid(format!(
            "decimal<{precision}, {scale}> is no decimal: 1 to 38 digits, and as many of them after the point as there are"
        ))
    };
    let digits = u8::try_from(precision).map_err(|_| wrong())?;
    let after = i8::try_from(scale).map_err(|_| wrong())?;
    if (1..=38).contains(&precision) && (0..=precision).contains(&scale) {
        Ok((digits, after))
    } else {
        Err(wrong())
    }
}

/// The names of the columns of a named struct, without those of the structs inside.
pub(super) fn column_names(schema: &NamedStruct) -> Result<Vec<String>> {
    let Some(columns) = &schema.columns else { return Ok(schema.names.clone()) };
    let mut names = schema.names.iter();
    let mut top = Vec::with_capacity(columns.types.len());
    for of in &columns.types {
        let name =
            names.next().ok_or_else(|| incomplete("NamedStruct", "a name for each column"))?;
        top.push(name.clone());
        let inside = inner_names(&data_type(of)?);
        if inside > 0 {
            names.nth(inside - 1);
        }
    }
    if names.next().is_some() {
        return Err(EngineError::invalid(format!(
            "a NamedStruct has {} names for {} columns",
            schema.names.len(),
            columns.types.len()
        )));
    }
    Ok(top)
}

/// How many names a type takes of a list of names that goes depth first.
pub(super) fn inner_names(of: &DataType) -> usize {
    match of {
        DataType::Struct(fields) => {
            fields.iter().map(|field| 1 + inner_names(field.data_type())).sum()
        }
        DataType::List(item) | DataType::LargeList(item) => inner_names(item.data_type()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                fields.iter().map(|field| inner_names(field.data_type())).sum()
            }
            _ => 0,
        },
        _ => 0,
    }
}
