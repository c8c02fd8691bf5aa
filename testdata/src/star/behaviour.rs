//! How a customer buys: the stories the customer-value literature tells, told forwards.
//!
//! *When*: BG/NBD (Fader, Hardie and Lee 2005). A customer makes trips at random at a rate of
//! their own, drawn from a Gamma distribution, and after each trip leaves for good with a
//! probability of their own, drawn from a Beta distribution. One customer in twenty never buys.
//! *How much*: Gamma-Gamma (Fader and Hardie 2013). A customer's trips scatter around a level of
//! their own. Whoever fits those models to the generated sales finds these shapes again, blurred
//! by the season: time runs faster on busy days ([`Seasons`]).
//!
//! Rates are scaled so that trips of about two lines make up the rows asked for ([`scale_for`]).
//!
//! Each trip is a function of (seed, customer, how many trips came before), so the trips can be
//! counted in one pass and made in another, and nothing need be remembered in between.
//!
//! ```text
//! Habit::new(..)  ->  first trip at 12.7 busy days  ->  step: 3 lines, next at 15.1  ->  step: gone
//! ```

use super::calendar::busyness;
use super::customer::{ESTABLISHED, signed_up};
use super::dice::{Dice, Draw, exp};
use super::{Spec, plus_days};
use std::f64::consts::LN_2;

/// Shape of the purchase rates: the smaller, the fewer customers make most of the trips.
const RATE_SHAPE: f64 = 0.6;
/// Shapes of the probability to leave after a trip; seven percent on average.
const LEAVE_SHAPES: (f64, f64) = (0.7, 9.0);
/// Shape of one customer's trips around the customer's level of spending.
const TRIP_SHAPE: f64 = 4.0;
/// Shape of the levels of spending, which scatter as one over a Gamma variate.
const LEVEL_SHAPE: f64 = 4.0;
/// The share of customers who sign up and never buy.
const PROSPECTS: f64 = 0.05;
/// The chance that a trip has one more line, given that it has some.
const ONE_MORE_LINE: f64 = 0.55;
const LINES_MAX: u64 = 12;
/// The chance that the first thing bought on a trip is brought back.
const REFUND: f64 = 0.06;

/// The season as a clock: how much busy time has passed by the end of each day.
#[derive(Debug)]
pub(super) struct Seasons {
    ends: Vec<f64>,
}

impl Seasons {
    pub(super) fn new(spec: &Spec) -> Self {
        let mut passed = 0.0;
        let ends = (0..spec.days()).map(|row| {
            passed += busyness(plus_days(spec.first_day(), row));
            passed
        });
        Self { ends: ends.collect() }
    }

    /// The day of a moment, counted from the first day of sales; `None` after the last.
    pub(super) fn day_at(&self, moment: f64) -> Option<usize> {
        let day = self.ends.partition_point(|end| *end <= moment);
        (day < self.ends.len()).then_some(day)
    }

    /// The moment at which a day begins.
    fn begin(&self, day: usize) -> f64 {
        if day == 0 { 0.0 } else { self.ends[day.min(self.ends.len()) - 1] }
    }
}

/// What is a customer's own: how often, and how loyal. Small, because millions are held at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    rate: f32,
    leave: f32,
}

/// One trip: how many lines are wanted, when the next trip is, and whether something comes back.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) lines: u64,
    /// Days after the trip on which its first line is returned.
    pub(super) refund_after: Option<usize>,
    /// The moment of the next trip; `None` if the customer has left.
    pub(super) next: Option<f64>,
}

impl Habit {
    /// A customer's habit and the moment of the first trip; `None` for one who never buys.
    pub(super) fn new(spec: &Spec, seasons: &Seasons, scale: f64, id: u64) -> Option<(Self, f64)> {
        let mut dice = Dice::new(spec.seed, Draw::Habit, id);
        if dice.chance(PROSPECTS) {
            return None;
        }
        let rate = single(dice.gamma(RATE_SHAPE) * scale);
        let leave = single(dice.beta(LEAVE_SHAPES.0, LEAVE_SHAPES.1));
        let habit = Self { rate, leave };
        let established = (id as f64) < ESTABLISHED * spec.customers as f64;
        let first = if established {
            habit.gap(&mut dice)
        } else {
            let day = signed_up(spec, id) - spec.first_day();
            seasons.begin(usize::try_from(day).unwrap_or_default()) + 3.0 * dice.unit()
        };
        Some((habit, first))
    }

