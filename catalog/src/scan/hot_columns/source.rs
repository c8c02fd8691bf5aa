//! A Parquet source that answers from [`HotColumns`] where it may, and is DataFusion's own source everywhere else.
//!
//! It stands in for `ParquetSource` in a scan: filters, projections and sort orders are pushed into the Parquet source as
//! ever, and EXPLAIN shows that source. Only when a file is to be read it asks whether all of the file's columns in question
//! were wanted before. Then row groups are taken from memory, the missing ones decoded and kept.
//!
//! Row groups are pruned by the same predicates on both ways, those included that a join fills in while it runs. A predicate
//! that NaN may satisfy is not pushed down: bounds do not count NaN. Left to the Parquet source: scans with a limit or a
//! filter that is applied while decoding, nested columns, virtual columns.

use super::super::floats;
use super::HotColumns;
use super::file::OpenFile;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileOpener, FileScanConfig, FileSource, ParquetSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_expr_adapter::replace_columns_with_literals;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_optimizer::pruning::{FilePruner, PruningPredicate};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::morsel::{MorselPlan, MorselPlanner, Morselizer};
use object_store::ObjectStore;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Who knows which files there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) enum Files {
    /// The log of a table, which has ruled files out before a scan begins.
    Logged,
    /// A listing. Nothing has ruled any out.
    Listed,
}

/// What the columns of a file are kept under. A file is written once, but a table may be removed and made anew at the same
/// place with files of the same names: the log and the listing tell which one there is.
fn name(store: &str, file: &PartitionedFile) -> Arc<str> {
    let meta = &file.object_meta;
    let (at, tag) = (meta.last_modified.timestamp_nanos_opt(), meta.e_tag.as_deref());
    format!("{store}{}@{},{at:?},{}", meta.location, meta.size, tag.unwrap_or_default()).into()
}

/// A Parquet source, and the columns kept of its files.
#[derive(Clone)]
pub(in crate::scan) struct HotSource {
    parquet: Arc<dyn FileSource>,
    hot: Arc<HotColumns>,
    /// Tells equal paths in different stores apart.
    store: Arc<str>,
    files: Files,
}

impl HotSource {
    pub(in crate::scan) fn new(
        parquet: ParquetSource,
        hot: Arc<HotColumns>,
        store: &str,
        files: Files,
    ) -> Self {
        Self { parquet: Arc::new(parquet), hot, store: store.into(), files }
    }

    fn over(&self, parquet: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { parquet, ..self.clone() })
    }

    /// What is read of every file from memory; `None` when Parquet must answer.
    fn reading(&self, config: &FileScanConfig, partition: usize) -> Result<Option<Reading>> {
        let Some(parquet) = self.parquet.downcast_ref::<ParquetSource>() else { return Ok(None) };
        let table = parquet.table_schema();
        let readers = parquet.parquet_file_reader_factory();
        let (Some(projection), Some(readers)) = (parquet.projection(), readers) else {
            return Ok(None);
        };
        let options = &parquet.table_parquet_options().global;
        let fields = table.file_schema().fields();
        let indices = projection.column_indices();
        let columns: Vec<FieldRef> =
            indices.iter().filter_map(|index| fields.get(*index).cloned()).collect();
        let left_to_parquet = config.limit.is_some()
            || options.pushdown_filters
            || !table.virtual_columns().is_empty()
            || columns.is_empty()
            || columns.iter().any(|field| field.data_type().is_nested());
        if left_to_parquet {
            return Ok(None);
        }
        let output = Arc::new(projection.project_schema(table.table_schema())?);
        let metrics = parquet.metrics();
        Ok(Some(Reading {
            hot: Arc::clone(&self.hot),
            files: self.files,
            names: columns.iter().map(|field| field.name().as_str().into()).collect(),
            columns: Arc::new(Schema::new(columns)),
            table: table.clone(),
            projection: projection.clone(),
            output,
            predicate: parquet.filter(),
            prunes: options.pruning,
            pruning: Mutex::default(),
            max_in_list_size: options.max_in_list_size,
            readers: Arc::clone(readers),
            batch_size: config.batch_size.unwrap_or(8192),
            partition,
            metrics: metrics.clone(),
            hits: MetricBuilder::new(metrics).counter("hot_columns", partition),
            misses: MetricBuilder::new(metrics).counter("decoded_columns", partition),
            skipped: MetricBuilder::new(metrics).counter("skipped_rows", partition),
        }))
    }
}

