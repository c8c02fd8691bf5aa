//! `CREATE [OR REPLACE] VIEW [IF NOT EXISTS] v [(columns)] [COMMENT 'text'] AS query`.
//!
//! The query is planned now, so that a view that cannot work is refused, and kept as text. Names without a schema mean
//! what they mean now: when the view goes into another schema than the current one, they are written out, also those in
//! texts, such as the table of `rfm_table('sales', ..)`. A view that would reach itself is refused.
//!
//! Example: `CREATE VIEW best AS SELECT * FROM customers WHERE tier = 'gold'`.

use super::{Own, own};
use crate::context::{StatementContext, full};
use crate::error::{EngineError, Result};
use crate::relations::has_star;
use crate::session::Outcome;
use crate::sql::prepare::told::{self, Told};
use crate::sql::reader::{Reader, normalize};
use crate::sql::tree::{Tree, Written};
use crate::sql::{self, Parsed};
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use pareto_catalog::{CatalogError, CatalogErrorKind, Change, Column, Entry, Name, View};
use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, Query, TableFactor, VisitorMut};
use sqlparser::tokenizer::Token;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

#[derive(Debug)]
struct CreateView {
    name: Written,
    replace: bool,
    if_not_exists: bool,
    columns: Vec<String>,
    comment: Option<String>,
    query: Tree,
    text: String,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("CREATE")?;
    let replace = reader.word("OR REPLACE");
    reader.expect("VIEW")?;
    let if_not_exists = reader.word("IF NOT EXISTS");
    let name = reader.name()?;
    let columns =
        if reader.peek_mark(&Token::LParen) { reader.list(Reader::ident)? } else { Vec::new() };
    let comment = if reader.word("COMMENT") { Some(reader.string()?) } else { None };
    reader.expect("AS")?;
    let start = reader.here();
    let query = reader.query()?;
    let text = reader.since(start).to_owned();
    own(CreateView { name, replace, if_not_exists, columns, comment, query, text })
}

#[async_trait]
impl Own for CreateView {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let written = context.name(&self.name)?;
        let name = Name::new(context.catalog.schema(&written.schema)?.name.clone(), written.name);
        context.require_make(&name)?;
        let plan = context.plan(self.query.share()).await?;
        let read = context.relations().read();
        context.session.refuse_temporary(&read, "a view cannot stand on")?;
        if !plan.get_parameter_names()?.is_empty() {
            return Err(EngineError::invalid("a view cannot have parameters"));
        }
        self.refuse_swapped(&plan)?;
        let names: Vec<String> = match self.columns.len() {
            0 => plan.schema().fields().iter().map(|field| field.name().clone()).collect(),
            count if count == plan.schema().fields().len() => self.columns.clone(),
            count => {
                let have = plan.schema().fields().len();
                return Err(EngineError::invalid(format!(
                    "the query gives {have} columns, but {count} names are given"
                )));
            }
        };
        if let Some(twice) =
            names.iter().enumerate().find(|(index, name)| names[..*index].contains(name))
        {
            return Err(EngineError::invalid(format!(
                "column \"{}\" appears twice in the view",
                twice.1
            ))
            .with_hint("give one of them another name with AS"));
        }
        let columns = names.into_iter().zip(plan.schema().fields()).map(|(name, field)| Column {
            nullable: field.is_nullable(),
            ..Column::new(name, field.data_type().clone())
        });
        refuse_cycle(context, &name, &self.query, &context.schema())?;
        let view = View {
            sql: kept(context, self.query.query()?, &self.text, &name.schema),
            columns: columns.collect(),
            comment: self.comment.clone(),
            name,
        };
        self.enter(context, view).await
    }
}

impl CreateView {
    /// The columns of `SELECT *` go by their names, so these cannot be given to each other.
    fn refuse_swapped(&self, plan: &LogicalPlan) -> Result<()> {
        let have: Vec<&str> = plan.schema().fields().iter().map(|f| f.name().as_str()).collect();
        let given: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let same = given.len() == have.len() && given.iter().all(|name| have.contains(name));
        if given == have || !same || !has_star(&self.query) {
            return Ok(());
        }
        Err(EngineError::invalid("the view gives the columns of * the names of each other")
            .with_hint("list the columns: SELECT b AS a, a AS b FROM .."))
    }

