//! Optimizer rules of our own, in the order they run: before DataFusion's, which then improve on what they made.
//!
//! 1. [`join_memberships`]: IN, EXISTS and `in_segment` as values become joins, so they work wherever a value does.
//!
//! A rule changes plans, never answers. A new rule is a file here and a line in [`install`].

mod join_memberships;

use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::OptimizerRule;
use std::sync::Arc;

/// A builder that plans with our rules and DataFusion's.
#[expect(clippy::disallowed_methods, reason = "the new list holds DataFusion's rules and ours")]
pub(crate) fn install(builder: SessionStateBuilder) -> SessionStateBuilder {
    let ours: [Arc<dyn OptimizerRule + Send + Sync>; 1] =
        [Arc::new(join_memberships::JoinMemberships)];
    let rules = ours.into_iter().chain(Optimizer::new().rules).collect();
    builder.with_optimizer_rules(rules)
}
