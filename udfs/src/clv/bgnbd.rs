//! BG/NBD and MBG/NBD: customers buy at their own rate and may drop out after a purchase.
//!
//! Rates are gamma(r, alpha) over customers, drop-out chances beta(a, b). In BG/NBD nobody drops out
//! before his first repeat purchase, so a customer with x = 0 is alive for certain; MBG/NBD lets him
//! go after the first purchase already, which shifts b by one everywhere. Forms are chosen so that
//! every valid history has a finite value: sums of logarithms instead of gamma functions, and one
//! regular series instead of a hypergeometric function with poles.

use super::beta_mean::beta_mean;
use super::gammaln::ln_ways;

/// The parameters, and which of the two models they are for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bgnbd {
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) a: f64,
    pub(crate) b: f64,
    /// 0 for BG/NBD, 1 for MBG/NBD.
    pub(crate) shift: f64,
}

/// One history and how many customers have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct History {
    pub(crate) x: f64,
    pub(crate) tx: f64,
    pub(crate) t: f64,
    pub(crate) weight: f64,
}

/// Sums of ln(base + k), 1 / (base + k) and 1 / (base + k)^2 for k below every x.
pub(crate) struct Prefix {
    pub(crate) logs: Vec<f64>,
    pub(crate) inverses: Vec<f64>,
    pub(crate) squares: Vec<f64>,
}

impl Prefix {
    pub(crate) fn new(base: f64, most: usize) -> Self {
        let (mut logs, mut inverses, mut squares) = (vec![0.0], vec![0.0], vec![0.0]);
        let (mut log, mut inverse, mut square, mut term) = (0.0, 0.0, 0.0, base);
        for _ in 0..most {
            log += term.ln();
            inverse += 1.0 / term;
            square += 1.0 / (term * term);
            term += 1.0;
            logs.push(log);
            inverses.push(inverse);
            squares.push(square);
        }
        Self { logs, inverses, squares }
    }
}

impl Bgnbd {
    /// From logarithms, as the search sees them.
    pub(crate) fn from_logs(logs: &[f64], shift: f64) -> Self {
        let parameter = |index: usize| logs.get(index).copied().unwrap_or(f64::NAN).exp();
        Self { r: parameter(0), alpha: parameter(1), a: parameter(2), b: parameter(3), shift }
    }

    /// The chance that a customer with this history has not dropped out.
    pub(crate) fn p_alive(&self, x: f64, tx: f64, t: f64) -> f64 {
        if x == 0.0 && self.shift == 0.0 {
            return 1.0;
        }
        let silence = (self.r + x) * ((self.alpha + t) / (self.alpha + tx)).ln();
        1.0 / (1.0 + self.a / (self.b + self.shift + x - 1.0) * silence.exp())
    }
}

/// What is to come. These are asked of BG/NBD only: it is what MBG/NBD becomes once a customer is there.
impl Bgnbd {
    /// The BG/NBD of what a customer with this history does, if he is there at t.
    pub(crate) fn later(&self, x: f64, t: f64) -> Self {
        let (r, alpha, b) = (self.r + x, self.alpha + t, self.b + x + self.shift);
        Self { r, alpha, b, shift: 0.0, ..*self }
    }

    /// The purchases to expect within a time of a customer who is there.
    pub(crate) fn expected(&self, horizon: f64) -> f64 {
        const MOST: u32 = 100_000;
        const LOST: f64 = 1e-4;
        let Self { r, alpha, a, b, .. } = *self;
        if horizon <= 0.0 {
            return 0.0;
        }
        let z = horizon / (alpha + horizon);
        let log = (-z).ln_1p();
        let (e, c) = (a - 1.0, a + b - 1.0);
        let start = c - r;
        let growth = if e == 0.0 { log } else { (e * log).exp_m1() / e };
        let (mut term, mut sum, mut largest) = (start * z, 0.0, 0.0_f64);
        let mut settled = false;
        for n in 1..MOST {
            sum += term;
            largest = largest.max(term.abs());
            let n = f64::from(n);
            term *= (start + n) * (e + n) / ((c + n) * (n + 1.0)) * z;
            settled = term.abs() <= 1e-17 * sum.abs();
            if settled {
                break;
            }
        }
        let scale = (e * log).exp();
        let expected = -c * growth - scale * sum;
        // With r far above a + b the terms alternate and grow before they fall; with a horizon far beyond alpha
        // they are many, and their scale may be too small to be a number. The mean over p has neither trouble.
        let exact = settled && scale.is_normal();
        if exact && expected >= LOST * (c * growth).abs().max(scale * largest) {
            return expected;
        }
        let pace = horizon / alpha;
        let given = |p: f64| {
            if p == 0.0 { r * pace } else { -(-r * (p * pace).ln_1p()).exp_m1() / p }
        };
        beta_mean(a, b, r * pace, given)
    }

