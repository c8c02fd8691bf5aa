//! Recency, frequency and money as scores.
//!
//! [`rfm_score`] is the rule for one measure and [`rfm`] for all three. [`rfm_breaks`] says which
//! thresholds are in force, so that a scheduled run can freeze them and score against them with
//! [`rfm_score_breaks`]. [`rfm_state`] makes the history of a customer out of his purchases; its rows
//! wait in [`histories`], packed into [`blocks`] and a [`tally`], and are counted in [`summaries`].

pub(crate) mod blocks;
pub(crate) mod histories;
#[expect(clippy::module_inception, reason = "the file carries the SQL name of its function")]
pub(crate) mod rfm;
pub(crate) mod rfm_breaks;
pub(crate) mod rfm_score;
pub(crate) mod rfm_score_breaks;
pub(crate) mod rfm_state;
pub(crate) mod summaries;
pub(crate) mod tally;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        rfm_score::function(),
        rfm_score_breaks::function(),
        rfm::function(),
        rfm_breaks::function(),
        rfm_state::function(),
    ]
}
