//! Rows that change mean files that are written anew.
//!
//! A rewrite knows three kinds of plan: which rows of the table change (file number, row number), what rows take their
//! place, and what rows are new. It runs in two steps: find the files that hold a changed row, then write those files
//! again without the changed rows, together with the rows that replace them, and swap them in one commit. Files
//! without a changed row are not touched.
//!
//! Where the condition is a plain one, it is asked wherever it matters, and rows that stay are simply those for which it is
//! not true. Where it contains a subquery or a join, what it answers may differ from time to time; so it is asked once
//! ([`super::decided`]), and all three plans read what it answered. Rows that stay are then found by their numbers.

use super::decided::Decided;
use super::fixed::{refuse_loose_limit, refuse_volatile};
use super::{Target, physical, replace_target, scan_plan};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, TableReference};
use datafusion::functions_aggregate::expr_fn::{count, count_distinct};
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use pareto_catalog::{NativeScan, Operation, Removal, TableVersion};
use std::collections::HashSet;

/// The name under which the numbers of changed rows are joined.
const CHANGED: &str = "__pareto_changed";

/// Whether a row that was decided about is written: TRUE for one that is new or takes the place of another, FALSE for one
/// that is removed. No column of a table begins like this.
pub(super) const WRITTEN: &str = "__pareto_written";

/// Rows that are decided about once.
pub(super) struct Step {
    /// Their numbers unless they are new, [`WRITTEN`], and, where any is written, the table's columns.
    pub(super) rows: LogicalPlan,
    /// Whether they are new.
    pub(super) is_new: bool,
    /// Whether any is written.
    pub(super) writes: bool,
}

/// One UPDATE, DELETE or MERGE, planned.
pub(super) struct Rewrite {
    /// The numbers (file, row) of the rows that change.
    changed: Vec<LogicalPlan>,
    /// The rows that take their place, in the table's columns.
    replaced: Vec<LogicalPlan>,
    /// The rows that are new, in the table's columns.
    inserted: Vec<LogicalPlan>,
    /// The condition alone, when it decides by itself which rows change.
    condition: Option<Expr>,
    /// What is yet to be decided; what was decided becomes the plans above.
    steps: Vec<Step>,
    operation: Operation,
}

impl Rewrite {
    /// A rewrite by what these steps decide.
    pub(super) fn of(steps: Vec<Step>, operation: Operation) -> Self {
        let (changed, replaced, inserted) = (Vec::new(), Vec::new(), Vec::new());
        Self { changed, replaced, inserted, condition: None, steps, operation }
    }

    /// DELETE FROM target WHERE condition.
    pub(super) fn delete(target: &Target, dml: &DmlStatement) -> Result<Self> {
        refuse_volatile(&dml.input, "DELETE")?;
        refuse_limit(&dml.input)?;
        refuse_loose_limit(&dml.input, "DELETE")?;
        let matched = replace_target(&dml.input, &|name| target.numbered(name))?;
        let operation = Operation::Delete { predicate: text_of(&dml.input) };
        if let Some(condition) = plain_condition(&dml.input) {
            let changed = vec![numbers(&matched)?];
            let condition = Some(condition);
            return Ok(Self { changed, condition, ..Self::of(Vec::new(), operation) });
        }
        let [file, row] = places(&matched)?;
        let columns = [file, row, lit(false).alias(WRITTEN)];
        let rows = LogicalPlanBuilder::from(matched).project(columns)?.build()?;
        Ok(Self::of(vec![Step { rows, is_new: false, writes: false }], operation))
    }

    /// UPDATE target SET .. WHERE condition.
    pub(super) fn update(target: &Target, dml: &DmlStatement) -> Result<Self> {
        refuse_volatile(&dml.input, "UPDATE")?;
        let LogicalPlan::Projection(values) = dml.input.as_ref() else {
            return Err(EngineError::invalid("this UPDATE cannot be planned"));
        };
        // The values are computed once, whatever they are.
        refuse_loose_limit(&values.input, "UPDATE")?;
        let matched = replace_target(&values.input, &|name| target.numbered(name))?;
        let operation = Operation::Update { predicate: text_of(&values.input) };
        if let Some(condition) = plain_condition(&values.input) {
            let changed = vec![numbers(&matched)?];
            let replaced = LogicalPlanBuilder::from(matched).project(values.expr.clone())?;
            let replaced = vec![replaced.build()?];
            let condition = Some(condition);
            return Ok(Self { changed, replaced, condition, ..Self::of(Vec::new(), operation) });
        }
        let mut columns = places(&matched)?.to_vec();
        columns.push(lit(true).alias(WRITTEN));
        columns.extend(values.expr.iter().cloned());
        let rows = LogicalPlanBuilder::from(matched).project(columns)?.build()?;
        Ok(Self::of(vec![Step { rows, is_new: false, writes: true }], operation))
    }

