//! `sbg_survival(model, t)`: the part of the customers under contract that renews t times.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::models::{self, predict};
use super::p_alive::MODEL;
use super::sbg::Sbg;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar;

/// The fitted contract model.
pub(crate) const CONTRACTS: Parameter = Parameter { about: "What sbg_fit returned", ..MODEL };

static SPEC: Spec = Spec {
    name: "sbg_survival",
    aliases: &[],
    package: "Lifetime value",
    summary: "The chance of a customer under contract to renew at least t times.",
    parameters: &[
        CONTRACTS,
        Parameter {
            name: "t",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Number of renewals",
        },
    ],
    returns: "DOUBLE, 0 to 1; 1 for t = 0.",
    nulls: "NULL if t is NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: t not a whole number from 0 to a million, a model of another kind.",
    formula: "S(t) = B(alpha, beta + t) / B(alpha, beta).",
    source: "Fader and Hardie (2007), How to Project Customer Retention.",
    example: "SELECT round(sbg_survival(named_struct('model', 'sbg', 'params', [0.668088, 3.806095]), 8), 4) AS \
              share",
    answer: &["0.4604"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(
        &SPEC,
        |_| DataType::Float64,
        |_| Ok(Box::new(|columns| by_age(columns, SPEC.name, 0.0, Sbg::survival))),
    )
}

/// A number per model and age, a whole number from `least` on.
pub(crate) fn by_age(
    columns: &[ArrayRef],
    function: &'static str,
    least: f64,
    value: impl Fn(&Sbg, f64) -> f64,
) -> Result<ArrayRef> {
    predict(columns, models::CONTRACTS, function, |known, columns, row| {
        let Some(t) = columns.number(1, row) else { return Ok(None) };
        check_age(function, "t", least, t)?;
        Ok(Some(value(&known.model, t)))
    })
}

/// Refuses what is no number of periods.
pub(crate) fn check_age(function: &str, name: &str, least: f64, age: f64) -> Result<()> {
    const MOST: f64 = 1e6;
    if (least..=MOST).contains(&age) && age.fract() == 0.0 {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!(
        "{function}: {name} is a whole number from {least} to a million, not {age}"
    )))
}
