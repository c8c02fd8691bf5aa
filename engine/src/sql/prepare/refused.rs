//! Clauses that the parser knows and nothing here carries out: refused by name, for an answer without them would be
//! another answer and look like the right one.
//!
//! Example: `SELECT count(*) FROM sales TABLESAMPLE BERNOULLI (10)` is refused; it would count every row.

use crate::error::{EngineError, Result};
use sqlparser::ast::{
    AssignmentTarget, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Query, Statement, TableFactor,
};
use std::collections::BTreeSet;

/// `FOR UPDATE` and `FOR SHARE`.
pub(super) fn query(query: &Query) -> Result<()> {
    match query.locks.first() {
        None => Ok(()),
        Some(lock) => Err(EngineError::invalid(format!(
            "{lock} is not supported: nothing locks rows"
        ))
        .with_hint(
            "a statement reads one version of each table; a commit that lost a race says so",
        )),
    }
}

/// `TABLESAMPLE`.
pub(super) fn table(factor: &TableFactor) -> Result<()> {
    match factor {
        TableFactor::Table { sample: Some(_), .. }
        | TableFactor::Derived { sample: Some(_), .. } => {
            Err(EngineError::invalid("TABLESAMPLE is not supported")
                .with_hint("WHERE random() < 0.1 takes about a tenth of the rows"))
        }
        _ => Ok(()),
    }
}

/// `count(DISTINCT *)`.
pub(super) fn expr(expr: &Expr) -> Result<()> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else {
        return Ok(());
    };
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    if distinct && matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)])
    {
        return Err(EngineError::invalid(format!("{name}(DISTINCT *) is not supported"))
            .with_hint("SELECT count(*) FROM (SELECT DISTINCT * FROM ..)"));
    }
    Ok(())
}

/// One column that an `UPDATE` sets twice.
pub(super) fn statement(statement: &Statement) -> Result<()> {
    let Statement::Update(update) = statement else { return Ok(()) };
    let mut seen = BTreeSet::new();
    for assignment in &update.assignments {
        if let AssignmentTarget::ColumnName(column) = &assignment.target
            && !seen.insert(column.to_string().to_lowercase())
        {
            return Err(EngineError::invalid(format!("column {column} is set twice")));
        }
    }
    Ok(())
}
