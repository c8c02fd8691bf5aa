//! Results of questions that are asked again, kept as long as they are exact.
//!
//! A dashboard asks the same questions each time somebody opens it. An answer is given again only if nothing that it
//! depends on is different: the text, the settings, the schema, who asks, the version of the catalog, and the version of
//! each table that was read. There is no time after which it expires, because it is never wrong: a table's version is
//! looked up for each question, so a commit, whoever made it, is seen at once.
//!
//! Kept are small answers ([`LARGEST`]) of statements that only read tables of the warehouse, with functions that always
//! answer the same: not `now()`, not `random()`, not files of others, not `system`. Statements in a transaction and with
//! parameters are computed. The memory is part of the queries' pool, a small part, and what was not asked for longest
//! goes first. `SET pareto.result_cache = off` asks anew.
//!
//! Example: `SELECT region, sum(amount) FROM sales GROUP BY region` twice in a row looks at the log of `sales` the second
//! time, and at nothing else.

use crate::context::StatementContext;
use crate::error::Result;
use crate::question::Question;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result as PlanResult;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt, stream};
use pareto_catalog::use_of_cache::{CacheUse, Uses};
use pareto_catalog::{Stamp, Table};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// No larger answer is kept, in bytes.
const LARGEST: usize = 1 << 20;
/// The part of the pool that answers may take, and the most whatever the pool.
const PART: usize = 32;
const MOST: usize = 256 << 20;

/// An answer and the versions it was read from.
#[derive(Debug)]
struct Answer {
    tables: Vec<(Table, Stamp)>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Weighter<Arc<Question>, Arc<Answer>> for Bytes {
    fn weight(&self, question: &Arc<Question>, answer: &Arc<Answer>) -> u64 {
        (question.sql.len() + answer.bytes) as u64
    }
}

/// The answers kept by one engine.
pub(crate) struct ResultCache {
    kept: Cache<Arc<Question>, Arc<Answer>, Bytes>,
    /// As much as is kept; the lock also orders changes of it.
    memory: Mutex<MemoryReservation>,
    uses: Uses,
}

impl std::fmt::Debug for ResultCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultCache").field("answers", &self.kept.len()).finish_non_exhaustive()
    }
}

impl ResultCache {
    /// Nothing kept yet; a small part of a pool of `limit` bytes.
    pub(crate) fn new(limit: usize, pool: &Arc<dyn MemoryPool>) -> Self {
        let bytes = (limit / PART).min(MOST) as u64;
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(1_024)
            .weight_capacity(bytes)
            .build();
        let kept = match options {
            Ok(options) => Cache::with_options(
                options,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Cache::with_weighter(1_024, bytes, Bytes),
        };
        let memory = Mutex::new(MemoryConsumer::new("result cache").register(pool));
        Self { kept, memory, uses: Uses::default() }
    }

    /// How much is kept, and how often a question had its answer here.
    pub(crate) fn uses(&self) -> CacheUse {
        self.uses.of(Some(self.kept.len()), Some(self.kept.weight()), self.kept.capacity())
    }

    /// Gives up an answer that is none any more.
    fn forget(&self, question: &Arc<Question>) {
        self.kept.remove(question);
        self.account();
    }

    fn keep(&self, question: Arc<Question>, answer: Answer) {
        self.kept.insert(question, Arc::new(answer));
        self.account();
    }

    /// Takes as much memory as is kept; without enough of it nothing is kept.
    fn account(&self) {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = usize::try_from(self.kept.weight()).unwrap_or(usize::MAX);
        if memory.try_resize(bytes).is_err() {
            self.kept.clear();
            memory.free();
        }
    }
}

impl StatementContext {
    /// The kept answer to a question, if it still is the answer.
    pub(crate) fn kept<'a>(
        &'a self,
        question: Option<&'a Arc<Question>>,
    ) -> BoxFuture<'a, Result<Option<SendableRecordBatchStream>>> {
        Box::pin(async move {
            let results = self.engine.results();
            let Some(question) = question.filter(|_| self.options().result_cache) else {
                return Ok(None);
            };
            let Some(answer) = results.kept.get(question) else { return Ok(None) };
            if !self.unchanged(&answer.tables).await? {
                results.forget(question);
                return Ok(None);
            }
            results.uses.hit(1);
            let batches = stream::iter(answer.batches.clone().into_iter().map(Ok));
            let rows = RecordBatchStreamAdapter::new(Arc::clone(&answer.schema), batches.boxed());
            Ok(Some(Box::pin(rows) as SendableRecordBatchStream))
        })
    }

    /// Rows of a lasting plan on their way out, kept for the next who asks.
    pub(crate) fn keeping(
        &self,
        question: Option<Arc<Question>>,
        rows: SendableRecordBatchStream,
    ) -> BoxFuture<'_, SendableRecordBatchStream> {
        Box::pin(async move {
            let Some(question) = question.filter(|_| self.options().result_cache) else {
                return rows;
            };
            self.engine.results().uses.missed(1);
            let Some(tables) = self.relations().versions().await else { return rows };
            let (engine, batches) = (Arc::clone(&self.engine), Vec::new());
            let answer = Answer { tables, schema: rows.schema(), batches, bytes: 0 };
            Box::pin(Keeping { rows, engine, kept: Some((question, answer)) })
        })
    }
}

