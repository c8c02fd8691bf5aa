//! Batches into files. Rows are cast to the stored types, partition values are computed, rows are sorted where the
//! table asks for it (spilling to disk when memory is short), and every partition of the plan writes files of its own.
//!
//! One file is open per writer at a time: rows arrive sorted by partition, so memory does not grow with the number of
//! partitions. What is written is invisible until it is committed; a failed write leaves only orphans for VACUUM.

use super::surrogate_key::{Numbered, Numbers};
use super::unfinished::Unfinished;
use super::{Operation, TableLog, TableVersion, delta_error, features};
use crate::scan::{Layout, ORDER_TAG, datafusion_error, order_text};
use crate::{CatalogError, ConstraintKind, PartitionTerm, Result, Table};
use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use chrono::Utc;
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::execution::TaskContext;
use datafusion::functions::datetime::date_trunc;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, Partitioning, SendableRecordBatchStream,
};
use deltalake_core::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake_core::kernel::Add;
use deltalake_core::operations::get_num_idx_cols_and_stats_columns;
use futures::StreamExt;
use futures::future::BoxFuture;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Rows in a row group: enough for good encoding, few enough that two threads share a small file.
const ROW_GROUP_ROWS: usize = 262_144;
/// A file is closed when it reaches this size.
const FILE_BYTES: NonZeroU64 = NonZeroU64::new(256 << 20).unwrap();
/// The column that rows are sorted by and that is not stored; no table can have one of this name.
const ALONG: &str = "$along";
/// How often a bloom filter may say "maybe" to a key that is not there.
const BLOOM_FALSE_POSITIVE: f64 = 0.01;

/// Files that were written and not yet committed.
#[derive(Debug, Default)]
pub struct Written {
    adds: Vec<Add>,
    /// Rows in them.
    pub rows: u64,
    /// Their size.
    pub bytes: u64,
    /// Whether rows were given numbers that no other writer may give.
    pub(super) numbered: bool,
    /// Keeps VACUUM from the files; whoever takes the files takes this too, until a version names them.
    pub(super) unfinished: Option<Arc<Unfinished>>,
}

impl Written {
    /// How many files there are.
    pub fn files(&self) -> usize {
        self.adds.len()
    }

    pub(super) fn into_adds(self) -> Vec<Add> {
        self.adds
    }
}

impl TableVersion {
    /// Writes the rows of a plan, whose columns are the declared ones in order, into files of this table, to be committed
    /// by this operation.
    ///
    /// # Errors
    /// `Unsupported` for a table with rules that such a write would not keep; `Invalid` for a NULL where none may be or a
    /// value that does not fit, by column; whatever the plan fails with.
    pub fn write(
        &self,
        input: Arc<dyn ExecutionPlan>,
        operation: &Operation,
        context: Arc<TaskContext>,
    ) -> BoxFuture<'_, Result<Written>> {
        self.write_ordered(Order::Declared, input, operation, context)
    }

    /// The same for a plan with one column more, the last: rows are sorted by it within their partition, in place of
    /// the declared order, and it is not stored.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_along(
        &self,
        input: Arc<dyn ExecutionPlan>,
        operation: &Operation,
        context: Arc<TaskContext>,
    ) -> BoxFuture<'_, Result<Written>> {
        self.write_ordered(Order::LastColumn, input, operation, context)
    }

    fn write_ordered(
        &self,
        order: Order,
        input: Arc<dyn ExecutionPlan>,
        operation: &Operation,
        context: Arc<TaskContext>,
    ) -> BoxFuture<'_, Result<Written>> {
        let allowed = features::allow(self, operation);
        Box::pin(async move {
            allowed?;
            let numbers = self.numbers();
            write(&self.log, &self.table, self.layout(), input, order, numbers, context).await
        })
    }
}

/// How rows are sorted within their partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the table says.
    Declared,
    /// By the last column of the plan, which is not stored.
    LastColumn,
}

