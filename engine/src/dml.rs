//! Writes: INSERT, OVERWRITE, UPDATE, DELETE, MERGE, TRUNCATE and CREATE TABLE AS, each as one atomic commit.
//!
//! New files are written first and become visible with the commit; a statement that fails leaves the table as it was.
//! When another writer commits first and that matters, a statement is run again, a hundred times at most: UPDATE, DELETE and
//! MERGE on the newest version of every table that they read ([`renewed`]). An INSERT writes its rows again only if both
//! writers gave them surrogate keys. OVERWRITE fails with a conflict that says so.
//!
//! Files are never changed in place: a row that changes means that its file is written anew ([`rewrite`]).

mod decided;
mod fixed;
mod merge;
mod renewed;
mod rewrite;

use crate::context::StatementContext;
use crate::error::{EngineError, ErrorKind, Result};
use crate::sql::statement::{remove_files, remove_unnamed, without_keys};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{DmlStatement, LogicalPlan, LogicalPlanBuilder, WriteOp};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;
use pareto_catalog::{
    CatalogError, CatalogErrorKind, Change, Column, Entry, EntryKey, Name, NativeScan, Operation,
    Removal, Right, Table, TableVersion,
};
use renewed::Renewed;
use rewrite::Rewrite;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often a statement is run anew after losing a race that it cannot simply step over.
const ATTEMPTS: u32 = 100;

/// Runs a write and returns how many rows it inserted, changed or removed.
pub(crate) fn execute<'a>(
    ctx: &'a StatementContext,
    dml: &'a DmlStatement,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let name = ctx.name_of(&dml.table_name);
        match &dml.op {
            WriteOp::Insert(InsertOp::Append) => {
                insert(ctx, &name, &dml.input, Operation::Append).await
            }
            WriteOp::Insert(InsertOp::Overwrite) => {
                insert(ctx, &name, &dml.input, Operation::Overwrite).await
            }
            WriteOp::Insert(InsertOp::Replace) => {
                Err(EngineError::invalid("REPLACE INTO is not supported")
                    .with_hint("use MERGE INTO .. WHEN MATCHED THEN UPDATE"))
            }
            WriteOp::Truncate => truncate(ctx, &name).await,
            WriteOp::Delete | WriteOp::Update | WriteOp::MergeInto(_) => {
                rewrite_rows(ctx, dml).await
            }
            other => Err(not_writable(other)),
        }
    })
}

fn not_writable(op: &WriteOp) -> EngineError {
    EngineError::invalid(format!("{op} cannot be written this way"))
}

/// The plan of a query as it will run.
fn physical<'a>(
    ctx: &'a StatementContext,
    plan: &'a LogicalPlan,
) -> BoxFuture<'a, Result<Arc<dyn ExecutionPlan>>> {
    Box::pin(async move { Ok(ctx.state().create_physical_plan(plan).await?) })
}

fn insert<'a>(
    ctx: &'a StatementContext,
    name: &'a Name,
    input: &'a LogicalPlan,
    operation: Operation,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let mut table = ctx.table_to_write(name, Right::Insert).await?;
        let input = nullable_values(input)?;
        for attempt in 0..ATTEMPTS {
            match insert_into(ctx, &table, &input, &operation).await {
                Err(error) if may_have_lost_keys(&error, &table, &operation) => {
                    tokio::time::sleep(pause(attempt)).await;
                    let newest = ctx.reopen(&table).await?;
                    if newest.schema() != table.schema() {
                        // The rows were planned for other columns.
                        return Err(error);
                    }
                    table = newest;
                }
                outcome => return outcome,
            }
        }
        Err(kept_changing(name))
    })
}

/// Whether another writer may have given the same surrogate keys first.
fn may_have_lost_keys(error: &EngineError, table: &TableVersion, operation: &Operation) -> bool {
    error.kind == ErrorKind::Conflict
        && *operation == Operation::Append
        && table.table().surrogate_key().is_some()
}

/// Writes the rows on top of this version.
async fn insert_into(
    ctx: &StatementContext,
    table: &TableVersion,
    input: &LogicalPlan,
    operation: &Operation,
) -> Result<u64> {
    let written = table.write(physical(ctx, input).await?, operation, ctx.task()).await?;
    let rows = written.rows;
    if rows == 0 && *operation == Operation::Append {
        return Ok(0);
    }
    let removal =
        if *operation == Operation::Overwrite { Removal::Everything } else { Removal::Nothing };
    ctx.commit(table, Some(written), &removal, operation).await?;
    Ok(rows)
}

fn kept_changing(name: &Name) -> EngineError {
    EngineError::from(CatalogError::new(
        CatalogErrorKind::Conflict,
        format!("table {name} kept changing while the statement ran; nothing was written"),
    ))
}

