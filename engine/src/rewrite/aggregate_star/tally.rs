//! The running aggregates of one partition: rows in, states of groups out.
//!
//! Groups are numbered as they are met, so that accumulators are arrays. While the dimensions' numbers multiply to at most
//! [`DENSE_GROUPS`], an array leads from their mixed-radix number to the group. Beyond that, or when the query also groups
//! by columns of the fact, a hash table does. Without GROUP BY there is one group, there even without rows.
//!
//! Rows of a fact that lies sorted come in runs of one group ([`runs`]). A run is added up by itself first, which the
//! processor does for many values at a time, and then to its group.
//!
//! What comes out are states, as a partial aggregate gives them, so it may come out at any time and in parts: when memory
//! is short, [`Tally::emit`] empties the tally and it starts anew. Rows of which hardly two belong to one group need not be
//! added up at all: [`Tally::convert`] makes states of each.

use super::super::states;
use super::dimension::Built;
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array,
};
use arrow::compute::{filter, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use pareto_udfs::lookup::{Ordinals, runs};
use std::ops::Range;
use std::sync::Arc;

/// Up to this many possible groups are numbered by an array.
const DENSE_GROUPS: usize = 1 << 20;

/// Where a column of the answer's groups comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// An expression of a dimension: its place among the dimensions and in their [`Built::labels`].
    Dimension(usize, usize),
    /// One of [`Measures::grouped`].
    Row(usize),
}

/// One aggregate: its function, arguments and FILTER over the gathered row.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) function: Arc<AggregateFunctionExpr>,
    pub(super) arguments: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Measure {
    /// Whether rows of one group that lie beside each other may be added up by themselves, and then to the group: what
    /// threads do with the rows that each of them sees. Only for functions that are faster so, and whose state of no value
    /// is NULL or nothing to add: that of `avg` says 0 values, which its accumulator of groups takes for having seen some.
    pub(super) fn by_run(&self) -> bool {
        let known = matches!(self.function.fun().name(), "sum" | "count" | "min" | "max");
        known && !self.function.is_distinct() && self.filter.is_none()
    }

    /// Its arguments for these rows, and which of them its FILTER keeps.
    fn evaluate(&self, rows: &RecordBatch) -> Result<(Vec<ArrayRef>, Option<ArrayRef>)> {
        let evaluate = |expr: &Arc<dyn PhysicalExpr>| column(expr, rows);
        let arguments = self.arguments.iter().map(evaluate).collect::<Result<_>>()?;
        Ok((arguments, self.filter.as_ref().map(evaluate).transpose()?))
    }
}

/// What is computed of the rows that are left.
#[derive(Debug, Clone)]
pub(super) struct Measures {
    pub(super) labels: Vec<Label>,
    /// Group expressions that no single dimension answers, over the gathered row.
    pub(super) grouped: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) aggregates: Vec<Measure>,
    /// Whether all aggregates may be computed of a run of rows first ([`Measure::by_run`]).
    pub(super) by_run: bool,
    /// Groups, then states.
    pub(super) schema: SchemaRef,
}

impl Measures {
    /// The group columns that no single dimension answers, of these rows.
    fn group(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.grouped.iter().map(|expr| column(expr, rows)).collect()
    }
}

fn column(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(rows)?.into_array(rows.num_rows())
}

/// The accumulators of one partition.
pub(super) struct Tally {
    measures: Arc<Measures>,
    dimensions: Arc<Vec<Built>>,
    /// What each dimension's number is multiplied with.
    strides: Vec<usize>,
    numbering: Numbering,
    states: States,
}

enum Numbering {
    One,
    /// The group of each number.
    Dense(Ordinals),
    /// The numbers and the other group columns are met in some order.
    Hashed {
        values: Box<dyn GroupValues>,
        scratch: Vec<usize>,
    },
}

enum States {
    Whole(Vec<Box<dyn Accumulator>>),
    Grouped(Vec<Box<dyn GroupsAccumulator>>),
}

impl Tally {
    /// Empty accumulators; `None` when there are more possible groups than numbers.
    pub(super) fn new(
        measures: Arc<Measures>,
        dimensions: Arc<Vec<Built>>,
    ) -> Result<Option<Self>> {
        let Some((strides, possible)) = strides(&dimensions) else { return Ok(None) };
        let states = States::Whole(Vec::new());
        let mut tally = Self { measures, dimensions, strides, numbering: Numbering::One, states };
        tally.reset(possible)?;
        Ok(Some(tally))
    }

    pub(super) fn stride(&self, dimension: usize) -> usize {
        self.strides[dimension]
    }