impl TableLog {
    /// Writes the rows of a plan into files of a table that is yet to be created.
    pub(crate) async fn write_new(
        &self,
        table: &Table,
        input: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<Written> {
        let numbers = table.surrogate_key().map(|key| Numbers::after(key, Some(0)));
        let layout = Layout::of_new(table)?;
        write(self, table, &layout, input, Order::Declared, numbers, context).await
    }
}

async fn write(
    log: &TableLog,
    table: &Table,
    layout: &Layout,
    input: Arc<dyn ExecutionPlan>,
    order: Order,
    numbers: Option<Arc<Numbers>>,
    context: Arc<TaskContext>,
) -> Result<Written> {
    let unfinished = Unfinished::begin(&log.location, Utc::now().timestamp_millis());
    let threads = context.session_config().target_partitions();
    let plan =
        spread(input, threads, context.session_config().options()).map_err(datafusion_error)?;
    let plan = shaped(layout, plan, order, table.surrogate_key().zip(numbers.as_ref()))
        .map_err(datafusion_error)?;
    let plan = sorted(layout, plan, order).map_err(datafusion_error)?;
    let config = writer_config(table, layout);
    let keys: Arc<[usize]> = layout
        .partition_columns
        .iter()
        .filter_map(|name| layout.stored.index_of(name).ok())
        .collect();
    let mut writers = JoinSet::new();
    for partition in 0..plan.output_partitioning().partition_count() {
        let stream = plan.execute(partition, Arc::clone(&context)).map_err(datafusion_error)?;
        let file = FileWriter {
            log: log.clone(),
            config: config.clone(),
            stored: Arc::clone(&layout.stored),
            keys: Arc::clone(&keys),
        };
        writers.spawn(file.run(stream));
    }
    let mut written = Written { unfinished: Some(unfinished), ..Written::default() };
    while let Some(finished) = writers.join_next().await {
        let (adds, rows) = finished
            .map_err(|error| CatalogError::internal(format!("a writer ended early: {error}")))??;
        written.rows += rows;
        written.adds.extend(adds);
    }
    written.numbered = numbers.is_some_and(|numbers| numbers.were_given());
    written.bytes = written.adds.iter().map(|add| add.size.unsigned_abs()).sum();
    let order = order_text(&table.order);
    for add in written.adds.iter_mut().filter(|_| !table.order.is_empty()) {
        add.tags = Some(HashMap::from([(ORDER_TAG.to_owned(), Some(order.clone()))]));
    }
    Ok(written)
}

type Planned = datafusion::common::Result<Arc<dyn ExecutionPlan>>;

/// Gives every thread its share, by splitting the files that are read where possible.
fn spread(plan: Arc<dyn ExecutionPlan>, threads: usize, options: &ConfigOptions) -> Planned {
    if plan.output_partitioning().partition_count() >= threads {
        return Ok(plan);
    }
    if let Some(split) = plan.repartitioned(threads, options)? {
        return Ok(split);
    }
    Ok(Arc::new(RepartitionExec::try_new(plan, Partitioning::RoundRobinBatch(threads))?))
}

/// Casts to the stored types, fills the surrogate key and adds the generated partition columns.
fn shaped(
    layout: &Layout,
    plan: Arc<dyn ExecutionPlan>,
    order: Order,
    numbered: Option<(&str, &Arc<Numbers>)>,
) -> Planned {
    let source = plan.schema();
    let mut columns: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::new();
    for field in layout.stored.fields() {
        let expression = match layout.declared.index_of(field.name()) {
            Ok(place) => cast(column(&source, place), field.data_type(), &source)?,
            Err(_) => generated(layout, field.name(), &source)?,
        };
        let expression = match numbered.filter(|(key, _)| key == field.name()) {
            Some((_, numbers)) => {
                let kind = field.data_type().clone();
                Arc::new(Numbered::new(expression, kind, Arc::clone(numbers)))
            }
            None => expression,
        };
        columns.push((expression, field.name().clone()));
    }
    if order == Order::LastColumn {
        columns.push((column(&source, source.fields().len() - 1), ALONG.to_owned()));
    }
    Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
}

fn column(source: &SchemaRef, place: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(source.field(place).name(), place))
}

fn cast(
    expression: Arc<dyn PhysicalExpr>,
    to: &DataType,
    source: &SchemaRef,
) -> datafusion::common::Result<Arc<dyn PhysicalExpr>> {
    if &expression.data_type(source)? == to {
        return Ok(expression);
    }
    Ok(Arc::new(CastExpr::new(expression, to.clone(), None)))
}

/// The value of a generated partition column: its source, rounded down, as a date.
fn generated(
    layout: &Layout,
    name: &str,
    source: &SchemaRef,
) -> datafusion::common::Result<Arc<dyn PhysicalExpr>> {
    let term = layout.terms.iter().find(|term| term.stored_column() == name);
    let Some(PartitionTerm::DateTrunc { unit, column: from }) = term else {
        return datafusion::common::internal_err!("no rule generates column {name:?}");
    };
    let place = layout.declared.index_of(from)?;
    let moment =
        cast(column(source, place), &DataType::Timestamp(TimeUnit::Microsecond, None), source)?;
    let unit: Arc<dyn PhysicalExpr> = Arc::new(Literal::new(ScalarValue::Utf8(Some(unit.clone()))));
    let rounded = ScalarFunctionExpr::try_new(
        date_trunc(),
        vec![unit, moment],
        source,
        Arc::new(ConfigOptions::default()),
    )?;
    cast(Arc::new(rounded), &DataType::Date32, source)
}

