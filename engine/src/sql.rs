//! Text to statement.
//!
//! A text is cut into tokens, measured against the limits, numbered parameters are given to its `?`, brackets that the
//! parser does not expect are dropped, and the first words decide whose it is: one of ours (the list in `sql/statement.rs`) or DataFusion's. This module never looks a
//! name up and never runs anything.
//!
//! Example: `parse("SHOW TABLES")` becomes a query on `information_schema.tables`; `parse("OPTIMIZE sales")` becomes a
//! statement of ours; `parse("SELECT 1")` a tree for DataFusion's planner.

mod dialect;
pub(crate) mod limits;
pub(crate) mod prepare;
pub(crate) mod reader;
mod redact;
mod size;
pub(crate) mod statement;
mod text;
mod timestamps;
pub(crate) mod tree;
mod types;
pub(crate) mod walk;

pub(crate) use limits::NESTING_LIMIT;
pub(crate) use redact::redact;
pub(crate) use statement::{Own, create_table_from_plan};
pub(crate) use text::{split, tokenize};
pub(crate) use timestamps::Timestamps;
pub(crate) use types::{a_sql_type, sql_type};

use crate::error::{EngineError, Result};
use datafusion::sql::parser::{DFParserBuilder, Statement as SqlStatement};
use dialect::DIALECT;
use reader::Reader;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use tree::Tree;

/// A statement and whose it is.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// For DataFusion's planner.
    Sql(Tree),
    /// Ours.
    Own(Box<dyn Own>),
}

/// Parses exactly one statement; a trailing semicolon is allowed.
pub(crate) fn parse(sql: &str) -> Result<Parsed> {
    limits::check_bytes(sql)?;
    let mut tokens = tokenize(sql)?;
    limits::check_tokens(&tokens)?;
    number_parameters(&mut tokens)?;
    drop_empty_brackets(&mut tokens);
    add_empty_brackets(&mut tokens);
    if !tokens.iter().any(|token| is_content(&token.token)) {
        return Err(EngineError::invalid("there is no statement"));
    }
    let count = tokens.len();
    limits::with_stack(count, || match statement::find(&tokens) {
        Some(parse) => {
            let mut reader = Reader::new(sql, tokens);
            let parsed = parse(&mut reader)?;
            reader.end()?;
            Ok(parsed)
        }
        None => sql_statement(tokens).map(|statement| Parsed::Sql(Tree::new(statement))),
    })
}

/// Parses a query that we wrote or kept ourselves (a view, a segment, a `SHOW`).
pub(crate) fn parse_query(sql: &str) -> Result<Tree> {
    match parse(sql)? {
        Parsed::Sql(tree) => Ok(tree),
        Parsed::Own(_) => Err(EngineError::invalid("expected a query")),
    }
}

/// Parses a text for DataFusion, whoever else might want it.
pub(crate) fn sql_text(sql: &str) -> Result<Tree> {
    sql_statement(tokenize(sql)?).map(Tree::new)
}

/// `current_user()` as `current_user`: to the parser these words are calls as they stand, and brackets an error.
fn drop_empty_brackets(tokens: &mut Vec<TokenWithSpan>) {
    let is_call = |token: &Token| {
        matches!(token, Token::Word(word) if word.quote_style.is_none() && matches!(
            word.keyword,
            Keyword::CURRENT_USER | Keyword::CURRENT_CATALOG | Keyword::SESSION_USER | Keyword::USER
        ))
    };
    let mut at = 0;
    while at < tokens.len() {
        let mut next = (at + 1..tokens.len()).filter(|next| !is_space(&tokens[*next].token));
        if is_call(&tokens[at].token)
            && let (Some(open), Some(close)) = (next.next(), next.next())
            && tokens[open].token == Token::LParen
            && tokens[close].token == Token::RParen
        {
            tokens.drain(at + 1..=close);
        }
        at += 1;
    }
}

/// `current_schema` as `current_schema()`: the standard writes it as a word, the planner knows a function. A column, an alias
/// or a part of a name is left alone.
fn add_empty_brackets(tokens: &mut Vec<TokenWithSpan>) {
    let content = |tokens: &[TokenWithSpan], mut places: Box<dyn Iterator<Item = usize>>| {
        places.find(|place| !is_space(&tokens[*place].token))
    };
    let mut at = 0;
    while at < tokens.len() {
        let named = matches!(&tokens[at].token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("current_schema"));
        let before = content(tokens, Box::new((0..at).rev())).map(|place| &tokens[place].token);
        let after =
            content(tokens, Box::new(at + 1..tokens.len())).map(|place| &tokens[place].token);
        let begins = match before {
            Some(Token::Word(word)) => {
                word.keyword != Keyword::NoKeyword && word.keyword != Keyword::AS
            }
            Some(Token::Period | Token::RParen | Token::Number(..)) | None => false,
            Some(_) => true,
        };
        if named && begins && !matches!(after, Some(Token::LParen | Token::Period)) {
            let span = tokens[at].span;
            let brackets = [Token::LParen, Token::RParen];
            let brackets = brackets.map(|token| TokenWithSpan { token, span });
            tokens.splice(at + 1..at + 1, brackets);
        }
        at += 1;
    }
}

fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

/// Parses with DataFusion's parser and our dialect.
pub(crate) fn sql_statement(tokens: Vec<TokenWithSpan>) -> Result<SqlStatement> {
    let mut parser = DFParserBuilder::new(tokens)
        .with_dialect(&DIALECT)
        // A level of brackets costs the parser up to three levels of its own.
        .with_recursion_limit(NESTING_LIMIT * 3)
        .build()?;
    let mut statements = parser.parse_statements()?;
    let mut statement = match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => statement,
        (Some(_), false) => {
            return Err(EngineError::invalid(
                "there is more than one statement: send them one at a time",
            ));
        }
        (None, _) => return Err(EngineError::invalid("there is no statement")),
    };
    balance(&mut statement)?;
    Ok(statement)
}

fn balance(statement: &mut SqlStatement) -> Result<()> {
    match statement {
        SqlStatement::Statement(inner) => walk::statement(inner.as_mut(), &mut limits::Balance),
        SqlStatement::Explain(explain) => balance(&mut explain.statement),
        SqlStatement::CreateExternalTable(_) | SqlStatement::CopyTo(_) | SqlStatement::Reset(_) => {
            Ok(())
        }
    }
}

fn is_content(token: &Token) -> bool {
    !matches!(token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
}

/// Gives `?` parameters the numbers that the planner wants: the first is `$1`.
fn number_parameters(tokens: &mut [TokenWithSpan]) -> Result<()> {
    let (mut asked, mut numbered) = (0usize, false);
    for token in tokens {
        let Token::Placeholder(text) = &mut token.token else { continue };
        if text == "?" {
            asked += 1;
            *text = format!("${asked}");
        } else {
            numbered = true;
        }
        if numbered && asked > 0 {
            let error = EngineError::invalid(
                "parameters are written either as ? or as $1, $2, .., not both",
            );
            return Err(error.at(token.span.start.line, token.span.start.column));
        }
    }
    Ok(())
}
