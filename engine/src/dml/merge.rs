//! MERGE: rows of a source change, remove or add rows of the table.
//!
//! Matched rows come from an inner join, new ones from the source rows that join nothing, and `NOT MATCHED BY SOURCE` from
//! the table rows that join nothing. Each of these joins is asked once and says which of its WHEN clauses a row is about:
//! the first whose condition holds. A table row that two source rows would change is an error, as the standard says. Where
//! several clauses have conditions with subqueries, the joined rows are kept, and each condition is a WHERE of its own.
//!
//! Where there are several joins, a source that may answer differently each time is asked once before them all: a row that
//! matches in one answer and not in the other would be both changed and added, or neither.

use super::Target;
use super::decided::Decided;
use super::fixed::{gives_the_same, plan_of, refuse_loose_limit, refuse_volatile};
use super::rewrite::{Rewrite, Step, WRITTEN, has_subquery, places, union_all};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::dml::{
    MergeIntoAction, MergeIntoClause, MergeIntoClauseKind, MergeIntoOp,
};
use datafusion::logical_expr::{
    Case, DmlStatement, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, col, lit,
};
use futures::future::BoxFuture;
use pareto_catalog::Operation;

/// The number of the clause that a row is about; longer where a column of the source has this name.
const CLAUSE: &str = "__pareto_clause";

/// The table's columns in the row that a clause writes; nothing for one that removes the row.
type Values = Option<Vec<Expr>>;

/// Plans a MERGE as a rewrite of the target.
pub(super) fn plan<'a>(
    ctx: &'a StatementContext,
    target: &'a Target,
    dml: &'a DmlStatement,
    merge: &'a MergeIntoOp,
) -> BoxFuture<'a, Result<Rewrite>> {
    Box::pin(async move {
        refuse_unfixed(dml, merge)?;
        let source = source(ctx, &dml.input, merge).await?;
        let steps = steps(ctx, target, dml, merge, &source).await?;
        let predicate = Some(merge.on.human_display().to_string());
        Ok(Rewrite::of(steps, Operation::Merge { predicate }))
    })
}

/// Refuses what would answer differently each time: in the source, `ON` and conditions. The values of changed and of new
/// rows may be anything. A source of new rows alone is written as it was read, LIMIT or not.
fn refuse_unfixed(dml: &DmlStatement, merge: &MergeIntoOp) -> Result<()> {
    let changes =
        |clause: &MergeIntoClause| !matches!(clause.action, MergeIntoAction::Insert { .. });
    let conditions = merge.clauses.iter().filter_map(|clause| clause.predicate.clone());
    let conditions = plan_of([merge.on.clone()].into_iter().chain(conditions).collect());
    for plan in [dml.input.as_ref(), &conditions] {
        refuse_volatile(plan, "MERGE")?;
        if merge.clauses.iter().any(changes) {
            refuse_loose_limit(plan, "MERGE")?;
        }
    }
    Ok(())
}

/// The clauses of a kind.
fn of_kind(merge: &MergeIntoOp, kind: MergeIntoClauseKind) -> Vec<&MergeIntoClause> {
    merge.clauses.iter().filter(|clause| clause.kind.canonical() == kind).collect()
}

/// The source, which gives the same rows to every join that reads it.
fn source<'a>(
    ctx: &'a StatementContext,
    source: &'a LogicalPlan,
    merge: &'a MergeIntoOp,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        let first = merge.clauses.first().map(|clause| of_kind(merge, clause.kind.canonical()));
        let is_read_once = first.is_none_or(|first| first.len() == merge.clauses.len());
        // Files that are read in place may be others when they are read again.
        let is_fixed =
            is_read_once || (gives_the_same(source)? && ctx.relations().versions().await.is_some());
        if is_fixed { Ok(source.clone()) } else { kept(ctx, source, None).await }
    })
}

/// The rows of a plan, computed once for all that read them, with its names; numbered, where a column for that is named.
fn kept<'a>(
    ctx: &'a StatementContext,
    plan: &'a LogicalPlan,
    numbers: Option<&'a str>,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        // What is kept has no qualifiers, and without them two columns may have one name.
        let name = |place: usize| format!("column{place}");
        let columns = plan.schema().columns().into_iter().enumerate();
        let columns: Vec<Expr> =
            columns.map(|(place, column)| Expr::Column(column).alias(name(place))).collect();
        let mut named = LogicalPlanBuilder::from(plan.clone()).project(columns)?;
        if numbers.is_some() {
            named = named.window([row_number()])?;
        }
        let rows = Decided::of(ctx, &named.build()?).await?.scan()?;
        let back = plan.schema().iter().enumerate().map(|(place, (qualifier, field))| {
            col(Column::from_name(name(place))).alias_qualified(qualifier.cloned(), field.name())
        });
        let mut back: Vec<Expr> = back.collect();
        if let (Some(numbers), Some(last)) = (numbers, rows.schema().columns().pop()) {
            back.push(Expr::Column(last).alias(numbers));
        }
        Ok(LogicalPlanBuilder::from(rows).project(back)?.build()?)
    })
}

