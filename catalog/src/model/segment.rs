//! A segment: a named set of customers, defined by a query and kept as rows until it is refreshed.
//!
//! Members live in an ordinary Delta table, so that `in_segment(customer_id, 's')` is a join like any other. A segment
//! never changes on its own: `REFRESH SEGMENT` recomputes it.
//!
//! Example: `CREATE SEGMENT champions AS SELECT customer_id FROM scored WHERE segment = 'Champions'`.

use super::Name;
use serde::{Deserialize, Serialize};

/// A named set of customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The name, unique in the warehouse.
    pub name: String,
    /// The query that defines it; its first column is the member id.
    pub sql: String,
    /// The table that holds the members.
    pub table: Name,
    /// When it was last computed, in milliseconds since 1970 UTC.
    pub refreshed_at_ms: i64,
    /// How many members it had then.
    pub members: u64,
}
