//! The moves of customers between segments: the state of `segment_migration`, and how it is counted.
//!
//! Rows wait as they come. At the end they are put in order by customer and period, each row looks at
//! the one after it, and money is added in that order, so the answer depends on the rows alone.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, PrimitiveArray,
    StringArray, StructArray, new_empty_array,
};
use arrow::compute::{cast, concat, filter};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Fields, Float64Type, Int64Type,
};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use crate::aggregate::offsets;
use crate::amount::{Amount, too_large};
use crate::ranking::Ordered;
use crate::ranking::ordered::infinite;
use crate::totals::{Money, total_type};

const FUNCTION: &str = "segment_migration";

/// Where a customer is who has no segment in a period.
const NONE: &str = "(none)";

/// How the caller wrote the columns.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    /// Customer, period and segment.
    pub(crate) keys: [String; 3],
    pub(crate) value: Option<String>,
}

/// The type of the result for the types of the arguments.
pub(crate) fn returns(given: &[DataType]) -> DataType {
    DataType::List(item(given))
}

fn item(given: &[DataType]) -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(fields(given)), true))
}

fn fields(given: &[DataType]) -> Fields {
    let total = given.get(3).map_or(DataType::Int64, total_type);
    Fields::from(vec![
        Field::new("from", DataType::Utf8, false),
        Field::new("to", DataType::Utf8, false),
        Field::new("n", DataType::Int64, false),
        Field::new("value_from", total.clone(), true),
        Field::new("value_to", total, true),
        Field::new("p", DataType::Float64, false),
    ])
}

/// The accumulator: columns of rows, a list of pieces each.
pub(crate) struct Moves {
    labels: Labels,
    given: Vec<DataType>,
    pieces: Vec<Vec<ArrayRef>>,
}

/// A move of one customer: the places of his two segments, and the rows they stand in.
#[derive(Debug, Clone, Copy)]
struct Move {
    from: (usize, Option<usize>),
    to: (usize, Option<usize>),
}

impl Moves {
    pub(crate) fn new(labels: Labels, given: &[DataType]) -> Self {
        Self { labels, given: given.to_vec(), pieces: vec![vec![]; given.len()] }
    }

    fn column(&self, place: usize) -> Result<ArrayRef> {
        let pieces: Vec<&dyn Array> = self.pieces[place].iter().map(|piece| &**piece).collect();
        if pieces.is_empty() {
            return Ok(new_empty_array(&self.given[place]));
        }
        Ok(concat(&pieces)?)
    }

    /// Keeps the rows that have a customer, a period and a segment.
    fn take(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(keys) = columns.get(..3) else {
            return Err(DataFusionError::Internal(format!("{FUNCTION} takes three columns")));
        };
        let rows = 0..keys[0].len();
        let kept = rows.map(|row| keys.iter().all(|key| !key.is_null(row)));
        let kept = BooleanArray::from(kept.collect::<Vec<bool>>());
        for (pieces, column) in self.pieces.iter_mut().zip(columns) {
            pieces.push(filter(column, &kept)?);
        }
        Ok(())
    }

    fn answer(&self) -> Result<ScalarValue> {
        let keys = [self.column(0)?, self.column(1)?, self.column(2)?];
        let values = match &self.labels.value {
            Some(label) => Some(checked(self.column(3)?, label)?),
            None => None,
        };
        let mut ordered = vec![];
        for (column, label) in keys.iter().zip(&self.labels.keys) {
            ordered.push(Ordered::read(column, label)?);
        }
        let rows: Vec<usize> = (0..keys[0].len())
            .filter(|row| ordered.iter().all(|column| column.is_valid(*row)))
            .collect();
        if rows.is_empty() {
            return ScalarValue::try_from(returns(&self.given));
        }
        let (names, segments) = names(&keys[2], &ordered[2], &rows)?;
        let moves = self.moves(&ordered, rows, &segments)?;
        match self.given.get(3) {
            Some(DataType::Float64) => self.list::<Float64Type>(&names, &moves, values.as_ref()),
            Some(DataType::Decimal128(..)) => {
                self.list::<Decimal128Type>(&names, &moves, values.as_ref())
            }
            Some(DataType::Decimal256(..)) => {
                self.list::<Decimal256Type>(&names, &moves, values.as_ref())
            }
            _ => self.list::<Int64Type>(&names, &moves, values.as_ref()),
        }
    }

