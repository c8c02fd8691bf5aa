//! Removes the files of a table that nothing needs.
//!
//! Two kinds go: files that the log says were removed longer ago than the retention, and files that no version names and
//! that are older than it: a crash left them. The second kind looks like the files of a write that is not committed yet. So
//! of those nothing is touched that is younger than this VACUUM, or as young as a write of this process that is under way
//! ([`super::unfinished`]), however short the retention. Writes of other processes are not seen here: a retention shorter
//! than their longest statement takes their files away.
//!
//! ```text
//! note which writes are under way ──> read the newest version ──> list ──> remove
//! ```
//!
//! The order matters: a write that ends in between is either noted or part of the version.
//!
//! Example: `VACUUM t RETAIN 0 HOURS` while a load runs removes what DELETE left yesterday, and nothing of the load.

use super::unfinished::Unfinished;
use super::{TableVersion, delta_error, features};
use crate::{CatalogError, CatalogErrorKind, Result};
use chrono::Utc;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake_core::operations::vacuum::VacuumMode;
use deltalake_core::protocol::DeltaOperation;
use deltalake_core::table::config::TablePropertiesExt as _;
use deltalake_core::table::state::DeltaTableState;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How far file times of the local disk may be behind the clock, and those of a store far away.
const NEAR_SLACK_MS: i64 = 1_000;
const FAR_SLACK_MS: i64 = 60_000;

/// What VACUUM removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// Nothing was removed: the files are only named.
    pub dry_run: bool,
    /// The files, relative to the table.
    pub files: Vec<String>,
}

/// An object in the table's directory.
struct Found {
    modified_ms: i64,
    bytes: u64,
}