    /// Runs it on a version of the table and commits. Returns the rows changed, removed and inserted.
    pub(super) fn run<'a>(
        self,
        ctx: &'a StatementContext,
        table: &'a TableVersion,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let decided = self.decided(ctx).await?;
            let (files, changed_rows) = decided.find(ctx).await?;
            let inserted = decided.count_inserted(ctx).await?;
            if files.is_empty() && inserted == 0 {
                return Ok(0);
            }
            let mut parts = Vec::new();
            if !files.is_empty() {
                parts.push(decided.kept(target, &files)?);
                parts.extend(decided.replaced.iter().cloned());
            }
            parts.extend(decided.inserted.iter().cloned());
            let schema = table.schema();
            let all = union(parts, &schema)?;
            let plan = physical(ctx, &all).await?;
            let task = ctx.task();
            let written = table.write(plan, &decided.operation, task).await?;
            let removal = Removal::Files(target.scan.log_paths(&files));
            ctx.commit(table, Some(written), &removal, &decided.operation).await?;
            Ok(changed_rows + inserted)
        })
    }

    /// Takes the steps: what they decide is what changes, from now on.
    fn decided(mut self, ctx: &StatementContext) -> BoxFuture<'_, Result<Self>> {
        Box::pin(async move {
            for step in std::mem::take(&mut self.steps) {
                let rows = Decided::of(ctx, &step.rows).await?.scan()?;
                let written = || col(Column::from_name(WRITTEN));
                if step.writes {
                    let plan = LogicalPlanBuilder::from(rows.clone()).filter(written())?.build()?;
                    let plans = if step.is_new { &mut self.inserted } else { &mut self.replaced };
                    plans.push(plan);
                }
                if !step.is_new {
                    let decided_about = written().is_not_null();
                    let rows = LogicalPlanBuilder::from(rows).filter(decided_about)?.build()?;
                    self.changed.push(numbers(&rows)?);
                }
            }
            Ok(self)
        })
    }

    /// The files that hold a changed row, and how many rows change. A row that would change twice is an error.
    fn find<'a>(&'a self, ctx: &'a StatementContext) -> BoxFuture<'a, Result<(HashSet<i64>, u64)>> {
        Box::pin(async move {
            let Some(changed) = union_all(&self.changed)? else { return Ok((HashSet::new(), 0)) };
            let row = || col(Column::from_name(NativeScan::ROW_COLUMN));
            let by_file = LogicalPlanBuilder::from(changed)
                .aggregate(
                    [col(Column::from_name(NativeScan::FILE_COLUMN))],
                    [count(row()).alias("changes"), count_distinct(row()).alias("rows")],
                )?
                .build()?;
            let stream = execute_stream(physical(ctx, &by_file).await?, ctx.task())?;
            let batches: Vec<_> = stream.try_collect().await?;
            let (mut files, mut rows) = (HashSet::new(), 0u64);
            for batch in &batches {
                let column = |place: usize| batch.column(place).as_primitive::<Int64Type>();
                for line in 0..batch.num_rows() {
                    if column(1).value(line) != column(2).value(line) {
                        return Err(EngineError::invalid("several source rows match the same row of the table, so what it should become is not defined")
                        .with_hint("make the source unique on the join columns, for example with GROUP BY"));
                    }
                    files.insert(column(0).value(line));
                    rows += u64::try_from(column(2).value(line)).unwrap_or(0);
                }
            }
            Ok((files, rows))
        })
    }

    /// The rows of those files that do not change.
    fn kept(&self, target: &Target, files: &HashSet<i64>) -> Result<LogicalPlan> {
        if let Some(condition) = &self.condition {
            let scan = scan_plan(&target.reference, target.of_files(files))?;
            let unmatched = strip_qualifiers(condition.clone())?.is_not_true();
            return Ok(LogicalPlanBuilder::from(scan).filter(unmatched)?.build()?);
        }
        let Some(changed) = union_all(&self.changed)? else {
            return scan_plan(&target.reference, target.of_files(files));
        };
        let changed = LogicalPlanBuilder::from(changed).alias(CHANGED)?.build()?;
        let scan = scan_plan(&target.reference, target.of_files(files).numbering_rows())?;
        let keys = [NativeScan::FILE_COLUMN, NativeScan::ROW_COLUMN];
        let left: Vec<Column> =
            keys.iter().map(|key| Column::new(Some(TableReference::bare(CHANGED)), *key)).collect();
        let right: Vec<Column> =
            keys.iter().map(|key| Column::new(Some(target.reference.clone()), *key)).collect();
        // The left side is held in memory: numbers are fewer and smaller than the rows of whole files.
        Ok(LogicalPlanBuilder::from(changed)
            .join(scan, JoinType::RightAnti, (left, right), None)?
            .build()?)
    }

    fn count_inserted<'a>(&'a self, ctx: &'a StatementContext) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let Some(inserted) = union_all(&self.inserted)? else { return Ok(0) };
            let counted = LogicalPlanBuilder::from(inserted)
                .aggregate(Vec::<Expr>::new(), [count(lit(1))])?
                .build()?;
            let stream = execute_stream(physical(ctx, &counted).await?, ctx.task())?;
            let batches: Vec<_> = stream.try_collect().await?;
            let rows = batches
                .iter()
                .filter(|batch| batch.num_rows() > 0)
                .map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
            Ok(rows.map(|rows| u64::try_from(rows).unwrap_or(0)).sum())
        })
    }
}

