//! Functions: from the name that a plan declares to the function of the session.
//!
//! A function that Substrait publishes is looked up in [`names`] first, one of anybody else among the session's functions
//! first; what is not found there is looked for in the other place. So the trade's functions (`rfm_score`, `decile`, ..) are
//! called by their own names. AND and OR are flattened and folded into balanced trees, as they are in SQL text. A name that
//! nobody knows is refused with the nearest one.
//!
//! Example: `add:i64_i64` of the standard is `+`; `gini` without a place is the session's aggregate.

mod aggregates;
mod names;
mod options;
mod special;

use super::extensions::Declaration;
use super::messages::ExpressionBytes;
use super::messages::expressions::{Expression, Kind};
use super::messages::functions::{Argument, ArgumentKind, FunctionOption, ScalarFunction};
use super::reader::{Reader, Scope, decode, incomplete};
use super::types;
use crate::error::{EngineError, Result};
use crate::sql::limits;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::{Expr, Operator};
use names::Meaning;

/// An argument as it was given.
pub(super) enum Given {
    Value(Expr),
    /// A word of an enumeration, in upper case.
    Word(String),
    Type(DataType),
}

/// A call to be built.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) given: Vec<Given>,
    pub(super) options: Vec<FunctionOption>,
}

impl Call {
    /// The arguments, when all of them are values.
    pub(super) fn values(self) -> Result<(String, Vec<Expr>)> {
        let mut values = Vec::with_capacity(self.given.len());
        for given in self.given {
            match given {
                Given::Value(value) => values.push(value),
                Given::Word(word) => {
                    return Err(EngineError::invalid(format!(
                        "{} takes values, and was given the word {word}",
                        self.name
                    )));
                }
                Given::Type(of) => {
                    return Err(EngineError::invalid(format!(
                        "{} takes values, and was given the type {of}",
                        self.name
                    )));
                }
            }
        }
        Ok((self.name, values))
    }

    /// The arguments, when they are as many values as that.
    pub(super) fn exactly<const N: usize>(self) -> Result<[Expr; N]> {
        let (name, values) = self.values()?;
        let count = values.len();
        values.try_into().map_err(|_| {
            EngineError::invalid(format!("{name} takes {N} arguments, and was given {count}"))
        })
    }
}

