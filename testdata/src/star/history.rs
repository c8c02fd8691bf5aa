//! What a customer's purchases boil down to, without a season: the same story as `behaviour`, told so that a fit must
//! find it again.
//!
//! The star's sales follow a calendar, which blurs the shapes that made them. Whoever wants to know whether a fit
//! recovers what was put in, and how fast, needs histories that are BG/NBD and Gamma-Gamma to the letter: repeat
//! purchases x, the time of the last one, the time observed and the mean spend per repeat purchase. Time is in days and
//! continuous; round it to have the grain of a day.
//!
//! Each history is a function of (seed, customer), as everything in the star.
//!
//! ```
//! use pareto_testdata::star::history::{Shapes, history};
//!
//! let history = history(&Shapes::default(), 42, 1);
//! assert!(history.last <= history.observed);
//! ```

use super::dice::{Dice, Draw};

/// The parameters that the histories are drawn with, times in days.
#[derive(Debug, Clone, PartialEq)]
pub struct Shapes {
    /// Purchase rates: Gamma(r, alpha).
    pub rate: (f64, f64),
    /// Chances to leave after a purchase: Beta(a, b).
    pub leave: (f64, f64),
    /// Spend of a purchase: Gamma(p, nu) with nu of Gamma(q, v).
    pub spend: (f64, f64, f64),
    /// Customers are observed for a time between these, each as likely as the next.
    pub observed: (f64, f64),
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            rate: (0.6, 60.0),
            leave: (0.7, 9.0),
            spend: (6.0, 4.0, 15.0),
            observed: (365.0, 730.0),
        }
    }
}

/// What is known of one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// Repeat purchases.
    pub purchases: u32,
    /// Days from the first purchase to the last; 0 without a repeat purchase.
    pub last: f64,
    /// Days observed since the first purchase.
    pub observed: f64,
    /// Mean spend per repeat purchase; without one, of the first.
    pub spend: f64,
}

/// The history of a customer.
#[must_use]
pub fn history(shapes: &Shapes, seed: u64, customer: u64) -> History {
    let mut dice = Dice::for_part(seed, Draw::Habit, customer, 2);
    let (shortest, longest) = shapes.observed;
    let observed = shortest + (longest - shortest) * dice.unit();
    let rate = dice.gamma(shapes.rate.0) / shapes.rate.1;
    let leave = dice.beta(shapes.leave.0, shapes.leave.1);
    let (mut purchases, mut last) = (0, 0.0);
    loop {
        let next = last + dice.exponential() / rate;
        if next > observed {
            break;
        }
        (purchases, last) = (purchases + 1, next);
        if dice.chance(leave) {
            break;
        }
    }
    let (p, q, v) = shapes.spend;
    let times = f64::from(purchases.max(1));
    let spend = dice.gamma(p * times) / times * v / dice.gamma(q);
    History { purchases, last, observed, spend }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: rates have mean r / alpha and spend has mean p v / (q - 1).
    #[test]
    fn histories_have_the_means_of_their_distributions() {
        let shapes = Shapes { leave: (1e-6, 1.0), ..Shapes::default() };
        let n = 50_000;
        let histories: Vec<History> = (0..n).map(|id| history(&shapes, 7, id)).collect();
        let mean = |of: fn(&History) -> f64| histories.iter().map(of).sum::<f64>() / n as f64;
        let pace = mean(|history| f64::from(history.purchases)) / mean(|history| history.observed);
        assert!((pace / 0.01 - 1.0).abs() < 0.02, "{pace} purchases a day");
        let spend = mean(|history| history.spend);
        assert!((spend / 30.0 - 1.0).abs() < 0.02, "{spend} per purchase");
    }
}
