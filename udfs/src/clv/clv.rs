//! `clv(model, gg, x, t_x, t, m, horizon)`: what the customer will bring within a time from now.
//!
//! Purchases to expect, period by period, times the money to expect per purchase, times the margin,
//! each discounted to today. A year's discount is converted to the unit of the model, whatever that
//! is, so days and weeks agree.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::expected_purchases::{HORIZON, check_horizon};
use super::expected_spend::{M, SPENDING};
use super::model::{Models, check_history, number};
use super::outlook::Outlook;
use super::p_alive::{MODEL, T, TX, X};
use super::schedule;
use crate::args::Arguments;
use crate::calendar::YEAR_DAYS;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "clv",
    aliases: &[],
    package: "Lifetime value",
    summary: "The customer's lifetime value: the margin to expect of him within a time from now, \
              discounted to today.",
    parameters: &[
        MODEL,
        SPENDING,
        X,
        TX,
        T,
        M,
        HORIZON,
        Parameter {
            name: "discount",
            kind: Kind::Number(0.0, 10.0),
            otherwise: Otherwise::Is("0"),
            about: "Discount per year: 0.1 is 10 % a year",
        },
        Parameter {
            name: "margin",
            kind: Kind::Number(0.0, f64::MAX),
            otherwise: Otherwise::Is("1"),
            about: "The part of the money that is margin",
        },
        Parameter {
            name: "timing",
            kind: Kind::Choice(&["mid", "end"]),
            otherwise: Otherwise::Is("'mid'"),
            about: "When the money of a period comes in: in its middle or at its end",
        },
    ],
    returns: "DOUBLE, in the currency of the spending model.",
    nulls: "NULL if a column is NULL (m may be for x = 0), or if a model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Planning: discount, margin or timing out of range. Execution: a negative horizon or one \
             above 100000 periods, x not a whole number of at least 0, t_x outside 0..t, a model of \
             another kind.",
    formula: "sum over periods k of (E(k) - E(k-1)) * expected_spend * margin * (1 + d)^-(k - 1/2), \
              'end': ^-k; d per period = (1 + discount)^(period / year) - 1, the year 365.25 days; the \
              last period may be a part of one.",
    source: "Fader, Hardie and Lee (2005), RFM and CLV; discount per year instead of per period.",
    example: "SELECT round(clv(named_struct('model', 'bgnbd', 'params', [0.243, 4.414, 0.793, 2.426]), \
              named_struct('model', 'gammagamma', 'params', [6.25, 3.74, 15.44]), 2, 30.43, 38.86, 22.35, \
              39), 4) AS value",
    answer: &["30.2384"],
};

/// The most periods to look ahead.
const LONGEST: f64 = 100_000.0;

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Float64, plan)
}

/// The constants of a call.
#[derive(Debug, Clone, Copy)]
struct Terms {
    discount: f64,
    margin: f64,
    middle: bool,
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let terms = Terms {
        discount: arguments.number("discount")?,
        margin: arguments.number("margin")?,
        middle: arguments.choice("timing")? == "mid",
    };
    Ok(Box::new(move |columns| {
        let [model, spending, ..] = columns else {
            return Err(DataFusionError::Internal("clv takes two models".to_owned()));
        };
        let models = (Models::read(model, SPEC.name)?, Models::read(spending, SPEC.name)?);
        let mut outlook = None;
        let values = (0..model.len()).map(|row| terms.value(&models, columns, row, &mut outlook));
        Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
    }))
}

impl Terms {
    fn value(
        self,
        (buying, spending): &(Models, Models),
        columns: &[ArrayRef],
        row: usize,
        outlook: &mut Option<Outlook>,
    ) -> Result<Option<f64>> {
        let numbers = [2, 3, 4, 6].map(|place| number(columns, place, row));
        let [Some(x), Some(tx), Some(t), Some(horizon)] = numbers else { return Ok(None) };
        let models = (buying.purchases(row, SPEC.name)?, spending.spending(row, SPEC.name)?);
        let (Some(model), Some(spending)) = models else { return Ok(None) };
        check_history(SPEC.name, x, tx, t)?;
        check_horizon(SPEC.name, horizon)?;
        if horizon > LONGEST {
            return Err(DataFusionError::Execution(format!(
                "clv: a horizon of {horizon} periods is too long: fit in a longer unit"
            )));
        }
        let m = if x == 0.0 { Some(0.0) } else { number(columns, 5, row) };
        let Some(spend) = m.and_then(|m| spending.expected(x, m)) else { return Ok(None) };
        // ln(1 + discount) per period.
        let rate = self.discount.ln_1p() * buying.unit_days(row) / YEAR_DAYS;
        if horizon == 0.0 {
            return Ok(Some(0.0));
        }
        let terms = schedule::Terms { horizon, rate, middle: self.middle };
        let outlook = match outlook {
            Some(outlook) if outlook.is_for(&model, terms) => outlook,
            other => other.insert(Outlook::new(model, terms)),
        };
        let purchases = outlook.purchases(x, t) * model.p_alive(x, tx, t);
        Ok(Some(purchases * spend * self.margin))
    }
}
