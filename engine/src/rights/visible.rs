//! The catalog as one user sees it: what they have no right on is not there.
//!
//! Names, hints, `information_schema`, `system`, `SHOW` and the metadata of Flight SQL all read the statement's catalog,
//! so leaving things out of it once leaves them out everywhere. A foreign key to a table that is left out goes with it.
//! Making the smaller catalog costs a walk over the whole one; the last few are kept.
//!
//! Example: with `SELECT ON crm.sales` alone, there are the schemas `crm` and `public`, and one table.

use super::{Rights, held_by};
use crate::relations::HIDDEN_SCHEMA;
use crate::state::DEFAULT_SCHEMA;
use pareto_catalog::{Catalog, ConstraintKind, Entry, Name, Table};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Catalogs kept, each of one user at one version.
const KEPT: usize = 32;

/// The catalogs of the users who were here last.
#[derive(Debug, Default)]
pub(crate) struct Visible(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    /// Of which catalog, whatever else has the same number.
    whole: Arc<Catalog>,
    user: String,
    seen: Arc<Catalog>,
}

impl Visible {
    /// What the user of these rights sees of a catalog.
    pub(crate) fn of(&self, whole: &Arc<Catalog>, rights: &Rights) -> Arc<Catalog> {
        let user = match rights.user() {
            Some(user) if !rights.everything() => user,
            Some(_) | None => return Arc::clone(whole),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|kept| kept.user == user && Arc::ptr_eq(&kept.whole, whole));
        if let Some(found) = found {
            return Arc::clone(&found.seen);
        }
        let seen = Arc::new(seen(whole, rights));
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Kept {
            whole: Arc::clone(whole),
            user: user.to_owned(),
            seen: Arc::clone(&seen),
        });
        seen
    }
}

fn seen(whole: &Catalog, rights: &Rights) -> Catalog {
    let names: BTreeSet<&Name> = whole
        .tables()
        .map(|table| &table.name)
        .chain(whole.views().map(|view| &view.name))
        .filter(|name| rights.sees(name))
        .collect();
    let schemas: BTreeSet<&str> = names.iter().map(|name| name.schema.as_str()).collect();
    let roles = rights
        .user()
        .and_then(|user| whole.principal(user).ok())
        .map(|user| held_by(whole, user).0)
        .unwrap_or_default();
    let shown = whole.entries().filter_map(|entry| {
        let shown = match entry {
            Entry::Schema(schema) => {
                schema.name == DEFAULT_SCHEMA
                    || schemas.contains(schema.name.as_str())
                    || rights.sees_schema(&schema.name)
            }
            Entry::Table(table) if names.contains(&table.name) => {
                return Some(Entry::Table(without_strangers(table, &names)));
            }
            Entry::Table(_) => false,
            Entry::View(view) => names.contains(&view.name),
            Entry::Segment(segment) => rights.sees(&Name::new(HIDDEN_SCHEMA, &segment.name)),
            Entry::Principal(principal) => roles.contains(&principal.name),
        };
        shown.then(|| entry.clone())
    });
    Catalog::new(whole.version, shown)
}

/// The table without keys that point to tables that are not seen.
fn without_strangers(table: &Table, seen: &BTreeSet<&Name>) -> Table {
    let mut table = table.clone();
    table.constraints.retain(|constraint| match &constraint.kind {
        ConstraintKind::ForeignKey { table, .. } => seen.contains(table),
        ConstraintKind::PrimaryKey | ConstraintKind::Unique => true,
    });
    table
}
