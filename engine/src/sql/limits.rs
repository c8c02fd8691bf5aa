//! What is too big or too deep to parse, refused by name before it can exhaust a stack.
//!
//! The parser, the planner and even freeing a tree recurse; the text of a statement decides how deep. Four bounds
//! hold whatever comes over the wire: bytes, open brackets, words of set operators and joins, and the length of one
//! chain of operators. Chains of AND and OR, which programs write by the thousand, are folded into balanced trees
//! (their meaning does not depend on grouping), so that a filter of ten thousand terms is fourteen levels deep.
//!
//! Example: 100,000 nested parentheses are refused with the position of the first one too many.

use crate::error::{EngineError, Result};
use sqlparser::ast::{BinaryOperator, Expr, VisitorMut};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// The longest statement, in bytes.
pub(crate) const BYTES_LIMIT: usize = 16 << 20;
/// The deepest nesting of brackets and subqueries.
pub(crate) const NESTING_LIMIT: usize = 64;
/// The most terms one chain of AND or OR may have.
const TERMS_LIMIT: usize = 20_000;
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
    if sql.len() <= BYTES_LIMIT {
        return Ok(());
    }
    let megabytes = BYTES_LIMIT >> 20;
    Err(EngineError::invalid(format!(
        "the statement is {} bytes long: at most {megabytes} MB are allowed",
        sql.len()
    ))
    .with_hint("load large data with COPY .. FROM, or bind it as parameters"))
}

/// Refuses tokens that nest too deeply or join too much.
pub(crate) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let (mut depth, mut joins, mut sets) = (0usize, 0usize, 0usize);
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::SemiColon => (depth, joins, sets) = (0, 0, 0),
            Token::Word(word) => match word.keyword {
                Keyword::JOIN => joins += 1,
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
        } else {
            continue;
        };
        let most = if depth > NESTING_LIMIT { NESTING_LIMIT } else { RELATIONS_LIMIT };
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
    let stack = (tokens * STACK_BYTES_PER_TOKEN).max(8 << 20);
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
            if terms.len() > TERMS_LIMIT {
                return ControlFlow::Break(too_long(&op.to_string(), terms.len(), TERMS_LIMIT));
            }
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
