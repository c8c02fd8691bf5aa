//! What is too big or too deep to parse, refused by name before it can exhaust a stack.
//!
//! The parser, the planner and even freeing a tree recurse; the text of a statement decides how deep. Bounds hold
//! whatever comes over the wire: bytes, open brackets, set operators, joins, AND and OR, and the length of one chain of
//! operators. Chains of AND and OR are folded into balanced trees (their meaning does not depend on grouping) before
//! anything recurses into them. They are bounded all the same, because the optimizer makes one long chain of a filter
//! again: ten thousand terms ended the process, three thousand still fitted a thread's stack of two megabytes.
//!
//! Example: 100,000 nested parentheses are refused with the position of the first one too many.

use crate::error::{EngineError, Result};
use sqlparser::ast::{BinaryOperator, Expr, Select, VisitorMut};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// The longest statement, in bytes.
pub(crate) const BYTES_LIMIT: usize = 16 << 20;
/// The deepest nesting of brackets and subqueries.
pub(crate) const NESTING_LIMIT: usize = 64;
/// The most AND and OR in one statement.
pub(crate) const TERMS_LIMIT: usize = 2_000;
/// The most operators other than AND and OR in one chain, as in `a + b + c`.
const CHAIN_LIMIT: usize = 500;
/// The most joins, and the most set operators, in one statement.
const RELATIONS_LIMIT: usize = 250;
/// Statements with more tokens than this are parsed on a thread with a stack to match.
const INLINE_TOKENS: usize = 2_000;
/// Stack per token on such a thread; a token adds at most one level to a tree that is freed recursively.
const STACK_BYTES_PER_TOKEN: usize = 512;

/// Refuses text that is too long.
pub(crate) fn check_bytes(sql: &str) -> Result<()> {
    check_bytes_of("the statement", sql.len())
}

/// Refuses what is too long, whatever it is written in.
pub(crate) fn check_bytes_of(what: &str, bytes: usize) -> Result<()> {
    if bytes <= BYTES_LIMIT {
        return Ok(());
    }
    let megabytes = BYTES_LIMIT >> 20;
    Err(EngineError::invalid(format!(
        "{what} is {bytes} bytes long: at most {megabytes} MB are allowed"
    ))
    .with_hint("load large data with COPY .. FROM, or bind it as parameters"))
}

/// Refuses tokens that nest too deeply or join too much.
pub(crate) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let (mut depth, mut joins, mut sets, mut terms) = (0usize, 0usize, 0usize, 0usize);
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::SemiColon => (depth, joins, sets, terms) = (0, 0, 0, 0),
            Token::Word(word) => match word.keyword {
                Keyword::JOIN => joins += 1,
                Keyword::AND | Keyword::OR => terms += 1,
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => sets += 1,
                _ => {}
            },
            _ => {}
        }
        let (what, limit, hint) = if depth > NESTING_LIMIT {
            (
                "the statement is nested too deeply",
                "levels",
                "name the inner parts in a WITH clause or a view",
            )
        } else if joins > RELATIONS_LIMIT {
            ("the statement has too many joins", "joins", "build it up through CREATE TABLE .. AS")
        } else if sets > RELATIONS_LIMIT {
            (
                "the statement has too many set operators",
                "set operators",
                "use VALUES, or build it up with INSERT",
            )
        } else if terms > TERMS_LIMIT {
            (
                "the statement has too many conditions",
                "AND and OR",
                "use IN (..), or join a table of the values",
            )
        } else {
            continue;
        };
        let most = match (depth > NESTING_LIMIT, terms > TERMS_LIMIT) {
            (true, _) => NESTING_LIMIT,
            (false, true) => TERMS_LIMIT,
            (false, false) => RELATIONS_LIMIT,
        };
        let error = EngineError::invalid(format!("{what}: at most {most} {limit} are allowed"))
            .with_hint(hint);
        return Err(error.at(token.span.start.line, token.span.start.column));
    }
    Ok(())
}

/// Runs `work` where the stack is large enough for a statement of so many tokens.
pub(crate) fn with_stack<T: Send>(
    tokens: usize,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    if tokens <= INLINE_TOKENS {
        return work();
    }
    on_stack((tokens * STACK_BYTES_PER_TOKEN).max(8 << 20), work)
}

/// Runs `work` on a thread with a stack of so many bytes.
pub(crate) fn on_stack<T: Send>(
    stack: usize,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("pareto-parse".to_owned()).stack_size(stack);
        let handle = thread.spawn_scoped(scope, work).map_err(|error| {
            EngineError::new(crate::ErrorKind::Exhausted, format!("cannot start a thread: {error}"))
        })?;
        handle
            .join()
            .unwrap_or_else(|_| Err(EngineError::internal("the parser ended unexpectedly")))
    })
}