/// A name like this one that no column of a plan has.
fn unused(name: &str, plan: &LogicalPlan) -> String {
    let mut name = name.to_owned();
    while plan.schema().fields().iter().any(|field| *field.name() == name) {
        name.push('_');
    }
    name
}

/// What each kind of clause decides.
fn steps<'a>(
    ctx: &'a StatementContext,
    target: &'a Target,
    dml: &'a DmlStatement,
    merge: &'a MergeIntoOp,
    source: &'a LogicalPlan,
) -> BoxFuture<'a, Result<Vec<Step>>> {
    Box::pin(async move {
        let table = target.numbered(&dml.table_name)?;
        let mut steps = Vec::new();
        for (kind, left, right, how) in [
            (MergeIntoClauseKind::Matched, &table, source, JoinType::Inner),
            (MergeIntoClauseKind::NotMatchedBySource, &table, source, JoinType::LeftAnti),
            (MergeIntoClauseKind::NotMatchedByTarget, source, &table, JoinType::LeftAnti),
        ] {
            let clauses = of_kind(merge, kind);
            if clauses.is_empty() {
                continue;
            }
            let rows = LogicalPlanBuilder::from(left.clone())
                .join_on(right.clone(), how, [merge.on.clone()])?
                .build()?;
            let is_new = kind == MergeIntoClauseKind::NotMatchedByTarget;
            steps.push(step(ctx, dml, rows, clauses, is_new).await?);
        }
        Ok(steps)
    })
}

/// What the clauses of one kind decide about the rows of their join.
fn step<'a>(
    ctx: &'a StatementContext,
    dml: &'a DmlStatement,
    rows: LogicalPlan,
    clauses: Vec<&'a MergeIntoClause>,
    is_new: bool,
) -> BoxFuture<'a, Result<Step>> {
    Box::pin(async move {
        let values = values(dml, &rows, &clauses, is_new)?;
        let number = unused(CLAUSE, &rows);
        let rows = about(ctx, rows, &clauses, &number).await?;
        let mut columns = if is_new { Vec::new() } else { places(&rows)?.to_vec() };
        columns.extend(outcome(dml, &values, &number)?);
        let rows = LogicalPlanBuilder::from(rows).project(columns)?.build()?;
        Ok(Step { rows, is_new, writes: values.iter().any(Option::is_some) })
    })
}

/// What each clause makes of a row.
fn values(
    dml: &DmlStatement,
    rows: &LogicalPlan,
    clauses: &[&MergeIntoClause],
    is_new: bool,
) -> Result<Vec<Values>> {
    let values = clauses.iter().map(|clause| match (&clause.action, is_new) {
        (MergeIntoAction::Delete, false) => Ok(None),
        (MergeIntoAction::Update(given), false) => changed(dml, rows, given).map(Some),
        (MergeIntoAction::Insert { columns, values }, true) => {
            added(dml, rows, columns, values).map(Some)
        }
        (MergeIntoAction::Insert { .. }, false) => Err(EngineError::invalid(
            "WHEN MATCHED takes UPDATE or DELETE: the row is there already",
        )),
        (MergeIntoAction::Delete | MergeIntoAction::Update(_), true) => {
            Err(EngineError::invalid("WHEN NOT MATCHED takes INSERT: there is no row to change"))
        }
    });
    values.collect()
}

/// [`WRITTEN`] and, where any clause writes, the table's columns: each as the clause says that the row is about.
fn outcome(dml: &DmlStatement, values: &[Values], number: &str) -> Result<Vec<Expr>> {
    let written = values.iter().map(|values| lit(values.is_some()));
    let mut columns = vec![by_clause(number, written.collect()).alias(WRITTEN)];
    let writes = values.iter().any(Option::is_some);
    let fields = dml.target.schema();
    for (place, field) in fields.fields().iter().enumerate().filter(|_| writes) {
        let none = Expr::Literal(ScalarValue::try_from(field.data_type())?, None);
        let value = |values: &Values| {
            values.as_ref().and_then(|values| values.get(place)).unwrap_or(&none).clone()
        };
        let value = by_clause(number, values.iter().map(value).collect());
        columns.push(value.alias(field.name()));
    }
    Ok(columns)
}

/// The rows that a clause is about: the first whose condition holds. Of several clauses, the column `number` says which.
fn about<'a>(
    ctx: &'a StatementContext,
    rows: LogicalPlan,
    clauses: &'a [&'a MergeIntoClause],
    number: &'a str,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        if let [clause] = clauses {
            return match &clause.predicate {
                Some(condition) => {
                    Ok(LogicalPlanBuilder::from(rows).filter(condition.clone())?.build()?)
                }
                None => Ok(rows),
            };
        }
        if clauses.iter().filter_map(|clause| clause.predicate.as_ref()).any(has_subquery) {
            return by_filters(ctx, &rows, clauses, number).await;
        }
        let cases = (0i64..).zip(clauses).map(|(number, clause)| {
            let condition = clause.predicate.clone().unwrap_or_else(|| lit(true));
            (Box::new(condition), Box::new(lit(number)))
        });
        let case = Expr::Case(Case::new(None, cases.collect(), None));
        let mut columns: Vec<Expr> =
            rows.schema().columns().into_iter().map(Expr::Column).collect();
        columns.push(case.alias(number));
        let is_about = col(Column::from_name(number)).is_not_null();
        Ok(LogicalPlanBuilder::from(rows).project(columns)?.filter(is_about)?.build()?)
    })
}