/// Rows that are remembered as they pass, until they are too many.
struct Keeping {
    rows: SendableRecordBatchStream,
    engine: Arc<crate::Engine>,
    kept: Option<(Arc<Question>, Answer)>,
}

impl Stream for Keeping {
    type Item = PlanResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.rows.as_mut().poll_next(context);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(batch))) => {
                let grown = self.kept.take().and_then(|(question, mut answer)| {
                    answer.bytes += batch.get_array_memory_size();
                    answer.batches.push(batch.clone());
                    (answer.bytes <= LARGEST).then_some((question, answer))
                });
                self.kept = grown;
            }
            Poll::Ready(Some(Err(_))) => self.kept = None,
            Poll::Ready(None) => {
                if let Some((question, answer)) = self.kept.take() {
                    self.engine.results().keep(question, answer);
                }
            }
        }
        polled
    }
}

impl RecordBatchStream for Keeping {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Session;
    use crate::login::Identity;
    use crate::question::asking::{ask, make_sales, open};
    use tempfile::{TempDir, tempdir};

    /// Whether the answer to a text would be given again now.
    async fn is_kept(session: &Arc<Session>, sql: &str) -> bool {
        let context = session.context().await.unwrap();
        let question = context.question(sql);
        context.kept(question.as_ref()).await.unwrap().is_some()
    }

    async fn star(place: &TempDir) -> Arc<Session> {
        let session = open(place).await;
        make_sales(&session).await;
        ask(&session, "CREATE VIEW today AS SELECT *, now() AS seen FROM sales").await;
        session
    }

    const SUM: &str = "SELECT sum(amount) AS amount FROM north";

    #[tokio::test]
    async fn an_answer_is_given_again_until_a_table_of_it_changes() {
        let place = tempdir().unwrap();
        let session = star(&place).await;
        assert!(!is_kept(&session, SUM).await);
        let first = ask(&session, SUM).await;
        assert!(is_kept(&session, SUM).await);
        assert_eq!(ask(&session, SUM).await, first);
        // Another process commits to the table, and to one that the question does not read.
        let other = open(&place).await;
        ask(&other, "INSERT INTO sales VALUES (4, 'north', 60)").await;
        assert!(!is_kept(&session, SUM).await);
        assert!(ask(&session, SUM).await.contains("100"));
        assert!(is_kept(&session, SUM).await);
        // What a name stands for is part of the catalog's version.
        ask(&other, "CREATE OR REPLACE VIEW north AS SELECT 7 AS amount").await;
        assert!(!is_kept(&session, SUM).await);
        assert!(ask(&session, SUM).await.contains('7'));
    }

    #[tokio::test]
    async fn what_may_be_different_each_time_is_computed_each_time() {
        let place = tempdir().unwrap();
        let session = star(&place).await;
        let file = place.path().join("rows.csv");
        ask(&session, &format!("COPY (SELECT * FROM sales) TO '{}'", file.display())).await;
        for sql in [
            "SELECT now()",
            "SELECT random() FROM sales",
            "SELECT * FROM sales WHERE amount > (SELECT 10 * random())",
            "SELECT * FROM today",
            "SELECT count(*) FROM system.queries",
            "SELECT count(*) FROM information_schema.tables",
            "SELECT current_user",
            "EXPLAIN SELECT * FROM sales",
            &format!("SELECT count(*) FROM read_csv('{}')", file.display()),
            "SHOW TABLES",
        ] {
            ask(&session, sql).await;
            assert!(!is_kept(&session, sql).await, "{sql}");
        }
        ask(&session, "SET pareto.result_cache = off").await;
        ask(&session, SUM).await;
        ask(&session, "SET pareto.result_cache = on").await;
        assert!(!is_kept(&session, SUM).await);
        ask(&session, "BEGIN").await;
        ask(&session, "DELETE FROM sales WHERE id = 1").await;
        assert!(ask(&session, SUM).await.contains("30"));
        ask(&session, "ROLLBACK").await;
        assert!(ask(&session, SUM).await.contains("40"));
    }

    #[tokio::test]
    async fn an_answer_belongs_to_who_asks_and_how() {
        let place = tempdir().unwrap();
        let owner = star(&place).await;
        ask(&owner, SUM).await;
        let anybody = owner.engine().session_of(Identity::Anybody);
        assert!(!is_kept(&anybody, SUM).await);
        let again = owner.engine().session();
        assert!(is_kept(&again, SUM).await, "another session of the same user");
        again.set("datafusion.execution.time_zone", "Europe/Berlin").unwrap();
        assert!(!is_kept(&again, SUM).await, "other settings");
    }

    #[tokio::test]
    async fn answers_take_a_small_part_of_the_pool() {
        let place = tempdir().unwrap();
        let session = star(&place).await;
        let large = "SELECT value FROM generate_series(1, 200000)";
        ask(&session, large).await;
        assert!(!is_kept(&session, large).await);
        for number in 0..100 {
            ask(&session, &format!("SELECT value + {number} FROM generate_series(1, 10000)")).await;
            let reserved = session.engine().base().runtime_env().memory_pool.reserved();
            assert!(reserved <= 2 << 20, "{number}: {reserved}");
        }
    }
}
