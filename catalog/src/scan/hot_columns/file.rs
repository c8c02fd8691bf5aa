//! One file read by way of memory: its footer, the row groups that may match, their columns, kept or decoded.
//!
//! A row group is taken whole, so that what is decoded once serves every later question, in pieces that are batches. The
//! footer comes from the cache of footers; files of other writers whose row groups are too big to be decoded as a whole
//! are left to the Parquet source.

use super::Place;
use super::narrow::Column;
use super::ranges::{Conditions, conditions};
use super::rows::Rows;
use super::source::{Pruning, Reading};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    ParquetAccessPlan, ParquetFileMetrics, RowGroupAccessPlanFilter,
    apply_file_schema_type_coercions,
};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::Projector;
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_adapter::{
    BatchAdapterFactory, DefaultPhysicalExprAdapterFactory, PhysicalExprAdapterFactory,
    replace_columns_with_literals,
};
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::file::metadata::PageIndexPolicy;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Columns are decoded and kept in pieces of so many rows, the size of a batch. Slices of one long array would count, to
/// whoever holds a batch, as the whole of it.
const PIECE_ROWS: usize = 8192;

/// A text is taken for so long, in bytes, when room is made to decode it.
const TEXT_BYTES: usize = 32;

/// The longest that a scan waits for another one to decode a row group that both want.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Row groups of more rows are not decoded as a whole.
const MOST_ROWS: i64 = 1 << 21;

/// A file whose footer is read, and the only morsel of it.
pub(super) struct OpenFile {
    reading: Arc<Reading>,
    pub(super) file: PartitionedFile,
    name: Arc<str>,
    metadata: ArrowReaderMetadata,
    projector: Projector,
    /// The row groups to read.
    groups: Vec<usize>,
    /// Memory for what is decoded of one of them at a time; none when the pool has too little.
    room: Option<MemoryReservation>,
}

impl OpenFile {
    pub(super) async fn open(
        reading: Arc<Reading>,
        file: PartitionedFile,
        name: Arc<str>,
    ) -> Result<Self> {
        let literals = reading.literals(&file);
        let projector = reading.projector(&literals)?;
        let mut reader: Box<dyn AsyncFileReader> = reading.readers.create_reader(
            reading.partition,
            file.clone(),
            file.metadata_size_hint,
            &reading.metrics,
        )?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let mut metadata = ArrowReaderMetadata::load_async(&mut reader, options.clone()).await?;
        let coerced =
            apply_file_schema_type_coercions(reading.table.file_schema(), metadata.schema());
        if let Some(schema) = coerced {
            let options = options.with_schema(Arc::new(schema));
            metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?;
        }
        let groups = groups(&reading, &file, &metadata, &literals)?;
        let mut open = Self { reading, file, name, metadata, projector, groups, room: None };
        open.room = open.reading.hot.room(open.needed());
        Ok(open)
    }

    /// Whether a row group is too big to be decoded as a whole.
    pub(super) fn is_coarse(&self) -> bool {
        let all = self.metadata.metadata();
        self.room.is_none()
            || self.groups.iter().any(|group| all.row_group(*group).num_rows() > MOST_ROWS)
    }

    /// Bytes that the largest row group needs to be decoded, as far as its columns are not kept.
    fn needed(&self) -> usize {
        let all = self.metadata.metadata();
        let of_group = |group: &usize| {
            let rows = usize::try_from(all.row_group(*group).num_rows()).unwrap_or(usize::MAX);
            let missing = self.places(*group);
            let missing = missing.iter().filter(|place| !self.reading.hot.has(place));
            let width = |place: &Place| place.kind.primitive_width().unwrap_or(TEXT_BYTES);
            missing.map(width).sum::<usize>().saturating_mul(rows)
        };
        self.groups.iter().map(of_group).max().unwrap_or(0)
    }

    /// Where the columns of a row group are kept.
    fn places(&self, group: usize) -> Vec<Place> {
        let place = |(field, name): (&FieldRef, &Arc<str>)| Place {
            file: Arc::clone(&self.name),
            group,
            column: Arc::clone(name),
            kind: field.data_type().clone(),
        };
        self.reading.columns.fields().iter().zip(&self.reading.names).map(place).collect()
    }

    /// A row group, its missing columns decoded.
    async fn group(&self, group: usize) -> Result<Rows> {
        let reading = &self.reading;
        let places = self.places(group);
        let kept = || places.iter().map(|place| reading.hot.get(place)).collect::<Vec<_>>();
        let mut columns = kept();
        let missing_of = |columns: &[Option<Column>]| -> Vec<usize> {
            (0..columns.len()).filter(|column| columns[*column].is_none()).collect()
        };
        let mut missing = missing_of(&columns);
        let _turn = if missing.is_empty() {
            None
        } else {
            let turn = reading.hot.turn(&self.name, group).lock_owned();
            // Who has the turn may itself wait for what this scan gives: then both decode.
            let turn = tokio::time::timeout(LONGEST_WAIT, turn).await.ok();
            // Whoever was first has kept what it decoded.
            columns = kept();
            missing = missing_of(&columns);
            turn
        };
        reading.hits.add(columns.len() - missing.len());
        reading.misses.add(missing.len());
        reading.hot.note(columns.len() - missing.len(), missing.len());
        if !missing.is_empty() {
            let decoded = self.decode(group, &missing).await?;
            for (place, column) in missing.iter().enumerate() {
                let pieces = decoded.iter().map(|batch| Arc::clone(batch.column(place)));
                let kind = &places[*column].kind;
                let decoded = Column::new(&pieces.collect::<Vec<_>>(), kind)?;
                reading.hot.keep(places[*column].clone(), &decoded);
                columns[*column] = Some(decoded);
            }
        }
        let conditions = match reading.predicate.as_ref().filter(|_| reading.prunes) {
            Some(predicate) => conditions(predicate, &reading.columns)?,
            None => Conditions::default(),
        };
        Ok(Rows::new(
            columns.into_iter().flatten().collect(),
            Arc::clone(&reading.columns),
            conditions,
            reading.batch_size.max(1),
            reading.skipped.clone(),
        ))
    }

