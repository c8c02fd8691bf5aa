//! Decoded columns that queries ask for again and again, kept in memory so that the tenth question decodes nothing.
//!
//! ```text
//! first scan of a column:   Parquet, as ever; it is only noted that somebody wanted it
//! second scan:              each row group is decoded whole and kept
//! from then on:             what is kept, batch by batch; no file is opened, no page decompressed
//! ```
//!
//! Data files never change, so what is kept never goes stale: a new version of a table has new files, and a file is another
//! one as soon as its size, time or tag are others. The unit is one column of one row group, in as
//! few bytes a value as it needs ([`narrow`]); of what is kept only the rows that the scan's predicate may want are handed
//! on ([`rows`], [`ranges`]). What has not been used for long makes room (CLOCK-Pro, by the `quick_cache` crate), so a big
//! scan that comes by once does not push out what dashboards live on.
//!
//! The memory is taken from the pool that queries use, never more than a part of it, and [`HotColumns::give_back`] returns
//! it when a query needs it. A row group is decoded by one scan while others that want it wait, and only where the pool has
//! room for it; else the file is read as ever.

mod compare;
mod file;
mod narrow;
mod ranges;
mod rows;
pub(super) mod source;
mod texts;

use crate::use_of_cache::{CacheUse, Uses};
use arrow::datatypes::DataType;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use narrow::Column;
pub(super) use narrow::numbers as whole_numbers;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Columns of files that are remembered as wanted once.
const REMEMBERED: usize = 1 << 16;

/// Row groups are estimated to be of this size when they are kept.
const TYPICAL_BYTES: usize = 2 << 20;

/// One column of one row group of one file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The store's URL and the path within it.
    pub(super) file: Arc<str>,
    pub(super) group: usize,
    pub(super) column: Arc<str>,
    /// The type that was asked for.
    pub(super) kind: DataType,
}

#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Weighter<Place, Column> for Bytes {
    fn weight(&self, _place: &Place, column: &Column) -> u64 {
        u64::try_from(column.bytes).unwrap_or(u64::MAX)
    }
}

/// Where the scans of a session look for columns: an extension of its configuration. `None` switches it off.
#[derive(Debug, Clone)]
pub struct ScanCache(pub Option<Arc<HotColumns>>);

/// The columns kept by one process.
pub struct HotColumns {
    kept: Cache<Place, Column, Bytes>,
    /// Columns of files that were wanted once.
    wanted: Cache<(Arc<str>, Arc<str>), ()>,
    /// As much as is kept; the lock also orders changes of it.
    memory: Mutex<MemoryReservation>,
    limit: usize,
    pool: Arc<dyn MemoryPool>,
    /// Who decodes a row group has its turn.
    turns: Mutex<Turns>,
    uses: Uses,
}

/// Held while a row group is decoded.
type Turn = tokio::sync::Mutex<()>;

/// By file and row group.
type Turns = HashMap<(Arc<str>, usize), Weak<Turn>>;

