//! One partition's run of the operator.
//!
//! Works in rounds. A round takes the states that fit into memory, then computes one set after the other, from the one
//! with most columns down; each is merged from the computed set with the fewest rows that has all its columns. What
//! several rounds or partitions give for one group is merged by the final aggregate above, as any partial states are.

use super::super::states;
use super::sets::{Set, Sets, refines};
use crate::memory;
use arrow::array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array, new_null_array,
};
use arrow::compute::{cast, concat_batches, filter_record_batch, kernels::cmp::eq};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::group_values::new_group_values;
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder};
use futures::StreamExt;
use std::sync::Arc;

/// The states of a round, of all sets together, hold at most about this much.
const ROUND_BYTES: usize = 512 << 20;

/// An aggregate whose states are merged, and the types of its arguments.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) function: Arc<AggregateFunctionExpr>,
    pub(super) arguments: Vec<DataType>,
}

/// One partition's run.
pub(super) struct Cascade {
    pub(super) aggregates: Arc<[Merged]>,
    pub(super) sets: Arc<Sets>,
    pub(super) schema: SchemaRef,
    pub(super) metrics: ExecutionPlanMetricsSet,
    pub(super) baseline: BaselineMetrics,
    pub(super) partition: usize,
    pub(super) memory: MemoryReservation,
    pub(super) rows: Option<SendableRecordBatchStream>,
    /// Nothing was read yet.
    pub(super) first: bool,
}

/// The states of one set: the group columns, those left out NULL, then the states.
struct Computed {
    mask: Vec<bool>,
    title: String,
    batch: RecordBatch,
}

impl Cascade {
    /// Reads what fits and gives the states of all sets.
    pub(super) async fn round(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let (mut batches, mut bytes) = (Vec::new(), 0);
        let mut ended = true;
        if self.first {
            // The set without columns has a group even of no rows.
            batches.push(RecordBatch::new_empty(rows.schema()));
        }
        self.first = false;
        while let Some(batch) = rows.next().await.transpose()? {
            // The states, their copy in one piece, and each set at most as big.
            let size = memory::bytes_of(&batch).saturating_mul(self.sets.sets.len() + 2);
            bytes += size;
            batches.push(batch);
            if bytes > ROUND_BYTES || self.memory.try_grow(size).is_err() {
                ended = false;
                break;
            }
        }
        if ended {
            self.rows = None;
        }
        let elapsed = self.baseline.elapsed_compute().clone();
        let timer = elapsed.timer();
        let answer = if batches.is_empty() { Vec::new() } else { self.derive(&batches)? };
        timer.done();
        self.memory.free();
        for batch in &answer {
            self.baseline.record_output(batch.num_rows());
        }
        Ok(Some(answer))
    }

    fn derive(&self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        let read = concat_batches(&batches[0].schema(), batches)?;
        let mut computed: Vec<Computed> = Vec::with_capacity(self.sets.sets.len());
        let mut answer = Vec::with_capacity(self.sets.sets.len());
        for set in &self.sets.sets {
            let batch = if set.read {
                self.read(&read, set)?
            } else {
                let finer = computed.iter().filter(|other| refines(&other.mask, &set.mask));
                let Some(parent) = finer.min_by_key(|other| other.batch.num_rows()) else {
                    return internal_err!("no set refines {:?}", set.mask);
                };
                let from = format!("{} from {}", set.title(&self.schema), parent.title);
                let batch = self.merge(&parent.batch, set)?;
                MetricBuilder::new(&self.metrics)
                    .counter(from, self.partition)
                    .add(batch.num_rows());
                batch
            };
            for turn in 0..set.times {
                answer.push(self.identified(&batch, set.id(turn))?);
            }
            computed.push(Computed {
                mask: set.mask.clone(),
                title: set.title(&self.schema),
                batch,
            });
        }
        Ok(answer)
    }

    fn columns(&self) -> usize {
        self.sets.sets.first().map_or(0, |set| set.mask.len())
    }

