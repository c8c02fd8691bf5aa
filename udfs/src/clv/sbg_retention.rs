//! `sbg_retention(model, t)`: the part of the customers who renewed t - 1 times that renews for the t-th.
//!
//! It rises with t: those who leave easily are gone.

use arrow::datatypes::DataType;

use super::sbg::Sbg;
use super::sbg_survival::{CONTRACTS, by_age};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar;

static SPEC: Spec = Spec {
    name: "sbg_retention",
    aliases: &[],
    package: "Lifetime value",
    summary: "The chance of a customer under contract who has come to his t-th renewal to renew.",
    parameters: &[
        CONTRACTS,
        Parameter {
            name: "t",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Which renewal, 1 for the first",
        },
    ],
    returns: "DOUBLE, 0 to 1.",
    nulls: "NULL if t is NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: t not a whole number from 1 to a million, a model of another kind.",
    formula: "r(t) = S(t) / S(t-1) = (beta + t - 1) / (alpha + beta + t - 1).",
    source: "Fader and Hardie (2007), How to Project Customer Retention.",
    example: "SELECT round(sbg_retention(named_struct('model', 'sbg', 'params', [1, 3]::DOUBLE[]), 2), 2) AS share",
    answer: &["0.8"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(
        &SPEC,
        |_| DataType::Float64,
        |_| Ok(Box::new(|columns| by_age(columns, SPEC.name, 1.0, Sbg::retention))),
    )
}
