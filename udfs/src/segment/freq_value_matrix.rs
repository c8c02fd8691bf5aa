//! `freq_value_matrix(freq, total)`: how often a customer buys against how much he spends each time.
//!
//! Two questions that a total hides: a customer of 1,000 bought ten times for 100 or once for 1,000, and
//! wants another letter. Each measure is cut at its mean, or at breaks the caller gives.
//!
//! By hand: (1 purchase, 100 in total), (1, 10), (4, 400), (4, 40): 2.5 purchases and 55 a purchase on
//! average. The first is rare_high, the second rare_low, then frequent_high and frequent_low.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use crate::amount::{Amount, Precise, too_large};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::ordered::infinite;
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "freq_value_matrix",
    aliases: &[],
    package: "Segments",
    summary: "The customer's place in the matrix of purchase frequency and money per purchase.",
    parameters: &[
        Parameter {
            name: "freq",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Number of purchases of the customer",
        },
        Parameter {
            name: "total",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money he spent in them",
        },
        Parameter {
            name: "f_breaks",
            kind: Kind::Breaks,
            otherwise: Otherwise::Absent,
            about: "Where a new frequency band begins; left out, at the mean of the partition",
        },
        Parameter {
            name: "a_breaks",
            kind: Kind::Breaks,
            otherwise: Otherwise::Absent,
            about: "Where a new band of money per purchase begins; left out, at the mean of the partition",
        },
    ],
    returns: "STRUCT(f_band INT, a_band INT, quadrant TEXT). Bands count from 1, the lowest. With two bands \
              each the quadrant is 'frequent_high', 'frequent_low', 'rare_high' or 'rare_low', otherwise \
              'f_band-a_band', as in '3-1'. Without purchases f_band is 1, a_band and quadrant are NULL. \
              Negative money per purchase is in the lowest band.",
    nulls: "NULL if freq or total is NULL or NaN; such a customer is not counted.",
    ties: "Equal values are in the same band; a value equal to a break or mean is in the upper one.",
    errors: "Planning: breaks that do not increase. Execution: an infinite value, a negative number of \
             purchases, a sum too large.",
    formula: "a = total / freq; band = 1 + number of breaks not above the value. The means are those over the \
              customers with a purchase: of freq, and of a, each customer counting once.",
    source: "Frequency by average basket, the two factors of a customer's spend.",
    example: "SELECT f, v, freq_value_matrix(f, v) OVER ()['quadrant'] AS quadrant FROM (VALUES (1, 100), (1, 10), \
              (4, 400), (4, 40)) AS t(f, v) ORDER BY f, v",
    answer: &["1 10 rare_low", "1 100 rare_high", "4 40 frequent_low", "4 400 frequent_high"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Struct(fields()), plan)
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("f_band", DataType::Int32, true),
        Field::new("a_band", DataType::Int32, true),
        Field::new("quadrant", DataType::Utf8, true),
    ])
}

/// How a measure is cut into bands.
#[derive(Debug, Clone)]
enum Cut {
    /// At these values.
    Breaks(Vec<f64>),
    /// At the mean of the partition.
    Mean,
}

impl Cut {
    fn read(arguments: &Arguments, name: &str) -> Result<Self> {
        if !arguments.has(name) {
            return Ok(Self::Mean);
        }
        let float = |value: &ScalarValue| match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(Some(float)) => Ok(float),
            other => Err(DataFusionError::Plan(format!("{}: {other} is no break", SPEC.name))),
        };
        arguments.breaks(name)?.iter().map(float).collect::<Result<_>>().map(Self::Breaks)
    }

    /// The band of every value; `counted` ones make the mean.
    fn bands(&self, values: &[Option<f64>], counted: &[bool], label: &str) -> Result<Vec<i32>> {
        let band = |reached: usize| i32::try_from(1 + reached).unwrap_or(i32::MAX);
        match self {
            Self::Breaks(breaks) => {
                let reached = |value: f64| breaks.partition_point(|limit| *limit <= value);
                Ok(values.iter().map(|value| value.map_or(1, |v| band(reached(v)))).collect())
            }
            Self::Mean => {
                let counted = values.iter().zip(counted).filter(|(_, counted)| **counted);
                let mut line: Vec<f64> = counted.filter_map(|(value, _)| *value).collect();
                // In order, so that the sum has the same bits however the rows came in.
                line.sort_unstable_by(f64::total_cmp);
                let number = u64::try_from(line.len()).unwrap_or(u64::MAX);
                let sum = sum(&line).ok_or_else(|| too_large(SPEC.name, label))?;
                let above = |value: f64| {
                    let all = Precise::new(value).times(number);
                    all.is_some_and(|all| all >= sum)
                };
                Ok(values.iter().map(|v| band(usize::from(v.is_some_and(above)))).collect())
            }
        }
    }

    fn is_in_two(&self) -> bool {
        match self {
            Self::Breaks(breaks) => breaks.len() == 1,
            Self::Mean => true,
        }
    }
}

