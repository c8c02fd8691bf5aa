//! Removes the files of a table that nothing needs.
//!
//! | The log says | Goes when | Because |
//! |---|---|---|
//! | it was removed | that is longer ago than the retention, the last time if several | RESTORE brings files back |
//! | nothing | it is older than the retention and than every write that is under way | a crash left it |
//! | nothing, and the retention asked for is longer than the table's own | never | it may be a removed file: a checkpoint forgets those after the table's own retention, and how long ago that was nobody knows |
//! | a version has it, by whatever name | never | |
//!
//! A file that no version names also looks like that of a write that is not committed yet. So of those nothing is touched
//! that is younger than this VACUUM, or as young as a write of this process that is under way ([`super::unfinished`]),
//! however short the retention. Writes of other processes are not seen here: a retention shorter than their longest
//! statement takes their files away. Never touched are deletion vectors, whose names the log gives in another form, and
//! folders with a log of their own: another table lives there.
//!
//! ```text
//! note which writes are under way ──> read the newest version ──> list ──> note the start ──> remove what is not back
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
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How far file times of the local disk may be behind the clock.
const NEAR_SLACK_MS: i64 = 1_000;
/// The same of a store far away: its clock is another one, and S3 refuses requests from clocks that differ by more.
const FAR_SLACK_MS: i64 = 15 * 60_000;
const HOUR_MS: i64 = 3_600_000;

/// What VACUUM removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// Nothing was removed: the files are only named.
    pub dry_run: bool,
    /// The files, relative to the table.
    pub files: Vec<String>,
}

/// An object in the table's directory.
#[derive(Debug)]
struct Found {
    /// Where it is in the store.
    place: Path,
    modified_ms: i64,
    bytes: u64,
}

/// How long files are kept that the newest version does not name.
#[derive(Debug, Clone, Copy)]
struct Retention {
    /// What the table says.
    usual_ms: i64,
    /// What was asked for.
    given_ms: i64,
}

impl Retention {
    fn of(snapshot: &EagerSnapshot, hours: Option<u32>) -> Self {
        let usual = snapshot.table_properties().deleted_file_retention_duration().as_millis();
        let usual_ms = i64::try_from(usual).unwrap_or(i64::MAX);
        let given_ms = hours.map_or(usual_ms, |hours| i64::from(hours) * HOUR_MS);
        Self { usual_ms, given_ms }
    }
}

