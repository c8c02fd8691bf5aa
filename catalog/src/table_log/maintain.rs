//! The care of a table: its history, going back to a version, and new columns.
//!
//! Never writes or removes a data file: each change here is one entry of the log.

use super::{TableVersion, delta_error, features, no_version};
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
    /// `NotFound` when the version, or a file it needs, is gone; `Unsupported` for a table from which no row may be removed
    /// or that asks more of writers than is known here.
    pub fn restore(&self, version: u64) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            if version > self.version() {
                return Err(no_version(&self.table, version, self.version()));
            }
            features::allow_restore(self)?;
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
    /// `Invalid` for a type that cannot be stored or a column that may not be NULL; `Unsupported` for a table that asks more
    /// of writers than is known here.
    pub fn add_columns<'a>(&'a self, columns: &'a [Column]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            features::allow_upkeep(self, "ALTER TABLE")?;
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
}
