//! Where the customers of a column stand, without sorting it.
//!
//! Keys are counted into buckets that grow with the distance from the lowest key, up to a thousand to each doubling, so
//! that neither a long tail nor an outlier throws everything into one of them. To know the key at a place in line only
//! the bucket that holds the place is put in order: a handful of the ten million. Small distances have a bucket each
//! and need no ordering at all. Few rows get few buckets, for there may be a million countries to score apart.
//!
//! Keys 3, 3, 5, 9 and place 2, from 0: two are in the bucket of 3, so it is the first in that of 5.

use std::ops::RangeInclusive;

use super::Ordered;
use crate::parallel::{CHUNK, fold};

/// The most buckets to each doubling of the distance, as a power of two.
const FINEST: u32 = 10;

/// How many keys are in each bucket.
#[derive(Debug)]
pub(crate) struct Survey {
    least: u64,
    /// Buckets to each doubling, as a power of two.
    fine: u32,
    counts: Vec<u64>,
}

/// A place in line, and how many stand below its key and how many not above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) key: u64,
    pub(crate) less: u64,
    pub(crate) not_more: u64,
}

impl Survey {
    /// Counts a column.
    pub(crate) fn of(column: &Ordered) -> Self {
        let rows = column.keys.len();
        let ends = fold(
            rows,
            CHUNK,
            || (u64::MAX, 0),
            |(least, most): &mut (u64, u64), range| {
                for &key in column.present(range).iter() {
                    (*least, *most) = ((*least).min(key), (*most).max(key));
                }
            },
        );
        let least = ends.iter().map(|end| end.0).min().unwrap_or(u64::MAX);
        let most = ends.iter().map(|end| end.1).max().unwrap_or(0);
        if least > most {
            return Self { least: 0, fine: 0, counts: vec![] };
        }
        let fine = rows.ilog2().saturating_sub(FINEST).min(FINEST);
        let buckets = bucket(most - least, fine) + 1;
        let counts = fold(
            rows,
            CHUNK,
            || vec![0_u64; buckets],
            |counts, range| {
                for &key in column.present(range).iter() {
                    counts[bucket(key - least, fine)] += 1;
                }
            },
        );
        Self { least, fine, counts: add_up(counts, |left, right| left + right) }
    }

    /// How many keys are in a bucket, bucket by bucket.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The keys that belong to a bucket.
    pub(crate) fn keys(&self, bucket: usize) -> RangeInclusive<u64> {
        let first = start(bucket, self.fine);
        let last = start(bucket + 1, self.fine).wrapping_sub(1);
        self.least.saturating_add(first)..=self.least.saturating_add(last)
    }

    /// The total of an amount, bucket by bucket; None if one has overflowed.
    pub(crate) fn totals(
        &self,
        column: &Ordered,
        amount: impl Fn(u64) -> i128 + Sync,
    ) -> Option<Vec<i128>> {
        let empty = || Some(vec![0_i128; self.counts.len()]);
        let totals = fold(column.keys.len(), CHUNK, empty, |totals, range| {
            for &key in column.present(range).iter() {
                let Some(known) = totals else { return };
                let total = &mut known[bucket(key - self.least, self.fine)];
                match total.checked_add(amount(key)) {
                    Some(sum) => *total = sum,
                    None => *totals = None,
                }
            }
        });
        let totals: Option<Vec<Vec<i128>>> = totals.into_iter().collect();
        let add = |left: Option<i128>, right: Option<i128>| left?.checked_add(right?);
        let some = totals?.into_iter().map(|list| list.into_iter().map(Some).collect());
        add_up(some.collect(), add).into_iter().collect()
    }

    /// The keys in some buckets, given ascending; each bucket's keys are ascending.
    pub(crate) fn gather(&self, column: &Ordered, buckets: &[usize]) -> Vec<Vec<u64>> {
        if buckets.is_empty() {
            return vec![];
        }
        let mut slots = vec![usize::MAX; self.counts.len()];
        for (slot, bucket) in buckets.iter().enumerate() {
            slots[*bucket] = slot;
        }
        let empty = || vec![Vec::new(); buckets.len()];
        let parts = fold(column.keys.len(), CHUNK, empty, |lists, range| {
            for &key in column.present(range).iter() {
                if let Some(list) = lists.get_mut(slots[bucket(key - self.least, self.fine)]) {
                    list.push(key);
                }
            }
        });
        let mut lists = empty();
        for part in parts {
            for (list, mut more) in lists.iter_mut().zip(part) {
                list.append(&mut more);
            }
        }
        lists.iter_mut().for_each(|list| list.sort_unstable());
        lists
    }

