//! The one series behind Pareto/NBD and sBG: S(b, c, z) = 2F1(1, b; c; z) for c > b > 0 and 0 <= z < 1.
//!
//! S is the sum of (b)_n / (c)_n z^n: every term is positive and smaller than z times the one before, so
//! nothing cancels and nothing overflows, whatever b and c are. Close to z = 1, where the terms no longer
//! fall, the Euler integral takes over: S = (c - 1) * integral from 0 of exp(-(c - 1) y) (1 - z + z
//! exp(-y))^-b dy.
//!
//! By hand: b = 1, c = 2 is -ln(1 - z) / z, so S(1, 2, 0.5) = 2 ln 2.

use super::quadrature::integrate;

/// Beyond this z the integral takes over.
const NEAR_ONE: f64 = 0.99;

/// S and its derivatives by b, c and z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slopes {
    pub(crate) value: f64,
    pub(crate) by_b: f64,
    pub(crate) by_c: f64,
    pub(crate) by_z: f64,
}

/// S(b, c, z) for z = 1 - rest; both are asked for because close to one z alone has lost the digits.
pub(crate) fn series(b: f64, c: f64, (z, rest): (f64, f64)) -> f64 {
    if z > NEAR_ONE {
        return integral(b, c, (z, rest)).value;
    }
    let (mut term, mut sum, mut n) = (1.0, 0.0, 0.0);
    // What is left after a term is below term * z / (1 - z).
    while term > 1e-17 * rest * sum {
        sum += term;
        term *= (b + n) / (c + n) * z;
        n += 1.0;
    }
    sum
}

/// The Euler integral, with the derivatives of its integrand.
fn integral(b: f64, c: f64, (z, rest): (f64, f64)) -> Slopes {
    let step = |y: f64| {
        // The rate at which the integrand falls grows along y; it may rise at first.
        let rate = |y: f64| {
            let fading = z * (-y).exp();
            (c - 1.0) - b * fading / (rest + fading)
        };
        (8.0 / rate(y).abs().max(rate(y + 1.0).abs())).min(1.0)
    };
    let integrand = |y: f64| {
        let fading = (-y).exp();
        let inner = rest + z * fading;
        let log = inner.ln();
        let whole = (-(c - 1.0) * y - b * log).exp();
        [whole, -whole * log, -whole * y, -whole * b * (fading - 1.0) / inner]
    };
    let [whole, by_b, by_c, by_z] = integrate(0.0, f64::INFINITY, step, integrand);
    let scale = c - 1.0;
    Slopes {
        value: scale * whole,
        by_b: scale * by_b,
        by_c: whole + scale * by_c,
        by_z: scale * by_z,
    }
}

/// How many terms a z needs, so that a fit does not ask for a logarithm per customer.
#[derive(Debug)]
pub(crate) struct Reach(Vec<usize>);

/// Steps of z in [`Reach`].
const STEPS: f64 = 200.0;

impl Reach {
    pub(crate) fn new() -> Self {
        let terms = |step: u32| {
            let z = (f64::from(step) / STEPS).min(NEAR_ONE);
            // z^n / (1 - z)^2 below 2^-54, the square for the derivatives.
            let count = ((-38.0 + 2.0 * (1.0 - z).ln()) / z.ln()).ceil();
            whole(count) + 2
        };
        Self((1..=whole(STEPS)).filter_map(|step| u32::try_from(step).ok()).map(terms).collect())
    }

    fn terms(&self, z: f64) -> usize {
        self.0.get(whole(z * STEPS)).or_else(|| self.0.last()).copied().unwrap_or_default()
    }
}

/// A number that is known to be a small count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and is small"
)]
fn whole(number: f64) -> usize {
    number as usize
}

/// S for one b and c and many z: the coefficients are computed once.
#[derive(Debug)]
pub(crate) struct Coefficients<'a> {
    b: f64,
    c: f64,
    reach: &'a Reach,
    /// Of z^n: S, its derivatives by b and c, and, one power lower, by z.
    terms: Vec<[f64; 4]>,
    /// The coefficient after the last, and its derivatives by b and c as parts of it.
    next: [f64; 3],
    last: Option<(f64, Slopes)>,
}

impl<'a> Coefficients<'a> {
    pub(crate) fn new(b: f64, c: f64, reach: &'a Reach) -> Self {
        Self { b, c, reach, terms: vec![], next: [1.0, 0.0, 0.0], last: None }
    }

