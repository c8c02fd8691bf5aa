//! `next_purchase_time(model, x, t_x, t)`: by when a customer will have bought again.
//!
//! The least time from now within which he buys with a chance of p. A customer who is gone never buys again,
//! so if he is still there with a chance below p there is no such time: NULL.

use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::models::{PURCHASES, predict};
use super::p_alive::{MODEL, T, TX, X, past};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "next_purchase_time",
    aliases: &[],
    package: "Lifetime value",
    summary: "The time from now within which the customer buys again with a given chance.",
    parameters: &[
        MODEL,
        X,
        TX,
        T,
        Parameter {
            name: "p",
            kind: Kind::Number(0.0, 1.0),
            otherwise: Otherwise::Is("0.5"),
            about: "The chance to have bought by then",
        },
    ],
    returns: "DOUBLE, in the unit of the model; bgbb: whole opportunities. NULL if the chance to buy again at \
              all is below p.",
    nulls: "NULL if the history has a NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Planning: p outside 0..1. Execution: x not a whole number of at least 0, t_x outside 0..t, a model \
             of another kind.",
    formula: "The least h with p_alive * (1 - P(0 purchases in h)) >= p. BG/NBD: (alpha + t) ((1 - p / \
              p_alive)^(-1 / (r+x)) - 1).",
    source: "The distribution of purchase_pmf for n = 0, solved for the horizon.",
    example: "SELECT round(next_purchase_time(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, \
              2.426]), 26, 30.857, 31), 4) AS weeks",
    answer: &["0.9932"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let wanted = arguments.number("p")?;
    Ok(Box::new(move |columns| {
        predict(columns, PURCHASES, SPEC.name, |known, columns, row| {
            let Some(past) = past(columns, 1, row) else { return Ok(None) };
            known.model.check(SPEC.name, Some(past), None)?;
            if wanted == 0.0 {
                return Ok(Some(0.0));
            }
            let (alive, then) = known.model.now(Some(past));
            let chance = wanted / alive;
            Ok(if chance <= 1.0 { then.wait(chance) } else { None })
        })
    }))
}
