//! The log-likelihood of BG/NBD and MBG/NBD with its exact first and second derivatives, for the fit.
//!
//! With b one larger for MBG/NBD, and then less ln((a + b - 1) / (b - 1)),
//!
//! ```text
//! log L = lnG(r+x) - lnG(r) + r ln alpha + lnG(a+b) + lnG(b+x) - lnG(b) - lnG(a+b+x) + ln(e^A + e^G)
//! A = -(r+x) ln(alpha+T)                                  still a customer
//! G = ln a - ln(b+x-1) - (r+x) ln(alpha+t_x)              gone
//! ```
//!
//! Customers come sorted by x, t_x and T, and all but A and G depends on x alone: it is added once for a run of
//! equal x. A customer of the run costs two logarithms, one if t_x is that of the customer before, and one
//! exponential; the logarithms of the last term are taken of products of many. With p and q = 1 - p the shares of
//! e^A and e^G, the second derivatives of the last term are p A'' + q G'' + p q (A' - G')(A' - G'). In BG/NBD nobody
//! is gone at x = 0: p is 1.
//!
//! By hand: x = 0 in BG/NBD leaves r ln alpha - r ln(alpha + T).

use super::bgnbd::{Bgnbd, History, Prefix, index};
use super::minimize::Look;
use crate::parallel;

/// Histories that are summed up before the sums are.
const CHUNK: usize = 4_096;

/// log L, its derivatives by r, alpha, a and b, and the second ones: rr, ra, ..., those on and above the diagonal.
type Sums = [f64; 15];

/// What the likelihood needs of the parameters, by the number of purchases.
struct Sides {
    rates: Prefix,
    stays: Prefix,
    all: Prefix,
}

/// What histories with the same x come to, times their weights. One is by 1 / (alpha + T) and 1 / (alpha + t_x).
#[derive(Default)]
struct Run {
    weight: f64,
    /// ln(e^A + e^G).
    both: f64,
    gone: f64,
    /// The means over p and q of ln, of one and of one squared.
    late: f64,
    pace: f64,
    pace_square: f64,
    /// p q, alone and times the differences of ln and of one and their squares and product.
    doubt: f64,
    doubt_late: f64,
    doubt_pace: f64,
    late_late: f64,
    late_pace: f64,
    pace_pace: f64,
}

/// A sum of logarithms, of which few are taken: of products.
struct Logs {
    sum: f64,
    product: f64,
}

impl Logs {
    const NONE: Self = Self { sum: 0.0, product: 1.0 };

    fn add(&mut self, number: f64, weight: f64) {
        // Two numbers within have a product that is one.
        const WITHIN: std::ops::Range<f64> = 1e-150..1e150;
        if weight != 1.0 || !WITHIN.contains(&number) {
            self.sum += weight * number.ln();
            return;
        }
        self.product *= number;
        if !WITHIN.contains(&self.product) {
            self.sum += self.product.ln();
            self.product = 1.0;
        }
    }

    fn total(&self) -> f64 {
        self.sum + self.product.ln()
    }
}

impl Bgnbd {
    /// Minus the log-likelihood of the histories, sorted, by the logarithms of r, alpha, a, b. `most` is the largest
    /// x.
    pub(crate) fn cost(&self, histories: &[History], most: usize) -> Look {
        let Self { r, alpha, a, b, shift } = *self;
        let sides = Sides {
            rates: Prefix::new(r, most),
            // In MBG/NBD the factor B(a, b + x + 1) / B(a, b) starts one step earlier.
            stays: Prefix::new(b + shift, most),
            all: Prefix::new(a + b + shift, most),
        };
        let [ll, dr, dalpha, da, db, second @ ..] =
            parallel::sums(histories.len(), CHUNK, |rows| {
                let mut sums = [0.0; 15];
                for same in histories[rows].chunk_by(|one, other| one.x == other.x) {
                    self.add(same, &sides, &mut sums);
                }
                sums
            });
        let numbers = [r, alpha, a, b];
        let gradient = [-dr * r, -dalpha * alpha, -da * a, -db * b];
        let mut curvature = vec![vec![0.0; 4]; 4];
        let places = (0..4).flat_map(|i| (i..4).map(move |j| (i, j)));
        for ((i, j), cell) in places.zip(second) {
            let own = if i == j { gradient[i] } else { 0.0 };
            curvature[i][j] = own - cell * numbers[i] * numbers[j];
            curvature[j][i] = curvature[i][j];
        }
        Look { value: -ll, gradient: gradient.to_vec(), curvature: Some(curvature) }
    }

