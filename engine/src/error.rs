//! What went wrong, in words the person who wrote the statement can act on.
//!
//! One error type leaves this package. Its [`ErrorKind`] says what the caller should do (fix the request, retry,
//! ask for rights, report a bug); its message is one sentence naming the thing; its position points into the SQL;
//! its hint names the nearest thing that exists. It never shows a Rust debug dump, the name of an internal
//! operator, or a chain of "caused by".
//!
//! ```text
//! error: column "amout" does not exist
//!   at line 1, column 8
//!   SELECT amout FROM sales
//!          ^
//!   hint: did you mean "amount"?
//! ```

mod calls;
mod translate;
mod words;

pub(crate) use pareto_catalog::nearest::nearest;

use crate::sql::redact;
use std::fmt;

use sqlparser::tokenizer::Token;

/// The result of everything this package does.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong: fix it.
    Invalid,
    /// The request names something that is not there.
    NotFound,
    /// The request makes something that is already there.
    AlreadyExists,
    /// Another writer was first: retry.
    Conflict,
    /// Who is asking is not known, or no longer: log in.
    Unauthenticated,
    /// The rights do not suffice: ask for them.
    Denied,
    /// Memory or disk ran out: ask for less, or give more.
    Exhausted,
    /// The store or the network did not answer: retry later.
    Unavailable,
    /// Nobody knows whether it was done: look before it is run again.
    InDoubt,
    /// The caller gave up.
    Cancelled,
    /// A defect of ours: report it.
    Internal,
}

/// Where in the SQL text, counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

/// An error with everything a person needs to act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// What the caller should do.
    pub kind: ErrorKind,
    /// What, where, what to do: one sentence.
    pub message: String,
    /// Where in the SQL.
    pub position: Option<Position>,
    /// The nearest known name, or the way out.
    pub hint: Option<String>,
    /// The line of SQL with the caret under it.
    pub excerpt: Option<String>,
}

/// Longer lines of SQL are cut to a window of this many characters around the caret.
const EXCERPT_CHARS: usize = 100;

impl EngineError {
    /// An error of a kind, with its sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None, hint: None, excerpt: None }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Something named is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A defect of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean" with the nearest of the known names, when one is near.
    #[must_use]
    pub fn with_nearest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(near) => self.with_hint(format!("did you mean \"{near}\"?")),
            None => self,
        }
    }

    /// Adds where.
    #[must_use]
    pub fn at(mut self, line: u64, column: u64) -> Self {
        if line > 0 {
            self.position = Some(Position { line, column: column.max(1) });
        }
        self
    }

    /// Fills the excerpt from the SQL, without passwords, and the position when the message quotes a name that the SQL contains.
    #[must_use]
    pub fn locate(mut self, sql: &str) -> Self {
        if self.excerpt.is_some() {
            return self;
        }
        let sql = redact(sql);
        if self.position.is_none()
            && matches!(
                self.kind,
                ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::AlreadyExists
            )
        {
            self.position = quoted_names(&self.message).find_map(|name| find_name(&sql, name));
        }
        self.excerpt = self.position.and_then(|position| excerpt(&sql, position));
        if self.excerpt.is_none() {
            self.position = None;
        }
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "\n  at line {line}, column {column}")?;
        }
        if let Some(excerpt) = &self.excerpt {
            for line in excerpt.lines() {
                write!(f, "\n  {line}")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for EngineError {}

/// The names a message puts between double quotes, in order.
fn quoted_names(message: &str) -> impl Iterator<Item = &str> {
    message.split('"').skip(1).step_by(2).filter(|name| !name.is_empty())
}

/// Finds the first word of the SQL that spells `name`, or its last part when the name is dotted.
fn find_name(sql: &str, name: &str) -> Option<Position> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let tokens = crate::sql::tokenize(sql).ok()?;
    let spells = |token: &Token, text: &str| match token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(text),
        Token::SingleQuotedString(value) => value == text || value.rsplit('.').next() == Some(text),
        _ => false,
    };
    let found = tokens
        .iter()
        .find(|token| spells(&token.token, name))
        .or_else(|| tokens.iter().find(|token| spells(&token.token, last)))?;
    Some(Position { line: found.span.start.line, column: found.span.start.column })
}

/// The line at a position with a caret under its column.
fn excerpt(sql: &str, position: Position) -> Option<String> {
    let index = usize::try_from(position.line.checked_sub(1)?).ok()?;
    let line: Vec<char> =
        sql.lines().nth(index)?.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    let column = usize::try_from(position.column.checked_sub(1)?).ok()?.min(line.len());
    let start =
        if line.len() <= EXCERPT_CHARS { 0 } else { column.saturating_sub(EXCERPT_CHARS / 2) };
    let end = line.len().min(start + EXCERPT_CHARS);
    let before = if start > 0 { "…" } else { "" };
    let after = if end < line.len() { "…" } else { "" };
    let text: String = line[start..end].iter().collect();
    let indent = " ".repeat(column - start + before.chars().count());
    Some(format!("{before}{text}{after}\n{indent}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_message_position_caret_and_hint() {
        let error = EngineError::invalid("column \"amout\" does not exist")
            .with_nearest("amout", ["amount", "sold_on"])
            .locate("SELECT amout FROM sales");
        assert_eq!(
            error.to_string(),
            "error: column \"amout\" does not exist\n  at line 1, column 8\n  SELECT amout FROM sales\n         ^\n  \
             hint: did you mean \"amount\"?"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let sql = format!("SELECT {}, amout FROM sales", "x, ".repeat(200));
        let error = EngineError::invalid("column \"amout\" does not exist").locate(&sql);
        let excerpt = error.excerpt.unwrap();
        let (line, caret) = excerpt.split_once('\n').unwrap();
        assert!(line.chars().count() <= EXCERPT_CHARS + 2);
        let column = caret.chars().count() - 1;
        assert!(line.chars().skip(column).collect::<String>().starts_with("amout"));
    }

    #[test]
    fn a_position_outside_the_text_is_dropped() {
        let error = EngineError::invalid("no").at(9, 9).locate("SELECT 1");
        assert_eq!(error.to_string(), "error: no");
    }
}
