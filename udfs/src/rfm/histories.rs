//! The purchases of millions of customers, a few each: the state of `rfm_state`.
//!
//! Rows of all customers go into one log in the order they come, which costs no allocation per
//! customer. It holds 20 bytes for a row, and nothing for a customer: group, moment and amount are
//! lists of their own, in blocks that never move, and rows that are skipped are counted apart. At the
//! end one counting pass says which rows are whose; then, some customers at a time, each customer's
//! few rows are put in order of time and amount, and only then is anything counted or added: the
//! answer depends on the rows alone. States merge by appending. An event may turn out to be the first
//! only when the last row is in, so nothing is summed up before.

use std::fmt::{self, Debug};
use std::mem::replace;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, PrimitiveArray, UInt64Array,
};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field, Int64Type, UInt64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::blocks::Blocks;
use super::rfm_state::{Refunds, Rule};
use super::summaries::{self, Summaries};
use super::tally::Tally;
use crate::aggregate::{list_of, offsets};
use crate::ranking::ordered::infinite;
use crate::totals::Money;

/// The type of the result for the types of the arguments.
pub(crate) fn returns(given: &[DataType]) -> DataType {
    let [ts, amount, ..] = given else { return DataType::Null };
    DataType::Struct(summaries::fields(ts, amount))
}

/// The state of a group: moments and amounts side by side, and what was skipped.
pub(crate) fn state(given: &[DataType]) -> Vec<(&'static str, DataType)> {
    let amount = given.get(1).cloned().unwrap_or(DataType::Int64);
    vec![
        ("moments", list_of(DataType::Int64)),
        ("amounts", list_of(amount)),
        ("nulls", DataType::UInt64),
        ("after", DataType::UInt64),
    ]
}

/// A row of a customer: when, and how much.
pub(crate) type Row<T> = (i64, <T as arrow::array::ArrowPrimitiveType>::Native);

/// What a row turns out to be.
enum Found<T: Money> {
    Filtered,
    Null,
    After,
    Row(Row<T>),
}

/// The rows of all groups in the order they came.
struct Log<T: Money> {
    groups: Blocks<u32>,
    moments: Blocks<i64>,
    amounts: Blocks<T::Native>,
}

/// Places in a log by group: those of a group end where it says.
struct Order {
    places: Vec<u32>,
    ends: Vec<u32>,
}

impl Order {
    /// The places of a group's rows, in the order they came.
    fn of(&self, group: usize) -> &[u32] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[start as usize..self.ends[group] as usize]
    }

    fn lengths(&self) -> impl ExactSizeIterator<Item = usize> {
        (0..self.ends.len()).map(|group| self.of(group).len())
    }
}

impl<T: Money> Log<T> {
    const fn new() -> Self {
        Self { groups: Blocks::new(), moments: Blocks::new(), amounts: Blocks::new() }
    }

    fn push(&mut self, group: u32, (moment, amount): Row<T>) {
        self.groups.push(group);
        self.moments.push(moment);
        self.amounts.push(amount);
    }

    fn row(&self, place: u32) -> Row<T> {
        (self.moments.at(place as usize), self.amounts.at(place as usize))
    }

    /// The rows of the first groups, brought together.
    fn order(&self, groups: usize) -> Order {
        let known = || {
            let places = (0..).zip(self.groups.iter());
            places.filter(|(_, group)| (*group as usize) < groups)
        };
        // Where a group's next row goes: from where it begins to where it ends.
        let mut ends = vec![0; groups];
        for (_, group) in known() {
            ends[group as usize] += 1;
        }
        let mut rows = 0;
        for end in &mut ends {
            rows += replace(end, rows);
        }
        let mut places = vec![0; rows as usize];
        for (place, group) in known() {
            let next = &mut ends[group as usize];
            places[*next as usize] = place;
            *next += 1;
        }
        Order { places, ends }
    }

    /// Without the rows of the first groups; the group after them becomes the first.
    fn without_first(&self, groups: u32) -> Self {
        let mut rest = Self::new();
        for (place, group) in (0..).zip(self.groups.iter()) {
            if let Some(group) = group.checked_sub(groups) {
                rest.push(group, self.row(place));
            }
        }
        rest
    }

