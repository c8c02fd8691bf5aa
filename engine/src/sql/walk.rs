//! Walking a syntax tree, compiled once.
//!
//! The parser's visitor is generic over the visitor: every kind of visitor makes the compiler write out a walk over four
//! hundred types again, and wait for minutes. Here the visitor is behind a pointer, so the walk exists once.
//!
//! Example: `walk::statement(&mut statement, &mut Balance)`.

use crate::error::{EngineError, Result};
use sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// A visitor, as the walk sees it.
pub(crate) type Visitor<'a> = dyn VisitorMut<Break = EngineError> + 'a;

struct Pointed<'a, 'v>(&'a mut Visitor<'v>);

impl VisitorMut for Pointed<'_, '_> {
    type Break = EngineError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<EngineError> {
        self.0.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<EngineError> {
        self.0.post_visit_query(query)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<EngineError> {
        self.0.pre_visit_select(select)
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<EngineError> {
        self.0.pre_visit_relation(relation)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        self.0.pre_visit_table_factor(factor)
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        self.0.pre_visit_expr(expr)
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<EngineError> {
        self.0.pre_visit_statement(statement)
    }
}

/// Walks a statement, outer parts first; a visitor that breaks ends the walk with its error.
pub(crate) fn statement(statement: &mut Statement, visitor: &mut Visitor<'_>) -> Result<()> {
    match statement.visit(&mut Pointed(visitor)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Walks a query.
pub(crate) fn query(query: &mut Query, visitor: &mut Visitor<'_>) -> Result<()> {
    match query.visit(&mut Pointed(visitor)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}
