//! `rfm_score_breaks(value, ARRAY[...])`: the score against fixed thresholds.
//!
//! Scheduled runs that score against the customers of the day move people who did nothing; scoring
//! against thresholds frozen from `rfm_breaks` does not.
//!
//! By hand, thresholds 10 and 20: 9 scores 1, 10 scores 2, 19 scores 2, 20 and anything above 3.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, i256};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::ordered::infinite;
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "rfm_score_breaks",
    aliases: &[],
    package: "RFM",
    summary: "The score of a value against fixed thresholds: 1 below the first, one more for each it \
              has reached.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "What is scored",
        },
        Parameter {
            name: "breaks",
            kind: Kind::Breaks,
            otherwise: Otherwise::Required,
            about: "The thresholds, one less than there are scores",
        },
        Parameter {
            name: "right",
            kind: Kind::Choice(&["false", "true"]),
            otherwise: Otherwise::Is("false"),
            about: "true: a value equal to a threshold is still below it",
        },
    ],
    returns: "INT, 1 to the number of thresholds + 1. Values outside the range go to the end scores.",
    nulls: "NULL and NaN score NULL.",
    ties: "Equal values score the same.",
    errors: "Planning: thresholds that do not increase strictly. Execution: an infinite value.",
    formula: "1 + number of thresholds b with value >= b; right => true: value > b. Decimals are \
              compared as decimals.",
    source: "R package rfm, custom thresholds; add_outliers of IBM SPSS Modeler.",
    example: "SELECT v, rfm_score_breaks(v, ARRAY[10, 20]) AS score FROM (VALUES (9), (10), (99)) AS t(v) \
              ORDER BY v",
    answer: &["9 1", "10 2", "99 3"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Int32, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let breaks = arguments.breaks("breaks")?;
    let right = arguments.choice("right")? == "true";
    let label = arguments.label("value");
    Ok(Box::new(move |columns| {
        let column = columns.first().ok_or_else(|| {
            DataFusionError::Internal("rfm_score_breaks takes a column".to_owned())
        })?;
        let scores: Int32Array = match column.data_type() {
            DataType::Float64 => floats(column, &breaks, right, &label)?,
            DataType::Decimal128(_, scale) => {
                let limits = limits(&breaks, *scale, right)?;
                let values = column.as_primitive::<Decimal128Type>();
                values.iter().map(|v| Some(score(&limits, i256::from_i128(v?)))).collect()
            }
            DataType::Decimal256(_, scale) => {
                let limits = limits(&breaks, *scale, right)?;
                let values = column.as_primitive::<Decimal256Type>();
                values.iter().map(|v| Some(score(&limits, v?))).collect()
            }
            _ => {
                let limits = limits(&breaks, 0, right)?;
                let values = column.as_primitive::<Int64Type>();
                values.iter().map(|v| Some(score(&limits, i256::from_i128(v?.into())))).collect()
            }
        };
        Ok(Arc::new(scores))
    }))
}

fn score(limits: &[i256], value: i256) -> i32 {
    i32::try_from(1 + limits.partition_point(|limit| *limit <= value)).unwrap_or(i32::MAX)
}

fn floats(
    column: &ArrayRef,
    breaks: &[ScalarValue],
    right: bool,
    label: &str,
) -> Result<Int32Array> {
    let breaks = breaks.iter().map(|b| match b.cast_to(&DataType::Float64)? {
        ScalarValue::Float64(Some(limit)) => Ok(limit),
        other => Err(DataFusionError::Plan(format!("rfm_score_breaks: {other} is no threshold"))),
    });
    let breaks = breaks.collect::<Result<Vec<f64>>>()?;
    let score = |value: f64| {
        let passed =
            breaks.partition_point(|limit| if right { *limit < value } else { *limit <= value });
        i32::try_from(1 + passed).unwrap_or(i32::MAX)
    };
    let values = column.as_primitive::<Float64Type>();
    let scores = values.iter().map(|value| match value {
        Some(value) if value.is_infinite() => Err(infinite(label, value)),
        Some(value) if !value.is_nan() => Ok(Some(score(value))),
        _ => Ok(None),
    });
    scores.collect()
}

/// The lowest value, in units of the scale, that has passed each threshold.
fn limits(breaks: &[ScalarValue], scale: i8, right: bool) -> Result<Vec<i256>> {
    breaks.iter().map(|limit| limit_of(limit, scale, right)).collect()
}

fn limit_of(limit: &ScalarValue, scale: i8, right: bool) -> Result<i256> {
    let too_fine = || {
        DataFusionError::Plan(format!("rfm_score_breaks: threshold {limit} has too many digits"))
    };
    let (digits, decimals) = digits_of(limit).ok_or_else(too_fine)?;
    let ten = i256::from_i128(10);
    let shift = i32::from(scale) - decimals;
    let power = ten.checked_pow(shift.unsigned_abs()).ok_or_else(too_fine)?;
    if shift >= 0 {
        let units = digits.checked_mul(power).ok_or_else(too_fine)?;
        return Ok(if right { units.wrapping_add(i256::ONE) } else { units });
    }
    // The threshold is finer than the values: the first value above it has passed it.
    let down = digits.checked_div(power).ok_or_else(too_fine)?;
    let rest = digits.checked_rem(power).ok_or_else(too_fine)?;
    let (floor, whole) = match rest {
        rest if rest == i256::ZERO => (down, true),
        rest if rest < i256::ZERO => (down.wrapping_sub(i256::ONE), false),
        _ => (down, false),
    };
    Ok(if whole && !right { floor } else { floor.wrapping_add(i256::ONE) })
}

/// A threshold as whole digits and the number of them after the point, as it is written.
pub(crate) fn digits_of(limit: &ScalarValue) -> Option<(i256, i32)> {
    match limit {
        ScalarValue::Decimal128(Some(digits), _, scale) => {
            Some((i256::from_i128(*digits), i32::from(*scale)))
        }
        ScalarValue::Decimal256(Some(digits), _, scale) => Some((*digits, i32::from(*scale))),
        other => {
            let text = other.to_string();
            let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
            let digits = i256::from_string(&format!("{whole}{decimals}"))?;
            Some((digits, i32::try_from(decimals.len()).ok()?))
        }
    }
}
