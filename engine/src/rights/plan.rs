//! Rights on a plan: what it reads and what it writes.
//!
//! Every relation that a statement names is noted when its name is looked up, so nothing can be scanned unnoticed: not
//! in a subquery, a CTE, under `EXPLAIN`, in the query of a `COPY` or a `CREATE TABLE AS`. All of them need `SELECT`,
//! but the target of an `INSERT` that does not read it too, and of a `DELETE` without a condition. What a view reads was
//! allowed when the view was made and is not noted, but `EXPLAIN` shows it to those alone who may read it.
//!
//! Example: `DELETE FROM sales WHERE amount > 10` needs `DELETE`, and `SELECT` because its count tells about the amounts.

use crate::context::StatementContext;
use crate::error::{EngineError, ErrorKind, Result};
use crate::relations::unversioned;
use crate::rights::Behalf;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::dml::{InsertOp, MergeIntoAction};
use datafusion::logical_expr::{DmlStatement, LogicalPlan, WriteOp};
use pareto_catalog::{Name, Right, Table};
use std::collections::BTreeSet;

/// Refuses a plan that needs a right its user has not, and one that writes where nobody looks.
pub(crate) fn check(context: &StatementContext, plan: &LogicalPlan) -> Result<()> {
    refuse_inner_writes(plan)?;
    if context.rights().everything() {
        return Ok(());
    }
    let mut written = BTreeSet::new();
    let mut refused: Result<()> = Ok(());
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Dml(dml) = node {
            match write(context, dml) {
                Ok(target) => written.extend(target),
                Err(error) => {
                    refused = Err(error);
                    return Ok(TreeNodeRecursion::Stop);
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    refused?;
    context.relations().check_read(&written)?;
    match plan {
        LogicalPlan::Explain(explain) => check_shown(context, &explain.plan),
        LogicalPlan::Analyze(analyze) => check_shown(context, &analyze.input),
        _ => Ok(()),
    }
}

/// Refuses a write that is not the statement itself. What guards writes (rights, the role for files, commits) looks at the
/// statement; below `EXPLAIN ANALYZE` the planner would run a `COPY` or `INSERT` of its own. `EXPLAIN` runs nothing.
fn refuse_inner_writes(plan: &LogicalPlan) -> Result<()> {
    let statement = match plan {
        // `PREPARE` and its like are refused by whoever runs them.
        LogicalPlan::Statement(_) => return Ok(()),
        LogicalPlan::Explain(explain) => explain.plan.as_ref(),
        _ => plan,
    };
    let mut found = false;
    statement.apply_with_subqueries(|node| {
        let writes = matches!(
            node,
            LogicalPlan::Copy(_)
                | LogicalPlan::Dml(_)
                | LogicalPlan::Ddl(_)
                | LogicalPlan::Statement(_)
        );
        found |= writes && !std::ptr::eq(node, statement);
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !found {
        return Ok(());
    }
    Err(EngineError::invalid("EXPLAIN ANALYZE runs queries only")
        .with_hint("EXPLAIN shows the plan without running it"))
}

/// Refuses to show a plan that stands, through a view, on what its user may not read. In a plan a view is what it stands
/// on, by names that are looked up where the view is; so any table of that name counts.
fn check_shown(context: &StatementContext, plan: &LogicalPlan) -> Result<()> {
    let (named, whole) =
        (context.relations().read(), context.relations().catalog_of(Behalf::Definer));
    let mut hidden = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let (table, schema) =
                (unversioned(scan.table_name.table()).0, scan.table_name.schema());
            let is_it = |known: &&Table| {
                known.name.name.eq_ignore_ascii_case(table)
                    && schema.is_none_or(|schema| known.name.schema.eq_ignore_ascii_case(schema))
            };
            let itself = Name::new(context.schema(), table);
            let by_itself = schema.is_none() && named.contains(&itself);
            let may = |known: &Table| context.rights().may(Right::Select, &known.name);
            hidden |= !by_itself && !whole.tables().filter(is_it).all(may);
        }
        Ok(if hidden { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !hidden {
        return Ok(());
    }
    Err(EngineError::new(
        ErrorKind::Denied,
        "EXPLAIN would show what a view stands on, which you may not read",
    )
    .with_hint("ask an administrator for the plan"))
}

/// Refuses a write that is not allowed; the target, when the plan only writes to it.
fn write(context: &StatementContext, dml: &DmlStatement) -> Result<Option<Name>> {
    let name = context.known_table(&context.name_of(&dml.table_name))?.name.clone();
    for right in needed(&dml.op) {
        context.rights().require(right, &name)?;
    }
    let only_written = match &dml.op {
        WriteOp::Insert(_) => !scans(context, &dml.input, &name)?,
        WriteOp::Delete => !has_condition(&dml.input)?,
        WriteOp::Truncate => true,
        _ => false,
    };
    Ok(only_written.then_some(name))
}

/// The rights a write needs.
fn needed(op: &WriteOp) -> Vec<Right> {
    match op {
        WriteOp::Insert(InsertOp::Append) => vec![Right::Insert],
        WriteOp::Insert(InsertOp::Overwrite | InsertOp::Replace) => {
            vec![Right::Insert, Right::Delete]
        }
        WriteOp::Delete | WriteOp::Truncate => vec![Right::Delete],
        WriteOp::Update => vec![Right::Update],
        WriteOp::MergeInto(merge) => {
            let rights = merge.clauses.iter().map(|clause| match &clause.action {
                MergeIntoAction::Update(_) => Right::Update,
                MergeIntoAction::Insert { .. } => Right::Insert,
                MergeIntoAction::Delete => Right::Delete,
            });
            rights.collect()
        }
        // A kind of write that is not known yet is nobody's by default.
        _ => vec![Right::All],
    }
}

/// Whether a plan reads a table by its own name.
fn scans(context: &StatementContext, plan: &LogicalPlan, name: &Name) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let scanned = context.name_of(&scan.table_name);
            found |= scanned.schema.eq_ignore_ascii_case(&name.schema)
                && unversioned(&scanned.name).0.eq_ignore_ascii_case(&name.name);
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(EngineError::from)?;
    Ok(found)
}

/// Whether a plan looks at values to choose its rows.
fn has_condition(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let plain = matches!(
            node,
            LogicalPlan::TableScan(_) | LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_)
        );
        found |= !plain;
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(EngineError::from)?;
    Ok(found)
}
