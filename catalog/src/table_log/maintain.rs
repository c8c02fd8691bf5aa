//! The care of a table: its history, going back to a version, new columns, and removing files that nothing needs.
//!
//! VACUUM never touches a file that a version within the retention time still reads, and never one that is younger
//! than that: a load that is still running has its files there.

use super::{TableVersion, delta_error, no_version};
use crate::{CatalogError, Column, Result};
use arrow::datatypes::Field;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::transaction::CommitProperties;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One version in a table's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The version.
    pub version: u64,
    /// When it was made, in milliseconds since 1970 UTC.
    pub timestamp_ms: Option<i64>,
    /// What made it, such as `WRITE` or `DELETE`.
    pub operation: String,
    /// How: predicate, mode and the like.
    pub parameters: BTreeMap<String, String>,
    /// The program that made it.
    pub engine: Option<String>,
}

/// What VACUUM removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// Nothing was removed: the files are only named.
    pub dry_run: bool,
    /// The files, relative to the table.
    pub files: Vec<String>,
}

impl TableVersion {
    fn delta(&self) -> DeltaTable {
        let mut delta = DeltaTable::new(Arc::clone(&self.log.log));
        delta.state = Some(self.delta_state());
        delta
    }

    /// The versions, newest first; at most `limit` of them.
    ///
    /// # Errors
    /// Whatever reading the log fails with.
    pub fn history(&self, limit: Option<usize>) -> BoxFuture<'_, Result<Vec<HistoryEntry>>> {
        Box::pin(async move {
            let delta = self.delta();
            let commits: Vec<_> = delta.history(limit).try_collect().await.map_err(delta_error)?;
            let newest = self.version();
            let entry =
                |(back, commit): (usize, deltalake_core::kernel::CommitInfo)| HistoryEntry {
                    version: newest.saturating_sub(back as u64),
                    timestamp_ms: commit.timestamp,
                    operation: commit.operation.unwrap_or_default(),
                    parameters: commit
                        .operation_parameters
                        .unwrap_or_default()
                        .into_iter()
                        .map(|(name, value)| {
                            (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                        })
                        .collect(),
                    engine: commit.engine_info,
                };
            Ok(commits.into_iter().enumerate().map(entry).collect())
        })
    }

    /// Makes a new version with the rows of an old one. Returns the version made.
    ///
    /// # Errors
    /// `NotFound` when the version, or a file it needs, is gone.
    pub fn restore(&self, version: u64) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            if version > self.version() {
                return Err(no_version(&self.table, version, self.version()));
            }
            let restored = self.delta().restore().with_version_to_restore(version).await;
            let (delta, _) = restored.map_err(|error| {
                delta_error(error)
                    .during(format!("restoring table {} to version {version}", self.table.name))
            })?;
            Ok(delta.version().unwrap_or_default())
        })
    }

    /// Adds columns, NULL in the rows that are there. Returns the version made.
    ///
    /// # Errors
    /// `Invalid` for a type that cannot be stored or a column that may not be NULL.
    pub fn add_columns<'a>(&'a self, columns: &'a [Column]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut fields = Vec::new();
            for column in columns {
                if !column.nullable {
                    return Err(CatalogError::invalid(format!(
                        "column {:?} cannot be NOT NULL: the rows that are there have no value for it",
                        column.name
                    )));
                }
                let data_type = crate::types::storable(&column.name, &column.data_type)?;
                fields.push(super::create::to_delta(&Field::new(&column.name, data_type, true))?);
            }
            let adding = self
                .delta()
                .add_columns()
                .with_fields(fields)
                .with_commit_properties(CommitProperties::default());
            let delta = adding.await.map_err(|error| {
                delta_error(error).during(format!("adding columns to {}", self.table.name))
            })?;
            Ok(delta.version().unwrap_or_default())
        })
    }

    /// Removes files that no version within `retain_hours` needs; the table's own retention when `None`.
    ///
    /// # Errors
    /// Whatever listing or deleting fails with.
    pub fn vacuum(
        &self,
        retain_hours: Option<u32>,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Vacuumed>> {
        Box::pin(async move {
            let mut vacuum = self
                .delta()
                .vacuum()
                .with_dry_run(dry_run)
                .with_mode(deltalake_core::operations::vacuum::VacuumMode::Full)
                .with_enforce_retention_duration(false);
            if let Some(hours) = retain_hours {
                vacuum = vacuum.with_retention_period(chrono::Duration::hours(i64::from(hours)));
            }
            let (_, done) = vacuum.await.map_err(|error| {
                delta_error(error).during(format!("vacuuming table {}", self.table.name))
            })?;
            Ok(Vacuumed { dry_run: done.dry_run, files: done.files_deleted })
        })
    }
}
