//! BG/BB: customers who may buy once at each of a row of opportunities, until they are gone.
//!
//! Donors asked every year, guests of a yearly event. At each opportunity a customer is gone before it with
//! his own chance, beta(gamma, delta) over customers, or buys with his own chance, beta(alpha, beta). A
//! history is x purchases at n opportunities, the last at t_x. All sums have positive terms only, and each
//! term follows from the one before.

use super::bgnbd::Prefix;

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bgbb {
    pub(crate) alpha: f64,
    pub(crate) beta: f64,
    pub(crate) gamma: f64,
    pub(crate) delta: f64,
}

/// x, t_x and n of some customers, as places in a table, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Record {
    pub(crate) x: usize,
    pub(crate) tx: usize,
    pub(crate) n: usize,
    pub(crate) weight: f64,
}

impl Bgbb {
    /// From logarithms, as the search sees them.
    pub(crate) fn from_logs(logs: &[f64]) -> Self {
        let parameter = |index: usize| logs.get(index).copied().unwrap_or(f64::NAN).exp();
        Self { alpha: parameter(0), beta: parameter(1), gamma: parameter(2), delta: parameter(3) }
    }

    /// Minus the log-likelihood and its gradient by the logarithms of alpha, beta, gamma, delta. `most` is
    /// the largest n.
    pub(crate) fn cost(&self, records: &[Record], most: usize) -> (f64, Vec<f64>) {
        let Self { alpha, beta, gamma, delta } = *self;
        let [buys, passes, asked] = [alpha, beta, alpha + beta].map(|base| Prefix::new(base, most));
        let [stays, lasts] = [delta, gamma + delta].map(|base| Prefix::new(base, most + 1));
        let mut sums = [0.0; 5];
        for record in records {
            let Record { x, tx, n, weight } = *record;
            // There to the end: B(alpha+x, beta+n-x) B(gamma, delta+n) over their priors.
            let log =
                buys.logs[x] + passes.logs[n - x] - asked.logs[n] + stays.logs[n] - lasts.logs[n];
            let mut slopes = [
                buys.inverses[x] - asked.inverses[n],
                passes.inverses[n - x] - asked.inverses[n],
                -lasts.inverses[n],
                stays.inverses[n] - lasts.inverses[n],
            ];
            let mut ll = log;
            if tx < n {
                // Gone right after t_x.
                let gone = buys.logs[x] + passes.logs[tx - x] - asked.logs[tx]
                    + gamma.ln()
                    + stays.logs[tx]
                    - lasts.logs[tx + 1];
                let mut by = [
                    buys.inverses[x] - asked.inverses[tx],
                    passes.inverses[tx - x] - asked.inverses[tx],
                    1.0 / gamma - lasts.inverses[tx + 1],
                    stays.inverses[tx] - lasts.inverses[tx + 1],
                ];
                // All as multiples of the larger of the two, for it may be too many times the other to be a number;
                // the terms after the first are smaller.
                let shift = log.max(gone);
                let (base, mut term) = ((log - shift).exp(), (gone - shift).exp());
                let mut mixed = slopes.map(|slope| base * slope);
                let mut total = base;
                for i in tx..n {
                    total += term;
                    for (mixed, by) in mixed.iter_mut().zip(by) {
                        *mixed += term * by;
                    }
                    let i_passed = beta + (i - x) as f64;
                    let i_asked = alpha + beta + i as f64;
                    let i_stayed = delta + i as f64;
                    let i_lasted = gamma + delta + 1.0 + i as f64;
                    term *= i_passed / i_asked * i_stayed / i_lasted;
                    by[0] -= 1.0 / i_asked;
                    by[1] += 1.0 / i_passed - 1.0 / i_asked;
                    by[2] -= 1.0 / i_lasted;
                    by[3] += 1.0 / i_stayed - 1.0 / i_lasted;
                }
                slopes = mixed.map(|slope| slope / total);
                ll = shift + total.ln();
            }
            sums[0] += weight * ll;
            for (sum, slope) in sums[1..].iter_mut().zip(slopes) {
                *sum += weight * slope;
            }
        }
        let [ll, da, db, dc, dd] = sums;
        (-ll, vec![-da * alpha, -db * beta, -dc * gamma, -dd * delta])
    }

