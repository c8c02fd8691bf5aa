//! What a grant allows: six words, each one thing a person may do.
//!
//! | Right | On a table or view | On a schema |
//! |---|---|---|
//! | `SELECT` | read its rows | the same for everything in it |
//! | `INSERT` | add rows | the same |
//! | `UPDATE` | change rows | the same |
//! | `DELETE` | remove rows | the same |
//! | `CREATE` | change what it is: alter, replace, drop, optimize, vacuum, restore | the same, and make new things in it |
//! | `ALL` | all of these | all of these |
//!
//! Any of them lets one see that the thing exists; without one it does not exist for them.
//!
//! Example: `Right::All.covers(Right::Delete)`, and `Right::parse("select")` is `Some(Right::Select)`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing a grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Right {
    /// Everything below.
    All,
    /// Make, alter, replace and drop.
    Create,
    /// Remove rows.
    Delete,
    /// Add rows.
    Insert,
    /// Read rows.
    Select,
    /// Change rows.
    Update,
}

impl Right {
    /// Every right, as messages list them.
    pub const EVERY: [Self; 6] =
        [Self::Select, Self::Insert, Self::Update, Self::Delete, Self::Create, Self::All];

    /// The word in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Insert => "INSERT",
            Self::Select => "SELECT",
            Self::Update => "UPDATE",
        }
    }

    /// The right of that word, whatever its case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|right| right.name().eq_ignore_ascii_case(word))
    }

    /// Whether who holds this holds the other.
    pub fn covers(self, wanted: Self) -> bool {
        self == Self::All || self == wanted
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_documents_words() {
        for right in Right::EVERY {
            assert_eq!(Right::parse(&right.name().to_lowercase()), Some(right));
            assert_eq!(serde_json::to_string(&right).unwrap(), format!("\"{right}\""));
            assert!(Right::All.covers(right));
            assert_eq!(right.covers(Right::All), right == Right::All);
        }
        assert_eq!(Right::parse("OWN"), None);
        assert!(!Right::Insert.covers(Right::Select));
    }
}
