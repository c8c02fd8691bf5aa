//! A question as it is known when it is asked again: what may be kept of it, and for how long that holds.
//!
//! Two things are kept: its plan ([`crate::plan_cache`]) and its answer ([`crate::result_cache`]). Both are exact, because
//! everything they depend on is either part of the [`Question`], which is the key they are kept under, or a table whose
//! version is looked up each time. There is no time after which they expire. Statements in a transaction, with parameters,
//! of very long texts and of functions that answer differently each time are never kept.
//!
//! Example: `SELECT region, sum(amount) FROM sales GROUP BY region` depends on its text, the user, the settings, the
//! version of the catalog, and the version of `sales`.

#[cfg(test)]
pub(crate) mod asking;

use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::login::Identity;
use crate::session::Chosen;
use crate::settings::ParetoOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility, WindowFunctionDefinition};
use futures::future::{BoxFuture, try_join_all};
use pareto_catalog::{Stamp, Table};
use std::sync::Arc;

/// Longer texts are not kept, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// Everything a plan and an answer depend on but the tables' versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) sql: String,
    pub(crate) catalog: u64,
    pub(crate) identity: Identity,
    pub(crate) chosen: Arc<Chosen>,
}

impl StatementContext {
    /// What is asked, when something of it may be kept.
    pub(crate) fn question(&self, sql: &str) -> Option<Arc<Question>> {
        let options = self.options();
        let on = options.result_cache || options.plan_cache;
        let alone = self.transaction.is_some() || !self.session.temporary_names().is_empty();
        if !on || alone || sql.len() > LONGEST_TEXT {
            return None;
        }
        Some(Arc::new(self.session.question(sql, self.catalog.version, &self.configured.chosen)))
    }

    /// Whether each table still is the same and at its version. The statement reads no other one then.
    pub(crate) fn unchanged<'a>(
        &'a self,
        tables: &'a [(Table, Stamp)],
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let same = tables.iter().map(|(table, seen)| async move {
                Ok::<_, EngineError>(self.relations().newest(table).await?.stamp().is(seen))
            });
            Ok(!try_join_all(same).await?.contains(&false))
        })
    }

    /// The switches of our own.
    pub(crate) fn options(&self) -> ParetoOptions {
        let options = self.configured.state.config_options().extensions.get::<ParetoOptions>();
        options.cloned().unwrap_or_default()
    }
}

/// Whether a plan only asks, and with functions that answer the same each time.
pub(crate) fn is_lasting(plan: &LogicalPlan) -> bool {
    let mut lasting = true;
    let walked = plan.apply_with_subqueries(|node| {
        lasting &= !matches!(
            node,
            LogicalPlan::Explain(_)
                | LogicalPlan::Analyze(_)
                | LogicalPlan::Dml(_)
                | LogicalPlan::Ddl(_)
                | LogicalPlan::Copy(_)
                | LogicalPlan::Statement(_)
                | LogicalPlan::DescribeTable(_)
                | LogicalPlan::Extension(_)
        );
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                lasting &= always_the_same(expr);
                Ok(if lasting { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
            })
        })
    });
    lasting && walked.is_ok()
}

/// Whether an expression, its parts aside, answers the same each time.
pub(crate) fn always_the_same(expr: &Expr) -> bool {
    let volatility = match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility,
        Expr::AggregateFunction(AggregateFunction { func, .. }) => func.signature().volatility,
        Expr::WindowFunction(call) => {
            let WindowFunction { fun, .. } = call.as_ref();
            match fun {
                WindowFunctionDefinition::AggregateUDF(function) => function.signature().volatility,
                WindowFunctionDefinition::WindowUDF(function) => function.signature().volatility,
            }
        }
        Expr::ScalarVariable(..) | Expr::Placeholder(_) => return false,
        _ => return true,
    };
    volatility == Volatility::Immutable
}

#[cfg(test)]
mod tests {
    use super::asking::{ask, open};
    use std::path::{Path, PathBuf};
    use tempfile::tempdir;

    /// The folder of a table, whose name begins with the table's.
    fn folder(schema: &Path, table: &str) -> PathBuf {
        let mut folders = std::fs::read_dir(schema).unwrap().map(|entry| entry.unwrap().path());
        let is_its = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("{table}-"))
        };
        folders.find(is_its).unwrap()
    }

    /// Another program removes a table and makes one with as many versions at the same place.
    #[tokio::test]
    async fn a_table_made_anew_at_the_same_place_is_asked_anew() {
        let place = tempdir().unwrap();
        let session = open(&place).await;
        for (table, amount) in [("one", 1), ("two", 2)] {
            ask(&session, &format!("CREATE TABLE {table} (amount BIGINT)")).await;
            ask(&session, &format!("INSERT INTO {table} VALUES ({amount})")).await;
        }
        let made = place.path().join("warehouse/public");
        let theirs = place.path().join("theirs");
        std::fs::rename(folder(&made, "one"), &theirs).unwrap();
        let delta = format!("STORED AS DELTA LOCATION '{}'", theirs.display());
        ask(&session, &format!("CREATE EXTERNAL TABLE theirs {delta}")).await;
        for _ in 0..3 {
            assert!(ask(&session, "SELECT amount FROM theirs").await.contains("| 1 "));
        }
        std::fs::rename(&theirs, place.path().join("away")).unwrap();
        std::fs::rename(folder(&made, "two"), &theirs).unwrap();
        for _ in 0..3 {
            assert!(ask(&session, "SELECT amount FROM theirs").await.contains("| 2 "));
        }
    }
}