impl FileSource for HotSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.parquet.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let parquet = self.parquet.create_morselizer(store, config, partition)?;
        Ok(match self.reading(config, partition)? {
            None => parquet,
            Some(reading) => Box::new(HotMorselizer {
                parquet: Arc::from(parquet),
                reading: Arc::new(reading),
                store: Arc::clone(&self.store),
            }),
        })
    }

    fn table_schema(&self) -> &TableSchema {
        self.parquet.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.over(self.parquet.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.parquet.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.parquet.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.parquet.metrics()
    }

    fn file_type(&self) -> &str {
        self.parquet.file_type()
    }

    fn fmt_extra(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parquet.fmt_extra(form, f)
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.parquet.reorder_files(files)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let columns = self.table_schema().table_schema();
        let may_prune = |filter: &Arc<dyn PhysicalExpr>| floats::may_prune(filter, columns);
        let may: Vec<bool> = filters.iter().map(may_prune).collect();
        let pushed =
            filters.into_iter().zip(&may).filter_map(|(filter, may)| may.then_some(filter));
        let pushed = self.parquet.try_pushdown_filters(pushed.collect(), config)?;
        let mut answers = pushed.filters.into_iter();
        let answer = |may: bool| match may {
            true => answers.next().unwrap_or(PushedDown::No),
            false => PushedDown::No,
        };
        Ok(FilterPushdownPropagation {
            filters: may.into_iter().map(answer).collect(),
            updated_node: pushed.updated_node.map(|parquet| self.over(parquet)),
        })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        let pushed = self.parquet.try_pushdown_sort(order, properties)?;
        Ok(pushed.map(|parquet| self.over(parquet)))
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.parquet.try_pushdown_projection(projection)?;
        Ok(pushed.map(|parquet| self.over(parquet)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.parquet.apply_expressions(f)
    }
}

/// Decides file by file: from memory, or by Parquet.
#[derive(Debug)]
struct HotMorselizer {
    parquet: Arc<dyn Morselizer>,
    reading: Arc<Reading>,
    store: Arc<str>,
}

impl Morselizer for HotMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let name = name(&self.store, &file);
        // Another part of the file, read by another thread of the same scan, is not another scan.
        let part: Arc<str> = match &file.range {
            Some(range) => format!("{name}:{}", range.start).into(),
            None => Arc::clone(&name),
        };
        if !self.reading.hot.wanted_before(&part, &self.reading.names) {
            return self.parquet.plan_file(file);
        }
        Ok(Box::new(HotFile {
            reading: Arc::clone(&self.reading),
            parquet: Arc::clone(&self.parquet),
            file,
            name,
        }))
    }
}

/// A file to be read by way of memory.
#[derive(Debug)]
struct HotFile {
    reading: Arc<Reading>,
    parquet: Arc<dyn Morselizer>,
    file: PartitionedFile,
    name: Arc<str>,
}

impl MorselPlanner for HotFile {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        if self.reading.skips(&self.file)? {
            return Ok(None);
        }
        Ok(Some(MorselPlan::new().with_pending_planner(async move {
            let Self { reading, parquet, file, name } = *self;
            let open = OpenFile::open(reading, file, name).await?;
            if open.is_coarse() {
                return parquet.plan_file(open.file);
            }
            Ok(Box::new(open) as Box<dyn MorselPlanner>)
        })))
    }
}

/// The predicate of a scan, made for pruning row groups of files of one schema.
#[derive(Debug)]
pub(super) struct Pruning {
    /// How much was known of it when it was made.
    pub(super) generation: u64,
    pub(super) physical: SchemaRef,
    /// None when it prunes nothing.
    pub(super) predicate: Option<Arc<PruningPredicate>>,
}

/// What is read of every file of a scan.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) hot: Arc<HotColumns>,
    files: Files,
    /// The file columns the projection needs.
    pub(super) columns: SchemaRef,
    pub(super) names: Vec<Arc<str>>,
    pub(super) table: TableSchema,
    /// Over the table's columns.
    pub(super) projection: ProjectionExprs,
    pub(super) output: SchemaRef,
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    pub(super) prunes: bool,
    pub(super) pruning: Mutex<Option<Pruning>>,
    pub(super) max_in_list_size: usize,
    pub(super) readers: Arc<dyn ParquetFileReaderFactory>,
    pub(super) batch_size: usize,
    pub(super) partition: usize,
    pub(super) metrics: ExecutionPlanMetricsSet,
    pub(super) hits: Count,
    pub(super) misses: Count,
    /// Rows that the predicate ruled out before they were handed on.
    pub(super) skipped: Count,
}

impl Reading {
    /// Whether the predicate, as far as it is known now, rules a whole file out. What was known when the query was
    /// planned has ruled out files of own tables then.
    fn skips(&self, file: &PartitionedFile) -> Result<bool> {
        let Some(predicate) = self.predicate.as_ref().filter(|_| self.prunes) else {
            return Ok(false);
        };
        if self.files == Files::Logged && snapshot_generation(predicate) == 0 {
            return Ok(false);
        }
        let predicate = replace_columns_with_literals(Arc::clone(predicate), &self.literals(file))?;
        let schema = self.table.file_schema();
        match FilePruner::try_new(predicate, schema, file, Count::new()) {
            Some(mut pruner) => pruner.should_prune(),
            None => Ok(false),
        }
    }

    /// The values of the partition columns of a file.
    pub(super) fn literals(&self, file: &PartitionedFile) -> HashMap<String, ScalarValue> {
        let fields = self.table.table_partition_cols().iter();
        fields
            .zip(&file.partition_values)
            .map(|(field, value)| (field.name().clone(), value.clone()))
            .collect()
    }

    /// The projection of a file, over the columns that are read of it.
    pub(super) fn projector(&self, literals: &HashMap<String, ScalarValue>) -> Result<Projector> {
        let projection = self.projection.clone().try_map_exprs(|expr| {
            reassign_expr_columns(replace_columns_with_literals(expr, literals)?, &self.columns)
        })?;
        projection.make_projector(&self.columns)
    }
}