    /// Every move, by customer and period.
    fn moves(
        &self,
        ordered: &[Ordered],
        mut rows: Vec<usize>,
        segments: &BTreeMap<u64, usize>,
    ) -> Result<Vec<Move>> {
        let place = |row: usize| (ordered[0].keys[row], ordered[1].keys[row]);
        rows.sort_unstable_by_key(|row| place(*row));
        let twice = rows.windows(2).filter(|pair| place(pair[0]) == place(pair[1])).count();
        if twice > 0 {
            let [id, period, _] = &self.labels.keys;
            return Err(DataFusionError::Execution(format!(
                "{FUNCTION}: {twice} rows too many: a {id} has one segment in a {period}; group by both \
                 first"
            )));
        }
        let mut periods: Vec<u64> = rows.iter().map(|row| ordered[1].keys[*row]).collect();
        periods.sort_unstable();
        periods.dedup();
        let when = |row: usize| periods.partition_point(|period| *period < place(row).1);
        let segment = |row: usize| segments.get(&ordered[2].keys[row]).copied().unwrap_or_default();
        let nobody = (segments.len(), None);
        let mut moves = vec![];
        let mut before: Option<usize> = None;
        for (next, row) in rows.iter().copied().enumerate() {
            let here = (segment(row), Some(row));
            let joined = |other: usize| place(other).0 == place(row).0;
            let came = before.is_some_and(|other| joined(other) && when(other) + 1 == when(row));
            if !came && when(row) > 0 {
                moves.push(Move { from: nobody, to: here });
            }
            let after = rows.get(next + 1).copied();
            let after = after.filter(|other| joined(*other) && when(*other) == when(row) + 1);
            if when(row) + 1 < periods.len() {
                let to = after.map_or(nobody, |other| (segment(other), Some(other)));
                moves.push(Move { from: here, to });
            }
            before = Some(row);
        }
        Ok(moves)
    }

