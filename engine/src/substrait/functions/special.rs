//! Functions of the standard that are not one function here.
//!
//! | Standard | Here |
//! |---|---|
//! | `extract(MONTH, ONE, x)` | `date_part('month', x)`, as a whole number |
//! | `extract(MONDAY_DAY_OF_WEEK, ZERO, x)` | Monday is 0 |
//! | `least(a, b)` | NULL when one of them is, which the session's `least` skips |
//! | `concat` with `null_handling: ACCEPT_NULLS` | NULL when one of them is, otherwise NULL is nothing |
//! | `like(x, pattern, escape)` | `x LIKE pattern ESCAPE escape` |
//! | `logb(x, base)` | `log(base, x)` |

use super::{Call, Given, Reader, binary, options};
use crate::error::{EngineError, Result};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Case, Like};
use datafusion::logical_expr::{Between, Cast, Expr, Operator, lit};
use std::ops::Not;

/// Component, what the session calls it, the number of its first value here, and what it wraps around at.
const COMPONENTS: &[(&str, &str, i64, Option<i64>)] = &[
    ("YEAR", "year", 0, None),
    ("ISO_YEAR", "isoyear", 0, None),
    ("QUARTER", "quarter", 1, None),
    ("MONTH", "month", 1, None),
    ("DAY", "day", 1, None),
    ("DAY_OF_YEAR", "doy", 1, None),
    ("MONDAY_DAY_OF_WEEK", "isodow", 1, None),
    ("SUNDAY_DAY_OF_WEEK", "dow", 0, None),
    ("ISO_WEEK", "week", 1, None),
    ("HOUR", "hour", 0, None),
    ("MINUTE", "minute", 0, None),
    ("SECOND", "second", 0, None),
    ("MILLISECOND", "millisecond", 0, Some(1_000)),
    ("MICROSECOND", "microsecond", 0, Some(1_000)),
    ("NANOSECOND", "nanosecond", 0, Some(1_000)),
    ("UNIX_TIME", "epoch", 0, None),
];

/// Components that are counted from zero or from one, as the call says.
const INDEXED: &[&str] = &[
    "QUARTER",
    "MONTH",
    "DAY",
    "DAY_OF_YEAR",
    "MONDAY_DAY_OF_WEEK",
    "SUNDAY_DAY_OF_WEEK",
    "ISO_WEEK",
];

pub(super) fn negative(value: Expr) -> Expr {
    Expr::Negative(Box::new(value))
}

pub(super) fn not(value: Expr) -> Expr {
    value.not()
}

pub(super) fn bitwise_not(value: Expr) -> Expr {
    binary(value, Operator::BitwiseXor, lit(-1_i64))
}

pub(super) fn log1p(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    let [value] = call.exactly()?;
    reader.function("ln", vec![binary(value, Operator::Plus, lit(1.0))])
}

pub(super) fn logb(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    let [value, base] = call.exactly()?;
    reader.function("log", vec![base, value])
}

pub(super) fn and_not(_: &Reader<'_>, call: Call) -> Result<Expr> {
    let [left, right] = call.exactly()?;
    Ok(left.and(right.not()))
}

pub(super) fn between(_: &Reader<'_>, call: Call) -> Result<Expr> {
    let [value, low, high] = call.exactly()?;
    let (value, low, high) = (Box::new(value), Box::new(low), Box::new(high));
    Ok(Expr::Between(Between::new(value, false, low, high)))
}

pub(super) fn is_infinite(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    let [value] = call.exactly()?;
    Ok(reader.function("abs", vec![value])?.eq(lit(f64::INFINITY)))
}

pub(super) fn is_finite(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    let [value] = call.exactly()?;
    let nan = reader.function("isnan", vec![value.clone()])?;
    let infinite = reader.function("abs", vec![value])?.eq(lit(f64::INFINITY));
    Ok(nan.or(infinite).not())
}

pub(super) fn least(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    unless_null(reader, "least", call)
}

pub(super) fn greatest(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    unless_null(reader, "greatest", call)
}

/// A function that skips NULL here and gives NULL for it in the standard.
fn unless_null(reader: &Reader<'_>, function: &str, call: Call) -> Result<Expr> {
    let (_, values) = call.values()?;
    let any_null = super::balanced(values.iter().cloned().map(Expr::is_null).collect(), Expr::or);
    let value = reader.function(function, values)?;
    let Some(any_null) = any_null else { return Ok(value) };
    let null = Box::new(Expr::Literal(ScalarValue::Null, None));
    Ok(Expr::Case(Case::new(None, vec![(Box::new(any_null), null)], Some(Box::new(value)))))
}

