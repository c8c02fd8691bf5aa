//! `CREATE | ALTER | DROP USER | ROLE [IF [NOT] EXISTS] name [PASSWORD HASH 'phc']`.
//!
//! A user can connect, a role collects rights. A password never reaches a statement: text travels through logs and
//! histories. What is stored is its hash, made by the client, in the PHC form (`$argon2id$..`). Rights are stored here;
//! the server enforces them when it checks who connects.
//!
//! Example: `CREATE ROLE analyst`, `CREATE USER ada PASSWORD HASH '$argon2id$v=19$..'`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use async_trait::async_trait;
use pareto_catalog::{
    Catalog, CatalogError, CatalogErrorKind, Change, Entry, EntryKey, Principal, PrincipalKind,
};
use std::collections::BTreeSet;

#[derive(Debug)]
struct PrincipalStatement {
    verb: Verb,
    kind: PrincipalKind,
    name: String,
    /// `IF EXISTS` or `IF NOT EXISTS`.
    lenient: bool,
    password_hash: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Alter,
    Drop,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    let verb = if reader.word("CREATE") {
        Verb::Create
    } else if reader.word("ALTER") {
        Verb::Alter
    } else {
        reader.expect("DROP")?;
        Verb::Drop
    };
    let kind = if reader.word("USER") {
        PrincipalKind::User
    } else {
        reader.expect("ROLE")?;
        PrincipalKind::Role
    };
    let lenient = reader.word(if verb == Verb::Create { "IF NOT EXISTS" } else { "IF EXISTS" });
    let name = reader.ident()?;
    reader.word("WITH");
    let password_hash = if verb != Verb::Drop && reader.word("PASSWORD") {
        Some(hash(reader, kind)?)
    } else {
        None
    };
    if verb == Verb::Alter && password_hash.is_none() {
        return reader.unexpected("PASSWORD HASH");
    }
    own(PrincipalStatement { verb, kind, name, lenient, password_hash })
}

fn hash(reader: &mut Reader<'_>, kind: PrincipalKind) -> Result<String> {
    if kind == PrincipalKind::Role {
        return Err(EngineError::invalid(
            "a role has no password: users connect, roles collect rights",
        ));
    }
    reader.word("HASH");
    let place = reader.place();
    let hash = reader.string()?;
    let looks_hashed = hash.starts_with('$') && hash.matches('$').count() >= 3;
    if looks_hashed {
        return Ok(hash);
    }
    Err(EngineError::invalid("passwords are not taken in clear: statements end up in logs")
        .with_hint("give its hash in PHC form: PASSWORD HASH '$argon2id$v=19$m=..'")
        .at(place.0, place.1))
}

#[async_trait]
impl Own for PrincipalStatement {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        context.engine.warehouse().change(|catalog| self.changes(catalog)).await?;
        Ok(Outcome::Done)
    }
}

impl PrincipalStatement {
    fn changes(&self, catalog: &Catalog) -> Result<Vec<Change>, CatalogError> {
        let word = if self.kind == PrincipalKind::User { "user" } else { "role" };
        let known = match catalog.principal(&self.name) {
            Ok(known) if known.kind != self.kind && self.verb != Verb::Create => {
                return Err(CatalogError::invalid(format!("\"{}\" is not a {word}", known.name)));
            }
            Ok(known) => Some(known),
            Err(error) if self.verb != Verb::Create && !self.lenient => return Err(error),
            Err(_) => None,
        };
        match (self.verb, known) {
            (Verb::Create, Some(_)) if self.lenient => Ok(Vec::new()),
            (Verb::Create, Some(known)) => Err(CatalogError::new(
                CatalogErrorKind::AlreadyExists,
                format!("a user or role \"{}\" already exists", known.name),
            )),
            (Verb::Create, None) => Ok(vec![Change::Put(Entry::Principal(Principal {
                name: self.name.clone(),
                kind: self.kind,
                password_hash: self.password_hash.clone(),
                roles: BTreeSet::new(),
                grants: BTreeSet::new(),
            }))]),
            (Verb::Alter, Some(known)) => Ok(vec![Change::Put(Entry::Principal(Principal {
                password_hash: self.password_hash.clone(),
                ..known.clone()
            }))]),
            (Verb::Drop, Some(known)) => {
                let holders = catalog
                    .principals()
                    .filter(|other| other.roles.contains(&known.name))
                    .map(|other| {
                        let mut other = other.clone();
                        other.roles.remove(&known.name);
                        Change::Put(Entry::Principal(other))
                    });
                Ok(holders.chain([Change::Drop(EntryKey::Principal(known.name.clone()))]).collect())
            }
            (Verb::Alter | Verb::Drop, None) => Ok(Vec::new()),
        }
    }
}