    /// The chance that a customer who is there now still is later: that of every number of purchases, times
    /// the chance to stay after so many. It is also the mean of (1 + p time / alpha)^-r over his drop-out
    /// chance p, which is asked where the numbers of purchases are too many.
    pub(crate) fn stays(&self, ahead: f64) -> f64 {
        const FEW: f64 = 10_000.0;
        const NEVER: f64 = 600.0;
        let Self { r, alpha, a, b, .. } = *self;
        if ahead == 0.0 {
            return 1.0;
        }
        let pace = ahead / alpha;
        let none = r * pace.ln_1p();
        if (r + 40.0) * (1.0 + pace) > FEW || none > NEVER {
            return beta_mean(a, b, r * pace, |p| (-r * (p * pace).ln_1p()).exp()).min(1.0);
        }
        let buys = ahead / (alpha + ahead);
        let (mut term, mut sum, mut n, mut rest) = ((-none).exp(), 0.0, 0.0, 1.0);
        // The ratio of the terms ends at `buys`, so what is left is below term / rest.
        while term > 1e-17 * rest * sum {
            sum += term;
            let ratio = (r + n) * (b + n) / ((a + b + n) * (n + 1.0)) * buys;
            rest = 1.0 - ratio.max(buys);
            term *= ratio;
            n += 1.0;
        }
        sum.min(1.0)
    }

    /// The chance of n purchases within a time of a customer who is there: n and he stayed, or more would
    /// have come but he dropped out after the n-th.
    pub(crate) fn pmf(&self, n: f64, horizon: f64) -> f64 {
        // Near the logarithm of the smallest number; a sum that starts there has no digits.
        const FAINT: f64 = -600.0;
        let Self { r, alpha, a, b, .. } = *self;
        if horizon == 0.0 {
            return f64::from(u8::from(n == 0.0));
        }
        let none = -r * (horizon / alpha).ln_1p();
        let share = (alpha / horizon).ln_1p();
        let buys = |count: f64| {
            (ln_ways(r, count) + none - if count > 0.0 { count * share } else { 0.0 }).exp()
        };
        if n == 0.0 {
            return buys(0.0);
        }
        // The chances to stay after each of n - 1 purchases and, apart, to go after the n-th.
        let (mut stayed, mut i) = (1.0, 0.0);
        while i < n - 1.0 {
            stayed *= (b + i) / (a + b + i);
            i += 1.0;
        }
        let goes = stayed * a / (a + b + i);
        let stays = stayed * (b + i) / (a + b + i);
        // The chance of n purchases or more: the part of the sum that loses no digits.
        let odds = (-share).exp();
        let more = if n <= r * horizon / alpha && none < FAINT {
            (1.0 - fewer(r, odds, n, buys(n - 1.0))).max(0.0)
        } else if n <= r * horizon / alpha {
            let (mut term, mut sum, mut count) = (buys(0.0), 0.0, 0.0);
            while count < n {
                sum += term;
                term *= (r + count) / (count + 1.0) * odds;
                count += 1.0;
            }
            (1.0 - sum).max(0.0)
        } else {
            let (mut term, mut sum, mut count) = (buys(n), 0.0, n);
            while term > 1e-17 * (1.0 - odds) * sum {
                sum += term;
                term *= (r + count) / (count + 1.0) * odds;
                count += 1.0;
            }
            sum
        };
        (stays * buys(n) + goes * more).min(1.0)
    }

    /// The time within which a customer who is there buys with this chance.
    pub(crate) fn wait(&self, chance: f64) -> Option<f64> {
        (chance < 1.0).then(|| self.alpha * (-(-chance).ln_1p() / self.r).exp_m1())
    }
}

/// The chance of fewer than n purchases of a customer who does not drop out, given that of n - 1: added up from
/// there downwards.
fn fewer(r: f64, odds: f64, n: f64, last: f64) -> f64 {
    let (mut term, mut sum, mut count) = (last, 0.0, n - 1.0);
    while term > 1e-17 * sum {
        sum += term;
        term *= count / ((r + count - 1.0) * odds);
        count -= 1.0;
    }
    sum
}

/// A number of purchases as a place in a list; the fit has checked that it is one.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and the number is whole")]
pub(crate) fn index(x: f64) -> usize {
    x as usize
}
