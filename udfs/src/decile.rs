//! Tenths: of the customers, and of the money.
//!
//! [`decile`] asks "which tenth of the customers is he in", [`value_decile`] "which tenth of the
//! money does he stand for". A tenth of the money takes a hundred customers at the top and half of
//! all customers at the bottom; [`value_decile_flag`] tells those who spent nothing from them.

#[expect(clippy::module_inception, reason = "the file carries the SQL name of its function")]
pub(crate) mod decile;
pub(crate) mod value_decile;
pub(crate) mod value_decile_flag;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![decile::function(), value_decile::function(), value_decile_flag::function()]
}
