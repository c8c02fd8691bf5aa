//! The different values of each group.
//!
//! Up to [`FEW_GROUPS`] groups keep bitmaps, whose bits stand for the values of one window of 2^32 values. When there are more
//! groups, or a value lies outside of the window, all go to a [`Log`] and stay there.

use super::log::Log;
use super::state::{self, State};
use arrow::array::LargeBinaryArray;
use datafusion::common::{Result, resources_datafusion_err};
use datafusion::logical_expr::EmitTo;
use roaring::RoaringBitmap;

/// So many groups keep bitmaps.
const FEW_GROUPS: usize = 1 << 16;

/// Values so far below zero are in the window of zero, so that -1 for "unknown" is.
const BELOW: i64 = 1 << 31;

/// The window of a value, and its place in there.
fn place(value: i64) -> (u32, u32) {
    let shifted = value.wrapping_add(BELOW).cast_unsigned();
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 64 bits")]
    ((shifted >> 32) as u32, shifted as u32)
}

/// The value at a place of a window.
fn value(window: u32, place: u32) -> i64 {
    let shifted = (u64::from(window) << 32) | u64::from(place);
    shifted.cast_signed().wrapping_sub(BELOW)
}

/// The sets of all groups.
#[derive(Debug)]
pub(super) enum Sets {
    Bitmaps(Bitmaps),
    Log(Log),
}

/// A bitmap for each group.
#[derive(Debug, Default)]
pub(super) struct Bitmaps {
    /// Where all values are; nothing before the first.
    window: Option<u32>,
    sets: Vec<RoaringBitmap>,
    /// How many values there are, and bytes, when these were counted last.
    values: u64,
    counted: (u64, usize),
}

impl Default for Sets {
    fn default() -> Self {
        Self::Bitmaps(Bitmaps::default())
    }
}

impl Sets {
    /// Makes room for so many groups.
    pub(super) fn resize(&mut self, groups: usize) -> Result<()> {
        if u32::try_from(groups).is_err() {
            return Err(resources_datafusion_err!("count(DISTINCT ..) of more than 2^32 groups"));
        }
        if let Self::Bitmaps(bitmaps) = self {
            if groups <= FEW_GROUPS {
                bitmaps.sets.resize_with(groups, RoaringBitmap::new);
                return Ok(());
            }
            *self = Self::Log(bitmaps.log());
        }
        if let Self::Log(log) = self {
            log.resize(groups);
        }
        Ok(())
    }

    /// Adds values to groups that there is room for.
    pub(super) fn insert(&mut self, rows: &[(usize, i64)]) {
        let rest = match self {
            Self::Bitmaps(bitmaps) => bitmaps.insert(rows),
            Self::Log(log) => return log.extend(rows),
        };
        if rest.is_empty() {
            return;
        }
        if let Self::Bitmaps(bitmaps) = self {
            let mut log = bitmaps.log();
            log.extend(rest);
            *self = Self::Log(log);
        }
    }

    /// Adds what a state holds to a group that there is room for.
    pub(super) fn merge(&mut self, group: usize, state: &[u8]) -> Result<()> {
        let of = |value: i64| (group, value);
        match (state::read(state)?, &mut *self) {
            // One without values knows no window.
            (State::Bitmap(_, bitmap), _) if bitmap.is_empty() => {}
            (State::Bitmap(window, bitmap), Self::Bitmaps(bitmaps))
                if bitmaps.window.is_none_or(|own| own == window) =>
            {
                bitmaps.window = Some(window);
                let set = &mut bitmaps.sets[group];
                let before = set.len();
                *set |= bitmap;
                bitmaps.values += set.len() - before;
                bitmaps.count();
            }
            (State::Bitmap(window, bitmap), _) => {
                let rows: Vec<_> = bitmap.iter().map(|place| of(value(window, place))).collect();
                self.insert(&rows);
            }
            (State::Values(values), Self::Log(log)) => log.extend_with(values.map(of)),
            (State::Values(values), _) => self.insert(&values.map(of).collect::<Vec<_>>()),
        }
        Ok(())
    }

