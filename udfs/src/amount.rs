//! Sums of money that are exact, and sums of floats that are the same every time.
//!
//! Decimals and integers are added as 128-bit integers, or 256-bit ones when those would overflow;
//! floats are added as a pair of doubles, which keeps about 32 digits. Either way the caller adds in
//! the order of the values, so a total does not depend on how the rows were split or scheduled.
//! Nothing here rounds before [`Amount::over`], the one division.
//!
//! Adding 0.1 ten times gives 1 after the final rounding, not 0.9999999999999999.

use arrow::datatypes::{ArrowNativeTypeOp, i256};
use datafusion::common::DataFusionError;

/// Something that adds up. `None` means it has overflowed.
pub(crate) trait Amount: Copy + PartialOrd {
    /// Nothing.
    const ZERO: Self;
    /// The sum.
    fn plus(self, other: Self) -> Option<Self>;
    /// So many of it.
    fn times(self, by: u64) -> Option<Self>;
    /// The ratio, rounded once.
    fn over(self, other: Self) -> f64;

    /// The difference.
    fn minus(self, other: Self) -> Option<Self>;

    /// True above zero.
    fn is_positive(self) -> bool {
        self > Self::ZERO
    }
}

impl Amount for i128 {
    const ZERO: Self = 0;

    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn times(self, by: u64) -> Option<Self> {
        self.checked_mul(Self::from(by))
    }

    fn over(self, other: Self) -> f64 {
        self as f64 / other as f64
    }

    fn minus(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }
}

impl Amount for i256 {
    const ZERO: Self = Self::ZERO;

    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn times(self, by: u64) -> Option<Self> {
        self.checked_mul(Self::from_i128(i128::from(by)))
    }

    fn over(self, other: Self) -> f64 {
        wide_to_f64(self) / wide_to_f64(other)
    }

    fn minus(self, other: Self) -> Option<Self> {
        self.sub_checked(other).ok()
    }
}

fn wide_to_f64(value: i256) -> f64 {
    if value < i256::ZERO {
        return -wide_to_f64(value.wrapping_neg());
    }
    let (low, high) = value.to_parts();
    // 2^128, exactly.
    high as f64 * 340_282_366_920_938_463_463_374_607_431_768_211_456.0 + low as f64
}

/// A float sum with its rounding error kept alongside.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Precise {
    high: f64,
    low: f64,
}

impl Precise {
    pub(crate) fn new(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }

    /// The quotient of two whole numbers, the second above zero: equal quotients are equal pairs.
    pub(crate) fn quotient(dividend: i256, divisor: i256) -> Self {
        let is_exact = |number: i256| {
            number.to_i128().is_some_and(|n| n.unsigned_abs() <= 1_u128 << f64::MANTISSA_DIGITS)
        };
        let (dividend, divisor) = if is_exact(dividend) && is_exact(divisor) {
            (dividend, divisor)
        } else {
            // What is rounded is at least the same for all that are equal.
            lowest_terms(dividend, divisor)
        };
        let (dividend, divisor) = (wide_to_f64(dividend), wide_to_f64(divisor));
        let high = dividend / divisor;
        Self { high, low: high.mul_add(-divisor, dividend) / divisor }
    }

    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    /// `high + low` as the nearest pair, the larger part first.
    fn settle(high: f64, low: f64) -> Option<Self> {
        let sum = high + low;
        sum.is_finite().then_some(Self { high: sum, low: low - (sum - high) })
    }
}

impl Amount for Precise {
    const ZERO: Self = Self { high: 0.0, low: 0.0 };

    fn plus(self, other: Self) -> Option<Self> {
        let sum = self.high + other.high;
        let back = sum - self.high;
        let error = (self.high - (sum - back)) + (other.high - back);
        Self::settle(sum, error + self.low + other.low)
    }

    fn times(self, by: u64) -> Option<Self> {
        let by = by as f64;
        let product = self.high * by;
        let error = self.high.mul_add(by, -product);
        Self::settle(product, error + self.low * by)
    }

    fn over(self, other: Self) -> f64 {
        self.value() / other.value()
    }

    fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { high: -other.high, low: -other.low })
    }
}

/// The same quotient of numbers that have no factor in common; the divisor is not zero.
fn lowest_terms(dividend: i256, divisor: i256) -> (i256, i256) {
    let (mut factor, mut rest) = (divisor.wrapping_abs(), dividend.wrapping_abs());
    while rest != i256::ZERO {
        (factor, rest) = (rest, factor.wrapping_rem(rest));
    }
    (dividend.wrapping_div(factor), divisor.wrapping_div(factor))
}

/// The error for a total that does not fit.
pub(crate) fn too_large(function: &str, label: &str) -> DataFusionError {
    DataFusionError::Execution(format!(
        "{function}: the total of {label} is too large to add up: cast it to a smaller unit or to \
         DOUBLE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_ten_times_is_one() {
        let tenth = Precise::new(0.1);
        let sum = (0..10).try_fold(Precise::ZERO, |sum, _| sum.plus(tenth)).unwrap();
        assert_eq!(sum.value(), 1.0);
        assert_eq!(tenth.times(10).unwrap().value(), 1.0);
    }

    #[test]
    fn equal_quotients_are_equal_pairs() {
        let quotient = |dividend: i128, divisor: i128| {
            Precise::quotient(i256::from_i128(dividend), i256::from_i128(divisor))
        };
        assert_eq!(quotient(10, 1), quotient(30, 3));
        assert_eq!(quotient(-1, 3), quotient(-7, 21));
        assert_eq!(quotient(1, 3).times(3).map(Precise::value), Some(1.0));
        let large = 3_i128.pow(70);
        assert_eq!(quotient(large, 7), quotient(large * 11, 77));
        assert_eq!(quotient(0, large).value(), 0.0);
    }

    #[test]
    fn wide_integers_divide_like_floats() {
        let big = i256::from_i128(i128::MAX);
        assert_eq!(big.times(6).unwrap().over(big.times(3).unwrap()), 2.0);
        assert_eq!(wide_to_f64(i256::from_i128(-5)), -5.0);
    }
}
