//! Files into a version: the one place where races between writers are decided.
//!
//! A commit names the files it adds and the files it removes. When another writer made the next version first:
//!
//! * an append goes on top of it;
//! * a rewrite goes on top if every file it removes is still there (rows appended meanwhile stay as they are);
//! * a statement whose answer depends on the whole table (OVERWRITE, MERGE) does not, nor does one that gave rows their
//!   surrogate keys: it is a `Conflict`, run it again;
//! * a change of columns is a `Conflict` for everyone, and so is a foreign table that was removed and made anew.
//!
//! Never leaves half a commit: the log entry is created whole or not at all. Once it is there the commit has happened,
//! whatever becomes of the work after it (a checkpoint, the cleaning of the log). Where the store does not tell whether it
//! is there, the commit is in doubt: the error says so, and its files stay.

use super::log_store::InDoubt;
use super::unfinished::Unfinished;
use super::write::Written;
use super::{TableVersion, delta_error, features};
use crate::{CatalogError, CatalogErrorKind, Result, Storage};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::{
    CommitBuilder, CommitProperties, TableReference, TransactionError,
};
use deltalake_core::kernel::{Action, EagerSnapshot};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use futures::future::BoxFuture;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// How often a commit moves on top of other writers before it gives up.
const ATTEMPTS: usize = 1000;

/// What a commit does, for the history and for the decision about races.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Adds rows.
    Append,
    /// Replaces all rows.
    Overwrite,
    /// Removes the rows that match.
    Delete {
        /// The condition, as SQL.
        predicate: Option<String>,
    },
    /// Changes the rows that match.
    Update {
        /// The condition, as SQL.
        predicate: Option<String>,
    },
    /// Changes, removes and adds rows by a source.
    Merge {
        /// The join condition, as SQL.
        predicate: Option<String>,
    },
    /// Rewrites files without changing rows.
    Optimize {
        /// The size files were packed to.
        target_size_bytes: u64,
    },
}

/// Which files a commit removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// None.
    Nothing,
    /// All that the version has.
    Everything,
    /// Those with these paths, as [`crate::DataFile::log_path`] gives them.
    Files(HashSet<String>),
}

/// Why a commit did not succeed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: CatalogError,
    /// It may have happened all the same.
    pub(super) in_doubt: bool,
}

impl From<CatalogError> for Failed {
    fn from(error: CatalogError) -> Self {
        Self { error, in_doubt: false }
    }
}

impl Operation {
    fn changes_rows(&self) -> bool {
        !matches!(self, Self::Optimize { .. })
    }

    /// True when rows added by someone else meanwhile would make the result wrong.
    pub(super) fn needs_the_table_unchanged(&self) -> bool {
        matches!(self, Self::Overwrite | Self::Merge { .. })
    }

    /// The predicate goes into the history as text only: Delta would otherwise try to parse our SQL.
    fn for_the_log(&self) -> DeltaOperation {
        match self {
            Self::Append => DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: None,
                predicate: None,
            },
            Self::Overwrite => DeltaOperation::Write {
                mode: SaveMode::Overwrite,
                partition_by: None,
                predicate: None,
            },
            Self::Delete { predicate } => DeltaOperation::Delete { predicate: predicate.clone() },
            Self::Update { predicate } => DeltaOperation::Update { predicate: predicate.clone() },
            Self::Merge { predicate } => DeltaOperation::Merge {
                predicate: predicate.clone(),
                merge_predicate: predicate.clone(),
                matched_predicates: Vec::new(),
                not_matched_predicates: Vec::new(),
                not_matched_by_source_predicates: Vec::new(),
            },
            Self::Optimize { target_size_bytes } => DeltaOperation::Optimize {
                predicate: None,
                target_size: i64::try_from(*target_size_bytes).unwrap_or(i64::MAX),
            },
        }
    }
}