/// The sum of an ordered line; equal values as one product, so that a mean of equals is exact.
fn sum(line: &[f64]) -> Option<Precise> {
    line.chunk_by(|a, b| a == b).try_fold(Precise::ZERO, |sum, equals| {
        sum.plus(Precise::new(equals[0]).times(u64::try_from(equals.len()).ok()?)?)
    })
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let cuts = [Cut::read(arguments, "f_breaks")?, Cut::read(arguments, "a_breaks")?];
    let labels = ["freq", "total"].map(|name| arguments.label(name));
    Ok(Box::new(move |columns| {
        let [freq, total] = columns else {
            return Err(DataFusionError::Internal("freq_value_matrix takes two columns".into()));
        };
        let (freq, total) = (floats(freq, &labels[0])?, floats(total, &labels[1])?);
        if let Some(negative) = freq.iter().flatten().find(|value| *value < 0.0) {
            return Err(DataFusionError::Execution(format!(
                "freq_value_matrix: {} holds {negative}, which is no number of purchases",
                labels[0]
            )));
        }
        let rows = 0..freq.len();
        let present = |row: usize| freq.is_valid(row) && total.is_valid(row);
        let bought: Vec<bool> =
            rows.clone().map(|row| present(row) && freq.value(row) > 0.0).collect();
        let often = |row: usize| present(row).then(|| freq.value(row));
        let each = |row: usize| bought[row].then(|| total.value(row) / freq.value(row));
        let often: Vec<Option<f64>> = rows.clone().map(often).collect();
        let each: Vec<Option<f64>> = rows.map(each).collect();
        let f_bands = cuts[0].bands(&often, &bought, &labels[0])?;
        let a_bands = cuts[1].bands(&each, &bought, &labels[1])?;
        let present: Vec<bool> = often.iter().map(Option::is_some).collect();
        answer(&f_bands, &a_bands, present, bought, cuts.iter().all(Cut::is_in_two))
    }))
}

/// A column as floats, NaN as NULL; an infinite value is an error.
fn floats(column: &ArrayRef, label: &str) -> Result<Float64Array> {
    let column = cast(column, &DataType::Float64)?;
    let floats = column.as_primitive::<Float64Type>();
    if let Some(value) = floats.iter().flatten().find(|value| value.is_infinite()) {
        return Err(infinite(label, value));
    }
    Ok(floats.iter().map(|value| value.filter(|value| !value.is_nan())).collect())
}

fn answer(
    f_bands: &[i32],
    a_bands: &[i32],
    present: Vec<bool>,
    bought: Vec<bool>,
    in_two: bool,
) -> Result<ArrayRef> {
    let quadrant = |row: usize| match (in_two, f_bands[row], a_bands[row]) {
        (true, 1, 1) => "rare_low".to_owned(),
        (true, 1, _) => "rare_high".to_owned(),
        (true, _, 1) => "frequent_low".to_owned(),
        (true, _, _) => "frequent_high".to_owned(),
        (false, f, a) => format!("{f}-{a}"),
    };
    let quadrants: StringArray =
        (0..present.len()).map(|row| bought[row].then(|| quadrant(row))).collect();
    let (present, bought) = (NullBuffer::from(present), NullBuffer::from(bought));
    let f_bands = Int32Array::try_new(f_bands.to_vec().into(), Some(present.clone()))?;
    let a_bands = Int32Array::try_new(a_bands.to_vec().into(), Some(bought))?;
    let arrays: Vec<ArrayRef> = vec![Arc::new(f_bands), Arc::new(a_bands), Arc::new(quadrants)];
    Ok(Arc::new(StructArray::try_new(fields(), arrays, Some(present))?))
}
