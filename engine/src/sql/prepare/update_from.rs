//! `UPDATE t SET a = s.b FROM s WHERE t.k = s.k`, which DataFusion does not plan, as the MERGE that says the same.
//!
//! The tables of FROM are the source, the condition is what they are joined on, and matched rows are updated. Where
//! others take any one of several source rows that match a row, MERGE refuses: what the row should become is not defined.
//!
//! Example: `MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET a = s.b`.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, Merge, MergeAction, MergeClause, MergeClauseKind,
    MergeUpdateExpr, Statement, TableFactor, TableWithJoins, Update, UpdateTableFromKind, Value,
};

/// Rewrites an UPDATE that has a FROM and nothing else out of the ordinary.
pub(super) fn as_merge(statement: &mut Statement) {
    let Statement::Update(update) = statement else { return };
    let plain = update.table.joins.is_empty()
        && update.optimizer_hints.is_empty()
        && update.returning.is_none()
        && update.output.is_none()
        && update.or.is_none()
        && update.order_by.is_empty()
        && update.limit.is_none();
    let Update { table, assignments, from, selection, .. } = update;
    let Some(UpdateTableFromKind::AfterSet(tables)) = from else { return };
    let Some(source) = source(tables).filter(|_| plain) else { return };
    let action = MergeAction::Update(MergeUpdateExpr {
        update_token: AttachedToken::empty(),
        assignments: std::mem::take(assignments),
        update_predicate: None,
        delete_predicate: None,
    });
    let matched = MergeClause {
        when_token: AttachedToken::empty(),
        clause_kind: MergeClauseKind::Matched,
        predicate: None,
        action,
    };
    let on = selection.take().unwrap_or_else(|| Expr::value(Value::Boolean(true)));
    *statement = Statement::Merge(Merge {
        merge_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        into: true,
        table: table.relation.clone(),
        source,
        on: Box::new(on),
        clauses: vec![matched],
        output: None,
    });
}

/// The tables of FROM as one.
fn source(tables: &[TableWithJoins]) -> Option<TableFactor> {
    let (first, others) = tables.split_first()?;
    if others.is_empty() && first.joins.is_empty() {
        return Some(first.relation.clone());
    }
    let mut all = first.clone();
    for other in others {
        all.joins.push(sqlparser::ast::Join {
            relation: nested(other.clone()),
            global: false,
            join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
        });
    }
    Some(nested(all))
}

fn nested(table: TableWithJoins) -> TableFactor {
    if table.joins.is_empty() {
        return table.relation;
    }
    TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None }
}