/// Sorts by partition, then in the order asked for.
fn sorted(layout: &Layout, plan: Arc<dyn ExecutionPlan>, order: Order) -> Planned {
    let mut terms: Vec<PhysicalSortExpr> = Vec::new();
    let schema = plan.schema();
    let mut push = |name: &str, options: SortOptions| -> datafusion::common::Result<()> {
        let place = schema.index_of(name)?;
        terms.push(PhysicalSortExpr::new(Arc::new(Column::new(name, place)), options));
        Ok(())
    };
    for name in &layout.partition_columns {
        push(name, SortOptions::default())?;
    }
    if order == Order::LastColumn {
        push(ALONG, SortOptions::default())?;
    } else {
        for term in &layout.order {
            push(
                &term.column,
                SortOptions { descending: term.descending, nulls_first: term.nulls_first },
            )?;
        }
    }
    let Some(ordering) = LexOrdering::new(terms) else { return Ok(plan) };
    let plan = Arc::new(SortExec::new(ordering, plan).with_preserve_partitioning(true));
    if order == Order::Declared {
        return Ok(plan);
    }
    let stored = layout.stored.fields().iter().enumerate();
    let stored = stored.map(|(place, field)| (column(&schema, place), field.name().clone()));
    Ok(Arc::new(ProjectionExec::try_new(stored.collect::<Vec<_>>(), plan)?))
}

fn writer_config(table: &Table, layout: &Layout) -> WriterConfig {
    let zstd = ZstdLevel::try_new(1).map_or(Compression::UNCOMPRESSED, Compression::ZSTD);
    let mut properties = WriterProperties::builder()
        .set_compression(zstd)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(concat!("pareto ", env!("CARGO_PKG_VERSION")).to_owned());
    for constraint in &table.constraints {
        let is_key = matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique);
        if let (true, [key]) = (is_key, constraint.columns.as_slice()) {
            let path = ColumnPath::from(key.as_str());
            properties = properties
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE_POSITIVE)
                .set_column_bloom_filter_max_ndv(path, ROW_GROUP_ROWS as u64);
        }
    }
    let (indexed, named) = get_num_idx_cols_and_stats_columns(None, HashMap::new());
    WriterConfig::new(
        Arc::clone(&layout.stored),
        layout.partition_columns.clone(),
        Some(properties.build()),
        Some(FILE_BYTES),
        None,
        indexed,
        named,
    )
}

/// Writes one partition of the plan.
struct FileWriter {
    log: TableLog,
    config: WriterConfig,
    stored: SchemaRef,
    keys: Arc<[usize]>,
}

impl FileWriter {
    async fn run(self, mut stream: SendableRecordBatchStream) -> Result<(Vec<Add>, u64)> {
        let (mut adds, mut rows) = (Vec::new(), 0u64);
        let mut open: Option<(Vec<ScalarValue>, DeltaWriter)> = None;
        while let Some(batch) = stream.next().await {
            let batch = self.checked(&batch.map_err(datafusion_error)?)?;
            rows += batch.num_rows() as u64;
            for (key, run) in self.runs(&batch)? {
                if open.as_ref().is_some_and(|(opened, _)| opened != &key)
                    && let Some((_, writer)) = open.take()
                {
                    adds.extend(writer.close().await.map_err(delta_error)?);
                }
                let (_, writer) = open.get_or_insert_with(|| {
                    (key, DeltaWriter::new(self.log.log.object_store(None), self.config.clone()))
                });
                writer.write(&run).await.map_err(delta_error)?;
            }
        }
        if let Some((_, writer)) = open {
            adds.extend(writer.close().await.map_err(delta_error)?);
        }
        Ok((adds, rows))
    }

    /// The batch with the stored schema, once no column that must have a value lacks one.
    fn checked(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        for (field, column) in self.stored.fields().iter().zip(batch.columns()) {
            if !field.is_nullable() && column.null_count() > 0 {
                return Err(CatalogError::invalid(format!(
                    "column {:?} is NOT NULL, and {} of the rows to be written have NULL there",
                    field.name(),
                    column.null_count()
                )));
            }
        }
        RecordBatch::try_new(Arc::clone(&self.stored), batch.columns().to_vec()).map_err(|error| {
            CatalogError::internal(format!("a batch does not have the table's columns: {error}"))
        })
    }

    /// Cuts a batch, sorted by partition, into runs of one partition each.
    fn runs(&self, batch: &RecordBatch) -> Result<Vec<(Vec<ScalarValue>, RecordBatch)>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        if self.keys.is_empty() {
            return Ok(vec![(Vec::new(), batch.clone())]);
        }
        let columns: Vec<_> =
            self.keys.iter().map(|place| Arc::clone(batch.column(*place))).collect();
        let ranges = arrow::compute::partition(&columns)
            .map_err(|error| CatalogError::internal(error.to_string()))?
            .ranges();
        let key = |row: usize| {
            columns
                .iter()
                .map(|column| ScalarValue::try_from_array(column, row))
                .collect::<datafusion::common::Result<_>>()
        };
        ranges
            .into_iter()
            .map(|range| {
                Ok((
                    key(range.start).map_err(datafusion_error)?,
                    batch.slice(range.start, range.len()),
                ))
            })
            .collect()
    }
}