    /// S and its derivatives at z.
    pub(crate) fn at(&mut self, (z, rest): (f64, f64)) -> Slopes {
        // Customers come in order, and those with the same recency share z.
        if let Some((before, slopes)) = self.last
            && before == z
        {
            return slopes;
        }
        let slopes =
            if z > NEAR_ONE { integral(self.b, self.c, (z, rest)) } else { self.polynomial(z) };
        self.last = Some((z, slopes));
        slopes
    }

    fn polynomial(&mut self, z: f64) -> Slopes {
        let count = self.reach.terms(z);
        self.extend(count);
        // Even and odd powers apart: two chains of additions instead of one twice as long.
        let square = z * z;
        let (mut even, mut odd) = ([0.0; 4], [0.0; 4]);
        for pair in self.terms[..count].chunks_exact(2).rev() {
            for lane in 0..4 {
                even[lane] = even[lane] * square + pair[0][lane];
                odd[lane] = odd[lane] * square + pair[1][lane];
            }
        }
        let [value, by_b, by_c, by_z] = std::array::from_fn(|lane| even[lane] + z * odd[lane]);
        Slopes { value, by_b, by_c, by_z }
    }

    fn extend(&mut self, count: usize) {
        while self.terms.len() < count {
            let n = self.terms.len() as f64;
            let [term, b, c] = self.next;
            let after = term * (self.b + n) / (self.c + n);
            self.terms.push([term, term * b, term * c, after * (n + 1.0)]);
            self.next = [after, b + 1.0 / (self.b + n), c - 1.0 / (self.c + n)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(given: f64, expected: f64, relative: f64) {
        assert!((given / expected - 1.0).abs() <= relative, "{given} is not {expected}");
    }

    fn both(z: f64) -> (f64, f64) {
        (z, 1.0 - z)
    }

    #[test]
    fn is_the_hypergeometric_function() {
        near(series(1.0, 2.0, (0.5, 0.5)), 2.0 * 2_f64.ln(), 1e-15);
        assert_eq!(series(3.0, 4.0, (0.0, 1.0)), 1.0);
        // mpmath.hyp2f1(1, b, c, z), 40 digits.
        for (b, c, z, expected) in REFERENCE {
            near(series(b, c, both(z)), expected, 2e-13);
        }
    }

    #[test]
    fn the_integral_and_the_polynomial_are_the_series() {
        let reach = Reach::new();
        for (b, c, z, _) in REFERENCE {
            let slopes = Coefficients::new(b, c, &reach).at(both(z));
            near(slopes.value, series(b, c, both(z)), 1e-13);
            near(integral(b, c, both(z)).value, series(b, c, both(z)), 1e-12);
        }
    }

    #[test]
    fn the_slopes_are_the_slopes() {
        let reach = Reach::new();
        for (b, c, z, _) in REFERENCE {
            let slopes = Coefficients::new(b, c, &reach).at(both(z));
            let h = 1e-5 * (c - b).min(b);
            let step = 1e-5 * (1.0 - z).min(z);
            let beside = |by: f64| series(b, c, (z + by, 1.0 - z - by));
            for (slope, up, down, by) in [
                (slopes.by_b, series(b + h, c, both(z)), series(b - h, c, both(z)), h),
                (slopes.by_c, series(b, c + h, both(z)), series(b, c - h, both(z)), h),
                (slopes.by_z, beside(step), beside(-step), step),
            ] {
                let (difference, blur) = ((up - down) / (2.0 * by), 1e-13 * up / by);
                assert!((slope - difference).abs() <= 2e-6 * slope.abs() + blur, "{b} {c} {z}");
            }
        }
    }

    /// b, c, z, S.
    const REFERENCE: [(f64, f64, f64, f64); 12] = [
        (0.553, 2.16, 0.09, 1.024_120_852_085_970_1),
        (2.553, 4.16, 0.5, 1.477_118_841_513_170_9),
        (222.0, 223.2, 0.31, 1.445_790_032_477_468_2),
        (5000.5, 5002.0, 0.7, 3.331_003_648_033_201),
        (0.6, 1.3, 0.95, 3.473_476_358_625_788_4),
        (1.6, 5003.1, 0.95, 1.000_303_961_699_324_1),
        (0.3, 1.31, 0.985, 2.118_831_422_641_020_5),
        (0.3, 1.31, 0.995, 2.430_508_291_395_77),
        (20.5, 20.7, 0.9999, 3_344.665_612_542_93),
        (5000.5, 5002.0, 0.999, 792.349_316_544_979_8),
        (8.8, 9.47, 0.999_999_9, 2_318.059_744_810_041),
        (1.6, 5003.1, 0.9999, 1.000_319_935_989_761),
    ];
}
