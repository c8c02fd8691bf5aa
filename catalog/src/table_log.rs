//! Delta Lake: the one room of the house that knows it.
//!
//! A table is a directory of Parquet files and a log of versions. Each version adds and removes files in one atomic
//! step, so a reader sees a whole version and a writer's work appears at once or never.
//!
//! * [`open`](TableLog::open), [`freshness`] and [`version`]: one table at one version: schema, files, statistics;
//! * [`create`]: version 0; [`write`](mod@write): batches into files; [`commit`]: files into a version, races decided;
//! * [`surrogate_key`]: numbers for rows that come without a key;
//! * [`stage`]: the changes of several statements, collected for one commit;
//! * [`features`]: what a table asks of its writers; [`fallback`]: tables that only Delta's own scan can read;
//! * [`maintain`]: history, restore, new columns; [`vacuum`] and [`unfinished`]: files that nothing needs, and those that
//!   only look so.
//!
//! Never plans a query and never reads the catalog. Conflicts between writers are decided here and not by the library,
//! whose check lets two compactions of the same file both succeed.

mod commit;
mod create;
mod errors;
mod fallback;
mod features;
#[cfg(test)]
mod foreign;
mod freshness;
mod log_store;
mod maintain;
mod stage;
mod surrogate_key;
mod unfinished;
mod vacuum;
mod version;
mod write;

pub use commit::{Operation, Removal};
pub use freshness::Stamp;
pub use maintain::HistoryEntry;
pub use vacuum::Vacuumed;
pub use version::{AsOf, FileInfo, TableVersion};
pub use write::Written;

pub(crate) use errors::delta_error;

use crate::store::Location;
use crate::{CatalogError, CatalogErrorKind, Result, Table};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::logstore::LogStoreRef;
use freshness::Seen;
use std::sync::Arc;

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
        // A version that is gone tells nothing of the table that is here now.
        let near = match (at, near) {
            (AsOf::Latest, Some(near)) => match self.seen(near).await {
                Seen::Newest => return Ok(near.for_table(Arc::clone(table))),
                Seen::Older => Some(near),
                Seen::Gone => None,
            },
            (AsOf::Latest, None) | (AsOf::Version(_) | AsOf::Timestamp(_), _) => None,
        };
        let snapshot = match (at, near) {
            (AsOf::Latest, Some(near)) => {
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
        let entry = match at {
            AsOf::Latest => self.entry(snapshot.version()).await,
            AsOf::Version(_) | AsOf::Timestamp(_) => None,
        };
        TableVersion::new(self.clone(), Arc::clone(table), snapshot, entry)
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
