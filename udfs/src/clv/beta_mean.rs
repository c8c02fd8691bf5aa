//! The mean of a function of a chance that is beta(a, b) over customers.
//!
//! Where a series would alternate and lose its digits, this sums a positive integrand on the scale of
//! ln(p / (1 - p)), outwards from the middle of the distribution. What lies in the tails, where the
//! function no longer changes, is known exactly.
//!
//! By hand: the mean of p itself is a / (a + b).

use super::gammaln::ln_gamma;
use super::quadrature::integrate;

/// The mean of `function`, which is positive and changes once p moves by 1 / `scale`.
pub(crate) fn beta_mean(a: f64, b: f64, scale: f64, function: impl Fn(f64) -> f64) -> f64 {
    let norm = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    // p and 1 - p, each with all its digits.
    let sides = |y: f64| {
        let small = (-y.abs()).exp();
        let (less, more) = (small / (1.0 + small), 1.0 / (1.0 + small));
        if y < 0.0 { (less, more) } else { (more, less) }
    };
    let integrand = |y: f64| {
        let (p, q) = sides(y);
        [(a * p.ln() + b * q.ln() - norm).exp() * function(p)]
    };
    let narrow = (2.0 / (a * b / (a + b)).sqrt()).min(0.5);
    let step = |y: f64| {
        let (p, q) = sides(y);
        (8.0 / (a * q - b * p).abs()).min(narrow)
    };
    // Below and above these p and 1 - p are nothing next to everything else.
    let (low, high) = (-40.0 - (b + 1.0 + scale).ln(), 40.0 + (a + 1.0 + scale).ln());
    let middle = (a / b).ln().clamp(low, high);
    let left =
        integrate(0.0, middle - low, |back| step(middle - back), |back| integrand(middle - back));
    let right = integrate(middle, high, step, integrand);
    let tail = |power: f64, end: f64| (-power * end.abs() - norm).exp() / power;
    left[0] + right[0] + tail(a, low) * function(0.0) + tail(b, high) * function(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_exact() {
        for (a, b) in [(0.8, 2.4), (0.001, 0.3), (30.0, 0.02), (800.0, 4_000.0), (1.0, 1.0)] {
            let mean = beta_mean(a, b, 1.0, |p| p);
            assert!((mean * (a + b) / a - 1.0).abs() < 2e-11, "{a} {b}: {mean}");
            let all = beta_mean(a, b, 1.0, |_| 1.0);
            assert!((all - 1.0).abs() < 2e-11, "{a} {b}: {all}");
        }
    }
}
