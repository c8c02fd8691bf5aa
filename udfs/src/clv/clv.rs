//! `clv(model, gg, x, t_x, t, m, horizon)`: what the customer will bring within a time from now.
//!
//! Purchases to expect, period by period, times the money to expect per purchase, times the margin,
//! each discounted to today. A year's discount is converted to the unit of the model, whatever that
//! is, so days and weeks agree.

use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use super::columns::Columns;
use super::expected_spend::{M, SPENDING};
use super::gammagamma::GammaGamma;
use super::horizon::{CALL_UNIT, HORIZON, call_unit, check_horizon, horizon};
use super::models::{self, Known, Models};
use super::outlook::Outlooks;
use super::p_alive::{MODEL, T, TX, X, past};
use super::purchases::{Past, Purchases};
use super::schedule;
use crate::args::Arguments;
use crate::calendar::YEAR_DAYS;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

/// What later money is worth less.
pub(crate) const DISCOUNT: Parameter = Parameter {
    name: "discount",
    kind: Kind::Number(0.0, 10.0),
    otherwise: Otherwise::Is("0"),
    about: "Discount per year: 0.1 is 10 % a year",
};

/// What of the money counts.
pub(crate) const MARGIN: Parameter = Parameter {
    name: "margin",
    kind: Kind::Number(0.0, f64::MAX),
    otherwise: Otherwise::Is("1"),
    about: "The part of the money that is margin",
};

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
        DISCOUNT,
        MARGIN,
        Parameter {
            name: "timing",
            kind: Kind::Choice(&["mid", "end"]),
            otherwise: Otherwise::Is("'mid'"),
            about: "When the money of a period comes in: in its middle or at its end",
        },
        CALL_UNIT,
    ],
    returns: "DOUBLE, in the currency of the spending model.",
    nulls: "NULL if a column is NULL (m may be for x = 0), or if a model is NULL or could not be fitted.",
    ties: "None: the answer depends on the row alone.",
    errors: "Planning: discount, margin or timing out of range. Execution: a negative horizon or one \
             above 100000 periods, an infinite one for a model other than pnbd or where the value is \
             infinite, x not a whole number of at least 0, t_x outside 0..t, an infinite m, a model of another \
             kind or, where unit is given, of another unit.",
    formula: "sum over periods k of (E(k) - E(k-1)) * expected_spend * margin * (1 + d)^-(k - 1/2), \
              'end': ^-k; d per period = (1 + discount)^(period / year) - 1, the year 365.25 days; the \
              last period may be a part of one. The horizon 'infinity' of a pnbd model: dert * expected_spend * \
              margin.",
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
    /// ln(1 + discount).
    decay: f64,
    margin: f64,
    middle: bool,
    unit: Option<&'static str>,
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let terms = Terms {
        decay: arguments.number("discount")?.ln_1p(),
        margin: arguments.number("margin")?,
        middle: arguments.choice("timing")? == "mid",
        unit: call_unit(arguments)?,
    };
    Ok(Box::new(move |columns| {
        let [model, spending, ..] = columns else {
            return Err(DataFusionError::Internal("clv takes two models".to_owned()));
        };
        let mut models = Models::read(model, models::PURCHASES, SPEC.name)?;
        let mut spending = Models::read(spending, models::SPENDING, SPEC.name)?;
        let columns = Columns::read(columns);
        let mut outlooks = Outlooks::default();
        let values = (0..columns.rows()).map(|row| match (models.at(row)?, spending.at(row)?) {
            (Some(model), Some(spending)) => {
                terms.value(model, &spending.model, &columns, row, &mut outlooks)
            }
            _ => Ok(None),
        });
        Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
    }))
}

impl Terms {
    fn value(
        self,
        known: &Known<Purchases>,
        spending: &GammaGamma,
        columns: &Columns<'_>,
        row: usize,
        outlooks: &mut Outlooks,
    ) -> Result<Option<f64>> {
        let model = &known.model;
        let times = (past(columns, 2, row), horizon(known, columns, 6, row)?);
        let (Some(past), Some(horizon)) = times else { return Ok(None) };
        known.check_unit(self.unit, SPEC.name)?;
        model.check(SPEC.name, Some(past), Some(horizon).filter(|horizon| horizon.is_finite()))?;
        let m = if past[0] == 0.0 { Some(0.0) } else { columns.finite(5, row, "m")? };
        let Some(spend) = m.and_then(|m| spending.expected(past[0], m)) else { return Ok(None) };
        let rate = per_period(self.decay, known.unit_days()?);
        let purchases = if horizon == f64::INFINITY {
            let (alive, then) = model.now(Some(past));
            alive * forever(&then, rate, SPEC.name)?
        } else {
            check_horizon(SPEC.name, horizon)?;
            if horizon > LONGEST {
                return Err(DataFusionError::Execution(format!(
                    "clv: a horizon of {horizon} periods is too long: fit in a longer unit"
                )));
            }
            let terms = schedule::Terms { horizon, rate, middle: self.middle };
            within(model, past, terms, outlooks)
        };
        Ok(Some(purchases * spend * self.margin))
    }
}

/// The purchases to expect within a horizon, each worth less the later it comes.
fn within(model: &Purchases, past: Past, terms: schedule::Terms, outlooks: &mut Outlooks) -> f64 {
    if terms.horizon == 0.0 {
        return 0.0;
    }
    if let Purchases::Bgnbd(model) = model {
        let [x, tx, t] = past;
        return outlooks.of(model, terms).purchases(x, t) * model.p_alive(x, tx, t);
    }
    let (alive, then) = model.now(Some(past));
    let (mut before, mut sum) = (0.0, 0.0);
    for (_, end, worth) in terms.periods() {
        let until = then.expected(end);
        sum += (until - before) * worth;
        before = until;
    }
    alive * sum
}

/// ln(1 + discount) for a period of so many days, given that of a year.
pub(crate) fn per_period(decay: f64, days: f64) -> f64 {
    decay * days / YEAR_DAYS
}

/// The discounted purchases to expect of a customer who is there, ever.
pub(crate) fn forever(model: &Purchases, rate: f64, function: &str) -> Result<f64> {
    let refuse = |problem: &str| Err(DataFusionError::Execution(format!("{function}: {problem}")));
    let Purchases::Pnbd(pnbd) = model else {
        return refuse(
            "only a model of pnbd_fit looks ahead without end: give a horizon, or fit one with pnbd_fit",
        );
    };
    pnbd.discounted(rate).map_or_else(
        || {
            refuse(
                "without discount, and with s at most 1, a customer buys without end: give a discount \
                 above 0",
            )
        },
        Ok,
    )
}
