//! The arguments of one call of a chain, in the places of its contract.
//!
//! By position or by name, as the functions take theirs; NULL and nothing both stand for the default. Names of tables
//! and columns are constant texts; one of a list of words is checked here, so that the error names the chain. Everything
//! else is handed on as it was written, to the plain function that knows it.
//!
//! Example: `rfm_table('sales', 'customer_id', ts => 'sold_on', ..)`.

use crate::error::{EngineError, Result};
use crate::sql::prepare::{named, text};
use crate::sql::walk;
use pareto_udfs::{Kind, Otherwise, Parameter, Spec};
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Query, Spanned, Value, ValueWithSpan, VisitorMut,
};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};
use std::ops::ControlFlow;

/// One call.
pub(super) struct Call {
    pub(super) spec: &'static Spec,
    /// Where the chain is named.
    pub(super) place: Span,
    given: Vec<Option<Expr>>,
}

impl Call {
    /// Puts the arguments in their places, and refuses what the contract does not know.
    pub(super) fn read(
        spec: &'static Spec,
        place: Span,
        arguments: &[FunctionArg],
    ) -> Result<Self> {
        let mut call = Self { spec, place, given: vec![None; spec.parameters.len()] };
        let mut named_before = false;
        for (index, argument) in arguments.iter().enumerate() {
            let (name, value) = match argument {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
                | FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg: FunctionArgExpr::Expr(value),
                    ..
                } => (Some(name), value),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (None, value),
                _ => return Err(call.error(format!("{} takes values", spec.name), place)),
            };
            let index = match name {
                Some(name) => call.named(name)?,
                None if named_before => {
                    return Err(call.error(
                        format!(
                            "{}: write arguments without a name before those with one",
                            spec.name
                        ),
                        value.span(),
                    ));
                }
                None => index,
            };
            named_before |= name.is_some();
            let at = value.span();
            match call.given.get_mut(index) {
                Some(free @ None) => *free = Some(value.clone()).filter(|value| !is_null(value)),
                Some(Some(_)) => {
                    let name = spec.parameters.get(index).map_or("an argument", |p| p.name);
                    return Err(call.error(format!("{}: {name} is given twice", spec.name), at));
                }
                None => {
                    let most = spec.parameters.len();
                    let problem = format!("{} takes at most {most} arguments", spec.name);
                    return Err(call.error(problem, at).with_hint(spec.signature()));
                }
            }
        }
        call.check()?;
        Ok(call)
    }

    /// The place of a named argument.
    fn named(&self, name: &Ident) -> Result<usize> {
        let known = || self.spec.parameters.iter().map(|parameter| parameter.name);
        let written = crate::sql::reader::normalize(name);
        known().position(|known| known == written).ok_or_else(|| {
            let problem = format!("{} has no argument {}", self.spec.name, name.value);
            let error = self.error(problem, name.span).with_nearest(&written, known());
            match error.hint {
                Some(_) => error,
                None => error.with_hint(self.spec.signature()),
            }
        })
    }

    /// Nothing is missing, and every word is one of its list.
    fn check(&self) -> Result<()> {
        let missing: Vec<&str> = self
            .parameters()
            .filter(|(p, given)| p.otherwise == Otherwise::Required && given.is_none())
            .map(|(p, _)| p.name)
            .collect();
        if !missing.is_empty() {
            let problem = format!("{} needs {}", self.spec.name, missing.join(" and "));
            return Err(self.error(problem, self.place).with_hint(self.spec.signature()));
        }
        for (parameter, given) in self.parameters() {
            let Some(value) = given else { continue };
            if let Kind::Choice(words) = parameter.kind {
                let written = text(value);
                if !written.as_deref().is_some_and(|word| words.contains(&word)) {
                    let error = self.refuse(parameter, value);
                    return Err(
                        error.with_nearest(&written.unwrap_or_default(), words.iter().copied())
                    );
                }
            }
            self.check_constant(parameter, value)?;
        }
        Ok(())
    }

    /// The customer's column must not be named like one of these.
    pub(super) fn check_customer(&self, columns: &[&str]) -> Result<()> {
        let customer = self.column("customer")?;
        let name = crate::sql::reader::normalize(&customer);
        if !columns.contains(&name.as_str()) {
            return Ok(());
        }
        let problem = format!("{} makes a column \"{name}\" itself", self.spec.name);
        Err(self
            .error(problem, customer.span)
            .with_hint("give the customer's column another name in a view, and use that"))
    }

    /// A value that no row can change.
    fn check_constant(&self, parameter: &Parameter, value: &Expr) -> Result<()> {
        let mut query = probe(value)?;
        match walk::query(&mut query, &mut Constant) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.refuse(parameter, value)),
        }
    }

    fn refuse(&self, parameter: &Parameter, value: &Expr) -> EngineError {
        let problem = format!(
            "{}: {} must be {}, not {value}",
            self.spec.name,
            parameter.name,
            parameter.kind.accepts()
        );
        self.error(problem, value.span())
    }

    pub(super) fn error(&self, problem: String, at: Span) -> EngineError {
        EngineError::invalid(problem).at(at.start.line, at.start.column)
    }

    fn parameters(&self) -> impl Iterator<Item = (&'static Parameter, Option<&Expr>)> {
        self.spec.parameters.iter().zip(self.given.iter().map(Option::as_ref))
    }

    /// The parameter of that name and what was given for it.
    fn find(&self, name: &str) -> Result<(&'static Parameter, Option<&Expr>)> {
        self.parameters().find(|(parameter, _)| parameter.name == name).ok_or_else(|| {
            EngineError::internal(format!("{} declares no argument {name}", self.spec.name))
        })
    }

    /// What was given, if anything was.
    pub(super) fn given(&self, name: &str) -> Option<&Expr> {
        self.find(name).ok().and_then(|(_, given)| given)
    }

    /// A constant text, if one was given.
    pub(super) fn word(&self, name: &str) -> Result<Option<String>> {
        let (parameter, given) = self.find(name)?;
        given.map(|value| text(value).ok_or_else(|| self.refuse(parameter, value))).transpose()
    }

    /// The column that a text names.
    pub(super) fn column(&self, name: &str) -> Result<Ident> {
        let (parameter, given) = self.find(name)?;
        let Some(value) = given else {
            return Err(EngineError::internal(format!("{name} was not checked")));
        };
        let written = text(value).filter(|text| !text.trim().is_empty());
        let written = written.ok_or_else(|| self.refuse(parameter, value))?;
        Ok(Ident { span: value.span(), ..named::column(&written) })
    }

    /// The table that a text names, as tokens.
    pub(super) fn table(&self) -> Result<Vec<TokenWithSpan>> {
        let (parameter, given) = self.find("t")?;
        let written = given.and_then(text).unwrap_or_default();
        let at = given.map_or(self.place, Spanned::span);
        let refused = || match given {
            Some(value) => self.refuse(parameter, value),
            None => EngineError::internal("the table was not checked"),
        };
        let parts = named::table(&written).ok_or_else(|| {
            refused().with_hint(
                "write 'table' or 'schema.table', a name with other marks in double quotes",
            )
        })?;
        let mut tokens = Vec::new();
        for part in parts {
            if !tokens.is_empty() {
                tokens.push(TokenWithSpan::new(Token::Period, at));
            }
            tokens.push(named::token(&Ident { span: at, ..part }));
        }
        Ok(tokens)
    }

    /// An argument as it was written, as tokens.
    pub(super) fn value(&self, name: &str) -> Result<Vec<TokenWithSpan>> {
        let (_, given) = self.find(name)?;
        let Some(value) = given else {
            return Err(EngineError::internal(format!("{name} was not checked")));
        };
        let written = match text(value).filter(|_| name == "as_of") {
            // A date as text is the date.
            Some(day) if day.len() == 10 => format!("DATE {value}"),
            Some(_) => format!("TIMESTAMP {value}"),
            None => value.to_string(),
        };
        placed(&written, value.span())
    }
}

/// A text of SQL as tokens that all stand at one place.
pub(super) fn placed(sql: &str, place: Span) -> Result<Vec<TokenWithSpan>> {
    let tokens = crate::sql::tokenize(sql)?;
    Ok(tokens.into_iter().map(|token| TokenWithSpan::new(token.token, place)).collect())
}

fn is_null(value: &Expr) -> bool {
    matches!(value, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

/// `SELECT value`, to be walked: the walk exists for whole queries only.
fn probe(value: &Expr) -> Result<Query> {
    let tree = crate::sql::parse_query(&format!("SELECT {value}"))?;
    tree.query().cloned()
}

/// Breaks at anything that depends on a row.
struct Constant;

impl VisitorMut for Constant {
    type Break = EngineError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_) => {
                ControlFlow::Break(EngineError::invalid("not a constant"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
