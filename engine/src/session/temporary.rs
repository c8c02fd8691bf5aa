//! Temporary tables: a session's own, gone when it ends.
//!
//! They are tables like all others (columns, keys, order, statistics, every statement that reads or writes rows), but their
//! files lie in a folder of this machine and the catalog does not know them. A statement of the session sees the catalog with
//! them in it, so that names, `DESCRIBE`, `information_schema` and the metadata of Flight SQL find them like any other. One
//! hides the table or view of its name for as long as it lives.
//!
//! Nobody else sees them, so what others see cannot stand on them: views and segments over them are refused, and they cannot be
//! altered, granted or renamed. The folder is removed with the session; that of a process that was killed is left to whoever
//! cleans the system's temporary files.
//!
//! Example: `CREATE TEMPORARY TABLE best AS SELECT customer_id FROM sales GROUP BY customer_id HAVING sum(amount) > 1000`.

use super::Session;
use crate::error::{EngineError, Result};
use pareto_catalog::{Catalog, Entry, Name, Storage, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The temporary tables of a session.
#[derive(Debug, Default)]
pub(crate) struct Temporary {
    /// Made for the first one.
    folder: Option<TempDir>,
    tables: BTreeMap<Name, Table>,
}

impl Temporary {
    /// Whether this very table is one of them, whatever its name.
    pub(crate) fn holds(&self, table: &Table) -> bool {
        self.tables.values().any(|own| own.id == table.id)
    }
}

impl Session {
    /// The catalog with the session's temporary tables, each in place of what has its name.
    pub(crate) fn with_temporary(&self, catalog: Arc<Catalog>) -> Arc<Catalog> {
        let temporary = self.temporary();
        if temporary.tables.is_empty() {
            return catalog;
        }
        let is_hidden = |entry: &&Entry| match entry {
            Entry::Table(table) => temporary.tables.contains_key(&table.name),
            Entry::View(view) => temporary.tables.contains_key(&view.name),
            Entry::Schema(_) | Entry::Segment(_) | Entry::Principal(_) => false,
        };
        let seen = catalog.entries().filter(|entry| !is_hidden(entry)).cloned();
        let own = temporary.tables.values().cloned().map(Entry::Table);
        Arc::new(Catalog::new(catalog.version, seen.chain(own)))
    }

    /// Their names.
    pub(crate) fn temporary_names(&self) -> BTreeSet<Name> {
        self.temporary().tables.keys().cloned().collect()
    }

    /// Whether the session has a temporary table of that name.
    pub fn has_temporary(&self, schema: &str, table: &str) -> bool {
        self.is_temporary(&Name::new(schema, table))
    }

    /// Whether a table of that name is temporary.
    pub(crate) fn is_temporary(&self, name: &Name) -> bool {
        self.temporary().tables.contains_key(name)
    }

    /// Refuses what would make a temporary table part of what others see.
    pub(crate) fn refuse_temporary<'a>(
        &self,
        names: impl IntoIterator<Item = &'a Name>,
        what: &str,
    ) -> Result<()> {
        let temporary = self.temporary();
        match names.into_iter().find(|name| temporary.tables.contains_key(name)) {
            Some(name) => Err(EngineError::invalid(format!("{what} \"{name}\": it is temporary"))
                .with_hint("CREATE TABLE .. AS SELECT * FROM it makes a table that lasts")),
            None => Ok(()),
        }
    }

    /// The same table with a place of its own, ready to be created. `spill` is where files may lie that do not last.
    pub(crate) fn place_temporary(&self, table: Table, spill: Option<PathBuf>) -> Result<Table> {
        let mut temporary = self.temporary();
        if temporary.folder.is_none() {
            let mut builder = tempfile::Builder::new();
            builder.prefix("pareto-temporary-");
            let made = match spill {
                Some(spill) => builder.tempdir_in(spill),
                None => builder.tempdir(),
            };
            let made = made.map_err(|error| {
                EngineError::invalid(format!("cannot make a folder for temporary tables: {error}"))
                    .with_hint("--spill-dir takes a folder that may be written to")
            })?;
            temporary.folder = Some(made);
        }
        let Some(folder) = &temporary.folder else {
            return Err(EngineError::internal("temporary tables have no folder"));
        };
        let location = folder.path().join(table.id.simple().to_string()).display().to_string();
        Ok(Table { storage: Storage::Delta { location, managed: true }, ..table })
    }

    /// Makes a table that was created known, in place of the one that had its name.
    pub(crate) fn enter_temporary(&self, table: Table) -> Option<Table> {
        self.temporary().tables.insert(table.name.clone(), table)
    }

    /// Forgets one.
    pub(crate) fn take_temporary(&self, name: &Name) -> Option<Table> {
        self.temporary().tables.remove(name)
    }

    fn temporary(&self) -> MutexGuard<'_, Temporary> {
        self.temporary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
