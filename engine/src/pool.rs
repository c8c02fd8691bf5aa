//! The memory pool of an engine: what queries may use together, and what gives way to them.
//!
//! Operators that can spill do before they fail, each with a part of the pool that is promised to it ([`shares`]). Columns
//! that are only kept because they may be asked for again ([`HotColumns`]) live in the same pool, so that its limit is the
//! limit of the process; when a query cannot grow, they are dropped until it can. Nobody has to size a cache and a pool
//! against each other.
//!
//! Example: a limit of 1 GB, 400 MB of kept columns; a sort that needs 700 MB gets them, 300 MB of columns remain.

mod shares;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use pareto_catalog::HotColumns;
use shares::Shares;
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
    queries: TrackConsumersPool<Shares>,
    /// Weak, because what is kept holds on to its pool.
    columns: OnceLock<Weak<HotColumns>>,
}

impl QueryPool {
    /// A pool of `limit` bytes and the columns kept in it, which are at most half of them.
    pub(crate) fn with_columns(limit: usize) -> (Arc<dyn MemoryPool>, Arc<HotColumns>) {
        let queries = TrackConsumersPool::new(Shares::new(limit), NAMED_CONSUMERS);
        let pool = Arc::new(Self { queries, columns: OnceLock::new() });
        let shared = Arc::clone(&pool) as Arc<dyn MemoryPool>;
        let columns = Arc::new(HotColumns::new(limit / 2, &shared));
        pool.columns.get_or_init(|| Arc::downgrade(&columns));
        (shared, columns)
    }

    fn columns(&self) -> Option<Arc<HotColumns>> {
        self.columns.get().and_then(Weak::upgrade)
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
        // Kept columns do not make room for each other here: they know better which go first.
        let giving = reservation.consumer().name() != HotColumns::CONSUMER;
        let columns = self.columns().filter(|_| giving);
        loop {
            let Err(full) = self.queries.try_grow(reservation, additional) else { return Ok(()) };
            let lack = self.queries.inner().lack(reservation.consumer(), additional);
            match (lack, &columns) {
                // Somebody gave back what was lacking in the meantime.
                (Some(0), _) => {}
                (Some(lack), Some(columns)) if columns.give_back(lack) > 0 => {}
                _ => return Err(full),
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, EngineOptions, Outcome, Session};
    use arrow::util::pretty::pretty_format_batches;
    use futures::TryStreamExt;
    use tempfile::{TempDir, tempdir};

    async fn session(warehouse: &TempDir, memory_limit_bytes: usize) -> Arc<Session> {
        let options = EngineOptions {
            warehouse: warehouse.path().join("warehouse").display().to_string(),
            memory_limit_bytes: Some(memory_limit_bytes),
            threads: Some(2),
            ..EngineOptions::default()
        };
        let session = Engine::open(options).await.unwrap().session();
        // The first two need eight bytes a value, the third one.
        let numbers = "SELECT value * 10000000000 AS a, value * 7 % 1000 * 10000000000 AS b, value % 100 AS c FROM generate_series(1, 1000000)";
        session.execute(&format!("CREATE TABLE t AS {numbers}")).await.unwrap();
        session
    }

    async fn ask(session: &Arc<Session>, sql: &str) -> String {
        let Outcome::Rows(rows) = session.execute(sql).await.unwrap() else { panic!("no rows") };
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        pretty_format_batches(&rows).unwrap().to_string()
    }

    fn reserved(session: &Session) -> usize {
        session.engine().base().runtime_env().memory_pool.reserved()
    }

    const SUM: &str = "EXPLAIN ANALYZE SELECT sum(a), max(b) FROM t";

    #[tokio::test]
    async fn columns_are_kept_when_they_are_asked_for_again() {
        let directory = tempdir().unwrap();
        let session = session(&directory, 256 << 20).await;
        let first = ask(&session, SUM).await;
        assert!(first.contains("hot_columns=0") && first.contains("decoded_columns=0"), "{first}");
        let second = ask(&session, SUM).await;
        assert!(second.contains("hot_columns=0") && !second.contains("decoded_columns=0"));
        let third = ask(&session, SUM).await;
        assert!(!third.contains("hot_columns=0") && third.contains("decoded_columns=0"));
        assert!(third.contains("bytes_scanned=0"), "{third}");
        // Two columns of a million whole numbers.
        assert!((16_000_000..17_000_000).contains(&reserved(&session)), "{}", reserved(&session));
        let before = reserved(&session);
        const FEW: &str = "EXPLAIN ANALYZE SELECT count(*) FROM t WHERE c = 7";
        for skipped in ["", "skipped_rows=990.0 K", "skipped_rows=990.0 K"] {
            let plan = ask(&session, FEW).await;
            assert!(plan.contains(skipped), "{plan}");
        }
        let narrow = reserved(&session) - before;
        assert!((1_000_000..1_200_000).contains(&narrow), "{narrow}");
        session.execute("SET pareto.scan_cache = off").await.unwrap();
        assert!(!ask(&session, SUM).await.contains("hot_columns"));
    }

    #[tokio::test]
    async fn columns_of_files_read_in_place_are_kept_until_the_file_is_another() {
        let directory = tempdir().unwrap();
        let session = session(&directory, 256 << 20).await;
        let file = directory.path().join("t.parquet").display().to_string();
        session.execute(&format!("COPY t TO '{file}'")).await.unwrap();
        let sum = format!("EXPLAIN ANALYZE SELECT sum(a), max(b) FROM read_parquet('{file}')");
        for (turn, hot, decoded) in [(1, false, false), (2, false, true), (3, true, false)] {
            let plan = ask(&session, &sum).await;
            assert_eq!(plan.contains("hot_columns=0"), !hot, "{turn}: {plan}");
            assert_eq!(plan.contains("decoded_columns=0"), !decoded, "{turn}: {plan}");
        }
        std::fs::remove_file(&file).unwrap();
        let anew = format!("COPY (SELECT a + 1 AS a, b FROM t) TO '{file}'");
        session.execute(&anew).await.unwrap();
        let plan = ask(&session, &sum).await;
        assert!(plan.contains("hot_columns=0") && plan.contains("decoded_columns=0"), "{plan}");
    }

    #[tokio::test]
    async fn a_query_that_holds_batches_needs_no_more_memory_for_kept_columns() {
        let directory = tempdir().unwrap();
        let session = session(&directory, 64 << 20).await;
        let sorts = "EXPLAIN ANALYZE SELECT count(*) FROM (SELECT a, b, row_number() OVER (ORDER BY b, a) AS n FROM t)";
        let spills = |plan: &str| plan.matches("spill_count=0").count();
        let first = spills(&ask(&session, sorts).await);
        for _ in 0..3 {
            assert_eq!(spills(&ask(&session, sorts).await), first);
        }
    }

    #[tokio::test]
    async fn kept_columns_give_way_to_every_query() {
        let directory = tempdir().unwrap();
        let session = session(&directory, 34 << 20).await;
        for _ in 0..3 {
            ask(&session, SUM).await;
        }
        let kept = reserved(&session);
        assert!(kept > 15_000_000, "{kept}");
        let pool = Arc::clone(&session.engine().base().runtime_env().memory_pool);
        let consumer = |name: &str| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        // Only without columns is there enough for all.
        let four = ["a", "b", "c", "d"].map(consumer);
        for one in &four {
            one.try_grow(7 << 20).unwrap();
        }
        assert!(reserved(&session) < kept + (28 << 20) && pool.reserved() <= 34 << 20);
        assert!(four[0].try_grow(8 << 20).is_err());
    }
}
