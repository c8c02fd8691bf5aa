//! Whether a version that was read before still is the newest, by a few looks at the log and without reading it.
//!
//! A version's number does not say which table it is of: another program may delete a table and make it anew at the same
//! place, and count from 0 again. The entry of the log that made the version tells the two apart: it is written once and
//! never again, so it is the same table if the entry has the same tag, time and size. That is asked of the store each time,
//! beside the question for a newer version.
//!
//! Example: version 3 was read, the table was made anew and has version 3 again: the entry is another one, and the log is
//! read from its beginning.

use super::{TableLog, TableVersion};
use crate::Result;
use chrono::{DateTime, Utc};
use object_store::{ObjectMeta, ObjectStoreExt};

/// What is read of `_last_checkpoint`.
#[derive(serde::Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// An entry of the log, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogEntry {
    e_tag: Option<String>,
    modified: DateTime<Utc>,
    bytes: u64,
}

impl LogEntry {
    fn of(found: ObjectMeta) -> Self {
        Self { e_tag: found.e_tag, modified: found.last_modified, bytes: found.size }
    }
}

/// Which version of which table at a place something was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    version: u64,
    /// Unknown when the entry is not there any more.
    entry: Option<LogEntry>,
}

impl Stamp {
    pub(super) fn new(version: u64, entry: Option<LogEntry>) -> Self {
        Self { version, entry }
    }

    /// Whether both are for certain the same version of the same table.
    pub fn is(&self, other: &Self) -> bool {
        self.entry.is_some() && self == other
    }
}

/// What became of a version that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is the newest one.
    Newest,
    /// It is there, and so may be others after it.
    Older,
    /// It is not there, or it is not known to be the same.
    Gone,
}

impl TableLog {
    /// What became of a version, by three looks at the log at the same time: its own entry is the same, the next one is not
    /// there, and no checkpoint is later, before which a version may have been cleaned away. When in doubt it is gone.
    pub(super) async fn seen(&self, near: &TableVersion) -> Seen {
        let store = &self.location.store;
        let version = near.version();
        let next = self.entry_path(version + 1);
        let checkpoint = self.location.child("_delta_log/_last_checkpoint").path;
        let checkpoint = async { store.get(&checkpoint).await?.bytes().await };
        let (own, next, checkpoint) =
            futures::join!(self.entry(version), store.head(&next), checkpoint);
        if !Stamp::new(version, own).is(&near.stamp()) {
            return Seen::Gone;
        }
        let is_missing =
            |error: &object_store::Error| matches!(error, object_store::Error::NotFound { .. });
        let later = match checkpoint {
            Ok(bytes) => serde_json::from_slice::<LastCheckpoint>(&bytes)
                .map_or(true, |checkpoint| checkpoint.version > version),
            Err(error) => !is_missing(&error),
        };
        if next.is_err_and(|error| is_missing(&error)) && !later {
            Seen::Newest
        } else {
            Seen::Older
        }
    }

