//! `churn_flag(last, as_of, after => 90)`: whether a customer counts as gone.
//!
//! Without a contract nobody says that he leaves; the line is ours to draw. At a silence everybody
//! understands (`after => 90`, `after => INTERVAL '3' MONTH`), at a multiple of his own rhythm (`cadence =>
//! n['mean_gap'], times => 3`), at both, or where a model gives him too little (`rule => 'p_alive', p =>
//! p_alive(model, x, tx, t)`).
//!
//! By hand: last seen on 1 January, judged on 1 April 2024, 91 days later: gone after 90 days, not after 91.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, IntervalMonthDayNanoArray, Scalar,
    TimestampMicrosecondArray,
};
use arrow::compute::kernels::numeric::add;
use arrow::datatypes::{DataType, IntervalMonthDayNano, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use datafusion::common::{DataFusionError, Result};

use super::PACKAGE;
use super::moments::{DAY, instants};
use crate::args::Arguments;
use crate::clv::columns::Columns;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::ordered::infinite;
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "churn_flag",
    aliases: &[],
    package: PACKAGE,
    summary: "Whether a customer counts as gone: silent for too long, or too unlikely to be alive.",
    parameters: PARAMETERS,
    returns: "BOOLEAN.",
    nulls: "NULL if last or as_of is NULL. Under 'gap' a NULL cadence leaves after to decide alone, and gives \
            NULL without after; under 'p_alive' NULL if p is NULL or NaN.",
    ties: "A silence exactly as long as the threshold, or a chance exactly as large, is not gone yet.",
    errors: "Execution: last after as_of (a DATE: after that day), a negative or infinite cadence, p outside \
             0..1. Planning: rule 'gap' without after and cadence, 'p_alive' without p, an argument of the other \
             rule.",
    formula: "gap: as_of > last + after, and as_of - last > times * cadence days; of the two those that are \
              given. INTERVAL '1' MONTH ends on the same day of the next month. p_alive: p < threshold. A \
              date is its beginning, a timestamp without zone is read as UTC; who bought in the course of an as_of \
              that is a date (in UTC) has been silent for no time.",
    source: "Silence rules of customer marketing; chance of being alive: Fader, Hardie and Lee (2005).",
    example: "SELECT churn_flag(DATE '2024-01-01', DATE '2024-04-01', after => 90) AS gone, churn_flag(DATE \
              '2024-01-01', DATE '2024-04-01', cadence => 40, times => 3) AS slow",
    answer: &["true false"],
};

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "last",
        kind: Kind::Moment,
        otherwise: Otherwise::Required,
        about: "When the customer bought last, up to as_of",
    },
    Parameter {
        name: "as_of",
        kind: Kind::Moment,
        otherwise: Otherwise::Required,
        about: "The day to judge from",
    },
    Parameter {
        name: "rule",
        kind: Kind::Choice(&["gap", "p_alive"]),
        otherwise: Otherwise::Is("'gap'"),
        about: "What draws the line: the silence, or the chance of being alive",
    },
    Parameter {
        name: "after",
        kind: Kind::Days,
        otherwise: Otherwise::Absent,
        about: "The silence that is still no loss",
    },
    Parameter {
        name: "cadence",
        kind: Kind::Real,
        otherwise: Otherwise::Absent,
        about: "His own days between purchases, as next_purchase gives them",
    },
    Parameter {
        name: "times",
        kind: Kind::Number(0.0, f64::MAX),
        otherwise: Otherwise::Is("2"),
        about: "How many times his cadence is still no loss",
    },
    Parameter {
        name: "p",
        kind: Kind::Real,
        otherwise: Otherwise::Absent,
        about: "His chance of being alive at as_of, as p_alive gives it",
    },
    Parameter {
        name: "threshold",
        kind: Kind::Number(0.0, 1.0),
        otherwise: Otherwise::Is("0.5"),
        about: "The chance that is still no loss",
    },
];

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Boolean, plan)
}

