//! The discounted purchases to expect of one customer after another, under one BG/NBD model and one schedule.
//!
//! A customer who is there now buys at a rate that falls with time, as some like him drop out: with R = r + x and
//! A = alpha + t it is R / A (1 - y)^a 2F1(a + b - r - 1, a; a + b + x; y) at y = time / (A + time). The factors of that
//! series in y depend on x alone, so they are worked out once for all customers with as many purchases, and the
//! [`Schedule`] says at which few dates the rate is to be known. What is left for each customer is a polynomial per
//! date. Eleven digits are right.
//!
//! Where the horizon is long beside the past, or r far above a + b, the sum over all periods is taken instead.

use super::bgnbd::Bgnbd;
use super::schedule::{MOST, Schedule, Terms};

/// A model and a schedule, with what has been worked out for them.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    model: Bgnbd,
    schedule: Schedule,
    /// The series of (1 - y)^a.
    fall: Vec<f64>,
    /// The series by x.
    series: Vec<Series>,
}

/// What is worked out for customers with as many purchases.
#[derive(Debug, Clone, Default)]
struct Series {
    /// Of the rate, without and with (1 - y)^a.
    factors: Vec<f64>,
    product: Vec<f64>,
    /// Of the purchases.
    total: Vec<f64>,
}

/// Customers with more purchases have a series of their own each time.
const KEPT: usize = 256;

/// Below this the terms of the series change their signs for too long.
const LEAST: f64 = -3.0;

/// Dates that are worked on together.
const LANES: usize = 8;

impl Outlook {
    pub(crate) fn new(model: Bgnbd, terms: Terms) -> Self {
        Self {
            model,
            schedule: Schedule::new(terms),
            fall: vec![],
            series: vec![Series::default(); KEPT],
        }
    }

    /// True if it answers for this model and schedule.
    pub(crate) fn is_for(&self, model: &Bgnbd, terms: Terms) -> bool {
        self.model == *model && self.schedule.terms() == terms
    }

    /// The purchases to expect of a customer with this history, if he is there at t.
    pub(crate) fn purchases(&mut self, x: f64, t: f64) -> f64 {
        let scale = self.model.alpha + t;
        let Terms { horizon, rate, .. } = self.schedule.terms();
        let (a, b) = (self.model.a, self.model.b + self.model.shift);
        let start = a + b - self.model.r - 1.0;
        let Some(dates) = dates(horizon / scale).filter(|_| start > LEAST) else {
            return self.period_by_period(x, t);
        };
        let y = horizon / (scale + horizon);
        if rate == 0.0 {
            return self.undiscounted(x, y);
        }
        // The series has settled once y to this power is below the last bits.
        let length = 2 * ceil(32.0 * (1.0 + y) / (4.0 * (1.0 - y))) + 4;
        extend(&mut self.fall, length, |n| (n - a) / (n + 1.0));
        let mut single = Series::default();
        let series = self.series.get_mut(ceil(x)).unwrap_or(&mut single);
        let c = a + b + x;
        extend(&mut series.factors, length, |n| (start + n) * (a + n) / ((c + n) * (n + 1.0)));
        series.multiply(&self.fall, length);
        let mut sum = 0.0;
        for dates in self.schedule.rule(dates).chunks(LANES) {
            let mut ys = [0.0; LANES];
            for (y, (date, _)) in ys.iter_mut().zip(dates) {
                *y = date / (scale + date);
            }
            let values = polynomials(&series.product[..length], &ys);
            sum += dates.iter().zip(values).map(|((_, weight), value)| weight * value).sum::<f64>();
        }
        (self.model.r + x) / scale * sum
    }

    /// The purchases within the horizon, in the form of [`Bgnbd::expected`].
    fn undiscounted(&mut self, x: f64, y: f64) -> f64 {
        let (a, b) = (self.model.a, self.model.b + self.model.shift);
        let (start, e, c) = (a + b - self.model.r - 1.0, a - 1.0, a + b + x - 1.0);
        let length = (ceil(38.0 * (1.0 + y) / (2.0 * (1.0 - y))) + 1).next_multiple_of(LANES);
        let mut single = Series::default();
        let series = self.series.get_mut(ceil(x)).unwrap_or(&mut single);
        extend(&mut series.total, length, |n| {
            (start + n + 1.0) * (e + n + 1.0) / ((c + n + 1.0) * (n + 2.0))
        });
        let sum = start * y * polynomial(&series.total[..length], y);
        let log = (-y).ln_1p();
        let growth = (e * log).exp_m1();
        if e == 0.0 { -c * log - sum } else { -c * growth / e - (growth + 1.0) * sum }
    }