    /// Who stands at some places in line, counted from 0; places behind the last are left out.
    pub(crate) fn stands(&self, column: &Ordered, places: &[u64]) -> Vec<Option<Stand>> {
        // How many stand before each bucket, and all.
        let mut before = vec![0];
        for count in &self.counts {
            before.push(before.last().copied().unwrap_or_default() + count);
        }
        let holder = |place: u64| before.partition_point(|less| *less <= place) - 1;
        let mut wanted: Vec<usize> = places
            .iter()
            .map(|place| holder(*place))
            .filter(|bucket| *bucket < self.counts.len() && !is_single(*bucket, self.fine))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let lists = self.gather(column, &wanted);
        let stand = |place: u64| {
            let bucket = holder(place);
            let less = before[bucket];
            if bucket >= self.counts.len() {
                return None;
            }
            let Ok(list) = wanted.binary_search(&bucket).map(|slot| &lists[slot]) else {
                let key = *self.keys(bucket).start();
                return Some(Stand { key, less, not_more: less + self.counts[bucket] });
            };
            let key = *list.get(usize::try_from(place - less).ok()?)?;
            let up_to = |end: usize| less + end as u64;
            Some(Stand {
                key,
                less: up_to(list.partition_point(|other| *other < key)),
                not_more: up_to(list.partition_point(|other| *other <= key)),
            })
        };
        places.iter().map(|place| stand(*place)).collect()
    }
}

/// The bucket of a distance: as it is while small, then by its highest bits.
fn bucket(distance: u64, fine: u32) -> usize {
    let shift = (u64::BITS - distance.leading_zeros()).saturating_sub(fine + 1);
    let place = (u64::from(shift) << fine) + (distance >> shift);
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The least distance in a bucket; 0 behind the last bucket there can be.
fn start(bucket: usize, fine: u32) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> fine).saturating_sub(1);
    let shift = u32::try_from(shift).unwrap_or(u32::MAX);
    (bucket - (u64::from(shift) << fine)).checked_shl(shift).unwrap_or(0)
}

/// True if a bucket holds a single key.
fn is_single(bucket: usize, fine: u32) -> bool {
    bucket < 1 << (fine + 1)
}

/// Adds up lists, item by item.
fn add_up<T: Copy>(lists: Vec<Vec<T>>, add: impl Fn(T, T) -> T) -> Vec<T> {
    let mut lists = lists.into_iter();
    let mut all = lists.next().unwrap_or_default();
    for list in lists {
        for (sum, item) in all.iter_mut().zip(list) {
            *sum = add(*sum, item);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use proptest::prelude::*;

    use super::*;

    fn ordered(values: Vec<Option<i64>>) -> Ordered {
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        Ordered::read(&column, "value").unwrap()
    }

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        for fine in [0, 3, FINEST] {
            for distance in [0, 1, 1_023, 1_024, 2_047, 2_048, 2_049, 5_000, 1 << 40, u64::MAX] {
                let bucket = bucket(distance, fine);
                assert!(start(bucket, fine) <= distance, "{distance}");
                assert!(distance <= start(bucket + 1, fine).wrapping_sub(1), "{distance}");
            }
        }
    }

    proptest! {
        #[test]
        fn stands_are_those_of_the_sorted_column(
            values in prop::collection::vec(prop::option::of(-5_000_i64..5_000), 1..400),
            stretch in prop_oneof![Just(1_i64), Just(1_000), Just(1_i64 << 50)],
        ) {
            let values: Vec<Option<i64>> =
                values.into_iter().map(|value| value.map(|value| value * stretch)).collect();
            let column = ordered(values);
            let sorted = column.sorted();
            let places: Vec<u64> = (0..=sorted.len() as u64).collect();
            let stands = Survey::of(&column).stands(&column, &places);
            for (place, stand) in stands.into_iter().enumerate() {
                let expected = sorted.get(place).map(|key| Stand {
                    key: *key,
                    less: sorted.partition_point(|other| other < key) as u64,
                    not_more: sorted.partition_point(|other| other <= key) as u64,
                });
                prop_assert_eq!(stand, expected);
            }
        }
    }
}
