//! `share_of_total(value)`: the customer's share of the money of the partition.
//!
//! By hand: 50, 30, 20 have 0.5, 0.3 and 0.2.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::running::floats;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "share_of_total",
    aliases: &[],
    package: "Concentration",
    summary: "The share of the money of the partition that the customer brings.",
    parameters: &[Parameter {
        name: "value",
        kind: Kind::Amount,
        otherwise: Otherwise::Required,
        about: "Money per customer",
    }],
    returns: "DOUBLE, a ratio. NULL for every row if the total is not above zero.",
    nulls: "NULL and NaN get NULL and are not counted.",
    ties: "Equal values have equal shares.",
    errors: "Execution: an infinite value.",
    formula: "value / sum of all values, signed.",
    source: "value / SUM(value) OVER (), with exact sums.",
    example: "SELECT v, share_of_total(v) OVER () AS share FROM (VALUES (50), (30), (20)) AS t(v) ORDER BY \
              v DESC",
    answer: &["50 0.5", "30 0.3", "20 0.2"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let label = arguments.label("value");
    Ok(Box::new(move |columns| {
        Ok(Arc::new(floats(columns, true, SPEC.name, &label, |step| step.own)?))
    }))
}
