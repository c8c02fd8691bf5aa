//! The discounted purchases to expect of one customer after another, under one BG/NBD model and one schedule.
//!
//! A customer who is there now buys at a rate that falls with time, as some like him drop out: with R = r + x and
//! A = alpha + t it is R / A (1 - y)^a 2F1(a + b - r - 1, a; a + b + x; y) at y = time / (A + time). The [`Schedule`]
//! says at which few dates the rate is to be known. For customers with as many purchases, what the dates add up to is
//! a smooth function of A alone: it is worked out at sixteen values of A, and a polynomial through them answers for
//! every customer between. Eleven digits are right.
//!
//! The polynomial is in w, with A / horizon + 1/2 = (w + 1 / w) / 4, because no other scale settles as soon. Where the
//! horizon is long beside the past (w close to 1), where r is far above a + b, or where the dates are too few or the
//! polynomial has not settled (a of 50 and more: such customers leave at once), the sum over all periods is taken
//! instead. An answer depends on the customer alone and never on who came
//! before.

use std::f64::consts::PI;

use super::bgnbd::Bgnbd;
use super::schedule::{Rule, Schedule, Terms};

/// The outlooks of a column: one per model and schedule, the last few that were asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlooks {
    kept: Vec<Outlook>,
    /// The one that is replaced next.
    oldest: usize,
}

/// A model and a schedule, with what has been worked out for them.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    model: Bgnbd,
    schedule: Schedule,
    zones: [Zone; DATES.len()],
    /// The cosines of half the angle of a node, and of as many times it as there are.
    cosines: [f64; TURN],
}

/// What is worked out for customers whose w lies between two edges.
#[derive(Debug, Clone, Default)]
struct Zone {
    /// For each power n of y, the weights of the dates times (1 - y)^a y^n, added up: at each node.
    powers: Vec<Lanes>,
    /// The same of more dates at the first node, where the rate falls most steeply: a second opinion.
    check: Vec<f64>,
    /// By x; those with more purchases have theirs worked out each time.
    curves: Vec<Option<Curve>>,
}

/// A number for each node.
type Lanes = [f64; NODES];

/// The factors of a polynomial on -1 to 1, or None where none is good enough.
type Curve = Option<Lanes>;

/// At so many values of A the sum over the dates is worked out.
const NODES: usize = 16;

/// Halves of a node's angle in a full turn.
const TURN: usize = 4 * NODES;

/// Outlooks that are kept, so that rows of a few models may come in any order.
const KEPT: usize = 16;

/// Purchases whose curves are kept.
const FREQUENT: usize = 256;

/// Below this the terms of the series change their signs for too long.
const LEAST: f64 = -3.0;

/// So many dates are right to edge^(2 dates) as long as w is below its edge. Two thirds of them would do for eleven
/// digits where a is about one; the others are for customers who leave soon.
const DATES: [usize; 3] = [12, 20, 32];
const EDGES: [f64; 4] = [0.0, 0.191_09, 0.437_14, 0.575_98];

/// What the last factors of a curve may come to, as a part of its values.
const SETTLED: f64 = 1e-12;

/// How far more dates may change a value, as a part of it.
const CHECKED: f64 = 1e-11;

impl Outlooks {
    /// The outlook of a model and a schedule.
    pub(crate) fn of(&mut self, model: &Bgnbd, terms: Terms) -> &mut Outlook {
        let known = self.kept.iter().position(|outlook| outlook.is_for(model, terms));
        let place = known.unwrap_or_else(|| {
            let outlook = Outlook::new(*model, terms);
            if self.kept.len() < KEPT {
                self.kept.push(outlook);
                return self.kept.len() - 1;
            }
            let place = self.oldest;
            self.kept[place] = outlook;
            self.oldest = (place + 1) % KEPT;
            place
        });
        &mut self.kept[place]
    }
}

impl Outlook {
    fn new(model: Bgnbd, terms: Terms) -> Self {
        let cosines = std::array::from_fn(|angle| (2.0 * PI * angle as f64 / TURN as f64).cos());
        Self { model, schedule: Schedule::new(terms), zones: Default::default(), cosines }
    }

