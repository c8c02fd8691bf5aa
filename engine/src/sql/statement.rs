//! The statements that are ours: one file each, grammar and execution together.
//!
//! [`STATEMENTS`] lists them in the order they are tried; a pattern is the statement's first words, `[..]` optional,
//! `|` between alternatives. More words come before fewer, so that `DESCRIBE HISTORY` is not a table called "history".
//! To add a statement, write its file with `parse` and an [`Own`] implementation, add its line here and its spec in
//! `testdata/slt/statements/`. What no line matches is DataFusion's.
//!
//! Example: `OPTIMIZE sales ZORDER BY (customer_id)` matches `OPTIMIZE` and is read by `optimize_table::parse`.

mod alter_table;
mod analyze_table;
mod copy_table;
mod create_external_table;
mod create_principal;
mod create_schema;
mod create_segment;
mod create_table;
mod create_view;
mod describe;
mod describe_history;
mod drop_relation;
mod drop_schema;
mod grant;
mod later;
mod optimize_table;
mod refresh_segment;
mod restore_table;
mod session_authorization;
mod set;
mod show;
pub(crate) mod transaction;
mod truncate_table;
mod use_schema;
mod vacuum_table;
mod validate_constraint;

pub(crate) use create_table::create_table_from_plan;
pub(crate) use drop_relation::{remove_files, remove_unnamed, without_keys};

use super::Parsed;
use super::reader::Reader;
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// What a statement means for an open transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is part of it: what it changes, if anything, becomes visible with the rest.
    Joins,
    /// It cannot be taken back, so what is pending is committed first.
    Commits,
}

/// A statement of ours, parsed.
#[async_trait]
pub(crate) trait Own: std::fmt::Debug + Send + Sync {
    /// The columns of its rows; `None` when it gives none.
    fn columns(&self) -> Option<SchemaRef> {
        None
    }

    /// What it means for an open transaction.
    fn effect(&self) -> Effect {
        Effect::Commits
    }

    /// Runs it.
    async fn run(&self, context: &StatementContext) -> Result<Outcome>;
}

/// Reads one statement from its first word.
pub(crate) type Parse = fn(&mut Reader<'_>) -> Result<Parsed>;

/// First words, in the order tried, and who reads on.
const STATEMENTS: &[(&str, Parse)] = &[
    // Refused by name until they exist; before CREATE VIEW and ANALYZE, whose words they share.
    ("CREATE [OR REPLACE] MATERIALIZED", later::parse),
    ("REFRESH|ALTER|VERIFY|DROP MATERIALIZED", later::parse),
    ("EXPLAIN REWRITE", later::parse),
    ("ADVISE", later::parse),
    // What exists.
    ("CREATE SCHEMA", create_schema::parse),
    ("CREATE DATABASE", later::parse),
    ("DROP SCHEMA", drop_schema::parse),
    ("CREATE [OR REPLACE] EXTERNAL TABLE", create_external_table::parse),
    ("CREATE [OR REPLACE] [TEMPORARY|TEMP] TABLE", create_table::parse),
    ("CREATE [OR REPLACE] VIEW", create_view::parse),
    ("DROP TABLE|VIEW", drop_relation::parse),
    ("ALTER TABLE", alter_table::parse),
    ("VALIDATE CONSTRAINT", validate_constraint::parse),
    // Several statements as one.
    ("BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE", transaction::parse),
    // Rows in bulk.
    ("COPY", copy_table::parse),
    ("TRUNCATE", truncate_table::parse),
    // The life of a table.
    ("DESCRIBE|DESC HISTORY", describe_history::parse),
    ("RESTORE", restore_table::parse),
    ("OPTIMIZE", optimize_table::parse),
    ("VACUUM", vacuum_table::parse),
    ("ANALYZE", analyze_table::parse),
    // Segments.
    ("CREATE [OR REPLACE] SEGMENT", create_segment::parse),
    ("REFRESH SEGMENT", refresh_segment::parse),
    ("DROP SEGMENT", refresh_segment::parse_drop),
    // Who may do what.
    ("CREATE|ALTER|DROP USER|ROLE", create_principal::parse),
    ("GRANT|REVOKE", grant::parse),
    // The session.
    ("SET|RESET SESSION AUTHORIZATION", session_authorization::parse),
    ("SET", set::parse),
    ("RESET", set::parse_reset),
    ("USE", use_schema::parse),
    ("SHOW", show::parse),
    ("DESCRIBE|DESC", describe::parse),
];

/// How many words of a statement are looked at.
const WORDS: usize = 8;

/// Who reads a statement that starts with these tokens; `None` for DataFusion.
pub(crate) fn find(tokens: &[TokenWithSpan]) -> Option<Parse> {
    let mut words = Vec::with_capacity(WORDS);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::Word(word) if word.quote_style.is_none() && words.len() < WORDS => {
                words.push(word.value.to_ascii_uppercase())
            }
            // Leading semicolons are no statement.
            Token::SemiColon if words.is_empty() => {}
            _ => break,
        }
    }
    STATEMENTS.iter().find(|(pattern, _)| matches(pattern, &words)).map(|(_, parse)| *parse)
}

