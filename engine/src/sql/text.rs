//! Tokens and where they stand in the text.
//!
//! The tokenizer counts lines and characters; slicing the text needs bytes. One walk over both gives the byte range of
//! every token, so a statement list can be split and a view's query kept exactly as it was written.
//!
//! Example: `split("SELECT ';'; -- done\nSELECT 2;")` gives `SELECT ';'` and `SELECT 2`.

use super::dialect::DIALECT;
use crate::error::Result;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use std::ops::Range;

/// Cuts a text into tokens, white space included.
pub(crate) fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>> {
    Ok(Tokenizer::new(&DIALECT, sql).tokenize_with_location()?)
}

/// The byte range of every token.
pub(crate) fn ranges(sql: &str, tokens: &[TokenWithSpan]) -> Vec<Range<usize>> {
    let mut walk =
        Walk { rest: sql.char_indices(), at: Location { line: 1, column: 1 }, end: sql.len() };
    tokens
        .iter()
        .map(|token| {
            let start = walk.to(token.span.start);
            let end = walk.to(token.span.end);
            start..end.max(start)
        })
        .collect()
}

struct Walk<'a> {
    rest: std::str::CharIndices<'a>,
    at: Location,
    end: usize,
}

impl Walk<'_> {
    /// The byte offset of a location at or after the current one.
    fn to(&mut self, location: Location) -> usize {
        while (self.at.line, self.at.column) < (location.line, location.column) {
            match self.rest.next() {
                Some((_, '\n')) => self.at = Location { line: self.at.line + 1, column: 1 },
                Some(_) => self.at.column += 1,
                None => break,
            }
        }
        self.rest.clone().next().map_or(self.end, |(offset, _)| offset)
    }
}

/// The statements of a text, without their semicolons and without empty ones.
pub(crate) fn split(sql: &str) -> Result<Vec<String>> {
    let tokens = tokenize(sql).map_err(|error| error.locate(sql))?;
    let ranges = ranges(sql, &tokens);
    let mut statements = Vec::new();
    let mut current: Option<Range<usize>> = None;
    for (token, range) in tokens.iter().zip(ranges) {
        match &token.token {
            Token::SemiColon => statements.extend(current.take()),
            Token::Whitespace(_) | Token::EOF => {}
            _ => current = Some(current.map_or(range.start, |current| current.start)..range.end),
        }
    }
    statements.extend(current);
    Ok(statements.into_iter().map(|range| sql[range].to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_outside_quotes_and_comments_only() {
        let check =
            |sql: &str, expected: &[&str]| assert_eq!(split(sql).unwrap(), expected, "{sql}");
        check("SELECT 1", &["SELECT 1"]);
        check(" ; ;", &[]);
        check("-- nothing\n", &[]);
        check(
            "SELECT ';'; -- one; two\nSELECT \"a;b\"\n FROM t;",
            &["SELECT ';'", "SELECT \"a;b\"\n FROM t"],
        );
        check("SELECT 'ä;ö' /* ; */ , 2; SELECT 3", &["SELECT 'ä;ö' /* ; */ , 2", "SELECT 3"]);
        assert!(split("SELECT 'open").is_err());
    }
}