impl TableVersion {
    /// Commits these files on top of this version, or of a later one where that is right. Returns the version made.
    ///
    /// # Errors
    /// `Conflict` when another writer's change stands in the way; `Unsupported` for a table with rules that the operation
    /// would not keep. Nothing is changed then, and the files are left to VACUUM.
    pub fn commit<'a>(
        &'a self,
        written: Option<Written>,
        removal: &'a Removal,
        operation: &'a Operation,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            features::allow_commit(self, operation, removal)?;
            let mut actions: Vec<Action> = Vec::new();
            // Until a version names the files, VACUUM must not take them for lost ones.
            let unfinished = written.as_ref().and_then(|written| written.unfinished.clone());
            let numbered = written.as_ref().is_some_and(|written| written.numbered);
            for mut add in written.map(Written::into_adds).unwrap_or_default() {
                add.data_change = operation.changes_rows();
                actions.push(Action::Add(add));
            }
            let removed = self.removals(removal, operation, &mut actions);
            let commit = self.commit_actions(actions, &removed, operation, numbered).await;
            if commit.as_ref().is_err_and(|failed| failed.in_doubt) {
                Unfinished::keep(unfinished);
            } else {
                drop(unfinished);
            }
            commit.map_err(|failed| failed.error)
        })
    }

    /// Puts actions on the log; `removed` are the files that are among them to be removed, `numbered` says that rows were
    /// given numbers.
    pub(super) fn commit_actions<'a>(
        &'a self,
        actions: Vec<Action>,
        removed: &'a HashSet<String>,
        operation: &'a Operation,
        numbered: bool,
    ) -> BoxFuture<'a, Result<u64, Failed>> {
        Box::pin(async move {
            let is_own = matches!(self.table.storage, Storage::Delta { managed: true, .. });
            // What was read of one table must not change another that was made at its place meanwhile.
            if !is_own && self.log.is_gone(self).await? {
                let why = "the version that it read is not in the table's log any more";
                return Err(self.conflict(why).into());
            }
            let mut base = self.snapshot.clone();
            for _ in 0..ATTEMPTS {
                match self.commit_after(&base, actions.clone(), operation).await {
                    Ok(version) => return Ok(version),
                    Err(failed) if failed.error.kind == CatalogErrorKind::Conflict => {
                        if numbered {
                            let why = "another writer may have given the same keys";
                            return Err(self.conflict(why).into());
                        }
                        base = self.on_top_of_newest(base, removed, operation).await?;
                    }
                    Err(failed) => return Err(failed),
                }
            }
            Err(self.conflict("other writers commit faster than this one can").into())
        })
    }

    /// Makes the version after `base`.
    async fn commit_after(
        &self,
        base: &EagerSnapshot,
        actions: Vec<Action>,
        operation: &Operation,
    ) -> Result<u64, Failed> {
        let id = Uuid::new_v4().to_string();
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_metadata([("paretoWrite".to_owned(), id.into())]);
        let prepared = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(
                Some(base as &dyn TableReference),
                Arc::clone(&self.log.log),
                operation.for_the_log(),
            )
            .into_prepared_commit_future()
            .await
            .map_err(|error| self.failed(error))?;
        let done = prepared.await.map_err(|error| self.failed(error))?;
        let version = done.version;
        // The version is made. Its checkpoint and the cleaning of the log can wait for another.
        if let Err(error) = done.await {
            let table = &self.table.name;
            tracing::warn!(%table, version, %error, "the work after a commit failed");
        }
        Ok(version)
    }

    fn failed(&self, error: DeltaTableError) -> Failed {
        let name = &self.table.name;
        let Some(doubt) = doubt(&error) else {
            return delta_error(error).during(format!("committing to table {name}")).into();
        };
        let error = CatalogError::new(
            CatalogErrorKind::InDoubt,
            format!("it is not known whether the commit to table {name} happened: {doubt}"),
        )
        .with_hint("look whether the change is there before the statement is run again");
        Failed { error, in_doubt: true }
    }

    /// The remove actions of a removal, and the files they name.
    pub(super) fn removals(
        &self,
        removal: &Removal,
        operation: &Operation,
        actions: &mut Vec<Action>,
    ) -> HashSet<String> {
        let mut removed = HashSet::new();
        for view in self.snapshot.log_data().iter() {
            let path = view.path().into_owned();
            let goes = match removal {
                Removal::Nothing => false,
                Removal::Everything => true,
                Removal::Files(paths) => paths.contains(&path),
            };
            if goes {
                actions.push(Action::Remove(view.remove_action(operation.changes_rows())));
                removed.insert(path);
            }
        }
        removed
    }

    /// The newest version, if this commit may go on top of it.
    async fn on_top_of_newest(
        &self,
        base: EagerSnapshot,
        removed: &HashSet<String>,
        operation: &Operation,
    ) -> Result<EagerSnapshot> {
        if operation.needs_the_table_unchanged() {
            return Err(self.conflict("the statement's result depends on all rows of the table"));
        }
        let mut state = deltalake_core::table::state::DeltaTableState::new(base.clone());
        state.update(self.log.log.as_ref(), None).await.map_err(delta_error)?;
        let newest = state.snapshot().clone();
        if newest.metadata() != self.snapshot.metadata()
            || newest.protocol() != self.snapshot.protocol()
        {
            return Err(self.conflict("its columns or properties were changed"));
        }
        if !removed.is_empty() {
            let present: HashSet<String> =
                newest.log_data().iter().map(|view| view.path().into_owned()).collect();
            if removed.iter().any(|path| !present.contains(path)) {
                return Err(self
                    .conflict("rows that this statement changes were changed by another writer"));
            }
        }
        Ok(newest)
    }

    fn conflict(&self, why: &str) -> CatalogError {
        CatalogError::new(
            CatalogErrorKind::Conflict,
            format!(
                "table {} changed while the statement ran: {why}; nothing was written",
                self.table.name
            ),
        )
        .with_hint("run the statement again")
    }
}

