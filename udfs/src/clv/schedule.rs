//! When the money of the periods ahead comes in, told by a few dates that stand for all of them.
//!
//! A lifetime value adds up fifty-two weeks or a thousand days, each worth a little less than the one before. What a
//! customer buys changes smoothly with time, so a few dates with the right weights give the same sum: those of Gauss's
//! rule, for which n dates are exact as long as 2 n powers of time suffice. The rule is made of the periods themselves
//! (Stieltjes, then Golub and Welsch), so the steps between the periods are in it exactly.
//!
//! A single period of length 1 without discount and two dates: 0.2113 and 0.7887, half of the period each.

/// The periods ahead, and the rules made of them so far.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    terms: Terms,
    rules: Vec<Rule>,
}

/// What a schedule is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Terms {
    /// In periods, above 0.
    pub(crate) horizon: f64,
    /// The discount of a period, as a rate of decay.
    pub(crate) rate: f64,
    /// True if the money of a period comes in at its middle, false if at its end.
    pub(crate) middle: bool,
}

/// A date and what a unit of money per time is worth that stands for the time around it.
pub(crate) type Rule = Vec<(f64, f64)>;

/// The most dates of a rule.
pub(crate) const MOST: usize = 40;

impl Schedule {
    pub(crate) fn new(terms: Terms) -> Self {
        Self { terms, rules: vec![vec![]; MOST + 1] }
    }

    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    /// The rule of so many dates, at most [`MOST`].
    pub(crate) fn rule(&mut self, dates: usize) -> &Rule {
        let rule = &mut self.rules[dates.min(MOST)];
        if rule.is_empty() {
            *rule = self.terms.rule(dates.min(MOST));
        }
        rule
    }
}

impl Terms {
    /// The periods: begin, end and what money is worth that comes in between.
    pub(crate) fn periods(self) -> impl Iterator<Item = (f64, f64, f64)> {
        let mut start = 0.0;
        std::iter::from_fn(move || {
            if start >= self.horizon {
                return None;
            }
            // Without discount all periods are one.
            let next = if self.rate == 0.0 { self.horizon } else { start + 1.0 };
            let (begin, end) = (start, self.horizon.min(next));
            start = end;
            let paid = if self.middle { 0.5 * (begin + end) } else { end };
            Some((begin, end, (-self.rate * paid).exp()))
        })
    }

    fn rule(self, dates: usize) -> Rule {
        // Legendre's rule, on -1 to 1, is exact for the powers that count within a period.
        let off = (1..dates).map(|k| {
            let k = k as f64;
            k / (4.0 * k * k - 1.0).sqrt()
        });
        let within = gauss(vec![0.0; dates], off.collect(), 2.0);
        let mut points = vec![];
        for (begin, end, worth) in self.periods() {
            let half = 0.5 * (end - begin);
            points.extend(within.iter().map(|(place, weight)| {
                ((begin + half * (1.0 + place)) / self.horizon, worth * half * weight)
            }));
        }
        let mass = points.iter().map(|point| point.1).sum();
        let (middles, off) = recurrence(&points, mass, dates);
        gauss(middles, off, mass).into_iter().map(|(place, w)| (place * self.horizon, w)).collect()
    }
}

/// How the orthogonal polynomials of a weight follow from each other (Stieltjes).
fn recurrence(points: &[(f64, f64)], mass: f64, count: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut middles, mut off) = (vec![], vec![]);
    let mut last = vec![0.0; points.len()];
    let mut this = vec![1.0 / mass.sqrt(); points.len()];
    let mut size = 0.0;
    for k in 0..count {
        let squares = points.iter().zip(&this).map(|((place, weight), p)| place * weight * p * p);
        let middle: f64 = squares.sum();
        middles.push(middle);
        if k + 1 == count {
            break;
        }
        for (((place, _), p), q) in points.iter().zip(&this).zip(&mut last) {
            *q = (place - middle) * p - size * *q;
        }
        std::mem::swap(&mut last, &mut this);
        size = points.iter().zip(&this).map(|((_, weight), p)| weight * p * p).sum::<f64>().sqrt();
        this.iter_mut().for_each(|p| *p /= size);
        off.push(size);
    }
    (middles, off)
}

/// Places and weights of Gauss's rule from the recurrence: eigenvalues of a tridiagonal matrix and the first
/// components of its eigenvectors (Golub and Welsch 1969), by implicit QL.
fn gauss(mut places: Vec<f64>, mut off: Vec<f64>, mass: f64) -> Rule {
    const TURNS: usize = 60;
    let count = places.len();
    off.push(0.0);
    let mut first = vec![0.0; count];
    first.iter_mut().take(1).for_each(|component| *component = 1.0);
    for low in 0..count {
        for _ in 0..TURNS {
            let is_small = |k: &usize| {
                off[*k].abs() <= f64::EPSILON * (places[*k].abs() + places[*k + 1].abs())
            };
            let high = (low..count - 1).find(is_small).unwrap_or(count - 1);
            if high == low {
                break;
            }
            turn(&mut places, &mut off, &mut first, low, high);
        }
    }
    places
        .into_iter()
        .zip(first)
        .map(|(place, component)| (place, mass * component * component))
        .collect()
}

/// One turn of implicit QL between two rows.
fn turn(places: &mut [f64], off: &mut [f64], first: &mut [f64], low: usize, high: usize) {
    let slope = (places[low + 1] - places[low]) / (2.0 * off[low]);
    let root = slope.hypot(1.0).copysign(slope);
    let mut g = places[high] - places[low] + off[low] / (slope + root);
    let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
    for row in (low..high).rev() {
        let (f, b) = (sine * off[row], cosine * off[row]);
        let size = f.hypot(g);
        off[row + 1] = size;
        if size == 0.0 {
            places[row + 1] -= shift;
            off[high] = 0.0;
            return;
        }
        (sine, cosine) = (f / size, g / size);
        g = places[row + 1] - shift;
        let rest = (places[row] - g) * sine + 2.0 * cosine * b;
        shift = sine * rest;
        places[row + 1] = g + shift;
        g = cosine * rest - b;
        let (here, next) = (first[row], first[row + 1]);
        first[row + 1] = sine * here + cosine * next;
        first[row] = cosine * here - sine * next;
    }
    places[low] -= shift;
    off[low] = g;
    off[high] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: the integral of time to the power n over each period is (end^(n+1) - begin^(n+1)) / (n+1).
    #[test]
    fn a_rule_is_exact_for_powers_of_time() {
        for (horizon, rate, middle) in [(1.0, 0.0, true), (52.0, 0.002, true), (10.4, 0.1, false)] {
            let terms = Terms { horizon, rate, middle };
            for dates in [2, 6, 10] {
                let rule = Schedule::new(terms).rule(dates).clone();
                for power in 0..2 * i32::try_from(dates).unwrap() {
                    let exact: f64 = terms
                        .periods()
                        .map(|(begin, end, worth)| {
                            let (b, e) = (begin / horizon, end / horizon);
                            worth * (e.powi(power + 1) - b.powi(power + 1)) / f64::from(power + 1)
                        })
                        .sum();
                    let sum: f64 = rule.iter().map(|(t, w)| w * (t / horizon).powi(power)).sum();
                    assert!(
                        (sum / horizon / exact - 1.0).abs() < 1e-12,
                        "{terms:?} {dates} {power}"
                    );
                }
            }
        }
    }
}
