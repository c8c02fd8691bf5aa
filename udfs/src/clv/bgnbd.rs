//! BG/NBD and MBG/NBD: customers buy at their own rate and may drop out after a purchase.
//!
//! Rates are gamma(r, alpha) over customers, drop-out chances beta(a, b). In BG/NBD nobody drops out
//! before his first repeat purchase, so a customer with x = 0 is alive for certain; MBG/NBD lets him
//! go after the first purchase already, which shifts b by one everywhere. Forms are chosen so that
//! every valid history has a finite value: sums of logarithms instead of gamma functions, and one
//! regular series instead of a hypergeometric function with poles.

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

/// Sums of ln(base + k) and 1 / (base + k) for k below every x.
struct Prefix {
    logs: Vec<f64>,
    inverses: Vec<f64>,
}

impl Prefix {
    fn new(base: f64, most: usize) -> Self {
        let (mut logs, mut inverses) = (vec![0.0], vec![0.0]);
        let (mut log, mut inverse, mut term) = (0.0, 0.0, base);
        for _ in 0..most {
            log += term.ln();
            inverse += 1.0 / term;
            term += 1.0;
            logs.push(log);
            inverses.push(inverse);
        }
        Self { logs, inverses }
    }
}

impl Bgnbd {
    /// From logarithms, as the search sees them.
    pub(crate) fn from_logs(logs: &[f64], shift: f64) -> Self {
        let parameter = |index: usize| logs.get(index).copied().unwrap_or(f64::NAN).exp();
        Self { r: parameter(0), alpha: parameter(1), a: parameter(2), b: parameter(3), shift }
    }

    /// Minus the log-likelihood of the histories and its gradient by the logarithms of r, alpha, a, b.
    pub(crate) fn cost(&self, histories: &[History], most: usize) -> (f64, Vec<f64>) {
        let Self { r, alpha, a, b, shift } = *self;
        let b = b + shift;
        let rates = Prefix::new(r, most);
        // In MBG/NBD the factor B(a, b + x + 1) / B(a, b) starts one step earlier.
        let (stays, all) = (Prefix::new(b, most), Prefix::new(a + b, most));
        let before = if shift > 0.0 { ((b - 1.0) / (a + b - 1.0)).ln() } else { 0.0 };
        let (mut sum, mut dr, mut dalpha, mut da, mut db) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for history in histories {
            let History { x, tx, t, weight } = *history;
            let place = index(x);
            let purchases = r + x;
            let (at_end, at_last) = ((alpha + t).ln(), (alpha + tx).ln());
            let alive = -purchases * at_end;
            let gone = if x > 0.0 || shift > 0.0 {
                a.ln() - (b + x - 1.0).ln() - purchases * at_last
            } else {
                f64::NEG_INFINITY
            };
            let high = alive.max(gone);
            let (alive, gone) = ((alive - high).exp(), (gone - high).exp());
            let both = alive + gone;
            let (alive, gone) = (alive / both, gone / both);
            sum += weight
                * (rates.logs[place] + r * alpha.ln() + stays.logs[place] - all.logs[place]
                    + before
                    + high
                    + both.ln());
            let late = alive * at_end + gone * at_last;
            let pace = alive / (alpha + t) + gone / (alpha + tx);
            dr += weight * (rates.inverses[place] + alpha.ln() - late);
            dalpha += weight * (r / alpha - purchases * pace);
            da += weight * (gone / a - all.inverses[place]);
            db += weight * (stays.inverses[place] - all.inverses[place]);
            if gone > 0.0 {
                db -= weight * gone / (b + x - 1.0);
            }
            if shift > 0.0 {
                da -= weight / (a + b - 1.0);
                db += weight * (1.0 / (b - 1.0) - 1.0 / (a + b - 1.0));
            }
        }
        (-sum, vec![-dr * r, -dalpha * alpha, -da * a, -db * (b - shift)])
    }

    /// The chance that a customer with this history has not dropped out.
    pub(crate) fn p_alive(&self, x: f64, tx: f64, t: f64) -> f64 {
        if x == 0.0 && self.shift == 0.0 {
            return 1.0;
        }
        let odds = self.a.ln() - (self.b + self.shift + x - 1.0).ln()
            + (self.r + x) * ((self.alpha + t) / (self.alpha + tx)).ln();
        1.0 / (1.0 + odds.exp())
    }

    /// The purchases to expect within `horizon` after `t`.
    pub(crate) fn expected(&self, x: f64, tx: f64, t: f64, horizon: f64) -> f64 {
        self.expected_if_alive(x, t, horizon) * self.p_alive(x, tx, t)
    }

    /// The purchases to expect within `horizon` of a new customer.
    pub(crate) fn expected_new(&self, horizon: f64) -> f64 {
        // At age zero only the first purchase has happened; under MBG/NBD it may have been the last.
        let alive = if self.shift > 0.0 { self.p_alive(0.0, 0.0, 0.0) } else { 1.0 };
        self.expected_if_alive(0.0, 0.0, horizon) * alive
    }

    fn expected_if_alive(&self, x: f64, t: f64, horizon: f64) -> f64 {
        const MOST: u32 = 1_000_000;
        if horizon <= 0.0 {
            return 0.0;
        }
        let b = self.b + self.shift;
        let z = horizon / (self.alpha + t + horizon);
        let log = (-z).ln_1p();
        let e = self.a - 1.0;
        let start = self.a + b - 1.0 - self.r;
        let c = self.a + b + x - 1.0;
        let growth = if e == 0.0 { log } else { (e * log).exp_m1() / e };
        let (mut term, mut sum) = (start * z, 0.0);
        for n in 1..MOST {
            sum += term;
            let n = f64::from(n);
            term *= (start + n) * (e + n) / ((c + n) * (n + 1.0)) * z;
            if term.abs() <= 1e-17 * sum.abs() {
                break;
            }
        }
        -c * growth - (e * log).exp() * sum
    }
}

/// A number of purchases as a place in a list; the fit has checked that it is one.
fn index(x: f64) -> usize {
    format!("{x:.0}").parse().unwrap_or_default()
}
