//! `clv_historic(amount, cost, ts, as_of)`: what a customer has brought in so far.
//!
//! By hand: 100 that cost 60, then 50 back that cost 30, both before `as_of`: 40 - 20 = 20. What comes after
//! `as_of` is not counted. With `discount => 0.1` a margin of a year ago is worth a tenth more today.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array};
use arrow::compute::kernels::cmp::lt_eq;
use arrow::compute::{cast, kernels::numeric::sub};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use super::PACKAGE;
use super::moments::{DAY, instants};
use super::totals::{self, Finish, Recipe, Terms, Total, common, keep, pair};
use crate::amount::too_large;
use crate::args::Arguments;
use crate::calendar::YEAR_DAYS;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "clv_historic",
    aliases: &[],
    package: PACKAGE,
    summary: "The margin of all purchases up to a day, with interest if wanted.",
    parameters: &[
        Parameter {
            name: "amount",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money of the purchase; negative for a refund",
        },
        Parameter {
            name: "cost",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "What the purchase cost; 0 for a value in sales; negative where a refund brings it back",
        },
        Parameter {
            name: "ts",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "When it was",
        },
        Parameter {
            name: "as_of",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "The day the value is for; later purchases are left out",
        },
        Parameter {
            name: "discount",
            kind: Kind::Number(-0.999_999, f64::MAX),
            otherwise: Otherwise::Absent,
            about: "Interest per year of 365.25 days; 0.1 is ten percent",
        },
    ],
    returns: "Without discount the exact sum: DECIMAL(38, s) with the decimals of amount and cost \
              (DECIMAL(76, s) if one is that wide), DOUBLE if one is DOUBLE. With discount DOUBLE. It may \
              be negative.",
    nulls: "Rows with NULL or NaN are skipped. NULL if no row is left.",
    ties: "None: every row counts for itself, also two at the same time.",
    errors: "Execution: an infinite amount, a sum that does not fit. Planning: a discount of -1 or less, \
             DISTINCT.",
    formula: "sum((amount - cost) * (1 + discount)^((as_of - ts) / 365.25 days)) over ts <= as_of. A date is \
              its beginning, a timestamp without zone is read as UTC.",
    source: "Historic customer lifetime value net of refunds, as Klaviyo's glossary has it.",
    example: "SELECT clv_historic(amount, cost, ts, DATE '2024-12-31') AS value FROM (VALUES (100, 60, \
              DATE '2024-01-01'), (-50, -30, DATE '2024-02-01'), (70, 40, DATE '2025-01-01')) AS \
              t(amount, cost, ts)",
    answer: &["20"],
};

/// The function.
pub(crate) fn function() -> Function {
    totals::function(&SPEC, Recipe { kinds: |given| vec![kind(given)], returns, plan })
}

/// The type of the total: with a discount nothing is exact.
fn kind(given: &[DataType]) -> DataType {
    if given.len() < SPEC.parameters.len() {
        common(&given[..given.len().min(2)])
    } else {
        DataType::Float64
    }
}

fn returns(given: &[DataType]) -> DataType {
    let wide = given.iter().take(2).any(|given| matches!(given, DataType::Decimal256(..)));
    match kind(given) {
        DataType::Decimal256(_, scale) if !wide => {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale)
        }
        other => other,
    }
}

fn plan(arguments: &Arguments) -> Result<(Terms, Finish)> {
    let labels = ["amount", "cost"].map(|name| arguments.label(name));
    let discounted = arguments.len() == SPEC.parameters.len();
    let growth = if arguments.has("discount") { arguments.number("discount")? } else { 0.0 };
    let growth = growth.ln_1p();
    let terms: Terms = Box::new(move |columns| {
        let (Some(ts), Some(as_of)) = (columns.get(2), columns.get(3)) else {
            return Err(DataFusionError::Internal("clv_historic lacks its columns".to_owned()));
        };
        let (ts, as_of) = (instants(ts)?, instants(as_of)?);
        let [amount, cost] = pair(columns, &labels)?;
        let margin = keep(&sub(&amount, &cost)?, &lt_eq(&ts, &as_of)?)?;
        if !discounted {
            return Ok(vec![margin]);
        }
        let margin = cast(&margin, &DataType::Float64)?;
        let grown = margin.as_primitive::<Float64Type>().iter().zip(ts.iter().zip(as_of.iter()));
        let grown = grown.map(|(margin, (ts, as_of))| {
            let years = (as_of? as f64 - ts? as f64) / DAY / YEAR_DAYS;
            let margin = margin?;
            Some(if margin == 0.0 { 0.0 } else { margin * (growth * years).exp() })
        });
        Ok(vec![Arc::new(grown.collect::<Float64Array>())])
    });
    let finish: Finish = Box::new(|totals, returns| match totals {
        [total] if total.rows() > 0 => value(total, returns),
        _ => ScalarValue::try_from(returns),
    });
    Ok((terms, finish))
}

fn value(total: &Total, returns: &DataType) -> Result<ScalarValue> {
    let wide = || too_large(SPEC.name, "amount - cost");
    Ok(match (total.exact(), returns) {
        (Some(exact), DataType::Decimal128(precision, scale)) => {
            let narrow = exact.to_i128().filter(|v| v.unsigned_abs() < 10_u128.pow(38));
            ScalarValue::Decimal128(Some(narrow.ok_or_else(wide)?), *precision, *scale)
        }
        (Some(exact), DataType::Decimal256(precision, scale)) => {
            ScalarValue::Decimal256(Some(exact), *precision, *scale)
        }
        _ => ScalarValue::Float64(Some(total.float()).filter(|v| v.is_finite())),
    })
}
