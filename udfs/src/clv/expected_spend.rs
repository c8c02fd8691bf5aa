//! `expected_spend(model, x, m)`: what the customer will spend per purchase.
//!
//! A mix of what he spent and what everybody spends; the more purchases, the more his own counts. A
//! customer without repeat purchases is expected to spend what everybody does.

use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::models::{self, predict};
use super::p_alive::X;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

/// The fitted spending model.
pub(crate) const SPENDING: Parameter = Parameter {
    name: "gg",
    kind: Kind::Model,
    otherwise: Otherwise::Required,
    about: "What gammagamma_fit returned",
};

/// Average spend.
pub(crate) const M: Parameter = Parameter {
    name: "m",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "Average money per repeat purchase; without repeat purchases it may be NULL",
};

static SPEC: Spec = Spec {
    name: "expected_spend",
    aliases: &[],
    package: "Lifetime value",
    summary: "The money per purchase to expect of a customer.",
    parameters: &[SPENDING, X, M],
    returns: "DOUBLE, in the currency of the fit. NULL if q is at most 1: the population has no mean.",
    nulls: "NULL if x is NULL, or m for a customer with repeat purchases, or if the model is NULL or \
            could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: an infinite x or m, a model of another kind.",
    formula: "p (v + x m) / (p x + q - 1); p v / (q - 1) for x = 0.",
    source: "Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value.",
    example: "SELECT round(expected_spend(named_struct('model', 'gammagamma', 'params', [6.25, 3.74, \
              15.44]), 0, NULL), 4) AS spend",
    answer: &["35.219"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(_arguments: &Arguments) -> Result<Each> {
    Ok(Box::new(|columns| {
        predict(columns, models::SPENDING, SPEC.name, |known, columns, row| {
            let Some(x) = columns.finite(1, row, "x")? else { return Ok(None) };
            let m = if x == 0.0 { Some(0.0) } else { columns.finite(2, row, "m")? };
            Ok(m.and_then(|m| known.model.expected(x, m)))
        })
    }))
}
