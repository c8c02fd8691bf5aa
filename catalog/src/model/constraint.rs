//! Keys: declared, not enforced on write, counted on request, and trusted only when the owner says `RELY`.
//!
//! A declared key tells BI tools how tables join. `RELY` also lets the planner build on it: a false key under `RELY`
//! gives wrong answers, so `VALIDATE CONSTRAINT` counts violations and remembers the version it held at.
//!
//! Example: `FOREIGN KEY (customer_id) REFERENCES customer (customer_id) NOT ENFORCED RELY`.

use super::Name;
use serde::{Deserialize, Serialize};

/// What a constraint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConstraintKind {
    /// The columns identify a row and are never NULL.
    PrimaryKey,
    /// No two rows share the columns, NULLs aside.
    Unique,
    /// Every non-NULL value exists as a key of another table.
    ForeignKey {
        /// The referenced table.
        #[serde(rename = "referenced_table")]
        table: Name,
        /// Its columns, in the order of the referencing ones.
        #[serde(rename = "referenced_columns")]
        columns: Vec<String>,
    },
}

/// The outcome of `VALIDATE CONSTRAINT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The table version that was checked.
    pub at_version: u64,
    /// Rows that break the constraint; 0 means it held.
    pub violations: u64,
}

/// A declared key of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// The name, unique in its table.
    pub name: String,
    /// What it says.
    #[serde(flatten)]
    pub kind: ConstraintKind,
    /// The columns of this table it is about.
    pub columns: Vec<String>,
    /// The owner vouches for it: the planner may build on it.
    #[serde(default)]
    pub rely: bool,
    /// When it was last checked, and how that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<Validation>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_document() {
        let kinds = [
            ConstraintKind::PrimaryKey,
            ConstraintKind::Unique,
            ConstraintKind::ForeignKey {
                table: Name::new("public", "customer"),
                columns: vec!["customer_id".to_owned()],
            },
        ];
        for kind in kinds {
            let validated = Some(Validation { at_version: 3, violations: 0 });
            let columns = vec!["buyer".to_owned()];
            let key = Constraint { name: "key".to_owned(), kind, columns, rely: true, validated };
            let text = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<Constraint>(&text).unwrap(), key, "{text}");
        }
    }
}
