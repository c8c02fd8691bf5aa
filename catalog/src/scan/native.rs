//! The table provider over the files of one version: a `DataSourceExec` on Parquet, so every rule of DataFusion applies to
//! it. Where the session has a [`ScanCache`], columns that are asked for again come from memory; without one the plan is
//! DataFusion's own and travels to another machine without a codec of ours.
//!
//! The declared sort order is reported only when every file read was written sorted and the files do not overlap. Files are
//! read one after another in it only where bounds tell all of a key: NULL and NaN lie outside of them.
//! For rewrites the scan can be narrowed to some files and can number the file each row came from.

use super::hot_columns::ScanCache;
use super::hot_columns::source::{Files, HotSource};
use super::readers::CountingReaders;
use super::{DataFile, Layout, floats, prune};
use crate::store::Location;
use crate::{CatalogError, SortTerm};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, Result, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use parquet::arrow::RowNumber;
use std::collections::HashSet;
use std::sync::Arc;

/// The columns that tell where a row came from, in a scan that was asked for them.
const FILE_COLUMN: &str = "__pareto_file";
const ROW_COLUMN: &str = "__pareto_row";

/// A scan of the files of one table version.
#[derive(Debug, Clone)]
pub struct NativeScan {
    store: ObjectStoreUrl,
    layout: Arc<Layout>,
    files: Arc<Vec<DataFile>>,
    schema: SchemaRef,
    numbers_rows: bool,
}

impl NativeScan {
    /// The column that holds the number of the file each row came from.
    pub const FILE_COLUMN: &'static str = FILE_COLUMN;
    /// The column that holds the number of each row within its file.
    pub const ROW_COLUMN: &'static str = ROW_COLUMN;

    pub(crate) fn new(location: &Location, layout: Arc<Layout>, files: Arc<Vec<DataFile>>) -> Self {
        // A store's root is a valid store URL by construction; the local disk stands in should that ever fail.
        let store = ObjectStoreUrl::parse(location.root.as_str())
            .unwrap_or_else(|_| ObjectStoreUrl::local_filesystem());
        let schema = Arc::clone(&layout.read);
        Self { store, layout, files, schema, numbers_rows: false }
    }

    /// The same scan with two more columns, [`Self::FILE_COLUMN`] and [`Self::ROW_COLUMN`]: where each row came from.
    #[must_use]
    pub fn numbering_rows(mut self) -> Self {
        let mut fields: Vec<FieldRef> = self.schema.fields().iter().cloned().collect();
        fields.extend([file_field(), row_field()]);
        self.schema = Arc::new(Schema::new(fields));
        self.numbers_rows = true;
        self
    }

    /// The same scan over the files with these numbers only; numbers stay as they were.
    #[must_use]
    pub fn only(mut self, numbers: &HashSet<i64>) -> Self {
        let kept = self
            .numbered()
            .filter(|(number, _)| numbers.contains(number))
            .map(|(_, file)| file.clone())
            .collect();
        self.files = Arc::new(kept);
        self
    }

    /// The paths, as the log has them, of the files with these numbers.
    pub fn log_paths(&self, numbers: &HashSet<i64>) -> HashSet<String> {
        self.numbered()
            .filter(|(number, _)| numbers.contains(number))
            .map(|(_, file)| file.log_path.clone())
            .collect()
    }

    /// Number, size, row count and partition of each file: what a compaction decides by.
    pub fn file_sizes(&self) -> Vec<(i64, u64, Option<u64>, Vec<ScalarValue>)> {
        self.numbered()
            .map(|(number, file)| (number, file.size, file.rows, file.partition.clone()))
            .collect()
    }

    /// Whether every file is sorted by the declared order, or there is none.
    pub fn is_sorted(&self) -> bool {
        self.layout.order.is_empty() || self.files.iter().all(|file| file.sorted)
    }

