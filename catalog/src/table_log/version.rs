//! A table at one version: what a statement reads, and what it commits on top of. Immutable and cheap to clone.
//!
//! Files and statistics are taken from the log once per version and shared by every scan of it.

use super::freshness::{LogEntry, Stamp};
use super::stage::Staged;
use super::{TableLog, fallback};
use crate::scan::{DataFile, Layout, NativeScan, statistics};
use crate::{CatalogError, Result, Table};
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use deltalake_core::kernel::{Add, EagerSnapshot};
use deltalake_core::table::state::DeltaTableState;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Which version of a table to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AsOf {
    /// The newest.
    Latest,
    /// This one.
    Version(u64),
    /// The newest that existed at this moment.
    Timestamp(DateTime<Utc>),
}

/// A data file of a table, for `system.files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// The path, relative to the table unless it is absolute.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its rows, deleted ones not counted, where the log says.
    pub rows: Option<u64>,
    /// Partition values by stored partition column.
    pub partition: BTreeMap<String, Option<String>>,
    /// When it was written, in milliseconds since 1970 UTC.
    pub modified_ms: i64,
    /// The statistics as the log holds them: JSON of row count, minima, maxima and NULL counts.
    pub statistics: Option<String>,
}

/// One Delta table at one version.
#[derive(Clone)]
pub struct TableVersion {
    pub(super) log: TableLog,
    pub(super) table: Arc<Table>,
    pub(super) snapshot: EagerSnapshot,
    /// The entry of the log that made the version, where it was looked up.
    entry: Option<LogEntry>,
    layout: Arc<Layout>,
    adds: Arc<Vec<Add>>,
    files: Arc<Vec<DataFile>>,
    /// Changes on top that are not committed.
    pub(super) staged: Option<Arc<Staged>>,
}

impl std::fmt::Debug for TableVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableVersion({} at {})", self.table.name, self.version())
    }
}

impl TableVersion {
    pub(super) fn new(
        log: TableLog,
        table: Arc<Table>,
        snapshot: EagerSnapshot,
        entry: Option<LogEntry>,
    ) -> Result<Self> {
        let layout = Arc::new(layout(&table, &snapshot)?);
        let adds: Vec<Add> = snapshot
            .log_data()
            .iter()
            .map(|view| {
                #[expect(
                    deprecated,
                    reason = "the only public way to a file's tags and raw partition values"
                )]
                view.add_action()
            })
            .collect();
        let files =
            adds.iter().map(|add| data_file(&log, &layout, &table, add)).collect::<Result<_>>()?;
        let (adds, files) = (Arc::new(adds), Arc::new(files));
        Ok(Self { log, table, snapshot, entry, layout, adds, files, staged: None })
    }

    /// The same version seen through a newer catalog entry, or itself when only the version matters.
    pub(super) fn for_table(&self, table: Arc<Table>) -> Self {
        Self { table, ..self.clone() }
    }

    /// The same version with other files, which are staged.
    pub(super) fn with_files(
        &self,
        adds: Vec<Add>,
        files: Vec<DataFile>,
        staged: Option<Arc<Staged>>,
    ) -> Self {
        Self { adds: Arc::new(adds), files: Arc::new(files), staged, ..self.clone() }
    }

    /// The version; of a staged one, the committed version it stands on.
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// What tells this version from those of another table that was made at the same place.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(self.version(), self.entry.clone())
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The columns users see: generated partition columns are not among them.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.declared)
    }

    /// Where the table lives, as other tools write it.
    pub fn url(&self) -> String {
        self.log.location.to_string()
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    pub(super) fn adds(&self) -> &[Add] {
        &self.adds
    }

    pub(super) fn data_files(&self) -> &[DataFile] {
        &self.files
    }

    pub(super) fn delta_state(&self) -> DeltaTableState {
        DeltaTableState::new(self.snapshot.clone())
    }

    /// How many rows there are, where the log says.
    pub fn row_count(&self) -> Option<u64> {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The data files.
    pub fn files(&self) -> Vec<FileInfo> {
        let info = |(add, file): (&Add, &DataFile)| FileInfo {
            path: add.path.clone(),
            size_bytes: file.size,
            rows: file.rows,
            partition: add.partition_values.clone().into_iter().collect(),
            modified_ms: add.modification_time,
            statistics: add.stats.clone(),
        };
        self.adds.iter().zip(self.files.iter()).map(info).collect()
    }

    /// The scan of this version for a query.
    ///
    /// # Errors
    /// `Unsupported` when the table uses a Delta feature that no reader here knows.
    pub fn provider(&self) -> BoxFuture<'_, Result<Arc<dyn TableProvider>>> {
        Box::pin(async move {
            if fallback::reads_natively(&self.snapshot, &self.adds) {
                let native: Arc<dyn TableProvider> = Arc::new(self.native());
                return Ok(native);
            }
            fallback::provider(self).await
        })
    }

    /// The native scan, whose files can be narrowed and numbered for a rewrite.
    ///
    /// # Errors
    /// `Unsupported` for a table that only Delta's own scan reads: no row of it can be found to be changed.
    pub fn rewritable(&self) -> Result<NativeScan> {
        fallback::writes_natively(self)?;
        Ok(self.native())
    }

    fn native(&self) -> NativeScan {
        NativeScan::new(&self.log.location, Arc::clone(&self.layout), Arc::clone(&self.files))
    }
}

/// What the log says of columns, joined with what the catalog says of partitioning and order.
fn layout(table: &Table, snapshot: &EagerSnapshot) -> Result<Layout> {
    let stored = snapshot.arrow_schema();
    let partition_columns = snapshot.metadata().partition_columns().to_vec();
    Layout::new(table, &stored, &partition_columns)
}

pub(super) fn data_file(
    log: &TableLog,
    layout: &Layout,
    table: &Table,
    add: &Add,
) -> Result<DataFile> {
    let path = log.location.file(&add.path)?;
    let partition = layout
        .partition_scalars(&add.partition_values)
        .map_err(|error| error.during(format!("file {}", add.path)))?;
    let deleted =
        add.deletion_vector.as_ref().map_or(0, |vector| vector.cardinality.unsigned_abs());
    let statistics = statistics::from_log(layout, table, &partition, add.stats.as_deref());
    let size = u64::try_from(add.size).map_err(|_| {
        CatalogError::new(
            crate::CatalogErrorKind::Corrupt,
            format!("file {} has size {}", add.path, add.size),
        )
    })?;
    let sorted_by = add.tags.as_ref().and_then(|tags: &HashMap<String, Option<String>>| {
        tags.get(crate::scan::ORDER_TAG).cloned().flatten()
    });
    Ok(DataFile {
        path,
        log_path: add.path.clone(),
        size,
        modified_ms: add.modification_time,
        rows: statistics.rows.map(|rows| rows.saturating_sub(deleted)),
        sorted: sorted_by.is_some_and(|order| order == crate::scan::order_text(&table.order)),
        partition,
        known: statistics.known,
    })
}
