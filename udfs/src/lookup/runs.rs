//! Runs: rows beside each other that have the same value.
//!
//! A fact that is sorted by day has a day's rows together, and then its month's, its year's. What is looked up or added
//! up for a whole run at once costs next to nothing, so it is worth a look whether there are a few runs only.
//!
//! Example: 7, 7, 7, 9, 9 are the runs 0..3 and 3..5.

use std::ops::{BitOr, BitXor, Range};

/// Values are compared so many at a time.
const BLOCK: usize = 64;

/// On average a run must be this long.
const WORTH: usize = 512;

/// The runs of the values, in order; `None` when they are so short that it does not pay to treat them as runs.
pub fn runs<T>(values: &[T]) -> Option<Vec<Range<usize>>>
where
    T: Copy + Default + PartialEq + BitXor<Output = T> + BitOr<Output = T>,
{
    let most = values.len().div_ceil(WORTH);
    let mut runs = Vec::new();
    let mut start = 0;
    while start < values.len() {
        if runs.len() == most {
            return None;
        }
        let end = start + length(&values[start..]);
        runs.push(start..end);
        start = end;
    }
    Some(runs)
}

/// How many values are equal to the first.
fn length<T>(values: &[T]) -> usize
where
    T: Copy + Default + PartialEq + BitXor<Output = T> + BitOr<Output = T>,
{
    let Some(first) = values.first() else { return 0 };
    let (blocks, _) = values.as_chunks::<BLOCK>();
    // Bits that differ, without a way out of the block: the compiler makes vector instructions of it for every width.
    let same = |block: &&[T; BLOCK]| {
        block.iter().fold(T::default(), |all, value| all | (*value ^ *first)) == T::default()
    };
    let whole = blocks.iter().take_while(same).count() * BLOCK;
    whole + values[whole..].iter().take_while(|value| *value == first).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_another_value_begins() {
        for lengths in [vec![], vec![1], vec![512, 512], vec![700, 1, 4000], vec![64, 1000, 1000]] {
            let values: Vec<usize> =
                lengths.iter().enumerate().flat_map(|(n, length)| vec![n; *length]).collect();
            let found: Vec<usize> = runs(&values).unwrap().iter().map(Range::len).collect();
            assert_eq!(found, lengths);
        }
    }

    #[test]
    fn short_runs_are_none() {
        assert_eq!(runs(&[1, 2]), None);
        let changing: Vec<u32> = (0..8192).map(|row| row / 500).collect();
        assert_eq!(runs(&changing), None);
        let longer: Vec<u32> = (0..8192).map(|row| row / 600).collect();
        assert_eq!(runs(&longer).unwrap().len(), 14);
    }
}
