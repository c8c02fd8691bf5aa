//! How a call may be written.
//!
//! DataFusion resolves `name => value`, but only when no optional argument is skipped:
//! `rfm_score(v, 5, dir => 'desc')` is refused because `side`, which stands before `dir`, is
//! missing. [`normalize_calls`] runs on the parsed statement, before planning, and writes every call
//! of ours out in full: `rfm_score(v, 5, NULL, NULL, 'desc')`, where NULL stands for the default. It
//! also turns `segment(...) OVER (...)` into `value_tier`, and refuses a window function without
//! OVER and a scalar function with one, which DataFusion would misread.
//!
//! [`CheckCalls`] runs while DataFusion plans the statement, and refuses wrong constants in window
//! and aggregate calls before anything is optimized or run. Scalar functions check themselves.
//!
//! Neither touches a call of somebody else's function.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::common::{DataFusionError, Diagnostic, Result, Span};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr,
};
use datafusion::logical_expr::{AggregateUDF, Expr, WindowFunctionDefinition};
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    self, Expr as SqlExpr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value, VisitMut,
    VisitorMut,
};

use crate::aggregate::{Aggregate, no_distinct};
use crate::args::{Arguments, did_you_mean, wrong_count};
use crate::function::{Function, Otherwise, Spec};
use crate::functions;
use crate::window::WholePartition;

/// Our functions by every name they have.
static BY_NAME: LazyLock<HashMap<&'static str, Function>> = LazyLock::new(|| {
    let named = |function: Function| {
        let names = [function.name()].into_iter().chain(function.aliases().iter().copied());
        names.map(move |name| (name, function.clone())).collect::<Vec<_>>()
    };
    functions().into_iter().flat_map(named).collect()
});

/// Writes the calls of our functions in a DataFusion statement out in full, before it is planned.
pub fn normalize_statement(statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::Statement(statement) => normalize_calls(statement.as_mut()),
        Statement::Explain(explain) => normalize_statement(&mut explain.statement),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => normalize_calls(query.as_mut()),
            CopyToSource::Relation(_) => Ok(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => Ok(()),
    }
}