    /// Adds histories with the same x.
    fn add(&self, same: &[History], sides: &Sides, sums: &mut Sums) {
        let Self { r, alpha, a, b, shift } = *self;
        let b = b + shift;
        let Some(x) = same.first().map(|history| history.x) else { return };
        let place = index(x);
        let purchases = r + x;
        let risky = x > 0.0 || shift > 0.0;
        let (run, by_stay) = if risky {
            let stay = b + x - 1.0;
            (self.doubtful(purchases, a.ln() - stay.ln(), same), 1.0 / stay)
        } else {
            (self.certain(same), 0.0)
        };
        let Sides { rates, stays, all } = sides;
        let w = run.weight;
        // The factor of MBG/NBD, and its derivatives.
        let (before, by_before, by_start) = if shift > 0.0 {
            (((b - 1.0) / (a + b - 1.0)).ln(), 1.0 / (a + b - 1.0), 1.0 / (b - 1.0))
        } else {
            (0.0, 0.0, 0.0)
        };
        let steady = rates.logs[place] + r * alpha.ln() + stays.logs[place] - all.logs[place];
        let shared = w * (all.squares[place] + by_before * by_before);
        let own = w * (stays.squares[place] + by_start * by_start);
        let parts: Sums = [
            w * (steady + before) + run.both,
            w * (rates.inverses[place] + alpha.ln()) - run.late,
            w * r / alpha - purchases * run.pace,
            run.gone / a - w * (all.inverses[place] + by_before),
            w * (stays.inverses[place] + by_start - all.inverses[place] - by_before)
                - run.gone * by_stay,
            run.late_late - w * rates.squares[place],
            w / alpha - run.pace + purchases * run.late_pace,
            run.doubt_late / a,
            -run.doubt_late * by_stay,
            purchases * (run.pace_square + purchases * run.pace_pace) - w * r / (alpha * alpha),
            purchases * run.doubt_pace / a,
            -purchases * run.doubt_pace * by_stay,
            (run.doubt - run.gone) / (a * a) + shared,
            shared - run.doubt * by_stay / a,
            (run.gone + run.doubt) * by_stay * by_stay - own + shared,
        ];
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum += part;
        }
    }

    /// Histories of customers who cannot be gone.
    fn certain(&self, same: &[History]) -> Run {
        let mut run = Run::default();
        let mut late = Logs::NONE;
        for &History { t, weight, .. } in same {
            let end = self.alpha + t;
            let by_end = 1.0 / end;
            late.add(end, weight);
            run.weight += weight;
            run.pace += weight * by_end;
            run.pace_square += weight * by_end * by_end;
        }
        run.late = late.total();
        run.both = -self.r * run.late;
        run
    }

    /// Histories of customers of whom nobody knows; `goes` is G without its last term.
    fn doubtful(&self, purchases: f64, goes: f64, same: &[History]) -> Run {
        let mut run = Run::default();
        let mut sum = Logs::NONE;
        let (mut before, mut at_last, mut by_last) = (f64::NAN, 0.0, 0.0);
        for &History { tx, t, weight, .. } in same {
            if tx != before {
                let last = self.alpha + tx;
                (before, at_last, by_last) = (tx, last.ln(), 1.0 / last);
            }
            let end = self.alpha + t;
            let (at_end, by_end) = (end.ln(), 1.0 / end);
            let alive = -purchases * at_end;
            let gone = goes - purchases * at_last;
            let least = (-(alive - gone).abs()).exp();
            let more = 1.0 / (1.0 + least);
            let less = least * more;
            let (p, q) = if alive >= gone { (more, less) } else { (less, more) };
            let doubt = weight * more * less;
            let (p, q) = (weight * p, weight * q);
            let (apart, pace_apart) = (at_end - at_last, by_end - by_last);
            sum.add(1.0 + least, weight);
            run.weight += weight;
            run.both += weight * alive.max(gone);
            run.gone += q;
            run.late += p * at_end + q * at_last;
            run.pace += p * by_end + q * by_last;
            run.pace_square += p * by_end * by_end + q * by_last * by_last;
            run.doubt += doubt;
            run.doubt_late += doubt * apart;
            run.doubt_pace += doubt * pace_apart;
            run.late_late += doubt * apart * apart;
            run.late_pace += doubt * apart * pace_apart;
            run.pace_pace += doubt * pace_apart * pace_apart;
        }
        run.both += sum.total();
        run
    }
}
