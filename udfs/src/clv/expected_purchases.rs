//! `expected_purchases(model, horizon [, x, t_x, t])`: how often a customer will buy.
//!
//! With a history, of that customer after t; without, of a new one after his first purchase.

use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::horizon::{CALL_UNIT, HORIZON, call_unit, check_horizon, horizon};
use super::models::{PURCHASES, predict};
use super::p_alive::{MODEL, T, TX, X, past};
use crate::args::Arguments;
use crate::function::{Function, Otherwise, Parameter, Spec};
use crate::ranking::bins::contradiction;
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "expected_purchases",
    aliases: &[],
    package: "Lifetime value",
    summary: "The repeat purchases to expect of a customer within a time from now.",
    parameters: &[
        MODEL,
        HORIZON,
        Parameter { otherwise: Otherwise::Absent, ..X },
        Parameter { otherwise: Otherwise::Absent, ..TX },
        Parameter { otherwise: Otherwise::Absent, ..T },
        CALL_UNIT,
    ],
    returns: "DOUBLE, purchases. Without x, t_x and t: of a new customer. 0 for a horizon of 0.",
    nulls: "NULL if an argument that is given has a NULL, or if the model is NULL or could not be \
            fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Planning: only a part of the history is given. Execution: a negative horizon, x not a whole \
             number of at least 0, t_x outside 0..t, a model of another kind or, where unit is given, of \
             another unit; bgbb: a horizon of a part of an opportunity.",
    formula: "p_alive * (-c * expm1(e L) / e - exp(e L) * sum u_n), z = h / (alpha + t + h), L = ln(1 - \
              z), e = a - 1, A = a + b - 1 - r, c = a + b + x - 1, u_1 = A z, u_(n+1) = u_n (A + n)(e + \
              n) z / ((c + n)(n + 1)); MBG/NBD: b + 1 for b. Pareto/NBD: p_alive * (r+x) / \
              (alpha+t) * (beta+t) * -expm1(-(s-1) l) / (s-1), l = ln((beta+t+h) / (beta+t)). BG/BB: the chance \
              to be there at n * (alpha+x) / (alpha+beta+n) * sum over the h opportunities of the chance to be \
              there.",
    source: "Fader, Hardie and Lee (2005), in a form without poles; Fader and Hardie (2005); Fader, Hardie and \
             Shang (2010).",
    example: "SELECT round(expected_purchases(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, \
              2.426]), 39, 2, 30.43, 38.86), 6) AS n",
    answer: &["1.226028"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let asked = history_given(arguments)?;
    let unit = call_unit(arguments)?;
    Ok(Box::new(move |columns| {
        predict(columns, PURCHASES, SPEC.name, |known, columns, row| {
            let Some(horizon) = horizon(known, columns, 1, row)? else { return Ok(None) };
            known.check_unit(unit, SPEC.name)?;
            check_horizon(SPEC.name, horizon)?;
            let past = past(columns, 2, row);
            if asked && past.is_none() {
                return Ok(None);
            }
            known.model.check(SPEC.name, past, Some(horizon))?;
            let (alive, then) = known.model.now(past);
            Ok(Some(alive * then.expected(horizon)))
        })
    }))
}

/// Whether a call has a history: all three of its arguments or none.
pub(crate) fn history_given(arguments: &Arguments) -> Result<bool> {
    let names = ["x", "tx", "t"];
    // One that is left out between others is NULL of a type when the call runs, and then counts as written.
    let written = names.map(|name| arguments.written(name));
    if written.contains(&true) && written.contains(&false) {
        return Err(contradiction(arguments, "a history is x, tx and t: give all three or none"));
    }
    Ok(names.iter().any(|name| arguments.has(name)))
}