/// The same where a condition holds a subquery: it can be asked in WHERE alone, as IN with a NULL has no value that a join
/// gives. So the rows are kept and numbered, each condition says in a WHERE of its own which numbers it holds for, and of
/// those clauses a row is about the first. That an earlier condition does not hold is never asked, as `NOT IN` would then
/// be FALSE where it is NULL.
fn by_filters<'a>(
    ctx: &'a StatementContext,
    rows: &'a LogicalPlan,
    clauses: &'a [&'a MergeIntoClause],
    number: &'a str,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        let (place, found) = (unused("__pareto_place", rows), unused("__pareto_found", rows));
        let rows = kept(ctx, rows, Some(&place)).await?;
        let named = |name: &str| col(Column::from_name(name));
        let holds = (0i64..).zip(clauses).map(|(clause_number, clause)| -> Result<LogicalPlan> {
            let condition = clause.predicate.clone().unwrap_or_else(|| lit(true));
            let columns = [named(&place).alias(&found), lit(clause_number).alias(number)];
            Ok(LogicalPlanBuilder::from(rows.clone())
                .filter(condition)?
                .project(columns)?
                .build()?)
        });
        let holds: Vec<LogicalPlan> = holds.collect::<Result<_>>()?;
        let Some(holds) = union_all(&holds)? else { return Ok(rows) };
        let first = LogicalPlanBuilder::from(holds)
            .aggregate([named(&found)], [min(named(number)).alias(number)])?
            .build()?;
        let is_it = named(&place).eq(named(&found));
        Ok(LogicalPlanBuilder::from(rows).join_on(first, JoinType::Inner, [is_it])?.build()?)
    })
}

/// Of the values that each clause gives, the one of the clause that the row is about.
fn by_clause(number: &str, mut values: Vec<Expr>) -> Expr {
    let last = values.pop();
    if let (true, Some(only)) = (values.is_empty(), &last) {
        return only.clone();
    }
    let values = values.into_iter().chain(last);
    let case = |(number, value): (i64, Expr)| (Box::new(lit(number)), Box::new(value));
    let cases = (0..).zip(values).map(case);
    let number = col(Column::from_name(number));
    Expr::Case(Case::new(Some(Box::new(number)), cases.collect(), None))
}

/// The columns of a row that is updated.
fn changed(dml: &DmlStatement, rows: &LogicalPlan, given: &[(String, Expr)]) -> Result<Vec<Expr>> {
    let fields = dml.target.schema();
    let values = fields.fields().iter().map(|field| -> Result<Expr> {
        match given.iter().find(|(name, _)| name == field.name()) {
            Some((_, value)) => Ok(value.clone().cast_to(field.data_type(), rows.schema())?),
            None => Ok(col(Column::new(Some(dml.table_name.clone()), field.name()))),
        }
    });
    values.collect()
}

/// The columns of a row that is inserted.
fn added(
    dml: &DmlStatement,
    rows: &LogicalPlan,
    columns: &[String],
    values: &[Expr],
) -> Result<Vec<Expr>> {
    let fields = dml.target.schema();
    let all = fields.fields().iter().enumerate().map(|(place, field)| -> Result<Expr> {
        let given = match columns.is_empty() {
            true => Some(place),
            false => columns.iter().position(|name| name == field.name()),
        };
        let default = || dml.target.get_column_default(field.name()).cloned();
        let value = given
            .and_then(|place| values.get(place).cloned())
            .or_else(default)
            .unwrap_or(Expr::Literal(ScalarValue::Null, None));
        Ok(value.cast_to(field.data_type(), rows.schema())?)
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use crate::question::asking::{ask, open};
    use tempfile::tempdir;

    /// Joins, source and what they decide share the 64 MiB that [`open`] gives.
    #[tokio::test]
    async fn all_kinds_of_clauses_share_the_memory() {
        let place = tempdir().unwrap();
        let session = open(&place).await;
        let rows = "SELECT value AS id, 0 AS n FROM generate_series(1, 200000)";
        ask(&session, &format!("CREATE TABLE t AS {rows}")).await;
        let merge = "MERGE INTO t USING (SELECT id, count(*) AS n \
             FROM (SELECT value % 200000 + 100001 AS id FROM generate_series(1, 400000)) AS g \
             GROUP BY id) AS s ON t.id = s.id \
             WHEN MATCHED THEN UPDATE SET n = s.n \
             WHEN NOT MATCHED BY SOURCE THEN DELETE \
             WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)";
        ask(&session, merge).await;
        let answer = ask(&session, "SELECT count(*) AS a, sum(n) AS b, min(id) AS c FROM t").await;
        assert!(answer.contains("| 200000 | 400000 | 100001 |"), "{answer}");
    }
}
