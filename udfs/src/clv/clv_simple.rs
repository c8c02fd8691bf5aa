//! `clv_simple(margin, retention, discount)`: the textbook value of a customer who stays or leaves.
//!
//! By hand: 100 a year, 80 % stay, 10 % discount. The first margin comes after a year if he stays:
//! 100 * 0.8 / (1 + 0.1 - 0.8) = 266.67.

use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::columns::Columns;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "clv_simple",
    aliases: &[],
    package: "Lifetime value",
    summary: "The value of a customer with the same margin every period who stays with the same chance.",
    parameters: &[
        Parameter {
            name: "margin",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Margin per period",
        },
        Parameter {
            name: "retention",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Chance to stay for another period, 0 to 1",
        },
        Parameter {
            name: "discount",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Discount per period, above -1",
        },
        Parameter {
            name: "horizon",
            kind: Kind::Real,
            otherwise: Otherwise::Absent,
            about: "Number of margins counted; all of them if it is left out",
        },
        Parameter {
            name: "timing",
            kind: Kind::Choice(&["end", "start"]),
            otherwise: Otherwise::Is("'end'"),
            about: "First margin after one period, if he stays, or at once",
        },
    ],
    returns: "DOUBLE, in the currency of the margin.",
    nulls: "NULL if any argument is NULL or NaN.",
    ties: "None: the answer depends on the row alone.",
    errors: "Execution: an infinite value, retention outside 0..1, a discount of -1 or less, a negative \
             horizon, and retention of 1 + discount or more without a horizon, where the sum does not \
             converge.",
    formula: "end: m r / (1 + d - r), start: m (1 + d) / (1 + d - r); with horizon n both times 1 - (r / \
              (1 + d))^n.",
    source: "Geometric series of discounted margins.",
    example: "SELECT round(clv_simple(100, 0.8, 0.1), 2) AS value",
    answer: &["266.67"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let at_once = arguments.choice("timing")? == "start";
    let limited = arguments.has("horizon");
    Ok(Box::new(move |columns| {
        let columns = Columns::read(columns);
        let each = |row| {
            let number = |place: usize| columns.finite(place, row, SPEC.parameters[place].name);
            let numbers = (number(0)?, number(1)?, number(2)?);
            let (Some(margin), Some(retention), Some(discount)) = numbers else { return Ok(None) };
            let horizon = if limited { number(3)? } else { None };
            if limited && horizon.is_none() {
                return Ok(None);
            }
            value(margin, retention, discount, horizon, at_once).map(Some)
        };
        Ok(Arc::new((0..columns.rows()).map(each).collect::<Result<Float64Array>>()?))
    }))
}

fn value(
    margin: f64,
    stay: f64,
    discount: f64,
    horizon: Option<f64>,
    at_once: bool,
) -> Result<f64> {
    let refuse =
        |problem: String| Err(DataFusionError::Execution(format!("clv_simple: {problem}")));
    if !(0.0..=1.0).contains(&stay) {
        return refuse(format!("retention is a chance from 0 to 1, not {stay}"));
    }
    if discount <= -1.0 {
        return refuse(format!("discount is above -1, not {discount}"));
    }
    if horizon.is_some_and(|horizon| horizon < 0.0) {
        return refuse("horizon is at least 0".to_owned());
    }
    let first = if at_once { margin } else { margin * stay / (1.0 + discount) };
    let Some(periods) = horizon else {
        if stay >= 1.0 + discount {
            return refuse(format!(
                "with retention {stay} and discount {discount} the value does not converge: give a \
                 horizon"
            ));
        }
        return Ok(first * (1.0 + discount) / (1.0 + discount - stay));
    };
    let ratio = stay / (1.0 + discount);
    if ratio == 1.0 {
        return Ok(first * periods);
    }
    if ratio == 0.0 {
        return Ok(if periods > 0.0 { first } else { 0.0 });
    }
    let log = ratio.ln();
    Ok(first * (periods * log).exp_m1() / log.exp_m1())
}
