//! Customers by name: which segment, which tier of the pyramid, which stage of his life.
//!
//! [`segment`] names a customer by his three scores, with one of the maps of [`maps`] or one that the
//! statement brings along as text ([`map_text`]); [`rules`] is what both become. [`segment_map`]
//! lists a map, [`segment_map_check`] finds its overlaps and gaps, and [`map_table`] makes a text of
//! rules in a table. [`value_tier`] names him by his place in the customer pyramid.
//! `segment(value, ...) OVER (...)` is another way to write `value_tier`. [`freq_value_matrix`] sets
//! how often he buys against how much, [`lifecycle_stage`] asks whether he is still there, and
//! [`segment_migration`] counts who moved from which segment to which, with the counting in [`moves`].

pub(crate) mod freq_value_matrix;
pub(crate) mod lifecycle_stage;
pub(crate) mod map_table;
pub(crate) mod map_text;
pub(crate) mod maps;
pub(crate) mod moves;
pub(crate) mod rules;
#[expect(clippy::module_inception, reason = "the file carries the SQL name of its function")]
pub(crate) mod segment;
pub(crate) mod segment_map;
pub(crate) mod segment_map_check;
pub(crate) mod segment_migration;
pub(crate) mod value_tier;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        segment::function(),
        segment_map::function(),
        segment_map_check::function(),
        value_tier::function(),
        freq_value_matrix::function(),
        lifecycle_stage::function(),
        segment_migration::function(),
    ]
}
