//! Lets column names match without case where only one column can be meant.
//!
//! The planner reads an unquoted `CustomerID` as `customerid`. Tables made here have such names; files made elsewhere
//! often do not. When a relation of the statement has a column with capitals, an unquoted name that matches exactly
//! one column of the statement's relations is replaced by that column's own spelling. A name that the statement itself
//! gives (an alias) is left alone, and so is a quoted one. Two columns that differ in case only are refused by name.
//!
//! Example: over a file with `"CustomerID"`, `SELECT customerid` reads that column.

use crate::error::{EngineError, Result};
use crate::state::State;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as SqlStatement;
use futures::future::BoxFuture;
use sqlparser::ast::{
    AssignmentTarget, Cte, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SelectItem, Statement, TableFactor, VisitorMut,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// How the columns of the statement's relations are spelt, by their lower case.
pub(super) type Spellings = BTreeMap<String, BTreeSet<String>>;

/// The spellings, or none when no column has a capital.
pub(super) fn known<'a>(
    references: Vec<TableReference>,
    state: &'a State,
) -> BoxFuture<'a, Result<Spellings>> {
    Box::pin(async move {
        let mut known = Spellings::new();
        let mut capitals = false;
        for reference in references {
            let Ok(schema) = state.schema_for_ref(reference.clone()) else { continue };
            let Some(table): Option<Arc<dyn TableProvider>> =
                schema.table(reference.table()).await?
            else {
                continue;
            };
            for field in table.schema().fields() {
                let lower = field.name().to_lowercase();
                capitals |= lower != *field.name();
                known.entry(lower).or_default().insert(field.name().clone());
            }
        }
        Ok(if capitals { known } else { Spellings::new() })
    })
}

/// Replaces names that differ from a column's in case only.
pub(super) fn spell(statement: &mut SqlStatement, mut known: Spellings) -> Result<()> {
    if known.is_empty() {
        return Ok(());
    }
    let mut aliases = Aliases(BTreeSet::new());
    super::visit(statement, &mut aliases)?;
    known.retain(|lower, _| !aliases.0.contains(lower));
    super::visit(statement, &mut Spell { known })
}

/// The names a statement gives.
struct Aliases(BTreeSet<String>);

impl Aliases {
    fn add(&mut self, ident: &Ident) {
        self.0.insert(ident.value.to_lowercase());
    }
}

impl VisitorMut for Aliases {
    type Break = EngineError;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<EngineError> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.add(alias);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<EngineError> {
        for Cte { alias, .. } in query.with.iter().flat_map(|with| &with.cte_tables) {
            alias.columns.iter().for_each(|column| self.add(&column.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            alias.columns.iter().for_each(|column| self.add(&column.name));
        }
        ControlFlow::Continue(())
    }
}

struct Spell {
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Spell {
    fn ident(&self, ident: &mut Ident) -> ControlFlow<EngineError> {
        if ident.quote_style.is_some() {
            return ControlFlow::Continue(());
        }
        let lower = ident.value.to_lowercase();
        let Some(spellings) = self.known.get(&lower) else { return ControlFlow::Continue(()) };
        if spellings.contains(&lower) && spellings.len() == 1 {
            return ControlFlow::Continue(());
        }
        // The spelling as written wins over the others.
        let chosen = match (spellings.get(&ident.value), spellings.len()) {
            (Some(exact), _) => exact,
            (None, 1) => &spellings.iter().next().cloned().unwrap_or_default(),
            (None, _) => {
                let names: Vec<String> =
                    spellings.iter().map(|name| format!("\"{name}\"")).collect();
                let error = EngineError::invalid(format!(
                    "column \"{}\" could be {}",
                    ident.value,
                    names.join(" or ")
                ))
                .with_hint("write the one you mean in double quotes");
                return ControlFlow::Break(
                    error.at(ident.span.start.line, ident.span.start.column),
                );
            }
        };
        *ident = Ident { value: chosen.clone(), quote_style: Some('"'), span: ident.span };
        ControlFlow::Continue(())
    }

    fn name(&self, name: &mut ObjectName) -> ControlFlow<EngineError> {
        match name.0.last_mut() {
            Some(ObjectNamePart::Identifier(ident)) => self.ident(ident),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl VisitorMut for Spell {
    type Break = EngineError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        match expr {
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(parts) => match parts.last_mut() {
                Some(ident) => self.ident(ident),
                None => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<EngineError> {
        for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
            let (JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)) = &mut join.join_operator
            else {
                continue;
            };
            if let JoinConstraint::Using(names) = constraint {
                for name in names {
                    self.name(name)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<EngineError> {
        match statement {
            Statement::Insert(insert) => {
                for column in &mut insert.columns {
                    self.name(column)?;
                }
            }
            Statement::Update(update) => {
                for assignment in &mut update.assignments {
                    if let AssignmentTarget::ColumnName(name) = &mut assignment.target {
                        self.name(name)?;
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