    async fn enter(&self, context: &StatementContext, view: View) -> Result<Outcome> {
        let change = context.change(|catalog| {
            catalog.schema(&view.name.schema)?;
            if let Ok(table) = catalog.table(&view.name) {
                return Err(CatalogError::new(
                    CatalogErrorKind::AlreadyExists,
                    format!("\"{}\" already exists as a table", table.name),
                ));
            }
            match catalog.view(&view.name) {
                Ok(_) if self.if_not_exists => Ok(Vec::new()),
                Ok(known) if !self.replace => Err(CatalogError::new(
                    CatalogErrorKind::AlreadyExists,
                    format!("view \"{}\" already exists", known.name),
                )
                .with_hint("CREATE OR REPLACE VIEW replaces it")),
                _ => Ok(vec![Change::Put(Entry::View(view.clone()))]),
            }
        });
        change.await?;
        Ok(Outcome::Done)
    }
}

/// The text to keep: as written, or with names written out when it will be read in another schema.
pub(super) fn kept(context: &StatementContext, query: &Query, text: &str, schema: &str) -> String {
    let current = context.schema();
    if current == schema {
        return text.to_owned();
    }
    let mut query = query.clone();
    let mut write_out = WriteOut { context, schema: current, scopes: Vec::new() };
    let _ = sql::walk::query(&mut query, &mut write_out);
    query.to_string()
}

/// Puts the schema before names that have none and are not the query's own, in texts that name tables too.
struct WriteOut<'a> {
    context: &'a StatementContext,
    schema: String,
    /// The queries around the place that is looked at, outermost first.
    scopes: Vec<Scope>,
}

/// What WITH means in one query.
struct Scope {
    /// The names that hide tables here.
    own: BTreeSet<String>,
    /// The names whose queries are still to come, the next one last. A query sees the names before its own alone.
    coming: Vec<String>,
    /// Whether a name means itself in its own query.
    recursive: bool,
}

impl WriteOut<'_> {
    fn is_own(&self, name: &str) -> bool {
        self.scopes.last().is_some_and(|scope| scope.own.contains(name))
    }

    /// The full name of a table or view that is written without a schema.
    fn found(&self, name: String) -> Option<Name> {
        let name = Name::new(self.schema.clone(), name);
        self.context.exists(&name).then_some(name)
    }

    /// The full name in place of one that a text gives.
    fn text(&self, told: Told, text: &mut String) {
        let Some(name) = told.without_schema(text) else { return };
        // A map is looked up outside of the query.
        if told == Told::Table && self.is_own(&name) {
            return;
        }
        if let Some(name) = self.found(name) {
            *text = full(&name);
        }
    }
}

impl VisitorMut for WriteOut<'_> {
    type Break = EngineError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<EngineError> {
        let mut own = BTreeSet::new();
        if let Some(around) = self.scopes.last() {
            own.extend(around.own.iter().cloned());
            own.extend(around.coming.last().filter(|_| around.recursive).cloned());
        }
        let tables = query.with.iter().flat_map(|with| &with.cte_tables).rev();
        self.scopes.push(Scope {
            own,
            coming: tables.map(|table| normalize(&table.alias.name)).collect(),
            recursive: query.with.as_ref().is_some_and(|with| with.recursive),
        });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<EngineError> {
        self.scopes.pop();
        // The queries of WITH come first, in order: this was the next of them, or all are through.
        if let Some(around) = self.scopes.last_mut() {
            around.own.extend(around.coming.pop());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        told::in_factor(factor, &mut |told, text| self.text(told, text));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        told::in_expr(expr, &mut |told, text| self.text(told, text));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<EngineError> {
        if let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() {
            let ident = normalize(ident);
            if !self.is_own(&ident) && self.found(ident).is_some() {
                name.0.insert(
                    0,
                    ObjectNamePart::Identifier(Ident::with_quote('"', self.schema.clone())),
                );
            }
        }
        ControlFlow::Continue(())
    }
}

/// Follows the views a query stands on; each is visited once.
fn refuse_cycle(context: &StatementContext, view: &Name, query: &Tree, schema: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut open = vec![(query.share(), schema.to_owned())];
    while let Some((tree, schema)) = open.pop() {
        for reference in context.state().resolve_table_references(tree.statement()?)? {
            let name = Name::new(reference.schema().unwrap_or(&schema), reference.table());
            let Ok(found) = context.catalog.view(&name) else { continue };
            if found.name == *view {
                return Err(EngineError::invalid(format!(
                    "view \"{view}\" would be defined by itself"
                )));
            }
            if seen.insert(found.name.clone()) {
                open.push((sql::parse_query(&found.sql)?, found.name.schema.clone()));
            }
        }
    }
    Ok(())
}
