//! Pareto/NBD: customers buy at their own rate until they leave for good, at any moment.
//!
//! Purchase rates are gamma(r, alpha) over customers, leaving rates gamma(s, beta). Nobody sees a customer
//! leave, so the likelihood of a history sums over all moments at which he may have left. Written as the
//! sum of two positive parts, one for each side of T, it has no difference to lose digits in:
//!
//! L1 = s * integral from t_x of (alpha + u)^-(r+x) (beta + u)^-(s+1) du,
//! L2 = (r+x) * integral from T of (alpha + u)^-(r+x+1) (beta + u)^-s du,
//!
//! and each is one [`series`]. A customer who is alive at T is a new one of the model with r + x, alpha +
//! T, s, beta + T: everything about the future follows from new customers.

use super::exponential_integral::exponential_integral;
use super::gammaln::ln_ways;
use super::quadrature::integrate;
use super::series::series;

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pnbd {
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) s: f64,
    pub(crate) beta: f64,
}

impl Pnbd {
    /// From logarithms, as the search sees them.
    pub(crate) fn from_logs(logs: &[f64]) -> Self {
        let parameter = |index: usize| logs.get(index).copied().unwrap_or(f64::NAN).exp();
        Self { r: parameter(0), alpha: parameter(1), s: parameter(2), beta: parameter(3) }
    }

    /// The z of the series at a time, and 1 - z.
    pub(crate) fn ratio(&self, time: f64) -> (f64, f64) {
        let (low, high) = (self.alpha.min(self.beta), self.alpha.max(self.beta));
        ((high - low) / (high + time), (low + time) / (high + time))
    }

    /// The chance that a customer with this history has not left.
    pub(crate) fn p_alive(&self, x: f64, tx: f64, t: f64) -> f64 {
        let Self { r, alpha, s, beta } = *self;
        let (bought, all) = (r + x, r + s + x);
        let silence = t - tx;
        // The two parts as multiples of the part in which he is alive.
        let gone = bought * (silence / (alpha + tx)).ln_1p() + s * (silence / (beta + tx)).ln_1p();
        let (z1, z2) = (self.ratio(tx), self.ratio(t));
        let (first, second) = if alpha >= beta {
            let later = series(bought + 1.0, all + 1.0, z2) * (beta + t) / (alpha + t);
            (series(bought, all + 1.0, z1), later)
        } else {
            let earlier = series(s + 1.0, all + 1.0, z1) * (alpha + tx) / (beta + tx);
            (earlier, series(s, all + 1.0, z2))
        };
        (all / (s * gone.exp() * first + bought * second)).min(1.0)
    }

    /// The model of what a customer with this history does, if he is alive at t.
    pub(crate) fn later(&self, x: f64, t: f64) -> Self {
        Self { r: self.r + x, alpha: self.alpha + t, s: self.s, beta: self.beta + t }
    }

    /// The chance that a new customer is still there after a time.
    pub(crate) fn stays(&self, ahead: f64) -> f64 {
        (-self.s * (ahead / self.beta).ln_1p()).exp()
    }

    /// The purchases to expect of a new customer.
    pub(crate) fn expected(&self, horizon: f64) -> f64 {
        let e = self.s - 1.0;
        let log = (horizon / self.beta).ln_1p();
        let time = if e == 0.0 { log } else { -(-e * log).exp_m1() / e };
        self.r / self.alpha * self.beta * time
    }

    /// The discounted purchases to expect of a new customer, ever; None if they are infinite.
    pub(crate) fn discounted(&self, rate: f64) -> Option<f64> {
        let scale = self.r / self.alpha * self.beta;
        exponential_integral(self.s, rate * self.beta).map(|integral| scale * integral)
    }

    /// The chance of `n` purchases of a new customer within a time.
    ///
    /// He stays to the end and buys n times, or leaves before, having bought n times.
    pub(crate) fn pmf(&self, n: f64, horizon: f64) -> f64 {
        let Self { r, alpha, s, beta } = *self;
        if horizon == 0.0 {
            return f64::from(u8::from(n == 0.0));
        }
        let choose = ln_ways(r, n);
        let buys = |time: f64| {
            let none = choose - r * (time / alpha).ln_1p();
            if n == 0.0 { none.exp() } else { (none - n * (alpha / time).ln_1p()).exp() }
        };
        let left = self.over_time(n, horizon, |time| {
            buys(time) * s / beta * (-(s + 1.0) * (time / beta).ln_1p()).exp()
        });
        (left + buys(horizon) * self.stays(horizon)).clamp(0.0, 1.0)
    }

    /// The chance that the first purchase of a new customer comes, and comes later than this.
    fn first_after(&self, time: f64) -> f64 {
        let Self { r, alpha, s, beta } = *self;
        let gone = -s * (time / beta).ln_1p() - r * (time / alpha).ln_1p();
        let ratio = self.ratio(time);
        let sum = if alpha >= beta {
            series(r + 1.0, r + s + 1.0, ratio) * (beta + time) / (alpha + time)
        } else {
            series(s, r + s + 1.0, ratio)
        };
        r / (r + s) * gone.exp() * sum
    }

    /// The time within which a new customer buys with this chance; None if he may leave before he does.
    pub(crate) fn wait(&self, chance: f64) -> Option<f64> {
        // On the scale of ln(1 + time): beyond exp(600) nothing is left of a chance.
        const FAR: f64 = 600.0;
        let ever = self.first_after(0.0);
        let late = |log: f64| self.first_after(log.exp_m1());
        (ever - late(FAR) > chance).then(|| crossing(FAR, |log| ever - late(log) < chance).exp_m1())
    }

    /// The integral of a density of n purchases over the time to a horizon, from its peak outwards, on
    /// the scale of ln(1 + time / the faster of the two paces).
    fn over_time(&self, n: f64, horizon: f64, density: impl Fn(f64) -> f64) -> f64 {
        let Self { r, alpha, s, beta } = *self;
        let least = alpha.min(beta);
        let end = (horizon / least).ln_1p();
        let on_scale = |log: f64| [density(least * log.exp_m1()) * least * log.exp()];
        // How fast the logarithm of the density changes, and how fast that changes.
        let slopes = |log: f64| {
            let time = least * log.exp_m1();
            let (a, b, stretch) = (alpha + time, beta + time, least + time);
            let (up, bend) = if n == 0.0 { (0.0, 0.0) } else { (n / time, n / (time * time)) };
            let first = stretch * (up - (n + r) / a - (s + 1.0) / b);
            let second = stretch * stretch * ((n + r) / (a * a) + (s + 1.0) / (b * b) - bend);
            (first + 1.0, second + first)
        };
        let step = |log: f64| {
            let (first, second) = slopes(log);
            (8.0 / first.abs()).min(2.5 / second.abs().sqrt()).min(0.5)
        };
        let rate = |log: f64| slopes(log).0;
        let peak = crossing(end, |log| rate(log) > 0.0);
        let before = integrate(0.0, peak, |back| step(peak - back), |back| on_scale(peak - back));
        let after = integrate(peak, end, step, on_scale);
        before[0] + after[0]
    }
}

/// The place up to `end` at which something true at first is no longer so.
pub(crate) fn crossing(end: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, end);
    loop {
        let middle = 0.5 * (low + high);
        // Two neighbours have nothing between them.
        if middle <= low || middle >= high {
            return high;
        }
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}