/// The numbers of the rows a plan yields.
fn numbers(matched: &LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::from(matched.clone()).project(places(matched)?)?.build()?)
}

/// The columns that number the rows of a plan.
pub(super) fn places(matched: &LogicalPlan) -> Result<[Expr; 2]> {
    let find = |name: &str| -> Result<Expr> {
        let place = matched.schema().iter().find(|(_, field)| field.name() == name);
        let (qualifier, field) = place.ok_or_else(|| {
            EngineError::invalid("the statement does not read the table it writes to")
        })?;
        Ok(col(Column::new(qualifier.cloned(), field.name())).alias(name))
    };
    Ok([find(NativeScan::FILE_COLUMN)?, find(NativeScan::ROW_COLUMN)?])
}

pub(super) fn union_all(plans: &[LogicalPlan]) -> Result<Option<LogicalPlan>> {
    let mut plans = plans.iter().cloned();
    let Some(first) = plans.next() else { return Ok(None) };
    let mut builder = LogicalPlanBuilder::from(first);
    for plan in plans {
        builder = builder.union(plan)?;
    }
    Ok(Some(builder.build()?))
}

/// The rows of all these plans, in the table's columns and nothing else.
fn union(parts: Vec<LogicalPlan>, schema: &arrow::datatypes::Schema) -> Result<LogicalPlan> {
    let mut narrowed = Vec::new();
    for part in parts {
        let columns = schema.fields().iter().map(|field| -> Result<Expr> {
            let (qualifier, found) = part
                .schema()
                .iter()
                .find(|(_, candidate)| candidate.name() == field.name())
                .ok_or_else(|| {
                    EngineError::invalid(format!("column \"{}\" has no value", field.name()))
                })?;
            Ok(col(Column::new(qualifier.cloned(), found.name())).alias(field.name()))
        });
        let columns: Vec<Expr> = columns.collect::<Result<_>>()?;
        narrowed.push(LogicalPlanBuilder::from(part).project(columns)?.build()?);
    }
    union_all(&narrowed)?.ok_or_else(|| EngineError::invalid("there is nothing to write"))
}

/// The condition of a plan that is one table and at most one filter, without subqueries.
fn plain_condition(plan: &LogicalPlan) -> Option<Expr> {
    let (mut table, condition) = match plan {
        LogicalPlan::Filter(filter) => (filter.input.as_ref(), filter.predicate.clone()),
        all => (all, lit(true)),
    };
    if let LogicalPlan::SubqueryAlias(alias) = table {
        table = alias.input.as_ref();
    }
    let plain = matches!(table, LogicalPlan::TableScan(_)) && !has_subquery(&condition);
    plain.then_some(condition)
}

pub(super) fn has_subquery(expression: &Expr) -> bool {
    let mut found = false;
    let walked = expression.apply(|node| {
        found |= matches!(
            node,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
        );
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
}

/// The same condition with bare column names: it is asked of one table only, whatever it was called.
fn strip_qualifiers(expression: Expr) -> Result<Expr> {
    let bare = expression.transform(|node| {
        Ok(match node {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    })?;
    Ok(bare.data)
}

fn text_of(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::Filter(filter) => Some(filter.predicate.human_display().to_string()),
        _ => None,
    }
}

fn refuse_limit(plan: &LogicalPlan) -> Result<()> {
    if matches!(plan, LogicalPlan::Limit(_)) {
        return Err(EngineError::invalid(
            "DELETE takes no LIMIT: which rows it would remove is not defined",
        )
        .with_hint(
            "select the keys to remove in a subquery: DELETE FROM t WHERE k IN (SELECT ..)",
        ));
    }
    Ok(())
}
