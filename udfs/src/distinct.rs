//! How many different values there are: `count(DISTINCT ..)` of whole numbers, dates and timestamps.
//!
//! No function of the trade by a name of its own, but what its questions ask most: customers of a month, days of a customer.
//! The planner puts [`count_distinct`] in the place of `count(DISTINCT ..)`; the answer is the same, NULLs not counted.
//!
//! Few groups have many values each, which lie close together in a bitmap; many groups have few, which lie in a list
//! ([`sets`]). States merge, so that threads, spills, and the coarser sets of a CUBE each count a value once.
//!
//! Example: `count_distinct(customer_id)` of 7, 3, NULL, 7 is 2; of no row it is 0.

mod log;
mod sets;
mod state;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeBinaryArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use sets::Sets;
use std::sync::{Arc, LazyLock};

use crate::lookup::{KeysMet, each_integer};

/// The function. Its argument has a type of [`counts_distinct`].
#[must_use]
pub fn count_distinct() -> Arc<AggregateUDF> {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> =
        LazyLock::new(|| Arc::new(AggregateUDF::from(CountDistinct::new())));
    Arc::clone(&FUNCTION)
}

/// Whether values of a type can be counted so: whole numbers, and what is kept as one.
#[must_use]
pub fn counts_distinct(kind: &DataType) -> bool {
    KeysMet::supports(kind)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountDistinct {
    signature: Signature,
}

impl CountDistinct {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for CountDistinct {
    fn name(&self) -> &'static str {
        "count_distinct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _kind: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "values");
        Ok(vec![Arc::new(Field::new(name, DataType::LargeBinary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counted::default()))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Counted::default()))
    }
}

/// The values met, of one group or of many.
#[derive(Debug, Default)]
struct Counted {
    sets: Sets,
    /// The rows of a batch; its memory is kept from batch to batch.
    rows: Vec<(usize, i64)>,
}

impl Counted {
    fn add(
        &mut self,
        values: &ArrayRef,
        group: impl Fn(usize) -> usize,
        kept: Option<&BooleanArray>,
    ) -> Result<()> {
        let kept = |row: usize| kept.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
        self.rows.clear();
        let mut last = None;
        each_integer(values, |row, value| {
            // Rows of a fact often lie by what is counted.
            let this = Some((group(row), value));
            if this != last && kept(row) {
                self.rows.extend(this);
                last = this;
            }
        })?;
        self.sets.insert(&self.rows);
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group: impl Fn(usize) -> usize) -> Result<()> {
        let [states] = states else { return internal_err!("count_distinct has one state") };
        for (row, state) in states.as_binary::<i64>().iter().enumerate() {
            if let Some(state) = state {
                self.sets.merge(group(row), state)?;
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.rows.capacity() * size_of::<(usize, i64)>() + self.sets.bytes()
    }
}

fn only(values: &[ArrayRef]) -> Result<&ArrayRef> {
    match values {
        [values] => Ok(values),
        _ => internal_err!("count_distinct takes one argument"),
    }
}

impl Accumulator for Counted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sets.resize(1)?;
        self.add(only(values)?, |_| 0, None)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.sets.resize(1)?;
        self.merge(states, |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.sets.resize(1)?;
        let counts = self.sets.counts();
        Ok(ScalarValue::Int64(Some(counts.first().copied().unwrap_or_default())))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.sets.resize(1)?;
        Ok(vec![ScalarValue::try_from_array(&self.sets.states()?, 0)?])
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

impl GroupsAccumulator for Counted {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        kept: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sets.resize(total)?;
        self.add(only(values)?, |row| groups[row], kept)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.sets.resize(total)?;
        self.merge(states, |row| groups[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(self.sets.take(emit_to).counts())))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(self.sets.take(emit_to).states()?)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        kept: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = only(values)?;
        let kept = |row: usize| kept.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
        let mut alone = vec![None; values.len()];
        each_integer(values, |row, value| alone[row] = kept(row).then_some(value))?;
        let states = alone.iter().map(|value| state::of_values(value.as_slice()));
        Ok(vec![Arc::new(LargeBinaryArray::from_iter_values(states))])
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, UInt64Array};
    use std::collections::HashSet;

    /// Numbers that look random and are the same every time.
    fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |bound| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        }
    }

    fn array(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    /// Kinds of values: close, on both sides of zero, far apart, at the ends.
    fn value(kind: u64, dice: &mut impl FnMut(u64) -> u64) -> i64 {
        let close = i64::try_from(dice(50)).unwrap();
        match kind {
            0 => close,
            1 => close - 25,
            2 => close << 33,
            3 => i64::MAX - close % 3,
            _ => i64::MIN + close % 3,
        }
    }

    #[test]
    fn counts_are_those_of_sets_however_rows_are_split() {
        for seed in 0..60 {
            let mut dice = dice(seed);
            let kind = seed % 6;
            let groups = if seed % 5 == 0 { 70_000 } else { 7 };
            let mut expected = vec![HashSet::new(); groups];
            let mut parts: [Counted; 3] = std::array::from_fn(|_| Counted::default());
            for batch in 0..12 {
                let rows = usize::try_from(dice(400)).unwrap();
                let mut values = vec![];
                let (mut of, mut kept) = (vec![], vec![]);
                for _ in 0..rows {
                    let kind = if kind == 5 { dice(5) } else { kind };
                    values.push((dice(9) > 0).then(|| value(kind, &mut dice)));
                    of.push(usize::try_from(dice(groups as u64)).unwrap());
                    kept.push((dice(9) > 0).then(|| dice(4) > 0));
                    if let (Some(value), Some(Some(true))) = (values[values.len() - 1], kept.last())
                    {
                        expected[of[of.len() - 1]].insert(value);
                    }
                }
                let kept = BooleanArray::from(kept);
                let part = &mut parts[batch % 3];
                if batch == 7 {
                    let states = part.convert_to_state(&[array(&values)], Some(&kept)).unwrap();
                    GroupsAccumulator::merge_batch(part, &states, &of, groups).unwrap();
                } else {
                    let values = array(&values);
                    GroupsAccumulator::update_batch(part, &[values], &of, Some(&kept), groups)
                        .unwrap();
                }
                assert!(GroupsAccumulator::size(part) > 0);
            }
            let mut whole = Counted::default();
            for part in &mut parts {
                // Some come out in two pieces.
                let mut first = 0;
                for emit in [EmitTo::First(3), EmitTo::All] {
                    let states = GroupsAccumulator::state(part, emit).unwrap();
                    let of: Vec<usize> = (first..first + states[0].len()).collect();
                    first += of.len();
                    GroupsAccumulator::merge_batch(&mut whole, &states, &of, groups).unwrap();
                }
            }
            let head = GroupsAccumulator::evaluate(&mut whole, EmitTo::First(2)).unwrap();
            let tail = GroupsAccumulator::evaluate(&mut whole, EmitTo::All).unwrap();
            let counts = [head, tail].map(|counts| {
                counts.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
            });
            let expected: Vec<i64> =
                expected.iter().map(|set| i64::try_from(set.len()).unwrap()).collect();
            assert_eq!(counts.concat(), expected, "seed {seed}");
        }
    }

    #[test]
    fn one_group_without_rows_has_none() {
        let mut counted = Counted::default();
        assert_eq!(Accumulator::evaluate(&mut counted).unwrap(), ScalarValue::Int64(Some(0)));
        let state = Accumulator::state(&mut counted).unwrap();
        let state = state[0].to_array().unwrap();
        Accumulator::merge_batch(&mut counted, &[state]).unwrap();
        assert_eq!(Accumulator::evaluate(&mut counted).unwrap(), ScalarValue::Int64(Some(0)));
    }

    #[test]
    fn every_type_that_is_supported_counts() {
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 0, u64::MAX]));
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(-1), None, Some(19_000)]));
        for values in [unsigned, days] {
            assert!(counts_distinct(values.data_type()));
            let mut counted = Counted::default();
            Accumulator::update_batch(&mut counted, &[values]).unwrap();
            assert_eq!(Accumulator::evaluate(&mut counted).unwrap(), ScalarValue::Int64(Some(2)));
        }
        assert!(!counts_distinct(&DataType::Utf8));
    }

    #[test]
    fn a_million_values_of_one_group_take_little() {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000_000));
        let mut counted = Counted::default();
        Accumulator::update_batch(&mut counted, &[values]).unwrap();
        counted.rows = Vec::new();
        let bytes = Accumulator::size(&counted);
        assert!((125_000..260_000).contains(&bytes), "{bytes}");
    }
}
