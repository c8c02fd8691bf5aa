//! What a customer is worth from now on, and whether he is still there.
//!
//! Fit, then predict: a fit learns how a group of customers buys and leaves, [`gammagamma_fit`] what they
//! spend; each returns a STRUCT. The scalar functions take it and the history of one customer: x repeat
//! purchases, the last at t_x, observed until t, all counted from the first purchase. Because a fit is an
//! aggregate it works under GROUP BY and CUBE: a model per cell.
//!
//! | Fit | Customers |
//! |---|---|
//! | [`bgnbd_fit`], [`mbgnbd_fit`] | buy at any time and may leave after a purchase |
//! | [`pnbd_fit`] | buy at any time and may leave at any time |
//! | [`bgbb_fit`] | may buy at each of a row of opportunities |
//! | [`sbg_fit`] | are under contract and renew or leave |
//!
//! The arithmetic of a model is in the file of its name, and nowhere else; [`purchases`] is what predictions
//! ask of those who buy without contract. [`clv`] puts purchases and money together; [`clv_simple`] needs no
//! model.

pub(crate) mod beta_mean;
pub(crate) mod bgbb;
pub(crate) mod bgbb_fit;
pub(crate) mod bgnbd;
pub(crate) mod bgnbd_fit;
pub(crate) mod bgnbd_likelihood;
#[expect(clippy::module_inception, reason = "the file carries the SQL name of its function")]
pub(crate) mod clv;
pub(crate) mod clv_simple;
pub(crate) mod columns;
pub(crate) mod dert;
pub(crate) mod estimate;
pub(crate) mod expected_purchases;
pub(crate) mod expected_spend;
pub(crate) mod exponential_integral;
pub(crate) mod fit;
pub(crate) mod gammagamma;
pub(crate) mod gammagamma_fit;
pub(crate) mod gammaln;
pub(crate) mod horizon;
pub(crate) mod independence;
pub(crate) mod mbgnbd_fit;
pub(crate) mod minimize;
pub(crate) mod model;
pub(crate) mod models;
pub(crate) mod next_purchase_time;
pub(crate) mod outlook;
pub(crate) mod p_alive;
pub(crate) mod pnbd;
pub(crate) mod pnbd_fit;
pub(crate) mod pnbd_likelihood;
#[cfg(test)]
mod predictions;
pub(crate) mod purchase_fit;
pub(crate) mod purchase_pmf;
pub(crate) mod purchases;
pub(crate) mod quadrature;
#[cfg(test)]
mod reference;
pub(crate) mod ridge;
pub(crate) mod sbg;
pub(crate) mod sbg_derl;
pub(crate) mod sbg_fit;
pub(crate) mod sbg_retention;
pub(crate) mod sbg_survival;
pub(crate) mod schedule;
pub(crate) mod series;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        clv::function(),
        clv_simple::function(),
        bgnbd_fit::function(),
        mbgnbd_fit::function(),
        pnbd_fit::function(),
        bgbb_fit::function(),
        gammagamma_fit::function(),
        p_alive::function(),
        expected_purchases::function(),
        purchase_pmf::function(),
        next_purchase_time::function(),
        dert::function(),
        expected_spend::function(),
        sbg_fit::function(),
        sbg_survival::function(),
        sbg_retention::function(),
        sbg_derl::function(),
    ]
}
