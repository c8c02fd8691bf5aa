//! `CREATE | ALTER | DROP USER | ROLE [IF [NOT] EXISTS] name [PASSWORD 'text' | PASSWORD HASH 'phc'] [ROLE r, ..]`.
//!
//! A user can connect, a role collects rights. A password is hashed at once and shown nowhere: the statement is remembered
//! without it. A hash made elsewhere (`$argon2id$..`) is taken as it is. A user without a password connects with a token
//! of a trusted issuer alone. The first user of a warehouse gets the role `admin`, which comes into being with them; from
//! then on somebody always has it. A new password, or `DROP USER`, ends the sessions of that user.
//!
//! Example: `CREATE ROLE analyst`, `CREATE USER ada PASSWORD 'correct horse' ROLE analyst`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::login::has_users;
use crate::password::{self, Password};
use crate::rights::{ADMINISTRATORS, FILES};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use async_trait::async_trait;
use pareto_catalog::{
    Catalog, CatalogError, CatalogErrorKind, Change, Entry, EntryKey, Principal, PrincipalKind,
};
use sqlparser::tokenizer::Token;
use uuid::Uuid;

#[derive(Debug)]
struct PrincipalStatement {
    verb: Verb,
    kind: PrincipalKind,
    name: String,
    /// `IF EXISTS` or `IF NOT EXISTS`.
    lenient: bool,
    secret: Option<Secret>,
    /// Roles given to a user who is made.
    roles: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Alter,
    Drop,
}

/// What a password is given as.
enum Secret {
    Clear(Password),
    Hash(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
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
    let place = reader.place();
    let name = reader.ident()?;
    if verb == Verb::Create && kind == PrincipalKind::User {
        refuse_role_names(&name).map_err(|error| error.at(place.0, place.1))?;
    }
    reader.word("WITH");
    let secret = match verb {
        Verb::Create | Verb::Alter if reader.word("PASSWORD") => Some(secret(reader, kind)?),
        Verb::Alter => return reader.unexpected("PASSWORD"),
        Verb::Create | Verb::Drop => None,
    };
    let mut roles = Vec::new();
    let in_roles = |reader: &mut Reader<'_>| {
        reader.word("IN ROLE") || reader.word("ROLES") || reader.word("ROLE")
    };
    if verb == Verb::Create && kind == PrincipalKind::User && in_roles(reader) {
        roles.push(reader.ident()?);
        while reader.mark(&Token::Comma) {
            roles.push(reader.ident()?);
        }
    }
    own(PrincipalStatement { verb, kind, name, lenient, secret, roles })
}

/// A user of that name would look like the role.
fn refuse_role_names(name: &str) -> Result<()> {
    if [ADMINISTRATORS, FILES].iter().any(|role| role.eq_ignore_ascii_case(name)) {
        return Err(EngineError::invalid(format!(
            "\"{name}\" is the name of a role that Pareto knows, a user needs another"
        ))
        .with_hint("the first user becomes administrator whatever the name"));
    }
    Ok(())
}

fn secret(reader: &mut Reader<'_>, kind: PrincipalKind) -> Result<Secret> {
    if kind == PrincipalKind::Role {
        return Err(EngineError::invalid(
            "a role has no password: users connect, roles collect rights",
        ));
    }
    let hashed = reader.word("HASH");
    let place = reader.place();
    let text = reader.string()?;
    if !hashed {
        return Password::new(text).map(Secret::Clear).map_err(|error| error.at(place.0, place.1));
    }
    if password::is_hash(&text) {
        return Ok(Secret::Hash(text));
    }
    Err(EngineError::invalid("this is no hash of a password that can be checked")
        .with_hint("Argon2id in PHC form: PASSWORD HASH '$argon2id$v=19$m=19456,t=2,p=1$salt$hash'")
        .at(place.0, place.1))
}

#[async_trait]
impl Own for PrincipalStatement {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        // A user may change their own password, and nothing else here.
        if self.verb != Verb::Alter || context.rights().user() != Some(&self.name) {
            context.rights().require_administrator("make, change and drop users and roles")?;
        }
        let hash = match &self.secret {
            Some(Secret::Clear(password)) => Some(context.engine.hashing().hash(password).await?),
            Some(Secret::Hash(hash)) => Some(hash.clone()),
            None => None,
        };
        context.change(|catalog| self.changes(catalog, hash.as_ref())).await?;
        Ok(Outcome::Done)
    }
}

impl PrincipalStatement {
    fn changes(
        &self,
        catalog: &Catalog,
        hash: Option<&String>,
    ) -> Result<Vec<Change>, CatalogError> {
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
            (Verb::Create, None) => self.create(catalog, hash),
            (Verb::Alter, Some(known)) => Ok(vec![Change::Put(Entry::Principal(Principal {
                password_hash: hash.cloned(),
                stamp: Uuid::new_v4(),
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

    fn create(
        &self,
        catalog: &Catalog,
        hash: Option<&String>,
    ) -> Result<Vec<Change>, CatalogError> {
        let mut principal = Principal::new(self.name.clone(), self.kind);
        principal.password_hash = hash.cloned();
        for role in &self.roles {
            principal.roles.insert(super::grant::role(catalog, role)?);
        }
        let mut changes = Vec::new();
        if self.kind == PrincipalKind::User && !has_users(catalog) {
            if catalog.principal(ADMINISTRATORS).is_err() {
                let role = Principal::new(ADMINISTRATORS, PrincipalKind::Role);
                changes.push(Change::Put(Entry::Principal(role)));
            }
            principal.roles.insert(ADMINISTRATORS.to_owned());
        }
        changes.push(Change::Put(Entry::Principal(principal)));
        Ok(changes)
    }
}
