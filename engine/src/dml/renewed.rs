//! A statement that lost a race, on the tables as they are now.
//!
//! `UPDATE c SET n = (SELECT max(n) FROM c) + 1` was planned on a version of `c` that somebody has changed since. To look
//! for its rows in the newest version and for the greatest `n` in the old one would lose what the other one did. So every
//! table that the plan reads is put in anew, at its newest version: the one that is written, those of subqueries and of the
//! source of a MERGE, and those behind views. A table is told by the provider that the statement's relations opened, never
//! by its name alone, which may mean another table inside a view.
//!
//! What is asked for at a version of its own stays (`VERSION AS OF 3`), and so does what has no versions (VALUES, files read
//! in place). Where the plan cannot be brought up to date, there is none, and the statement fails with the conflict: when
//! columns were changed, when a view reads what its reader does not see, when the members of a segment are asked for, when
//! the rules of a segment map stand in the statement as text, and when what it was planned with is no longer so: the session's
//! transaction, schema, settings, acting user and temporary tables, and the catalog. Rights are part of the catalog, and so
//! they are those that the plan was checked against.

use crate::context::StatementContext;
use crate::error::Result;
use crate::functions::in_segment::InSegment;
use crate::plan_cache::Plan;
use crate::relations::declared::Declared;
use crate::relations::unversioned;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, TableSource};
use futures::future::BoxFuture;
use pareto_catalog::{AsOf, Name, NativeScan};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// A table as the statement has it, and as it is now.
type Pair = (Arc<dyn TableProvider>, Arc<dyn TableSource>);

/// The statement, and what it runs with.
pub(super) struct Renewed {
    context: StatementContext,
    plan: Plan,
}

impl Renewed {
    /// The statement on the newest versions; nothing where that cannot be.
    pub(super) fn of<'a>(
        old: &'a StatementContext,
        dml: &'a DmlStatement,
    ) -> BoxFuture<'a, Result<Option<Self>>> {
        Box::pin(async move {
            let context = StatementContext::new(Arc::clone(&old.session)).await?;
            if !stands_where(old, &context) || old.relations().holds_map() {
                return Ok(None);
            }
            if old.relations().versions().await.is_none() {
                // It reads files in place or system tables: what is not planned anew does not note that anew.
                context.relations().note_fleeting();
            }
            let mut pairs: Vec<Pair> = Vec::new();
            for name in names(old, dml)? {
                let before = provider(old, &name).await;
                let now = provider(&context, &name).await;
                pairs.extend(before.zip(now.map(provider_as_source)));
            }
            let plan = on_newest(dml, &pairs)?;
            Ok(plan.map(|plan| Self { context, plan }))
        })
    }

    pub(super) fn context(&self) -> &StatementContext {
        &self.context
    }

    pub(super) fn statement(&self) -> Option<&DmlStatement> {
        if let LogicalPlan::Dml(statement) = &*self.plan { Some(statement) } else { None }
    }
}

/// Whether names, settings and rights are the same as before, and changes go the same way.
fn stands_where(old: &StatementContext, new: &StatementContext) -> bool {
    let same_transaction = match (&old.transaction, &new.transaction) {
        (None, None) => true,
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        (None, Some(_)) | (Some(_), None) => false,
    };
    same_transaction
        && old.configured.chosen == new.configured.chosen
        && old.catalog.version == new.catalog.version
        && tables(old).eq(tables(new))
}

/// The tables that names may mean. In one version of the catalog only temporary ones make a difference.
fn tables(ctx: &StatementContext) -> impl Iterator<Item = (&Name, Uuid)> {
    ctx.catalog.tables().map(|table| (&table.name, table.id))
}

/// The tables that may be among those a statement reads, in whatever schema.
fn names(ctx: &StatementContext, dml: &DmlStatement) -> Result<BTreeSet<Name>> {
    let mut read = BTreeSet::from([dml.table_name.table().to_owned()]);
    LogicalPlan::Dml(dml.clone()).apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            read.insert(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let is_read = |name: &Name| read.iter().any(|read| read.eq_ignore_ascii_case(&name.name));
    let known = ctx.catalog.tables().map(|table| &table.name);
    Ok(known.filter(|name| is_read(name)).cloned().collect())
}

/// The table as a statement has it.
fn provider<'a>(
    ctx: &'a StatementContext,
    name: &'a Name,
) -> BoxFuture<'a, Option<Arc<dyn TableProvider>>> {
    Box::pin(async move {
        let reference = TableReference::partial(name.schema.as_str(), name.name.as_str());
        let schema = ctx.state().schema_for_ref(reference).ok()?;
        schema.table(&name.name).await.ok().flatten()
    })
}

