//! `retention_rate(active_start, active_end)`: the share of the customers at the start who are still
//! there at the end.
//!
//! By hand: four customers were there, three of them still are, and two new ones came: 3 / 4.

use super::PACKAGE;
use super::churn_rate::{NULLS, PARAMETERS, recipe};
use super::totals;
use crate::function::{Function, Spec};

static SPEC: Spec = Spec {
    name: "retention_rate",
    aliases: &[],
    package: PACKAGE,
    summary: "The share of the customers active at the start of a period who are active at its end, too.",
    parameters: PARAMETERS,
    returns: "DOUBLE, 0 to 1; with churn_rate it adds up to 1.",
    nulls: NULLS,
    ties: "None: every row counts for itself.",
    errors: "Planning: DISTINCT, an argument that is not BOOLEAN.",
    formula: "n(start and end) / n(start).",
    source: "Customer retention rate of a period; new customers are in neither number.",
    example: "SELECT retention_rate(a, b) AS retention FROM (VALUES (true, true), (true, true), (true, \
              false), (true, true), (false, true)) AS t(a, b)",
    answer: &["0.75"],
};

/// The function.
pub(crate) fn function() -> Function {
    totals::function(&SPEC, recipe(true))
}
