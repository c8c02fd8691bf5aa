//! Plans of questions that are asked again, kept as long as they are exact.
//!
//! To plan a question takes a few milliseconds, which is as long as a small one runs. A driver asks every question twice,
//! for its columns and for its rows, and a dashboard asks the same ones all day. So the optimised plan is kept under the
//! [`Question`] with the versions of the tables that it reads, and is taken again while each of them is at its version. What
//! the question names is kept too, so that rights that are revoked end it as if it had been planned anew.
//!
//! ```text
//! asked ──> kept? ──> tables as they were? ──yes──> physical plan ──> rows
//!             └──no───────┴──> parse, analyse, optimise ──> keep ──┘
//! ```
//!
//! Plans are small, but nobody counts their bytes, so the number of plans and the length of their texts are bounded; those
//! that were not asked for longest go first. `SET pareto.plan_cache = off` plans anew.
//!
//! Example: `SELECT sum(amount) FROM sales` over Flight SQL is planned once for its announcement and not again to run.

use crate::context::StatementContext;
use crate::error::Result;
use crate::question::{Question, is_lasting};
use crate::sql::tree::Tree;
use datafusion::logical_expr::LogicalPlan;
use futures::future::BoxFuture;
use pareto_catalog::use_of_cache::{CacheUse, Uses};
use pareto_catalog::{Name, Stamp, Table};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

/// How many plans are kept at most.
const MOST: usize = 512;
/// How long their texts may be together, in bytes.
const LONGEST_TEXTS: u64 = 1 << 20;

/// What planning gives.
#[derive(Debug)]
pub(crate) enum Planned {
    /// Optimised, and the same each time while its tables are.
    Lasting(Plan),
    /// As it was planned.
    Fleeting(Plan),
}

impl Planned {
    pub(crate) fn into_plan(self) -> LogicalPlan {
        match self {
            Self::Lasting(plan) | Self::Fleeting(plan) => plan.clone(),
        }
    }
}

/// A plan behind one pointer, for the reason that a [`crate::state::State`] is.
#[derive(Debug)]
pub(crate) struct Plan(Arc<dyn Held>);

trait Held: std::fmt::Debug + Send + Sync {
    fn plan(&self) -> &LogicalPlan;
}

impl Held for LogicalPlan {
    fn plan(&self) -> &LogicalPlan {
        self
    }
}

impl Plan {
    pub(crate) fn new(plan: LogicalPlan) -> Self {
        Self(Arc::new(plan))
    }

    fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Deref for Plan {
    type Target = LogicalPlan;

    fn deref(&self) -> &LogicalPlan {
        self.0.plan()
    }
}

/// A plan, its statement, what that names, and the versions of the tables it reads.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) plan: Plan,
    pub(crate) tree: Tree,
    read: BTreeSet<Name>,
    tables: Vec<(Table, Stamp)>,
}

/// A plan weighs as much as its text, and an even share of all at least.
#[derive(Debug, Clone, Copy)]
struct Text;

impl Weighter<Arc<Question>, Arc<Kept>> for Text {
    fn weight(&self, question: &Arc<Question>, _: &Arc<Kept>) -> u64 {
        (question.sql.len() as u64).max(LONGEST_TEXTS / MOST as u64)
    }
}

/// The plans kept by one engine.
pub(crate) struct PlanCache {
    kept: Cache<Arc<Question>, Arc<Kept>, Text>,
    uses: Uses,
}

impl std::fmt::Debug for PlanCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanCache").field("plans", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Default for PlanCache {
    fn default() -> Self {
        let kept = Cache::with_weighter(MOST, LONGEST_TEXTS, Text);
        Self { kept, uses: Uses::default() }
    }
}

impl PlanCache {
    /// How much is kept, and how often a statement had its plan here.
    pub(crate) fn uses(&self) -> CacheUse {
        self.uses.of(Some(self.kept.len()), Some(self.kept.weight()), self.kept.capacity())
    }
}

