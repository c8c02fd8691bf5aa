//! The calendar: one row per day of the star's period, and how busy the shops are on each.
//!
//! Weeks are ISO 8601 (Monday is 1); holidays are those of fixed date. [`busyness`] is the season:
//! a Saturday before Christmas sells three times what a Tuesday in February does.
//!
//! ```text
//! 2024-12-25 -> 20241225, 2024, 4, 12, December, 52, 3, Wednesday, false, true
//! ```

use std::sync::Arc;

use arrow::array::{BooleanArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use chrono::{Datelike, NaiveDate, Weekday};

use super::{Spec, batch, date_of, dates, field, plus_days};

pub(super) const DDL: &str = "CREATE TABLE calendar (
    day DATE NOT NULL,
    date_id INT NOT NULL,
    year INT NOT NULL,
    quarter INT NOT NULL,
    month INT NOT NULL,
    month_name VARCHAR NOT NULL,
    week INT NOT NULL,
    weekday INT NOT NULL,
    weekday_name VARCHAR NOT NULL,
    is_weekend BOOLEAN NOT NULL,
    is_holiday BOOLEAN NOT NULL,
    PRIMARY KEY (day) NOT ENFORCED RELY
) ORDER BY (day)";

pub(super) fn fields() -> Vec<Field> {
    vec![
        field("day", DataType::Date32),
        field("date_id", DataType::Int32),
        field("year", DataType::Int32),
        field("quarter", DataType::Int32),
        field("month", DataType::Int32),
        field("month_name", DataType::Utf8),
        field("week", DataType::Int32),
        field("weekday", DataType::Int32),
        field("weekday_name", DataType::Utf8),
        field("is_weekend", DataType::Boolean),
        field("is_holiday", DataType::Boolean),
    ]
}

pub(super) fn rows(spec: &Spec, first: u64, last: u64) -> RecordBatch {
    let numbers: Vec<i32> = (first..last).map(|row| plus_days(spec.first_day(), row)).collect();
    let days: Vec<NaiveDate> = numbers.iter().map(|number| date_of(*number)).collect();
    let ints =
        |value: fn(&NaiveDate) -> i32| Arc::new(days.iter().map(value).collect::<Int32Array>());
    let names = |form: &str| {
        Arc::new(StringArray::from_iter_values(days.iter().map(|day| day.format(form).to_string())))
    };
    let flags = |value: fn(&NaiveDate) -> bool| {
        Arc::new(days.iter().map(|day| Some(value(day))).collect::<BooleanArray>())
    };
    batch(
        fields(),
        vec![
            dates(numbers.into_iter()),
            ints(|day| day.year() * 10_000 + small(day.month() * 100 + day.day())),
            ints(|day| day.year()),
            ints(|day| small(day.month0() / 3 + 1)),
            ints(|day| small(day.month())),
            names("%B"),
            ints(|day| small(day.iso_week().week())),
            ints(|day| small(day.weekday().number_from_monday())),
            names("%A"),
            flags(is_weekend),
            flags(is_holiday),
        ],
    )
}

/// How many purchases this day draws, against one on an ordinary day.
pub(super) fn busyness(day: i32) -> f64 {
    let day = date_of(day);
    let season = match day.month() {
        1 | 2 => 0.8,
        7 | 8 => 0.9,
        11 => 1.3,
        12 if day.day() < 25 => 1.8,
        _ => 1.0,
    };
    let week = match day.weekday() {
        Weekday::Sat => 1.5,
        Weekday::Fri => 1.2,
        Weekday::Sun => 0.7,
        Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu => 0.9,
    };
    if is_holiday(&day) { 0.2 } else { season * week }
}

fn is_weekend(day: &NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

fn is_holiday(day: &NaiveDate) -> bool {
    matches!((day.month(), day.day()), (1 | 5, 1) | (12, 25 | 26))
}

/// A part of a date, which is small.
fn small(part: u32) -> i32 {
    i32::try_from(part).unwrap_or(i32::MAX)
}