    /// The chance that a customer with this history was not gone at his last opportunity.
    pub(crate) fn p_alive(&self, x: f64, tx: f64, n: f64) -> f64 {
        let Self { alpha, beta, gamma, delta } = *self;
        // Gone before opportunity i + 1, backwards from the last, as multiples of being there.
        let (mut odds, mut term, mut i) = (0.0, gamma / (delta + n - 1.0), n - 1.0);
        term *= (alpha + beta + n - 1.0) / (beta + n - 1.0 - x).max(f64::MIN_POSITIVE);
        while i >= tx {
            odds += term;
            i -= 1.0;
            term *= (alpha + beta + i) / (beta + i - x).max(f64::MIN_POSITIVE)
                * (gamma + delta + 1.0 + i)
                / (delta + i);
        }
        1.0 / (1.0 + odds)
    }

    /// The model of what a customer with this history does, if he was not gone at opportunity n.
    pub(crate) fn later(&self, x: f64, n: f64) -> Self {
        Self { alpha: self.alpha + x, beta: self.beta + n - x, delta: self.delta + n, ..*self }
    }

    /// The chance that a new customer is still there at an opportunity from now.
    pub(crate) fn stays(&self, ahead: f64) -> f64 {
        let (mut chance, mut i) = (1.0, 0.0);
        while i < ahead {
            chance *= (self.delta + i) / (self.gamma + self.delta + i);
            i += 1.0;
        }
        chance
    }

    /// The purchases to expect of a new customer at so many opportunities.
    pub(crate) fn expected(&self, horizon: f64) -> f64 {
        let (mut chance, mut sum, mut i) = (1.0, 0.0, 0.0);
        while i < horizon {
            chance *= (self.delta + i) / (self.gamma + self.delta + i);
            sum += chance;
            i += 1.0;
        }
        self.alpha / (self.alpha + self.beta) * sum
    }

    /// The chance of `n` purchases of a new customer at so many opportunities.
    ///
    /// He is there at exactly i of them, i from n on, and buys at n of the i.
    pub(crate) fn pmf(&self, n: f64, horizon: f64) -> f64 {
        let Self { alpha, beta, gamma, delta } = *self;
        if n > horizon {
            return 0.0;
        }
        // Buys at each of the first n.
        let (mut buys, mut there, mut i) = (1.0, 1.0, 0.0);
        while i < n {
            buys *= (alpha + i) / (alpha + beta + i);
            there *= (delta + i) / (gamma + delta + i);
            i += 1.0;
        }
        if !(buys * there).is_normal() {
            return self.pmf_by_logs(n, horizon);
        }
        let mut sum = 0.0;
        while i < horizon {
            sum += buys * there * gamma / (gamma + delta + i);
            there *= (delta + i) / (gamma + delta + i);
            buys *= (i + 1.0) / (i + 1.0 - n) * (beta + i - n) / (alpha + beta + i);
            i += 1.0;
        }
        sum + buys * there
    }

    /// As [`Self::pmf`], for so many purchases that the chance to buy at each of the first n is too small to
    /// be a number.
    fn pmf_by_logs(&self, n: f64, horizon: f64) -> f64 {
        let Self { alpha, beta, gamma, delta } = *self;
        let (mut log, mut i) = (0.0, 0.0);
        while i < n {
            log += ((alpha + i) / (alpha + beta + i)).ln();
            log += ((delta + i) / (gamma + delta + i)).ln();
            i += 1.0;
        }
        // The terms are added up as multiples of the largest so far.
        let (mut largest, mut sum) = (f64::NEG_INFINITY, 0.0_f64);
        let mut add = |log: f64| {
            if log > largest {
                sum = sum * (largest - log).exp() + 1.0;
                largest = log;
            } else if largest.is_finite() {
                sum += (log - largest).exp();
            }
        };
        while i < horizon {
            add(log + (gamma / (gamma + delta + i)).ln());
            log += ((delta + i) / (gamma + delta + i)).ln();
            log += ((i + 1.0) / (i + 1.0 - n) * (beta + i - n) / (alpha + beta + i)).ln();
            i += 1.0;
        }
        add(log);
        (sum * largest.exp()).min(1.0)
    }

    /// The least number of opportunities within which a new customer buys with this chance; None if they
    /// are more than a hundred thousand.
    pub(crate) fn wait(&self, chance: f64) -> Option<f64> {
        const MOST: u32 = 100_000;
        let Self { alpha, beta, gamma, delta } = *self;
        let (mut there, mut passed, mut bought) = (1.0, 1.0, 0.0);
        for i in 0..MOST {
            let i = f64::from(i);
            if bought >= chance {
                return Some(i);
            }
            there *= (delta + i) / (gamma + delta + i);
            bought += there * passed * alpha / (alpha + beta + i);
            passed *= (beta + i) / (alpha + beta + i);
        }
        None
    }
}
