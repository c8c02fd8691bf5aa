//! `grr(mrr0, mrr1)`: what is left of the revenue at the start when nobody's growth counts.
//!
//! By hand: at the start three customers pay 100, 50 and 50; at the end 150, 40 and nothing, and a new one
//! pays 80. (100 + 40 + 0) / 200 = 0.7: the 50 more of the first are not counted.

use arrow::compute::kernels::cmp::lt;
use arrow::compute::kernels::zip::zip;

use super::PACKAGE;
use super::nrr::{ERRORS, NULLS, PARAMETERS, plan, recipe};
use super::totals;
use crate::function::{Function, Spec};

static SPEC: Spec = Spec {
    name: "grr",
    aliases: &["gross_revenue_retention"],
    package: PACKAGE,
    summary: "Gross revenue retention: the share of the revenue at the start of a period that its \
              customers still pay at the end, growth not counted.",
    parameters: PARAMETERS,
    returns: "DOUBLE, at most 1. Sums of decimals are exact.",
    nulls: NULLS,
    ties: "None: every row counts for itself. A negative amount counts with its sign.",
    errors: ERRORS,
    formula: "sum(min(mrr1, mrr0)) / sum(mrr0) over the rows with mrr0 <> 0.",
    source: "Gross revenue retention as subscription businesses report it; new customers are in neither \
             sum.",
    example: "SELECT grr(mrr0, mrr1) AS grr FROM (VALUES (100, 150), (50, 40), (50, 0), (0, 80)) AS t(mrr0, \
              mrr1)",
    answer: &["0.7"],
};

/// The function.
pub(crate) fn function() -> Function {
    let lesser = |arguments: &_| {
        plan(arguments, |start, end| {
            let less = lt(&end, start)?;
            Ok(zip(&less, &end, start)?)
        })
    };
    totals::function(&SPEC, recipe(lesser))
}