    /// Decodes some of the columns of a row group, always in pieces of the same rows.
    async fn decode(&self, group: usize, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let reading = &self.reading;
        let wanted = Arc::new(reading.columns.project(columns)?);
        let there = wanted.fields().iter().filter_map(|field| {
            self.metadata.schema().fields().iter().position(|one| one.name() == field.name())
        });
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), there);
        let reader: Box<dyn AsyncFileReader> = reading.readers.create_reader(
            reading.partition,
            self.file.clone(),
            self.file.metadata_size_hint,
            &reading.metrics,
        )?;
        let stream =
            ParquetRecordBatchStreamBuilder::new_with_metadata(reader, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(mask)
                .with_batch_size(PIECE_ROWS)
                .build()?;
        let adapter = BatchAdapterFactory::new(wanted).make_adapter(stream.schema())?;
        let adapted = stream.map(|batch| adapter.adapt_batch(&batch?));
        adapted.try_collect().await
    }

    fn project(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let projected = self.projector.project_batch(batch)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (_, columns, _) = projected.into_parts();
        let output = Arc::clone(&self.reading.output);
        Ok(RecordBatch::try_new_with_options(output, columns, &options)?)
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile")
            .field("name", &self.name)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl MorselPlanner for OpenFile {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        Ok(Some(MorselPlan::new().with_morsels(vec![self])))
    }
}

impl Morsel for OpenFile {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let open = Arc::new(*self);
        let groups = futures::stream::iter(open.groups.clone()).then(move |group| {
            let open = Arc::clone(&open);
            async move {
                let rows = open.group(group).await?;
                let batches = rows.map(move |batch| open.project(&batch?));
                Ok::<_, DataFusionError>(futures::stream::iter(batches))
            }
        });
        groups.try_flatten().boxed()
    }
}

/// The row groups within a file's range that the predicate leaves.
fn groups(
    reading: &Reading,
    file: &PartitionedFile,
    metadata: &ArrowReaderMetadata,
    literals: &HashMap<String, ScalarValue>,
) -> Result<Vec<usize>> {
    let all = metadata.metadata().row_groups();
    let mut left = RowGroupAccessPlanFilter::new(ParquetAccessPlan::new_all(all.len()));
    if let Some(range) = &file.range {
        left.prune_by_range(all, range);
    }
    // What is known of a file with one row group is known of the file, which would have been passed over.
    let prunes = reading.prunes && (all.len() > 1 || !file.has_statistics());
    if let Some(predicate) = reading.predicate.as_ref().filter(|_| prunes) {
        let physical = metadata.schema();
        let pruning = pruning(reading, predicate, physical, literals)?;
        if let Some(pruning) = pruning {
            let path = file.object_meta.location.as_ref();
            let counters = ParquetFileMetrics::new(reading.partition, path, &reading.metrics);
            left.prune_by_statistics(physical, metadata.parquet_schema(), all, &pruning, &counters);
        }
    }
    Ok(left.row_group_indexes().collect())
}

/// The predicate as row groups are pruned by it. Files of one schema share it while nothing new becomes known.
fn pruning(
    reading: &Reading,
    predicate: &Arc<dyn PhysicalExpr>,
    physical: &SchemaRef,
    literals: &HashMap<String, ScalarValue>,
) -> Result<Option<Arc<PruningPredicate>>> {
    let generation = snapshot_generation(predicate);
    let is_same = |kept: &Pruning| kept.generation == generation && &kept.physical == physical;
    let is_shared =
        collect_columns(predicate).iter().all(|column| !literals.contains_key(column.name()));
    let kept = || reading.pruning.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept().as_ref().filter(|kept| is_shared && is_same(kept)) {
        return Ok(kept.predicate.clone());
    }
    let given = replace_columns_with_literals(Arc::clone(predicate), literals)?;
    let adapter = DefaultPhysicalExprAdapterFactory
        .create(Arc::clone(reading.table.file_schema()), Arc::clone(physical))?;
    let rewritten = PhysicalExprSimplifier::new(physical).simplify(adapter.rewrite(given)?)?;
    let predicate = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(physical))
        .with_max_in_list_size(reading.max_in_list_size)
        .build(rewritten);
    if is_shared {
        let (physical, predicate) = (Arc::clone(physical), predicate.clone());
        *kept() = Some(Pruning { generation, physical, predicate });
    }
    Ok(predicate)
}