impl std::fmt::Debug for HotColumns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HotColumns")
            .field("bytes", &self.bytes())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl HotColumns {
    /// What a pool calls the memory of kept columns.
    pub const CONSUMER: &'static str = "hot columns";

    /// Nothing kept yet; at most `limit` bytes, taken from `pool`.
    pub fn new(limit: usize, pool: &Arc<dyn MemoryPool>) -> Self {
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity((limit / TYPICAL_BYTES).max(16))
            .weight_capacity(u64::try_from(limit).unwrap_or(u64::MAX))
            .build();
        let kept = match options {
            Ok(options) => Cache::with_options(
                options,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Cache::with_weighter(16, u64::try_from(limit).unwrap_or(u64::MAX), Bytes),
        };
        Self {
            kept,
            wanted: Cache::new(REMEMBERED),
            memory: Mutex::new(MemoryConsumer::new(Self::CONSUMER).register(pool)),
            limit,
            pool: Arc::clone(pool),
            turns: Mutex::default(),
            uses: Uses::default(),
        }
    }

    /// How much is kept, and how often a column of a row group was.
    pub fn uses(&self) -> CacheUse {
        self.uses.of(Some(self.kept.len()), Some(self.kept.weight()), self.limit as u64)
    }

    /// Notes how many columns of a row group were kept, and how many were decoded.
    fn note(&self, kept: usize, decoded: usize) {
        self.uses.hit(kept);
        self.uses.missed(decoded);
    }

    /// Bytes kept.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.kept.weight()).unwrap_or(usize::MAX)
    }

    /// Forgets what has not been used for longest until `bytes` are free or nothing is left; returns the bytes given back.
    pub fn give_back(&self, bytes: usize) -> usize {
        let memory = self.memory();
        let before = memory.size();
        self.shrink_to(before.saturating_sub(bytes));
        memory.shrink(before.saturating_sub(self.bytes()));
        before.saturating_sub(memory.size())
    }

    /// Whether these columns of a file, or of a part of it, were wanted before. Asking notes that they are wanted now.
    fn wanted_before(&self, file: &Arc<str>, columns: &[Arc<str>]) -> bool {
        let mut all = true;
        for column in columns {
            let key = (Arc::clone(file), Arc::clone(column));
            if self.wanted.get(&key).is_none() {
                self.wanted.insert(key, ());
                all = false;
            }
        }
        all
    }

    fn get(&self, place: &Place) -> Option<Column> {
        self.kept.get(place)
    }

    /// Whether a column is kept, without counting as a use of it.
    fn has(&self, place: &Place) -> bool {
        self.kept.peek(place).is_some()
    }

    /// What to hold while a row group is decoded. There are as many as scans that read now.
    fn turn(&self, file: &Arc<str>, group: usize) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (Arc::clone(file), group);
        if let Some(turn) = turns.get(&place).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::default());
        turns.insert(place, Arc::downgrade(&turn));
        turn
    }

    /// Memory to decode into, if the pool has so much to spare; nothing is given back for it.
    fn room(&self, bytes: usize) -> Option<MemoryReservation> {
        if let MemoryLimit::Finite(limit) = self.pool.memory_limit()
            && self.pool.reserved().saturating_add(bytes) > limit
        {
            return None;
        }
        let room = MemoryConsumer::new("decoding of hot columns").register(&self.pool);
        room.try_grow(bytes).ok()?;
        Some(room)
    }

    /// Keeps a column, as far as the limit and the pool allow.
    fn keep(&self, place: Place, column: &Column) {
        let memory = self.memory();
        self.kept.insert(place, column.clone());
        if memory.try_resize(self.bytes()).is_err() {
            self.shrink_to(memory.size());
            // What is kept has become less, so this takes nothing.
            memory.resize(self.bytes());
        }
    }

    fn shrink_to(&self, bytes: usize) {
        self.kept.set_capacity(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.kept.set_capacity(u64::try_from(self.limit).unwrap_or(u64::MAX));
    }

    fn memory(&self) -> MutexGuard<'_, MemoryReservation> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, ArrayRef, Int64Array};
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    fn place(group: usize) -> Place {
        Place { file: "f".into(), group, column: "c".into(), kind: DataType::Int64 }
    }

    fn column() -> Column {
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40; 1000]));
        Column::new(&[wide], &DataType::Int64).unwrap()
    }

    fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
        Arc::new(GreedyMemoryPool::new(bytes))
    }

    #[test]
    fn a_column_is_wanted_before_it_is_kept() {
        let hot = HotColumns::new(1 << 20, &pool(1 << 20));
        let (file, columns) = ("f".into(), ["a".into(), "b".into()]);
        assert!(!hot.wanted_before(&file, &columns[..1]));
        assert!(!hot.wanted_before(&file, &columns));
        assert!(hot.wanted_before(&file, &columns));
    }

    #[test]
    fn what_pieces_share_counts_once() {
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40; 1000]));
        let bytes = |pieces: &[ArrayRef]| Column::new(pieces, whole.data_type()).unwrap().bytes;
        let halves = [whole.slice(0, 500), whole.slice(500, 500)];
        assert_eq!(bytes(&halves), bytes(std::slice::from_ref(&whole)));
    }

    #[test]
    fn the_limit_and_the_pool_bound_it() {
        for (limit, pool_bytes) in [(100_000, 1 << 30), (1 << 30, 100_000)] {
            let pool = pool(pool_bytes);
            let hot = HotColumns::new(limit, &pool);
            for group in 0..100 {
                hot.keep(place(group), &column());
                assert!(hot.bytes() <= 100_000);
                assert_eq!(hot.bytes(), pool.reserved());
            }
            assert!(hot.bytes() > 50_000, "{limit} {}", hot.bytes());
        }
    }

    #[test]
    fn there_is_room_while_the_pool_has_some() {
        let pool = pool(1000);
        let hot = HotColumns::new(500, &pool);
        let room = hot.room(800).unwrap();
        assert!(hot.room(300).is_none());
        drop(room);
        assert!(hot.room(300).is_some());
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_row_group_has_one_turn_at_a_time() {
        let hot = HotColumns::new(500, &pool(1000));
        let file: Arc<str> = "f".into();
        let turn = hot.turn(&file, 0);
        assert!(Arc::ptr_eq(&turn, &hot.turn(&file, 0)));
        assert!(!Arc::ptr_eq(&turn, &hot.turn(&file, 1)));
        drop(turn);
        let _other = hot.turn(&file, 2);
        assert_eq!(hot.turns.lock().unwrap().len(), 1, "turns that are over are forgotten");
    }

    #[test]
    fn what_a_query_needs_is_given_back() {
        let pool = pool(1 << 20);
        let hot = HotColumns::new(1 << 20, &pool);
        (0..50).for_each(|group| hot.keep(place(group), &column()));
        let before = hot.bytes();
        assert!(hot.give_back(20_000) >= 20_000);
        assert!(hot.bytes() <= before - 20_000 && pool.reserved() == hot.bytes());
        hot.give_back(usize::MAX);
        assert_eq!((hot.bytes(), pool.reserved()), (0, 0));
        hot.keep(place(0), &column());
        assert_eq!(hot.get(&place(0)).as_ref(), Some(&column()));
    }
}