/// What draws the line.
enum Rule {
    Gap { after: Option<IntervalMonthDayNano>, times: Option<f64> },
    Alive { threshold: f64 },
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let rule = rule(arguments)?;
    Ok(Box::new(move |columns| {
        let (Some(last), Some(as_of)) = (columns.first(), columns.get(1)) else {
            return Err(DataFusionError::Internal("churn_flag lacks its columns".to_owned()));
        };
        let numbers = Columns::read(columns);
        // A date lasts its day: a purchase in the course of it is not after it.
        let lasts = if *as_of.data_type() == DataType::Date32 { DAY - 1.0 } else { 0.0 };
        let (last, as_of) = (instants(last)?, instants(as_of)?);
        let silence = |row| silence(&last, &as_of, lasts, row);
        let flags: Result<BooleanArray> = match &rule {
            Rule::Gap { after, times } => {
                let line = after.map(|after| line(&last, after)).transpose()?;
                let each = |row| {
                    let Some(silence) = silence(row)? else { return Ok(None) };
                    let passed = line.as_ref().map(|line| as_of.value(row) > line.value(row));
                    let slow = match times {
                        Some(times) => too_slow(silence, numbers.number(2, row), *times)?,
                        None => None,
                    };
                    Ok(match (passed, slow) {
                        (Some(passed), Some(slow)) => Some(passed && slow),
                        (one, other) => one.or(other),
                    })
                };
                (0..last.len()).map(each).collect()
            }
            Rule::Alive { threshold } => {
                let each = |row| {
                    let (Some(_), Some(p)) = (silence(row)?, numbers.number(3, row)) else {
                        return Ok(None);
                    };
                    if !(0.0..=1.0).contains(&p) {
                        return Err(wrong(&format!("p is a chance from 0 to 1, not {p}")));
                    }
                    Ok(Some(p < *threshold))
                };
                (0..last.len()).map(each).collect()
            }
        };
        Ok(Arc::new(flags?) as ArrayRef)
    }))
}

/// The rule with its own arguments; those of the other are refused, not ignored.
fn rule(arguments: &Arguments) -> Result<Rule> {
    let alive = arguments.choice("rule")? == "p_alive";
    check(arguments, alive)?;
    if alive {
        return Ok(Rule::Alive { threshold: arguments.number("threshold")? });
    }
    let times = arguments.number("times")?;
    let times = arguments.written("cadence").then_some(times);
    Ok(Rule::Gap { after: arguments.days("after")?, times })
}

fn check(arguments: &Arguments, alive: bool) -> Result<()> {
    let (own, other, theirs): (&[&str], _, &[&str]) = if alive {
        (&["p"], "gap", &["after", "cadence", "times"])
    } else {
        (&["after", "cadence"], "p_alive", &["p", "threshold"])
    };
    let strange = theirs.iter().find(|name| arguments.settled() && arguments.has(name));
    let problem = match strange {
        Some(name) => format!("{name} belongs to rule => '{other}'"),
        None if own.iter().any(|name| arguments.written(name)) => return Ok(()),
        None if alive => "rule 'p_alive' needs p => p_alive(model, x, tx, t)".to_owned(),
        None => {
            "rule 'gap' needs after => the days or INTERVAL of silence, or cadence => his own days \
                 between purchases"
                .to_owned()
        }
    };
    Err(DataFusionError::Plan(format!("churn_flag: {problem}")))
}

/// The instants from which on a customer is gone.
fn line(
    last: &TimestampMicrosecondArray,
    after: IntervalMonthDayNano,
) -> Result<TimestampMicrosecondArray> {
    let after = Scalar::new(IntervalMonthDayNanoArray::from_value(after, 1));
    Ok(add(last, &after)?.as_primitive::<TimestampMicrosecondType>().clone())
}

/// Days from his last purchase to the moment of judgement, which lasts so many microseconds more.
fn silence(
    last: &TimestampMicrosecondArray,
    as_of: &TimestampMicrosecondArray,
    lasts: f64,
    row: usize,
) -> Result<Option<f64>> {
    if last.is_null(row) || as_of.is_null(row) {
        return Ok(None);
    }
    let silence = as_of.value(row) as f64 - last.value(row) as f64;
    if silence + lasts < 0.0 {
        return Err(wrong(&format!(
            "last {} is after as_of {}: take the last purchase up to as_of",
            array_value_to_string(last, row)?,
            array_value_to_string(as_of, row)?
        )));
    }
    Ok(Some(silence.max(0.0) / DAY))
}

fn too_slow(silence: f64, cadence: Option<f64>, times: f64) -> Result<Option<bool>> {
    match cadence {
        Some(cadence) if cadence.is_infinite() => Err(infinite("cadence", cadence)),
        Some(cadence) if cadence < 0.0 => {
            Err(wrong(&format!("cadence counts days between purchases, not {cadence}")))
        }
        cadence => Ok(cadence.map(|cadence| silence > times * cadence)),
    }
}

fn wrong(problem: &str) -> DataFusionError {
    DataFusionError::Execution(format!("churn_flag: {problem}"))
}