pub(super) fn concat(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    let accept = options::chosen("concat", &call.options, "null_handling");
    let (_, values) = call.values()?;
    if accept != Some("ACCEPT_NULLS") {
        return reader.function("concat", values);
    }
    let joined = super::balanced(values, |left, right| binary(left, Operator::StringConcat, right));
    joined.ok_or_else(|| EngineError::invalid("concat takes at least one argument"))
}

pub(super) fn like(_: &Reader<'_>, call: Call) -> Result<Expr> {
    let case = options::chosen("like", &call.options, "case_sensitivity");
    matching(call, case == Some("CASE_INSENSITIVE"))
}

pub(super) fn ilike(_: &Reader<'_>, call: Call) -> Result<Expr> {
    matching(call, true)
}

fn matching(call: Call, ignore_case: bool) -> Result<Expr> {
    let (name, values) = call.values()?;
    let mut values = values.into_iter();
    let (Some(value), Some(pattern), escape, None) =
        (values.next(), values.next(), values.next(), values.next())
    else {
        return Err(EngineError::invalid(format!(
            "{name} takes a value, a pattern and at most an escape character"
        )));
    };
    let escape = match escape {
        None | Some(Expr::Literal(ScalarValue::Utf8(None), _)) => None,
        Some(Expr::Literal(ScalarValue::Utf8(Some(escape)), _)) => {
            let mut characters = escape.chars();
            match (characters.next(), characters.next()) {
                (escape, None) => escape,
                _ => return Err(not_an_escape(&name)),
            }
        }
        Some(_) => return Err(not_an_escape(&name)),
    };
    Ok(Expr::Like(Like::new(false, Box::new(value), Box::new(pattern), escape, ignore_case)))
}

fn not_an_escape(name: &str) -> EngineError {
    EngineError::invalid(format!("the escape of {name} is one character, written as a literal"))
}

pub(super) fn extract(reader: &Reader<'_>, call: Call) -> Result<Expr> {
    let (mut words, mut values) = (Vec::new(), Vec::new());
    for given in call.given {
        match given {
            Given::Word(word) => words.push(word),
            Given::Value(Expr::Literal(ScalarValue::Utf8(Some(word)), _)) if words.is_empty() => {
                words.push(word.to_uppercase());
            }
            Given::Value(value) => values.push(value),
            Given::Type(_) => {
                return Err(EngineError::invalid("extract takes no type as an argument"));
            }
        }
    }
    let component = words.first().map(String::as_str).unwrap_or_default();
    let Some((_, part, first, wrap)) = COMPONENTS.iter().find(|(name, ..)| *name == component)
    else {
        let known = COMPONENTS.iter().map(|(name, ..)| *name);
        return Err(EngineError::invalid(format!("extract knows no component \"{component}\""))
            .with_nearest(component, known));
    };
    let mut values = values.into_iter();
    let (Some(moment), zone, None) = (values.next(), values.next(), values.next()) else {
        return Err(EngineError::invalid("extract takes a date or time, and at most a zone"));
    };
    let moment = in_zone(moment, zone)?;
    let mut value = reader.function("date_part", vec![lit(*part), moment])?;
    if component == "UNIX_TIME" {
        value = reader.function("floor", vec![value])?;
    }
    let mut value = Expr::Cast(Cast::new(Box::new(value), DataType::Int64));
    if let Some(wrap) = wrap {
        value = binary(value, Operator::Modulo, lit(*wrap));
    }
    let wanted = match words.get(1).map(String::as_str) {
        Some("ZERO") => 0,
        Some("ONE") => 1,
        Some(other) => {
            return Err(EngineError::invalid(format!(
                "extract counts from ZERO or ONE, not {other}"
            )));
        }
        None => *first,
    };
    if INDEXED.contains(&component) && wanted != *first {
        value = binary(value, Operator::Plus, lit(wanted - first));
    }
    Ok(value)
}

/// An instant as the clocks of a zone show it.
fn in_zone(moment: Expr, zone: Option<Expr>) -> Result<Expr> {
    match zone {
        None => Ok(moment),
        Some(Expr::Literal(ScalarValue::Utf8(Some(zone)), _)) => {
            let local = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
            Ok(Expr::Cast(Cast::new(Box::new(moment), local)))
        }
        Some(_) => Err(EngineError::invalid("the zone of extract is a name, written as a literal")),
    }
}
