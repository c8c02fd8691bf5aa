//! `dert(model, x, t_x, t, discount)`: the purchases a customer still has in him, discounted to today.
//!
//! Discounted expected residual transactions: [`super::clv`] without horizon and without money. The discount
//! is per year, as everywhere, whatever the unit of the model; a weekly model at 15 % a year discounts 0.27 %
//! a week, continuously.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::clv::{forever, per_period};
use super::models::{PURCHASES, predict};
use super::p_alive::{MODEL, T, TX, X, past};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

/// A discount that may differ from row to row.
pub(crate) const DISCOUNT: Parameter = Parameter {
    name: "discount",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "Discount per year: 0.1 is 10 % a year",
};

static SPEC: Spec = Spec {
    name: "dert",
    aliases: &[],
    package: "Lifetime value",
    summary: "The repeat purchases to expect of a customer from now on, ever, discounted to today.",
    parameters: &[Parameter { about: "What pnbd_fit returned", ..MODEL }, X, TX, T, DISCOUNT],
    returns: "DOUBLE, purchases worth as much as if they were made today.",
    nulls: "NULL if a column is NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: a negative discount, no discount with s at most 1, where the sum is infinite, x not a \
             whole number of at least 0, t_x outside 0..t, a model of another kind.",
    formula: "p_alive * (r+x) (beta+t) / (alpha+t) * e^z E_s(z), z = delta (beta+t), delta = ln(1 + discount) * \
              unit / year, the year 365.25 days; E_s is the generalized exponential integral.",
    source: "Fader, Hardie and Lee (2005), RFM and CLV, with E_s for the confluent hypergeometric function; \
             discount per year instead of per period.",
    example: "SELECT round(dert(named_struct('model', 'pnbd', 'params', [0.553, 10.578, 0.606, 11.669]), 2, \
              30.43, 38.86, 0.15), 4) AS purchases",
    answer: &["6.5153"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

/// Refuses a discount below zero.
pub(crate) fn check_discount(function: &str, discount: f64) -> Result<()> {
    if (0.0..f64::INFINITY).contains(&discount) {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!(
        "{function}: the discount is a number per year of at least 0, not {discount}"
    )))
}

fn plan(_arguments: &Arguments) -> Result<Each> {
    Ok(Box::new(|columns| {
        predict(columns, PURCHASES, SPEC.name, |known, columns, row| {
            let (Some(past), Some(discount)) = (past(columns, 1, row), columns.number(4, row))
            else {
                return Ok(None);
            };
            check_discount(SPEC.name, discount)?;
            known.model.check(SPEC.name, Some(past), None)?;
            let (alive, then) = known.model.now(Some(past));
            let rate = per_period(discount.ln_1p(), known.unit_days()?);
            Ok(Some(alive * forever(&then, rate, SPEC.name)?))
        })
    }))
}
