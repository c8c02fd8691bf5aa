//! Names of tables and columns that a statement gives as text.
//!
//! A plain word is read as if it were written without quotes, so case does not matter where it would not; anything else
//! as a quoted name. A table may have its schema before it.
//!
//! Example: `'Sales'` is `sales`, `'Customer ID'` is `"Customer ID"`, `'shop."Line Items"'` is a table in a schema.

use sqlparser::ast::Ident;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// The column that a text names.
pub(super) fn column(text: &str) -> Ident {
    let plain = text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain {
        return Ident::new(text);
    }
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    Ident::with_quote(
        '"',
        quoted.map_or_else(|| text.to_owned(), |text| text.replace("\"\"", "\"")),
    )
}

/// The table that a text names, in up to three parts; none when the text is no such name.
pub(super) fn table(text: &str) -> Option<Vec<Ident>> {
    let tokens = crate::sql::tokenize(text).ok()?;
    let mut parts = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match (&token.token, index % 2) {
            (Token::Word(word), 0) => parts.push(Ident {
                value: word.value.clone(),
                quote_style: word.quote_style,
                span: token.span,
            }),
            (Token::Period, 1) => {}
            _ => return None,
        }
    }
    (tokens.len() % 2 == 1 && parts.len() <= 3).then_some(parts)
}

/// A name as a token: a name and nothing else, whatever the grammar makes of the word.
pub(super) fn token(name: &Ident) -> TokenWithSpan {
    let token = match Token::make_word(&name.value, name.quote_style) {
        Token::Word(mut word) => {
            word.keyword = Keyword::NoKeyword;
            Token::Word(word)
        }
        other => other,
    };
    TokenWithSpan::new(token, name.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_names() {
        let check = |text: &str, expected: Option<&str>| {
            let name = table(text)
                .map(|parts| parts.iter().map(ToString::to_string).collect::<Vec<_>>().join("."));
            assert_eq!(name.as_deref(), expected, "{text}");
        };
        check("sales", Some("sales"));
        check("shop.sales", Some("shop.sales"));
        check("pareto.shop.\"Line Items\"", Some("pareto.shop.\"Line Items\""));
        check("", None);
        check("a.", None);
        check(".a", None);
        check("a b", None);
        check("a; DROP TABLE a", None);
        check("a.b.c.d", None);
        check("Best: r 4-5", None);
        assert_eq!(column("CustomerID").to_string(), "CustomerID");
        assert_eq!(column("Customer ID").to_string(), "\"Customer ID\"");
        assert_eq!(column("\"a\"\"b\"").value, "a\"b");
    }
}
