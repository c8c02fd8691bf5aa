//! Does spend per purchase depend on the number of purchases? Gamma-Gamma takes it that it does not.
//!
//! Two measures over the customers of a fit, weighted: Spearman's rank correlation, which sees a trend, and
//! the correlation ratio eta squared, which sees any difference between customers of different x.
//!
//! By hand: spend 10, 20, 30 for 1, 2, 3 purchases is a correlation of 1 and a ratio of 1.

use std::cmp::Ordering;

use super::model::Independence;

/// Measures (x, m, weight), sorted by x.
pub(crate) fn independence(customers: &[(f64, f64, f64)]) -> Independence {
    Independence { spearman: spearman(customers), eta2: eta2(customers) }
}

/// Correlation of mid-ranks.
fn spearman(customers: &[(f64, f64, f64)]) -> Option<f64> {
    let left = ranks(customers, |customer| customer.0);
    let right = ranks(customers, |customer| customer.1);
    let total: f64 = customers.iter().map(|customer| customer.2).sum();
    let middle = 0.5 * total;
    let (mut both, mut of_left, mut of_right) = (0.0, 0.0, 0.0);
    for ((left, right), customer) in left.iter().zip(&right).zip(customers) {
        let (left, right) = (left - middle, right - middle);
        both += customer.2 * left * right;
        of_left += customer.2 * left * left;
        of_right += customer.2 * right * right;
    }
    let spread = (of_left * of_right).sqrt();
    (spread > 0.0).then(|| (both / spread).clamp(-1.0, 1.0))
}

/// The middle of the weight that lies below and at a value.
fn ranks(customers: &[(f64, f64, f64)], value: fn(&(f64, f64, f64)) -> f64) -> Vec<f64> {
    let of = |place: &usize| customers.get(*place).map_or(f64::NAN, value);
    let weight = |place: &usize| customers.get(*place).map_or(0.0, |customer| customer.2);
    let mut order: Vec<usize> = (0..customers.len()).collect();
    // Equal values in the order of the customers, so that sums have the same bits in every run.
    order.sort_by(|a, b| of(a).total_cmp(&of(b)).then(a.cmp(b)));
    let mut ranks = vec![0.0; customers.len()];
    let mut below = 0.0;
    for equal in order.chunk_by(|a, b| of(a).total_cmp(&of(b)) == Ordering::Equal) {
        let mass: f64 = equal.iter().map(weight).sum();
        for place in equal {
            if let Some(rank) = ranks.get_mut(*place) {
                *rank = below + 0.5 * mass;
            }
        }
        below += mass;
    }
    ranks
}

/// Variance of m between different x as a part of all its variance.
fn eta2(customers: &[(f64, f64, f64)]) -> Option<f64> {
    let weight = |part: &[(f64, f64, f64)]| part.iter().map(|c| c.2).sum::<f64>();
    let mean =
        |part: &[(f64, f64, f64)]| part.iter().map(|c| c.1 * c.2).sum::<f64>() / weight(part);
    let middle = mean(customers);
    let all: f64 = customers.iter().map(|c| c.2 * (c.1 - middle).powi(2)).sum();
    let between: f64 = customers
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| weight(same) * (mean(same) - middle).powi(2))
        .sum();
    (all > 0.0).then(|| (between / all).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trends_and_differences_are_seen() {
        let up = independence(&[(1.0, 10.0, 1.0), (2.0, 20.0, 1.0), (3.0, 30.0, 1.0)]);
        assert!((up.spearman.unwrap() - 1.0).abs() < 1e-15 && up.eta2 == Some(1.0));
        let flat = independence(&[(1.0, 10.0, 1.0), (1.0, 30.0, 1.0), (2.0, 20.0, 3.0)]);
        assert!(flat.spearman.unwrap().abs() < 1e-15 && flat.eta2 == Some(0.0));
        // A weight of two is the same customer twice.
        let rows = [(1.0, 10.0, 1.0), (1.0, 30.0, 2.0), (2.0, 20.0, 1.0), (5.0, 5.0, 1.0)];
        let twice = [rows[0], (1.0, 30.0, 1.0), (1.0, 30.0, 1.0), rows[2], rows[3]];
        let (once, twice) = (independence(&rows), independence(&twice));
        assert!((once.spearman.unwrap() - twice.spearman.unwrap()).abs() < 1e-15);
        assert!((once.eta2.unwrap() - twice.eta2.unwrap()).abs() < 1e-15);
        assert_eq!(independence(&[(1.0, 10.0, 1.0), (1.0, 10.0, 1.0)]).spearman, None);
    }
}
