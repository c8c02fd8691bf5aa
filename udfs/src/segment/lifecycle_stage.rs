//! `lifecycle_stage(first, last, n, as_of)`: where a customer stands in his life with the shop.
//!
//! A silence of forty days says nothing of somebody who buys once a quarter and a lot of somebody who
//! bought every week. So silence is measured in the customer's own mean gap between purchases, and
//! only that of a one-time buyer in the gap of all customers, `cadence`.
//!
//! By hand: first on day 0, last on day 90, 4 purchases: a gap of 30 days. As of day 120 he has been silent
//! for one gap: loyal, for 4 purchases are enough. As of day 150 for two: at_risk. As of day 190 for
//! more than three: churned.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result};

use crate::args::Arguments;
use crate::calendar::Calendar;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::ordered::infinite;
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "lifecycle_stage",
    aliases: &[],
    package: "Segments",
    summary: "The stage of the customer's life: new, active, loyal, at_risk, churned or reactivated.",
    parameters: &[
        Parameter {
            name: "first",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "First purchase",
        },
        Parameter {
            name: "last",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "Last purchase",
        },
        Parameter {
            name: "n",
            kind: Kind::Whole,
            otherwise: Otherwise::Required,
            about: "Number of purchases, or of days with one",
        },
        Parameter {
            name: "as_of",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "The day the stage is asked for; a DATE lasts its whole day (in UTC), and a purchase in the \
                    course of it leaves no silence",
        },
        Parameter {
            name: "cadence",
            kind: Kind::Real,
            otherwise: Otherwise::Absent,
            about: "Days between purchases of customers in general, for those who have no gap of their own: \
                    the median of (last - first) / (n - 1)",
        },
        Parameter {
            name: "previous",
            kind: Kind::Moment,
            otherwise: Otherwise::Absent,
            about: "The purchase before the last, to tell who has come back",
        },
        Parameter {
            name: "at_risk",
            kind: Kind::Number(0.0, f64::MAX),
            otherwise: Otherwise::Is("1.5"),
            about: "A silence of more gaps than this is a risk",
        },
        Parameter {
            name: "churned",
            kind: Kind::Number(0.0, f64::MAX),
            otherwise: Otherwise::Is("3"),
            about: "A silence of more gaps than this is the end",
        },
        Parameter {
            name: "loyal",
            kind: Kind::Count(2, 1_000_000),
            otherwise: Otherwise::Is("4"),
            about: "From so many purchases on an active customer is loyal",
        },
    ],
    returns: "TEXT. The first that holds: 'churned', more than churned gaps of silence; 'at_risk', more than \
              at_risk gaps; 'reactivated', the last purchase ended a silence of more than churned gaps; \
              'new', one purchase; 'loyal', at least loyal purchases; 'active'.",
    nulls: "NULL if first, last, n or as_of is NULL, if n is 0, or if there is no gap to measure by: a one-time \
            buyer, or one whose purchases are all on one moment, without a cadence. previous may be NULL.",
    ties: "A silence of exactly so many gaps is not yet beyond them.",
    errors: "Planning: churned below at_risk. Execution: first after last, last after as_of, previous not between \
             first and last, n negative, a cadence not above 0 or infinite.",
    formula: "gap = (last - first) / (n - 1) days, or cadence for n = 1; silence = (as_of - last) / gap. \
              Reactivated: (last - previous) / before, where before = (previous - first) / (n - 2), the gap \
              until he paused, or cadence for n = 2; unknown without either. Moments count to the \
              nanosecond, not by days.",
    source: "Stages of the Optimove glossary (new, active, churn, back from churn) and of retail practice; \
             the thresholds are ours.",
    example: "SELECT day, lifecycle_stage(DATE '2024-01-01', DATE '2024-03-31', 4, day) AS stage FROM (VALUES (DATE \
              '2024-04-30'), (DATE '2024-05-30'), (DATE '2024-07-09')) AS t(day)",
    answer: &["2024-04-30 loyal", "2024-05-30 at_risk", "2024-07-09 churned"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Utf8, plan)
}

/// The constants of a call.
#[derive(Debug, Clone, Copy)]
struct Rule {
    at_risk: f64,
    churned: f64,
    loyal: i64,
}

/// A customer, his moments in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Life {
    first: i128,
    last: i128,
    n: i64,
    as_of: i128,
    /// How long `as_of` lasts: a date its day.
    lasts: i128,
    /// In days.
    cadence: Option<f64>,
    previous: Option<i128>,
}

/// A stretch of time in seconds, and how many gaps between purchases it has. It is never divided by them, so that
/// a silence of exactly so many gaps is told from one beyond them.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    span: f64,
    gaps: f64,
}