impl Reader<'_> {
    pub(super) fn scalar_function(&mut self, call: &ScalarFunction, scope: &Scope) -> Result<Expr> {
        let declared = self.extensions.function(call.reference)?;
        if let Some(operator) = names::chain(&declared.name) {
            return self.chain(call, operator, scope);
        }
        let given = self.arguments(&call.arguments, &call.args, scope)?;
        self.note_segment(&declared.name, &given);
        let built = Call { name: declared.name.clone(), given, options: call.options.clone() };
        let expression = self.call(&declared, built)?;
        if self.parameters.is_empty() {
            return Ok(expression);
        }
        // A parameter without a type takes that of what it is compared with.
        Ok(expression.infer_placeholder_types(&scope.schema)?.0)
    }

    fn call(&self, declared: &Declaration, call: Call) -> Result<Expr> {
        let own = self.state.udf(&declared.name).ok();
        let meaning = names::meaning(&declared.name);
        let meaning = if declared.standard || own.is_none() { meaning } else { None };
        options::check(&call.name, &call.options)?;
        match (meaning, own) {
            (Some(Meaning::Operator(operator)), _) => {
                let [left, right] = call.exactly()?;
                Ok(binary(left, operator, right))
            }
            (Some(Meaning::Test(test)), _) => {
                let [value] = call.exactly()?;
                Ok(test(value))
            }
            (Some(Meaning::Function(name)), _) => {
                let (_, values) = call.values()?;
                self.function(name, values)
            }
            (Some(Meaning::Special(build)), _) => build(self, call),
            (None, Some(function)) => Ok(function.call(call.values()?.1)),
            (None, None) => Err(self.elsewhere(&declared.name)),
        }
    }

    /// A call of one of the session's functions.
    pub(super) fn function(&self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        match self.state.udf(name) {
            Ok(function) => Ok(function.call(arguments)),
            Err(_) => Err(EngineError::internal(format!("there is no function {name}"))),
        }
    }

    /// The refusal of a name that is no scalar function.
    fn elsewhere(&self, name: &str) -> EngineError {
        let place = match (self.state.udwf(name), self.state.udaf(name)) {
            (Ok(_), _) => "in a window_function",
            (_, Ok(_)) => "in a measure of an AggregateRel, or in a window_function",
            (Err(_), Err(_)) => return self.unknown(name),
        };
        EngineError::invalid(format!("{name} has no value for a row alone: call it {place}"))
    }

    /// The refusal of a name that nobody knows.
    pub(super) fn unknown(&self, name: &str) -> EngineError {
        let mut known: Vec<String> = self.state.scalar_functions().keys().cloned().collect();
        known.extend(self.state.aggregate_functions().keys().cloned());
        known.extend(self.state.window_functions().keys().cloned());
        known.extend(names::all().map(str::to_owned));
        EngineError::invalid(format!("function \"{name}\" of the plan does not exist"))
            .with_nearest(name, known.iter().map(String::as_str))
    }

    /// Arguments of newer plans, or of older ones.
    pub(super) fn arguments(
        &mut self,
        arguments: &[Argument],
        args: &[ExpressionBytes],
        scope: &Scope,
    ) -> Result<Vec<Given>> {
        let mut given = Vec::with_capacity(arguments.len().max(args.len()));
        for argument in arguments {
            match argument.kind.as_ref() {
                Some(ArgumentKind::Value(bytes)) => given.push(self.argument(bytes, scope)?),
                Some(ArgumentKind::Word(word)) => given.push(Given::Word(word.to_uppercase())),
                Some(ArgumentKind::Type(of)) => given.push(Given::Type(types::data_type(of)?)),
                None => return Err(incomplete("FunctionArgument", "a value")),
            }
        }
        if arguments.is_empty() {
            for bytes in args {
                given.push(self.argument(bytes, scope)?);
            }
        }
        Ok(given)
    }

    fn argument(&mut self, bytes: &ExpressionBytes, scope: &Scope) -> Result<Given> {
        let expression: Expression = decode(bytes, "Expression")?;
        if let Some(Kind::Word(word)) = expression.kind {
            return Ok(Given::Word(word.specified.to_uppercase()));
        }
        Ok(Given::Value(self.expression(bytes, scope)?))
    }

    /// Remembers the segment of `in_segment(x, 's')`, whose members have to be looked up.
    fn note_segment(&mut self, name: &str, given: &[Given]) {
        if let ("in_segment", [_, Given::Value(Expr::Literal(ScalarValue::Utf8(Some(segment)), _))]) =
            (name, given)
            && !self.known.segments.contains_key(segment)
        {
            self.wanted.segments.insert(segment.clone());
        }
    }

    /// All terms of nested calls of AND, or of OR, as one balanced tree.
    fn chain(&mut self, call: &ScalarFunction, operator: Operator, scope: &Scope) -> Result<Expr> {
        let mut waiting = links(call)?;
        let mut terms = Vec::new();
        while let Some(bytes) = waiting.pop() {
            self.step()?;
            match decode::<Expression>(&bytes, "Expression")?.kind {
                Some(Kind::ScalarFunction(inner))
                    if self
                        .extensions
                        .function(inner.reference)
                        .is_ok_and(|inner| names::chain(&inner.name) == Some(operator)) =>
                {
                    waiting.extend(links(&inner)?);
                }
                _ => {
                    self.count_terms(1)?;
                    terms.push(self.expression(&bytes, scope)?);
                }
            }
        }
        balanced(terms, |left, right| binary(left, operator, right))
            .ok_or_else(|| incomplete("call of AND or OR", "arguments"))
    }

    /// Counts conditions that are joined by AND or OR.
    pub(super) fn count_terms(&mut self, terms: usize) -> Result<()> {
        self.terms += terms;
        if self.terms <= limits::TERMS_LIMIT {
            return Ok(());
        }
        Err(EngineError::invalid(format!(
            "the plan has too many conditions: at most {} AND and OR are allowed",
            limits::TERMS_LIMIT
        ))
        .with_hint("use SingularOrList, or join a table of the values"))
    }
}

/// The arguments of a call of AND or OR, last first.
fn links(call: &ScalarFunction) -> Result<Vec<ExpressionBytes>> {
    let mut links = Vec::new();
    for argument in &call.arguments {
        match &argument.kind {
            Some(ArgumentKind::Value(bytes)) => links.push(bytes.clone()),
            _ => return Err(EngineError::invalid("AND and OR take values")),
        }
    }
    if links.is_empty() {
        links.extend(call.args.iter().cloned());
    }
    links.reverse();
    Ok(links)
}

/// An operator between two expressions.
pub(super) fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// Pairs neighbours until one tree is left; the order of the terms stays.
pub(super) fn balanced(terms: Vec<Expr>, pair: impl Fn(Expr, Expr) -> Expr) -> Option<Expr> {
    let mut level = terms;
    while level.len() > 1 {
        let mut next = Vec::with_capacity(level.len().div_ceil(2));
        let mut terms = level.into_iter();
        while let Some(left) = terms.next() {
            next.push(match terms.next() {
                Some(right) => pair(left, right),
                None => left,
            });
        }
        level = next;
    }
    level.pop()
}
