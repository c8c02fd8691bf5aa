//! Floats as whole numbers of one small unit, so that they add up exactly and in any order.
//!
//! Every float is a whole number times a power of two. Money spans few powers: from a hundredth to millions there are
//! about 80 bits, which leaves room in 128 for the sum of ten million. Where a column spans more there is no such unit,
//! and the caller adds with rounding instead, in the order of the values.
//!
//! 0.5 and 3 are 1 and 6 halves.

use super::Ordered;
use super::ordered::float_of;
use crate::parallel::{CHUNK, fold};

/// The unit: a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixed {
    exponent: i32,
}

/// Bits of the largest amount; the rest of 128 is for sums of many rows times the parts of a decile.
const WIDEST: i32 = 84;

impl Fixed {
    /// The unit of a column of floats; None if no unit fits them all.
    pub(crate) fn of(column: &Ordered) -> Option<Self> {
        let empty = || (i32::MAX, i32::MIN);
        let ends = fold(column.keys.len(), CHUNK, empty, |(lowest, highest), range| {
            for &key in column.present(range).iter() {
                let (mantissa, exponent) = parts(float_of(key));
                if mantissa != 0 {
                    *lowest = (*lowest).min(exponent + low_zeros(mantissa));
                    *highest = (*highest).max(exponent);
                }
            }
        });
        let lowest = ends.iter().map(|end| end.0).min()?;
        let highest = ends.iter().map(|end| end.1).max()?;
        if lowest > highest.saturating_add(64) {
            return Some(Self { exponent: 0 });
        }
        (highest + 53 - lowest <= WIDEST).then_some(Self { exponent: lowest })
    }

    /// The float behind a key, in units.
    pub(crate) fn amount(self, key: u64) -> i128 {
        let value = float_of(key);
        let (mantissa, exponent) = parts(value);
        let shift = exponent - self.exponent;
        let size = if shift >= 0 {
            i128::from(mantissa).checked_shl(shift.unsigned_abs())
        } else {
            i128::from(mantissa).checked_shr(shift.unsigned_abs())
        };
        let size = size.unwrap_or_default();
        if value < 0.0 { -size } else { size }
    }
}

/// The size of a float as a whole number and a power of two.
fn parts(value: f64) -> (u64, i32) {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = value.abs().to_bits();
    let exponent = i32::try_from(bits >> 52).unwrap_or_default();
    if exponent == 0 { (bits, -1_074) } else { ((bits & FRACTION) | (1 << 52), exponent - 1_075) }
}

fn low_zeros(mantissa: u64) -> i32 {
    i32::try_from(mantissa.trailing_zeros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array};

    use super::*;

    fn ordered(values: Vec<f64>) -> Ordered {
        let column: ArrayRef = Arc::new(Float64Array::from(values));
        Ordered::read(&column, "value").unwrap()
    }

    #[test]
    fn amounts_are_whole_numbers_of_the_unit() {
        let column = ordered(vec![0.5, -3.0, 0.0, 1e6]);
        let fixed = Fixed::of(&column).unwrap();
        let amounts: Vec<i128> = column.keys.iter().map(|key| fixed.amount(*key)).collect();
        assert_eq!(amounts, [1, -6, 0, 2_000_000]);
        let cents = ordered(vec![0.01, -12_345.67]);
        let fixed = Fixed::of(&cents).unwrap();
        let unit = 2_f64.powi(fixed.exponent);
        let back: Vec<f64> =
            cents.keys.iter().map(|key| fixed.amount(*key) as f64 * unit).collect();
        assert_eq!(back, [0.01, -12_345.67]);
    }

    #[test]
    fn what_spans_too_much_has_no_unit() {
        assert_eq!(Fixed::of(&ordered(vec![1e-300, 1.0])), None);
        assert_eq!(Fixed::of(&ordered(vec![0.0])), Some(Fixed { exponent: 0 }));
    }
}