    fn numbered(&self) -> impl Iterator<Item = (i64, &DataFile)> {
        self.files.iter().map(|file| (number_of(file), file))
    }

    fn scanned(&self) -> TableSchema {
        if !self.numbers_rows {
            return self.layout.scanned.clone();
        }
        let mut partition: Vec<FieldRef> =
            self.layout.scanned.table_partition_cols().iter().cloned().collect();
        partition.push(file_field());
        TableSchema::builder(Arc::clone(self.layout.scanned.file_schema()))
            .with_table_partition_cols(partition)
            .with_virtual_columns(vec![row_field()])
            .build()
    }

    fn partitioned_file(&self, file: &DataFile) -> PartitionedFile {
        let mut partitioned = PartitionedFile::new(file.path.as_ref(), file.size);
        partitioned.object_meta.location = file.path.clone();
        if let Some(at) = chrono::DateTime::from_timestamp_millis(file.modified_ms) {
            partitioned.object_meta.last_modified = at;
        }
        partitioned.partition_values = file.partition.clone();
        partitioned.statistics = Some(Arc::clone(&file.known));
        if self.numbers_rows {
            partitioned.partition_values.push(ScalarValue::Int64(Some(number_of(file))));
            let mut statistics = file.known.as_ref().clone();
            statistics
                .column_statistics
                .extend([ColumnStatistics::new_unknown(), ColumnStatistics::new_unknown()]);
            partitioned.statistics = Some(Arc::new(statistics));
        }
        partitioned
    }

    /// The files that the filters leave, by what the log knows of them.
    fn pruned(
        &self,
        state: &dyn Session,
        filters: &[Expr],
        scanned: &TableSchema,
    ) -> Result<Vec<&DataFile>> {
        let Some(filter) = conjunction(filters.iter().cloned()) else {
            return Ok(self.files.iter().collect());
        };
        let schema = scanned.table_schema();
        let named = DFSchema::try_from(Arc::clone(schema))?;
        let predicate = state.create_physical_expr(filter, &named)?;
        prune::matching(&self.files, self.layout.scanned.table_schema(), &predicate)
    }

    /// The declared order over the scanned columns, if all these files were written in it.
    fn ordering(&self, files: &[&DataFile], schema: &Schema) -> Option<LexOrdering> {
        if !files.iter().all(|file| file.sorted) {
            return None;
        }
        let term = |term: &SortTerm| {
            let place = schema.index_of(&term.column).ok()?;
            let options =
                SortOptions { descending: term.descending, nulls_first: term.nulls_first };
            Some(PhysicalSortExpr::new(Arc::new(Column::new(&term.column, place)), options))
        };
        LexOrdering::new(self.layout.order.iter().map_while(term))
    }
}

/// Sorted files in at most `target` groups, in each of which they follow one another, if that can be.
fn in_order(
    files: &FileGroup,
    schema: &SchemaRef,
    ordering: &LexOrdering,
    target: usize,
) -> Option<Vec<FileGroup>> {
    let told =
        |key: &&PhysicalSortExpr| files.iter().all(|file| bounds_tell_all(file, schema, key));
    // Files that the first keys keep apart are apart by all keys.
    let groups = match LexOrdering::new(ordering.iter().take_while(told).cloned()) {
        Some(keys) => FileScanConfig::split_groups_by_statistics_with_target_partitions(
            schema,
            std::slice::from_ref(files),
            &keys,
            target,
        )
        .ok()?,
        None => files.iter().map(|file| FileGroup::new(vec![file.clone()])).collect(),
    };
    (groups.len() <= target).then_some(groups)
}

/// Whether all values of a key of an order lie within a file's bounds: none is NULL, and none can be NaN.
fn bounds_tell_all(file: &PartitionedFile, schema: &Schema, key: &PhysicalSortExpr) -> bool {
    let tells = || {
        let place = key.expr.downcast_ref::<Column>()?.index();
        let field = schema.fields().get(place)?;
        let nulls = file.statistics.as_ref()?.column_statistics.get(place)?.null_count;
        let has_none = !field.is_nullable() || nulls == Precision::Exact(0);
        Some(has_none && !field.data_type().is_floating())
    };
    tells().unwrap_or(false)
}