/// The planner gives the rows of VALUES the columns' NOT NULL, and then fails on a NULL without naming the column. The
/// writer checks NOT NULL, and names it.
fn nullable_values(input: &LogicalPlan) -> Result<LogicalPlan> {
    let relaxed = input.clone().transform_up(|node| match node {
        LogicalPlan::Values(mut values) => {
            let fields = values.schema.iter().map(|(table, field)| {
                (table.cloned(), Arc::new(field.as_ref().clone().with_nullable(true)))
            });
            let metadata = values.schema.metadata().clone();
            values.schema = Arc::new(DFSchema::new_with_metadata(fields.collect(), metadata)?);
            Ok(Transformed::yes(LogicalPlan::Values(values)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(relaxed.data)
}

fn truncate<'a>(ctx: &'a StatementContext, name: &'a Name) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let table = ctx.table_to_write(name, Right::Delete).await?;
        table.rewritable()?;
        let rows = table.row_count().unwrap_or(0);
        if !table.files().is_empty() {
            let operation = Operation::Delete { predicate: None };
            ctx.commit(&table, None, &Removal::Everything, &operation).await?;
        }
        Ok(rows)
    })
}

/// Runs a rewrite, again on the newest versions of its tables when another writer changed the same rows first.
fn rewrite_rows<'a>(
    ctx: &'a StatementContext,
    dml: &'a DmlStatement,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let mut renewed: Option<Renewed> = None;
        for attempt in 0..ATTEMPTS {
            let newest = renewed.as_ref().and_then(|now| now.statement().zip(Some(now.context())));
            let (dml, ctx) = newest.unwrap_or((dml, ctx));
            let lost = match rewrite_once(ctx, dml).await {
                Err(error) if error.kind == ErrorKind::Conflict => error,
                outcome => return outcome,
            };
            tokio::time::sleep(pause(attempt)).await;
            let Some(now) = Renewed::of(ctx, dml).await? else { return Err(lost) };
            renewed = Some(now);
        }
        Err(kept_changing(&ctx.name_of(&dml.table_name)))
    })
}

/// Plans and runs a rewrite of the version that the statement sees.
fn rewrite_once<'a>(
    ctx: &'a StatementContext,
    dml: &'a DmlStatement,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let right = match &dml.op {
            WriteOp::Delete => Right::Delete,
            WriteOp::Update => Right::Update,
            // Which of the three rights the clauses of a MERGE need was asked when it was planned.
            _ => Right::Select,
        };
        let table = ctx.table_to_write(&ctx.name_of(&dml.table_name), right).await?;
        let target = Target { reference: dml.table_name.clone(), scan: table.rewritable()? };
        let rewrite = match &dml.op {
            WriteOp::Delete => Rewrite::delete(&target, dml)?,
            WriteOp::Update => Rewrite::update(&target, dml)?,
            WriteOp::MergeInto(merge) => merge::plan(ctx, &target, dml, merge).await?,
            other => return Err(not_writable(other)),
        };
        rewrite.run(ctx, &table, &target).await
    })
}

/// How long to wait before the next attempt: longer each time, and not the same for two writers that met.
fn pause(attempt: u32) -> Duration {
    let spread = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(u64::from(attempt.min(20)) * spread / 32)
}

/// The table a rewrite changes: its scan, and the name the statement's expressions know it by.
pub(crate) struct Target {
    reference: TableReference,
    scan: NativeScan,
}

impl Target {
    /// All rows, with the numbers of their file and place, under a name.
    fn numbered(&self, reference: &TableReference) -> Result<LogicalPlan> {
        scan_plan(reference, self.scan.clone().numbering_rows())
    }

    /// The rows of some files.
    fn of_files(&self, files: &HashSet<i64>) -> NativeScan {
        self.scan.clone().only(files)
    }
}

fn scan_plan(reference: &TableReference, scan: NativeScan) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::scan(reference.clone(), provider_as_source(Arc::new(scan)), None)?
        .build()?)
}

/// `plan` with its leftmost table, the one that is written to, replaced by `make` of the name it is known by.
fn replace_target(
    plan: &LogicalPlan,
    make: &dyn Fn(&TableReference) -> Result<LogicalPlan>,
) -> Result<LogicalPlan> {
    if let LogicalPlan::TableScan(scan) = plan {
        return make(&scan.table_name);
    }
    let inputs = plan.inputs();
    let Some((first, rest)) = inputs.split_first() else {
        return Err(EngineError::invalid("the statement does not read the table it writes to"));
    };
    let mut replaced = vec![replace_target(first, make)?];
    replaced.extend(rest.iter().map(|plan| (*plan).clone()));
    Ok(plan.with_new_exprs(plan.expressions(), replaced)?)
}

