//! Rights on the catalog: every change a statement makes is checked as a change, whatever statement made it.
//!
//! | Change | Needs |
//! |---|---|
//! | a new table or view | `CREATE` on its schema |
//! | one altered, replaced, renamed or dropped | `CREATE` on it, and on the schema of its new name |
//! | one renamed | `SELECT` on it as well, which its statement asks for: views may name the new place |
//! | a new schema, a user, a role, a grant | the role `admin`; a user's own password is theirs to change |
//! | a schema dropped | `CREATE` on it |
//! | a segment | `CREATE` on schema `public` for a new one, on the segment for one that exists |
//!
//! A table that only loses keys because another table went needs nothing. Who makes a thing is granted `ALL` on it in
//! the same change.

use super::{ADMINISTRATORS, Rights, held_by};
use crate::context::StatementContext;
use crate::error::Result;
use crate::login::has_users;
use crate::relations::HIDDEN_SCHEMA;
use crate::session::Session;
use pareto_catalog::{
    Catalog, CatalogError, Change, Entry, EntryKey, Grant, GrantTarget, Name, Principal,
    PrincipalKind, Right, Table,
};
use std::sync::{Arc, Mutex, PoisonError};

impl StatementContext {
    /// Changes the catalog by what `decide` says about the newest one, as far as the user's rights go.
    pub(crate) async fn change(
        &self,
        decide: impl Fn(&Catalog) -> Result<Vec<Change>, CatalogError> + Send + Sync,
    ) -> Result<Arc<Catalog>> {
        Ok(self.change_dropping(decide).await?.0)
    }

