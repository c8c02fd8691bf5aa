//! Puts the values of a partition in order without comparing rows.
//!
//! Scores and deciles only ask how many customers stand below a value. So a column is turned into
//! one `u64` per row whose order is the order of the values ([`Ordered`]), those are counted into
//! buckets, the places where a bin begins are found by ordering the few buckets that hold them
//! ([`Survey`], [`Bound`]), and a last pass counts for every row the bounds it has reached. Only where
//! the whole line is asked for it is sorted ([`sort`]). No row is ever moved, and the answer cannot
//! depend on the order the rows came in.
//!
//! Ten customers with totals 1, 1, 1, 2, 3, 4, 5, 6, 7, 8 and five bins: the second bin begins above
//! the value at place two (1), the third above the value at place four (2), and so on. The three
//! ones stay together whatever order they arrive in.

pub(crate) mod bins;
pub(crate) mod fixed;
pub(crate) mod ordered;
mod radix;
pub(crate) mod stretch;
pub(crate) mod survey;

use datafusion::common::{DataFusionError, Result};

pub(crate) use ordered::{Ordered, Scale};
pub(crate) use radix::{DIGIT_BITS, FEW, pass, sort};
pub(crate) use survey::Survey;

use crate::parallel::{self, CHUNK};

/// The place where a bin begins, walking up from the lowest value.
///
/// A row has reached the bound if its value is above `key`, or equal to it and at least `skip`
/// customers with that same value stand before it in the order of the tiebreak. With `skip` 0 the
/// whole tie is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) key: u64,
    pub(crate) skip: u64,
}

/// The distinct keys with their counts, in the order of the line.
pub(crate) fn line(sorted: Vec<u64>, biggest_first: bool) -> Vec<(u64, u64)> {
    let mut line: Vec<(u64, u64)> = vec![];
    for key in sorted {
        match line.last_mut() {
            Some((last, count)) if *last == key => *count += 1,
            _ => line.push((key, 1)),
        }
    }
    if biggest_first {
        line.reverse();
    }
    line
}

/// What a row is told for the bounds it has reached: the answer without any, and what each adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) first: i32,
    pub(crate) each: i32,
}

/// For every row, how many bounds it has reached, as steps. Rows without a value get a number too: mask them.
pub(crate) fn reached(
    column: &Ordered,
    tiebreak: Option<&Ordered>,
    bounds: &[Bound],
    steps: Steps,
) -> Result<Vec<i32>> {
    let mut answers = vec![0; column.keys.len()];
    if bounds.iter().all(|bound| bound.skip == 0) {
        let bounds: Vec<u64> = bounds.iter().map(|bound| bound.key).collect();
        parallel::fill(&mut answers, CHUNK, |first, answers| {
            reached_together(&column.keys[first..], &bounds, steps, answers);
        });
        return Ok(answers);
    }
    let tiebreak = tiebreak.ok_or_else(|| {
        DataFusionError::Internal("a tie is to be split but there is no key".to_owned())
    })?;
    let pairs = pair_bounds(column, tiebreak, bounds);
    parallel::fill(&mut answers, CHUNK, |first, answers| {
        let rows = column.keys[first..].iter().zip(&tiebreak.keys[first..]);
        for (answer, (&key, &tie)) in answers.iter_mut().zip(rows) {
            let reached = pairs.partition_point(|pair| *pair <= (key, tie));
            *answer = steps.first + steps.each * count(reached);
        }
    });
    Ok(answers)
}

/// Few bounds are compared one by one, which the compiler turns into straight code; many are
/// searched.
fn reached_together(keys: &[u64], bounds: &[u64], steps: Steps, answers: &mut [i32]) {
    const FEW: usize = 12;
    for (answer, key) in answers.iter_mut().zip(keys) {
        let reached = if bounds.len() <= FEW {
            bounds.iter().map(|bound| i32::from(key >= bound)).sum()
        } else {
            count(bounds.partition_point(|bound| bound <= key))
        };
        *answer = steps.first + steps.each * reached;
    }
}

/// Turns "skip so many of the tie" into the pair of value and tiebreak where the bin begins.
fn pair_bounds(column: &Ordered, tiebreak: &Ordered, bounds: &[Bound]) -> Vec<(u64, u64)> {
    let mut split: Vec<u64> =
        bounds.iter().filter(|bound| bound.skip > 0).map(|bound| bound.key).collect();
    split.dedup();
    let mut ties: Vec<Vec<u64>> = vec![vec![]; split.len()];
    for (row, key) in column.keys.iter().enumerate() {
        if let Ok(group) = split.binary_search(key)
            && column.is_valid(row)
        {
            ties[group].push(tiebreak.keys[row]);
        }
    }
    for tie in &mut ties {
        tie.sort_unstable();
    }
    let pairs = bounds.iter().map(|bound| {
        let tie = split.binary_search(&bound.key).ok().and_then(|group| {
            let skip = usize::try_from(bound.skip).ok()?;
            ties[group].get(skip).copied()
        });
        (bound.key, tie.unwrap_or_default())
    });
    pairs.collect()
}

fn count(bounds: usize) -> i32 {
    i32::try_from(bounds).unwrap_or(i32::MAX)
}
