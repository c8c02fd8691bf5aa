//! The catalog: everything that exists, at one version, immutable.
//!
//! A change never edits a catalog; [`Catalog::apply`] makes the next one. Names resolve without regard to case where
//! that is unambiguous: an exact match wins, two that differ only in case are an error that names both.
//!
//! Example: `catalog.table(&Name::new("public", "Sales"))` finds `public.sales`.

use super::{Name, Principal, Schema, Segment, Table, View};
use crate::{CatalogError, CatalogErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// A schema.
    Schema(Schema),
    /// A table.
    Table(Table),
    /// A view.
    View(View),
    /// A segment.
    Segment(Segment),
    /// A user or a role.
    Principal(Principal),
}

/// What names one thing in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum EntryKey {
    /// A schema.
    Schema(String),
    /// A table.
    Table(Name),
    /// A view.
    View(Name),
    /// A segment.
    Segment(String),
    /// A user or a role.
    Principal(String),
}

impl Entry {
    /// The key under which the entry is kept.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Schema(schema) => EntryKey::Schema(schema.name.clone()),
            Self::Table(table) => EntryKey::Table(table.name.clone()),
            Self::View(view) => EntryKey::View(view.name.clone()),
            Self::Segment(segment) => EntryKey::Segment(segment.name.clone()),
            Self::Principal(principal) => EntryKey::Principal(principal.name.clone()),
        }
    }
}

/// One step from a catalog version to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "changes are few and short-lived")]
pub enum Change {
    /// Add or replace.
    Put(Entry),
    /// Remove.
    Drop(EntryKey),
}

/// Everything that exists, at one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// The version; 0 is the empty warehouse that nobody has written to.
    pub version: u64,
    entries: BTreeMap<EntryKey, Entry>,
}

impl Catalog {
    /// A catalog of these entries.
    pub fn new(version: u64, entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { version, entries: entries.into_iter().map(|entry| (entry.key(), entry)).collect() }
    }

    /// The catalog that follows from these changes, one version later.
    #[must_use]
    pub fn apply(&self, changes: &[Change]) -> Self {
        let mut next = Self { version: self.version + 1, entries: self.entries.clone() };
        for change in changes {
            match change {
                Change::Put(entry) => next.entries.insert(entry.key(), entry.clone()),
                Change::Drop(key) => next.entries.remove(key),
            };
        }
        next
    }

    /// All entries, by kind and name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry of exactly that key.
    pub fn entry(&self, key: &EntryKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// All schemas, by name.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.entries
            .values()
            .filter_map(|entry| if let Entry::Schema(schema) = entry { Some(schema) } else { None })
    }

    /// All tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.entries
            .values()
            .filter_map(|entry| if let Entry::Table(table) = entry { Some(table) } else { None })
    }

    /// All views, by name.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.entries
            .values()
            .filter_map(|entry| if let Entry::View(view) = entry { Some(view) } else { None })
    }

    /// All segments, by name.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.entries.values().filter_map(|entry| {
            if let Entry::Segment(segment) = entry { Some(segment) } else { None }
        })
    }

    /// All users and roles, by name.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.entries
            .values()
            .filter_map(|entry| if let Entry::Principal(p) = entry { Some(p) } else { None })
    }

    /// The schema of that name.
    pub fn schema(&self, name: &str) -> Result<&Schema> {
        if let Some(Entry::Schema(schema)) = self.entries.get(&EntryKey::Schema(name.to_owned())) {
            return Ok(schema);
        }
        unique("schema", name, self.schemas().map(|schema| (schema.name.as_str(), schema)))
    }

    /// The table of that name.
    pub fn table(&self, name: &Name) -> Result<&Table> {
        if let Some(Entry::Table(table)) = self.entries.get(&EntryKey::Table(name.clone())) {
            return Ok(table);
        }
        let schema = &self.schema(&name.schema)?.name;
        let of_schema = self.tables().filter(|table| &table.name.schema == schema);
        unique("table", &name.name, of_schema.map(|table| (table.name.name.as_str(), table)))
    }

    /// The view of that name.
    pub fn view(&self, name: &Name) -> Result<&View> {
        if let Some(Entry::View(view)) = self.entries.get(&EntryKey::View(name.clone())) {
            return Ok(view);
        }
        let schema = &self.schema(&name.schema)?.name;
        let of_schema = self.views().filter(|view| &view.name.schema == schema);
        unique("view", &name.name, of_schema.map(|view| (view.name.name.as_str(), view)))
    }

    /// The segment of that name.
    pub fn segment(&self, name: &str) -> Result<&Segment> {
        unique("segment", name, self.segments().map(|segment| (segment.name.as_str(), segment)))
    }

    /// The user or role of that name.
    pub fn principal(&self, name: &str) -> Result<&Principal> {
        unique(
            "user or role",
            name,
            self.principals().map(|principal| (principal.name.as_str(), principal)),
        )
    }
}

/// The entry of that name: exactly, or the only one that differs in case.
fn unique<'a, T>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = (&'a str, &'a T)>,
) -> Result<&'a T> {
    let known: Vec<_> = known.collect();
    if let Some((_, entry)) = known.iter().find(|(candidate, _)| *candidate == name) {
        return Ok(entry);
    }
    let folded: Vec<_> =
        known.iter().filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).collect();
    match folded.as_slice() {
        [(_, entry)] => Ok(entry),
        [] => {
            Err(CatalogError::not_found(what, name, known.iter().map(|(candidate, _)| *candidate)))
        }
        [(first, _), (second, _), ..] => Err(CatalogError::new(
            CatalogErrorKind::Invalid,
            format!("{what} {name:?} is ambiguous: {first:?} and {second:?} differ only in case"),
        )
        .with_hint(format!("write the one you mean in double quotes: \"{first}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &str) -> Entry {
        Entry::Schema(Schema { name: name.into(), comment: None })
    }

    #[test]
    fn names_resolve_without_case_where_unique() {
        let catalog = Catalog::new(1, [schema("retail"), schema("Web"), schema("web")]);
        assert_eq!(catalog.schema("RETAIL").unwrap().name, "retail");
        assert_eq!(catalog.schema("Web").unwrap().name, "Web");
        let error = catalog.schema("WEB").unwrap_err();
        assert_eq!(error.kind, CatalogErrorKind::Invalid);
        assert!(error.message.contains("\"Web\" and \"web\""), "{error}");
        assert_eq!(
            catalog.schema("retial").unwrap_err().hint.as_deref(),
            Some("did you mean \"retail\"?")
        );
    }

    #[test]
    fn a_change_makes_the_next_version_and_leaves_the_old_one_alone() {
        let before = Catalog::new(4, [schema("a")]);
        let after =
            before.apply(&[Change::Put(schema("b")), Change::Drop(EntryKey::Schema("a".into()))]);
        assert_eq!(after.version, 5);
        assert_eq!(after.schemas().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(before.schemas().count(), 1);
    }
}
