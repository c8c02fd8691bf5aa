//! Shares of the total, summed up along the line from the biggest customer down.
//!
//! Every distinct amount is one [`Step`]: what it is of the total, and how much of the total comes
//! before and after it. Customers with the same amount stand on one step, so none of them comes
//! first. Sums are exact; only the share itself is a float.

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::i256;
use datafusion::common::{DataFusionError, Result};

use crate::amount::{Amount, Precise, too_large};
use crate::args::Fraction;
use crate::ranking::ordered::{float_of, whole_of};
use crate::ranking::{Ordered, Scale, line};

/// One distinct amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    key: u64,
    /// The share of one customer with this amount.
    pub(crate) own: f64,
    /// The cumulative share after the last customer with this amount.
    pub(crate) after: f64,
    /// How many of the limits the share before the first customer with this amount has reached.
    pub(crate) class: usize,
}

/// The steps of a column, by ascending amount.
#[derive(Debug)]
pub(crate) struct Running {
    steps: Vec<Step>,
}

impl Running {
    /// Sums up a column; None if its total is not above zero.
    pub(crate) fn read(
        value: &Ordered,
        biggest_first: bool,
        limits: &[Fraction],
        function: &str,
        label: &str,
    ) -> Result<Option<Self>> {
        let line = line(value.sorted(), biggest_first);
        let steps = match &value.scale {
            Scale::Float => sum_up(&line, |key| Precise::new(float_of(key)), limits),
            Scale::Whole | Scale::Text => sum_up(&line, |key| i128::from(whole_of(key)), limits),
            Scale::Decimal(list) => sum_up(&line, |key| at(list, key), limits)
                .or_else(|| sum_up(&line, |key| i256::from_i128(at(list, key)), limits)),
            Scale::Wide(list) => sum_up(&line, |key| at(list, key), limits),
        };
        let steps = steps.ok_or_else(|| too_large(function, label))?;
        Ok(steps.map(|mut steps| {
            steps.sort_unstable_by_key(|step| step.key);
            Self { steps }
        }))
    }

    /// The step of a row; None if it has no value.
    pub(crate) fn step(&self, value: &Ordered, row: usize) -> Option<Step> {
        let place = self.steps.binary_search_by_key(&value.keys[row], |step| step.key);
        place.ok().filter(|_| value.is_valid(row)).map(|place| self.steps[place])
    }
}

/// A float for every row.
pub(crate) fn floats(
    columns: &[ArrayRef],
    biggest_first: bool,
    function: &str,
    label: &str,
    share: impl Fn(Step) -> f64,
) -> Result<Float64Array> {
    let value = value_column(columns, label)?;
    let running = Running::read(&value, biggest_first, &[], function, label)?;
    let rows = 0..value.keys.len();
    Ok(rows.map(|row| running.as_ref()?.step(&value, row).map(&share)).collect())
}

/// The first column of a call.
pub(crate) fn value_column(columns: &[ArrayRef], label: &str) -> Result<Ordered> {
    let column = columns
        .first()
        .ok_or_else(|| DataFusionError::Internal("a window function got no column".to_owned()))?;
    Ordered::read(column, label)
}

fn at<T: Copy + Default>(list: &[T], key: u64) -> T {
    usize::try_from(key).ok().and_then(|key| list.get(key)).copied().unwrap_or_default()
}

/// The outer None means a sum has overflowed, the inner one that the total is not above zero.
fn sum_up<A: Amount>(
    line: &[(u64, u64)],
    amount: impl Fn(u64) -> A,
    limits: &[Fraction],
) -> Option<Option<Vec<Step>>> {
    let mut total = A::ZERO;
    for &(key, count) in line {
        total = total.plus(amount(key).times(count)?)?;
    }
    if !total.is_positive() {
        return Some(None);
    }
    let mut before = A::ZERO;
    let mut steps = Vec::with_capacity(line.len());
    for &(key, count) in line {
        let value = amount(key);
        let mut class = 0;
        for limit in limits {
            if !value.is_positive()
                || before.times(limit.denominator)? >= total.times(limit.numerator)?
            {
                class += 1;
            }
        }
        before = before.plus(value.times(count)?)?;
        steps.push(Step { key, own: value.over(total), after: before.over(total), class });
    }
    Some(Some(steps))
}
