//! Gamma-Gamma: what customers spend per purchase, when spending and buying are independent.
//!
//! A customer's average spend m over x purchases is gamma(p x, x nu) with his own nu, which is
//! gamma(q, v) over customers. Only customers with repeat purchases and money tell anything.

use super::gammaln::{digamma, ln_gamma};

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GammaGamma {
    pub(crate) p: f64,
    pub(crate) q: f64,
    pub(crate) v: f64,
}

impl GammaGamma {
    /// From logarithms, as the search sees them.
    pub(crate) fn from_logs(logs: &[f64]) -> Self {
        let parameter = |index: usize| logs.get(index).copied().unwrap_or(f64::NAN).exp();
        Self { p: parameter(0), q: parameter(1), v: parameter(2) }
    }

    /// Minus the log-likelihood of (x, m, weight) and its gradient by the logarithms of p, q, v.
    pub(crate) fn cost(&self, customers: &[(f64, f64, f64)]) -> (f64, Vec<f64>) {
        let Self { p, q, v } = *self;
        let (gamma_q, slope_q) = (ln_gamma(q), digamma(q));
        let (mut sum, mut dp, mut dq, mut dv) = (0.0, 0.0, 0.0, 0.0);
        for &(x, m, weight) in customers {
            let (px, total) = (p * x, (x * m + v).ln());
            sum += weight
                * (ln_gamma(px + q) - ln_gamma(px) - gamma_q
                    + q * v.ln()
                    + (px - 1.0) * m.ln()
                    + px * x.ln()
                    - (px + q) * total);
            let slope = digamma(px + q);
            dp += weight * x * (slope - digamma(px) + m.ln() + x.ln() - total);
            dq += weight * (slope - slope_q + v.ln() - total);
            dv += weight * (q / v - (px + q) / (x * m + v));
        }
        (-sum, vec![-dp * p, -dq * q, -dv * v])
    }

    /// The spend per purchase to expect; None if the population has no mean.
    pub(crate) fn expected(&self, x: f64, m: f64) -> Option<f64> {
        let Self { p, q, v } = *self;
        (q > 1.0).then(|| p * (v + x * m) / (p * x + q - 1.0))
    }
}
