//! Work on many rows shared out over the cores, with an answer that does not depend on how many there are.
//!
//! Rows are cut into chunks of a fixed size; each core takes the next chunk when it has finished one. Whatever is added
//! up in floating point is added per chunk and then over the chunks in their order ([`sums`]), so that one core and
//! eight give the same bits. A single chunk is worked on where it is, without a thread.
//!
//! Never holds more threads than the machine has cores, and none after a call has returned.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::stop::Stop;

/// Rows of a chunk of cheap work.
pub(crate) const CHUNK: usize = 1 << 16;

/// Works on every chunk; the results are in the order of the chunks.
pub(crate) fn map<R: Send>(
    rows: usize,
    chunk: usize,
    work: impl Fn(Range<usize>) -> R + Sync,
) -> Vec<R> {
    let done = fold(rows, chunk, Vec::new, |done: &mut Vec<(usize, R)>, range| {
        done.push((range.start, work(range)));
    });
    let mut done: Vec<(usize, R)> = done.into_iter().flatten().collect();
    done.sort_by_key(|(start, _)| *start);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Adds up what every chunk adds up, in the order of the chunks. Work that is to stop leaves chunks out.
pub(crate) fn sums<const N: usize>(
    rows: usize,
    chunk: usize,
    work: impl Fn(Range<usize>) -> [f64; N] + Sync,
) -> [f64; N] {
    let mut total = [0.0; N];
    let stop = Stop::here();
    for part in map(rows, chunk, |range| if stop.is_set() { [0.0; N] } else { work(range) }) {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    total
}

/// Folds chunks into one state per core. Which chunks meet in a state is a matter of chance: for sums of whole numbers
/// and the like.
pub(crate) fn fold<S: Send>(
    rows: usize,
    chunk: usize,
    empty: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) + Sync,
) -> Vec<S> {
    let next = AtomicUsize::new(0);
    on_cores(rows.div_ceil(chunk), || {
        let mut state = empty();
        loop {
            let start = next.fetch_add(chunk, Ordering::Relaxed);
            if start >= rows {
                return state;
            }
            work(&mut state, start..rows.min(start + chunk));
        }
    })
}

/// Fills a list, chunk by chunk; `work` gets the place of the first item and the items.
pub(crate) fn fill<T: Send>(list: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let chunks = list.len().div_ceil(chunk);
    let left = Mutex::new(list.chunks_mut(chunk).enumerate());
    on_cores(chunks, || {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((place, items)) = next else { return };
            work(place * chunk, items);
        }
    });
}

/// Runs the same work on every core that has a chunk to work on.
fn on_cores<S: Send>(chunks: usize, work: impl Fn() -> S + Sync) -> Vec<S> {
    let cores = if chunks > 1 { thread::available_parallelism().map_or(1, usize::from) } else { 1 };
    let others = cores.min(chunks).saturating_sub(1);
    thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(&work)).collect();
        let mut states = vec![work()];
        for other in others {
            match other.join() {
                Ok(state) => states.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_worked_on_once_and_in_order() {
        for rows in [0, 1, 6, 7, 8, 1_000] {
            let ranges = map(rows, 7, |range| range);
            let covered: Vec<usize> = ranges.into_iter().flatten().collect();
            assert_eq!(covered, (0..rows).collect::<Vec<_>>());
            let mut list = vec![0; rows];
            fill(&mut list, 7, |first, items| {
                for (place, item) in items.iter_mut().enumerate() {
                    *item += first + place;
                }
            });
            assert_eq!(list, (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn sums_leave_out_what_nobody_waits_for() {
        for (is_set, sum) in [(false, 20.0), (true, 0.0)] {
            let stop = std::sync::Arc::new(is_set.into());
            let [all] = crate::stoppable(&stop, || sums(20, 7, |rows| [count(rows.len())]));
            assert_eq!(all.to_bits(), f64::to_bits(sum));
        }
    }

    fn count(rows: usize) -> f64 {
        u32::try_from(rows).unwrap().into()
    }
}