fn matches(pattern: &str, words: &[String]) -> bool {
    let mut rest = words;
    let mut pattern = pattern.split(' ').peekable();
    while let Some(part) = pattern.next() {
        if let Some(first) = part.strip_prefix('[') {
            // A group of words that may be there: all of them or none.
            let mut group = vec![first.trim_end_matches(']')];
            let mut open = !part.ends_with(']');
            while open {
                let Some(next) = pattern.next() else { break };
                group.push(next.trim_end_matches(']'));
                open = !next.ends_with(']');
            }
            let is = |(wants, word): (&&str, &String)| wants.split('|').any(|want| want == word);
            if rest.len() >= group.len() && group.iter().zip(rest).all(is) {
                rest = &rest[group.len()..];
            }
            continue;
        }
        match rest.split_first() {
            Some((word, after)) if part.split('|').any(|want| want == word) => rest = after,
            _ => return false,
        }
    }
    true
}

/// A statement of ours as the result of parsing.
pub(crate) fn own(statement: impl Own + 'static) -> Result<Parsed> {
    Ok(Parsed::Own(Box::new(statement)))
}

/// A statement that is another way to write a query.
pub(crate) fn rewritten(sql: &str) -> Result<Parsed> {
    super::parse_query(sql).map(Parsed::Sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_decide() {
        let check = |pattern: &str, sql: &str, expected: bool| {
            let words: Vec<String> = sql.split(' ').map(str::to_owned).collect();
            assert_eq!(matches(pattern, &words), expected, "{pattern}: {sql}");
        };
        check("CREATE [OR REPLACE] TABLE", "CREATE TABLE T", true);
        check("CREATE [OR REPLACE] TABLE", "CREATE OR REPLACE TABLE T", true);
        check("CREATE [OR REPLACE] TABLE", "CREATE OR TABLE T", false);
        check("CREATE [TEMPORARY|TEMP] TABLE", "CREATE TEMP TABLE T", true);
        check("CREATE [TEMPORARY|TEMP] TABLE", "CREATE TABLE T", true);
        check("CREATE [TEMPORARY|TEMP] TABLE", "CREATE TEMPORAL TABLE T", false);
        check("DROP TABLE|VIEW", "DROP VIEW V", true);
        check("DROP TABLE|VIEW", "DROP SCHEMA S", false);
        check("OPTIMIZE", "SELECT", false);
    }

    #[test]
    fn more_words_come_before_fewer() {
        for (index, (pattern, _)) in STATEMENTS.iter().enumerate() {
            let words: Vec<String> = pattern
                .split(' ')
                .filter(|part| !part.contains(['[', ']']))
                .map(|part| part.split('|').next().unwrap().to_owned())
                .collect();
            let first =
                STATEMENTS.iter().position(|(pattern, _)| matches(pattern, &words)).unwrap();
            assert_eq!(first, index, "{pattern} is never reached");
        }
    }
}
