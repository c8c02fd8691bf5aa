//! Counts of groups most of which have none: rows skipped, refunds.
//!
//! Ten million customers and three rows without a date are three entries, not ten million zeros.

use super::blocks::Blocks;

/// Which groups have a count, in the order they came, and how much.
#[derive(Debug)]
pub(crate) struct Tally {
    groups: Blocks<u32>,
    counts: Blocks<u64>,
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self { groups: Blocks::new(), counts: Blocks::new() }
    }

    pub(crate) fn add(&mut self, group: u32, count: u64) {
        if count == 0 {
            return;
        }
        if let (Some(last), Some(counted)) = (self.groups.last_mut(), self.counts.last_mut())
            && *last == group
        {
            *counted += count;
            return;
        }
        self.groups.push(group);
        self.counts.push(count);
    }

    /// The counts of the first groups, one after the other; none at all if there is nothing to count.
    pub(crate) fn of_first(&self, groups: usize) -> Vec<u64> {
        let known = || self.entries().filter(|(group, _)| (*group as usize) < groups);
        if known().next().is_none() {
            return vec![];
        }
        let mut counts = vec![0; groups];
        for (group, count) in known() {
            counts[group as usize] += count;
        }
        counts
    }

    /// Without the first groups; the one after them becomes the first.
    pub(crate) fn without_first(&self, groups: u32) -> Self {
        let mut rest = Self::new();
        for (group, count) in self.entries() {
            if let Some(group) = group.checked_sub(groups) {
                rest.add(group, count);
            }
        }
        rest
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.groups.size() + self.counts.size()
    }

    fn entries(&self) -> impl Iterator<Item = (u32, u64)> {
        self.groups.iter().zip(self.counts.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_there_is() {
        let mut tally = Tally::new();
        tally.add(0, 0);
        assert!(tally.of_first(3).is_empty());
        for group in [1, 1, 2, 1, 7] {
            tally.add(group, 2);
        }
        assert_eq!(tally.of_first(3), [0, 6, 2]);
        assert!(tally.of_first(1).is_empty());
        assert_eq!(tally.without_first(2).of_first(6), [2, 0, 0, 0, 0, 2]);
    }
}