    /// True if it answers for this model and schedule.
    fn is_for(&self, model: &Bgnbd, terms: Terms) -> bool {
        self.model == *model && self.schedule.terms() == terms
    }

    /// The purchases to expect of a customer with this history, if he is there at t.
    pub(crate) fn purchases(&mut self, x: f64, t: f64) -> f64 {
        let scale = self.model.alpha + t;
        let centre = 1.0 + 2.0 * scale / self.schedule.terms().horizon;
        let w = 1.0 / (centre + (centre * centre - 1.0).sqrt());
        let zone = EDGES[1..].iter().position(|edge| w < *edge);
        let curve = zone.and_then(|zone| Some((zone, self.curve(zone, x)?)));
        let Some((zone, curve)) = curve else { return self.period_by_period(x, t) };
        let (middle, half) = place(zone);
        (self.model.r + x) / scale * polynomial(&curve, (w - middle) / half)
    }

    fn curve(&mut self, zone: usize, x: f64) -> Curve {
        let purchases = ceil(x);
        if let Some(Some(curve)) = self.zones[zone].curves.get(purchases) {
            return *curve;
        }
        let curve = self.work_out(zone, x);
        if purchases < FREQUENT {
            let curves = &mut self.zones[zone].curves;
            curves.resize(curves.len().max(purchases + 1), None);
            curves[purchases] = Some(curve);
        }
        curve
    }