    /// Takes the first groups out, or all.
    pub(super) fn take(&mut self, emit_to: EmitTo) -> Self {
        let EmitTo::First(count) = emit_to else { return std::mem::take(self) };
        match self {
            Self::Bitmaps(bitmaps) => Self::Bitmaps(bitmaps.split(count)),
            Self::Log(log) => Self::Log(log.split(count)),
        }
    }

    /// The number of values of each group.
    pub(super) fn counts(&mut self) -> Vec<i64> {
        match self {
            Self::Bitmaps(bitmaps) => {
                bitmaps.sets.iter().map(|set| set.len().cast_signed()).collect()
            }
            Self::Log(log) => {
                let counts = log.sets().map(|values| i64::try_from(values.len()));
                counts.map(|count| count.unwrap_or(i64::MAX)).collect()
            }
        }
    }

    /// The state of each group.
    pub(super) fn states(&mut self) -> Result<LargeBinaryArray> {
        match self {
            Self::Bitmaps(bitmaps) => {
                let window = bitmaps.window.unwrap_or_default();
                let states = bitmaps.sets.iter().map(|set| state::of_bitmap(window, set));
                let states = states.collect::<Result<Vec<_>>>()?;
                Ok(LargeBinaryArray::from_iter_values(states))
            }
            Self::Log(log) => {
                Ok(LargeBinaryArray::from_iter_values(log.sets().map(state::of_values)))
            }
        }
    }

    /// Memory it holds, of bitmaps nearly.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Bitmaps(bitmaps) => bitmaps.bytes(),
            Self::Log(log) => log.bytes(),
        }
    }
}

impl Bitmaps {
    /// Adds rows up to the first that is outside of the window; returns the others.
    fn insert<'a>(&mut self, rows: &'a [(usize, i64)]) -> &'a [(usize, i64)] {
        for (row, (group, value)) in rows.iter().enumerate() {
            let (window, place) = place(*value);
            if *self.window.get_or_insert(window) != window {
                return &rows[row..];
            }
            self.values += u64::from(self.sets[*group].insert(place));
        }
        self.count();
        &[]
    }

    fn split(&mut self, count: usize) -> Self {
        let rest = self.sets.split_off(count.min(self.sets.len()));
        let mut first = Self { window: self.window, ..Self::default() };
        first.sets = std::mem::replace(&mut self.sets, rest);
        for part in [self, &mut first] {
            part.values = part.sets.iter().map(RoaringBitmap::len).sum();
            part.counted = Default::default();
            part.count();
        }
        first
    }

    /// All values as a log, and nothing here.
    fn log(&mut self) -> Log {
        let Self { window, sets, .. } = std::mem::take(self);
        let window = window.unwrap_or_default();
        let mut log = Log::default();
        log.resize(sets.len());
        for (group, set) in sets.into_iter().enumerate() {
            log.extend_with(set.iter().map(|place| (group, value(window, place))));
        }
        log
    }

    /// Counts the bytes when there are twice the values.
    fn count(&mut self) {
        if self.values < self.counted.0.saturating_mul(2).max(1) {
            return;
        }
        let bytes = self.sets.iter().map(|set| {
            let known = set.statistics();
            // A container has a number, a kind and an address besides its values, which are two bytes each, or a bit each of
            // 65,536; the crate reports lists as four.
            u64::from(known.n_containers) * 40
                + known.n_bytes_array_containers / 2
                + known.n_bytes_run_containers
                + u64::from(known.n_bitset_containers) * (1 << 13)
        });
        self.counted = (self.values, usize::try_from(bytes.sum::<u64>()).unwrap_or(usize::MAX));
    }

    fn bytes(&self) -> usize {
        let (values, bytes) = self.counted;
        let more = usize::try_from(self.values.saturating_sub(values)).unwrap_or(usize::MAX);
        let each =
            bytes.checked_div(usize::try_from(values).unwrap_or(usize::MAX)).unwrap_or(0) + 1;
        let sets = self.sets.capacity() * size_of::<RoaringBitmap>();
        bytes.saturating_add(more.saturating_mul(each)).saturating_add(sets)
    }
}
