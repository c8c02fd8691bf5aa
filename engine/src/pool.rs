//! The memory pool of an engine: what queries may use together, and what gives way to them.
//!
//! Queries share the pool fairly, and those that can spill do before they fail. Columns that are only kept because they may
//! be asked for again ([`HotColumns`]) live in the same pool, so that its limit is the limit of the process; when a query
//! cannot grow, they are dropped until it can. Nobody has to size a cache and a pool against each other.
//!
//! Example: a limit of 1 GB, 400 MB of kept columns; a sort that needs 800 MB gets them, 200 MB of columns remain.

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use pareto_catalog::HotColumns;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock, Weak};

/// Of the largest memory users, this many are named in the debug log when the pool is full.
const NAMED_CONSUMERS: NonZeroUsize = match NonZeroUsize::new(5) {
    Some(count) => count,
    None => NonZeroUsize::MIN,
};

/// A pool that takes memory back from kept columns.
#[derive(Debug)]
pub(crate) struct QueryPool {
    queries: TrackConsumersPool<FairSpillPool>,
    /// Weak, because what is kept holds on to its pool.
    columns: OnceLock<Weak<HotColumns>>,
}

impl QueryPool {
    /// A pool of `limit` bytes and the columns kept in it, which are at most half of them.
    pub(crate) fn with_columns(limit: usize) -> (Arc<dyn MemoryPool>, Arc<HotColumns>) {
        let queries = TrackConsumersPool::new(FairSpillPool::new(limit), NAMED_CONSUMERS);
        let pool = Arc::new(Self { queries, columns: OnceLock::new() });
        let shared = Arc::clone(&pool) as Arc<dyn MemoryPool>;
        let columns = Arc::new(HotColumns::new(limit / 2, &shared));
        pool.columns.get_or_init(|| Arc::downgrade(&columns));
        (shared, columns)
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &'static str {
        "pareto"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.queries.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.queries.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.queries.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.queries.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let Err(full) = self.queries.try_grow(reservation, additional) else { return Ok(()) };
        let columns = self.columns.get().and_then(Weak::upgrade);
        // Kept columns do not make room for each other here: they know better which go first.
        let columns = columns.filter(|_| reservation.consumer().name() != HotColumns::CONSUMER);
        match columns.map(|columns| columns.give_back(additional)) {
            Some(given) if given > 0 => self.queries.try_grow(reservation, additional),
            _ => Err(full),
        }
    }

    fn reserved(&self) -> usize {
        self.queries.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.queries.memory_limit()
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pareto({})", self.queries)
    }
}
