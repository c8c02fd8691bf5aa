//! Columns of dates and timestamps as days or as instants.
//!
//! A day is the calendar day on the clock of the column's own time zone. An instant counts from the
//! beginning of the day in UTC for a date, and reads a timestamp without zone as UTC.

use arrow::array::{ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;

/// Microseconds in a day.
pub(crate) const DAY: f64 = 86_400e6;

/// The calendar days.
pub(crate) fn days(column: &ArrayRef) -> Result<Date32Array> {
    Ok(cast(column, &DataType::Date32)?.as_primitive::<Date32Type>().clone())
}

/// The instants, in microseconds.
pub(crate) fn instants(column: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    let instants = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    Ok(instants.as_primitive::<TimestampMicrosecondType>().clone())
}