    /// Whether the entry that made a version is gone, or another one is in its place: the table was removed, and perhaps
    /// made anew. A version whose entry was never looked up counts as there.
    pub(super) async fn is_gone(&self, version: &TableVersion) -> Result<bool> {
        let Stamp { version, entry: Some(entry) } = version.stamp() else { return Ok(false) };
        match self.location.store.head(&self.entry_path(version)).await {
            Ok(found) => Ok(LogEntry::of(found) != entry),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// The entry that made a version, if the store has it.
    pub(super) async fn entry(&self, version: u64) -> Option<LogEntry> {
        let path = self.entry_path(version);
        self.location.store.head(&path).await.ok().map(LogEntry::of)
    }

    fn entry_path(&self, version: u64) -> object_store::path::Path {
        self.location.child(&format!("_delta_log/{version:020}.json")).path
    }
}

#[cfg(test)]
mod tests {
    use crate::table_log::foreign::Foreign;
    use crate::table_log::{Operation, TableVersion};
    use crate::{CatalogErrorKind, Result};
    use deltalake_core::kernel::{Action, Add};
    use serde_json::{Value, json};
    use std::collections::HashSet;

    fn first(id: &str, file: &str) -> Vec<Value> {
        let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
        Foreign::first(id, &protocol, &json!({}), &json!({}), file)
    }

    fn state(version: &TableVersion) -> (u64, Vec<String>) {
        let mut files: Vec<String> = version.files().into_iter().map(|file| file.path).collect();
        files.sort();
        (version.version(), files)
    }

    fn expected(version: u64, files: &[&str]) -> (u64, Vec<String>) {
        (version, files.iter().map(|file| (*file).to_owned()).collect())
    }

    #[tokio::test]
    async fn a_version_is_kept_until_there_is_a_newer_one() {
        let foreign = Foreign::new();
        foreign.write(0, &first("one", "a.parquet"));
        let opened = foreign.open(None).await.unwrap();
        let again = foreign.open(Some(&opened)).await.unwrap();
        assert!(again.stamp().is(&opened.stamp()));
        foreign.write(1, &[Foreign::added("b.parquet")]);
        let newer = foreign.open(Some(&again)).await.unwrap();
        assert_eq!(state(&newer), expected(1, &["a.parquet", "b.parquet"]));
        assert!(!newer.stamp().is(&opened.stamp()));
    }

    #[tokio::test]
    async fn a_table_made_anew_at_the_same_place_is_another_one() {
        let foreign = Foreign::new();
        foreign.write(0, &first("one", "a.parquet"));
        foreign.write(1, &[Foreign::added("b.parquet")]);
        let opened = foreign.open(None).await.unwrap();
        // As many versions as before. Entries differ in size, since times of files may be coarse.
        foreign.remove();
        foreign.write(0, &first("two", "second_c.parquet"));
        foreign.write(1, &[Foreign::added("second_d.parquet")]);
        let same = foreign.open(Some(&opened)).await.unwrap();
        assert_eq!(state(&same), expected(1, &["second_c.parquet", "second_d.parquet"]));
        assert!(!same.stamp().is(&opened.stamp()));
        // More of them.
        foreign.remove();
        foreign.write(0, &first("three", "of_third_e.parquet"));
        foreign.write(1, &[Foreign::added("of_third_f.parquet")]);
        foreign.write(2, &[Foreign::added("of_third_g.parquet")]);
        let more = foreign.open(Some(&same)).await.unwrap();
        assert_eq!(
            state(&more),
            expected(2, &["of_third_e.parquet", "of_third_f.parquet", "of_third_g.parquet"])
        );
        // Fewer of them.
        foreign.remove();
        foreign.write(0, &first("four", "h.parquet"));
        let fewer = foreign.open(Some(&more)).await.unwrap();
        assert_eq!(state(&fewer), expected(0, &["h.parquet"]));
        // None.
        foreign.remove();
        assert!(foreign.open(Some(&fewer)).await.is_err());
    }

    async fn append(version: &TableVersion, name: &str) -> Result<u64> {
        let add = Add { path: name.to_owned(), size: 1, data_change: true, ..Add::default() };
        let (actions, nothing) = (vec![Action::Add(add)], HashSet::new());
        let commit = version.commit_actions(actions, &nothing, &Operation::Append, false);
        commit.await.map_err(|failed| failed.error)
    }

    #[tokio::test]
    async fn nothing_is_committed_to_a_table_made_anew_meanwhile() {
        let foreign = Foreign::new();
        foreign.write(0, &first("one", "a.parquet"));
        let opened = foreign.open(None).await.unwrap();
        // Several commits of one version go on top of each other.
        assert_eq!(append(&opened, "b.parquet").await.unwrap(), 1);
        assert_eq!(append(&opened, "c.parquet").await.unwrap(), 2);

        foreign.remove();
        foreign.write(0, &first("another", "second_a.parquet"));
        let error = append(&opened, "d.parquet").await.unwrap_err();
        assert_eq!(error.kind, CatalogErrorKind::Conflict);
        assert!(!foreign.path("_delta_log/00000000000000000001.json").exists());
        foreign.remove();
        let error = append(&opened, "d.parquet").await.unwrap_err();
        assert_eq!(error.kind, CatalogErrorKind::Conflict);
        assert!(!foreign.path("_delta_log").exists());
    }
}
