//! A sum of floats that is exact until it is read.
//!
//! The sum is kept as a few doubles that do not overlap and add up to it without any error, so its
//! value, rounded once at the end, is the same for every order of the rows and every split of them.
//!
//! `1e100 + 1 - 1e100` is 1, and ten times 0.1 is 1.

/// An exact sum; `parts` grow in size and do not overlap.
#[derive(Debug, Clone, Default)]
pub(crate) struct FloatSum {
    parts: Vec<f64>,
}

impl FloatSum {
    /// Adds a finite number. None means the sum has overflowed.
    pub(crate) fn add(&mut self, number: f64) -> Option<()> {
        let mut carried = number;
        let mut kept = 0;
        for index in 0..self.parts.len() {
            let part = self.parts[index];
            let (sum, error) = two_sum(carried, part);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            carried = sum;
        }
        self.parts.truncate(kept);
        if carried != 0.0 {
            self.parts.push(carried);
        }
        carried.is_finite().then_some(())
    }

    /// The parts, which are sums themselves and may be added to another.
    pub(crate) fn parts(&self) -> &[f64] {
        &self.parts
    }

    /// The double nearest to the sum.
    pub(crate) fn value(&self) -> f64 {
        let mut parts = self.parts.iter().rev().copied();
        let Some(mut high) = parts.next() else { return 0.0 };
        let mut low = 0.0;
        for part in parts.by_ref() {
            (high, low) = two_sum(high, part);
            if low != 0.0 {
                break;
            }
        }
        // `high` was rounded to even at a tie; what is left below decides whether that was right.
        let below = parts.next().unwrap_or(0.0);
        if (low < 0.0 && below < 0.0) || (low > 0.0 && below > 0.0) {
            let twice = low * 2.0;
            let other = high + twice;
            if twice == other - high {
                return other;
            }
        }
        high
    }
}

/// The rounded sum of two numbers and its error, exactly.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let back = sum - a;
    (sum, (a - (sum - back)) + (b - back))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(numbers: &[f64]) -> f64 {
        let mut sum = FloatSum::default();
        for number in numbers {
            sum.add(*number).unwrap();
        }
        sum.value()
    }

    // Answers of math.fsum in Python 3.11.
    #[test]
    fn sums_are_rounded_once() {
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e100, 1.0, -1e100, 1e-100]), 1.0);
        assert_eq!(sum(&[1e16, 1.0, 1e-16]), 10_000_000_000_000_002.0);
        assert_eq!(
            sum(&[1e16 - 2.0, 1.0 - 2.0_f64.powi(-53), -(1e16 - 2.0), -(1.0 - 2.0_f64.powi(-53))]),
            0.0
        );
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    fn too_large_a_sum_is_told() {
        let mut sum = FloatSum::default();
        assert!(sum.add(f64::MAX).and_then(|()| sum.add(f64::MAX)).is_none());
    }

    proptest! {
        #[test]
        fn order_and_split_do_not_matter(
            numbers in prop::collection::vec((any::<i32>(), -40_i32..40), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut numbers: Vec<f64> =
                numbers.iter().map(|(m, e)| f64::from(*m) / 3.0 * 2.0_f64.powi(*e)).collect();
            let once = sum(&numbers);
            numbers.reverse();
            prop_assert_eq!(once.to_bits(), sum(&numbers).to_bits());
            numbers.sort_by(f64::total_cmp);
            let cut = cut.index(numbers.len() + 1);
            let mut merged = FloatSum::default();
            for half in [&numbers[cut..], &numbers[..cut]] {
                let mut part = FloatSum::default();
                half.iter().for_each(|number| part.add(*number).unwrap());
                part.parts().iter().for_each(|number| merged.add(*number).unwrap());
            }
            prop_assert_eq!(once.to_bits(), merged.value().to_bits());
        }
    }
}
