//! `abc_class(value)`: A customers make the first 80 % of the money, B the next 15 %, C the rest.
//!
//! What counts is the share before the customer, so a single giant who makes 90 % is an A.
//!
//! By hand: 60, 25, 10, 5. Before them lie 0, 0.6, 0.85 and 0.95: A, A, B, C.

use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::running::{Running, value_column};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::contradiction;
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "abc_class",
    aliases: &[],
    package: "Concentration",
    summary: "The class of the customer by the share of the money that bigger customers bring before \
              him.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer, or sales per product",
        },
        Parameter {
            name: "limits",
            kind: Kind::Shares,
            otherwise: Otherwise::Is("ARRAY[0.8, 0.95]"),
            about: "Where A, B, ... end, as shares of the money; at most 25",
        },
    ],
    returns: "TEXT: 'A', 'B', 'C', ... Zero and negative money is in the last class.",
    nulls: "NULL and NaN get NULL and are not counted. NULL for every row if the total is not above zero.",
    ties: "Together: equal customers have the share before the first of them.",
    errors: "Planning: limits that do not increase between 0 and 1. Execution: an infinite value.",
    formula: "number of limits l with sum of the bigger values >= l * sum of all values.",
    source: "ABC analysis.",
    example: "SELECT v, abc_class(v) OVER () AS class FROM (VALUES (60), (25), (10), (5)) AS t(v) ORDER BY v \
              DESC",
    answer: &["60 A", "25 A", "10 B", "5 C"],
};

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Utf8, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let limits = arguments.shares("limits")?;
    if limits.len() >= LETTERS.len() {
        return Err(contradiction(arguments, "there are only letters for 25 limits"));
    }
    let label = arguments.label("value");
    Ok(Box::new(move |columns| {
        let value = value_column(columns, &label)?;
        let running = Running::read(&value, true, &limits, SPEC.name, &label)?;
        let class = |row| {
            let step = running.as_ref()?.step(&value, row)?;
            LETTERS.get(step.class..=step.class)
        };
        Ok(Arc::new((0..value.keys.len()).map(class).collect::<StringArray>()))
    }))
}
