//! The sets of a query: which are read from the rows, which are derived, and how each is told in the answer.
//!
//! A set is told by its mask (true where a column is left out) and its turn among equal sets, which become the grouping
//! id: the mask as a binary number, first column highest, and the turn in the bits above.
//!
//! Example: `ROLLUP (a, b)` is the masks `00`, `01`, `11`; the first refines the others and is read.

use arrow::datatypes::Schema;

/// The sets of a query, most columns first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sets {
    /// Each distinct one.
    pub(super) sets: Vec<Set>,
}

/// One distinct set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    /// True where a column is left out.
    pub(super) mask: Vec<bool>,
    /// How often the query names it.
    pub(super) times: u64,
    /// No other set refines it.
    pub(super) read: bool,
}

impl Set {
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.mask.iter().enumerate().filter(|(_, absent)| !**absent).map(|(place, _)| place)
    }

    /// The grouping id of its turn-th naming.
    pub(super) fn id(&self, turn: u64) -> u64 {
        let mask = self.mask.iter().fold(0, |id, absent| id << 1 | u64::from(*absent));
        // With 64 columns there is no room for a turn, and DataFusion has refused the query.
        mask | turn.checked_shl(u32::try_from(self.mask.len()).unwrap_or(u32::MAX)).unwrap_or(0)
    }

    pub(super) fn title(&self, names: &Schema) -> String {
        let names: Vec<&str> =
            self.columns().map(|place| names.field(place).name().as_str()).collect();
        format!("({})", names.join(", "))
    }
}

/// Whether every column of the second set is in the first.
pub(super) fn refines(finer: &[bool], coarser: &[bool]) -> bool {
    finer.iter().zip(coarser).all(|(finer, coarser)| !finer || *coarser)
}

impl Sets {
    pub(super) fn of(masks: &[Vec<bool>]) -> Self {
        let mut sets: Vec<Set> = Vec::new();
        for mask in masks {
            match sets.iter_mut().find(|set| &set.mask == mask) {
                Some(set) => set.times += 1,
                None => {
                    let read = !masks.iter().any(|other| other != mask && refines(other, mask));
                    sets.push(Set { mask: mask.clone(), times: 1, read });
                }
            }
        }
        sets.sort_by_key(|set| set.mask.iter().filter(|absent| **absent).count());
        Self { sets }
    }

    /// The masks of the sets that are read from the rows.
    pub(super) fn read(&self) -> impl Iterator<Item = &Vec<bool>> {
        self.sets.iter().filter(|set| set.read).map(|set| &set.mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finest_sets_are_read_and_ids_count_turns() {
        let check = |masks: &[&[bool]], read: &[&[bool]], ids: &[u64]| {
            let masks: Vec<Vec<bool>> = masks.iter().map(|mask| mask.to_vec()).collect();
            let sets = Sets::of(&masks);
            let found: Vec<&[bool]> = sets.read().map(Vec::as_slice).collect();
            assert_eq!(found, read);
            let found = sets.sets.iter().flat_map(|set| (0..set.times).map(|turn| set.id(turn)));
            assert_eq!(found.collect::<Vec<_>>(), ids);
        };
        let (both, first, second, none): (&[bool], &[bool], &[bool], &[bool]) =
            (&[false, false], &[false, true], &[true, false], &[true, true]);
        check(&[both, first, none], &[both], &[0, 1, 3]);
        check(&[first, second], &[first, second], &[1, 2]);
        check(&[none, second, first, second], &[second, first], &[2, 6, 1, 3]);
    }
}
