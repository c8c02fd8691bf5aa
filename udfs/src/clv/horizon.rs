//! How far a prediction looks ahead: a number in the unit of the model, or an INTERVAL.
//!
//! A month is a twelfth of a year and a year 365.25 days, so `INTERVAL '1 year'` is 12 months, 52.18 weeks
//! or 365.25 days, whatever the model counts in. A model without `unit` counts weeks, as the fits do when
//! they are not told otherwise.

use arrow::array::Array;
use datafusion::common::{DataFusionError, Result};

use super::columns::Columns;
use super::models::Known;
use crate::args::Arguments;
use crate::calendar::{UNITS, YEAR_DAYS};
use crate::function::{Kind, Otherwise, Parameter};

/// The time to look ahead.
pub(crate) const HORIZON: Parameter = Parameter {
    name: "horizon",
    kind: Kind::Span,
    otherwise: Otherwise::Required,
    about: "How far to look ahead: a number in the unit of the model, or an INTERVAL",
};

/// The unit of the numbers in a call.
pub(crate) const CALL_UNIT: Parameter = Parameter {
    name: "unit",
    kind: Kind::Choice(UNITS),
    otherwise: Otherwise::Absent,
    about: "The unit of the times in this call: an error if the model has another",
};

/// Refuses a horizon that lies behind.
pub(crate) fn check_horizon(function: &str, horizon: f64) -> Result<()> {
    if (0.0..f64::INFINITY).contains(&horizon) {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!(
        "{function}: the horizon is a time of at least 0, not {horizon}"
    )))
}

/// The unit that the call says its times are in.
pub(crate) fn call_unit(arguments: &Arguments) -> Result<Option<&'static str>> {
    arguments.has("unit").then(|| arguments.choice("unit")).transpose()
}

/// The horizon of a row in the unit of its model; None if it is NULL.
pub(crate) fn horizon<M>(
    known: &Known<M>,
    columns: &Columns<'_>,
    place: usize,
    row: usize,
) -> Result<Option<f64>> {
    const NANOS_PER_DAY: f64 = 86_400e9;
    let Some(spans) = columns.spans(place) else { return Ok(columns.number(place, row)) };
    if spans.is_null(row) {
        return Ok(None);
    }
    let span = spans.value(row);
    let days = f64::from(span.months) * (YEAR_DAYS / 12.0)
        + f64::from(span.days)
        + span.nanoseconds as f64 / NANOS_PER_DAY;
    Ok(Some(days / known.unit_days()?))
}