    fn size(&self) -> usize {
        self.groups.size() + self.moments.size() + self.amounts.size()
    }
}

/// Groups whose rows are put in order at a time.
const SLICE: usize = 1 << 14;

/// The accumulator of all groups.
pub(crate) struct Histories<T: Money> {
    rule: Rule,
    groups: usize,
    log: Log<T>,
    /// Rows skipped for a NULL.
    nulls: Tally,
    /// Rows after as_of.
    after: Tally,
}

impl<T: Money> Histories<T> {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, groups: 0, log: Log::new(), nulls: Tally::new(), after: Tally::new() }
    }

    /// Makes sure that groups and rows, with so many more, can be numbered.
    fn grow(&mut self, groups: usize, rows: usize) -> Result<()> {
        self.groups = groups;
        if u32::try_from(groups.max(self.log.groups.len() + rows)).is_err() {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "rfm_state: more than {} rows in one state: narrow the statement with WHERE, or run it in parts",
                u32::MAX
            )));
        }
        Ok(())
    }

    /// Looks at every row of a batch.
    fn read(
        rule: &Rule,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        mut found: impl FnMut(usize, Found<T>),
    ) -> Result<()> {
        let [moments, amounts, ..] = values else {
            return Err(DataFusionError::Internal("rfm_state takes two columns".to_owned()));
        };
        let moments = rule.calendar.ticks(moments)?;
        let amounts = amounts.as_primitive::<T>();
        for row in 0..moments.len() {
            let amount = amounts.value(row).add_wrapping(T::Native::ZERO);
            let is = if filter.is_some_and(|keep| keep.is_null(row) || !keep.value(row)) {
                Found::Filtered
            } else if amounts.is_null(row) || T::float(amount).is_some_and(f64::is_nan) {
                Found::Null
            } else if let Some(value) = T::float(amount).filter(|value| value.is_infinite()) {
                return Err(infinite(&rule.label, value));
            } else if moments.is_null(row) {
                Found::Null
            } else if moments.value(row) > rule.as_of.1 {
                Found::After
            } else if rule.refunds == Refunds::Reject && amount.is_lt(T::Native::ZERO) {
                return Err(DataFusionError::Execution(format!(
                    "rfm_state: {} holds a refund: take refunds off with on_negative => 'net', or leave \
                     them out with 'drop'",
                    rule.label
                )));
            } else {
                Found::Row((moments.value(row), amount))
            };
            found(row, is);
        }
        Ok(())
    }

    /// The answer of the first groups.
    fn answer(&self, groups: usize) -> Result<ArrayRef> {
        let order = self.log.order(groups);
        let mut summaries = Summaries::<T>::new(&self.rule, groups);
        let (mut rows, mut ends) = (vec![], vec![]);
        for first in (0..groups).step_by(SLICE) {
            rows.clear();
            ends.clear();
            for group in first..groups.min(first + SLICE) {
                rows.extend(order.of(group).iter().map(|place| self.log.row(*place)));
                ends.push(rows.len());
            }
            summaries.add(&mut rows, &ends)?;
        }
        drop(order);
        summaries.finish(self.nulls.of_first(groups), self.after.of_first(groups))
    }

    /// The state of the first groups.
    fn pack(&self, groups: usize) -> Result<Vec<ArrayRef>> {
        let order = self.log.order(groups);
        let rows = || order.places.iter().map(|place| self.log.row(*place));
        let (moments, amounts) =
            (rows().map(|row| row.0).collect(), rows().map(|row| row.1).collect());
        let counts = [self.nulls.of_first(groups), self.after.of_first(groups)];
        to_state::<T>(&self.rule, moments, amounts, order.lengths(), counts)
    }

    /// Lets the groups go that have been answered.
    fn forget(&mut self, emit_to: EmitTo) -> Result<()> {
        let kept = match emit_to {
            EmitTo::All => 0,
            EmitTo::First(groups) => self.groups - groups,
        };
        let gone = u32::try_from(self.groups - kept)
            .map_err(|_| DataFusionError::Internal("rfm_state has too many groups".to_owned()))?;
        self.groups = kept;
        self.log = self.log.without_first(gone);
        self.nulls = self.nulls.without_first(gone);
        self.after = self.after.without_first(gone);
        Ok(())
    }

    fn emitted(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        }
    }
}

