//! `expected_purchases(model, horizon [, x, t_x, t])`: how often a customer will buy.
//!
//! With a history, of that customer after t; without, of a new one after his first purchase.

use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::model::{Models, check_history, number};
use super::p_alive::{MODEL, T, TX, X};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
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
    ],
    returns: "DOUBLE, purchases. Without x, t_x and t: of a new customer. 0 for a horizon of 0.",
    nulls: "NULL if an argument that is given has a NULL, or if the model is NULL or could not be \
            fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Planning: only a part of the history is given. Execution: a negative horizon, x not a whole \
             number of at least 0, t_x outside 0..t, a model of another kind.",
    formula: "p_alive * (-c * expm1(e L) / e - exp(e L) * sum u_n), z = h / (alpha + t + h), L = ln(1 - \
              z), e = a - 1, A = a + b - 1 - r, c = a + b + x - 1, u_1 = A z, u_(n+1) = u_n (A + n)(e + \
              n) z / ((c + n)(n + 1)); MBG/NBD: b + 1 for b.",
    source: "Fader, Hardie and Lee (2005), in a form without poles.",
    example: "SELECT round(expected_purchases(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, \
              2.426]), 39, 2, 30.43, 38.86), 6) AS n",
    answer: &["1.226028"],
};

/// The time to look ahead.
pub(crate) const HORIZON: Parameter = Parameter {
    name: "horizon",
    kind: Kind::Real,
    otherwise: Otherwise::Required,
    about: "How far to look ahead, in the unit of the model",
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

/// Refuses a horizon that lies behind.
pub(crate) fn check_horizon(function: &str, horizon: f64) -> Result<()> {
    if (0.0..f64::INFINITY).contains(&horizon) {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!(
        "{function}: the horizon is a time of at least 0, not {horizon}"
    )))
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let known = arguments.len() > 2;
    if known && arguments.len() < 5 {
        return Err(contradiction(arguments, "a history is x, tx and t: give all three or none"));
    }
    Ok(Box::new(move |columns| {
        let Some(column) = columns.first() else { return Ok(Arc::new(Float64Array::new_null(0))) };
        let models = Models::read(column, SPEC.name)?;
        let each = |row| {
            let (Some(model), Some(horizon)) =
                (models.purchases(row, SPEC.name)?, number(columns, 1, row))
            else {
                return Ok(None);
            };
            check_horizon(SPEC.name, horizon)?;
            if !known {
                return Ok(Some(model.expected_new(horizon)));
            }
            let history = [2, 3, 4].map(|place| number(columns, place, row));
            let [Some(x), Some(tx), Some(t)] = history else { return Ok(None) };
            check_history(SPEC.name, x, tx, t)?;
            Ok(Some(model.expected(x, tx, t, horizon)))
        };
        Ok(Arc::new((0..column.len()).map(each).collect::<Result<Float64Array>>()?))
    }))
}
