//! Bins of equal numbers of customers: the rule behind scores, deciles and tiers.
//!
//! With `n` customers and `less` of them strictly below a value, the value's score on 1..k is
//! `1 + floor(k * less / n)` for `side => 'low'`, `ceil(k * (less + equal) / n)` for `'high'`, and
//! half the tie counts for `'mid'`. Equal values get equal scores; bins that a tie jumps over stay
//! empty and are never renumbered. With `ties => 'split'` customers are lined up by value and then
//! by key, and `less` is the place in that line.
//!
//! Sixty in a hundred customers bought once and k is 5: `'low'` scores them all 1, `'high'` 3.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use datafusion::common::{DataFusionError, Result};

use super::survey::Stand;
use super::{Bound, Ordered, Steps, Survey, reached};
use crate::args::{Arguments, Fraction};
use crate::function::{Kind, Otherwise, Parameter};

/// What happens to customers with equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ties {
    /// They share a bin: the one of the worst, the middle or the best of them.
    Together(Side),
    /// The key decides who comes first.
    Split,
}

/// Which bin a tie goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Low,
    Mid,
    High,
}

/// The parameter `side`.
pub(crate) const SIDE: Parameter = Parameter {
    name: "side",
    kind: Kind::Choice(&["low", "mid", "high"]),
    otherwise: Otherwise::Is("'low'"),
    about: "Where equal values go when they straddle bins: with the worst, the middle or the best of them",
};

/// The parameter `ties`.
pub(crate) const TIES: Parameter = Parameter {
    name: "ties",
    kind: Kind::Choice(&["together", "split"]),
    otherwise: Otherwise::Is("'together'"),
    about: "'together' gives equal values equal bins; 'split' makes the bins equally large and needs a key",
};

/// The parameter `key`.
pub(crate) const KEY: Parameter = Parameter {
    name: "key",
    kind: Kind::Key,
    otherwise: Otherwise::Absent,
    about: "Unique per row; decides between equal values when ties => 'split', smaller first",
};

impl Ties {
    /// Reads `side`, `ties` and `key`, which only make sense together.
    pub(crate) fn read(arguments: &Arguments) -> Result<Self> {
        let side = match arguments.choice("side")? {
            "mid" => Side::Mid,
            "high" => Side::High,
            _ => Side::Low,
        };
        let split = arguments.choice("ties")? == "split";
        check_key(arguments, split)?;
        if split && arguments.has("side") {
            return Err(contradiction(
                arguments,
                "side says where a tie goes, but ties => 'split' leaves no ties: drop one of them",
            ));
        }
        Ok(if split { Self::Split } else { Self::Together(side) })
    }
}

/// Refuses `ties => 'split'` without a key and a key without `ties => 'split'`.
pub(crate) fn check_key(arguments: &Arguments, split: bool) -> Result<()> {
    match (split, arguments.has("key")) {
        (true, false) => Err(contradiction(
            arguments,
            "ties => 'split' needs key => <a column that is unique per row>, so that the answer is \
             never arbitrary",
        )),
        (false, true) => Err(contradiction(
            arguments,
            "key is only used with ties => 'split': add it or drop the key",
        )),
        (true, true) | (false, false) => Ok(()),
    }
}

pub(crate) fn contradiction(arguments: &Arguments, problem: &str) -> DataFusionError {
    DataFusionError::Plan(format!("{}: {problem}", arguments.spec().name))
}

/// Scores 1 (lowest) to k (highest) of a column, and which rows have one.
pub(crate) fn scores(
    column: &Ordered,
    tiebreak: Option<&Ordered>,
    k: u64,
    ties: Ties,
) -> Result<Vec<i32>> {
    bin(column, tiebreak, k, ties, Steps { first: 1, each: 1 })
}

/// For every row, in how many of the bins 2 to k it is or above, as steps.
pub(crate) fn bin(
    column: &Ordered,
    tiebreak: Option<&Ordered>,
    k: u64,
    ties: Ties,
    steps: Steps,
) -> Result<Vec<i32>> {
    let shares: Vec<Fraction> =
        (1..k).map(|step| Fraction { numerator: step, denominator: k }).collect();
    reached(column, tiebreak, &bounds(column, &shares, ties), steps)
}

/// Where the customers begin that have at least a share of all customers below them, for shares that grow; nothing for
/// those that nobody has.
pub(crate) fn bounds(column: &Ordered, shares: &[Fraction], ties: Ties) -> Vec<Bound> {
    let customers = column.count() as u128;
    let bound = |share: &Fraction| (*share, place(customers, *share, ties));
    let places: Vec<(Fraction, u64)> = shares
        .iter()
        .map(bound)
        .filter_map(|(share, place)| Some((share, u64::try_from(place?).ok()?)))
        .collect();
    let wanted: Vec<u64> = places.iter().map(|(_, place)| *place).collect();
    let stands = Survey::of(column).stands(column, &wanted);
    let bounds = places.into_iter().zip(stands);
    bounds
        .filter_map(|((share, place), stand)| begin(customers, share, ties, place, stand?))
        .collect()
}

