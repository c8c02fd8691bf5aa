//! What the log says of a file, typed and graded.
//!
//! Integers, dates and booleans are exact. Decimals are exact up to 15 digits, the range in which the log's numbers
//! carry them whole, and unknown beyond. Texts may be cut and timestamps are cut to milliseconds: good bounds, never
//! answers. Floating point is a bound too, since NaN hides from it.
//!
//! Example: `{"numRecords":3,"minValues":{"amount":1.5},"maxValues":{"amount":9.25},"nullCount":{"amount":0}}`.

use super::Layout;
use crate::{PartitionTerm, Table};
use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono::{Days, Months, NaiveDate, NaiveDateTime};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use serde_json::Value;
use std::sync::Arc;

/// Beyond this a decimal's digits do not survive the log's floating-point number.
const EXACT_IN_DOUBLE: f64 = 1e15;

/// What is known of one file.
pub(crate) struct Known {
    /// Rows in the file, deleted ones included.
    pub(crate) rows: Option<u64>,
    /// By the scanned columns.
    pub(crate) known: Arc<Statistics>,
}

/// Reads the statistics of one file.
pub(crate) fn from_log(
    layout: &Layout,
    table: &Table,
    partition: &[ScalarValue],
    json: Option<&str>,
) -> Known {
    let parsed: Value =
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null);
    let rows = parsed.get("numRecords").and_then(Value::as_u64);
    let count = rows.and_then(|rows| usize::try_from(rows).ok());
    let (minima, maxima, nulls) =
        (parsed.get("minValues"), parsed.get("maxValues"), parsed.get("nullCount"));
    let in_files = layout.scanned.file_schema().fields().iter().map(|field| {
        let of =
            |values: Option<&Value>| values.and_then(|values| values.get(field.name())).cloned();
        let (low, high) = bounds(field, of(minima), of(maxima));
        let (low, high) = if low == Precision::Absent {
            implied(table, layout, field, partition)
        } else {
            (low, high)
        };
        let null_count = of(nulls)
            .as_ref()
            .and_then(Value::as_u64)
            .and_then(|nulls| usize::try_from(nulls).ok());
        ColumnStatistics {
            null_count: null_count.map_or(Precision::Absent, Precision::Exact),
            min_value: low,
            max_value: high,
            ..ColumnStatistics::new_unknown()
        }
    });
    let in_log = partition.iter().map(|value| match value.is_null() {
        true => ColumnStatistics {
            null_count: count.map_or(Precision::Absent, Precision::Exact),
            ..ColumnStatistics::new_unknown()
        },
        false => ColumnStatistics {
            null_count: Precision::Exact(0),
            min_value: Precision::Exact(value.clone()),
            max_value: Precision::Exact(value.clone()),
            ..ColumnStatistics::new_unknown()
        },
    });
    let statistics = Statistics {
        num_rows: count.map_or(Precision::Absent, Precision::Exact),
        total_byte_size: Precision::Absent,
        column_statistics: in_files.chain(in_log).collect(),
    };
    Known { rows, known: Arc::new(statistics) }
}

type Bounds = (Precision<ScalarValue>, Precision<ScalarValue>);

fn bounds(field: &Field, low: Option<Value>, high: Option<Value>) -> Bounds {
    let exact = matches!(
        field.data_type(),
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Boolean
            | DataType::Decimal128(..)
    );
    let grade = |value: ScalarValue| {
        if exact { Precision::Exact(value) } else { Precision::Inexact(value) }
    };
    let read = |value: Option<Value>, is_high| {
        value.and_then(|value| scalar(field.data_type(), &value, is_high)).map(grade)
    };
    // One bound without the other is as good as none: an error in either should not prune.
    match (read(low, false), read(high, true)) {
        (Some(low), Some(high)) => (low, high),
        _ => (Precision::Absent, Precision::Absent),
    }
}

fn scalar(data_type: &DataType, value: &Value, is_high: bool) -> Option<ScalarValue> {
    let whole = || value.as_i64();
    Some(match data_type {
        DataType::Int8 => ScalarValue::Int8(Some(i8::try_from(whole()?).ok()?)),
        DataType::Int16 => ScalarValue::Int16(Some(i16::try_from(whole()?).ok()?)),
        DataType::Int32 => ScalarValue::Int32(Some(i32::try_from(whole()?).ok()?)),
        DataType::Int64 => ScalarValue::Int64(Some(whole()?)),
        DataType::Float64 => {
            ScalarValue::Float64(Some(value.as_f64().filter(|value| value.is_finite())?))
        }
        DataType::Boolean => ScalarValue::Boolean(Some(value.as_bool()?)),
        DataType::Date32 => ScalarValue::Date32(Some(day_number(value.as_str()?.parse().ok()?)?)),
        DataType::Decimal128(precision, scale) => {
            let scaled = value.as_f64()? * 10f64.powi(i32::from(*scale));
            if scaled.abs() >= EXACT_IN_DOUBLE {
                return None;
            }
            let text = format!("{:.0}", scaled.round());
            ScalarValue::Decimal128(Some(text.parse().ok()?), *precision, *scale)
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let text = value.as_str()?.trim_end_matches('Z').split('+').next()?;
            let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
            // The log cuts to milliseconds, so the true maximum may lie up to 999 microseconds later.
            let slack = if is_high { 999 } else { 0 };
            ScalarValue::TimestampMicrosecond(
                Some(at.and_utc().timestamp_micros() + slack),
                zone.clone(),
            )
        }
        DataType::Utf8View => ScalarValue::Utf8View(Some(value.as_str()?.to_owned())),
        _ => return None,
    })
}

fn day_number(date: NaiveDate) -> Option<i32> {
    i32::try_from(date.signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1)?).num_days()).ok()
}

/// A file without statistics still has its partition: `sold_on` lies within the month that the directory names.
fn implied(table: &Table, layout: &Layout, field: &Field, partition: &[ScalarValue]) -> Bounds {
    let absent = (Precision::Absent, Precision::Absent);
    let term = table.partitioning.iter().find(
        |term| matches!(term, PartitionTerm::DateTrunc { column, .. } if column == field.name()),
    );
    let Some(PartitionTerm::DateTrunc { unit, .. }) = term else { return absent };
    let stored = term.map(PartitionTerm::stored_column).unwrap_or_default();
    let value = layout
        .partition_columns
        .iter()
        .position(|name| name == &stored)
        .and_then(|place| partition.get(place));
    let (DataType::Date32, Some(ScalarValue::Date32(Some(first)))) = (field.data_type(), value)
    else {
        return absent;
    };
    match last_day(*first, unit) {
        Some(last) => (
            Precision::Inexact(ScalarValue::Date32(Some(*first))),
            Precision::Inexact(ScalarValue::Date32(Some(last))),
        ),
        None => absent,
    }
}

fn last_day(first: i32, unit: &str) -> Option<i32> {
    let start = NaiveDate::from_ymd_opt(1970, 1, 1)?
        .checked_add_signed(chrono::Duration::days(i64::from(first)))?;
    let next = match unit {
        "day" => start.checked_add_days(Days::new(1)),
        "week" => start.checked_add_days(Days::new(7)),
        "month" => start.checked_add_months(Months::new(1)),
        "quarter" => start.checked_add_months(Months::new(3)),
        "year" => start.checked_add_months(Months::new(12)),
        _ => None,
    }?;
    day_number(next.pred_opt()?)
}