    /// The states of a set that was read, without a grouping id.
    fn read(&self, read: &RecordBatch, set: &Set) -> Result<RecordBatch> {
        let columns = self.columns();
        if read.num_columns() < self.schema.fields().len() {
            return Ok(read.clone());
        }
        let id = cast(read.column(columns), &DataType::UInt64)?;
        let rows = eq(&id, &UInt64Array::new_scalar(set.id(0)))?;
        let mut rows = filter_record_batch(read, &rows)?;
        rows.remove_column(columns);
        Ok(rows)
    }

    /// Merges the states of a finer set.
    fn merge(&self, parent: &RecordBatch, set: &Set) -> Result<RecordBatch> {
        let columns = self.columns();
        let kept: Vec<usize> = set.columns().collect();
        let keys: Vec<ArrayRef> =
            kept.iter().map(|place| Arc::clone(parent.column(*place))).collect();
        let mut groups = vec![0; parent.num_rows()];
        let (mut total, mut labels) = (1, Vec::new());
        if !kept.is_empty() {
            let fields = Arc::new(parent.schema().project(&kept)?);
            let mut values = new_group_values(fields, &GroupOrdering::None)?;
            groups.clear();
            values.intern(&keys, &mut groups)?;
            total = values.len();
            labels = values.emit(EmitTo::All)?;
        }
        let schema = nullable(&parent.schema());
        if total == 0 {
            return Ok(RecordBatch::new_empty(schema));
        }
        let mut labels = labels.into_iter();
        let mut merged = Vec::with_capacity(parent.num_columns());
        for (place, absent) in set.mask.iter().enumerate() {
            let null = || new_null_array(parent.column(place).data_type(), total);
            merged.push(if *absent { null() } else { labels.next().unwrap_or_else(null) });
        }
        let mut place = columns;
        for aggregate in self.aggregates.iter() {
            let function = &aggregate.function;
            let width = function.state_fields()?.len();
            let theirs = &parent.columns()[place..place + width];
            place += width;
            let mut accumulator = states::accumulator(function)?;
            if parent.num_rows() == 0 {
                // The one group of no rows: a row that is filtered out makes the group and leaves it empty.
                let nulls = |data_type: &DataType| new_null_array(data_type, 1);
                let arguments: Vec<_> = aggregate.arguments.iter().map(nulls).collect();
                accumulator.update_batch(&arguments, &[0], Some(&vec![false].into()), total)?;
            } else {
                accumulator.merge_batch(theirs, &groups, total)?;
            }
            merged.extend(accumulator.state(EmitTo::All)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(total));
        Ok(RecordBatch::try_new_with_options(schema, merged, &options)?)
    }

    /// The states of a set with its grouping id, as the final aggregate expects them.
    fn identified(&self, batch: &RecordBatch, id: u64) -> Result<RecordBatch> {
        let columns = self.columns();
        let rows = batch.num_rows();
        let mut arrays = batch.columns().to_vec();
        arrays.insert(columns, id_array(self.schema.field(columns).data_type(), id, rows)?);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// The same columns, each of which may be NULL.
fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The grouping id of every row, in the type the plan has for it.
fn id_array(data_type: &DataType, id: u64, rows: usize) -> Result<ArrayRef> {
    let too_wide = || DataFusionError::Internal(format!("grouping id {id} is no {data_type}"));
    Ok(match data_type {
        DataType::UInt8 => {
            Arc::new(UInt8Array::from_value(u8::try_from(id).map_err(|_| too_wide())?, rows))
        }
        DataType::UInt16 => {
            Arc::new(UInt16Array::from_value(u16::try_from(id).map_err(|_| too_wide())?, rows))
        }
        DataType::UInt32 => {
            Arc::new(UInt32Array::from_value(u32::try_from(id).map_err(|_| too_wide())?, rows))
        }
        _ => Arc::new(UInt64Array::from_value(id, rows)),
    })
}
