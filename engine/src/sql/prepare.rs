//! Rewrites the parts of a tree that DataFusion does not know, before it plans.
//!
//! | Written | Becomes |
//! |---|---|
//! | `sales VERSION AS OF 3` | the relation `"sales VERSION AS OF 3"`, with the alias `sales` |
//! | `read_csv('x.csv')` | a relation of that name, whose files are opened here because planning may not wait |
//! | `in_segment(customer_id, 'best')` | `customer_id IN (SELECT .. FROM` the segment's members`)` |
//! | `decile(x, ties => 'split')` | the same call with every argument in its place |
//! | `CustomerID` over a file whose column is `"CustomerID"` | the quoted name, where only one column can be meant |
//!
//! It changes names, never meaning: what it does not recognise it leaves alone.

mod columns;
mod file_functions;

pub(crate) use file_functions::FUNCTIONS as FILE_FUNCTIONS;

use crate::context::full;
use crate::error::{EngineError, Result};
use crate::relations::{Relations, versioned};
use crate::sql::reader::normalize;
use crate::sql::tree::Tree;
use crate::sql::walk;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{CopyToSource, Statement as SqlStatement};
use futures::TryFutureExt;
use futures::future::BoxFuture;
use pareto_catalog::AsOf;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, TableAlias, TableFactor, TableVersion, Value, ValueWithSpan, VisitorMut,
};
use std::ops::ControlFlow;

/// Prepares a statement and plans it.
pub(crate) fn plan<'a>(
    mut tree: Tree,
    relations: &'a Relations,
    state: &'a SessionState,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        for (name, source) in rewritten(&mut tree, relations)? {
            relations.add_files(name, &source).await?;
        }
        let references = state.resolve_table_references(tree.statement()?)?;
        let known = columns::known(references, state).await?;
        columns::spell(tree.statement_mut()?, known)?;
        planned(tree, state).await
    })
}

/// Rewrites what needs no waiting; returns the files that the statement reads in place.
fn rewritten(
    tree: &mut Tree,
    relations: &Relations,
) -> Result<Vec<(String, crate::relations::FileSource)>> {
    // Named arguments and left-out ones become positions, as the planner wants them.
    pareto_udfs::normalize_statement(tree.statement_mut()?)?;
    let mut rewrite = Rewrite { relations, files: Vec::new() };
    visit(tree.statement_mut()?, &mut rewrite)?;
    Ok(rewrite.files)
}

/// DataFusion's planner on the tree.
fn planned(tree: Tree, state: &SessionState) -> BoxFuture<'_, Result<LogicalPlan>> {
    match tree.into_statement() {
        Ok(statement) => Box::pin(state.statement_to_plan(statement).map_err(EngineError::from)),
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
    files: Vec<(String, crate::relations::FileSource)>,
}

impl VisitorMut for Rewrite<'_> {
    type Break = EngineError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        match self.table_factor(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        match self.in_segment(expr) {
            Ok(Some(replacement)) => {
                *expr = replacement;
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Rewrite<'_> {
    fn table_factor(&mut self, factor: &mut TableFactor) -> Result<()> {
        let TableFactor::Table { name, alias, args, version, .. } = factor else { return Ok(()) };
        if let Some(arguments) = args {
            if let Some(source) = file_functions::source(name, &arguments.args)? {
                let relation = format!("{name}({})", list(&arguments.args));
                alias.get_or_insert_with(|| plain_alias(&name.to_string().to_lowercase()));
                *name = ObjectName::from(vec![Ident::with_quote('"', relation.clone())]);
                *args = None;
                self.files.push((relation, source));
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

    /// `in_segment(x, 's')` as a membership test, so that the planner makes it a semi join.
    fn in_segment(&self, expr: &Expr) -> Result<Option<Expr>> {
        let Expr::Function(function) = expr else { return Ok(None) };
        if !function.name.to_string().eq_ignore_ascii_case("in_segment") {
            return Ok(None);
        }
        let Some((member, segment)) = two_arguments(function) else {
            return Err(EngineError::invalid(
                "in_segment takes a column and the name of a segment",
            )
            .with_hint("in_segment(customer_id, 'champions')"));
        };
        let segment = self.relations.segment(&segment)?;
        let column = self
            .relations
            .catalog()
            .table(&segment.table)?
            .columns
            .first()
            .map(|column| column.name.clone());
        let column = column.ok_or_else(|| EngineError::internal("a segment without a column"))?;
        let sql = format!(
            "SELECT 1 IN (SELECT {} FROM {})",
            crate::context::quote(&column),
            full(&segment.table)
        );
        let mut parsed = super::parse_query(&sql)?;
        let mut taken = TakeMembership(None);
        visit(parsed.statement_mut()?, &mut taken)?;
        match taken.0 {
            Some(Expr::InSubquery { subquery, negated, .. }) => {
                Ok(Some(Expr::InSubquery { expr: Box::new(member), subquery, negated }))
            }
            _ => Err(EngineError::internal("a segment test that is none")),
        }
    }
}

/// Takes the first membership test out of a tree.
struct TakeMembership(Option<Expr>);

impl VisitorMut for TakeMembership {
    type Break = EngineError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        if self.0.is_none() && matches!(expr, Expr::InSubquery { .. }) {
            self.0 = Some(expr.clone());
        }
        ControlFlow::Continue(())
    }
}

fn two_arguments(function: &Function) -> Option<(Expr, String)> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(member)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(segment)),
    ] = list.args.as_slice()
    else {
        return None;
    };
    Some((member.clone(), text(segment)?))
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