/// Writes the calls of our functions in any part of a parsed statement out in full.
pub fn normalize_calls<V: VisitMut>(parsed: &mut V) -> Result<()> {
    match parsed.visit(&mut Calls) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The walk over a statement: calls in expressions, and calls after FROM.
struct Calls;

impl VisitorMut for Calls {
    type Break = DataFusionError;

    fn post_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<DataFusionError> {
        match expr {
            SqlExpr::Function(call) => flow(normalize_call(call)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(
        &mut self,
        factor: &mut ast::TableFactor,
    ) -> ControlFlow<DataFusionError> {
        match factor {
            ast::TableFactor::Table { name, args: Some(call), .. } => {
                flow(normalize_table(name, &mut call.args))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn flow(result: Result<()>) -> ControlFlow<DataFusionError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// A call after FROM; functions that give no table are left to DataFusion to refuse.
fn normalize_table(name: &ast::ObjectName, args: &mut Vec<FunctionArg>) -> Result<()> {
    let [ast::ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return Ok(()) };
    let name = match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    };
    if let Some(function @ Function::Table(..)) = BY_NAME.get(name.as_str())
        && args.iter().any(|arg| named(arg).is_some())
    {
        *args = positional(function.spec(), std::mem::take(args))?;
    }
    Ok(())
}

fn normalize_call(call: &mut ast::Function) -> Result<()> {
    let [ast::ObjectNamePart::Identifier(ident)] = call.name.0.as_mut_slice() else {
        return Ok(());
    };
    let mut name = match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    };
    let over = call.over.is_some();
    if over && BY_NAME.get(name.as_str()).is_some_and(|function| function.name() == "segment") {
        "value_tier".clone_into(&mut name);
        ident.value.clone_from(&name);
    }
    let Some(function) = BY_NAME.get(name.as_str()) else { return Ok(()) };
    let span = Span::try_from_sqlparser_span(ident.span);
    check_kind(function, &name, over).map_err(|problem| located(problem, span))?;
    let FunctionArguments::List(list) = &mut call.args else { return Ok(()) };
    if list.args.iter().any(|arg| named(arg).is_some()) {
        list.args = positional(function.spec(), std::mem::take(&mut list.args))?;
    }
    Ok(())
}

/// Window functions need OVER, scalar functions must not have one, table functions stand after FROM.
fn check_kind(function: &Function, name: &str, over: bool) -> Result<(), String> {
    match (function, over) {
        (Function::Window(..), false) => Err(format!(
            "{name} is a window function: write {name}(...) OVER () for all rows, or OVER (PARTITION \
             BY ...)"
        )),
        (Function::Scalar(..), true) => {
            Err(format!("{name} looks at one row only and does not take OVER: drop it"))
        }
        (Function::Table(..), _) => {
            Err(format!("{name} gives a table: write SELECT * FROM {name}(...)"))
        }
        (Function::Window(..) | Function::Aggregate(..), true)
        | (Function::Scalar(..) | Function::Aggregate(..), false) => Ok(()),
    }
}

/// The name of a named argument.
fn named(arg: &FunctionArg) -> Option<&Ident> {
    match arg {
        FunctionArg::Named { name, .. }
        | FunctionArg::ExprNamed { name: SqlExpr::Identifier(name), .. } => Some(name),
        FunctionArg::ExprNamed { .. } | FunctionArg::Unnamed(_) => None,
    }
}

/// The arguments in the order of the parameters, NULL where one is left out.
fn positional(spec: &'static Spec, args: Vec<FunctionArg>) -> Result<Vec<FunctionArg>> {
    let mut places: Vec<Option<FunctionArgExpr>> = vec![None; spec.parameters.len()];
    let given = args.len();
    let mut named_before = false;
    for (index, arg) in args.into_iter().enumerate() {
        let place = match named(&arg) {
            Some(name) => {
                named_before = true;
                place_of(spec, name, &places)?
            }
            None if named_before => {
                return Err(DataFusionError::Plan(format!(
                    "{}: write arguments without a name before those with one",
                    spec.name
                )));
            }
            None => index,
        };
        let (FunctionArg::Named { arg, .. }
        | FunctionArg::ExprNamed { arg, .. }
        | FunctionArg::Unnamed(arg)) = arg;
        match places.get_mut(place) {
            Some(free) => *free = Some(arg),
            None => return Err(wrong_count(spec, given)),
        }
    }
    let last = places.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let parameters = spec.parameters.iter().zip(&places);
    let missing: Vec<&str> = parameters
        .filter(|(parameter, arg)| parameter.otherwise == Otherwise::Required && arg.is_none())
        .map(|(parameter, _)| parameter.name)
        .collect();
    if !missing.is_empty() {
        return Err(DataFusionError::Plan(format!(
            "{} needs {}: {}",
            spec.name,
            missing.join(" and "),
            spec.signature()
        )));
    }
    let null = || FunctionArgExpr::Expr(SqlExpr::Value(Value::Null.into()));
    let filled = places.into_iter().take(last);
    Ok(filled.map(|arg| FunctionArg::Unnamed(arg.unwrap_or_else(null))).collect())
}

/// Which parameter a name means.
fn place_of(
    spec: &'static Spec,
    name: &Ident,
    places: &[Option<FunctionArgExpr>],
) -> Result<usize> {
    let matches = |known: &str| match name.quote_style {
        Some(_) => known == name.value,
        None => known.eq_ignore_ascii_case(&name.value),
    };
    let span = Span::try_from_sqlparser_span(name.span);
    match spec.parameters.iter().position(|parameter| matches(parameter.name)) {
        Some(place) if places.get(place).is_some_and(Option::is_some) => {
            Err(located(format!("{}: {} is given twice", spec.name, name.value), span))
        }
        Some(place) => Ok(place),
        None => {
            let known: Vec<&str> = spec.parameters.iter().map(|p| p.name).collect();
            let hint = did_you_mean(&name.value, known.iter().copied());
            let takes = known.join(", ");
            let problem =
                format!("{} has no argument {}, it takes {takes}{hint}", spec.name, name.value);
            Err(located(problem, span))
        }
    }
}

fn located(problem: String, span: Option<Span>) -> DataFusionError {
    let diagnostic = Diagnostic::new_error(problem.clone(), span);
    DataFusionError::Plan(problem).with_diagnostic(diagnostic)
}

/// Refuses wrong constants in calls of our window and aggregate functions while they are planned.
#[derive(Debug)]
pub(crate) struct CheckCalls;

impl ExprPlanner for CheckCalls {
    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        match &expr.func_def {
            WindowFunctionDefinition::WindowUDF(function) => {
                if let Some(whole) = function.inner().downcast_ref::<WholePartition>() {
                    whole.check(&Arguments::from_exprs(whole.spec, &expr.args)?)?;
                    refuse_clauses(whole.spec, &expr)?;
                }
            }
            WindowFunctionDefinition::AggregateUDF(function) => {
                check_aggregate(function, &expr.args, expr.distinct)?;
            }
        }
        Ok(PlannerResult::Original(expr))
    }

    fn plan_aggregate(&self, expr: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        check_aggregate(&expr.func, &expr.args, expr.distinct)?;
        Ok(PlannerResult::Original(expr))
    }
}

fn check_aggregate(function: &AggregateUDF, args: &[Expr], distinct: bool) -> Result<()> {
    let Some(aggregate) = function.inner().downcast_ref::<Aggregate>() else { return Ok(()) };
    if distinct {
        return Err(no_distinct(aggregate.spec));
    }
    aggregate.body.check(&Arguments::from_exprs(aggregate.spec, args)?)
}

/// A score is a place among all rows of the partition: there is nothing for these clauses to do.
fn refuse_clauses(spec: &Spec, expr: &RawWindowExpr) -> Result<()> {
    let clause = if expr.distinct {
        "DISTINCT"
    } else if expr.filter.is_some() {
        "FILTER"
    } else if expr.null_treatment.is_some() {
        "IGNORE or RESPECT NULLS"
    } else {
        return Ok(());
    };
    Err(DataFusionError::Plan(format!(
        "{} does not take {clause}: it looks at every row of the partition that has a value",
        spec.name
    )))
}
