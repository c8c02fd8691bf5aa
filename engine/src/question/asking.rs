//! How the tests of kept plans and kept answers ask.
//!
//! Example: `ask(&open(&place).await, "SELECT 1").await` is the answer as a table of text.

use crate::{Engine, EngineOptions, Outcome, Session};
use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use std::sync::Arc;
use tempfile::TempDir;

/// A connection to an engine of its own on the warehouse in a folder.
pub(crate) async fn open(place: &TempDir) -> Arc<Session> {
    let options = EngineOptions {
        warehouse: place.path().join("warehouse").display().to_string(),
        memory_limit_bytes: Some(64 << 20),
        threads: Some(2),
        ..EngineOptions::default()
    };
    Engine::open(options).await.unwrap().session()
}

/// The rows, or nothing for a statement that has none.
pub(crate) async fn ask(session: &Arc<Session>, sql: &str) -> String {
    match session.execute(sql).await.unwrap() {
        Outcome::Rows(rows) => {
            let rows: Vec<_> = rows.try_collect().await.unwrap();
            pretty_format_batches(&rows).unwrap().to_string()
        }
        Outcome::Affected(_) | Outcome::Done => String::new(),
    }
}

/// A table of sales, and a view of those in the north.
pub(crate) async fn make_sales(session: &Arc<Session>) {
    for statement in [
        "CREATE TABLE sales (id BIGINT, region VARCHAR, amount BIGINT)",
        "INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20), (3, 'north', 30)",
        "CREATE VIEW north AS SELECT * FROM sales WHERE region = 'north'",
    ] {
        ask(session, statement).await;
    }
}
