//! `p_alive(model, x, t_x, t)`: the chance that a customer has not dropped out.
//!
//! The more often somebody used to buy, the more his silence says: of two customers last seen at 30 of
//! 39 weeks the one with 20 purchases is gone more likely than the one with 2.

use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::model::{Models, check_history, number};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

/// The fitted purchase model.
pub(crate) const MODEL: Parameter = Parameter {
    name: "model",
    kind: Kind::Model,
    otherwise: Otherwise::Required,
    about: "What bgnbd_fit or mbgnbd_fit returned",
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
    about: "Time of his last purchase since his first, in the unit of the model",
};

/// Age.
pub(crate) const T: Parameter = Parameter {
    name: "t",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "Time observed since his first purchase, in the unit of the model",
};

static SPEC: Spec = Spec {
    name: "p_alive",
    aliases: &[],
    package: "Lifetime value",
    summary: "The chance that the customer is still there at the end of the observation.",
    parameters: &[MODEL, X, TX, T],
    returns: "DOUBLE, 0 to 1. Under BG/NBD a customer without repeat purchase is alive for certain: use \
              mbgnbd_fit where that is no answer.",
    nulls: "NULL if the history has a NULL, or if the model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: x not a whole number of at least 0, t_x outside 0..t, a model of another kind.",
    formula: "1 / (1 + a / (b + x - 1) * ((alpha + t) / (alpha + t_x))^(r + x)); MBG/NBD: b + x.",
    source: "Fader, Hardie and Lee (2005); R packages BTYD and BTYDplus.",
    example: "SELECT round(p_alive(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, 2.426]), \
              26, 30.857, 31), 4) AS p",
    answer: &["0.9688"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(_arguments: &Arguments) -> Result<Each> {
    Ok(Box::new(|columns| {
        let Some(column) = columns.first() else { return Ok(Arc::new(Float64Array::new_null(0))) };
        let models = Models::read(column, SPEC.name)?;
        let each = |row| {
            let history = [1, 2, 3].map(|place| number(columns, place, row));
            let ([Some(x), Some(tx), Some(t)], Some(model)) =
                (history, models.purchases(row, SPEC.name)?)
            else {
                return Ok(None);
            };
            check_history(SPEC.name, x, tx, t)?;
            Ok(Some(model.p_alive(x, tx, t)))
        };
        Ok(Arc::new((0..column.len()).map(each).collect::<Result<Float64Array>>()?))
    }))
}