/// The statement with the newer tables in their places.
fn on_newest(dml: &DmlStatement, pairs: &[Pair]) -> Result<Option<Plan>> {
    let Some(target) = newest(&dml.table_name, &dml.target, pairs) else { return Ok(None) };
    let mut complete = true;
    let whole = LogicalPlan::Dml(DmlStatement { target, ..dml.clone() });
    let renewed = whole.transform_down_with_subqueries(|node| {
        complete &= !asks_for_members(&node)?;
        match node {
            LogicalPlan::TableScan(mut scan) => {
                match newest(&scan.table_name, &scan.source, pairs) {
                    Some(source) => scan.source = source,
                    None => complete = false,
                }
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            other => Ok(Transformed::no(other)),
        }
    })?;
    Ok(complete.then(|| Plan::new(renewed.data)))
}

/// The newest version of a table, or the table itself where it has none; nothing where it is not known.
fn newest(
    name: &TableReference,
    source: &Arc<dyn TableSource>,
    pairs: &[Pair],
) -> Option<Arc<dyn TableSource>> {
    let Ok(provider) = source_as_provider(source) else { return Some(Arc::clone(source)) };
    if let Some((_, now)) = pairs.iter().find(|(before, _)| Arc::ptr_eq(before, &provider)) {
        return (now.schema() == source.schema()).then(|| Arc::clone(now));
    }
    let has_versions = provider.is::<NativeScan>() || provider.is::<Declared>();
    let at_its_own = unversioned(name.table()).1 != AsOf::Latest;
    (at_its_own || !has_versions).then(|| Arc::clone(source))
}

/// Whether a node calls `in_segment`, which holds the plans of the members within itself.
fn asks_for_members(node: &LogicalPlan) -> PlanResult<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= expr.exists(|part| {
            let Expr::ScalarFunction(call) = part else { return Ok(false) };
            Ok(call.func.inner().downcast_ref::<InSegment>().is_some())
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dml;
    use crate::question::asking::{ask, open};
    use crate::sql::{self, Parsed};
    use crate::{ErrorKind, Session};
    use tempfile::{TempDir, tempdir};

    const MERGE: &str = "MERGE INTO c USING (SELECT 1 AS id, max(n) AS top FROM c) AS s \
         ON c.id = s.id \
         WHEN MATCHED THEN UPDATE SET n = s.top + 1 \
         WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, -1)";

    /// A table of one row.
    async fn counter(place: &TempDir) -> Arc<Session> {
        let session = open(place).await;
        ask(&session, "CREATE TABLE c (id BIGINT, n BIGINT)").await;
        ask(&session, "INSERT INTO c VALUES (1, 0)").await;
        session
    }

    /// Runs a statement that was planned before others were run. How many rows it changed, or why it did not.
    async fn run_late(session: &Arc<Session>, late: &str, first: &str) -> Result<u64, ErrorKind> {
        let context = session.context().await.unwrap();
        let Parsed::Sql(tree) = sql::parse(late).unwrap() else { panic!("{late}") };
        let plan = context.plan(tree).await.unwrap();
        let LogicalPlan::Dml(statement) = &plan else { panic!("{late}") };
        for first in Session::split(first).unwrap() {
            ask(session, &first).await;
        }
        dml::execute(&context, statement).await.map_err(|error| error.kind)
    }

    async fn check(session: &Arc<Session>, question: &str, answer: &str) {
        let rows = ask(session, question).await;
        assert!(rows.contains(&format!("| {answer} ")), "{question}: {rows}");
    }

    #[tokio::test]
    async fn a_late_statement_reads_every_table_anew() {
        let place = tempdir().unwrap();
        let session = counter(&place).await;
        ask(&session, "CREATE VIEW v AS SELECT max(n) AS top FROM c").await;
        let add = "UPDATE c SET n = (SELECT max(n) FROM c) + 1";
        let through_view = "UPDATE c SET n = (SELECT v.top FROM v) + 1";
        for (late, now) in [(add, "2"), (through_view, "4"), (MERGE, "6")] {
            assert_eq!(run_late(&session, late, add).await, Ok(1), "{late}");
            check(&session, "SELECT n FROM c", now).await;
        }
    }

    #[tokio::test]
    async fn what_was_asked_for_at_a_version_stays() {
        let place = tempdir().unwrap();
        let session = counter(&place).await;
        ask(&session, "UPDATE c SET n = 6").await;
        let late = "DELETE FROM c WHERE n > (SELECT max(n) FROM c VERSION AS OF 1)";
        assert_eq!(run_late(&session, late, "UPDATE c SET n = 7").await, Ok(1));
        check(&session, "SELECT count(*) AS n FROM c", "0").await;
    }

    #[tokio::test]
    async fn a_statement_that_was_planned_for_other_columns_fails() {
        let place = tempdir().unwrap();
        let session = counter(&place).await;
        let first = "ALTER TABLE c ADD COLUMN more BIGINT";
        let late = run_late(&session, "UPDATE c SET n = n + 1", first).await;
        assert_eq!(late, Err(ErrorKind::Conflict));
        check(&session, "SELECT n FROM c", "0").await;
    }

    #[tokio::test]
    async fn a_statement_is_not_planned_anew_for_something_else() {
        for meanwhile in [
            "CREATE TABLE other (id BIGINT)",
            "CREATE TEMPORARY TABLE c (id BIGINT, n BIGINT)",
            "SET pareto.result_cache = off",
        ] {
            let place = tempdir().unwrap();
            let session = counter(&place).await;
            let first = format!("UPDATE c SET n = 6; {meanwhile}");
            let late = run_late(&session, "UPDATE c SET n = n + 1", &first).await;
            assert_eq!(late, Err(ErrorKind::Conflict), "{meanwhile}");
        }
    }

    #[tokio::test]
    async fn a_segment_map_is_not_read_anew() {
        let place = tempdir().unwrap();
        let session = counter(&place).await;
        ask(&session, "CREATE TABLE m AS SELECT * FROM segment_map('standard10')").await;
        let late = "UPDATE c SET n = length(segment(5, 5, 5, map => 'm'))";
        let late = run_late(&session, late, "UPDATE c SET n = 6").await;
        assert_eq!(late, Err(ErrorKind::Conflict));
        check(&session, "SELECT n FROM c", "6").await;
    }
}
