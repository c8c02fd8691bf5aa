//! `nrr(mrr0, mrr1)`: what the customers of the start pay at the end, for each unit they paid.
//!
//! By hand: at the start three customers pay 100, 50 and 50; at the end 150, 40 and nothing, and a new one
//! pays 80. (150 + 40 + 0) / 200 = 0.95. The new one is in neither sum.

use arrow::array::{Array, ArrayRef, Decimal256Array, Float64Array, Scalar};
use arrow::compute::kernels::cmp::neq;
use arrow::datatypes::{DataType, i256};
use datafusion::common::{Result, ScalarValue};

use super::PACKAGE;
use super::totals::{self, Finish, Recipe, Terms, common, keep, pair};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

/// The arguments of both revenue rates.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "mrr0",
        kind: Kind::Amount,
        otherwise: Otherwise::Required,
        about: "Recurring revenue of the customer at the start of the period; 0 if he was not there",
    },
    Parameter {
        name: "mrr1",
        kind: Kind::Amount,
        otherwise: Otherwise::Required,
        about: "His recurring revenue at the end; 0 if he has left",
    },
];

/// What both rates say about NULL.
pub(crate) const NULLS: &str = "Rows with NULL or NaN in either argument are skipped. After an outer join write \
    coalesce(mrr1, 0), or those who left are skipped. NULL if the revenue at the start is not above 0.";

/// What both rates refuse.
pub(crate) const ERRORS: &str =
    "Execution: an infinite amount, a sum that does not fit. Planning: DISTINCT.";

static SPEC: Spec = Spec {
    name: "nrr",
    aliases: &["net_revenue_retention"],
    package: PACKAGE,
    summary: "Net revenue retention: the revenue at the end of a period from the customers of its start, \
              more and less included, per unit of revenue they had at the start.",
    parameters: PARAMETERS,
    returns: "DOUBLE; above 1 if those who pay more outweigh those who pay less or left. Sums of \
              decimals are exact.",
    nulls: NULLS,
    ties: "None: every row counts for itself. A negative amount counts with its sign.",
    errors: ERRORS,
    formula: "sum(mrr1) / sum(mrr0) over the rows with mrr0 <> 0.",
    source: "Net revenue retention as subscription businesses report it; new customers are in neither sum.",
    example: "SELECT nrr(mrr0, mrr1) AS nrr FROM (VALUES (100, 150), (50, 40), (50, 0), (0, 80)) AS t(mrr0, \
              mrr1)",
    answer: &["0.95"],
};

/// The function.
pub(crate) fn function() -> Function {
    totals::function(&SPEC, recipe(|arguments| plan(arguments, |_, end| Ok(end))))
}

/// Both sums have the common type of the two amounts.
pub(crate) fn recipe(plan: fn(&Arguments) -> Result<(Terms, Finish)>) -> Recipe {
    let kinds = |given: &[DataType]| vec![common(given), common(given)];
    Recipe { kinds, returns: |_| DataType::Float64, plan }
}

/// Adds the revenue at the start, and what is `kept` of it, given both ends.
pub(crate) fn plan(
    arguments: &Arguments,
    kept: fn(&ArrayRef, ArrayRef) -> Result<ArrayRef>,
) -> Result<(Terms, Finish)> {
    let labels = ["mrr0", "mrr1"].map(|name| arguments.label(name));
    let terms: Terms = Box::new(move |columns| {
        let [start, end] = pair(columns, &labels)?;
        let there = neq(&start, &nothing(start.data_type()))?;
        let start = keep(&start, &there)?;
        let end = keep(&end, &there)?;
        let kept = kept(&start, end)?;
        Ok(vec![start, kept])
    });
    let finish: Finish = Box::new(|totals, _| {
        let [start, kept] = totals else { return Ok(ScalarValue::Float64(None)) };
        Ok(ScalarValue::Float64(kept.over(start)))
    });
    Ok((terms, finish))
}

/// Zero in the common type.
fn nothing(kind: &DataType) -> Scalar<ArrayRef> {
    let zero: ArrayRef = match kind {
        DataType::Float64 => std::sync::Arc::new(Float64Array::from_value(0.0, 1)),
        _ => std::sync::Arc::new(
            Decimal256Array::from_value(i256::ZERO, 1).with_data_type(kind.clone()),
        ),
    };
    Scalar::new(zero)
}