    /// The sum as it is defined.
    fn period_by_period(&self, x: f64, t: f64) -> f64 {
        let then = self.model.later(x, t);
        let (mut before, mut sum) = (0.0, 0.0);
        for (_, end, worth) in self.schedule.terms().periods() {
            let until = then.expected(end);
            sum += (until - before) * worth;
            before = until;
        }
        sum
    }
}

impl Series {
    fn multiply(&mut self, other: &[f64], length: usize) {
        for n in self.product.len()..length {
            let pairs = self.factors[..=n].iter().rev().zip(other);
            self.product.push(pairs.map(|(factor, other)| factor * other).sum());
        }
    }
}

/// How many dates give eleven digits, for a horizon of so many pasts; None if too many.
fn dates(ahead: f64) -> Option<usize> {
    const DIGITS: f64 = 11.5;
    let centre = 1.0 + 2.0 / ahead;
    let ellipse = centre + (centre * centre - 1.0).sqrt();
    let dates = ceil(DIGITS / (2.0 * ellipse.log10())).next_multiple_of(LANES);
    (dates <= MOST).then_some(dates)
}

/// Lengthens a series that starts with 1, given the ratio of each factor to the one before.
fn extend(series: &mut Vec<f64>, length: usize, ratio: impl Fn(f64) -> f64) {
    if series.is_empty() {
        series.push(1.0);
    }
    let mut last = series.last().copied().unwrap_or_default();
    while series.len() < length {
        last *= ratio((series.len() - 1) as f64);
        series.push(last);
    }
}

/// A polynomial at one place, some powers at a time; the number of factors is a multiple of them.
fn polynomial(factors: &[f64], y: f64) -> f64 {
    let high = y.powi(8);
    let mut values = [0.0; LANES];
    for chunk in factors.rchunks_exact(LANES) {
        for (value, factor) in values.iter_mut().zip(chunk) {
            *value = *value * high + factor;
        }
    }
    values.iter().rev().fold(0.0, |sum, value| sum * y + value)
}

/// A polynomial of an even number of factors at some places, two powers at a time.
fn polynomials(factors: &[f64], ys: &[f64; LANES]) -> [f64; LANES] {
    let squares = ys.map(|y| y * y);
    let mut values = [0.0; LANES];
    for pair in factors.rchunks_exact(2) {
        for lane in 0..LANES {
            values[lane] = values[lane] * squares[lane] + (pair[0] + pair[1] * ys[lane]);
        }
    }
    values
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and the numbers are small")]
fn ceil(number: f64) -> usize {
    number.ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_dates_give_the_sum_over_all_periods() {
        let models = [
            Bgnbd { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426, shift: 0.0 },
            Bgnbd { r: 0.525, alpha: 6.183, a: 0.891, b: 1.614, shift: 1.0 },
            Bgnbd { r: 3.2, alpha: 30.0, a: 1.0, b: 0.5, shift: 0.0 },
            Bgnbd { r: 9.0, alpha: 30.0, a: 0.5, b: 0.5, shift: 0.0 },
        ];
        for model in models {
            for (horizon, rate, middle) in
                [(39.0, 0.0, true), (1.0, 0.01, true), (39.0, 0.002, true), (104.5, 0.03, false)]
            {
                let mut outlook = Outlook::new(model, Terms { horizon, rate, middle });
                for (x, t) in [(0.0, 38.9), (2.0, 38.9), (26.0, 31.0), (700.0, 10.0)] {
                    let (few, all) = (outlook.purchases(x, t), outlook.period_by_period(x, t));
                    assert!(
                        (few / all - 1.0).abs() < 2e-11,
                        "{model:?} {horizon} {x}: {few} {all}"
                    );
                }
            }
        }
    }
}
