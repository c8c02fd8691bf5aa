//! The rows of a batch that are left while one dimension after another is looked up.
//!
//! Every dimension of a star drops rows and adds to the group of those that stay. Most often none drops out, and often the
//! keys of the first come in [`runs`](super::runs): both are faster than asking row by row.
//!
//! Example: of rows 0, 1, 2 with keys found, absent, found, rows 0 and 2 are left.

use super::{ABSENT, Visitor};
use arrow::buffer::BooleanBuffer;
use std::ops::Range;

/// The rows of a batch that are left, and the group each belongs to. Its memory is kept from batch to batch.
#[derive(Debug, Default)]
pub struct Picked {
    rows: Vec<u32>,
    groups: Vec<usize>,
    kept: usize,
    /// All rows of the batch are there, so the n-th is row n.
    pub(super) whole: bool,
}

impl Picked {
    /// Starts with the rows for which something is true, all of them in group 0.
    pub fn start(&mut self, chosen: &BooleanBuffer) {
        self.rows.clear();
        self.rows.extend(chosen.set_indices_u32());
        self.kept = self.rows.len();
        self.whole = self.kept == chosen.len();
        self.groups.clear();
        self.groups.resize(self.kept, 0);
    }

    /// Starts with all of so many rows, in group 0.
    pub fn start_whole(&mut self, count: usize) {
        self.rows.clear();
        self.rows.extend((0_u32..).take(count));
        self.kept = count;
        self.whole = true;
        self.groups.clear();
        self.groups.resize(count, 0);
    }

    /// Starts with those of so many rows whose run has a number.
    fn start_runs(
        &mut self,
        count: usize,
        runs: impl Iterator<Item = (u32, Range<usize>)>,
        stride: usize,
    ) {
        let place = |row: usize| u32::try_from(row).unwrap_or(ABSENT);
        self.rows.clear();
        self.groups.clear();
        for (number, run) in runs.filter(|(number, _)| *number != ABSENT) {
            self.rows.extend(place(run.start)..place(run.end));
            self.groups.resize(self.rows.len(), (number as usize).wrapping_mul(stride));
        }
        self.kept = self.rows.len();
        self.whole = self.kept == count;
    }

    /// Places in the batch, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows[..self.kept]
    }

    /// The group of each of them.
    pub fn groups(&mut self) -> &mut [usize] {
        &mut self.groups[..self.kept]
    }

    /// Keeps those that are told to stay, in order.
    pub fn retain(&mut self, stay: impl Iterator<Item = bool>) {
        let mut kept = 0;
        for (at, _) in stay.take(self.kept).enumerate().filter(|(_, stays)| *stays) {
            self.rows[kept] = self.rows[at];
            self.groups[kept] = self.groups[at];
            kept += 1;
        }
        self.whole &= kept == self.kept;
        self.kept = kept;
    }
}

/// Begins with the rows of a batch that have a number.
pub(super) struct First<'a> {
    pub(super) count: usize,
    /// The runs that keys come in, if they do.
    pub(super) runs: Option<Vec<Range<usize>>>,
    pub(super) stride: usize,
    pub(super) picked: &'a mut Picked,
}

impl Visitor for First<'_> {
    type Answer = ();

    fn visit(self, number: impl Fn(usize) -> u32) {
        let Self { count, runs, stride, picked } = self;
        if let Some(runs) = runs {
            picked.start_runs(count, runs.into_iter().map(|run| (number(run.start), run)), stride);
            return;
        }
        if picked.whole {
            // No row of the last batch dropped out: most likely none of this one does.
            picked.start_whole(count);
            Next { stride, picked }.visit(number);
            return;
        }
        let Picked { rows, groups, kept, whole } = picked;
        if rows.len() < count {
            rows.resize(count, 0);
            groups.resize(count, 0);
        }
        // Every row is written where the next kept one goes: cheaper than asking whether it stays.
        let (rows, groups) = (&mut rows[..count], &mut groups[..count]);
        let mut next = 0;
        for (row, place) in (0..count).zip(0_u32..) {
            let number = number(row);
            rows[next] = place;
            groups[next] = (number as usize).wrapping_mul(stride);
            next += usize::from(number != ABSENT);
        }
        *kept = next;
        *whole = next == count;
    }
}

/// Goes on with the rows that have a number too.
pub(super) struct Next<'a> {
    pub(super) stride: usize,
    pub(super) picked: &'a mut Picked,
}

impl Visitor for Next<'_> {
    type Answer = ();

    fn visit(self, number: impl Fn(usize) -> u32) {
        let Picked { rows, groups, kept, whole } = self.picked;
        let (rows, groups) = (&mut rows[..*kept], &mut groups[..*kept]);
        if *whole {
            // Most often no row drops out, so rows stay where they are and nothing is written but the groups.
            let mut missing = 0;
            for (row, group) in groups.iter_mut().enumerate() {
                let number = number(row);
                missing += usize::from(number == ABSENT);
                *group = group.wrapping_add((number as usize).wrapping_mul(self.stride));
            }
            if missing > 0 {
                self.picked.retain((0..).map(|row| number(row) != ABSENT));
            }
            return;
        }
        let mut next = 0;
        for at in 0..rows.len() {
            let (row, group) = (rows[at], groups[at]);
            let number = number(row as usize);
            rows[next] = row;
            groups[next] = group.wrapping_add((number as usize).wrapping_mul(self.stride));
            next += usize::from(number != ABSENT);
        }
        *kept = next;
    }
}