fn file_field() -> FieldRef {
    Arc::new(Field::new(FILE_COLUMN, DataType::Int64, false))
}

fn row_field() -> FieldRef {
    Arc::new(Field::new(ROW_COLUMN, DataType::Int64, false).with_extension_type(RowNumber))
}

/// A number that stays with a file however the scan is narrowed: a hash of its path.
fn number_of(file: &DataFile) -> i64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in file.log_path.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    i64::from_ne_bytes(hash.to_ne_bytes())
}

#[async_trait]
impl TableProvider for NativeScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let scanned = self.layout.scanned.table_schema();
        let merged =
            Statistics::try_merge_iter(self.files.iter().map(|file| file.known.as_ref()), scanned)
                .ok()?;
        let columns = self
            .layout
            .place
            .iter()
            .filter_map(|place| merged.column_statistics.get(*place).cloned());
        let mut column_statistics: Vec<_> = columns.collect();
        column_statistics.resize(self.schema.fields().len(), ColumnStatistics::new_unknown());
        Some(Statistics { column_statistics, ..merged })
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let scanned = self.scanned();
        let schema = Arc::clone(scanned.table_schema());
        let files = self.pruned(state, filters, &scanned)?;
        let projected: Vec<usize> =
            projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let output = Arc::new(self.schema.project(&projected)?);
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(output)));
        }
        let hot = state.config().get_extension::<ScanCache>().and_then(|cache| cache.0.clone());
        let unbounded = hot.is_none() && floats::among(&output);
        // Behind the declared columns come the two that number rows, which are the scan's last two.
        let declared = self.layout.place.len();
        let place = |index: &usize| {
            self.layout
                .place
                .get(*index)
                .copied()
                .unwrap_or(schema.fields().len() - 2 + index - declared)
        };
        let places = projected.iter().map(place).collect();
        let target = state.config().target_partitions();
        let file = |file: &&DataFile| match unbounded {
            true => floats::unbounded(self.partitioned_file(file), &schema),
            false => self.partitioned_file(file),
        };
        let group = FileGroup::new(files.iter().map(file).collect());
        let statistics = Statistics::try_merge_iter(
            group.files().iter().filter_map(|file| file.statistics.as_deref()),
            &schema,
        )?;
        let ordering = self.ordering(&files, &schema);
        let in_order =
            ordering.as_ref().and_then(|ordering| in_order(&group, &schema, ordering, target));
        let (groups, ordering) = match in_order {
            Some(groups) => (groups, ordering.into_iter().collect()),
            None => (group.split_files(target), Vec::new()),
        };
        let environment = state.runtime_env();
        let store = environment.object_store(&self.store)?;
        let readers = CachedParquetFileReaderFactory::new(
            store,
            environment.cache_manager.get_file_metadata_cache(),
        );
        let mut options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..Default::default()
        };
        if unbounded {
            floats::ignore_bounds(&mut options);
        }
        let source = ParquetSource::new(scanned)
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(CountingReaders(readers)));
        let source: Arc<dyn FileSource> = match hot {
            Some(hot) => Arc::new(HotSource::new(source, hot, self.store.as_str(), Files::Logged)),
            None => Arc::new(source),
        };
        let config = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(places))?
            .with_limit(limit.filter(|_| filters.is_empty()))
            .with_output_ordering(ordering)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Refuses a store URL that DataFusion would not take, where a location is made.
pub(crate) fn check_store_url(location: &Location) -> crate::Result<()> {
    ObjectStoreUrl::parse(location.root.as_str()).map(|_| ()).map_err(|error| {
        CatalogError::invalid(format!("{} cannot be queried: {error}", location.root))
    })
}
