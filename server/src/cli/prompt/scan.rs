//! Reads just enough of unfinished SQL to know where a statement ends and what the words are.
//!
//! The engine's parser wants whole statements; a line being written is none. So this knows quotes, comments and
//! words, and nothing else.
//!
//! Example: `SELECT ';' -- ;` is not complete, `SELECT 1;` is.

/// A piece of unfinished SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A bare or double-quoted word, without its quotes, and where it starts.
    Word(String, usize),
    /// Any other single character.
    Sign(char),
    /// A string or a comment that ends.
    Closed,
    /// A string, a quoted name or a comment that does not end.
    Open,
}

/// Whether the text ends a statement.
pub(super) fn is_complete(text: &str) -> bool {
    let pieces = pieces(text);
    if pieces.contains(&Piece::Open) {
        return false;
    }
    pieces.iter().rev().find(|piece| **piece != Piece::Closed) == Some(&Piece::Sign(';'))
}

/// The pieces of a text, white space left out.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let start = text.len() - rest.len();
        let (piece, length) = match first {
            c if c.is_whitespace() => (None, c.len_utf8()),
            '\'' => closed_by(rest, 1, "'"),
            '"' => quoted_name(rest, start),
            '-' if rest.starts_with("--") => {
                (Some(Piece::Closed), rest.find('\n').unwrap_or(rest.len()))
            }
            '/' if rest.starts_with("/*") => closed_by(rest, 2, "*/"),
            '$' => dollar_quoted(rest),
            c if c.is_alphanumeric() || c == '_' => word(rest, start),
            c => (Some(Piece::Sign(c)), c.len_utf8()),
        };
        pieces.extend(piece);
        rest = &rest[length..];
    }
    pieces
}

/// Up to and with the closing mark. A doubled quote reads as two strings, which ends in the same place.
fn closed_by(rest: &str, opening: usize, mark: &str) -> (Option<Piece>, usize) {
    match rest[opening..].find(mark) {
        Some(found) => (Some(Piece::Closed), opening + found + mark.len()),
        None => (Some(Piece::Open), rest.len()),
    }
}

/// `"a name"`.
fn quoted_name(rest: &str, start: usize) -> (Option<Piece>, usize) {
    match rest[1..].find('"') {
        Some(found) => (Some(Piece::Word(rest[1..=found].to_owned(), start)), found + 2),
        None => (Some(Piece::Open), rest.len()),
    }
}

/// `$$ text $$` and `$tag$ text $tag$`; a `$1` is a sign.
fn dollar_quoted(rest: &str) -> (Option<Piece>, usize) {
    let tag_end = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map(|end| end + 1);
    match tag_end {
        Some(end)
            if rest[end..].starts_with('$')
                && !rest[1..].starts_with(|c: char| c.is_ascii_digit()) =>
        {
            closed_by(rest, end + 1, &rest[..=end])
        }
        Some(_) | None => (Some(Piece::Sign('$')), 1),
    }
}

/// A bare word.
fn word(rest: &str, start: usize) -> (Option<Piece>, usize) {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    (Some(Piece::Word(rest[..end].to_owned(), start)), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_a_semicolon_that_is_one() {
        let check = |text: &str, expected: bool| assert_eq!(is_complete(text), expected, "{text}");
        check("SELECT 1;", true);
        check("SELECT 1; -- done", true);
        check("SELECT 1; /* done */ ", true);
        check("SELECT 1", false);
        check("SELECT ';", false);
        check("SELECT ';'", false);
        check("SELECT 'it''s';", true);
        check("SELECT 1 -- ;", false);
        check("SELECT /* ;", false);
        check("SELECT \";", false);
        check("SELECT $$;$$", false);
        check("SELECT $a$;$$;$a$;", true);
        check("SELECT $1;", true);
        check("SELECT '客户", false);
        check("", false);
    }

    #[test]
    fn words_know_where_they_start() {
        let word = |text: &str, start| Piece::Word(text.to_owned(), start);
        assert_eq!(
            pieces("SELECT s.a"),
            [word("SELECT", 0), word("s", 7), Piece::Sign('.'), word("a", 9)]
        );
        assert_eq!(pieces("FROM \"My t\""), [word("FROM", 0), word("My t", 5)]);
    }
}
