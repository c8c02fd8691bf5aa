//! The words of the scenarios, the SQL they are replaced with, and the tables that it reads and changes.
//!
//! ```text
//! UPDATE STATEMENT                    ──> UPDATE rows_10000 SET id = id
//! UPDATE STATEMENT, in a transaction  ──> UPDATE rows_25000 SET changed = changed + 1 WHERE id < 15001
//! ```
//!
//! The scenarios expect other rows and other counts within a transaction, so the same word is another statement there. All
//! that a transaction changes is one table, as Pareto has it.

/// What the scenarios' words stand on.
pub(crate) const SETUP: [&str; 18] = [
    "CREATE SCHEMA test_schema",
    "CREATE TABLE one (id BIGINT)",
    "INSERT INTO one VALUES (1)",
    "CREATE TABLE keys (pkey INTEGER)",
    "INSERT INTO keys VALUES (1)",
    "CREATE TABLE rows_10000 AS SELECT value AS id FROM generate_series(1, 10000)",
    "CREATE TABLE rows_20000 AS SELECT value AS id FROM generate_series(1, 20000)",
    "CREATE TABLE rows_25000 AS SELECT value AS id, CAST(0 AS BIGINT) AS changed FROM generate_series(1, 25000)",
    "CREATE TABLE ones (number INTEGER NOT NULL)",
    "CREATE TABLE tens (number INTEGER NOT NULL)",
    "CREATE TABLE hundreds (number INTEGER NOT NULL)",
    "INSERT INTO ones VALUES (1), (2), (3)",
    "INSERT INTO tens VALUES (10), (20), (30)",
    "INSERT INTO hundreds VALUES (100), (200), (300)",
    "CREATE TABLE nought AS SELECT CAST(0 AS INTEGER) AS number",
    "CREATE TABLE first AS SELECT CAST(1 AS INTEGER) AS number",
    "CREATE TABLE second AS SELECT CAST(2 AS INTEGER) AS number",
    "SET pareto.parallel_endpoints = 3",
];

/// A result of three parts, of one row each.
const THREE_PARTS: &str = "SELECT CAST(number AS INTEGER UNSIGNED) AS number FROM (SELECT number FROM nought UNION ALL SELECT number FROM first UNION ALL SELECT number FROM second)";

/// The words that are a whole command, and the SQL they are replaced with.
const COMMANDS: [(&str, &str); 7] = [
    (
        "ordered",
        "SELECT number FROM ones UNION ALL SELECT number FROM tens UNION ALL SELECT number FROM hundreds",
    ),
    ("expiration_time", THREE_PARTS),
    ("expiration", THREE_PARTS),
    (
        "heavy query",
        "SELECT count(*) FROM rows_20000 a, rows_10000 b WHERE (a.id * b.id) % 7 = 3 OR a.id % 11 = b.id % 13",
    ),
    ("reuse", "SELECT id FROM one"),
    ("success", "SELECT id FROM one"),
    ("foobar", "SELECT id FROM one"),
];

/// The words that are the text of a statement.
const STATEMENTS: [(&str, &str); 4] = [
    ("SELECT STATEMENT", "SELECT id FROM one"),
    ("UPDATE STATEMENT", "UPDATE rows_10000 SET id = id"),
    ("SELECT PREPARED STATEMENT", "SELECT CAST($1 AS BIGINT) AS id"),
    ("UPDATE PREPARED STATEMENT", "UPDATE rows_20000 SET id = id"),
];

/// The same within a transaction.
const IN_A_TRANSACTION: [(&str, &str); 4] = [
    ("SELECT STATEMENT", "SELECT pkey FROM keys"),
    ("UPDATE STATEMENT", "UPDATE rows_25000 SET changed = changed + 1 WHERE id < 15001"),
    ("SELECT PREPARED STATEMENT", "SELECT CAST(CAST($1 AS BIGINT) AS INTEGER) AS pkey"),
    ("UPDATE PREPARED STATEMENT", "UPDATE rows_25000 SET changed = changed + 1"),
];

/// The SQL behind a command that is a bare word.
pub(crate) fn command(bytes: &[u8]) -> Option<&'static str> {
    COMMANDS.iter().find(|(word, _)| word.as_bytes() == bytes).map(|(_, sql)| *sql)
}

/// Puts the SQL behind the text of a statement in its place; anything else is left as it is.
pub(crate) fn put(text: &mut String, in_a_transaction: bool) {
    let words = if in_a_transaction { &IN_A_TRANSACTION } else { &STATEMENTS };
    if let Some((_, sql)) = words.iter().find(|(word, _)| word == text) {
        (*sql).clone_into(text);
    }
}
