//! The changes of several statements to one table, collected to become one version.
//!
//! A staged version stands on a committed one: some of its files are gone, some new ones are there, and nobody but who
//! holds it can see that. Each statement of a transaction makes another from the one before, so an earlier one is kept
//! as it is by holding on to it: that is a savepoint. The commit puts all of it on the log in one step, by the rules that
//! one statement's commit has; a writer who was there first decides for the whole.
//!
//! Nothing is written to the log before the commit. What is never committed leaves files that no version names;
//! [`TableVersion::discard`] removes them at once, `VACUUM` later.
//!
//! Example: `INSERT` stages file A, `UPDATE` replaces it by file B: one version is committed, with B alone.

use super::commit::Removal;
use super::unfinished::Unfinished;
use super::write::Written;
use super::{Operation, TableVersion, fallback, features, version};
use crate::{CatalogError, Result};
use deltalake_core::kernel::{Action, Add};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use object_store::ObjectStoreExt;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the statements did so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Staged {
    /// Files of the committed version below that are gone.
    removed: HashSet<String>,
    /// New files that are there.
    added: Vec<Add>,
    /// All files written, those that a later statement replaced among them.
    written: Vec<String>,
    /// Whether rows were given numbers.
    numbered: bool,
    /// What was done, each kind once, in order.
    operations: Vec<Operation>,
    /// Set when nobody knows whether the commit happened: a version may name the files then.
    in_doubt: Arc<AtomicBool>,
    /// Keeps VACUUM from the files until the commit. It is that of the first write, which is the oldest.
    unfinished: Option<Arc<Unfinished>>,
}

impl TableVersion {
    /// This version with these files in place of those, for whoever holds it. Nothing is committed.
    ///
    /// # Errors
    /// `Invalid` for a table that only Delta's own reader can read; `Unsupported` for one with rules that the operation
    /// would not keep.
    pub fn stage(
        &self,
        written: Option<Written>,
        removal: &Removal,
        operation: &Operation,
    ) -> Result<Self> {
        if !fallback::reads_natively(&self.snapshot, self.adds()) {
            return Err(CatalogError::invalid(format!(
                "table {} uses a feature of Delta that Pareto cannot change in a transaction",
                self.table.name
            ))
            .with_hint("run the statement outside of a transaction"));
        }
        features::allow_commit(self, operation, removal)?;
        let mut staged = self.staged.as_deref().cloned().unwrap_or_default();
        let (mut adds, mut files) = (Vec::new(), Vec::new());
        for (add, file) in self.adds().iter().zip(self.data_files()) {
            let goes = match removal {
                Removal::Nothing => false,
                Removal::Everything => true,
                Removal::Files(paths) => paths.contains(&add.path),
            };
            if !goes {
                adds.push(add.clone());
                files.push(file.clone());
            } else if let Some(new) = staged.added.iter().position(|new| new.path == add.path) {
                staged.added.swap_remove(new);
            } else {
                staged.removed.insert(add.path.clone());
            }
        }
        if staged.unfinished.is_none() {
            staged.unfinished = written.as_ref().and_then(|written| written.unfinished.clone());
        }
        staged.numbered |= written.as_ref().is_some_and(|written| written.numbered);
        for mut add in written.map(Written::into_adds).unwrap_or_default() {
            add.data_change = true;
            files.push(version::data_file(&self.log, self.layout(), &self.table, &add)?);
            staged.written.push(add.path.clone());
            staged.added.push(add.clone());
            adds.push(add);
        }
        if !staged.operations.contains(operation) {
            staged.operations.push(operation.clone());
        }
        Ok(self.with_files(adds, files, Some(Arc::new(staged))))
    }

    /// Whether this and the other one hold the same staged changes.
    pub fn is_staged_as(&self, other: &Self) -> bool {
        match (&self.staged, &other.staged) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Commits what is staged as one version and removes what it did not need in the end. Returns the version made, or
    /// `None` when nothing is different in the end.
    ///
    /// # Errors
    /// `Conflict` when another writer's change stands in the way; nothing is changed then.
    pub fn commit_staged(&self) -> BoxFuture<'_, Result<Option<u64>>> {
        Box::pin(async move {
            let Some(staged) = &self.staged else { return Ok(None) };
            if staged.added.is_empty() && staged.removed.is_empty() {
                self.discard(None).await;
                return Ok(None);
            }
            let mut actions: Vec<Action> = staged.added.iter().cloned().map(Action::Add).collect();
            let removal = Removal::Files(staged.removed.clone());
            let operation = staged.operation();
            let removed = self.removals(&removal, &operation, &mut actions);
            let version = self.commit_actions(actions, &removed, &operation, staged.numbered);
            let version = version.await.map_err(|failed| {
                staged.in_doubt.fetch_or(failed.in_doubt, Ordering::AcqRel);
                if failed.in_doubt {
                    Unfinished::keep(staged.unfinished.clone());
                }
                failed.error
            })?;
            let kept: HashSet<&str> = staged.added.iter().map(|add| add.path.as_str()).collect();
            self.remove(staged.written.iter().filter(|path| !kept.contains(path.as_str()))).await;
            Ok(Some(version))
        })
    }

    /// Removes the files that were written for what is staged here and not in `keep`, an earlier stage of the same. A
    /// file that cannot be removed is left to `VACUUM`, and so are all of them after a commit that is in doubt: a version
    /// may name them.
    pub fn discard<'a>(&'a self, keep: Option<&'a Self>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(staged) = &self.staged else { return };
            if staged.in_doubt.load(Ordering::Acquire) {
                return;
            }
            let kept: HashSet<&String> = keep
                .and_then(|keep| keep.staged.as_ref())
                .map(|keep| keep.written.iter().collect())
                .unwrap_or_default();
            self.remove(staged.written.iter().filter(|path| !kept.contains(path))).await;
        })
    }

    async fn remove(&self, paths: impl Iterator<Item = &String>) {
        let place = &self.log.location;
        let all = stream::iter(paths.filter_map(|path| place.file(path).ok()).collect::<Vec<_>>());
        all.for_each_concurrent(16, |path| async move {
            let _left_to_vacuum = place.store.delete(&path).await;
        })
        .await;
    }
}

impl Staged {
    /// What the commit says it does. Of several kinds it is the one that may do all of it.
    fn operation(&self) -> Operation {
        match self.operations.as_slice() {
            [only] => only.clone(),
            several => {
                let all_rows = several.iter().any(Operation::needs_the_table_unchanged);
                if all_rows {
                    Operation::Merge { predicate: None }
                } else {
                    Operation::Update { predicate: None }
                }
            }
        }
    }
}
