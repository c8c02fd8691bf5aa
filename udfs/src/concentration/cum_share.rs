//! `cum_share(value)`: how much of the money this customer and all bigger ones bring together.
//!
//! By hand: 50, 30, 10, 10 have 0.5, 0.8, and both tens 1: with the same money neither comes first.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::running::floats;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "cum_share",
    aliases: &[],
    package: "Concentration",
    summary: "The share of the money of the partition that the customer and all bigger ones bring \
              together: the curve behind 80/20.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer",
        },
        Parameter {
            name: "order",
            kind: Kind::Choice(&["desc", "asc"]),
            otherwise: Otherwise::Is("'desc'"),
            about: "'desc': from the biggest down; 'asc': from the smallest up",
        },
    ],
    returns: "DOUBLE, a ratio. Above 1 before it falls back to 1 when there is negative money. NULL for \
              every row if the total is not above zero.",
    nulls: "NULL and NaN get NULL and are not counted.",
    ties: "Together: equal customers all have the share after the last of them.",
    errors: "Planning: an unknown order. Execution: an infinite value.",
    formula: "sum of the values at least as big / sum of all values, signed.",
    source: "SUM(value) OVER (ORDER BY value DESC RANGE UNBOUNDED PRECEDING) / SUM(value) OVER ().",
    example: "SELECT v, cum_share(v) OVER () AS share FROM (VALUES (50), (30), (10), (10)) AS t(v) ORDER BY \
              v DESC",
    answer: &["50 0.5", "30 0.8", "10 1.0", "10 1.0"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let label = arguments.label("value");
    let biggest_first = arguments.choice("order")? == "desc";
    Ok(Box::new(move |columns| {
        Ok(Arc::new(floats(columns, biggest_first, SPEC.name, &label, |step| step.after)?))
    }))
}
