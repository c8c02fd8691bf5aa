//! Statements that are known but not there yet, refused by name so that nobody looks for a typing error.
//!
//! Example: `CREATE MATERIALIZED VIEW` says that it is not supported and what to use meanwhile.

use crate::error::{EngineError, Result};
use crate::sql::Parsed;
use crate::sql::reader::Reader;

/// Refuses.
pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    let text = reader.rest().to_ascii_uppercase();
    let has = |words: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words);
    let (what, hint) = if has("MATERIALIZED") {
        (
            "materialized views are not supported yet",
            "CREATE TABLE .. AS keeps a result; CREATE VIEW names a query",
        )
    } else if has("EXPLAIN REWRITE") {
        ("EXPLAIN REWRITE is not supported yet", "EXPLAIN shows the plan")
    } else if has("CREATE DATABASE") {
        ("there is one database, \"pareto\"", "CREATE SCHEMA makes a namespace")
    } else {
        (
            "ADVISE ROLLUPS is not supported yet",
            "EXPLAIN ANALYZE shows where a query spends its time",
        )
    };
    Err(EngineError::invalid(what).with_hint(hint))
}
