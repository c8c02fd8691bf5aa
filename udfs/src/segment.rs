//! Customers by name: which segment, which tier of the pyramid.
//!
//! [`segment`] names a customer by his three scores, with one of the maps of [`maps`]; [`value_tier`]
//! by his place in the customer pyramid. `segment(value, ...) OVER (...)` is another way to write
//! `value_tier`.

pub(crate) mod maps;
#[expect(clippy::module_inception, reason = "the file carries the SQL name of its function")]
pub(crate) mod segment;
pub(crate) mod value_tier;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![segment::function(), value_tier::function()]
}
