//! exp(z) E_s(z) = integral from 0 of exp(-z u) (1 + u)^-s du, the generalized exponential integral.
//!
//! What a discounted stream is worth that thins out like (1 + u)^-s. From z = 1 on Lentz's continued
//! fraction settles in a few dozen steps; below, where it would take thousands, the integral is summed on
//! the scale of ln(1 + u).
//!
//! By hand: without discount and with s = 3 it is 1 / 2.

use super::quadrature::integrate;

/// exp(z) E_s(z) for z >= 0 and s > 0; None where it is infinite (z = 0, s <= 1).
pub(crate) fn exponential_integral(s: f64, z: f64) -> Option<f64> {
    if z == 0.0 {
        return (s > 1.0).then(|| 1.0 / (s - 1.0));
    }
    if z >= 1.0 {
        return Some(fraction(s, z));
    }
    // y = ln(1 + u): the integrand falls at the rate z e^y + s - 1.
    let step = |y: f64| {
        let rate = |y: f64| (z * y.exp() + s - 1.0).abs();
        (8.0 / rate(y).max(rate(y + 0.5))).min(0.5)
    };
    let integrand = |y: f64| [(-z * y.exp_m1() + (1.0 - s) * y).exp()];
    Some(integrate(0.0, f64::INFINITY, step, integrand)[0])
}

/// 1 / (z + s - 1 s / (z + s + 2 - 2 (s + 1) / (z + s + 4 - ...))).
fn fraction(s: f64, z: f64) -> f64 {
    const MOST: u32 = 10_000;
    let mut denominator = z + s;
    let mut c = f64::INFINITY;
    let mut d = 1.0 / denominator;
    let mut value = d;
    for k in 1..MOST {
        let k = f64::from(k);
        let numerator = -k * (s + k - 1.0);
        denominator += 2.0;
        d = 1.0 / (denominator + numerator * d);
        c = denominator + numerator / c;
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() <= 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_mpmath() {
        // mpmath: exp(z) * expint(s, z), 30 digits.
        for (s, z, expected) in REFERENCE {
            let found = exponential_integral(s, z).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-13, "{s} {z}: {found} is not {expected}");
        }
        assert_eq!(exponential_integral(3.0, 0.0), Some(0.5));
        assert_eq!(exponential_integral(1.0, 0.0), None);
    }

    /// s, z, exp(z) E_s(z).
    const REFERENCE: [(f64, f64, f64); 13] = [
        (0.606, 0.04, 5.722_467_550_697_422),
        (0.606, 0.001, 31.749_424_012_814_1),
        (0.606, 1e-08, 3_194.328_709_384_959_4),
        (2.5, 0.01, 0.655_451_904_835_089_9),
        (1.0, 0.5, 0.922_910_632_483_730_5),
        (0.05, 0.999, 0.971_788_029_857_625),
        (0.606, 1.0, 0.718_221_468_317_758_7),
        (0.606, 3.7, 0.237_935_090_993_914_2),
        (40.0, 0.2, 0.025_506_798_319_294_494),
        (700.0, 0.9, 0.001_428_772_910_589_798),
        (300.0, 2.5, 0.003_316_658_071_985_1),
        (0.01, 20.0, 0.049_976_151_629_419_02),
        (5.0, 500.0, 0.001_980_236_692_811_258),
    ];
}