impl TableVersion {
    /// Removes files that no version within `retain_hours` needs; the table's own retention when `None`. Files of writes
    /// that this process has not finished stay, and so do those that are younger than this call. With more hours than the
    /// table's own retention only files go that the log says were removed, and not what a crash left.
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
            let now_ms = Utc::now().timestamp_millis();
            let since_ms = self.untouched_since(now_ms);
            let mut state = self.delta_state();
            let updated = state.update(self.log.log.as_ref(), None).await;
            updated.map_err(|error| self.vacuuming(error))?;
            let retention = Retention::of(state.snapshot(), retain_hours);
            let candidates = self.candidates(&state, retain_hours).await?;
            let found = self.found().await?;
            let removed = self.removed_last(&state).await?;
            let named = self.named_by(state.snapshot());
            let others = tables_within(&found);
            let goes = |file: &String| {
                let is_of_another = others.iter().any(|folder| file.starts_with(*folder));
                let Some(found) = found.get(file) else { return false };
                if is_of_another || is_deletion_vector(file) || named.contains(&found.place) {
                    return false;
                }
                match removed.get(&found.place) {
                    Some(at_ms) => *at_ms <= now_ms - retention.given_ms,
                    None => {
                        retention.given_ms <= retention.usual_ms && found.modified_ms < since_ms
                    }
                }
            };
            let files: Vec<String> = candidates.into_iter().filter(goes).collect();
            if dry_run || files.is_empty() {
                return Ok(Vacuumed { dry_run, files });
            }
            let files = self.remove_noted(state.snapshot(), files, &found, retention).await?;
            Ok(Vacuumed { dry_run, files })
        })
    }

    /// From when on files that no version names may be of a write that is under way.
    fn untouched_since(&self, now_ms: i64) -> i64 {
        let place = &self.log.location;
        let began_ms = Unfinished::oldest(place).map_or(now_ms, |oldest| oldest.min(now_ms));
        began_ms - if place.is_far() { FAR_SLACK_MS } else { NEAR_SLACK_MS }
    }

    /// The files that the library would remove, which are too many: it takes a file for removed that was restored and
    /// removed again, knows neither other names for a file nor writes that are under way, and names what is gone.
    async fn candidates(
        &self,
        state: &DeltaTableState,
        retain_hours: Option<u32>,
    ) -> Result<BTreeSet<String>> {
        let mut delta = DeltaTable::new(Arc::clone(&self.log.log));
        delta.state = Some(state.clone());
        let mut vacuum = delta
            .vacuum()
            .with_dry_run(true)
            .with_mode(VacuumMode::Full)
            .with_enforce_retention_duration(false);
        if let Some(hours) = retain_hours {
            vacuum = vacuum.with_retention_period(chrono::Duration::hours(i64::from(hours)));
        }
        let (_, listed) = vacuum.await.map_err(|error| self.vacuuming(error))?;
        Ok(listed.files_deleted.into_iter().collect())
    }

    /// Everything in the table's directory, by its path there.
    async fn found(&self) -> Result<HashMap<String, Found>> {
        let folder = &self.log.location.path;
        let listed = self.log.log.object_store(None).list(None);
        let found = listed.map_ok(|object| {
            let place = Path::from_iter(folder.parts().chain(object.location.parts()));
            let modified_ms = object.last_modified.timestamp_millis();
            (object.location.to_string(), Found { place, modified_ms, bytes: object.size })
        });
        Ok(found.try_collect().await?)
    }

    /// When each file was removed, the last time: one that was restored may have been removed more than once.
    async fn removed_last(&self, state: &DeltaTableState) -> Result<HashMap<Path, i64>> {
        let mut last: HashMap<Path, i64> = HashMap::new();
        let mut all = state.all_tombstones(self.log.log.as_ref());
        while let Some(gone) = all.try_next().await.map_err(|error| self.vacuuming(error))? {
            let at_ms = gone.deletion_timestamp().unwrap_or(0);
            let seen = last.entry(self.place_of(&gone.path())).or_insert(at_ms);
            *seen = at_ms.max(*seen);
        }
        Ok(last)
    }

    /// The files that a version names.
    fn named_by(&self, snapshot: &EagerSnapshot) -> HashSet<Path> {
        snapshot.log_data().iter().map(|view| self.place_of(&view.path())).collect()
    }

    /// Where in the store the file is that the log gives this name.
    fn place_of(&self, name: &str) -> Path {
        let location = &self.log.location;
        // The library takes names that no object can have for others that one can.
        location.file(name).unwrap_or_else(|_| location.child(name).path)
    }

    /// Removes files, between two versions that say so. Returns those that were removed.
    async fn remove_noted(
        &self,
        base: &EagerSnapshot,
        mut files: Vec<String>,
        found: &HashMap<String, Found>,
        retention: Retention,
    ) -> Result<Vec<String>> {
        let start = DeltaOperation::VacuumStart {
            retention_check_enabled: false,
            specified_retention_millis: Some(retention.given_ms),
            default_retention_millis: retention.usual_ms,
        };
        let bytes = files.iter().filter_map(|file| found.get(file)).map(|found| found.bytes);
        let metrics = serde_json::json!({
            "numFilesToDelete": files.len(),
            "sizeOfDataToDelete": bytes.sum::<u64>()
        });
        let noted = self.note(base, start, metrics).await?;
        // Another writer may have brought some back before the start was noted.
        let named = self.named_by(&noted);
        files.retain(|file| found.get(file).is_some_and(|found| !named.contains(&found.place)));
        self.remove_files(&files).await?;
        let end = DeltaOperation::VacuumEnd { status: "COMPLETED".to_owned() };
        let metrics = serde_json::json!({
            "numDeletedFiles": files.len(),
            "numVacuumedDirectories": 0
        });
        self.note(&noted, end, metrics).await?;
        Ok(files)
    }

    /// Removes files by their paths in the table's directory; those that are gone already count as removed.
    async fn remove_files(&self, files: &[String]) -> Result<()> {
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

/// The folders in a table's directory that hold tables of their own.
fn tables_within(found: &HashMap<String, Found>) -> HashSet<&str> {
    const LOG: &str = "/_delta_log/";
    // With the slash, so that `a` is not taken for the folder of `ab/c.parquet`.
    found.keys().filter_map(|name| name.get(..=name.find(LOG)?)).collect()
}

/// Whether a file says which rows of others are deleted.
fn is_deletion_vector(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".bin").is_some_and(|name| name.starts_with("deletion_vector_"))
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
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "rows").unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// The files that VACUUM names, in their order.
    async fn vacuum_after(foreign: &Foreign, hours: u32, dry_run: bool) -> Vec<String> {
        let version = foreign.open(None).await.unwrap();
        version.vacuum(Some(hours), dry_run).await.unwrap().files
    }

    async fn vacuum(foreign: &Foreign, dry_run: bool) -> Vec<String> {
        vacuum_after(foreign, 0, dry_run).await
    }

    /// A table with one file, which the log calls so.
    fn table_of(file: &str) -> Foreign {
        let foreign = Foreign::new();
        let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
        let (settings, column) = (json!({}), json!({}));
        foreign.write(0, &Foreign::first("one", &protocol, &settings, &column, file));
        foreign
    }

    #[tokio::test]
    async fn files_of_writes_that_are_under_way_stay() {
        let foreign = table_of("named.parquet");
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

    #[tokio::test]
    async fn the_last_removal_of_a_file_counts() {
        let foreign = table_of("twice.parquet");
        let now_ms = Utc::now().timestamp_millis();
        foreign.write(1, &[Foreign::removed("twice.parquet", now_ms - 50 * HOUR_MS)]);
        foreign.write(2, &[Foreign::added("twice.parquet")]);
        foreign.write(3, &[Foreign::removed("twice.parquet", now_ms - 2 * HOUR_MS)]);
        put(&foreign, "twice.parquet", 60 * HOUR);
        let none: [&str; 0] = [];
        assert_eq!(vacuum_after(&foreign, 24, false).await, none);
        assert_eq!(vacuum_after(&foreign, 1, false).await, ["twice.parquet"]);
        assert!(!foreign.path("twice.parquet").exists());
        // What is gone is not removed again, and nothing is noted for it.
        assert_eq!(vacuum_after(&foreign, 1, true).await, none);
        assert_eq!(vacuum_after(&foreign, 1, false).await, none);
        assert_eq!(foreign.open(None).await.unwrap().version(), 5);
    }

    #[tokio::test]
    async fn what_the_log_does_not_know_stays_for_a_retention_longer_than_usual() {
        let foreign = table_of("named.parquet");
        put(&foreign, "forgotten.parquet", 1_000 * HOUR);
        let none: [&str; 0] = [];
        let usual_hours = 7 * 24;
        assert_eq!(vacuum_after(&foreign, usual_hours + 1, true).await, none);
        assert_eq!(vacuum_after(&foreign, usual_hours, true).await, ["forgotten.parquet"]);
    }

    #[tokio::test]
    async fn other_tables_and_deletion_vectors_stay() {
        let foreign = table_of("named.parquet");
        for name in [
            "deletion_vector_1.bin",
            "ab/deletion_vector_2.bin",
            "inner/_delta_log/00000000000000000000.json",
            "inner/of_inner.parquet",
            "inner_too.parquet",
            "other.bin",
        ] {
            put(&foreign, name, 3 * HOUR);
        }
        assert_eq!(vacuum(&foreign, false).await, ["inner_too.parquet", "other.bin"]);
        assert!(foreign.path("inner/of_inner.parquet").exists());
        assert!(foreign.path("ab/deletion_vector_2.bin").exists());
    }

    #[tokio::test]
    async fn a_file_named_by_its_whole_address_stays() {
        let foreign = table_of("named.parquet");
        let address = foreign.path("my%20own.parquet");
        foreign.write(1, &[Foreign::added(&format!("file://{}", address.display()))]);
        put(&foreign, "my own.parquet", 3 * HOUR);
        put(&foreign, "lost.parquet", 3 * HOUR);
        assert_eq!(vacuum(&foreign, false).await, ["lost.parquet"]);
        assert!(foreign.path("my own.parquet").exists());
    }

    #[tokio::test]
    async fn a_file_that_came_back_meanwhile_stays() {
        let foreign = table_of("back.parquet");
        for name in ["back.parquet", "lost.parquet"] {
            put(&foreign, name, 3 * HOUR);
        }
        let version = foreign.open(None).await.unwrap();
        let found = version.found().await.unwrap();
        let files = vec!["back.parquet".to_owned(), "lost.parquet".to_owned()];
        let retention = Retention::of(&version.snapshot, Some(0));
        let removed = version.remove_noted(&version.snapshot, files, &found, retention).await;
        assert_eq!(removed.unwrap(), ["lost.parquet"]);
        assert!(foreign.path("back.parquet").exists());
        assert!(!foreign.path("lost.parquet").exists());
    }
}
