//! `clv_table`: the history, the segment, and what two models expect of every customer.
//!
//! ```sql
//! SELECT customer_id, x, t_x, t, m, segment(..) AS segment, p_alive(model, x, t_x, t) AS p_alive, ..
//! FROM (SELECT .., mbgnbd_fit(x, t_x, t) OVER () AS model, gammagamma_fit(x, m) OVER () AS spending
//!       FROM (SELECT customer_id, history['x'] AS x, .. FROM (..) WHERE history['events'] > 0))
//! ```
//!
//! The fits are asked OVER () rather than in a subquery of their own, so that the histories are made once.

use super::Meaning;
use super::call::Call;
use super::rfm_table::{scores, segment_of};
use super::template::HISTORY_UNTIL;
use crate::error::Result;
use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use sqlparser::ast::{Expr, Interval, Spanned, Value, ValueWithSpan};

/// What the query names.
const COLUMNS: &[&str] = &[
    "x",
    "t_x",
    "t",
    "m",
    "segment",
    "p_alive",
    "expected_purchases",
    "expected_spend",
    "clv",
    "last",
    "events",
    "total",
];

/// Days of a year and nanoseconds of a day.
const YEAR_DAYS: f64 = 365.25;
const DAY_NANOS: f64 = 86_400e9;

pub(super) fn meaning(call: &Call) -> Result<Meaning> {
    let model = call.word("model")?.unwrap_or_else(|| "mbgnbd".to_owned());
    let horizon = horizon(call)?;
    let k = scores(call)?;
    let segment = segment_of("\"$scores\"");
    let query = format!(
        "SELECT {{customer}}, x, t_x, t, m, {segment} AS segment, \
         p_alive(\"$model\", x, t_x, t) AS p_alive, \
         expected_purchases(\"$model\", {horizon}, x, t_x, t) AS expected_purchases, \
         expected_spend(\"$spending\", x, m) AS expected_spend, \
         clv(\"$model\", \"$spending\", x, t_x, t, m, {horizon}{{discount=>}}{{margin=>}}) AS clv \
         FROM (SELECT {{customer}}, x, t_x, t, m, \
         rfm(last, events, total, k => {k}) OVER () AS \"$scores\", \
         {model}_fit(x, t_x, t{{unit=>}}) OVER () AS \"$model\", \
         gammagamma_fit(x, m) OVER () AS \"$spending\" \
         FROM (SELECT {{customer}}, CAST(\"$history\"['last'] AS DATE) AS last, \
         \"$history\"['events'] AS events, \"$history\"['total'] AS total, \"$history\"['x'] AS x, \
         \"$history\"['t_x'] AS t_x, \"$history\"['t'] AS t, \"$history\"['m'] AS m \
         FROM ({HISTORY_UNTIL}) AS \"$customers\" WHERE \"$history\"['events'] > 0) AS \"$facts\") AS \"$fitted\""
    );
    Ok(Meaning { query, columns: COLUMNS })
}

/// How far to look ahead, as a template: a number of units. By default a year, of 52 weeks or 365 days.
fn horizon(call: &Call) -> Result<String> {
    let unit = call.word("unit")?.unwrap_or_else(|| "week".to_owned());
    let (unit_days, year) = match unit.as_str() {
        "day" => (1.0, "365"),
        "month" => (YEAR_DAYS / 12.0, "12"),
        "quarter" => (YEAR_DAYS / 4.0, "4"),
        "year" => (YEAR_DAYS, "1"),
        _ => (7.0, "52"),
    };
    match call.given("horizon") {
        None => Ok(year.to_owned()),
        Some(Expr::Interval(interval)) => {
            let days = days(interval).ok_or_else(|| {
                let problem = format!("{}: {interval} is no time to look ahead", call.spec.name);
                call.error(problem, interval.value.span())
                    .with_hint("horizon => INTERVAL '12 months'")
            })?;
            Ok((days / unit_days).to_string())
        }
        Some(_) => Ok("{horizon}".to_owned()),
    }
}

fn days(interval: &Interval) -> Option<f64> {
    let Expr::Value(ValueWithSpan { value, .. }) = interval.value.as_ref() else { return None };
    let (Value::SingleQuotedString(number) | Value::Number(number, _)) = value else { return None };
    let text = match &interval.leading_field {
        Some(field) => format!("{number} {field}"),
        None => number.clone(),
    };
    let parts = parse_interval_month_day_nano(&text).ok()?;
    let months = f64::from(parts.months) * YEAR_DAYS / 12.0;
    Some(months + f64::from(parts.days) + parts.nanoseconds as f64 / DAY_NANOS)
}