    fn work_out(&mut self, zone: usize, x: f64) -> Curve {
        let (a, b) = (self.model.a, self.model.b + self.model.shift);
        let (start, c) = (a + b - self.model.r - 1.0, a + b + x);
        if start <= LEAST {
            return None;
        }
        if self.zones[zone].powers.is_empty() {
            let horizon = self.schedule.terms().horizon;
            let scales = scales(zone, horizon, &self.cosines);
            let rule = self.schedule.rule(DATES[zone]);
            self.zones[zone].powers = powers(zone, a, scales, rule);
            let rule = self.schedule.rule(DATES[zone] + 8);
            let check = powers(zone, a, [scales[0]], rule);
            self.zones[zone].check = check.into_iter().flatten().collect();
        }
        let (mut factor, mut n, mut check) = (1.0, 0.0, 0.0);
        let mut values = [0.0; NODES];
        for (power, one) in self.zones[zone].powers.iter().zip(&self.zones[zone].check) {
            for (value, power) in values.iter_mut().zip(power) {
                *value += factor * power;
            }
            check += factor * one;
            factor *= (start + n) * (a + n) / ((c + n) * (n + 1.0));
            n += 1.0;
        }
        let checked = (check - values[0]).abs() <= CHECKED * check.abs();
        checked.then(|| through(&values, &self.cosines)).flatten()
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

/// The middle of a zone and half its width.
fn place(zone: usize) -> (f64, f64) {
    let (low, high) = (EDGES[zone], EDGES[zone + 1]);
    (0.5 * (low + high), 0.5 * (high - low))
}

/// A at the nodes of a zone, ascending.
fn scales(zone: usize, horizon: f64, cosines: &[f64; TURN]) -> Lanes {
    let (middle, half) = place(zone);
    std::array::from_fn(|node| {
        let w = middle + half * cosines[2 * node + 1];
        0.25 * horizon * (1.0 - w).powi(2) / w
    })
}

/// What the series is multiplied with, power by power, to give the sum over the dates at each of some A.
fn powers<const N: usize>(zone: usize, a: f64, scales: [f64; N], rule: &Rule) -> Vec<[f64; N]> {
    // The series has settled once the largest y to this power is below the last bits.
    let high = 4.0 * EDGES[zone + 1] / (1.0 + EDGES[zone + 1]).powi(2);
    let length = 2 * ceil(32.0 * (1.0 + high) / (4.0 * (1.0 - high))) + 4;
    let mut sums = vec![[0.0; N]; length];
    for (date, weight) in rule {
        let ys = scales.map(|scale| date / (scale + date));
        let mut terms = scales.map(|scale| weight * (a * -(date / scale).ln_1p()).exp());
        for sums in &mut sums {
            for node in 0..N {
                sums[node] += terms[node];
                terms[node] *= ys[node];
            }
        }
    }
    sums
}

/// The polynomial through the values at the nodes; None if it is not as good as it should be.
fn through(values: &Lanes, cosines: &[f64; TURN]) -> Curve {
    // Chebyshev's factors first: their size says how good the polynomial is.
    let factors: Lanes = std::array::from_fn(|degree| {
        let sum: f64 = values
            .iter()
            .enumerate()
            .map(|(k, value)| value * cosines[degree * (2 * k + 1) % TURN])
            .sum();
        sum * if degree == 0 { 1.0 } else { 2.0 } / NODES as f64
    });
    let least = values.iter().fold(f64::INFINITY, |least, value| least.min(value.abs()));
    let rest = factors[NODES - 2].abs() + factors[NODES - 1].abs();
    if rest.is_nan() || rest > SETTLED * least {
        return None;
    }
    // T(n + 1) = 2 s T(n) - T(n - 1).
    let (mut last, mut this) = ([0.0; NODES], [0.0; NODES]);
    (last[0], this[1]) = (1.0, 1.0);
    let mut curve = [0.0; NODES];
    (curve[0], curve[1]) = (factors[0], factors[1]);
    for factor in &factors[2..] {
        let mut next = last.map(|term| -term);
        for degree in 1..NODES {
            next[degree] += 2.0 * this[degree - 1];
        }
        (last, this) = (this, next);
        for (term, part) in curve.iter_mut().zip(this) {
            *term += factor * part;
        }
    }
    Some(curve)
}

/// A polynomial at one place, four powers at a time.
fn polynomial(factors: &Lanes, s: f64) -> f64 {
    let (square, mut values) = (s * s, [0.0; 4]);
    let high = square * square;
    for chunk in factors.rchunks_exact(4) {
        for (value, factor) in values.iter_mut().zip(chunk) {
            *value = *value * high + factor;
        }
    }
    (values[0] + values[1] * s) + (values[2] + values[3] * s) * square
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

    #[test]
    fn every_model_gets_the_sum_or_the_digits() {
        for (r, a, b) in grid() {
            let model = Bgnbd { r, alpha: 5.0, a, b, shift: 0.0 };
            for (horizon, rate) in [(52.0, 0.0), (52.0, 0.002), (365.0, 0.0003)] {
                let mut outlook = Outlook::new(model, Terms { horizon, rate, middle: true });
                for (x, t) in [(0.0, 60.0), (1.0, 9.0), (7.0, 200.0), (40.0, 1.0), (500.0, 3.0)] {
                    let (few, all) = (outlook.purchases(x, t), outlook.period_by_period(x, t));
                    assert!(
                        (few / all - 1.0).abs() < 5e-11,
                        "{model:?} {horizon} {rate} {x} {t}: {few} {all}"
                    );
                }
            }
        }
    }

    /// The sum over all periods is dear: the models that customers have do without it.
    #[test]
    fn common_models_are_settled() {
        for (r, a, b) in grid().filter(|(_, a, b)| *a <= 2.0 && *b > 1.0) {
            let model = Bgnbd { r, alpha: 5.0, a, b, shift: 0.0 };
            let terms = Terms { horizon: 52.0, rate: 0.002, middle: true };
            let mut outlook = Outlook::new(model, terms);
            for x in [0.0, 1.0, 7.0, 40.0] {
                for zone in 0..DATES.len() {
                    assert!(outlook.curve(zone, x).is_some(), "{model:?} {x} {zone}");
                }
            }
        }
    }

    /// r, a and b.
    fn grid() -> impl Iterator<Item = (f64, f64, f64)> {
        let (rs, falls, bs) =
            ([0.05, 0.5, 3.0], [0.01, 0.8, 2.0, 5.0, 50.0, 500.0], [0.05, 2.5, 40.0]);
        rs.into_iter().flat_map(move |r| {
            falls.into_iter().flat_map(move |a| bs.into_iter().map(move |b| (r, a, b)))
        })
    }
}
