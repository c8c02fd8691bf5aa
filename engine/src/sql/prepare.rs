//! Rewrites the parts of a tree that DataFusion does not know, before it plans.
//!
//! | Written | Becomes |
//! |---|---|
//! | `sales VERSION AS OF 3` | the relation `"sales VERSION AS OF 3"`, with the alias `sales` |
//! | `read_csv('x.csv')` | a relation of that name, whose files are opened here because planning may not wait |
//! | `rfm_table('sales', ..)` | the query it stands for |
//! | `segment(r, f, m, map => 'my_map')` | the same call with the rules in the table `my_map` |
//! | `in_segment(customer_id, 'best')` | the same call of a function that knows the members of the segment |
//! | `decile(x, ties => 'split')` | the same call with every argument in its place |
//! | `12345678901234567.89` | the DECIMAL with these digits, which a DOUBLE would not keep |
//! | `UPDATE t SET .. FROM s WHERE ..` | the `MERGE` that says the same |
//! | `CustomerID` over a file whose column is `"CustomerID"` | the quoted name, where only one column can be meant |
//!
//! It changes names, never meaning: what it does not recognise it leaves alone.

mod chains;
mod columns;
mod exact_numbers;
mod file_functions;
mod named;
mod refused;
mod segment_maps;
pub(crate) mod told;
mod update_from;

pub(crate) use file_functions::FUNCTIONS as FILE_FUNCTIONS;

use crate::context::full;
use crate::error::{EngineError, Result};
use crate::functions::in_segment::InSegment;
use crate::relations::{Relations, versioned};
use crate::rights::Behalf;
use crate::sql::reader::normalize;
use crate::sql::size;
use crate::sql::tree::Tree;
use crate::sql::walk;
use crate::state::State;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::sql::parser::{CopyToSource, Statement as SqlStatement};
use futures::FutureExt;
use futures::future::BoxFuture;
use pareto_catalog::AsOf;
use segment_maps::Maps;
use sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Query, Statement, TableAlias, TableFactor, TableVersion, TypedString, Value,
    ValueWithSpan, VisitorMut,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Prepares a statement and plans it with the names that `state` has. Whoever it is done on behalf of, rights to read and
/// write tables are checked by the caller.
pub(crate) fn plan<'a>(
    mut tree: Tree,
    relations: &'a Relations,
    state: &'a State,
    behalf: Behalf,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        let Found { files, segments, maps } = rewritten(&mut tree, relations, behalf)?;
        for (name, source) in files {
            relations.add_files(name, &source, behalf).await?;
        }
        if let Some(mut maps) = maps.read(relations, state, behalf).await? {
            visit(tree.statement_mut()?, &mut maps)?;
        }
        let references = state.resolve_table_references(tree.statement()?)?;
        let known = columns::known(references, state).await?;
        columns::spell(tree.statement_mut()?, known)?;
        if segments.is_empty() {
            return planned(tree, state).await;
        }
        let state = knowing(segments, state).await?;
        planned(tree, &state).await
    })
}

/// A state whose `in_segment` knows the members of these segments.
pub(crate) fn knowing(
    segments: BTreeMap<String, String>,
    state: &State,
) -> BoxFuture<'_, Result<State>> {
    Box::pin(async move {
        let mut members = BTreeMap::new();
        for (segment, sql) in segments {
            members.insert(segment, planned(super::parse_query(&sql)?, state).await?);
        }
        let mut state = state.copy();
        state.register_udf(Arc::new(ScalarUDF::from(InSegment::new(members))))?;
        Ok(state.into())
    })
}

/// Rewrites what needs no waiting; returns what does.
fn rewritten(tree: &mut Tree, relations: &Relations, behalf: Behalf) -> Result<Found> {
    // Named arguments and left-out ones become positions, as the planner wants them.
    pareto_udfs::normalize_statement(tree.statement_mut()?)?;
    let mut rewrite = Rewrite { relations, behalf, found: Found::default() };
    visit(tree.statement_mut()?, &mut rewrite)?;
    Ok(rewrite.found)
}