    /// Someone who buys once, for a star so small that nobody else does.
    pub(super) fn once() -> Self {
        Self { rate: 0.0, leave: 1.0 }
    }

    /// What happens on the `number`th trip, made at `moment`.
    pub(super) fn step(self, spec: &Spec, id: u64, number: u64, moment: f64) -> Step {
        let mut dice = Dice::for_part(spec.seed, Draw::Trip, id, number);
        let mut lines = 1;
        while lines < LINES_MAX && dice.chance(ONE_MORE_LINE) {
            lines += 1;
        }
        let refund_after = dice.chance(REFUND).then(|| 3 + super::dice::index(dice.below(25)));
        let stays = !dice.chance(f64::from(self.leave));
        Step { lines, refund_after, next: stays.then(|| moment + self.gap(&mut dice)) }
    }

    fn gap(self, dice: &mut Dice) -> f64 {
        dice.exponential() / f64::from(self.rate)
    }
}

/// What a customer spends on a line, in proportion to what customers spend on average.
pub(super) fn level(spec: &Spec, id: u64) -> f64 {
    let mut dice = Dice::for_part(spec.seed, Draw::Habit, id, 1);
    (LEVEL_SHAPE - 1.0) / dice.gamma(LEVEL_SHAPE)
}

/// How one trip's spending differs from the customer's level.
pub(super) fn trip_factor(dice: &mut Dice) -> f64 {
    dice.gamma(TRIP_SHAPE) / TRIP_SHAPE
}

/// Lines wanted over all trips of all customers: what the rows of the fact are shared out by.
pub(super) fn lines_wanted(spec: &Spec, seasons: &Seasons, scale: f64) -> u64 {
    (1..=spec.customer_count()).map(|id| tally(spec, seasons, scale, id)).sum()
}

fn tally(spec: &Spec, seasons: &Seasons, scale: f64, id: u64) -> u64 {
    let Some((habit, mut moment)) = Habit::new(spec, seasons, scale, id) else { return 0 };
    let (mut lines, mut number) = (0, 0);
    while seasons.day_at(moment).is_some() {
        let step = habit.step(spec, id, number, moment);
        lines += step.lines;
        number += 1;
        let Some(next) = step.next else { break };
        moment = next;
    }
    lines
}

/// The scale of the purchase rates at which about `spec.sales` lines are wanted.
///
/// Found by halving an interval sixteen times over a sample of at most a thousand customers. It
/// need not be exact: the rows are shared out by what is wanted. Where no scale would do, because
/// the sales asked for are very many or very few for the customers, the end of the interval is
/// taken, and trips have more lines or some have none.
pub(super) fn scale_for(spec: &Spec, seasons: &Seasons) -> f64 {
    let customers = spec.customer_count();
    let stride = customers.div_ceil(1_000).max(1);
    let sample: Vec<u64> =
        (0..).map(|n| 1 + n * stride).take_while(|id| *id <= customers).collect();
    let wanted = spec.sales as f64 * sample.len() as f64 / customers.max(1) as f64;
    let (mut low, mut high) = (-16.0, 2.0);
    for _ in 0..16 {
        let middle = (low + high) / 2.0;
        let scale = exp(middle * LN_2);
        let lines: u64 = sample.iter().map(|id| tally(spec, seasons, scale, *id)).sum();
        if (lines as f64) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    exp((low + high) / 2.0 * LN_2)
}

/// Half the memory, and more digits than a habit deserves.
#[expect(clippy::cast_possible_truncation, reason = "the rounding to single precision is meant")]
fn single(value: f64) -> f32 {
    value as f32
}
