//! Chance that comes out the same everywhere.
//!
//! Every row of the generated star is a function of (seed, what is drawn, which row), so a table
//! can be made from the middle, twice, or on another machine, and it is the same table. Two things
//! follow. The generator behind [`Dice`] is ours (SplitMix64, which never changes, where the
//! stream of a library's default generator may with any release). And so are [`ln`] and [`exp`]:
//! the C library picks its own by the processor it finds, and they differ in the last bit, which
//! is enough to move a purchase to the next day. Additions, multiplications, divisions and square
//! roots are exact by IEEE 754, so nothing else is needed.
//!
//! Never fit for secrets; never reads a clock or the operating system's entropy.
//!
//! ```text
//! Dice::new(42, Draw::Product, 7).below(10)      // the same digit today and in ten years
//! ```

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// What is drawn. Each kind has numbers of its own, so a new column somewhere changes nothing else.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    Customer = 1,
    Habit = 2,
    Trip = 3,
    Basket = 4,
    Product = 5,
    Store = 6,
    Campaign = 7,
}

/// A stream of random numbers that belongs to one row.
#[derive(Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) fn new(seed: u64, draw: Draw, row: u64) -> Self {
        Self::for_part(seed, draw, row, 0)
    }

    /// A stream for the `part`th thing of a row: a customer's third trip to the shop.
    pub(super) fn for_part(seed: u64, draw: Draw, row: u64, part: u64) -> Self {
        Self { state: mix(mix(mix(mix(seed) ^ draw as u64) ^ row) ^ part) }
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Uniform between 0 and 1, never either of them.
    pub(super) fn unit(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A whole number in `0..limit`; 0 when `limit` is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(limit);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `items`, each as likely as the next. `items` is never empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[index(self.below(items.len() as u64))]
    }

    /// The place of one of `items`, as likely as its weight says; the weights sum to 100.
    pub(super) fn weighted<T>(&mut self, items: &[(u64, T)]) -> usize {
        let mut left = self.below(100);
        for (place, (weight, _)) in items.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        items.len() - 1
    }

    /// The wait for something that happens once per unit of time on average.
    pub(super) fn exponential(&mut self) -> f64 {
        -ln(self.unit())
    }

    /// The standard normal distribution, by Marsaglia's polar method.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = x * x + y * y;
            if s < 1.0 {
                return x * (-2.0 * ln(s) / s).sqrt();
            }
        }
    }

    /// The Gamma distribution with scale 1, by Marsaglia and Tsang (2000).
    pub(super) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * exp(ln(self.unit()) / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
            if v > 0.0 && ln(self.unit()) < 0.5 * x * x + d - d * v + d * ln(v) {
                return d * v;
            }
        }
    }

    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a);
        let y = self.gamma(b);
        x / (x + y)
    }

    /// The normal distribution on a logarithmic scale: `median` times a random factor.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * self.normal())
    }
}

/// The natural logarithm of a positive, normal number, to about 1e-16 relative.
pub(super) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = bits >> 52;
    let mut power = exponent as f64 - 1023.0;
    let mut fraction = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if fraction > SQRT_2 {
        fraction /= 2.0;
        power += 1.0;
    }
    // ln f = 2 (s + s^3/3 + s^5/5 + ..) with s = (f - 1)/(f + 1), |s| < 0.172
    let s = (fraction - 1.0) / (fraction + 1.0);
    let square = s * s;
    let series = (0..12).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    2.0 * s * series + power * LN_2
}

/// e to the `x`; beyond +-700, where no draw leads, it stays at that value.
pub(super) fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let power = (x * LOG2_E).round();
    let rest = x - power * LN_2;
    let series = (1..16).rev().fold(1.0, |sum, k| 1.0 + sum * rest / f64::from(k));
    let exponent = u64::try_from(whole(power) + 1023).unwrap_or_default();
    series * f64::from_bits(exponent << 52)
}

/// The nearest whole number of a value that is known to be small.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and amounts are far below 2^63"
)]
pub(super) fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// A number below the length of a slice, as an index into it.
#[expect(clippy::cast_possible_truncation, reason = "the length of a slice fits usize")]
pub(super) fn index(value: u64) -> usize {
    value as usize
}

/// SplitMix64's finaliser: every bit of the input reaches every bit of the output.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_exponential_agree_with_the_c_library() {
        let mut dice = Dice::new(1, Draw::Trip, 0);
        for _ in 0..10_000 {
            let x = exp(dice.unit() * 200.0 - 100.0);
            assert!((ln(x) - x.ln()).abs() <= 1e-14 * x.ln().abs().max(1.0), "ln({x})");
            let y = dice.unit() * 100.0 - 50.0;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-13, "exp({y})");
        }
    }

    /// Means and variances in print: Gamma(a) has mean a and variance a; Beta(a, b) mean a/(a+b).
    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let n = 200_000;
        for shape in [0.3, 1.0, 4.5] {
            let mut dice = Dice::new(2, Draw::Habit, 0);
            let draws: Vec<f64> = (0..n).map(|_| dice.gamma(shape)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance =
                draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
            assert!((mean / shape - 1.0).abs() < 0.02, "Gamma({shape}) has mean {mean}");
            assert!(
                (variance / shape - 1.0).abs() < 0.04,
                "Gamma({shape}) has variance {variance}"
            );
        }
        let mut dice = Dice::new(3, Draw::Habit, 0);
        let mean = (0..n).map(|_| dice.beta(0.8, 7.2)).sum::<f64>() / f64::from(n);
        assert!((mean - 0.1).abs() < 0.002, "Beta(0.8, 7.2) has mean {mean}");
        let mean = (0..n).map(|_| dice.exponential()).sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.02, "Exponential(1) has mean {mean}");
    }

    #[test]
    fn a_stream_belongs_to_its_row() {
        let draw = |row, part| Dice::for_part(42, Draw::Trip, row, part).bits();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 1));
        assert_ne!(Dice::new(42, Draw::Trip, 1).bits(), Dice::new(42, Draw::Basket, 1).bits());
    }
}
