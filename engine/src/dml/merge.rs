//! MERGE: rows of a source change, remove or add rows of the table.
//!
//! Each WHEN clause becomes a filter: its own condition, and none of the clauses before it. Matched rows come from an
//! inner join, new ones from the source rows that join nothing, and `NOT MATCHED BY SOURCE` from the table rows that
//! join nothing. A table row that two source rows would change is an error, as the standard says.

use super::Target;
use super::fixed::{plan_of, refuse_loose_limit, refuse_volatile};
use super::rewrite::{Rewrite, numbers};
use crate::error::{EngineError, Result};
use datafusion::common::JoinType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::dml::{
    MergeIntoAction, MergeIntoClause, MergeIntoClauseKind, MergeIntoOp,
};
use datafusion::logical_expr::{
    DmlStatement, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, col, lit,
};
use pareto_catalog::{NativeScan, Operation};

/// Plans a MERGE as a rewrite of the target.
pub(super) fn plan(target: &Target, dml: &DmlStatement, merge: &MergeIntoOp) -> Result<Rewrite> {
    refuse_unfixed(dml, merge)?;
    let table = target.numbered(&dml.table_name)?;
    let source = dml.input.as_ref().clone();
    let mut rewrite = Rewrite {
        changed: Vec::new(),
        replaced: Vec::new(),
        inserted: Vec::new(),
        condition: None,
        operation: Operation::Merge { predicate: Some(merge.on.human_display().to_string()) },
    };
    let of_kind = |kind| {
        merge
            .clauses
            .iter()
            .filter(move |clause| clause.kind.canonical() == kind)
            .collect::<Vec<_>>()
    };
    let join = |left: &LogicalPlan, right: &LogicalPlan, how| -> Result<LogicalPlan> {
        Ok(LogicalPlanBuilder::from(left.clone())
            .join_on(right.clone(), how, [merge.on.clone()])?
            .build()?)
    };
    let matched = of_kind(MergeIntoClauseKind::Matched);
    if !matched.is_empty() {
        change(dml, &mut rewrite, &join(&table, &source, JoinType::Inner)?, &matched)?;
    }
    let unsourced = of_kind(MergeIntoClauseKind::NotMatchedBySource);
    if !unsourced.is_empty() {
        change(dml, &mut rewrite, &join(&table, &source, JoinType::LeftAnti)?, &unsourced)?;
    }
    let unmatched = of_kind(MergeIntoClauseKind::NotMatchedByTarget);
    if !unmatched.is_empty() {
        insert(dml, &mut rewrite, &join(&source, &table, JoinType::LeftAnti)?, &unmatched)?;
    }
    Ok(rewrite)
}

/// Refuses what would answer differently each time: the source, `ON` and conditions. The values of changed and of new rows
/// are computed once and may be anything. A source of new rows alone is written as it was read, LIMIT or not.
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

/// The rows each clause is about: its condition holds, and no earlier one's does.
fn by_clause(rows: &LogicalPlan, clauses: &[&MergeIntoClause]) -> Result<Vec<LogicalPlan>> {
    let mut earlier: Option<Expr> = None;
    let mut plans = Vec::new();
    for clause in clauses {
        let own = clause.predicate.clone().unwrap_or_else(|| lit(true));
        let condition = match &earlier {
            Some(earlier) => earlier.clone().is_not_true().and(own.clone()),
            None => own.clone(),
        };
        plans.push(LogicalPlanBuilder::from(rows.clone()).filter(condition)?.build()?);
        earlier = Some(match earlier {
            Some(earlier) => earlier.is_true().or(own.is_true()),
            None => own,
        });
    }
    Ok(plans)
}

/// Clauses that update or delete rows of the table.
fn change(
    dml: &DmlStatement,
    rewrite: &mut Rewrite,
    rows: &LogicalPlan,
    clauses: &[&MergeIntoClause],
) -> Result<()> {
    for (rows, clause) in by_clause(rows, clauses)?.into_iter().zip(clauses) {
        rewrite.changed.push(numbers(&rows)?);
        match &clause.action {
            MergeIntoAction::Delete => {}
            MergeIntoAction::Update(assignments) => {
                let mut values = Vec::new();
                for field in dml.target.schema().fields() {
                    if [NativeScan::FILE_COLUMN, NativeScan::ROW_COLUMN]
                        .contains(&field.name().as_str())
                    {
                        continue;
                    }
                    let assigned = assignments.iter().find(|(name, _)| name == field.name());
                    let value = match assigned {
                        Some((_, value)) => {
                            value.clone().cast_to(field.data_type(), rows.schema())?
                        }
                        None => col(Column::new(Some(dml.table_name.clone()), field.name())),
                    };
                    values.push(value.alias(field.name()));
                }
                rewrite.replaced.push(LogicalPlanBuilder::from(rows).project(values)?.build()?);
            }
            MergeIntoAction::Insert { .. } => {
                return Err(EngineError::invalid(
                    "WHEN MATCHED takes UPDATE or DELETE: the row is there already",
                ));
            }
        }
    }
    Ok(())
}

/// Clauses that insert rows of the source.
fn insert(
    dml: &DmlStatement,
    rewrite: &mut Rewrite,
    rows: &LogicalPlan,
    clauses: &[&MergeIntoClause],
) -> Result<()> {
    for (rows, clause) in by_clause(rows, clauses)?.into_iter().zip(clauses) {
        let MergeIntoAction::Insert { columns, values } = &clause.action else {
            return Err(EngineError::invalid(
                "WHEN NOT MATCHED takes INSERT: there is no row to change",
            ));
        };
        let mut projected = Vec::new();
        for (place, field) in dml.target.schema().fields().iter().enumerate() {
            let given = match columns.is_empty() {
                true => values.get(place),
                false => columns
                    .iter()
                    .position(|name| name == field.name())
                    .and_then(|place| values.get(place)),
            };
            let value = match given {
                Some(value) => value.clone(),
                None => dml
                    .target
                    .get_column_default(field.name())
                    .cloned()
                    .unwrap_or(Expr::Literal(ScalarValue::Null, None)),
            };
            projected.push(value.cast_to(field.data_type(), rows.schema())?.alias(field.name()));
        }
        rewrite.inserted.push(LogicalPlanBuilder::from(rows).project(projected)?.build()?);
    }
    Ok(())
}