    fn reset(&mut self, possible: usize) -> Result<()> {
        let functions = self.measures.aggregates.iter().map(|measure| &measure.function);
        if self.measures.labels.is_empty() {
            self.numbering = Numbering::One;
            let states = functions.map(|function| function.create_accumulator());
            self.states = States::Whole(states.collect::<Result<_>>()?);
            return Ok(());
        }
        self.states = States::Grouped(functions.map(states::accumulator).collect::<Result<_>>()?);
        self.numbering = if self.measures.grouped.is_empty() && possible <= DENSE_GROUPS {
            Numbering::Dense(Ordinals::new(possible))
        } else {
            let values = new_group_values(self.hashed_schema(), &GroupOrdering::None)?;
            Numbering::Hashed { values, scratch: Vec::new() }
        };
        Ok(())
    }

    /// The columns that are hashed: the dimensions' number, then the other group columns.
    fn hashed_schema(&self) -> SchemaRef {
        let row = |(place, label): (usize, &Label)| match label {
            Label::Row(_) => Some(Arc::clone(&self.measures.schema.fields()[place])),
            Label::Dimension(..) => None,
        };
        let number = Arc::new(Field::new("number", DataType::UInt64, false));
        let rows = self.measures.labels.iter().enumerate().filter_map(row);
        Arc::new(Schema::new(std::iter::once(number).chain(rows).collect::<Vec<_>>()))
    }

    /// Adds rows: `numbers` holds the dimensions' number of each, and is overwritten.
    pub(super) fn add(&mut self, rows: &RecordBatch, numbers: &mut [usize]) -> Result<()> {
        if let (Numbering::Dense(ordinals), States::Grouped(states)) =
            (&mut self.numbering, &mut self.states)
            && self.measures.by_run
            && let Some(runs) = runs(numbers)
        {
            let grouped = |rows: Range<usize>| {
                let group = ordinals.of(numbers[rows.start]);
                Run { group, total: ordinals.met().len(), rows }
            };
            let runs: Vec<Run> = runs.into_iter().map(grouped).collect();
            return add_runs(&self.measures, rows, &runs, states);
        }
        let (groups, total) = match &mut self.numbering {
            Numbering::One => (&*numbers, 1),
            Numbering::Dense(ordinals) => {
                ordinals.replace(numbers);
                (&*numbers, ordinals.met().len())
            }
            Numbering::Hashed { values, scratch } => {
                let numbers: UInt64Array =
                    numbers.iter().map(|number| *number as u64).collect::<Vec<_>>().into();
                let mut columns: Vec<ArrayRef> = vec![Arc::new(numbers)];
                columns.extend(self.measures.group(rows)?);
                scratch.clear();
                values.intern(&columns, scratch)?;
                (scratch.as_slice(), values.len())
            }
        };
        for (place, measure) in self.measures.aggregates.iter().enumerate() {
            let (arguments, kept) = measure.evaluate(rows)?;
            let kept = kept.as_ref().map(|kept| kept.as_boolean());
            match &mut self.states {
                States::Grouped(states) => {
                    states[place].update_batch(&arguments, groups, kept, total)?;
                }
                States::Whole(states) => update_whole(states[place].as_mut(), arguments, kept)?,
            }
        }
        Ok(())
    }

    /// Whether rows may as well be given as they are, each a group of its own: where groups are hashed, and every function
    /// can say the states of one row without an accumulator for it.
    pub(super) fn converts(&self) -> bool {
        let mut functions = self.measures.aggregates.iter().map(|measure| &measure.function);
        matches!(self.numbering, Numbering::Hashed { .. })
            && functions.all(|function| function.groups_accumulator_supported())
    }

