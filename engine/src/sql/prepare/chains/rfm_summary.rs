//! `rfm_summary`: the history of every customer.
//!
//! ```sql
//! SELECT customer_id, history['first'] AS first, ..
//! FROM (SELECT customer_id, rfm_state(sold_on, amount, DATE '2025-12-31') AS history
//!       FROM sales WHERE customer_id IS NOT NULL GROUP BY customer_id)
//! WHERE history['events'] > 0
//! ```
//!
//! Rows after `as_of` are read, because it counts them.

use super::Meaning;
use super::template::HISTORY;

/// The fields of a history, which become columns.
const COLUMNS: &[&str] = &[
    "first",
    "last",
    "events",
    "x",
    "t_x",
    "t",
    "repeat_sum",
    "total",
    "m",
    "n_refund",
    "n_null",
    "n_after",
];

pub(super) fn meaning() -> Meaning {
    let fields: Vec<String> =
        COLUMNS.iter().map(|name| format!("\"$history\"['{name}'] AS {name}")).collect();
    let query = format!(
        "SELECT {{customer}}, {} FROM ({HISTORY}) AS \"$customers\" WHERE \"$history\"['events'] > 0",
        fields.join(", ")
    );
    Meaning { query, columns: COLUMNS }
}
