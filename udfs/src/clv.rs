//! What a customer is worth from now on, and whether he is still there.
//!
//! Fit, then predict: [`bgnbd_fit`] and [`mbgnbd_fit`] learn how a group of customers buys and drops
//! out, [`gammagamma_fit`] what they spend; each returns a STRUCT. The scalar functions take it and
//! the history of one customer: x repeat purchases, the last at t_x, observed until t, all counted
//! from the first purchase. Because a fit is an aggregate it works under GROUP BY and CUBE: a model
//! per cell. [`clv`] puts both together; [`clv_simple`] needs no model.

pub(crate) mod bgnbd;
pub(crate) mod bgnbd_fit;
#[expect(clippy::module_inception, reason = "the file carries the SQL name of its function")]
pub(crate) mod clv;
pub(crate) mod clv_simple;
pub(crate) mod expected_purchases;
pub(crate) mod expected_spend;
pub(crate) mod fit;
pub(crate) mod gammagamma;
pub(crate) mod gammagamma_fit;
pub(crate) mod gammaln;
pub(crate) mod mbgnbd_fit;
pub(crate) mod minimize;
pub(crate) mod model;
pub(crate) mod outlook;
pub(crate) mod p_alive;
#[cfg(test)]
mod reference;
pub(crate) mod schedule;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        clv::function(),
        clv_simple::function(),
        bgnbd_fit::function(),
        mbgnbd_fit::function(),
        gammagamma_fit::function(),
        p_alive::function(),
        expected_purchases::function(),
        expected_spend::function(),
    ]
}
