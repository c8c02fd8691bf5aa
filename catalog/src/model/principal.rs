//! Users and roles, and what they may do. Only kept here: the engine checks rights, the server checks passwords.
//!
//! Example: `GRANT SELECT ON SCHEMA retail TO analyst` adds a [`Grant`] to the role `analyst`.

use super::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A user logs in; a role is granted to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Can connect.
    User,
    /// Collects rights.
    Role,
}

/// What a right applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantTarget {
    /// One table or view.
    Table(Name),
    /// Everything in a schema.
    Schema(String),
}

/// One right on one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `CREATE` or `ALL`.
    pub right: String,
    /// What it applies to.
    pub on: GrantTarget,
}

/// A user or a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The name, unique among users and roles.
    pub name: String,
    /// User or role.
    pub kind: PrincipalKind,
    /// The password's hash in PHC form, never the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// Roles granted to it.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// Rights granted to it directly.
    #[serde(default)]
    pub grants: BTreeSet<Grant>,
}
