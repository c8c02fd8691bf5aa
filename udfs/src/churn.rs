//! Who is leaving, who stays, and when the next purchase is due.
//!
//! Two views of the same loss. Without a contract a customer is silent, not gone: [`churn_flag`] draws the
//! line at a number of days, at a multiple of his own rhythm or at a chance from a model, and
//! [`next_purchase`] tells the rhythm. With a contract the loss is known: [`churn_rate`] and
//! [`retention_rate`] count customers, [`nrr`] and [`grr`] the money they pay again.
//! [`clv_historic`] is what all of them have brought in so far.
//!
//! Every ratio divides by those who were there when the period began; whoever came later is in none.

pub(crate) mod churn_flag;
pub(crate) mod churn_rate;
pub(crate) mod clv_historic;
pub(crate) mod float_sum;
pub(crate) mod grr;
pub(crate) mod moments;
pub(crate) mod next_purchase;
pub(crate) mod nrr;
pub(crate) mod retention_rate;
pub(crate) mod totals;

use crate::function::Function;

/// The heading of the package in the manual.
pub(crate) const PACKAGE: &str = "Attrition and retention";

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        churn_flag::function(),
        churn_rate::function(),
        retention_rate::function(),
        nrr::function(),
        grr::function(),
        next_purchase::function(),
        clv_historic::function(),
    ]
}