/// What a statement names that has to be looked up before it is planned.
#[derive(Default)]
struct Found {
    /// The files it reads in place, by the names their relations get.
    files: Vec<(String, crate::relations::FileSource)>,
    /// The segments it asks for, with the query of their members.
    segments: BTreeMap<String, String>,
    /// The segment maps it names that are tables.
    maps: Maps,
}

/// DataFusion's planner on the tree.
fn planned(tree: Tree, state: &State) -> BoxFuture<'_, Result<LogicalPlan>> {
    match tree.into_statement() {
        Ok(statement) => Box::pin(
            state
                .statement_to_plan(statement)
                .map(|plan| plan.map_err(EngineError::from).and_then(size::checked)),
        ),
        Err(error) => Box::pin(std::future::ready(Err(error))),
    }
}

/// Lets a visitor walk a statement of either parser.
fn visit(statement: &mut SqlStatement, visitor: &mut walk::Visitor<'_>) -> Result<()> {
    match statement {
        SqlStatement::Statement(inner) => walk::statement(inner, visitor),
        SqlStatement::Explain(explain) => visit(&mut explain.statement, visitor),
        SqlStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => walk::query(query, visitor),
            CopyToSource::Relation(_) => Ok(()),
        },
        SqlStatement::CreateExternalTable(_) | SqlStatement::Reset(_) => Ok(()),
    }
}

struct Rewrite<'a> {
    relations: &'a Relations,
    behalf: Behalf,
    found: Found,
}

impl VisitorMut for Rewrite<'_> {
    type Break = EngineError;

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<EngineError> {
        let refused = refused::statement(statement);
        update_from::as_merge(statement);
        refused.map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<EngineError> {
        let checked = refused::query(query).and_then(|()| size::check_with(query));
        checked.map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        self.found.maps.table_factor(factor);
        match refused::table(factor).and_then(|()| self.table_factor(factor)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        self.found.maps.expr(expr);
        exact_numbers::expr(expr);
        match refused::expr(expr).and_then(|()| self.in_segment(expr)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Rewrite<'_> {
    fn table_factor(&mut self, factor: &mut TableFactor) -> Result<()> {
        let TableFactor::Table { name, alias, args, version, .. } = factor else { return Ok(()) };
        if let Some(arguments) = args {
            // The walk goes on into the query.
            if let Some(derived) = chains::expand(name, arguments, alias.as_ref())? {
                *factor = derived;
                return Ok(());
            }
            if let Some(source) = file_functions::source(name, &arguments.args)? {
                let relation = format!("{name}({})", list(&arguments.args));
                alias.get_or_insert_with(|| plain_alias(&name.to_string().to_lowercase()));
                *name = ObjectName::from(vec![Ident::with_quote('"', relation.clone())]);
                *args = None;
                self.found.files.push((relation, source));
            } else if let [ObjectNamePart::Identifier(called)] = name.0.as_mut_slice()
                && called.quote_style.is_none()
            {
                // The planner takes the name of a table function as it is written.
                called.value = called.value.to_lowercase();
                arguments.args.iter_mut().for_each(in_nanoseconds);
            }
            return Ok(());
        }
        let Some(at) = version.take() else { return Ok(()) };
        let at = as_of(&at)?;
        let Some(ObjectNamePart::Identifier(last)) = name.0.last_mut() else { return Ok(()) };
        let table = normalize(last);
        alias.get_or_insert_with(|| TableAlias { name: last.clone(), ..plain_alias("") });
        let mut renamed = Ident::with_quote('"', versioned(&table, &at));
        renamed.span = last.span;
        *last = renamed;
        Ok(())
    }

    /// Remembers the segment of `in_segment(x, 's')`.
    fn in_segment(&mut self, expr: &Expr) -> Result<()> {
        let Expr::Function(function) = expr else { return Ok(()) };
        if !function.name.to_string().eq_ignore_ascii_case("in_segment") {
            return Ok(());
        }
        let Some(name) = segment_argument(function) else {
            return Err(EngineError::invalid(
                "in_segment takes a column and the name of a segment",
            )
            .with_hint("in_segment(customer_id, 'champions')"));
        };
        let sql = members(self.relations, &name, self.behalf)?;
        self.found.segments.insert(name, sql);
        Ok(())
    }
}

/// The query of a segment's members.
pub(crate) fn members(relations: &Relations, name: &str, behalf: Behalf) -> Result<String> {
    let segment = relations.segment(name, behalf)?;
    let columns = &relations.catalog_of(behalf).table(&segment.table)?.columns;
    let Some(column) = columns.first() else {
        return Err(EngineError::internal("a segment without a column"));
    };
    let column = crate::context::quote(&column.name);
    Ok(format!("SELECT {column} FROM {}", full(&segment.table)))
}

/// The name in `in_segment(x, 'name')`.
fn segment_argument(function: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(_)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(segment)),
    ] = list.args.as_slice()
    else {
        return None;
    };
    text(segment)
}

/// The table functions of the planner count times in nanoseconds and take no others.
fn in_nanoseconds(argument: &mut FunctionArg) {
    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(
        Expr::TypedString(TypedString { data_type, .. }) | Expr::Cast { data_type, .. },
    )) = argument
        && let DataType::Timestamp(precision @ None, _) = data_type
    {
        *precision = Some(9);
    }
}