impl Rhythm {
    /// True if a silence is longer than so many gaps.
    fn is_exceeded(self, silence: i128, times: f64) -> bool {
        seconds(silence) * self.gaps > times * self.span
    }
}

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// Whole seconds are whole, whatever their fraction.
fn seconds(nanoseconds: i128) -> f64 {
    (nanoseconds / SECOND) as f64 + (nanoseconds % SECOND) as f64 / 1e9
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let rule = Rule {
        at_risk: arguments.number("at_risk")?,
        churned: arguments.number("churned")?,
        loyal: i64::try_from(arguments.count("loyal")?).unwrap_or(i64::MAX),
    };
    if rule.churned < rule.at_risk {
        return Err(DataFusionError::Plan(format!(
            "lifecycle_stage: churned => {} is below at_risk => {}: who is gone was at risk before",
            rule.churned, rule.at_risk
        )));
    }
    Ok(Box::new(move |columns| {
        let [first, last, n, as_of, optional @ ..] = columns else {
            return Err(DataFusionError::Internal("lifecycle_stage takes four columns".into()));
        };
        let lasts = if *as_of.data_type() == DataType::Date32 { DAY - 1 } else { 0 };
        let [first, last, as_of] = [moments(first)?, moments(last)?, moments(as_of)?];
        let previous = optional.get(1).map(moments).transpose()?.unwrap_or_default();
        let n = n.as_primitive::<Int64Type>();
        let mut stages = StringBuilder::with_capacity(n.len(), n.len() * 8);
        for row in 0..n.len() {
            let (Some(first), Some(last), Some(as_of), true) =
                (first[row], last[row], as_of[row], n.is_valid(row))
            else {
                stages.append_null();
                continue;
            };
            let cadence = cadence(optional.first(), row)?;
            let previous = previous.get(row).copied().flatten();
            let life = Life { first, last, n: n.value(row), as_of, lasts, cadence, previous };
            life.check()?;
            stages.append_option(life.stage(rule));
        }
        Ok(Arc::new(stages.finish()))
    }))
}

/// A column of moments in nanoseconds since 1970.
fn moments(column: &ArrayRef) -> Result<Vec<Option<i128>>> {
    let calendar = Calendar::of(column.data_type()).ok_or_else(|| {
        DataFusionError::Internal("lifecycle_stage did not get a column of moments".to_owned())
    })?;
    let ticks = calendar.ticks(column)?;
    let length = DAY / i128::from(calendar.per_day());
    Ok(ticks.iter().map(|tick| tick.map(|tick| i128::from(tick) * length)).collect())
}

fn cadence(column: Option<&ArrayRef>, row: usize) -> Result<Option<f64>> {
    let column = column.and_then(|column| column.as_primitive_opt::<Float64Type>());
    let value = column.filter(|column| column.is_valid(row)).map(|column| column.value(row));
    match value.filter(|value| !value.is_nan()) {
        Some(value) if value.is_infinite() => Err(infinite("cadence", value)),
        Some(value) if value <= 0.0 => Err(DataFusionError::Execution(format!(
            "lifecycle_stage: a cadence of {value} days is none: give the days between purchases of \
             customers in general, above 0"
        ))),
        value => Ok(value),
    }
}

impl Life {
    fn check(&self) -> Result<()> {
        let problem = if self.n < 0 {
            "n counts purchases and is negative"
        } else if self.first > self.last {
            "first is after last"
        } else if self.last > self.as_of + self.lasts {
            "last is after as_of: ask for a later day, or leave later purchases out"
        } else if self.previous.is_some_and(|day| day < self.first || day > self.last) {
            "previous is not between first and last"
        } else {
            return Ok(());
        };
        Err(DataFusionError::Execution(format!("lifecycle_stage: {problem}")))
    }

    /// How often he buys, over the first so many purchases.
    fn rhythm(&self, purchases: i64, until: i128) -> Option<Rhythm> {
        if purchases > 1 && until > self.first {
            let span = seconds(until - self.first);
            return Some(Rhythm { span, gaps: (purchases - 1) as f64 });
        }
        self.cadence.map(|days| Rhythm { span: days * 86_400.0, gaps: 1.0 })
    }

    fn has_come_back(&self, rule: Rule) -> bool {
        let back = |previous: i128| {
            let before = self.rhythm(self.n - 1, previous)?;
            Some(self.n > 1 && before.is_exceeded(self.last - previous, rule.churned))
        };
        self.previous.and_then(back).unwrap_or(false)
    }

    fn stage(&self, rule: Rule) -> Option<&'static str> {
        let rhythm = self.rhythm(self.n, self.last).filter(|_| self.n > 0)?;
        // Below zero in the course of a day: no silence yet.
        let silence = (self.as_of - self.last).max(0);
        Some(if rhythm.is_exceeded(silence, rule.churned) {
            "churned"
        } else if rhythm.is_exceeded(silence, rule.at_risk) {
            "at_risk"
        } else if self.has_come_back(rule) {
            "reactivated"
        } else if self.n == 1 {
            "new"
        } else if self.n >= rule.loyal {
            "loyal"
        } else {
            "active"
        })
    }
}
