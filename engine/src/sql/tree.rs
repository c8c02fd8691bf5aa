//! A syntax tree that may wait.
//!
//! The parser's tree is made of six hundred types that contain each other. Wherever an async function holds a part of it
//! while it waits, the compiler proves anew that all of them may move between threads, which takes minutes. Here the
//! tree is behind one pointer whose promise is made once. It can only be looked at between waits. What is asked again and
//! again shares one tree; who changes it gets one of its own.
//!
//! Example: `Tree::of_query(query)`; `tree.statement()?`; `tree.into_statement()?`.

use crate::error::{EngineError, Result};
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as SqlStatement;
use sqlparser::ast::{ObjectName, ObjectNamePart, Query, Statement};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A statement's tree.
pub(crate) struct Tree(Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statement() {
            Ok(statement) => write!(f, "{statement}"),
            Err(_) => f.write_str("a tree"),
        }
    }
}

impl Tree {
    /// A statement as a tree.
    pub(crate) fn new(statement: SqlStatement) -> Self {
        Self(Arc::new(statement))
    }

    /// A query as a tree.
    pub(crate) fn of_query(query: Box<Query>) -> Self {
        Self::new(SqlStatement::Statement(Box::new(Statement::Query(query))))
    }

    /// The statement.
    pub(crate) fn statement(&self) -> Result<&SqlStatement> {
        self.0.downcast_ref().ok_or_else(misplaced)
    }

    /// The statement, to be changed.
    pub(crate) fn statement_mut(&mut self) -> Result<&mut SqlStatement> {
        if Arc::get_mut(&mut self.0).is_none() {
            self.0 = Arc::new(self.statement()?.clone());
        }
        Arc::get_mut(&mut self.0).and_then(|tree| tree.downcast_mut()).ok_or_else(misplaced)
    }

    /// The statement itself.
    pub(crate) fn into_statement(self) -> Result<SqlStatement> {
        self.0.downcast().map(Arc::unwrap_or_clone).map_err(|_| misplaced())
    }

    /// The same tree for somebody else.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// The query, when the statement is one.
    pub(crate) fn query(&self) -> Result<&Query> {
        match self.statement()? {
            SqlStatement::Statement(statement) => match statement.as_ref() {
                Statement::Query(query) => Ok(query),
                _ => Err(EngineError::invalid("expected a query")),
            },
            _ => Err(EngineError::invalid("expected a query")),
        }
    }
}

fn misplaced() -> EngineError {
    EngineError::internal("a tree that holds no statement")
}

/// A name as it was written, in parts; the parser's own may hold function calls and with them the whole tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written(Vec<String>);

impl Written {
    /// The parts, as the planner reads them.
    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }
}

impl From<&ObjectName> for Written {
    fn from(name: &ObjectName) -> Self {
        let part = |part: &ObjectNamePart| match part {
            ObjectNamePart::Identifier(ident) => super::reader::normalize(ident),
            ObjectNamePart::Function(function) => super::reader::normalize(&function.name),
        };
        Self(name.0.iter().map(part).collect())
    }
}

impl From<&TableReference> for Written {
    fn from(name: &TableReference) -> Self {
        Self(name.to_vec())
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
