//! Delta Lake: the one room of the house that knows it.
//!
//! A table is a directory of Parquet files and a log of versions. Each version adds and removes files in one atomic
//! step, so a reader sees a whole version and a writer's work appears at once or never.
//!
//! * [`open`](TableLog::open) and [`version`]: one table at one version: schema, files, statistics;
//! * [`create`]: version 0; [`write`](mod@write): batches into files; [`commit`]: files into a version, races decided;
//! * [`surrogate_key`]: numbers for rows that come without a key;
//! * [`stage`]: the changes of several statements, collected for one commit;
//! * [`maintain`]: history, vacuum, restore, new columns; [`fallback`]: tables that only Delta's own scan can read.
//!
//! Never plans a query and never reads the catalog. Conflicts between writers are decided here and not by the library,
//! whose check lets two compactions of the same file both succeed.

mod commit;
mod create;
mod errors;
mod fallback;
mod log_store;
mod maintain;
mod stage;
mod surrogate_key;
mod version;
mod write;

pub use commit::{Operation, Removal};
pub use maintain::{HistoryEntry, Vacuumed};
pub use version::{AsOf, FileInfo, TableVersion};
pub use write::Written;

pub(crate) use errors::delta_error;

use crate::store::Location;
use crate::{CatalogError, CatalogErrorKind, Result, Table};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::logstore::LogStoreRef;
use object_store::ObjectStoreExt;
use std::sync::Arc;

/// What is read of `_last_checkpoint`.
#[derive(serde::Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// A table's directory and its log.
#[derive(Clone)]
pub(crate) struct TableLog {
    pub(crate) location: Location,
    log: LogStoreRef,
}

impl std::fmt::Debug for TableLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableLog").field("location", &self.location).finish_non_exhaustive()
    }
}

impl TableLog {
    /// The table at this place, whether or not it exists yet.
    pub(crate) fn at(location: Location) -> Self {
        let log = log_store::log_store(&location);
        Self { location, log }
    }

    /// The version that `at` asks for; `near` is an earlier one to start from, which makes this cheap.
    pub(crate) async fn open(
        &self,
        table: &Arc<Table>,
        at: &AsOf,
        near: Option<&TableVersion>,
        now_ms: i64,
    ) -> Result<TableVersion> {
        let opening = |error: deltalake_core::DeltaTableError| {
            delta_error(error).during(format!("opening table {}", table.name))
        };
        let snapshot = match (at, near) {
            (AsOf::Latest, Some(near)) => {
                if self.is_newest(near.version()).await {
                    return Ok(near.for_table(Arc::clone(table)));
                }
                let mut state = near.delta_state();
                state.update(self.log.as_ref(), None).await.map_err(opening)?;
                if state.version() == near.version() {
                    return Ok(near.for_table(Arc::clone(table)));
                }
                state.snapshot().clone()
            }
            (AsOf::Latest, None) => {
                EagerSnapshot::try_new(self.log.as_ref(), None).await.map_err(opening)?
            }
            (AsOf::Version(version), _) => self.at_version(table, *version).await?,
            (AsOf::Timestamp(at), _) => {
                if at.timestamp_millis() > now_ms {
                    return Err(CatalogError::invalid(format!("{at} lies in the future")));
                }
                let mut delta = DeltaTable::new(Arc::clone(&self.log));
                delta.load_with_datetime(*at).await.map_err(opening)?;
                delta.snapshot().map_err(opening)?.snapshot().clone()
            }
        };
        TableVersion::new(self.clone(), Arc::clone(table), snapshot)
    }

    /// Whether a version is the newest, by two looks at the log at the same time: the next one is not there, and no
    /// checkpoint is later, before which a version may have been cleaned away. When in doubt it is not.
    async fn is_newest(&self, version: u64) -> bool {
        let store = &self.location.store;
        let next = self.location.child(&format!("_delta_log/{:020}.json", version + 1)).path;
        let checkpoint = self.location.child("_delta_log/_last_checkpoint").path;
        let checkpoint = async { store.get(&checkpoint).await?.bytes().await };
        let (next, checkpoint) = futures::join!(store.head(&next), checkpoint);
        let is_missing =
            |error: &object_store::Error| matches!(error, object_store::Error::NotFound { .. });
        let later = match checkpoint {
            Ok(bytes) => serde_json::from_slice::<LastCheckpoint>(&bytes)
                .map_or(true, |checkpoint| checkpoint.version > version),
            Err(error) => !is_missing(&error),
        };
        next.is_err_and(|error| is_missing(&error)) && !later
    }

    async fn at_version(&self, table: &Table, version: u64) -> Result<EagerSnapshot> {
        let newest = self.log.get_latest_version(0).await.map_err(delta_error)?;
        if version > newest {
            return Err(no_version(table, version, newest));
        }
        EagerSnapshot::try_new(self.log.as_ref(), Some(version)).await.map_err(|error| {
            CatalogError::new(
                CatalogErrorKind::NotFound,
                format!(
                    "version {version} of table {} is no longer in its log: {}",
                    table.name,
                    delta_error(error).message
                ),
            )
            .with_hint("DESCRIBE HISTORY lists the versions that are")
        })
    }
}

pub(crate) fn no_version(table: &Table, version: u64, newest: u64) -> CatalogError {
    CatalogError::new(
        CatalogErrorKind::NotFound,
        format!("table {} has no version {version}; the newest is {newest}", table.name),
    )
}