/// Folds chains of AND and OR into balanced trees and refuses other chains that are too long.
#[derive(Debug)]
pub(crate) struct Balance;

impl VisitorMut for Balance {
    type Break = EngineError;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<EngineError> {
        if select.from.len() <= RELATIONS_LIMIT {
            return ControlFlow::Continue(());
        }
        let tables = select.from.len();
        let error = EngineError::invalid(format!(
            "one FROM names {tables} tables: at most {RELATIONS_LIMIT} are allowed"
        ));
        ControlFlow::Break(error.with_hint("build it up through CREATE TABLE .. AS"))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<EngineError> {
        let length = spine(expr);
        if length < 16 {
            return ControlFlow::Continue(());
        }
        if let Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } = expr {
            let op = op.clone();
            let mut terms = Vec::with_capacity(length);
            take_terms(
                std::mem::replace(expr, Expr::value(sqlparser::ast::Value::Null)),
                &op,
                &mut terms,
            );
            *expr = fold(terms, &op);
        }
        // What is left of the left spine after folding is operators whose grouping matters.
        match spine(expr) {
            length if length > CHAIN_LIMIT => {
                ControlFlow::Break(too_long("operators", length, CHAIN_LIMIT))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn too_long(what: &str, terms: usize, limit: usize) -> EngineError {
    EngineError::invalid(format!(
        "one expression chains {terms} terms with {what}: at most {limit} are allowed"
    ))
    .with_hint("use IN (..), or join a table of the values")
}

/// How many operators hang on the left side of each other, of any kind.
fn spine(expr: &Expr) -> usize {
    let (mut length, mut current) = (0, expr);
    while let Some(left) = left_of(current) {
        length += 1;
        current = left;
    }
    length
}

fn left_of(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::BinaryOp { left, .. } => Some(left),
        Expr::Cast { expr, .. }
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::Collate { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::Between { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::AtTimeZone { timestamp: expr, .. } => Some(expr),
        Expr::IsDistinctFrom(left, _) | Expr::IsNotDistinctFrom(left, _) => Some(left),
        Expr::CompoundFieldAccess { root, .. } => Some(root),
        _ => None,
    }
}

/// Takes a left-leaning chain of one operator apart, in order, without recursion.
fn take_terms(expr: Expr, op: &BinaryOperator, terms: &mut Vec<Expr>) {
    let mut current = expr;
    loop {
        match current {
            Expr::BinaryOp { left, op: this, right } if this == *op => {
                terms.push(*right);
                current = *left;
            }
            other => {
                terms.push(other);
                break;
            }
        }
    }
    terms.reverse();
}

/// Pairs neighbours until one tree is left; the order of the terms stays.
fn fold(terms: Vec<Expr>, op: &BinaryOperator) -> Expr {
    let mut level = terms;
    while level.len() > 1 {
        let mut next = Vec::with_capacity(level.len().div_ceil(2));
        let mut pairs = level.into_iter();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => {
                    Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) }
                }
                None => left,
            });
        }
        level = next;
    }
    level.pop().unwrap_or_else(|| Expr::value(sqlparser::ast::Value::Null))
}

#[cfg(test)]
mod tests {
    use crate::sql::parse;

    #[test]
    fn what_is_too_deep_or_too_long_is_refused_by_name() {
        let check = |sql: String, expected: &str| {
            let message = parse(&sql).map(|_| ()).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        };
        let many = |word: &str, count: usize| word.repeat(count);
        check(format!("SELECT {}1{}", many("(", 100_000), many(")", 100_000)), "nested too deeply");
        check(format!("SELECT 1 WHERE true{}", many(" OR true", 10_000)), "too many conditions");
        check(format!("SELECT 1 WHERE true{}", many(" AND true", 10_000)), "too many conditions");
        check(format!("SELECT 1{}", many(" + 1", 100_000)), "at most 500");
        check(format!("SELECT 1{}", many("::int", 100_000)), "at most 500");
        check(format!("SELECT 1{}", many(" UNION SELECT 1", 1_000)), "too many set operators");
        check(format!("SELECT 1 FROM a{}", many(" JOIN a USING (b)", 1_000)), "too many joins");
        check(format!("SELECT 1 FROM a{}", many(", a", 1_000)), "one FROM names");
        check(format!("SELECT '{}'", many("x", 17 << 20)), "bytes long");
    }

    #[test]
    fn long_filters_are_balanced() {
        assert!(parse(&format!("SELECT 1 WHERE true{}", " OR true".repeat(1_999))).is_ok());
    }
}
