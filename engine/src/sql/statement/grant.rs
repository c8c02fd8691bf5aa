//! `GRANT right, .. ON [TABLE] t | SCHEMA s | SEGMENT s TO name, ..`, `GRANT role, .. TO name, ..`, and `REVOKE .. FROM ..`.
//!
//! Rights are `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `CREATE` and `ALL`; what each allows is told where they are defined,
//! in the catalog's `model/right.rs`. A right on a schema holds for everything in it, now and later. Taking one right from
//! somebody who has `ALL` leaves the others. What is taken is gone with the next statement of whoever had it.
//!
//! Example: `GRANT SELECT ON SCHEMA retail TO analyst`, `GRANT analyst TO ada`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use async_trait::async_trait;
use pareto_catalog::{
    Catalog, CatalogError, Change, Entry, Grant, GrantTarget, Principal, PrincipalKind, Right,
};
use sqlparser::tokenizer::Token;

#[derive(Debug)]
struct GrantStatement {
    revoke: bool,
    what: What,
    to: Vec<String>,
}

#[derive(Debug)]
enum What {
    Rights(Vec<Right>, On),
    Roles(Vec<String>),
}

#[derive(Debug)]
enum On {
    Table(Written),
    Schema(String),
    Segment(String),
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    let revoke = reader.word("REVOKE");
    if !revoke {
        reader.expect("GRANT")?;
    }
    let mut words = vec![(reader.place(), word(reader)?)];
    while reader.mark(&Token::Comma) {
        words.push((reader.place(), word(reader)?));
    }
    let what = match on(reader)? {
        Some(on) => {
            let rights = words.iter().map(|(place, word)| right(word, *place));
            What::Rights(rights.collect::<Result<_>>()?, on)
        }
        None => What::Roles(words.into_iter().map(|(_, word)| word).collect()),
    };
    reader.expect(if revoke { "FROM" } else { "TO" })?;
    let mut to = vec![reader.ident()?];
    while reader.mark(&Token::Comma) {
        to.push(reader.ident()?);
    }
    own(GrantStatement { revoke, what, to })
}

fn word(reader: &mut Reader<'_>) -> Result<String> {
    if reader.word("ALL PRIVILEGES") {
        return Ok(Right::All.name().to_owned());
    }
    reader.ident()
}

fn on(reader: &mut Reader<'_>) -> Result<Option<On>> {
    if !reader.word("ON") {
        return Ok(None);
    }
    if reader.word("SCHEMA") {
        return Ok(Some(On::Schema(reader.ident()?)));
    }
    if reader.word("SEGMENT") {
        return Ok(Some(On::Segment(reader.ident()?)));
    }
    let _ = reader.word("TABLE") || reader.word("VIEW");
    Ok(Some(On::Table(reader.name()?)))
}

fn right(word: &str, place: (u64, u64)) -> Result<Right> {
    Right::parse(word).ok_or_else(|| {
        let word = word.to_uppercase();
        let names = || Right::EVERY.into_iter().map(Right::name);
        let error =
            EngineError::invalid(format!("\"{word}\" is not a right")).with_nearest(&word, names());
        let error = match error.hint {
            Some(_) => error,
            None => {
                error.with_hint(format!("rights are {}", names().collect::<Vec<_>>().join(", ")))
            }
        };
        error.at(place.0, place.1)
    })
}

/// The role of that name.
pub(super) fn role(catalog: &Catalog, name: &str) -> Result<String, CatalogError> {
    let known = catalog.principal(name)?;
    if known.kind == PrincipalKind::Role {
        return Ok(known.name.clone());
    }
    Err(CatalogError::invalid(format!("\"{}\" is a user, and only roles are granted", known.name))
        .with_hint("to grant a right, say what on: GRANT SELECT ON t TO ada"))
}

#[async_trait]
impl Own for GrantStatement {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        context.rights().require_administrator("grant and revoke")?;
        let target = match &self.what {
            What::Rights(_, on) => Some(target(context, on)?),
            What::Roles(_) => None,
        };
        context.change(|catalog| self.changes(catalog, target.as_ref())).await?;
        Ok(Outcome::Done)
    }
}

/// What a grant is on, as the catalog spells it.
fn target(context: &StatementContext, on: &On) -> Result<GrantTarget> {
    Ok(match on {
        On::Schema(schema) => GrantTarget::Schema(context.catalog.schema(schema)?.name.clone()),
        On::Segment(segment) => {
            GrantTarget::Segment(context.catalog.segment(segment)?.name.clone())
        }
        On::Table(written) => {
            let name = context.name(written)?;
            context.session.refuse_temporary([&name], "no right can be granted on")?;
            GrantTarget::Table(match context.catalog.view(&name) {
                Ok(view) => view.name.clone(),
                Err(_) => context.table(written)?.name.clone(),
            })
        }
    })
}

impl GrantStatement {
    fn changes(
        &self,
        catalog: &Catalog,
        target: Option<&GrantTarget>,
    ) -> Result<Vec<Change>, CatalogError> {
        let mut changes = Vec::new();
        for name in &self.to {
            let mut principal = catalog.principal(name)?.clone();
            match (&self.what, target) {
                (What::Rights(rights, _), Some(on)) => {
                    for right in rights {
                        self.right(&mut principal, *right, on);
                    }
                }
                (What::Roles(roles), _) => self.roles(catalog, &mut principal, roles)?,
                (What::Rights(..), None) => {}
            }
            changes.push(Change::Put(Entry::Principal(principal)));
        }
        Ok(changes)
    }

    fn right(&self, principal: &mut Principal, right: Right, on: &GrantTarget) {
        let grant = |right| Grant { right, on: on.clone() };
        if !self.revoke {
            principal.grants.insert(grant(right));
        } else if right == Right::All {
            principal.grants.retain(|grant| grant.on != *on);
        } else {
            // What is left of ALL are the others.
            if principal.grants.remove(&grant(Right::All)) {
                let others = Right::EVERY.into_iter().filter(|other| *other != Right::All);
                principal.grants.extend(others.map(grant));
            }
            principal.grants.remove(&grant(right));
        }
    }

    fn roles(
        &self,
        catalog: &Catalog,
        principal: &mut Principal,
        roles: &[String],
    ) -> Result<(), CatalogError> {
        for name in roles {
            let role = role(catalog, name)?;
            if role == principal.name {
                return Err(CatalogError::invalid(format!(
                    "\"{role}\" cannot be granted to itself"
                )));
            }
            if self.revoke {
                principal.roles.remove(&role);
            } else {
                principal.roles.insert(role);
            }
        }
        Ok(())
    }
}