    fn list<T: Money>(
        &self,
        names: &[String],
        moves: &[Move],
        values: Option<&ArrayRef>,
    ) -> Result<ScalarValue> {
        let label = self.labels.value.as_deref().unwrap_or_default();
        let values = values.map(|values| values.as_primitive::<T>());
        let cells = cells::<T>(moves, values).ok_or_else(|| too_large(FUNCTION, label))?;
        let mut leaving: BTreeMap<usize, i64> = BTreeMap::new();
        for ((from, _), cell) in &cells {
            *leaving.entry(*from).or_default() += cell.n;
        }
        let name = |place: usize| Some(names.get(place).map_or(NONE, String::as_str));
        let total = self.given.get(3).map_or(DataType::Int64, total_type);
        let money = |of: fn(&Cell<T>) -> Option<T::Sum>| -> Result<ArrayRef> {
            let sums = cells.values().map(|cell| {
                let Some(sum) = of(cell) else { return Ok(None) };
                T::total(sum, &total).map(Some).ok_or_else(|| too_large(FUNCTION, label))
            });
            let sums = sums.collect::<Result<PrimitiveArray<T>>>()?;
            Ok(Arc::new(sums.with_data_type(total.clone())))
        };
        let share = |((from, _), cell): (&(usize, usize), &Cell<T>)| {
            Some(cell.n as f64 / leaving.get(from).copied().unwrap_or(1) as f64)
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(cells.keys().map(|(from, _)| name(*from)).collect::<StringArray>()),
            Arc::new(cells.keys().map(|(_, to)| name(*to)).collect::<StringArray>()),
            Arc::new(cells.values().map(|cell| Some(cell.n)).collect::<Int64Array>()),
            money(|cell| cell.before)?,
            money(|cell| cell.after)?,
            Arc::new(cells.iter().map(share).collect::<Float64Array>()),
        ];
        let items = StructArray::try_new(fields(&self.given), columns, None)?;
        let offsets = offsets([items.len()].into_iter())?;
        let list = ListArray::try_new(item(&self.given), offsets, Arc::new(items), None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }
}

/// All moves between two segments.
struct Cell<T: Money> {
    n: i64,
    before: Option<T::Sum>,
    after: Option<T::Sum>,
}

/// The moves by segments; None if a sum has overflowed.
fn cells<T: Money>(
    moves: &[Move],
    values: Option<&PrimitiveArray<T>>,
) -> Option<BTreeMap<(usize, usize), Cell<T>>> {
    let value = |row: Option<usize>| {
        let (values, row) = (values?, row?);
        let value = values.is_valid(row).then(|| values.value(row))?;
        (!T::float(value).is_some_and(f64::is_nan)).then(|| T::wide(value))
    };
    let plus = |sum: &mut Option<T::Sum>, row: Option<usize>| {
        if let Some(value) = value(row) {
            *sum = Some(sum.unwrap_or(T::Sum::ZERO).plus(value)?);
        }
        Some(())
    };
    let mut cells = BTreeMap::new();
    for Move { from, to } in moves {
        let new = || Cell { n: 0, before: None, after: None };
        let cell: &mut Cell<T> = cells.entry((from.0, to.0)).or_insert_with(new);
        cell.n += 1;
        plus(&mut cell.before, from.1)?;
        plus(&mut cell.after, to.1)?;
    }
    Some(cells)
}

/// The names of the segments in order, and the place of each by its key.
fn names(
    column: &ArrayRef,
    ordered: &Ordered,
    rows: &[usize],
) -> Result<(Vec<String>, BTreeMap<u64, usize>)> {
    let text = cast(column, &DataType::Utf8)?;
    let text = text.as_string::<i32>();
    let first: BTreeMap<u64, usize> = rows.iter().map(|row| (ordered.keys[*row], *row)).collect();
    let names: Vec<String> = first.values().map(|row| text.value(*row).to_owned()).collect();
    if names.iter().any(|name| name == NONE) {
        return Err(DataFusionError::Execution(format!(
            "{FUNCTION}: a segment is called {NONE}, which stands for customers without one: give it \
             another name"
        )));
    }
    Ok((names, first.into_keys().zip(0..).collect()))
}

/// The values; an infinite one is an error.
fn checked(values: ArrayRef, label: &str) -> Result<ArrayRef> {
    if let Some(floats) = values.as_primitive_opt::<Float64Type>()
        && let Some(value) = floats.iter().flatten().find(|value| value.is_infinite())
    {
        return Err(infinite(label, value));
    }
    Ok(values)
}

impl Accumulator for Moves {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |lists| lists.len());
        for row in 0..rows {
            let lists = states.iter().map(|lists| lists.as_list::<i32>());
            let columns: Vec<ArrayRef> = lists.map(|list| list.value(row)).collect();
            for (pieces, column) in self.pieces.iter_mut().zip(columns) {
                pieces.push(column);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.answer()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = |place: usize| -> Result<ScalarValue> {
            let items = self.column(place)?;
            let item = Arc::new(Field::new_list_field(items.data_type().clone(), true));
            let offsets = offsets([items.len()].into_iter())?;
            let list = ListArray::try_new(item, offsets, items, None)?;
            Ok(ScalarValue::List(Arc::new(list)))
        };
        (0..self.given.len()).map(list).collect()
    }

    fn size(&self) -> usize {
        let pieces = self.pieces.iter().flatten();
        size_of_val(self) + pieces.map(|piece| piece.get_array_memory_size()).sum::<usize>()
    }
}

impl Debug for Moves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moves").field("pieces", &self.pieces.first().map(Vec::len)).finish()
    }
}
