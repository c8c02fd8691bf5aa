//! The purchases of millions of customers, a few each: the state of `rfm_state`.
//!
//! Rows of all customers go into one log in the order they come, which costs no allocation per
//! customer. At the end the log is brought together by customer in one counting pass, each
//! customer's few rows are put in order of time and amount, and only then is anything counted or added:
//! the answer depends on the rows alone. States merge by appending. An event may turn out to be
//! the first only when the last row is in, so nothing is summed up before.

use std::fmt::{self, Debug};
use std::mem::{size_of, take};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, PrimitiveArray, UInt64Array,
};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field, Int64Type, UInt64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::rfm_state::{Refunds, Rule};
use super::summaries;
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

/// Rows brought together by group: those of group `g` lie between `bounds[g]` and `bounds[g + 1]`.
#[derive(Debug)]
pub(crate) struct Grouped<T: Money> {
    pub(crate) rows: Vec<Row<T>>,
    pub(crate) bounds: Vec<usize>,
}

/// What a row turns out to be.
enum Found<T: Money> {
    Filtered,
    Null,
    After,
    Row(Row<T>),
}

/// The accumulator of all groups.
pub(crate) struct Histories<T: Money> {
    rule: Rule,
    log: Vec<(usize, Row<T>)>,
    /// Rows skipped for a NULL, per group.
    nulls: Vec<u64>,
    /// Rows after as_of, per group.
    after: Vec<u64>,
}

impl<T: Money> Histories<T> {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, log: vec![], nulls: vec![], after: vec![] }
    }

    fn grow(&mut self, groups: usize) {
        self.nulls.resize(groups, 0);
        self.after.resize(groups, 0);
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

    /// The rows of the first groups, or of all, brought together; the others stay.
    fn release(&mut self, groups: usize) -> Grouped<T> {
        let log = take(&mut self.log);
        let grouped = together::<T>(&log, groups);
        let rest = log.into_iter().filter(|(group, _)| *group >= groups);
        self.log = rest.map(|(group, row)| (group - groups, row)).collect();
        grouped
    }

    fn groups(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.nulls.len(),
            EmitTo::First(groups) => groups,
        }
    }
}

/// The rows of the first groups, one group after the other, in the order they came.
fn together<T: Money>(log: &[(usize, Row<T>)], groups: usize) -> Grouped<T> {
    let mut bounds = vec![0; groups + 1];
    let known = || log.iter().filter(|(group, _)| *group < groups);
    for (group, _) in known() {
        bounds[group + 1] += 1;
    }
    for group in 0..groups {
        bounds[group + 1] += bounds[group];
    }
    let mut next = bounds.clone();
    let mut rows = vec![(0, T::Native::ZERO); bounds[groups]];
    for (group, row) in known() {
        rows[next[*group]] = *row;
        next[*group] += 1;
    }
    Grouped { rows, bounds }
}

impl<T: Money> GroupsAccumulator for Histories<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let Self { rule, log, nulls, after } = self;
        Self::read(rule, values, opt_filter, |row, found| {
            let group = group_indices[row];
            match found {
                Found::Filtered => {}
                Found::Null => nulls[group] += 1,
                Found::After => after[group] += 1,
                Found::Row(row) => log.push((group, row)),
            }
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let grouped = self.release(self.groups(emit_to));
        let nulls = emit_to.take_needed(&mut self.nulls);
        let after = emit_to.take_needed(&mut self.after);
        summaries::answer(&self.rule, grouped, &nulls, &after)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let grouped = self.release(self.groups(emit_to));
        let nulls = emit_to.take_needed(&mut self.nulls);
        let after = emit_to.take_needed(&mut self.after);
        to_state(&self.rule, &grouped, nulls, after)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let [moments, amounts, nulls, after] = values else {
            return Err(DataFusionError::Internal("rfm_state has a state of four".to_owned()));
        };
        let (moments, amounts) = (moments.as_list::<i32>(), amounts.as_list::<i32>());
        let all_moments = moments.values().as_primitive::<Int64Type>().values();
        let all_amounts = amounts.values().as_primitive::<T>().values();
        let counts = [nulls, after].map(|counts| counts.as_primitive::<UInt64Type>());
        for (row, group) in group_indices.iter().copied().enumerate() {
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
            let rows = all_moments[from..to].iter().zip(&all_amounts[start..end]);
            self.log.extend(rows.map(|(moment, amount)| (group, (*moment, *amount))));
            self.nulls[group] += counts[0].value(row);
            self.after[group] += counts[1].value(row);
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut grouped = Grouped::<T> { rows: vec![], bounds: vec![0] };
        let (mut nulls, mut after) = (vec![], vec![]);
        Self::read(&self.rule, values, opt_filter, |_, found| {
            nulls.push(u64::from(matches!(found, Found::Null)));
            after.push(u64::from(matches!(found, Found::After)));
            if let Found::Row(row) = found {
                grouped.rows.push(row);
            }
            grouped.bounds.push(grouped.rows.len());
        })?;
        to_state(&self.rule, &grouped, nulls, after)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.rule.label.capacity()
            + self.log.capacity() * size_of::<(usize, Row<T>)>()
            + (self.nulls.capacity() + self.after.capacity()) * size_of::<u64>()
    }
}

fn to_state<T: Money>(
    rule: &Rule,
    grouped: &Grouped<T>,
    nulls: Vec<u64>,
    after: Vec<u64>,
) -> Result<Vec<ArrayRef>> {
    let lengths = grouped.bounds.windows(2).map(|pair| pair[1] - pair[0]);
    let offsets = offsets(lengths)?;
    let list = |items: ArrayRef| -> Result<ArrayRef> {
        let item = Arc::new(Field::new_list_field(items.data_type().clone(), false));
        Ok(Arc::new(ListArray::try_new(item, offsets.clone(), items, None)?))
    };
    let moments = Int64Array::from_iter_values(grouped.rows.iter().map(|row| row.0));
    let amounts = PrimitiveArray::<T>::from_iter_values(grouped.rows.iter().map(|row| row.1));
    Ok(vec![
        list(Arc::new(moments))?,
        list(Arc::new(amounts.with_data_type(rule.amount.clone())))?,
        Arc::new(UInt64Array::from(nulls)),
        Arc::new(UInt64Array::from(after)),
    ])
}

impl<T: Money> Debug for Histories<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histories").field("rows", &self.log.len()).finish()
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
        let mut all = Histories::new(rule);
        all.grow(1);
        Self(all)
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
        let Histories { rule, log, nulls, after } = &self.0;
        let answer = summaries::answer(rule, together::<T>(log, 1), nulls, after)?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Histories { rule, log, nulls, after } = &self.0;
        let state = to_state(rule, &together::<T>(log, 1), nulls.clone(), after.clone())?;
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
