//! `GRANT right, .. ON [TABLE] t | SCHEMA s TO name, ..`, `GRANT role TO name, ..`, and `REVOKE .. FROM ..`.
//!
//! Rights are `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `CREATE` and `ALL`. They are stored with the user or role and shown
//! by `system.principals`; the server enforces them when it checks who connects.
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
use pareto_catalog::{Catalog, CatalogError, Change, Entry, Grant, GrantTarget};
use sqlparser::tokenizer::Token;

const RIGHTS: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALL"];

#[derive(Debug)]
struct GrantStatement {
    revoke: bool,
    /// Rights in upper case, or roles as written.
    what: Vec<String>,
    /// `None` when roles are granted.
    on: Option<On>,
    to: Vec<String>,
}

#[derive(Debug)]
enum On {
    Table(Written),
    Schema(String),
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    let revoke = reader.word("REVOKE");
    if !revoke {
        reader.expect("GRANT")?;
    }
    let place = reader.place();
    let mut what = vec![word(reader)?];
    while reader.mark(&Token::Comma) {
        what.push(word(reader)?);
    }
    let on = if reader.word("ON") {
        if reader.word("SCHEMA") {
            Some(On::Schema(reader.ident()?))
        } else {
            reader.word("TABLE");
            Some(On::Table(reader.name()?))
        }
    } else {
        None
    };
    if on.is_some() {
        for right in &mut what {
            *right = right.to_ascii_uppercase();
            if !RIGHTS.contains(&right.as_str()) {
                let error = EngineError::invalid(format!("\"{right}\" is not a right"))
                    .with_nearest(right, RIGHTS);
                let error = if error.hint.is_some() {
                    error
                } else {
                    error.with_hint(format!("rights are {}", RIGHTS.join(", ")))
                };
                return Err(error.at(place.0, place.1));
            }
        }
    }
    reader.expect(if revoke { "FROM" } else { "TO" })?;
    let mut to = vec![reader.ident()?];
    while reader.mark(&Token::Comma) {
        to.push(reader.ident()?);
    }
    own(GrantStatement { revoke, what, on, to })
}

fn word(reader: &mut Reader<'_>) -> Result<String> {
    if reader.word("ALL PRIVILEGES") {
        return Ok("ALL".to_owned());
    }
    reader.ident()
}

#[async_trait]
impl Own for GrantStatement {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let target = match &self.on {
            None => None,
            Some(On::Schema(schema)) => {
                Some(GrantTarget::Schema(context.catalog.schema(schema)?.name.clone()))
            }
            Some(On::Table(written)) => {
                let name = context.name(written)?;
                let known = match context.catalog.view(&name) {
                    Ok(view) => view.name.clone(),
                    Err(_) => context.table(written)?.name.clone(),
                };
                Some(GrantTarget::Table(known))
            }
        };
        context.engine.warehouse().change(|catalog| self.changes(catalog, target.as_ref())).await?;
        Ok(Outcome::Done)
    }
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
            for what in &self.what {
                match target {
                    Some(on) => {
                        let grant = Grant { right: what.clone(), on: on.clone() };
                        if self.revoke {
                            principal.grants.remove(&grant)
                        } else {
                            principal.grants.insert(grant)
                        };
                    }
                    None => {
                        let role = catalog.principal(what)?.name.clone();
                        if role == principal.name {
                            return Err(CatalogError::invalid(format!(
                                "\"{role}\" cannot be granted to itself"
                            )));
                        }
                        if self.revoke {
                            principal.roles.remove(&role)
                        } else {
                            principal.roles.insert(role)
                        };
                    }
                }
            }
            changes.push(Change::Put(Entry::Principal(principal)));
        }
        Ok(changes)
    }
}