/// The number of a group, which [`Histories::grow`] has found small enough.
fn number(group: usize) -> u32 {
    u32::try_from(group).unwrap_or(u32::MAX)
}

impl<T: Money> GroupsAccumulator for Histories<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups, group_indices.len())?;
        let Self { rule, log, nulls, after, .. } = self;
        Self::read(rule, values, opt_filter, |row, found| {
            let group = number(group_indices[row]);
            match found {
                Found::Filtered => {}
                Found::Null => nulls.add(group, 1),
                Found::After => after.add(group, 1),
                Found::Row(row) => log.push(group, row),
            }
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let answer = self.answer(self.emitted(emit_to))?;
        self.forget(emit_to)?;
        Ok(answer)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let state = self.pack(self.emitted(emit_to))?;
        self.forget(emit_to)?;
        Ok(state)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let [moments, amounts, nulls, after] = values else {
            return Err(DataFusionError::Internal("rfm_state has a state of four".to_owned()));
        };
        let (moments, amounts) = (moments.as_list::<i32>(), amounts.as_list::<i32>());
        let all_moments = moments.values().as_primitive::<Int64Type>().values();
        let all_amounts = amounts.values().as_primitive::<T>().values();
        self.grow(total_num_groups, all_moments.len())?;
        let counts = [nulls, after].map(|counts| counts.as_primitive::<UInt64Type>());
        for (row, group) in group_indices.iter().copied().map(number).enumerate() {
            if moments.is_null(row) || amounts.is_null(row) {
                continue;
            }
            let range = |list: &ListArray| -> Result<(usize, usize)> {
                let ends = [list.value_offsets()[row], list.value_offsets()[row + 1]];
                let [start, end] = ends.map(usize::try_from);
                let broken = |_| DataFusionError::Internal("a list ends before it begins".into());
                Ok((start.map_err(broken)?, end.map_err(broken)?))
            };
            let ((from, to), (start, end)) = (range(moments)?, range(amounts)?);
            for (moment, amount) in all_moments[from..to].iter().zip(&all_amounts[start..end]) {
                self.log.push(group, (*moment, *amount));
            }
            self.nulls.add(group, counts[0].value(row));
            self.after.add(group, counts[1].value(row));
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let (mut moments, mut amounts, mut lengths) = (vec![], vec![], vec![]);
        let mut counts = [vec![], vec![]];
        Self::read(&self.rule, values, opt_filter, |_, found| {
            counts[0].push(u64::from(matches!(found, Found::Null)));
            counts[1].push(u64::from(matches!(found, Found::After)));
            lengths.push(usize::from(matches!(found, Found::Row(_))));
            if let Found::Row((moment, amount)) = found {
                moments.push(moment);
                amounts.push(amount);
            }
        })?;
        to_state::<T>(&self.rule, moments, amounts, lengths.into_iter(), counts)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.rule.label.capacity()
            + self.log.size()
            + self.nulls.size()
            + self.after.size()
    }
}

/// The columns of the state: rows of so many to a group, and for each group what was skipped; no counts at
/// all are none.
fn to_state<T: Money>(
    rule: &Rule,
    moments: Vec<i64>,
    amounts: Vec<T::Native>,
    lengths: impl ExactSizeIterator<Item = usize>,
    counts: [Vec<u64>; 2],
) -> Result<Vec<ArrayRef>> {
    let groups = lengths.len();
    let offsets = offsets(lengths)?;
    let list = |items: ArrayRef| -> Result<ArrayRef> {
        let item = Arc::new(Field::new_list_field(items.data_type().clone(), false));
        Ok(Arc::new(ListArray::try_new(item, offsets.clone(), items, None)?))
    };
    let amounts = PrimitiveArray::<T>::new(amounts.into(), None);
    let [nulls, after] = counts.map(|counts| -> ArrayRef {
        let counts = if counts.is_empty() { vec![0; groups] } else { counts };
        Arc::new(UInt64Array::from(counts))
    });
    Ok(vec![
        list(Arc::new(Int64Array::from(moments)))?,
        list(Arc::new(amounts.with_data_type(rule.amount.clone())))?,
        nulls,
        after,
    ])
}

impl<T: Money> Debug for Histories<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histories").field("rows", &self.log.groups.len()).finish()
    }
}

