//! `segment(r, f, m, map => 'crm.my_map')`: a segment map that is a table of the warehouse.
//!
//! The functions take the name of a built-in map, or rules as text. A text that is neither but could name a table is
//! looked up like any other table, view and schema included; its rows are read before the statement is planned, and
//! their rules stand in place of the name. A table holds the columns that `segment_map` lists.
//!
//! Example: `map => 'my_map'` becomes `map => 'Best: r 4-9, f 4-9; Rest: any'`.

use super::named;
use crate::context::quote;
use crate::error::{EngineError, ErrorKind, Result};
use crate::relations::Relations;
use crate::rights::Behalf;
use crate::sql::reader::normalize;
use crate::state::State;
use datafusion::physical_plan::collect;
use futures::future::BoxFuture;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, TableFactor, Value, ValueWithSpan, VisitorMut,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The functions that take a map, and the place of the argument.
pub(super) const SCALARS: [(&str, usize); 2] = [("segment", 3), ("rfm_segment", 3)];
pub(super) const TABLES: [(&str, usize); 2] = [("segment_map", 0), ("segment_map_check", 0)];
/// A map of more rows is no map.
const ROWS_LIMIT: usize = 10_000;

/// Maps by the name of their table.
#[derive(Default)]
pub(super) struct Maps {
    /// Named and not read yet, and where.
    wanted: BTreeMap<String, (u64, u64)>,
    /// Their rules as text.
    rules: BTreeMap<String, String>,
}

impl Maps {
    /// Looks at an expression: remembers the map it names, or puts the rules in.
    pub(super) fn expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr {
            self.call(&SCALARS, name, &mut list.args);
        }
    }

    /// The same for a call in FROM.
    pub(super) fn table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Table { name, args: Some(call), .. } = factor {
            self.call(&TABLES, name, &mut call.args);
        }
    }

    fn call(&mut self, known: &[(&str, usize)], name: &ObjectName, args: &mut [FunctionArg]) {
        let [ObjectNamePart::Identifier(called)] = name.0.as_slice() else { return };
        let called = normalize(called);
        let place = known.iter().find(|(name, _)| *name == called).map(|(_, place)| *place);
        let Some(argument) = place.and_then(|place| args.get_mut(place)) else { return };
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            span,
        }))) = argument
        else {
            return;
        };
        if let Some(rules) = self.rules.get(text.as_str()) {
            text.clone_from(rules);
        } else if is_a_table(text) {
            self.wanted.insert(text.clone(), (span.start.line, span.start.column));
        }
    }

    /// Reads the tables that are wanted; none is an answer, too.
    pub(super) fn read<'a>(
        mut self,
        relations: &'a Relations,
        state: &'a State,
        behalf: Behalf,
    ) -> BoxFuture<'a, Result<Option<Self>>> {
        Box::pin(async move {
            if self.wanted.is_empty() {
                return Ok(None);
            }
            relations.note_map();
            for (name, (line, column)) in std::mem::take(&mut self.wanted) {
                let rules = read(&name, relations, state, behalf).await;
                self.rules.insert(name, rules.map_err(|error| error.at(line, column))?);
            }
            Ok(Some(self))
        })
    }
}

impl VisitorMut for Maps {
    type Break = EngineError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        self.table_factor(factor);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        self.expr(expr);
        ControlFlow::Continue(())
    }
}

/// Neither a built-in map nor rules, but a name.
pub(super) fn is_a_table(text: &str) -> bool {
    let built_in = pareto_udfs::MAPS.iter().any(|map| map.name.eq_ignore_ascii_case(text.trim()));
    !built_in && named::table(text).is_some()
}

/// The rules in a table, as text.
async fn read(name: &str, relations: &Relations, state: &State, behalf: Behalf) -> Result<String> {
    let parts = named::table(name).unwrap_or_default();
    let parts: Vec<String> = parts.iter().map(|part: &Ident| quote(&normalize(part))).collect();
    let sql = format!("SELECT * FROM {} LIMIT {}", parts.join("."), ROWS_LIMIT + 1);
    let plan = super::plan(crate::sql::parse_query(&sql)?, relations, state, behalf);
    let plan = plan.await.map_err(|error| missing(name, error))?;
    // Its rows are read here and now, before the statement that names it is planned and checked.
    relations.check_read(&BTreeSet::new())?;
    let batches = collect(state.create_physical_plan(&plan).await?, state.task_ctx()).await?;
    if batches.iter().map(|batch| batch.num_rows()).sum::<usize>() > ROWS_LIMIT {
        let problem = format!("\"{name}\" is no segment map: it has more than {ROWS_LIMIT} rows");
        return Err(EngineError::invalid(problem));
    }
    pareto_udfs::segment_map_text(&batches).map_err(|error| {
        let error = EngineError::from(error);
        let problem = error.message.trim_start_matches("segment map: ");
        let message = format!("\"{name}\" is no segment map: {problem}");
        EngineError { message, position: None, ..error }
            .with_hint("SELECT * FROM segment_map('standard10') shows what one looks like")
    })
}

/// A misspelt map reads like a table that is not there.
fn missing(name: &str, error: EngineError) -> EngineError {
    if error.kind != ErrorKind::NotFound {
        return EngineError { position: None, ..error };
    }
    let built_in = || pareto_udfs::MAPS.iter().map(|map| map.name);
    let problem = format!("segment map \"{name}\" does not exist");
    let near = EngineError::not_found(problem).with_nearest(name, built_in());
    match (near.hint.is_some(), error.hint) {
        (true, _) => near,
        (false, Some(hint)) => near.with_hint(hint),
        (false, None) => {
            let known = built_in().collect::<Vec<_>>().join(", ");
            near.with_hint(format!("a map is one of {known}, a table of rules, or rules as text"))
        }
    }
}