    /// The states of each row, as [`Tally::emit`] would give them if no two rows belonged to one group.
    pub(super) fn convert(&self, rows: &RecordBatch, numbers: &[usize]) -> Result<RecordBatch> {
        let States::Grouped(states) = &self.states else {
            return internal_err!("one group has no rows of its own");
        };
        let mut columns = self.label(numbers, &self.measures.group(rows)?)?;
        for (measure, state) in self.measures.aggregates.iter().zip(states) {
            let (arguments, kept) = measure.evaluate(rows)?;
            let kept = kept.as_ref().map(|kept| kept.as_boolean());
            columns.extend(state.convert_to_state(&arguments, kept)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.measures.schema);
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    }

    /// Memory it holds.
    pub(super) fn bytes(&self) -> usize {
        let states: usize = match &self.states {
            States::Whole(states) => states.iter().map(|state| state.size()).sum(),
            States::Grouped(states) => states.iter().map(|state| state.size()).sum(),
        };
        let numbering = match &self.numbering {
            Numbering::One => 0,
            Numbering::Dense(ordinals) => ordinals.bytes(),
            Numbering::Hashed { values, scratch } => {
                values.size() + scratch.capacity() * size_of::<usize>()
            }
        };
        states + numbering
    }

    /// How many groups were met.
    pub(super) fn groups(&self) -> usize {
        match &self.numbering {
            Numbering::One => 1,
            Numbering::Dense(ordinals) => ordinals.met().len(),
            Numbering::Hashed { values, .. } => values.len(),
        }
    }

    /// Takes the groups met and their states out, and starts anew.
    pub(super) fn emit(&mut self) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.measures.schema.fields().len());
        let groups = self.groups();
        let possible = strides(&self.dimensions).map_or(usize::MAX, |(_, possible)| possible);
        match &mut self.numbering {
            Numbering::One => {}
            Numbering::Dense(ordinals) => {
                let met = ordinals.met().to_vec();
                columns = self.label(&met, &[])?;
            }
            // Some of DataFusion's numberings cannot give nothing.
            Numbering::Hashed { .. } if groups == 0 => {}
            Numbering::Hashed { values, .. } => {
                let hashed = values.emit(EmitTo::All)?;
                let numbers = hashed[0].as_primitive::<arrow::datatypes::UInt64Type>();
                let narrow = |number: &u64| usize::try_from(*number).unwrap_or(usize::MAX);
                let groups: Vec<usize> = numbers.values().iter().map(narrow).collect();
                columns = self.label(&groups, &hashed[1..])?;
            }
        }
        match &mut self.states {
            States::Whole(states) => {
                for state in states {
                    for value in state.state()? {
                        columns.push(value.to_array()?);
                    }
                }
            }
            States::Grouped(states) => {
                for state in states {
                    // An accumulator that saw no row may have no states yet.
                    columns.extend(if groups == 0 {
                        Vec::new()
                    } else {
                        state.state(EmitTo::All)?
                    });
                }
            }
        }
        if groups == 0 {
            self.reset(possible)?;
            return Ok(RecordBatch::new_empty(Arc::clone(&self.measures.schema)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(groups));
        let batch = RecordBatch::try_new_with_options(
            Arc::clone(&self.measures.schema),
            columns,
            &options,
        )?;
        self.reset(possible)?;
        Ok(batch)
    }

    /// What the numbers of groups stand for.
    fn label(&self, groups: &[usize], rows: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let column = |label: &Label| match label {
            Label::Row(place) => Ok(Arc::clone(&rows[*place])),
            Label::Dimension(dimension, place) => {
                let built = &self.dimensions[*dimension];
                let stride = self.strides[*dimension];
                let numbers =
                    groups.iter().map(|group| u32::try_from(group / stride % built.count));
                match numbers.collect::<std::result::Result<Vec<u32>, _>>() {
                    Ok(numbers) => {
                        Ok(take(&built.labels[*place], &UInt32Array::from(numbers), None)?)
                    }
                    Err(error) => internal_err!("a group number is too big: {error}"),
                }
            }
        };
        self.measures.labels.iter().map(column).collect()
    }
}

/// What each dimension's number is multiplied with, and how many groups there can be.
fn strides(dimensions: &[Built]) -> Option<(Vec<usize>, usize)> {
    let mut possible: usize = 1;
    let mut strides = Vec::with_capacity(dimensions.len());
    for dimension in dimensions {
        strides.push(possible);
        possible = possible.checked_mul(dimension.count.max(1))?;
    }
    Some((strides, possible))
}

/// Rows beside each other that belong to one group.
struct Run {
    group: usize,
    /// The groups met so far. An accumulator takes it that each of them had a row, and a group without a value would
    /// not be NULL if it were among them too early.
    total: usize,
    rows: Range<usize>,
}

fn add_runs(
    measures: &Measures,
    rows: &RecordBatch,
    runs: &[Run],
    states: &mut [Box<dyn GroupsAccumulator>],
) -> Result<()> {
    for (measure, groups) in measures.aggregates.iter().zip(states) {
        let (arguments, _) = measure.evaluate(rows)?;
        for Run { group, total, rows } in runs {
            let slice = |argument: &ArrayRef| argument.slice(rows.start, rows.len());
            let mut whole = measure.function.create_accumulator()?;
            whole.update_batch(&arguments.iter().map(slice).collect::<Vec<_>>())?;
            let state =
                whole.state()?.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>>>()?;
            groups.merge_batch(&state, &[*group], *total)?;
        }
    }
    Ok(())
}

fn update_whole(
    state: &mut dyn Accumulator,
    arguments: Vec<ArrayRef>,
    kept: Option<&BooleanArray>,
) -> Result<()> {
    match kept {
        None => state.update_batch(&arguments),
        Some(kept) => {
            let kept = |column: ArrayRef| Ok(filter(&column, kept)?);
            state.update_batch(&arguments.into_iter().map(kept).collect::<Result<Vec<_>>>()?)
        }
    }
}
