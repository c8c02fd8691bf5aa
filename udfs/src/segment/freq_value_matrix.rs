//! `freq_value_matrix(freq, total)`: how often a customer buys against how much he spends each time.
//!
//! Two questions that a total hides: a customer of 1,000 bought ten times for 100 or once for 1,000, and
//! wants another letter. Each measure is cut at its mean, or at breaks the caller gives.
//!
//! By hand: (1 purchase, 100 in total), (1, 10), (4, 400), (4, 40): 2.5 purchases and 55 a purchase on
//! average. The first is rare_high, the second rare_low, then frequent_high and frequent_low.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Fields, Float64Type, Int64Type, i256,
};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use crate::amount::{Amount, Precise, too_large};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::ordered::infinite;
use crate::rfm::rfm_score_breaks::digits_of;
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
    ties: "Equal values are in the same band; a value equal to a break or mean is in the upper one. \
           Decimals and integers are compared exactly, a break as it is written.",
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

/// Whole numbers of the smallest unit in a column of decimals or integers.
struct Units<'a> {
    column: &'a ArrayRef,
    /// How many decimals a unit is.
    scale: i32,
}

impl<'a> Units<'a> {
    /// None for floats.
    fn of(column: &'a ArrayRef) -> Option<Self> {
        let scale = match column.data_type() {
            DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => i32::from(*scale),
            DataType::Int64 => 0,
            _ => return None,
        };
        Some(Self { column, scale })
    }

    fn at(&self, row: usize) -> i256 {
        match self.column.data_type() {
            DataType::Decimal128(..) => {
                i256::from_i128(self.column.as_primitive::<Decimal128Type>().value(row))
            }
            DataType::Decimal256(..) => self.column.as_primitive::<Decimal256Type>().value(row),
            _ => i256::from_i128(self.column.as_primitive::<Int64Type>().value(row).into()),
        }
    }
}

/// What is cut into bands: a number of every customer.
struct Measure<'a> {
    /// Rounded; None where there is no number.
    rounded: Vec<Option<f64>>,
    /// The number as a quotient, unless it is made of floats; without a divisor it is divided by one.
    exact: Option<(Units<'a>, Option<Units<'a>>)>,
}

impl Measure<'_> {
    /// Dividend and divisor, of which the second is above zero, both in units.
    fn quotient(&self, row: usize) -> Option<(i256, i256)> {
        let (dividend, divisor) = self.exact.as_ref()?;
        let divisor = divisor.as_ref().map_or(i256::ONE, |divisor| divisor.at(row));
        Some((dividend.at(row), divisor))
    }

    /// The number in units, as precise as it is known: equal numbers are equal.
    fn precise(&self, row: usize, rounded: f64) -> Precise {
        self.quotient(row).map_or_else(
            || Precise::new(rounded),
            |(dividend, divisor)| Precise::quotient(dividend, divisor),
        )
    }

    /// What to multiply dividend and divisor with, to compare the one with the other instead of their quotient
    /// with a break. None if that is not exact.
    fn sides(&self, limit: &Limit) -> Option<(i256, i256)> {
        let (digits, decimals) = limit.written?;
        let (dividend, divisor) = self.exact.as_ref()?;
        let shift = decimals + divisor.as_ref().map_or(0, |divisor| divisor.scale) - dividend.scale;
        let power = i256::from_i128(10).checked_pow(shift.unsigned_abs())?;
        if shift >= 0 {
            Some((power, digits))
        } else {
            Some((i256::ONE, digits.checked_mul(power)?))
        }
    }

    /// True if the number is not below a break, given the sides of it.
    fn reaches(
        &self,
        row: usize,
        rounded: f64,
        limit: &Limit,
        sides: Option<(i256, i256)>,
    ) -> bool {
        let exactly = || {
            let (up, down) = sides?;
            let (dividend, divisor) = self.quotient(row)?;
            Some(dividend.checked_mul(up)? >= divisor.checked_mul(down)?)
        };
        exactly().unwrap_or(rounded >= limit.rounded)
    }
}

/// Where a band begins.
#[derive(Debug, Clone, Copy)]
struct Limit {
    rounded: f64,
    /// Whole digits and the number of them after the point; None if they are too many.
    written: Option<(i256, i32)>,
}

