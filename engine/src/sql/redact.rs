//! Statements as they may be remembered: without passwords.
//!
//! A statement with the word `PASSWORD` outside of quotes loses all its strings, and one that cannot be cut into words
//! loses everything from that word on. Every other statement is kept as it is.
//!
//! Example: `ALTER USER ada PASSWORD 'correct horse'` is remembered as `ALTER USER ada PASSWORD '***'`.

use super::text::{ranges, tokenize};
use sqlparser::tokenizer::Token;
use std::borrow::Cow;

const WORD: &str = "password";
const MASK: &str = "'***'";

/// The statement without what must not be remembered.
pub(crate) fn redact(sql: &str) -> Cow<'_, str> {
    // Most statements say nothing of the kind, and are not read twice.
    let Some(found) = find(sql) else { return Cow::Borrowed(sql) };
    let Ok(tokens) = tokenize(sql) else {
        return Cow::Owned(format!("{} ***", &sql[..found + WORD.len()]));
    };
    let secret = tokens.iter().any(|token| match &token.token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(WORD),
        _ => false,
    });
    if !secret {
        return Cow::Borrowed(sql);
    }
    let (mut kept, mut from) = (String::with_capacity(sql.len()), 0);
    for (token, range) in tokens.iter().zip(ranges(sql, &tokens)) {
        if is_text(&token.token) {
            kept.push_str(sql.get(from..range.start).unwrap_or_default());
            kept.push_str(MASK);
            from = range.end;
        }
    }
    kept.push_str(sql.get(from..).unwrap_or_default());
    Cow::Owned(kept)
}

/// Where the word stands, in any case. It is ASCII, so a byte offset of the text is one of its lower case, too.
fn find(sql: &str) -> Option<usize> {
    sql.as_bytes().windows(WORD.len()).position(|part| part.eq_ignore_ascii_case(WORD.as_bytes()))
}

/// Whether a token may hold a secret: every way to write a string, and a name in double quotes by mistake.
fn is_text(token: &Token) -> bool {
    match token {
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::QuoteDelimitedStringLiteral(_)
        | Token::NationalQuoteDelimitedStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_) => true,
        Token::Word(word) => word.quote_style.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_remembered() {
        let check = |sql: &str, expected: &str| assert_eq!(redact(sql), expected);
        check("CREATE USER ada PASSWORD 'horse' ROLE a", "CREATE USER ada PASSWORD '***' ROLE a");
        check("alter user \"é\" password 'ho''rse'; ", "alter user '***' password '***'; ");
        check("CREATE USER ada PASSWORD \"horse\"", "CREATE USER ada PASSWORD '***'");
        check("CREATE USER ada PASSWORD HASH '$argon2id$x'", "CREATE USER ada PASSWORD HASH '***'");
        check("ALTER USER ada PASSWORD 'horse", "ALTER USER ada PASSWORD ***");
        check("SELECT 'password', 'x'", "SELECT 'password', 'x'");
        check("SELECT 'x' FROM t", "SELECT 'x' FROM t");
    }
}