impl StatementContext {
    /// A new plan of a statement, which is kept if it lasts.
    pub(crate) fn plan_anew<'a>(
        &'a self,
        tree: Tree,
        question: Option<&'a Arc<Question>>,
    ) -> BoxFuture<'a, Result<Planned>> {
        Box::pin(async move {
            let question = question.filter(|_| self.options().plan_cache);
            let asked = question.map(|question| (question, tree.share()));
            let plan = match self.plan(tree).await? {
                plan if is_lasting(&plan) => Plan::new(self.state().optimize(&plan)?),
                plan => return Ok(Planned::Fleeting(Plan::new(plan))),
            };
            let plans = self.engine.plans();
            if let Some((question, tree)) = asked {
                plans.uses.missed(1);
                if let Some(tables) = self.relations().versions().await {
                    let read = self.relations().read();
                    let kept = Kept { plan: plan.share(), tree, read, tables };
                    plans.kept.insert(Arc::clone(question), Arc::new(kept));
                }
            }
            Ok(Planned::Lasting(plan))
        })
    }

    /// The kept plan of a question, if it still is its plan.
    pub(crate) fn kept_plan<'a>(
        &'a self,
        question: Option<&'a Arc<Question>>,
    ) -> BoxFuture<'a, Result<Option<Arc<Kept>>>> {
        Box::pin(async move {
            let question = question.filter(|_| self.options().plan_cache);
            let plans = self.engine.plans();
            let found = question.and_then(|question| Some((question, plans.kept.get(question)?)));
            let Some((question, kept)) = found else { return Ok(None) };
            if !self.unchanged(&kept.tables).await? {
                plans.kept.remove(question);
                return Ok(None);
            }
            plans.uses.hit(1);
            kept.read.iter().for_each(|name| self.relations().note(name));
            Ok(Some(kept))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::question::asking::{ask, make_sales, open};
    use crate::{Outcome, Session};
    use std::sync::Arc;
    use tempfile::{TempDir, tempdir};

    async fn is_kept(session: &Arc<Session>, sql: &str) -> bool {
        let context = session.context().await.unwrap();
        let question = context.question(sql);
        context.kept_plan(question.as_ref()).await.unwrap().is_some()
    }

    const SUM: &str = "SELECT sum(amount) AS amount FROM north";

    /// A connection that keeps plans and no answers.
    async fn session(place: &TempDir) -> Arc<Session> {
        let session = open(place).await;
        session.set("pareto.result_cache", "off").unwrap();
        session
    }

    async fn star(place: &TempDir) -> Arc<Session> {
        let session = session(place).await;
        make_sales(&session).await;
        session
    }

    #[tokio::test]
    async fn a_plan_is_taken_again_until_a_table_of_it_changes() {
        let place = tempdir().unwrap();
        let session = star(&place).await;
        assert!(!is_kept(&session, SUM).await);
        // What is prepared need not be planned to run.
        let prepared = session.prepare(SUM).await.unwrap();
        assert!(is_kept(&session, SUM).await);
        assert!(matches!(prepared.execute(None).await.unwrap(), Outcome::Rows(_)));
        assert!(ask(&session, SUM).await.contains("40"));
        let other = self::session(&place).await;
        ask(&other, "INSERT INTO sales VALUES (4, 'north', 60)").await;
        assert!(!is_kept(&session, SUM).await);
        assert!(ask(&session, SUM).await.contains("100"));
        assert!(is_kept(&session, SUM).await);
        ask(&other, "CREATE OR REPLACE VIEW north AS SELECT 7 AS amount").await;
        assert!(!is_kept(&session, SUM).await);
        assert!(ask(&session, SUM).await.contains('7'));
    }

    #[tokio::test]
    async fn plans_that_differ_each_time_and_those_of_transactions_are_not_kept() {
        let place = tempdir().unwrap();
        let session = star(&place).await;
        for sql in ["SELECT now()", "SELECT * FROM sales WHERE amount > random()", "SHOW TABLES"] {
            ask(&session, sql).await;
            assert!(!is_kept(&session, sql).await, "{sql}");
        }
        ask(&session, SUM).await;
        ask(&session, "BEGIN").await;
        ask(&session, "DELETE FROM sales").await;
        assert!(!is_kept(&session, SUM).await);
        assert!(!ask(&session, SUM).await.contains("40"));
        ask(&session, "ROLLBACK").await;
        assert!(ask(&session, SUM).await.contains("40"));
        ask(&session, "SET pareto.plan_cache = off").await;
        ask(&session, SUM).await;
        assert!(!is_kept(&session, SUM).await);
    }
}
