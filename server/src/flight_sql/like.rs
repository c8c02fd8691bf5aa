//! The filter patterns of the metadata commands: SQL `LIKE` with `%`, `_` and the escape `\`.
//!
//! ```text
//! sales%   matches  sales, sales_2024          sales\_2024  matches  sales_2024, not salesX2024
//! ```
//!
//! No pattern means everything. Matching is by characters and case-sensitive, as the protocol's reference server does;
//! it never builds a regular expression, so no pattern is slow.

/// One filter of a metadata command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Like {
    pattern: Option<String>,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// Exactly this character.
    One(char),
    /// `_`: any one character.
    Any,
    /// `%`: any number of characters.
    Many,
}

impl Like {
    /// A filter; `None` lets everything through.
    pub(crate) fn new(pattern: Option<&str>) -> Self {
        Self {
            pattern: pattern.map(str::to_owned),
            tokens: pattern.map(tokens).unwrap_or_default(),
        }
    }

    /// Does the name pass?
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.pattern.is_none() {
            return true;
        }
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // Where to resume when the text after the last `%` does not fit.
        let mut retry: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.tokens.get(token) {
                Some(Token::Many) => {
                    retry = Some((token, at));
                    token += 1;
                }
                Some(Token::Any) => (token, at) = (token + 1, at + 1),
                Some(Token::One(expected)) if name.get(at) == Some(expected) => {
                    (token, at) = (token + 1, at + 1)
                }
                Some(Token::One(_)) | None => match retry {
                    Some((many, from)) => {
                        retry = Some((many, from + 1));
                        (token, at) = (many + 1, from + 1);
                    }
                    None => return false,
                },
            }
        }
        self.tokens.get(token..).unwrap_or_default().iter().all(|rest| *rest == Token::Many)
    }

    /// Is the name the pattern itself? Clients that forget to escape `_` mean this one.
    pub(crate) fn is_exactly(&self, name: &str) -> bool {
        self.pattern.as_deref() == Some(name)
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '%' => Token::Many,
            '_' => Token::Any,
            // An escape at the very end stands for itself.
            '\\' => Token::One(characters.next().unwrap_or('\\')),
            other => Token::One(other),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: bool) {
        assert_eq!(Like::new(Some(pattern)).matches(name), expected, "{name:?} like {pattern:?}");
    }

    #[test]
    fn patterns() {
        check("", "", true);
        check("", "a", false);
        check("%", "", true);
        check("%", "anything", true);
        check("sales", "sales", true);
        check("sales", "Sales", false);
        check("sales%", "sales_2024", true);
        check("%2024", "sales_2024", true);
        check("%a%b%", "xxaxxbxx", true);
        check("%a%b%", "xxbxxaxx", false);
        check("s_les", "sales", true);
        check("s_les", "sles", false);
        check("a\\_b", "a_b", true);
        check("a\\_b", "axb", false);
        check("100\\%", "100%", true);
        check("100\\%", "1000", false);
        check("a\\", "a\\", true);
        check("%é", "café", true);
        check(&"%a".repeat(40), &"a".repeat(39), false);
    }

    #[test]
    fn no_pattern_is_everything() {
        assert!(Like::new(None).matches("anything"));
        assert!(!Like::new(None).is_exactly("anything"));
        assert!(Like::new(Some("a_b")).is_exactly("a_b"));
    }
}
