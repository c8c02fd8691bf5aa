//! Clauses that the parser knows and nothing here carries out: refused by name, for an answer without them would be
//! another answer and look like the right one.
//!
//! Example: `SELECT count(*) FROM sales TABLESAMPLE BERNOULLI (10)` is refused; it would count every row.

use crate::error::{EngineError, Result};
use sqlparser::ast::{
    AssignmentTarget, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Query, SetExpr, Statement, TableFactor, Visit, Visitor,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// `FOR UPDATE` and `FOR SHARE`; a query among the values of `VALUES`.
pub(super) fn query(query: &Query) -> Result<()> {
    if let Some(lock) = query.locks.first() {
        return Err(EngineError::invalid(format!("{lock} is not supported: nothing locks rows"))
            .with_hint(
                "a statement reads one version of each table; a commit that lost a race says so",
            ));
    }
    if let SetExpr::Values(values) = query.body.as_ref()
        && values.visit(&mut Queries).is_break()
    {
        return Err(EngineError::invalid("VALUES cannot hold a query")
            .with_hint("SELECT (SELECT ..), .. gives a row of queries' results"));
    }
    Ok(())
}

/// Stops at the first query.
struct Queries;

impl Visitor for Queries {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// `TABLESAMPLE`, `PIVOT`, `UNPIVOT` and `MATCH_RECOGNIZE`.
pub(super) fn table(factor: &TableFactor) -> Result<()> {
    match factor {
        TableFactor::Pivot { .. } => Err(EngineError::invalid("PIVOT is not supported").with_hint(
            "one aggregate for each column does it: sum(x) FILTER (WHERE channel = 'web') AS web",
        )),
        TableFactor::Unpivot { .. } => {
            Err(EngineError::invalid("UNPIVOT is not supported").with_hint(
                "UNION ALL of one SELECT for each column does it, and CROSS JOIN of VALUES with CASE",
            ))
        }
        TableFactor::MatchRecognize { .. } => {
            Err(EngineError::invalid("MATCH_RECOGNIZE is not supported")
                .with_hint("lag() and lead() compare a row with those around it"))
        }
        TableFactor::Table { sample: Some(_), .. }
        | TableFactor::Derived { sample: Some(_), .. } => {
            Err(EngineError::invalid("TABLESAMPLE is not supported")
                .with_hint("WHERE random() < 0.1 takes about a tenth of the rows"))
        }
        _ => Ok(()),
    }
}

/// `count(DISTINCT *)`, and `*` as an argument of anything else.
pub(super) fn expr(expr: &Expr) -> Result<()> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else {
        return Ok(());
    };
    let takes_all = name.to_string().eq_ignore_ascii_case("count");
    let is_all = |argument: &FunctionArg| {
        matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Wildcard))
    };
    if !takes_all && list.args.iter().any(is_all) {
        return Err(EngineError::invalid(format!("{name} does not take *"))
            .with_hint("name a column; only count(*) counts rows"));
    }
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