impl TableVersion {
    /// Removes files that no version within `retain_hours` needs; the table's own retention when `None`. Files of writes
    /// that this process has not finished stay, and so do those that are younger than this call.
    ///
    /// # Errors
    /// `Unsupported` for a table that asks more of writers than is known here; whatever listing or deleting fails with.
    pub fn vacuum(
        &self,
        retain_hours: Option<u32>,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Vacuumed>> {
        Box::pin(async move {
            if !dry_run {
                features::allow_upkeep(self, "VACUUM")?;
            }
            let since_ms = self.untouched_since();
            let mut state = self.delta_state();
            state
                .update(self.log.log.as_ref(), None)
                .await
                .map_err(|error| self.vacuuming(error))?;
            let files = self.removable(&state, retain_hours, VacuumMode::Full).await?;
            if files.is_empty() {
                return Ok(Vacuumed { dry_run, files });
            }
            let named = self.removable(&state, retain_hours, VacuumMode::Lite).await?;
            let named: HashSet<String> = named.into_iter().collect();
            let found = self.found().await?;
            let is_young =
                |file: &String| found.get(file).is_none_or(|found| found.modified_ms >= since_ms);
            let goes = |file: &String| named.contains(file) || !is_young(file);
            let files: Vec<String> = files.into_iter().filter(goes).collect();
            if !dry_run && !files.is_empty() {
                let bytes =
                    files.iter().filter_map(|file| found.get(file)).map(|found| found.bytes);
                self.remove_noted(state.snapshot(), &files, bytes.sum(), retain_hours).await?;
            }
            Ok(Vacuumed { dry_run, files })
        })
    }

    /// From when on files that no version names may be of a write that is under way.
    fn untouched_since(&self) -> i64 {
        let place = &self.log.location;
        let now_ms = Utc::now().timestamp_millis();
        let began_ms = Unfinished::oldest(place).map_or(now_ms, |oldest| oldest.min(now_ms));
        began_ms - if place.is_far() { FAR_SLACK_MS } else { NEAR_SLACK_MS }
    }

    /// The files that the library would remove; in the lite mode only those that the log says were removed.
    async fn removable(
        &self,
        state: &DeltaTableState,
        retain_hours: Option<u32>,
        mode: VacuumMode,
    ) -> Result<Vec<String>> {
        let mut delta = DeltaTable::new(Arc::clone(&self.log.log));
        delta.state = Some(state.clone());
        let mut vacuum = delta
            .vacuum()
            .with_dry_run(true)
            .with_mode(mode)
            .with_enforce_retention_duration(false);
        if let Some(hours) = retain_hours {
            vacuum = vacuum.with_retention_period(chrono::Duration::hours(i64::from(hours)));
        }
        let (_, listed) = vacuum.await.map_err(|error| self.vacuuming(error))?;
        Ok(listed.files_deleted)
    }

    /// Everything in the table's directory, by its path there.
    async fn found(&self) -> Result<HashMap<String, Found>> {
        let listed = self.log.log.object_store(None).list(None);
        let found = listed.map_ok(|object| {
            let modified_ms = object.last_modified.timestamp_millis();
            (object.location.to_string(), Found { modified_ms, bytes: object.size })
        });
        Ok(found.try_collect().await?)
    }

    /// Removes files, between two versions that say so.
    async fn remove_noted(
        &self,
        base: &EagerSnapshot,
        files: &[String],
        bytes: u64,
        retain_hours: Option<u32>,
    ) -> Result<()> {
        let usual = base.table_properties().deleted_file_retention_duration().as_millis();
        let usual = i64::try_from(usual).unwrap_or(i64::MAX);
        let given = retain_hours.map_or(usual, |hours| i64::from(hours) * 3_600_000);
        let start = DeltaOperation::VacuumStart {
            retention_check_enabled: false,
            specified_retention_millis: Some(given),
            default_retention_millis: usual,
        };
        let metrics = serde_json::json!({
            "numFilesToDelete": files.len(),
            "sizeOfDataToDelete": bytes
        });
        let noted = self.note(base, start, metrics).await?;
        let paths = files.iter().map(|file| {
            Path::parse(file).map_err(|error| {
                CatalogError::new(CatalogErrorKind::Corrupt, format!("file {file:?}: {error}"))
            })
        });
        let paths: Vec<Path> = paths.collect::<Result<_>>()?;
        let store = self.log.log.object_store(None);
        let mut removed = store.delete_stream(stream::iter(paths).map(Ok).boxed());
        while let Some(outcome) = removed.next().await {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    let what = format!("vacuuming table {}", self.table.name);
                    return Err(CatalogError::from(error).during(what));
                }
            }
        }
        let end = DeltaOperation::VacuumEnd { status: "COMPLETED".to_owned() };
        let metrics = serde_json::json!({
            "numDeletedFiles": files.len(),
            "numVacuumedDirectories": 0
        });
        self.note(&noted, end, metrics).await?;
        Ok(())
    }

    /// Makes a version that changes nothing and says what was done.
    async fn note(
        &self,
        base: &EagerSnapshot,
        operation: DeltaOperation,
        metrics: serde_json::Value,
    ) -> Result<EagerSnapshot> {
        let properties =
            CommitProperties::default().with_metadata([("operationMetrics".to_owned(), metrics)]);
        let noted = CommitBuilder::from(properties)
            .build(Some(base as &dyn TableReference), Arc::clone(&self.log.log), operation)
            .await
            .map_err(|error| self.vacuuming(error))?;
        Ok(noted.snapshot().snapshot().clone())
    }

    fn vacuuming(&self, error: deltalake_core::DeltaTableError) -> CatalogError {
        delta_error(error).during(format!("vacuuming table {}", self.table.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table_log::foreign::Foreign;
    use serde_json::json;
    use std::time::{Duration, SystemTime};

    /// Puts a file into the table's folder that was written so long ago.
    fn put(foreign: &Foreign, name: &str, age: Duration) {
        let path = foreign.path(name);
        std::fs::write(&path, "rows").unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    async fn vacuum(foreign: &Foreign, dry_run: bool) -> Vec<String> {
        let version = foreign.open(None).await.unwrap();
        let mut files = version.vacuum(Some(0), dry_run).await.unwrap().files;
        files.sort();
        files
    }

    #[tokio::test]
    async fn files_of_writes_that_are_under_way_stay() {
        const HOUR: Duration = Duration::from_secs(3600);
        let foreign = Foreign::new();
        let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
        let (settings, column) = (json!({}), json!({}));
        let actions = Foreign::first("one", &protocol, &settings, &column, "named.parquet");
        foreign.write(0, &actions);
        put(&foreign, "named.parquet", 3 * HOUR);
        put(&foreign, "left_by_a_crash.parquet", 3 * HOUR);
        put(&foreign, "of_a_load.parquet", HOUR);

        let two_hours_ms = 2 * 3_600_000;
        let began_ms = Utc::now().timestamp_millis() - two_hours_ms;
        let load = Unfinished::begin(&foreign.log.location, began_ms);
        assert_eq!(vacuum(&foreign, true).await, ["left_by_a_crash.parquet"]);
        assert_eq!(vacuum(&foreign, false).await, ["left_by_a_crash.parquet"]);
        assert!(!foreign.path("left_by_a_crash.parquet").exists());
        assert!(foreign.path("of_a_load.parquet").exists());

        // The load failed, and what it left is like what a crash leaves.
        drop(load);
        assert_eq!(vacuum(&foreign, false).await, ["of_a_load.parquet"]);
        assert!(!foreign.path("of_a_load.parquet").exists());
        assert!(foreign.path("named.parquet").exists());
        // Each of the two removals is noted by two versions.
        assert_eq!(foreign.open(None).await.unwrap().version(), 4);
    }
}
