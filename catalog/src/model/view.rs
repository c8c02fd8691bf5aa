//! A view: a query with a name. It holds the SQL text and the columns it had when it was created; it never holds rows.
//!
//! Example: `CREATE VIEW best AS SELECT * FROM customer WHERE tier = 'top'`.

use super::{Column, Name};
use serde::{Deserialize, Serialize};

/// A named query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The name, unique among tables and views of the schema.
    pub name: Name,
    /// The query, as the user wrote it.
    pub sql: String,
    /// The columns at creation, for tools that list them.
    pub columns: Vec<Column>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