    /// The same, and the tables that are gone with it, as they stood in the catalog that it was decided on: when the
    /// statement started, their names may have been those of other tables.
    pub(crate) async fn change_dropping(
        &self,
        decide: impl Fn(&Catalog) -> Result<Vec<Change>, CatalogError> + Send + Sync,
    ) -> Result<(Arc<Catalog>, Vec<Table>)> {
        let rights = self.rights();
        let dropped = Mutex::new(Vec::new());
        let changed = self.engine.warehouse().change(|catalog| {
            let mut changes = decide(catalog)?;
            lasts(&self.session, catalog, &changes)?;
            for change in &changes {
                allow(rights, catalog, change)?;
            }
            keep_administrator(catalog, &changes)?;
            // After a lost race it is decided anew, and what was decided last is what happened.
            *dropped.lock().unwrap_or_else(PoisonError::into_inner) = gone(catalog, &changes);
            changes.extend(own(rights, catalog, &changes));
            Ok(changes)
        });
        let changed = changed.await?;
        self.engine.admission().remember(&changed);
        Ok((changed, dropped.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The tables that these changes remove; one that goes on under another name is not among them.
fn gone(catalog: &Catalog, changes: &[Change]) -> Vec<Table> {
    let goes_on = |table: &Table| {
        changes
            .iter()
            .any(|change| matches!(change, Change::Put(Entry::Table(put)) if put.id == table.id))
    };
    let dropped = changes.iter().filter_map(|change| match change {
        Change::Drop(key) => catalog.entry(key),
        Change::Put(_) => None,
    });
    dropped
        .filter_map(|entry| match entry {
            Entry::Table(table) if !goes_on(table) => Some(table.clone()),
            _ => None,
        })
        .collect()
}

/// Refuses to change what a temporary table hides, which is not what was meant. A table that only loses keys was not named.
fn lasts(session: &Session, catalog: &Catalog, changes: &[Change]) -> Result<(), CatalogError> {
    let loses_keys = |table: &Table| match catalog.entry(&EntryKey::Table(table.name.clone())) {
        Some(Entry::Table(before)) => lost_keys_only(table, before),
        _ => false,
    };
    let named = changes.iter().filter_map(|change| match change {
        Change::Put(Entry::Table(table)) => (!loses_keys(table)).then_some(&table.name),
        Change::Put(Entry::View(view)) => Some(&view.name),
        Change::Drop(EntryKey::Table(name) | EntryKey::View(name)) => Some(name),
        Change::Put(_) | Change::Drop(_) => None,
    });
    match named.into_iter().find(|name| session.is_temporary(name)) {
        Some(name) => Err(CatalogError::invalid(format!("\"{name}\" is a temporary table"))
            .with_hint(
                "DROP TABLE removes it; a table or view that it hides is changed after that",
            )),
        None => Ok(()),
    }
}

fn allow(rights: &Rights, catalog: &Catalog, change: &Change) -> Result<(), CatalogError> {
    if rights.everything() {
        return Ok(());
    }
    match change {
        Change::Put(entry) => put(rights, entry, catalog.entry(&entry.key())),
        Change::Drop(EntryKey::Table(name) | EntryKey::View(name)) => {
            rights.require(Right::Create, name)
        }
        Change::Drop(EntryKey::Segment(name)) => rights.require(Right::Create, &members(name)),
        Change::Drop(EntryKey::Schema(name)) => rights.require_in(Right::Create, name),
        Change::Drop(EntryKey::Principal(_)) => {
            rights.require_administrator("drop users and roles")
        }
    }
}

fn put(rights: &Rights, entry: &Entry, before: Option<&Entry>) -> Result<(), CatalogError> {
    match (entry, before) {
        // The home of segments comes into being with the first one.
        (Entry::Schema(schema), None) if schema.name == HIDDEN_SCHEMA => Ok(()),
        (Entry::Schema(_), None) => rights.require_administrator("make schemas"),
        (Entry::Schema(schema), Some(_)) => rights.require_in(Right::Create, &schema.name),
        (Entry::Table(table), Some(Entry::Table(before))) if lost_keys_only(table, before) => {
            Ok(())
        }
        (Entry::Table(table), before) => rights.require_make(&table.name, before.is_some()),
        (Entry::View(view), before) => rights.require_make(&view.name, before.is_some()),
        (Entry::Segment(segment), before) => {
            rights.require_make(&members(&segment.name), before.is_some())
        }
        (Entry::Principal(after), Some(Entry::Principal(before)))
            if rights.user() == Some(&before.name) && new_password_only(after, before) =>
        {
            Ok(())
        }
        (Entry::Principal(_), _) => {
            rights.require_administrator("make users and roles and grant to them")
        }
    }
}

/// Where somebody is an administrator, somebody stays one for as long as there are users.
fn keep_administrator(before: &Catalog, changes: &[Change]) -> Result<(), CatalogError> {
    let about_users = changes.iter().any(|change| {
        matches!(change, Change::Put(Entry::Principal(_)) | Change::Drop(EntryKey::Principal(_)))
    });
    if !about_users || !has_administrator(before) {
        return Ok(());
    }
    let after = before.apply(changes);
    if has_users(&after) && !has_administrator(&after) {
        return Err(CatalogError::invalid(format!(
            "nobody would have the role \"{ADMINISTRATORS}\" any more"
        ))
        .with_hint(format!("GRANT {ADMINISTRATORS} TO somebody else first")));
    }
    Ok(())
}

fn has_administrator(catalog: &Catalog) -> bool {
    let mut users = catalog.principals().filter(|principal| principal.kind == PrincipalKind::User);
    users.any(|user| held_by(catalog, user).0.contains(ADMINISTRATORS))
}

/// The name under which a segment's members are kept.
fn members(segment: &str) -> Name {
    Name::new(HIDDEN_SCHEMA, segment)
}

fn lost_keys_only(after: &Table, before: &Table) -> bool {
    let kept = after.constraints.iter().all(|constraint| before.constraints.contains(constraint));
    kept && *after == Table { constraints: after.constraints.clone(), ..before.clone() }
}

fn new_password_only(after: &Principal, before: &Principal) -> bool {
    let unchanged = Principal {
        password_hash: after.password_hash.clone(),
        stamp: after.stamp,
        ..before.clone()
    };
    *after == unchanged
}

/// `ALL` on what is new, for who made it.
fn own(rights: &Rights, catalog: &Catalog, changes: &[Change]) -> Option<Change> {
    let user = rights.user().filter(|_| !rights.everything())?;
    let made: Vec<Grant> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Put(entry) if catalog.entry(&entry.key()).is_none() => made(catalog, entry),
            Change::Put(_) | Change::Drop(_) => None,
        })
        .map(|on| Grant { right: Right::All, on })
        .collect();
    if made.is_empty() {
        return None;
    }
    let mut principal = catalog.principal(user).ok()?.clone();
    principal.grants.extend(made);
    Some(Change::Put(Entry::Principal(principal)))
}

/// What a new entry is to its maker. A renamed table is not new: its grants move with it.
fn made(catalog: &Catalog, entry: &Entry) -> Option<GrantTarget> {
    match entry {
        Entry::Table(table)
            if table.name.schema == HIDDEN_SCHEMA
                || catalog.tables().any(|known| known.id == table.id) =>
        {
            None
        }
        Entry::Table(table) => Some(GrantTarget::Table(table.name.clone())),
        Entry::View(view) => Some(GrantTarget::Table(view.name.clone())),
        Entry::Segment(segment) => Some(GrantTarget::Segment(segment.name.clone())),
        Entry::Schema(_) | Entry::Principal(_) => None,
    }
}