/// The accumulator of one group: all groups, of which there is one.
pub(crate) struct Single<T: Money>(Histories<T>);

impl<T: Money> Debug for Single<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Money> Single<T> {
    pub(crate) fn new(rule: Rule) -> Self {
        Self(Histories::new(rule))
    }
}

impl<T: Money> Accumulator for Single<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |column| column.len());
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |column| column.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }

    /// Leaves the state as it is: a window asks again after more rows.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.answer(1)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.0.pack(1)?;
        state.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Float64Array};
    use arrow::datatypes::Float64Type;

    use super::*;
    use crate::calendar::{Calendar, Grain};

    fn fresh() -> Histories<Float64Type> {
        Histories::new(Rule {
            calendar: Calendar::of(&DataType::Date32).unwrap(),
            as_of: (40, 40),
            unit_days: 7.0,
            grain: Grain::Day,
            refunds: Refunds::Net,
            with_first: false,
            label: "v".to_owned(),
            amount: DataType::Float64,
        })
    }

    /// Rows of five groups, with a gap, a refund and a row after the end.
    fn columns() -> (Vec<ArrayRef>, Vec<usize>) {
        let days = (0..30).map(|row| (row % 11 != 3).then_some(row * 7 % 43));
        let amounts = (0..30).map(|row| f64::from(row - 4) / 3.0);
        let days: ArrayRef = Arc::new(days.collect::<Date32Array>());
        let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values(amounts));
        (vec![days, amounts], (0..30).map(|row| row * 3 % 5).collect())
    }

    #[test]
    fn groups_leave_one_by_one_as_they_would_together() {
        let (columns, groups) = columns();
        let mut once = fresh();
        once.update_batch(&columns, &groups, None, 5).unwrap();
        let whole = once.evaluate(EmitTo::All).unwrap();
        let mut stepwise = fresh();
        stepwise.update_batch(&columns, &groups, None, 5).unwrap();
        for group in 0..5 {
            let one = stepwise.evaluate(EmitTo::First(1)).unwrap();
            assert_eq!(&one, &whole.slice(group, 1), "{group}");
        }
        assert_eq!(stepwise.evaluate(EmitTo::All).unwrap().len(), 0);
    }

    #[test]
    fn states_of_rows_and_of_groups_merge_to_the_same() {
        let (columns, groups) = columns();
        let keep: BooleanArray = (0..30).map(|row| Some(row % 8 > 0)).collect();
        let mut once = fresh();
        once.update_batch(&columns, &groups, Some(&keep), 5).unwrap();
        let mut rows = fresh();
        let states = fresh().convert_to_state(&columns, Some(&keep)).unwrap();
        rows.merge_batch(&states, &groups, 5).unwrap();
        let mut halves = fresh();
        for half in [0, 15] {
            let mut part = fresh();
            let columns: Vec<ArrayRef> = columns.iter().map(|c| c.slice(half, 15)).collect();
            let keep = keep.slice(half, 15);
            part.update_batch(&columns, &groups[half..half + 15], Some(&keep), 5).unwrap();
            let first = part.state(EmitTo::First(2)).unwrap();
            halves.merge_batch(&first, &[0, 1], 5).unwrap();
            let rest = part.state(EmitTo::All).unwrap();
            halves.merge_batch(&rest, &[2, 3, 4], 5).unwrap();
        }
        let whole = once.evaluate(EmitTo::All).unwrap();
        assert_eq!(&rows.evaluate(EmitTo::All).unwrap(), &whole);
        assert_eq!(&halves.evaluate(EmitTo::All).unwrap(), &whole);
    }
}
