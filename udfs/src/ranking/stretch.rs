//! The line of customers, tie by tie where a part of the money may begin and in one go everywhere else.
//!
//! To cut ten million customers into ten parts of equal money it is enough to add up the money of each bucket of the
//! [`Survey`], to see in which buckets the nine cuts lie, and to put only those in order. Amounts are whole numbers, so
//! their sums do not depend on the order.
//!
//! 50, 30, 10, 10 and two parts: the cut lies at 50 of 100, at the end of the first bucket. The first and the next bucket
//! become ties, (50, once) and (30, once); the rest stays a block of 20.

use super::{Ordered, Survey, line};

/// A part of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch<A> {
    /// So many customers with this key.
    Tie(u64, u64),
    /// Customers among whom no part begins: their money.
    Block(A),
}

/// The line of a column, where `parts` parts of equal money are to be cut; None if a sum has overflowed.
///
/// `zero` is the key of no money: above it all amounts are positive.
pub(crate) fn stretches(
    column: &Ordered,
    amount: impl Fn(u64) -> i128 + Sync,
    zero: u64,
    parts: u64,
    biggest_first: bool,
) -> Option<Vec<Stretch<i128>>> {
    let survey = Survey::of(column);
    let totals = survey.totals(column, &amount)?;
    let mut order: Vec<usize> =
        (0..totals.len()).filter(|bucket| survey.counts()[*bucket] > 0).collect();
    if biggest_first {
        order.reverse();
    }
    let mut cuts = Cuts::new(&totals, parts)?;
    let mut wanted = vec![false; totals.len()];
    let mut near = false;
    for &bucket in &order {
        let keys = survey.keys(bucket);
        let is_positive = *keys.start() > zero;
        let is_cut = cuts.pass(totals[bucket])?;
        // A cut at the very end of a bucket shows in the next one. Where money ends the last part begins: in the bucket
        // around zero, or in the next one if that holds positive amounts alone.
        let may_be_positive = *keys.end() > zero;
        wanted[bucket] = if is_positive { is_cut || near } else { may_be_positive || !cuts.ended };
        near = is_cut;
        cuts.ended |= !may_be_positive;
    }
    let buckets: Vec<usize> = (0..totals.len()).filter(|bucket| wanted[*bucket]).collect();
    let lists = survey.gather(column, &buckets);
    let mut stretches = vec![];
    for bucket in order {
        match buckets.binary_search(&bucket) {
            Ok(slot) => {
                let ties = line(lists[slot].clone(), biggest_first);
                stretches.extend(ties.into_iter().map(|(key, count)| Stretch::Tie(key, count)));
            }
            Err(_) => stretches.push(Stretch::Block(totals[bucket])),
        }
    }
    Some(stretches)
}

/// Where the money passed so far stands among the cuts.
#[derive(Debug)]
struct Cuts {
    parts: i128,
    total: i128,
    passed: i128,
    /// True behind a bucket without any positive amount.
    ended: bool,
}

impl Cuts {
    fn new(totals: &[i128], parts: u64) -> Option<Self> {
        let total = totals.iter().try_fold(0_i128, |sum, total| sum.checked_add(*total))?;
        Some(Self { parts: i128::from(parts), total, passed: 0, ended: false })
    }

    /// Passes the money of a bucket: true if a cut lies in it, its ends included.
    fn pass(&mut self, money: i128) -> Option<bool> {
        let from = self.passed.checked_mul(self.parts)?;
        self.passed = self.passed.checked_add(money)?;
        let to = self.passed.checked_mul(self.parts)?;
        if self.total <= 0 {
            return Some(false);
        }
        // The first cut, in parts of the total, that is not before the bucket.
        let first = from.div_euclid(self.total) + i128::from(from.rem_euclid(self.total) > 0);
        let first = first.max(1);
        Some(first < self.parts && first.checked_mul(self.total)? <= to)
    }
}
