//! Aggregate functions, and functions over windows.
//!
//! Most have the name that the session has. `count` without arguments counts rows. What an aggregate of the standard gives
//! beyond the session's is put around it: `sum0` is zero where `sum` is NULL. Parts of aggregations that are to be finished
//! elsewhere are refused, for no part of a sum is an answer.
//!
//! Example: `{ approx_count_distinct: [#0] }` is `approx_distinct(c0)`.

use super::{Call, Given, Reader, options};
use crate::error::{EngineError, Result};
use crate::substrait::messages::ExpressionBytes;
use crate::substrait::messages::functions::{AggregateFunction, Invocation, Phase, WindowFunction};
use crate::substrait::reader::{Scope, unsupported};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::AggregateFunction as AggregateExpr;
use datafusion::logical_expr::{AggregateUDF, Expr, WindowFunctionDefinition, lit};
use std::sync::Arc;

/// Names of the standard that the session calls otherwise.
pub(super) const NAMES: [&str; 4] = ["approx_count_distinct", "std_dev", "sum0", "variance"];

/// An aggregate, and what is done to its result.
pub(in crate::substrait) struct Aggregate {
    pub(in crate::substrait) expression: Expr,
    pub(in crate::substrait) zero_for_null: bool,
}

impl Reader<'_> {
    pub(in crate::substrait) fn aggregate_function(
        &mut self,
        call: &AggregateFunction,
        filter: &ExpressionBytes,
        scope: &Scope,
    ) -> Result<Aggregate> {
        match Phase::try_from(call.phase) {
            Ok(Phase::Unspecified | Phase::InitialToResult) => {}
            Ok(
                Phase::InitialToIntermediate
                | Phase::IntermediateToIntermediate
                | Phase::IntermediateToResult,
            )
            | Err(_) => {
                return Err(unsupported(
                    "a part of an aggregation",
                    "AGGREGATION_PHASE_INITIAL_TO_RESULT is",
                ));
            }
        }
        let given = self.arguments(&call.arguments, &call.args, scope)?;
        let declared = self.extensions.function(call.reference)?;
        let built = Call { name: declared.name, given, options: call.options.clone() };
        let zero_for_null = built.name == "sum0";
        let (function, arguments) = self.aggregate(built)?;
        let distinct = Invocation::try_from(call.invocation) == Ok(Invocation::Distinct);
        let order_by = self.sorts(&call.sorts, scope)?;
        let filter = if filter.is_empty() {
            None
        } else {
            Some(Box::new(self.row_expression(filter, scope)?))
        };
        let expression = Expr::AggregateFunction(AggregateExpr::new_udf(
            function, arguments, distinct, filter, order_by, None,
        ));
        Ok(Aggregate { expression, zero_for_null })
    }

    /// A function over a window, and its arguments.
    pub(in crate::substrait) fn window_definition(
        &mut self,
        call: &WindowFunction,
        scope: &Scope,
    ) -> Result<(WindowFunctionDefinition, Vec<Expr>)> {
        let declared = self.extensions.function(call.reference)?;
        let given = self.arguments(&call.arguments, &call.args, scope)?;
        let built = Call { name: declared.name, given, options: call.options.clone() };
        if let Ok(function) = self.state.udwf(&built.name) {
            options::check(&built.name, &built.options)?;
            return Ok((WindowFunctionDefinition::WindowUDF(function), built.values()?.1));
        }
        let (function, arguments) = self.aggregate(built)?;
        Ok((WindowFunctionDefinition::AggregateUDF(function), arguments))
    }

    /// The session's aggregate for a call, with its arguments.
    fn aggregate(&self, mut call: Call) -> Result<(Arc<AggregateUDF>, Vec<Expr>)> {
        options::check(&call.name, &call.options)?;
        let words = take_words(&mut call);
        let name = session_name(&call, &words)?;
        let function = self.state.udaf(name).map_err(|_| self.unknown(&call.name))?;
        let (name, mut arguments) = call.values()?;
        if name == "count" && arguments.is_empty() {
            arguments.push(lit(1_i64));
        }
        Ok((function, arguments))
    }
}

/// The words among the arguments; what is left is values.
fn take_words(call: &mut Call) -> Vec<String> {
    let mut words = Vec::new();
    call.given.retain(|given| match given {
        Given::Word(word) => {
            words.push(word.clone());
            false
        }
        Given::Value(_) | Given::Type(_) => true,
    });
    words
}

/// What the session calls an aggregate of the standard.
fn session_name<'c>(call: &'c Call, words: &[String]) -> Result<&'c str> {
    let chosen = options::chosen(&call.name, &call.options, "distribution");
    let words: Vec<&str> = words.iter().map(String::as_str).chain(chosen).collect();
    Ok(match (call.name.as_str(), words.as_slice()) {
        ("std_dev", [] | ["SAMPLE"]) => "stddev_samp",
        ("std_dev", ["POPULATION"]) => "stddev_pop",
        ("variance", [] | ["SAMPLE"]) => "var_samp",
        ("variance", ["POPULATION"]) => "var_pop",
        ("median", ["EXACT"]) => "median",
        ("median", ["APPROXIMATE"]) => "approx_median",
        ("approx_count_distinct", []) => "approx_distinct",
        ("sum0", []) => "sum",
        (name, []) => name,
        (name, words) => {
            return Err(EngineError::invalid(format!(
                "{name} does not know the word {}",
                words.join(", ")
            )));
        }
    })
}
