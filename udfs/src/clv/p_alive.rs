//! `p_alive(model, x, t_x, t)`: the chance that a customer has not dropped out.
//!
//! The more often somebody used to buy, the more his silence says: of two customers last seen at 30 of
//! 39 weeks the one with 20 purchases is gone more likely than the one with 2.

use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::columns::Columns;
use super::horizon::{check_horizon, horizon};
use super::models::{PURCHASES, predict};
use super::purchases::Past;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

/// The fitted purchase model.
pub(crate) const MODEL: Parameter = Parameter {
    name: "model",
    kind: Kind::Model,
    otherwise: Otherwise::Required,
    about: "What bgnbd_fit, mbgnbd_fit, pnbd_fit or bgbb_fit returned",
};

/// Repeat purchases.
pub(crate) const X: Parameter = Parameter {
    name: "x",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "Repeat purchases of the customer",
};

/// Recency.
pub(crate) const TX: Parameter = Parameter {
    name: "tx",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "Time of his last purchase since his first, in the unit of the model; bgbb: the opportunity",
};

/// Age.
pub(crate) const T: Parameter = Parameter {
    name: "t",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "Time observed since his first purchase, in the unit of the model; bgbb: opportunities",
};

/// Later than now.
const AHEAD: Parameter = Parameter {
    name: "ahead",
    kind: Kind::Span,
    otherwise: Otherwise::Absent,
    about: "Still there so much later: a number in the unit of the model, or an INTERVAL",
};

static SPEC: Spec = Spec {
    name: "p_alive",
    aliases: &[],
    package: "Lifetime value",
    summary: "The chance that the customer is still there at the end of the observation.",
    parameters: &[MODEL, X, TX, T, AHEAD],
    returns: "DOUBLE, 0 to 1. Under BG/NBD a customer without repeat purchase is alive for certain: use \
              mbgnbd_fit where that is no answer. Under BG/BB: still there for the opportunity after the last \
              one observed.",
    nulls: "NULL if the history has a NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: x not a whole number of at least 0, t_x outside 0..t, a model of another kind.",
    formula: "1 / (1 + a / (b + x - 1) * ((alpha + t) / (alpha + t_x))^(r + x)); MBG/NBD: b + x. Pareto/NBD: \
              (alpha + t)^-(r+x) (beta + t)^-s / (L1 + L2) of pnbd_fit. BG/BB: B(alpha+x, beta+n-x) B(gamma, \
              delta+n+1) / (B(alpha, beta) B(gamma, delta) L). Ahead by h: times the mean of (1 + p h / (alpha \
              + t))^-(r+x) over p of beta(a, b+x), MBG/NBD b+x+1; Pareto/NBD ((beta + t) / (beta + t + h))^s; \
              BG/BB n + h for n.",
    source: "Fader, Hardie and Lee (2005); Fader, Hardie and Shang (2010); R packages BTYD and BTYDplus.",
    example: "SELECT round(p_alive(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, 2.426]), \
              26, 30.857, 31), 4) AS p",
    answer: &["0.9688"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let later = arguments.has("ahead");
    Ok(Box::new(move |columns| {
        predict(columns, PURCHASES, SPEC.name, |known, columns, row| {
            let Some(past) = past(columns, 1, row) else { return Ok(None) };
            let ahead = if later { horizon(known, columns, 4, row)? } else { Some(0.0) };
            let Some(ahead) = ahead else { return Ok(None) };
            check_horizon(SPEC.name, ahead)?;
            known.model.check(SPEC.name, Some(past), Some(ahead))?;
            let (alive, then) = known.model.now(Some(past));
            Ok(Some(alive * then.stays(ahead)))
        })
    }))
}

/// The history in three columns; None if a part of it is NULL.
pub(crate) fn past(columns: &Columns<'_>, place: usize, row: usize) -> Option<Past> {
    let [x, tx, t] = [0, 1, 2].map(|part| columns.number(place + part, row));
    Some([x?, tx?, t?])
}
