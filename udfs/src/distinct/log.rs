//! The different values of many groups: written down as they come, put in order now and then.
//!
//! A hash table would look each value up where the processor has not been for long. Writing it behind the others is cheap,
//! and when as many have come as were in order, all are put in order at once, group by group, and what is there twice is
//! left out. Values mostly come in order within their group, as orders and days do, and then little is left to do.
//!
//! Example: groups and values (1, 5) (0, 7) (1, 5) (1, 2) in order are 7 for group 0, and 2 and 5 for group 1.

/// Fewer values are not worth putting in order.
const WORTHWHILE: usize = 1 << 20;

/// The sets of all groups.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Where the values of each group begin in `values`; those of the last one that has any end with them.
    starts: Vec<usize>,
    /// In order, each once in its group.
    values: Vec<i64>,
    /// Those that came since, and their groups.
    fresh: Vec<i64>,
    groups: Vec<u32>,
    /// The value that came last for each group.
    last: Vec<i64>,
}

/// The value that [`Log::last`] holds before any came; that it came last is never told by it.
const NONE: i64 = i64::MIN;

impl Log {
    /// Makes room for so many groups.
    pub(super) fn resize(&mut self, groups: usize) {
        self.last.resize(groups, NONE);
    }

    /// Adds values to groups that there is room for.
    pub(super) fn extend(&mut self, rows: &[(usize, i64)]) {
        self.extend_with(rows.iter().copied());
    }

    /// Adds values to groups that there is room for.
    pub(super) fn extend_with(&mut self, rows: impl Iterator<Item = (usize, i64)>) {
        for (group, value) in rows {
            let last = &mut self.last[group];
            if *last == value && value != NONE {
                continue;
            }
            *last = value;
            self.fresh.push(value);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "there is no room for more groups"
            )]
            self.groups.push(group as u32);
        }
        if self.fresh.len() >= self.values.len().max(WORTHWHILE) {
            self.put_in_order();
        }
    }

    /// The values of each group, in order.
    pub(super) fn sets(&mut self) -> impl Iterator<Item = &[i64]> {
        self.put_in_order();
        self.starts.windows(2).map(|ends| &self.values[ends[0]..ends[1]])
    }

    /// Takes the first groups out.
    pub(super) fn split(&mut self, count: usize) -> Self {
        self.put_in_order();
        let count = count.min(self.last.len());
        let rest = Self {
            values: self.values.split_off(self.starts[count]),
            starts: self.starts[count..].iter().map(|start| start - self.starts[count]).collect(),
            last: self.last.split_off(count),
            ..Self::default()
        };
        self.starts.truncate(count + 1);
        std::mem::replace(self, rest)
    }

    /// Memory it holds, and what putting it in order takes.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.values.capacity() + self.fresh.capacity() + self.last.capacity();
        let again = self.values.len() + self.fresh.len();
        (numbers + again) * size_of::<i64>()
            + self.groups.capacity() * size_of::<u32>()
            + self.starts.capacity() * size_of::<usize>()
    }

    fn put_in_order(&mut self) {
        let groups = self.last.len();
        if self.fresh.is_empty() && self.starts.len() == groups + 1 {
            return;
        }
        // The ends of groups without values in order are where those values end.
        self.starts.resize(groups + 1, self.values.len());
        let mut next = vec![0_usize; groups];
        for group in &self.groups {
            next[*group as usize] += 1;
        }
        // How many there are of a group becomes where the next of it goes.
        let mut begin = 0;
        for (next, ends) in next.iter_mut().zip(self.starts.windows(2)) {
            let count = *next + ends[1] - ends[0];
            *next = begin;
            begin += count;
        }
        let mut all = vec![0_i64; begin];
        for (next, ends) in next.iter_mut().zip(self.starts.windows(2)) {
            let old = &self.values[ends[0]..ends[1]];
            all[*next..*next + old.len()].copy_from_slice(old);
            *next += old.len();
        }
        for (group, value) in self.groups.iter().zip(&self.fresh) {
            let next = &mut next[*group as usize];
            all[*next] = *value;
            *next += 1;
        }
        self.fresh.clear();
        self.groups.clear();
        // What is left of each group moves up behind the one before.
        let (mut begin, mut left) = (0, 0);
        for (start, end) in self.starts.iter_mut().zip(&next) {
            let set = &mut all[begin..*end];
            *start = left;
            if !set.is_sorted_by(|one, other| one < other) {
                set.sort_unstable();
            }
            let mut previous = None;
            for place in begin..*end {
                let value = all[place];
                if previous != Some(value) {
                    all[left] = value;
                    left += 1;
                    previous = Some(value);
                }
            }
            begin = *end;
        }
        self.starts[groups] = left;
        all.truncate(left);
        all.shrink_to_fit();
        self.values = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_order_once_in_their_group() {
        let mut log = Log::default();
        log.resize(3);
        log.extend(&[(1, 5), (0, 7), (1, 5), (1, 2), (1, NONE), (1, NONE), (0, 7)]);
        let sets: Vec<Vec<i64>> = log.sets().map(<[i64]>::to_vec).collect();
        assert_eq!(sets, [vec![7], vec![NONE, 2, 5], vec![]]);
        log.resize(5);
        log.extend(&[(4, 1), (1, 3), (0, 7)]);
        let first = log.split(2).sets().map(<[i64]>::to_vec).collect::<Vec<_>>();
        assert_eq!(first, [vec![7], vec![NONE, 2, 3, 5]]);
        log.extend(&[(0, 9)]);
        let rest = log.sets().map(<[i64]>::to_vec).collect::<Vec<_>>();
        assert_eq!(rest, [vec![9], vec![], vec![1]]);
    }

    #[test]
    fn many_values_are_put_in_order_as_they_come() {
        let mut log = Log::default();
        log.resize(1000);
        for round in 0..5 {
            let group = |row: i64| usize::try_from(row % 1000).unwrap();
            log.extend_with((0..1_000_000).map(|row| (group(row), (row / 1000 * 7 + round) % 40)));
        }
        assert!(log.bytes() < 40_000_000, "{}", log.bytes());
        assert!(log.sets().all(|set| set.is_sorted() && set.len() <= 40));
        let total: usize = log.sets().map(<[i64]>::len).sum();
        assert_eq!(total, 40_000);
    }
}
