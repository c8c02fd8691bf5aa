//! MERGE: rows of a source change, remove or add rows of the table.
//!
//! Matched rows come from an inner join, new ones from the source rows that join nothing, and `NOT MATCHED BY SOURCE` from
//! the table rows that join nothing. Each of these joins is asked once and says which of its WHEN clauses a row is about:
//! the first whose condition holds. A table row that two source rows would change is an error, as the standard says.
//!
//! Where there are several joins, a source that may answer differently each time is asked once before them all: a row that
//! matches in one answer and not in the other would be both changed and added, or neither.

use super::Target;
use super::decided::Decided;
use super::fixed::{gives_the_same, plan_of, refuse_loose_limit, refuse_volatile};
use super::rewrite::{Rewrite, Step, WRITTEN, places};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use datafusion::common::JoinType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::dml::{
    MergeIntoAction, MergeIntoClause, MergeIntoClauseKind, MergeIntoOp,
};
use datafusion::logical_expr::{
    Case, DmlStatement, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, col, lit,
};
use futures::future::BoxFuture;
use pareto_catalog::Operation;

/// The number of the clause that a row is about.
const CLAUSE: &str = "__pareto_clause";

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
        let steps = steps(target, dml, merge, &source)?;
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
        if is_fixed {
            return Ok(source.clone());
        }
        // What is kept has no qualifiers, and without them two columns may have one name.
        let name = |place: usize| format!("column{place}");
        let columns = source.schema().columns().into_iter().enumerate();
        let columns: Vec<Expr> =
            columns.map(|(place, column)| Expr::Column(column).alias(name(place))).collect();
        let named = LogicalPlanBuilder::from(source.clone()).project(columns)?.build()?;
        let rows = Decided::of(ctx, &named).await?.scan()?;
        let back = source.schema().iter().enumerate().map(|(place, (qualifier, field))| {
            col(Column::from_name(name(place))).alias_qualified(qualifier.cloned(), field.name())
        });
        let back: Vec<Expr> = back.collect();
        Ok(LogicalPlanBuilder::from(rows).project(back)?.build()?)
    })
}

/// What each kind of clause decides.
fn steps(
    target: &Target,
    dml: &DmlStatement,
    merge: &MergeIntoOp,
    source: &LogicalPlan,
) -> Result<Vec<Step>> {
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
        steps.push(step(dml, rows, &clauses, is_new)?);
    }
    Ok(steps)
}

/// What the clauses of one kind decide about the rows of their join.
fn step(
    dml: &DmlStatement,
    rows: LogicalPlan,
    clauses: &[&MergeIntoClause],
    is_new: bool,
) -> Result<Step> {
    let values = clauses.iter().map(|clause| match (&clause.action, is_new) {
        (MergeIntoAction::Delete, false) => Ok(None),
        (MergeIntoAction::Update(given), false) => changed(dml, &rows, given).map(Some),
        (MergeIntoAction::Insert { columns, values }, true) => {
            added(dml, &rows, columns, values).map(Some)
        }
        (MergeIntoAction::Insert { .. }, false) => Err(EngineError::invalid(
            "WHEN MATCHED takes UPDATE or DELETE: the row is there already",
        )),
        (MergeIntoAction::Delete | MergeIntoAction::Update(_), true) => {
            Err(EngineError::invalid("WHEN NOT MATCHED takes INSERT: there is no row to change"))
        }
    });
    let values: Vec<Option<Vec<Expr>>> = values.collect::<Result<_>>()?;
    let rows = about(rows, clauses)?;
    let mut columns = if is_new { Vec::new() } else { places(&rows)?.to_vec() };
    let written = values.iter().map(|values| lit(values.is_some()));
    columns.push(by_clause(written.collect()).alias(WRITTEN));
    let writes = values.iter().any(Option::is_some);
    let fields = dml.target.schema();
    for (place, field) in fields.fields().iter().enumerate().filter(|_| writes) {
        let none = Expr::Literal(ScalarValue::try_from(field.data_type())?, None);
        let value = |values: &Option<Vec<Expr>>| {
            values.as_ref().and_then(|values| values.get(place)).unwrap_or(&none).clone()
        };
        columns.push(by_clause(values.iter().map(value).collect()).alias(field.name()));
    }
    let rows = LogicalPlanBuilder::from(rows).project(columns)?.build()?;
    Ok(Step { rows, is_new, writes })
}

/// The rows that a clause is about: the first whose condition holds. Of several clauses, [`CLAUSE`] says which.
fn about(rows: LogicalPlan, clauses: &[&MergeIntoClause]) -> Result<LogicalPlan> {
    if let [clause] = clauses {
        return match &clause.predicate {
            Some(condition) => {
                Ok(LogicalPlanBuilder::from(rows).filter(condition.clone())?.build()?)
            }
            None => Ok(rows),
        };
    }
    let cases = (0i64..).zip(clauses).map(|(number, clause)| {
        let condition = clause.predicate.clone().unwrap_or_else(|| lit(true));
        (Box::new(condition), Box::new(lit(number)))
    });
    let number = Expr::Case(Case::new(None, cases.collect(), None));
    let mut columns: Vec<Expr> = rows.schema().columns().into_iter().map(Expr::Column).collect();
    columns.push(number.alias(CLAUSE));
    let is_about = col(Column::from_name(CLAUSE)).is_not_null();
    Ok(LogicalPlanBuilder::from(rows).project(columns)?.filter(is_about)?.build()?)
}

/// Of the values that each clause gives, the one of the clause that the row is about.
fn by_clause(mut values: Vec<Expr>) -> Expr {
    let last = values.pop();
    if let (true, Some(only)) = (values.is_empty(), &last) {
        return only.clone();
    }
    let values = values.into_iter().chain(last);
    let case = |(number, value): (i64, Expr)| (Box::new(lit(number)), Box::new(value));
    let cases = (0..).zip(values).map(case);
    let number = col(Column::from_name(CLAUSE));
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