/// Why a failure leaves open whether the version was made, if it does.
fn doubt(error: &DeltaTableError) -> Option<&InDoubt> {
    match error {
        DeltaTableError::Transaction { source: TransactionError::LogStoreError { source, .. } } => {
            source.downcast_ref::<InDoubt>()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table_log::{AsOf, TableLog};
    use crate::{Column, Name, Table};
    use arrow::datatypes::DataType;
    use deltalake_core::kernel::Add;
    use std::collections::BTreeMap;

    fn table() -> Table {
        Table {
            id: Uuid::from_u128(1),
            name: Name::new("public", "sales"),
            columns: vec![Column::new("amount", DataType::Int64)],
            storage: Storage::Delta { location: String::new(), managed: true },
            partitioning: Vec::new(),
            order: Vec::new(),
            constraints: Vec::new(),
            options: BTreeMap::new(),
            comment: None,
            created_at_ms: 0,
        }
    }

    #[tokio::test]
    async fn a_commit_counts_although_its_checkpoint_cannot_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let location = crate::store::resolve(directory.path().to_str().unwrap()).unwrap();
        let (log, table) = (TableLog::at(location), Arc::new(table()));
        log.create(&table, None).await.unwrap();
        let mut version = log.open(&table, &AsOf::Latest, None, 0).await.unwrap();
        for number in 1..=99 {
            if number == 99 {
                let checkpoint = format!("_delta_log/{number:020}.checkpoint.parquet");
                std::fs::create_dir(directory.path().join(checkpoint)).unwrap();
            }
            let add = Add {
                path: format!("{number}.parquet"),
                size: 1,
                data_change: true,
                ..Add::default()
            };
            let nothing = HashSet::new();
            let operation = Operation::Append;
            let commit =
                version.commit_actions(vec![Action::Add(add)], &nothing, &operation, false);
            assert_eq!(commit.await.unwrap(), number);
            version = log.open(&table, &AsOf::Latest, Some(&version), 0).await.unwrap();
        }
        assert_eq!((version.version(), version.files().len()), (99, 99));
    }
}
