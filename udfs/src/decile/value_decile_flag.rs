//! `value_decile_flag(value)`: why a customer is in the tenth of the money that he is in.
//!
//! `value_decile` puts customers with zero or negative money into the last part, next to the smallest
//! spenders; the flag tells them apart, and says where there are no tenths at all.
//!
//! By hand: 50, 10, 0, -5 are positive, positive, nonpositive, nonpositive, their total being 55. Of 5 and
//! -5 there is no total to divide: both are 'no_total'.

use std::sync::Arc;

use arrow::array::{AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;

use crate::args::Arguments;
use crate::concentration::running::{Running, value_column};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "value_decile_flag",
    aliases: &[],
    package: "Deciles",
    summary: "Whether the customer's place among the tenths of the money was earned.",
    parameters: &[Parameter {
        name: "value",
        kind: Kind::Amount,
        otherwise: Otherwise::Required,
        about: "Money per customer, as given to value_decile",
    }],
    returns: "TEXT. 'positive': value_decile is the part his money falls in; 'nonpositive': his money is zero \
              or negative, so that he is in the last part whatever the total; 'no_total': the total of the \
              partition is not above zero, so that value_decile is NULL.",
    nulls: "NULL and NaN get NULL and are not counted.",
    ties: "Equal values have equal flags.",
    errors: "Execution: an infinite value, a total beyond 76 digits.",
    formula: "'no_total' if sum(value) <= 0, else 'positive' if value > 0, else 'nonpositive'.",
    source: "The companion of value_decile; tidybins has a part 0 instead.",
    example: "SELECT v, value_decile_flag(v) OVER () AS flag FROM (VALUES (50), (10), (0), (-5)) AS t(v) ORDER \
              BY v DESC",
    answer: &["50 positive", "10 positive", "0 nonpositive", "-5 nonpositive"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Utf8, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let label = arguments.label("value");
    Ok(Box::new(move |columns| {
        let value = value_column(columns, &label)?;
        let total = Running::read(&value, true, &[], SPEC.name, &label)?.is_some();
        // The sign survives the cast, which a test of each type would only repeat.
        let signs = cast(&columns[0], &DataType::Float64)?;
        let signs = signs.as_primitive::<Float64Type>();
        let mut flags = StringBuilder::with_capacity(signs.len(), signs.len() * 8);
        for row in 0..signs.len() {
            if !value.is_valid(row) {
                flags.append_null();
            } else if !total {
                flags.append_value("no_total");
            } else if signs.value(row) > 0.0 {
                flags.append_value("positive");
            } else {
                flags.append_value("nonpositive");
            }
        }
        Ok(Arc::new(flags.finish()))
    }))
}
