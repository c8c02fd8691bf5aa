//! Reads the statements that are ours, word by word.
//!
//! A thin layer over the parser's own functions: it matches words whether or not they are keywords, reads names the
//! way the planner will (unquoted ones in lower case), and can give back the text of a part exactly as written. An
//! unexpected word is an error with its place.
//!
//! Example: for `VACUUM t RETAIN 24 HOURS`, `word("RETAIN")` is true once and `number()` is 24.

use super::dialect::DIALECT;
use super::tree::{Tree, Written};
use super::{limits, text, walk};
use crate::error::{EngineError, Result};
use sqlparser::ast::Ident;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::collections::BTreeMap;
use std::ops::Range;

/// A statement being read.
pub(crate) struct Reader<'a> {
    sql: &'a str,
    ranges: Vec<Range<usize>>,
    parser: Parser<'static>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("sql", &self.sql).finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// Starts at the first token.
    pub(crate) fn new(sql: &'a str, tokens: Vec<TokenWithSpan>) -> Self {
        let ranges = text::ranges(sql, &tokens);
        let parser = Parser::new(&DIALECT)
            .with_recursion_limit(super::NESTING_LIMIT * 3)
            .with_tokens_with_locations(tokens);
        Self { sql, ranges, parser }
    }

    /// The parser underneath, for expressions, types and queries.
    pub(crate) fn parser(&mut self) -> &mut Parser<'static> {
        &mut self.parser
    }

    /// Whether the next token is this word.
    pub(crate) fn peek(&self, word: &str) -> bool {
        self.peek_at(0, word)
    }

    fn peek_at(&self, nth: usize, word: &str) -> bool {
        matches!(&self.parser.peek_nth_token_ref(nth).token,
            Token::Word(next) if next.quote_style.is_none() && next.value.eq_ignore_ascii_case(word))
    }

    /// Consumes these words, all or none. Words are given separated by one space.
    pub(crate) fn word(&mut self, words: &str) -> bool {
        let all = words.split(' ').enumerate().all(|(nth, word)| self.peek_at(nth, word));
        if all {
            for _ in words.split(' ') {
                self.parser.advance_token();
            }
        }
        all
    }

    /// Consumes these words or fails.
    pub(crate) fn expect(&mut self, words: &str) -> Result<()> {
        if self.word(words) { Ok(()) } else { self.unexpected(words) }
    }

    /// Consumes this mark when it is next.
    pub(crate) fn mark(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// Whether this mark is next.
    pub(crate) fn peek_mark(&self, token: &Token) -> bool {
        self.parser.peek_token_ref().token == *token
    }

    /// Line and column of the next token.
    pub(crate) fn place(&self) -> (u64, u64) {
        let start = self.parser.peek_token_ref().span.start;
        (start.line, start.column)
    }

    /// Fails at the next token.
    pub(crate) fn unexpected<T>(&self, expected: &str) -> Result<T> {
        let token = self.parser.peek_token();
        let found = match token.token {
            Token::EOF | Token::SemiColon => "the end of the statement".to_owned(),
            other => other.to_string(),
        };
        let error =
            EngineError::invalid(format!("syntax error: expected {expected}, found {found}"));
        Err(error.at(token.span.start.line, token.span.start.column))
    }

    /// Nothing but a semicolon may follow.
    pub(crate) fn end(&mut self) -> Result<()> {
        while self.mark(&Token::SemiColon) {}
        if self.at_end() { Ok(()) } else { self.unexpected("the end of the statement") }
    }

    /// Whether the statement ends here.
    pub(crate) fn at_end(&self) -> bool {
        matches!(self.parser.peek_token_ref().token, Token::EOF | Token::SemiColon)
    }

    /// A name with up to three parts.
    pub(crate) fn name(&mut self) -> Result<Written> {
        Ok(Written::from(&self.parser.parse_object_name(false)?))
    }

    /// A query, with its chains of AND and OR folded.
    pub(crate) fn query(&mut self) -> Result<Tree> {
        let mut query = self.parser.parse_query()?;
        walk::query(query.as_mut(), &mut limits::Balance)?;
        Ok(Tree::of_query(query))
    }

    /// One identifier, as the planner reads it.
    pub(crate) fn ident(&mut self) -> Result<String> {
        let (line, column) = self.place();
        let name = normalize(&self.parser.parse_identifier()?);
        if name.is_empty() {
            return Err(EngineError::invalid("a name cannot be empty").at(line, column));
        }
        Ok(name)
    }

    /// A string in single quotes.
    pub(crate) fn string(&mut self) -> Result<String> {
        Ok(self.parser.parse_literal_string()?)
    }

    /// A whole number.
    pub(crate) fn number(&mut self) -> Result<u64> {
        Ok(self.parser.parse_literal_uint()?)
    }

    /// A parenthesised list.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        if !self.mark(&Token::LParen) {
            return self.unexpected("(");
        }
        let mut items = Vec::new();
        loop {
            items.push(item(self)?);
            if self.mark(&Token::RParen) {
                return Ok(items);
            }
            if !self.mark(&Token::Comma) {
                return self.unexpected(", or )");
            }
        }
    }

    /// `(key = value, ..)` or DataFusion's `('key' 'value', ..)`; keys in lower case.
    pub(crate) fn options(&mut self) -> Result<BTreeMap<String, String>> {
        let pairs = self.list(|reader| {
            let mut key = reader.option_word()?;
            while reader.mark(&Token::Period) {
                key = format!("{key}.{}", reader.option_word()?);
            }
            reader.mark(&Token::Eq);
            let sign = if reader.mark(&Token::Minus) { "-" } else { "" };
            Ok((key.to_ascii_lowercase(), format!("{sign}{}", reader.option_word()?)))
        })?;
        Ok(pairs.into_iter().collect())
    }

    /// A word, string or number, as text.
    pub(crate) fn option_word(&mut self) -> Result<String> {
        let text = match &self.parser.peek_token_ref().token {
            Token::Word(word) => word.value.clone(),
            Token::SingleQuotedString(text)
            | Token::DoubleQuotedString(text)
            | Token::EscapedStringLiteral(text) => text.clone(),
            Token::Number(number, _) => number.clone(),
            _ => return self.unexpected("a word, a string or a number"),
        };
        self.parser.advance_token();
        Ok(text)
    }

    /// The text from the next token to the end of the statement, as written.
    pub(crate) fn rest(&self) -> &'a str {
        let next = self.parser.peek_token();
        let start = self.range_of(&next).map_or(self.sql.len(), |range| range.start);
        self.sql[start..].trim_end_matches(|c: char| c.is_whitespace() || c == ';')
    }

    /// Where the next token starts, to be given to [`Reader::since`].
    pub(crate) fn here(&self) -> usize {
        let next = self.parser.peek_token();
        self.range_of(&next).map_or(self.sql.len(), |range| range.start)
    }

    /// The text from a place to just before the next token, as written.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.sql.get(start..self.here()).unwrap_or_default().trim_end()
    }

    fn range_of(&self, token: &TokenWithSpan) -> Option<Range<usize>> {
        if token.token == Token::EOF {
            return None;
        }
        let index = self.parser.index();
        // The parser's index may stand on white space before the token; the token itself is at most a few further.
        let ahead = self.ranges.get(index..)?;
        let offset = (0..ahead.len())
            .find(|offset| self.parser.token_at(index + offset).span == token.span)?;
        ahead.get(offset).cloned()
    }
}

/// The identifier the planner will look for: unquoted ones are lower case.
pub(crate) fn normalize(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
