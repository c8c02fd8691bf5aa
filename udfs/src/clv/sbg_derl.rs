//! `sbg_derl(model, n, discount)`: the renewals a customer under contract still has in him, discounted.
//!
//! Discounted expected residual lifetime. Times the margin of a period it is the value of the customer just
//! before his n-th renewal; the discount is per year, as everywhere.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::clv::per_period;
use super::dert::{DISCOUNT, check_discount};
use super::models::{self, predict};
use super::sbg_survival::{CONTRACTS, check_age};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "sbg_derl",
    aliases: &[],
    package: "Lifetime value",
    summary: "The renewals to expect of a customer under contract in his n-th period, ever, discounted to his \
              next renewal.",
    parameters: &[
        CONTRACTS,
        Parameter {
            name: "n",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "The period he is in: 1 for a new customer, who has not renewed yet",
        },
        DISCOUNT,
    ],
    returns: "DOUBLE, renewals worth as much as the next one, which counts in full.",
    nulls: "NULL if a column is NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: n not a whole number from 1 to a million, a negative discount, no discount with alpha \
             at most 1, where the sum is infinite, a model of another kind.",
    formula: "r(n) 2F1(1, beta + n; alpha + beta + n; 1 / (1 + d)) with r(n) of sbg_retention and d = (1 + \
              discount)^(period / year) - 1; without discount (beta + n - 1) / (alpha - 1).",
    source: "Fader and Hardie (2010), Customer-Base Valuation in a Contractual Setting.",
    example: "SELECT round(sbg_derl(named_struct('model', 'sbg', 'params', [0.668088, 3.806095], 'unit', \
              'year'), 1, 0.1), 4) AS renewals",
    answer: &["5.4145"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(_arguments: &Arguments) -> Result<Each> {
    Ok(Box::new(|columns| {
        predict(columns, models::CONTRACTS, SPEC.name, |known, columns, row| {
            let (Some(n), Some(discount)) = (columns.number(1, row), columns.number(2, row)) else {
                return Ok(None);
            };
            check_age(SPEC.name, "n", 1.0, n)?;
            check_discount(SPEC.name, discount)?;
            let period = per_period(discount.ln_1p(), known.unit_days()?).exp_m1();
            let Some(life) = known.model.residual_life(n, period) else {
                return Err(DataFusionError::Execution(format!(
                    "{}: without discount, and with alpha at most 1, the renewals do not end: give a \
                     discount above 0",
                    SPEC.name
                )));
            };
            Ok(Some(life))
        })
    }))
}