/// The place in line, counted from 0, that decides where a bin begins.
fn place(customers: u128, share: Fraction, ties: Ties) -> Option<u128> {
    let (numerator, denominator) = (u128::from(share.numerator), u128::from(share.denominator));
    let below = (numerator * customers).div_ceil(denominator);
    match ties {
        Ties::Together(Side::Low) => below.checked_sub(1),
        Ties::Together(Side::High) => Some(numerator * customers / denominator),
        Ties::Together(Side::Mid) => {
            (2 * numerator * customers).div_ceil(denominator).div_ceil(2).checked_sub(1)
        }
        Ties::Split => Some(below),
    }
}

/// Where a bin begins, given who stands at that place.
fn begin(customers: u128, share: Fraction, ties: Ties, place: u64, stand: Stand) -> Option<Bound> {
    let here = Some(Bound { key: stand.key, skip: 0 });
    match ties {
        Ties::Together(Side::Low) => above(stand.key),
        Ties::Together(Side::High) => here,
        Ties::Together(Side::Mid) => {
            let doubled = 2 * u128::from(share.numerator) * customers;
            let doubled = doubled.div_ceil(u128::from(share.denominator));
            let reaches = u128::from(stand.less + stand.not_more) >= doubled;
            if reaches { here } else { above(stand.key) }
        }
        Ties::Split => Some(Bound { key: stand.key, skip: place - stand.less }),
    }
}

fn above(key: u64) -> Option<Bound> {
    key.checked_add(1).map(|key| Bound { key, skip: 0 })
}

/// The value and the tiebreak of a partition, as the window functions receive them.
#[derive(Debug)]
pub(crate) struct Contest {
    pub(crate) value: Ordered,
    pub(crate) tiebreak: Option<Ordered>,
}

impl Contest {
    /// Reads `value` and, for `ties => 'split'`, the key, which must be unique.
    pub(crate) fn read(columns: &[ArrayRef], labels: &Labels) -> Result<Self> {
        let value = columns.first().ok_or_else(|| {
            DataFusionError::Internal("a window function got no value column".to_owned())
        })?;
        let value = Ordered::read(value, &labels.value)?;
        let tiebreak = match &labels.key {
            Some(label) => {
                let key = columns.get(1).ok_or_else(|| {
                    DataFusionError::Internal("a window function got no key column".to_owned())
                })?;
                let key = Ordered::read(key, label)?;
                key.check_unique(&value, label)?;
                Some(key)
            }
            None => None,
        };
        Ok(Self { value, tiebreak })
    }

    pub(crate) fn nulls(&self) -> Option<NullBuffer> {
        self.value.nulls().cloned()
    }
}

/// How the caller wrote the value and the key, for messages about their data.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    pub(crate) value: String,
    pub(crate) key: Option<String>,
}

impl Labels {
    pub(crate) fn read(arguments: &Arguments) -> Self {
        let key = arguments.has("key").then(|| arguments.label("key"));
        Self { value: arguments.label("value"), key }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    /// The formulas of the story, one value at a time.
    fn by_formula(values: &[i64], k: i64, side: Side) -> Vec<i64> {
        let n = i64::try_from(values.len()).unwrap();
        let count = |holds: &dyn Fn(i64) -> bool| {
            i64::try_from(values.iter().filter(|value| holds(**value)).count()).unwrap()
        };
        let score = |value: i64| {
            let less = count(&|other| other < value);
            let not_more = count(&|other| other <= value);
            match side {
                Side::Low => 1 + k * less / n,
                Side::Mid => 1 + k * (less + not_more) / (2 * n),
                Side::High => (k * not_more + n - 1) / n,
            }
        };
        values.iter().map(|value| score(*value)).collect()
    }

    fn ordered(values: &[i64]) -> Ordered {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        Ordered::read(&column, "value").unwrap()
    }

    proptest! {
        #[test]
        fn bounds_agree_with_the_formula(
            values in prop::collection::vec(-4_i64..9, 1..60),
            k in 1_i64..30,
        ) {
            for side in [Side::Low, Side::Mid, Side::High] {
                let scores = scores(
                    &ordered(&values), None, k.unsigned_abs(), Ties::Together(side),
                ).unwrap();
                let scores: Vec<i64> = scores.into_iter().map(i64::from).collect();
                prop_assert_eq!(scores, by_formula(&values, k, side));
            }
        }

        #[test]
        fn split_is_the_place_in_line(
            values in prop::collection::vec(-4_i64..9, 1..60),
            k in 1_i64..30,
        ) {
            let n = i64::try_from(values.len()).unwrap();
            let keys: Vec<i64> = (0..n).map(|row| row * 37 % 61).collect();
            let scores = scores(
                &ordered(&values), Some(&ordered(&keys)), k.unsigned_abs(), Ties::Split,
            ).unwrap();
            let mut line: Vec<usize> = (0..values.len()).collect();
            line.sort_by_key(|row| (values[*row], keys[*row]));
            for (place, row) in line.into_iter().enumerate() {
                let place = i64::try_from(place).unwrap();
                prop_assert_eq!(i64::from(scores[row]), 1 + k * place / n);
            }
        }
    }
}
