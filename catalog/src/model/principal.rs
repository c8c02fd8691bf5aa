//! Users and roles, and what they may do. Only kept here: the engine checks rights, the server asks who connects.
//!
//! A user's stamp changes whenever what was proved at a login may no longer hold: when the user is made and when the
//! password changes. A login that carries another stamp is over.
//!
//! Example: `GRANT SELECT ON SCHEMA retail TO analyst` adds a [`Grant`] to the role `analyst`.

use super::{Name, Right};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

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
    /// One segment: its members.
    Segment(String),
}

/// One right on one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// What is allowed.
    pub right: Right,
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
    /// Changes with every password; a login under another stamp is over.
    #[serde(default)]
    pub stamp: Uuid,
    /// Roles granted to it.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// Rights granted to it directly.
    #[serde(default)]
    pub grants: BTreeSet<Grant>,
}

impl Principal {
    /// One that may do nothing yet.
    pub fn new(name: impl Into<String>, kind: PrincipalKind) -> Self {
        Self {
            name: name.into(),
            kind,
            password_hash: None,
            stamp: Uuid::new_v4(),
            roles: BTreeSet::new(),
            grants: BTreeSet::new(),
        }
    }
}
