//! The logarithm of the gamma function and its derivative, for positive arguments.
//!
//! Small arguments are lifted to ten by the recurrence, where Stirling's series has settled to the
//! last bit. Of the fits only Gamma-Gamma needs them: the purchase models get by with sums of logarithms.

/// Where Stirling's series takes over.
const LARGE: f64 = 10.0;

/// ln Gamma(x) for x > 0.
pub(crate) fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < LARGE {
        product *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let tail = [
        -3617.0 / 122_400.0,
        1.0 / 156.0,
        -691.0 / 360_360.0,
        1.0 / 1_188.0,
        -1.0 / 1_680.0,
        1.0 / 1_260.0,
        -1.0 / 360.0,
        1.0 / 12.0,
    ];
    let series = tail.iter().fold(0.0, |sum, term| sum * square + term) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

/// The derivative of [`ln_gamma`].
pub(crate) fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < LARGE {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let tail = [
        -1.0 / 12.0,
        691.0 / 32_760.0,
        -1.0 / 132.0,
        1.0 / 240.0,
        -1.0 / 252.0,
        1.0 / 120.0,
        -1.0 / 12.0,
    ];
    let series = tail.iter().fold(0.0, |sum, term| sum * square + term) * square;
    shift + x.ln() - 0.5 / x + series
}

/// ln(Gamma(r + n) / (Gamma(r) n!)) for r > 0 and whole n: how many ways n purchases can fall.
pub(crate) fn ln_ways(r: f64, n: f64) -> f64 {
    const FEW: f64 = 64.0;
    if n > FEW {
        return ln_gamma(r + n) - ln_gamma(r) - ln_gamma(n + 1.0);
    }
    let (mut sum, mut k) = (0.0, 0.0);
    while k < n {
        sum += ((r + k) / (k + 1.0)).ln();
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_known_values() {
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 4e-15 * b.abs().max(1.0), "{a} {b}");
        near(ln_gamma(0.5), 0.572_364_942_924_700_1);
        near(ln_gamma(1.0), 0.0);
        near(ln_gamma(6.25), 5.219_603_986_990_228);
        near(ln_gamma(171.0), 706.573_062_245_787_4);
        near(ln_ways(0.25, 3.0), (0.25_f64 * 1.25 * 2.25 / 6.0).ln());
        // A difference of logarithms of factorials: their digits, not its own.
        assert!((ln_ways(2.0, 99.0) - 100_f64.ln()).abs() < 1e-13);
        near(digamma(1.0), -0.577_215_664_901_532_9);
        near(digamma(0.25), -4.227_453_533_376_265);
        near(digamma(20.5), 2.995836394707646);
    }
}
