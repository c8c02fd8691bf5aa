//! `churn_rate(active_start, active_end)`: the share of the customers at the start who are gone at the
//! end.
//!
//! By hand: four customers were there, one of them is no longer, and two new ones came: 1 / 4. The new
//! ones are in neither number.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Decimal256Array};
use arrow::compute::{and_kleene, is_not_null, not};
use arrow::datatypes::{DECIMAL256_MAX_PRECISION, DataType, i256};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use super::PACKAGE;
use super::totals::{self, Recipe, Terms, keep};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

/// The arguments of both rates.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "active_start",
        kind: Kind::Flag,
        otherwise: Otherwise::Required,
        about: "Whether the customer was active when the period began",
    },
    Parameter {
        name: "active_end",
        kind: Kind::Flag,
        otherwise: Otherwise::Required,
        about: "Whether he was active when it ended",
    },
];

/// What both rates say about NULL.
pub(crate) const NULLS: &str = "Rows with NULL in either argument are skipped. After an outer join write \
    coalesce(active_end, false), or those who left are skipped. NULL if nobody was active at the start.";

static SPEC: Spec = Spec {
    name: "churn_rate",
    aliases: &[],
    package: PACKAGE,
    summary: "The share of the customers active at the start of a period who are not active at its end.",
    parameters: PARAMETERS,
    returns: "DOUBLE, 0 to 1; with retention_rate it adds up to 1.",
    nulls: NULLS,
    ties: "None: every row counts for itself.",
    errors: "Planning: DISTINCT, an argument that is not BOOLEAN.",
    formula: "n(start and not end) / n(start).",
    source: "Customer churn rate of a period; new customers are in neither number.",
    example: "SELECT churn_rate(a, b) AS churn FROM (VALUES (true, true), (true, true), (true, false), (true, \
              true), (false, true)) AS t(a, b)",
    answer: &["0.25"],
};

/// The function.
pub(crate) fn function() -> Function {
    totals::function(&SPEC, recipe(false))
}

/// Counts those active at the start, and of them those who `stayed` or not.
pub(crate) fn recipe(stayed: bool) -> Recipe {
    Recipe {
        kinds: |_| vec![COUNT, COUNT],
        returns: |_| DataType::Float64,
        plan: if stayed { |_| Ok(plan(true)) } else { |_| Ok(plan(false)) },
    }
}

fn plan(stayed: bool) -> (Terms, totals::Finish) {
    let terms: Terms = Box::new(move |columns| {
        let flag = |place: usize| columns.get(place).and_then(|column| column.as_boolean_opt());
        let (Some(start), Some(end)) = (flag(0), flag(1)) else {
            return Err(DataFusionError::Internal("a rate did not get its columns".to_owned()));
        };
        let began = and_kleene(start, &is_not_null(end)?)?;
        let end = if stayed { end.clone() } else { not(end)? };
        Ok(vec![ones(&began)?, ones(&and_kleene(&began, &end)?)?])
    });
    let finish: totals::Finish = Box::new(|totals, _| {
        let [began, counted] = totals else { return Ok(ScalarValue::Float64(None)) };
        Ok(ScalarValue::Float64(counted.over(began)))
    });
    (terms, finish)
}

/// The type of a number of customers.
const COUNT: DataType = DataType::Decimal256(DECIMAL256_MAX_PRECISION, 0);

/// One for every row that is true.
fn ones(flags: &BooleanArray) -> Result<ArrayRef> {
    let ones = Decimal256Array::from_value(i256::ONE, flags.len());
    keep(&(Arc::new(ones.with_data_type(COUNT)) as ArrayRef), flags)
}
