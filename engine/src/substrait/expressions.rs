//! Expressions: each kind of Substrait's to DataFusion's.
//!
//! Nothing is coerced here: the planner does that for SQL and does it for plans. Window functions are expressions too, but
//! a plan may use them only where a projection can put an operator under itself; elsewhere they are refused by name.
//!
//! Example: `{ singular_or_list: { value: #0, options: [1, 2] } }` is `c0 IN (1, 2)`.

mod references;
mod subqueries;
mod windows;

use super::messages::ExpressionBytes;
use super::messages::expressions::{
    Cast as CastMessage, CastFailure, Expression, IfThen, InList as InListMessage, Kind,
    MultiInList, Nested, NestedKind, Parameter, Switch,
};
use super::messages::functions::{Direction, SortField, SortKind};
use super::reader::{Reader, Scope, decode, incomplete, unsupported};
use super::types;
use crate::error::{EngineError, Result};
use arrow::datatypes::Field;
use datafusion::logical_expr::expr::{Case, InList, Placeholder};
use datafusion::logical_expr::utils::find_window_exprs;
use datafusion::logical_expr::{Cast, Expr, SortExpr, TryCast};
use std::sync::Arc;

impl Reader<'_> {
    /// Reads an expression that may hold window functions.
    pub(super) fn expression(&mut self, bytes: &ExpressionBytes, scope: &Scope) -> Result<Expr> {
        self.deeper(|reader| {
            let expression: Expression = decode(bytes, "Expression")?;
            let kind = match expression.kind {
                Some(kind) => kind,
                None if bytes.is_empty() => return Err(incomplete("relation", "an expression")),
                None => {
                    return Err(unsupported(
                        "an expression of a newer kind",
                        "the kinds of release 0.85 are",
                    ));
                }
            };
            reader.kind(&kind, scope)
        })
    }

    /// Reads an expression that each row gives by itself.
    pub(super) fn row_expression(
        &mut self,
        bytes: &ExpressionBytes,
        scope: &Scope,
    ) -> Result<Expr> {
        let expression = self.expression(bytes, scope)?;
        if find_window_exprs([&expression]).is_empty() {
            return Ok(expression);
        }
        Err(EngineError::invalid("a window function stands where a row's own value is wanted")
            .with_hint("compute it in a ProjectRel below"))
    }

    /// Reads expressions, each by itself.
    pub(super) fn row_expressions(
        &mut self,
        all: &[ExpressionBytes],
        scope: &Scope,
    ) -> Result<Vec<Expr>> {
        all.iter().map(|bytes| self.row_expression(bytes, scope)).collect()
    }

    fn kind(&mut self, kind: &Kind, scope: &Scope) -> Result<Expr> {
        match kind {
            Kind::Literal(literal) => self.literal(literal),
            Kind::Selection(reference) => self.reference(reference, scope),
            Kind::ScalarFunction(call) => self.scalar_function(call, scope),
            Kind::WindowFunction(call) => self.window_function(call, scope),
            Kind::IfThen(conditions) => self.if_then(conditions, scope),
            Kind::Switch(switch) => self.switch(switch, scope),
            Kind::InList(list) => self.in_list(list, scope),
            Kind::MultiInList(list) => self.multi_in_list(list, scope),
            Kind::Cast(cast) => self.cast(cast, scope),
            Kind::Subquery(subquery) => self.subquery(subquery, scope),
            Kind::Nested(nested) => self.nested(nested, scope),
            Kind::Parameter(parameter) => self.parameter(parameter),
            Kind::Word(word) => Err(EngineError::invalid(format!(
                "the word \"{}\" stands where a value is wanted",
                word.specified
            ))),
            Kind::Lambda(_) | Kind::LambdaInvocation(_) => {
                Err(unsupported("Expression.Lambda", "functions of values are"))
            }
        }
    }

    fn if_then(&mut self, conditions: &IfThen, scope: &Scope) -> Result<Expr> {
        let mut cases = Vec::with_capacity(conditions.clauses.len());
        // DataFusion's producer writes `CASE x WHEN ..` with `x` as a first clause that has no value.
        let (subject, clauses) = match conditions.clauses.split_first() {
            Some((first, rest)) if first.value.is_empty() => {
                (Some(Box::new(self.expression(&first.condition, scope)?)), rest)
            }
            _ => (None, conditions.clauses.as_slice()),
        };
        for clause in clauses {
            let condition = self.expression(&clause.condition, scope)?;
            let value = self.expression(&clause.value, scope)?;
            cases.push((Box::new(condition), Box::new(value)));
        }
        let otherwise = self.otherwise(&conditions.otherwise, scope)?;
        case(subject, cases, otherwise)
    }

    fn switch(&mut self, switch: &Switch, scope: &Scope) -> Result<Expr> {
        let subject = self.expression(&switch.subject, scope)?;
        let mut cases = Vec::with_capacity(switch.cases.len());
        for case in &switch.cases {
            let equals =
                case.equals.as_ref().ok_or_else(|| incomplete("SwitchExpression", "a literal"))?;
            let equals = self.literal(equals)?;
            let value = self.expression(&case.value, scope)?;
            cases.push((Box::new(equals), Box::new(value)));
        }
        let otherwise = self.otherwise(&switch.otherwise, scope)?;
        case(Some(Box::new(subject)), cases, otherwise)
    }

    fn otherwise(&mut self, bytes: &ExpressionBytes, scope: &Scope) -> Result<Option<Box<Expr>>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(self.expression(bytes, scope)?)))
    }

    fn in_list(&mut self, list: &InListMessage, scope: &Scope) -> Result<Expr> {
        let value = self.expression(&list.value, scope)?;
        let options: Result<Vec<Expr>> =
            list.options.iter().map(|option| self.expression(option, scope)).collect();
        Ok(Expr::InList(InList::new(Box::new(value), options?, false)))
    }

    /// `(a, b) IN ((1, 2), (3, 4))` is `a = 1 AND b = 2 OR a = 3 AND b = 4`.
    fn multi_in_list(&mut self, list: &MultiInList, scope: &Scope) -> Result<Expr> {
        let values = self.row_expressions(&list.values, scope)?;
        let mut records = Vec::with_capacity(list.options.len());
        for option in &list.options {
            let option = self.row_expressions(&option.expressions, scope)?;
            if option.len() != values.len() {
                return Err(EngineError::invalid(format!(
                    "a MultiOrList compares {} values with a record of {}",
                    values.len(),
                    option.len()
                )));
            }
            self.count_terms(option.len())?;
            let equal = values.iter().cloned().zip(option).map(|(value, option)| value.eq(option));
            records.push(equal.reduce(Expr::and).unwrap_or_else(|| true_value(true)));
        }
        Ok(super::functions::balanced(records, Expr::or).unwrap_or_else(|| true_value(false)))
    }

    fn cast(&mut self, cast: &CastMessage, scope: &Scope) -> Result<Expr> {
        let to = cast.to.as_ref().ok_or_else(|| incomplete("Cast", "a type"))?;
        let to = types::data_type(to)?;
        let input = Box::new(self.expression(&cast.input, scope)?);
        Ok(match CastFailure::try_from(cast.failure) {
            Ok(CastFailure::ReturnNull) => Expr::TryCast(TryCast::new(input, to)),
            _ => Expr::Cast(Cast::new(input, to)),
        })
    }

    fn nested(&mut self, nested: &Nested, scope: &Scope) -> Result<Expr> {
        match &nested.kind {
            Some(NestedKind::Struct(fields)) => {
                let fields = self.row_expressions(&fields.expressions, scope)?;
                self.struct_of(fields)
            }
            Some(NestedKind::List(items)) => {
                let items = self.row_expressions(&items.expressions, scope)?;
                self.function("make_array", items)
            }
            Some(NestedKind::Map(map)) => {
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                for entry in &map.entries {
                    keys.push(self.row_expression(&entry.key, scope)?);
                    values.push(self.row_expression(&entry.value, scope)?);
                }
                self.map_of(keys, values)
            }
            None => Err(incomplete("Nested", "a struct, list or map")),
        }
    }

    /// A value that the plan binds itself, or one that is bound when it runs.
    fn parameter(&mut self, parameter: &Parameter) -> Result<Expr> {
        let of = parameter.of.as_ref().map(types::data_type).transpose()?;
        if let Some(value) = self.bound(parameter.reference) {
            let value = self.literal(value)?;
            return Ok(match of {
                Some(of) => Expr::Cast(Cast::new(Box::new(value), of)),
                None => value,
            });
        }
        let name = self.parameter_name(parameter.reference);
        let field = of.map(|of| Arc::new(Field::new(name.clone(), of, true)));
        Ok(Expr::Placeholder(Placeholder::new_with_field(name, field)))
    }

    /// What rows are ordered by.
    pub(super) fn sorts(&mut self, sorts: &[SortField], scope: &Scope) -> Result<Vec<SortExpr>> {
        let mut order = Vec::with_capacity(sorts.len());
        for sort in sorts {
            let (ascending, nulls_first) = match sort.kind {
                Some(SortKind::Direction(direction)) => match Direction::try_from(direction) {
                    Ok(Direction::AscNullsFirst) => (true, true),
                    Ok(Direction::DescNullsFirst) => (false, true),
                    Ok(Direction::DescNullsLast) => (false, false),
                    // Clustered rows are rows in any order that keeps equal ones together.
                    Ok(Direction::AscNullsLast | Direction::Clustered | Direction::Unspecified)
                    | Err(_) => (true, false),
                },
                Some(SortKind::ComparisonFunction(_)) => {
                    return Err(unsupported(
                        "SortField.comparison_function_reference",
                        "a direction is",
                    ));
                }
                None => (true, false),
            };
            let expression = self.row_expression(&sort.expression, scope)?;
            order.push(SortExpr::new(expression, ascending, nulls_first));
        }
        Ok(order)
    }
}

fn true_value(value: bool) -> Expr {
    datafusion::logical_expr::lit(value)
}

type When = (Box<Expr>, Box<Expr>);

/// A CASE; without a case there is only what holds otherwise.
fn case(
    subject: Option<Box<Expr>>,
    cases: Vec<When>,
    otherwise: Option<Box<Expr>>,
) -> Result<Expr> {
    match (cases.is_empty(), otherwise) {
        (true, Some(otherwise)) => Ok(*otherwise),
        (true, None) => Err(incomplete("IfThen", "a case")),
        (false, otherwise) => Ok(Expr::Case(Case::new(subject, cases, otherwise))),
    }
}