impl Limit {
    fn read(value: &ScalarValue) -> Result<Self> {
        match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(Some(rounded)) => Ok(Self { rounded, written: digits_of(value) }),
            other => Err(DataFusionError::Plan(format!("{}: {other} is no break", SPEC.name))),
        }
    }
}

/// How a measure is cut into bands.
#[derive(Debug, Clone)]
enum Cut {
    /// At these values.
    Breaks(Vec<Limit>),
    /// At the mean of the partition.
    Mean,
}

impl Cut {
    fn read(arguments: &Arguments, name: &str) -> Result<Self> {
        if !arguments.has(name) {
            return Ok(Self::Mean);
        }
        arguments.breaks(name)?.iter().map(Limit::read).collect::<Result<_>>().map(Self::Breaks)
    }

    /// The band of every customer; `counted` ones make the mean.
    fn bands(&self, measure: &Measure<'_>, counted: &[bool], label: &str) -> Result<Vec<i32>> {
        match self {
            Self::Breaks(breaks) => Ok(between(measure, breaks)),
            Self::Mean => around_mean(measure, counted).ok_or_else(|| too_large(SPEC.name, label)),
        }
    }

    fn is_in_two(&self) -> bool {
        match self {
            Self::Breaks(breaks) => breaks.len() == 1,
            Self::Mean => true,
        }
    }
}

fn between(measure: &Measure<'_>, breaks: &[Limit]) -> Vec<i32> {
    let limits: Vec<_> = breaks.iter().map(|limit| (limit, measure.sides(limit))).collect();
    let band = |(row, rounded): (usize, &Option<f64>)| {
        let Some(rounded) = *rounded else { return 1 };
        let reached =
            limits.partition_point(|(limit, sides)| measure.reaches(row, rounded, limit, *sides));
        i32::try_from(1 + reached).unwrap_or(i32::MAX)
    };
    measure.rounded.iter().enumerate().map(band).collect()
}

/// Two bands. None if the sum is too large.
fn around_mean(measure: &Measure<'_>, counted: &[bool]) -> Option<Vec<i32>> {
    let numbers = measure.rounded.iter().enumerate();
    let precise = |(row, rounded): (usize, &Option<f64>)| Some(measure.precise(row, (*rounded)?));
    let line = numbers.clone().filter(|(row, _)| counted[*row]).filter_map(precise);
    let mut line: Vec<Precise> = line.collect();
    // In order, so that the sum has the same bits however the rows came in.
    line.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let number = u64::try_from(line.len()).unwrap_or(u64::MAX);
    let sum = sum(&line)?;
    let above = |value: Precise| value.times(number).is_some_and(|all| all >= sum);
    Some(numbers.map(precise).map(|value| if value.is_some_and(above) { 2 } else { 1 }).collect())
}

/// The sum of an ordered line; equal values as one product, so that a mean of equals is exact.
fn sum(line: &[Precise]) -> Option<Precise> {
    line.chunk_by(|a, b| a == b).try_fold(Precise::ZERO, |sum, equals| {
        sum.plus(equals[0].times(u64::try_from(equals.len()).ok()?)?)
    })
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let cuts = [Cut::read(arguments, "f_breaks")?, Cut::read(arguments, "a_breaks")?];
    let labels = ["freq", "total"].map(|name| arguments.label(name));
    Ok(Box::new(move |columns| {
        let [freq_column, total_column] = columns else {
            return Err(DataFusionError::Internal("freq_value_matrix takes two columns".into()));
        };
        let (freq, total) = (floats(freq_column, &labels[0])?, floats(total_column, &labels[1])?);
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
        let often = Measure {
            rounded: rows.clone().map(often).collect(),
            exact: Units::of(freq_column).map(|units| (units, None)),
        };
        let each = Measure {
            rounded: rows.map(each).collect(),
            exact: Units::of(total_column).zip(Units::of(freq_column).map(Some)),
        };
        let f_bands = cuts[0].bands(&often, &bought, &labels[0])?;
        let a_bands = cuts[1].bands(&each, &bought, &labels[1])?;
        let present: Vec<bool> = often.rounded.iter().map(Option::is_some).collect();
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
