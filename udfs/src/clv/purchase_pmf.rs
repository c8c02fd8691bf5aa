//! `purchase_pmf(model, n, horizon [, x, t_x, t])`: how likely a customer buys exactly n times.
//!
//! `purchase_pmf(m, 0, INTERVAL '90 days', x, tx, t)` is the chance that he does not buy in three months.
//! Over all n the chances add up to one.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::expected_purchases::history_given;
use super::horizon::{CALL_UNIT, HORIZON, call_unit, check_horizon, horizon};
use super::models::{PURCHASES, predict};
use super::p_alive::{MODEL, T, TX, X, past};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "purchase_pmf",
    aliases: &[],
    package: "Lifetime value",
    summary: "The chance of exactly n repeat purchases of a customer within a time from now.",
    parameters: &[
        MODEL,
        Parameter {
            name: "n",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Number of purchases",
        },
        HORIZON,
        Parameter { otherwise: Otherwise::Absent, ..X },
        Parameter { otherwise: Otherwise::Absent, ..TX },
        Parameter { otherwise: Otherwise::Absent, ..T },
        CALL_UNIT,
    ],
    returns: "DOUBLE, 0 to 1. Without x, t_x and t: of a new customer.",
    nulls: "NULL if an argument that is given has a NULL, or if the model is NULL or could not be \
            fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Planning: only a part of the history is given. Execution: n not a whole number from 0 to a \
             million, a negative horizon, x not a whole number of at least 0, t_x outside 0..t, a model of \
             another kind or, where unit is given, of another unit.",
    formula: "With A the chance to be there now, n > 0: A * P(n), n = 0: 1 - A + A * P(0), P of a new customer \
              of the model that holds for those who are there: BG/NBD with r + x, alpha + t, b + x (MBG/NBD b + \
              x + 1): B(a, b+n) / B(a, b) NB(n) + B(a+1, b+n-1) / B(a, b) (1 - sum for j < n of NB(j)), NB the \
              negative binomial; Pareto/NBD with r + x, alpha + t, beta + t: NB(n) (beta / (beta + h))^s + \
              integral over u < h of NB(n at u) s beta^s / (beta + u)^(s+1); BG/BB with alpha + x, beta + n - x, \
              delta + n: the sum over how long he is there.",
    source: "Fader, Hardie and Lee (2005); Fader and Hardie (2006), Deriving an Expression for P(X(t) = x); \
             Fader, Hardie and Shang (2010).",
    example: "SELECT round(purchase_pmf(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, 2.426]), \
              0, 39), 7) AS p",
    answer: &["0.5737864"],
};

/// The most purchases: the models walk over them one by one.
const MOST: f64 = 1e6;

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let asked = history_given(arguments)?;
    let unit = call_unit(arguments)?;
    Ok(Box::new(move |columns| {
        predict(columns, PURCHASES, SPEC.name, |known, columns, row| {
            let (Some(n), Some(horizon)) =
                (columns.number(1, row), horizon(known, columns, 2, row)?)
            else {
                return Ok(None);
            };
            known.check_unit(unit, SPEC.name)?;
            check_horizon(SPEC.name, horizon)?;
            if !(0.0..=MOST).contains(&n) || n.fract() != 0.0 {
                return Err(DataFusionError::Execution(format!(
                    "{}: n counts purchases: a whole number from 0 to a million, not {n}",
                    SPEC.name
                )));
            }
            let past = past(columns, 3, row);
            if asked && past.is_none() {
                return Ok(None);
            }
            known.model.check(SPEC.name, past, Some(horizon))?;
            let (alive, then) = known.model.now(past);
            let gone = if n == 0.0 { 1.0 - alive } else { 0.0 };
            Ok(Some(gone + alive * then.pmf(n, horizon)))
        })
    }))
}