/// Creates a table from the rows of a query: files, then version 0, then its entry in the catalog.
pub(crate) fn create_table_as<'a>(
    ctx: &'a StatementContext,
    table: Table,
    input: LogicalPlan,
    replace: bool,
    if_not_exists: bool,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let warehouse = ctx.engine.warehouse();
        ctx.require_make(&table.name)?;
        if ctx.catalog.table(&table.name).is_ok() && !replace {
            return if if_not_exists { Ok(0) } else { Err(taken(&table.name).into()) };
        }
        let columns =
            if table.columns.is_empty() { columns_of(&input)? } else { table.columns.clone() };
        let placed = warehouse.place_table(Table { columns, ..table });
        let plan = physical(ctx, &input).await?;
        let written = warehouse.write_new(&placed, plan, ctx.task()).await?;
        let rows = written.rows;
        warehouse.create_table(&placed, Some(written)).await?;
        let name = placed.name.clone();
        let changed = ctx.change_dropping(|catalog| {
            catalog.schema(&name.schema)?;
            if catalog.view(&name).is_ok() || (catalog.table(&name).is_ok() && !replace) {
                return Err(taken(&name));
            }
            let mut changes = Vec::new();
            if let Ok(old) = catalog.table(&name) {
                changes.extend(without_keys(catalog, std::slice::from_ref(&old.name)));
                changes.push(Change::Drop(EntryKey::Table(old.name.clone())));
            }
            changes.push(Change::Put(Entry::Table(placed.clone())));
            Ok(changes)
        });
        let changed = changed.await;
        remove_unnamed(ctx, &placed, &changed).await;
        let (_, dropped) = changed?;
        for old in &dropped {
            remove_files(ctx, old).await;
        }
        Ok(rows)
    })
}

/// Makes a table that only its session sees, of the rows of a query or empty.
pub(crate) fn create_temporary<'a>(
    ctx: &'a StatementContext,
    table: Table,
    input: Option<LogicalPlan>,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        ctx.require_make(&table.name)?;
        let warehouse = ctx.engine.warehouse();
        let placed = warehouse.place_table(table);
        let placed = ctx.session.place_temporary(placed, ctx.engine.spill_dir())?;
        let written = match &input {
            Some(input) => {
                let plan = physical(ctx, input).await?;
                Some(warehouse.write_new(&placed, plan, ctx.task()).await?)
            }
            None => None,
        };
        let rows = written.as_ref().map_or(0, |written| written.rows);
        warehouse.create_table(&placed, written).await?;
        if let Some(old) = ctx.session.enter_temporary(placed) {
            warehouse.remove_table_files(&old).await?;
        }
        Ok(rows)
    })
}

fn taken(name: &Name) -> CatalogError {
    CatalogError::new(CatalogErrorKind::AlreadyExists, format!("{name} exists already"))
        .with_hint("use CREATE OR REPLACE TABLE, or CREATE TABLE IF NOT EXISTS")
}

/// The columns a query yields, as a table stores them.
fn columns_of(input: &LogicalPlan) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    for field in input.schema().fields() {
        if columns.iter().any(|column| column.name.eq_ignore_ascii_case(field.name())) {
            return Err(EngineError::invalid(format!(
                "the query yields two columns named \"{}\"",
                field.name()
            ))
            .with_hint("give one of them another name with AS"));
        }
        let data_type = pareto_catalog::types::storable(field.name(), field.data_type())?;
        columns
            .push(Column { nullable: field.is_nullable(), ..Column::new(field.name(), data_type) });
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use crate::question::asking::{ask, open};
    use serde_json::{Value, json};
    use std::path::{Path, PathBuf};
    use tempfile::tempdir;

    /// The only thing in a folder.
    fn only(folder: &Path) -> PathBuf {
        std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    }

    /// The data files that are there, named by a version or not.
    fn files(folder: &Path) -> usize {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|ending| ending == "parquet")).count()
    }

    /// The log of a table with a CHECK constraint, as another program leaves it there: version 2, after two of ours.
    fn constrain(table: &Path) {
        let entry = |version: u64| table.join(format!("_delta_log/{version:020}.json"));
        let first = std::fs::read_to_string(entry(0)).unwrap();
        let mut actions = first.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut metadata = actions.find(|action| action.get("metaData").is_some()).unwrap();
        metadata["metaData"]["configuration"] = json!({"delta.constraints.positive": "amount > 0"});
        std::fs::write(entry(2), metadata.to_string()).unwrap();
    }

    #[tokio::test]
    async fn a_rule_of_another_program_refuses_rows_before_they_are_written() {
        let place = tempdir().unwrap();
        let session = open(&place).await;
        ask(&session, "CREATE TABLE t (amount BIGINT)").await;
        ask(&session, "INSERT INTO t VALUES (1), (2)").await;
        let table = only(&place.path().join("warehouse/public"));
        constrain(&table);
        let before = files(&table);
        for statement in [
            "INSERT INTO t VALUES (-1)",
            "UPDATE t SET amount = -amount",
            "MERGE INTO t USING (SELECT -1 AS a) AS s ON t.amount = s.a WHEN NOT MATCHED THEN INSERT (amount) VALUES (s.a)",
        ] {
            let error = session.execute(statement).await.err().unwrap().to_string();
            assert!(error.contains("table public.t cannot take this"), "{error}");
            assert!(error.contains("\"positive\" (amount > 0)"), "{error}");
        }
        assert_eq!(files(&table), before);
        // Rows that stay have kept the rule.
        ask(&session, "DELETE FROM t WHERE amount = 2").await;
        assert!(ask(&session, "SELECT sum(amount) AS amount FROM t").await.contains("| 1 "));
    }
}