fn plain_alias(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: Ident::new(name), columns: Vec::new(), at: None }
}

fn list(arguments: &[FunctionArg]) -> String {
    arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A string in an expression.
fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => {
            Some(text.clone())
        }
        _ => None,
    }
}

fn as_of(version: &TableVersion) -> Result<AsOf> {
    match version {
        TableVersion::VersionAsOf(Expr::Value(ValueWithSpan {
            value: Value::Number(number, _),
            ..
        })) => match number.parse() {
            Ok(version) => Ok(AsOf::Version(version)),
            Err(_) => Err(EngineError::invalid(format!(
                "VERSION AS OF takes a whole number, not {number}"
            ))),
        },
        TableVersion::TimestampAsOf(Expr::TypedString(typed)) => match &typed.value.value {
            Value::SingleQuotedString(text) => moment(text),
            _ => Err(bad_moment()),
        },
        TableVersion::TimestampAsOf(expr) | TableVersion::ForSystemTimeAsOf(expr) => {
            match text(expr) {
                Some(text) => moment(&text),
                None => Err(bad_moment()),
            }
        }
        TableVersion::VersionAsOf(_) | TableVersion::Function(_) | TableVersion::Changes { .. } => {
            Err(EngineError::invalid(
                "a table version is written VERSION AS OF 12 or TIMESTAMP AS OF '2024-01-31 12:00:00'",
            ))
        }
    }
}

fn bad_moment() -> EngineError {
    EngineError::invalid("TIMESTAMP AS OF takes a time as text")
        .with_hint("TIMESTAMP AS OF '2024-01-31 12:00:00' (UTC)")
}

/// A moment in UTC unless the text names another zone.
pub(crate) fn moment(text: &str) -> Result<AsOf> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc));
    let naive = || {
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| {
                NaiveDate::parse_from_str(text, "%Y-%m-%d")
                    .ok()
                    .and_then(|date| date.and_hms_opt(0, 0, 0))
            })
            .map(|moment| moment.and_utc())
    };
    match zoned.or_else(naive) {
        Some(moment) => Ok(AsOf::Timestamp(moment)),
        None => Err(EngineError::invalid(format!("\"{text}\" is not a time"))
            .with_hint("write 2024-01-31 12:00:00 (UTC)")),
    }
}
