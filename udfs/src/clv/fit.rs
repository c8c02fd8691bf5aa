//! The aggregate behind every fit: collect what the likelihood needs, then search.
//!
//! A likelihood looks at a customer through a few numbers only, and many customers share them: the
//! state is the distinct combinations with their weights, ascending, and those that wait to be folded in.
//! It merges by adding weights that are whole, which is exact; a weight with a fraction, or one that is none,
//! stays apart. Only the search adds those up, in their order, so a fit has the same bits however the rows were
//! split. Rows with NULL in an input are skipped and counted.

use std::cmp::Ordering;
use std::fmt::{self, Debug};
use std::mem::{size_of, take};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, UInt64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::model::{Fitted, fields};
use crate::aggregate::{self, Gather, list_of};
use crate::args::Arguments;
use crate::function::{Function, Spec};
use crate::stop::Stop;

/// Up to this many numbers describe a customer.
pub(crate) const WIDTH: usize = 3;

/// The numbers of a customer and how many customers have them, ascending.
pub(crate) type Rows = Vec<([f64; WIDTH], f64)>;

/// Searches the parameters.
pub(crate) type Search = Box<dyn Fn(&Rows, u64) -> Result<Fitted> + Send + Sync>;

/// Reads the constants of a call.
pub(crate) type Plan = fn(&Arguments) -> Result<Search>;

/// Makes a function of a contract and a plan; `inputs` of its columns describe a customer, and one
/// more, if it is given, weighs him.
pub(crate) fn function(spec: &'static Spec, inputs: usize, plan: Plan) -> Function {
    aggregate::function(spec, Fit { inputs, plan })
}

struct Fit {
    inputs: usize,
    plan: Plan,
}

impl Gather for Fit {
    fn check(&self, arguments: &Arguments) -> Result<()> {
        (self.plan)(arguments).map(drop)
    }

    fn returns(&self, _given: &[DataType]) -> DataType {
        DataType::Struct(fields())
    }

    fn state(&self, _given: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("customers", list_of(DataType::Float64)), ("nulls", DataType::UInt64)]
    }

    fn start(&self, arguments: &Arguments, _given: &[DataType]) -> Result<Box<dyn Accumulator>> {
        let search = (self.plan)(arguments)?;
        let weighted = arguments.has("w");
        let (collected, folded) = (vec![], 0);
        Ok(Box::new(Customers {
            inputs: self.inputs,
            weighted,
            search,
            collected,
            folded,
            nulls: 0,
        }))
    }
}

/// The numbers of a customer as bits whose order is that of the numbers, and his weight.
type Collected = ([u64; WIDTH], f64);

/// Fewer waiting customers than this are not worth folding in.
const PATIENCE: usize = 1_024;

/// The accumulator: customers, the first of them ascending and merged, the others as they came.
struct Customers {
    inputs: usize,
    weighted: bool,
    search: Search,
    collected: Vec<Collected>,
    folded: usize,
    nulls: u64,
}

impl Customers {
    fn add(&mut self, numbers: [f64; WIDTH], weight: f64) {
        self.collected.push((numbers.map(to_bits), weight));
        if self.collected.len() >= 2 * self.folded.max(PATIENCE) {
            self.fold_in();
        }
    }

    /// Sorts what is waiting and merges it into what is folded already.
    fn fold_in(&mut self) {
        if self.collected.len() == self.folded {
            return;
        }
        self.collected[self.folded..].sort_unstable_by(order);
        // Two ascending runs, which the sort notices.
        self.collected.sort_by(order);
        self.collected.dedup_by(|next, kept| {
            let same = next.0 == kept.0 && is_whole(next.1) && is_whole(kept.1);
            if same {
                kept.1 += next.1;
            }
            same
        });
        self.folded = self.collected.len();
    }
}

/// By the numbers; of equal ones those whose weights may be merged come first, then the others by weight.
fn order(left: &Collected, right: &Collected) -> Ordering {
    let by_weight = || match (is_whole(left.1), is_whole(right.1)) {
        (true, true) => Ordering::Equal,
        (false, false) => to_bits(left.1).cmp(&to_bits(right.1)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    };
    left.0.cmp(&right.0).then_with(by_weight)
}

/// True for a weight that counts customers: such weights add up exactly, in whatever order.
fn is_whole(weight: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (0.0..=EXACT).contains(&weight) && weight.fract() == 0.0
}

/// The customers with the same numbers as one. A weight that is none stays by itself, for the search to refuse.
fn combined(rows: &Rows) -> Rows {
    let is_weight = |weight: f64| (0.0..f64::INFINITY).contains(&weight);
    let mut combined = Rows::with_capacity(rows.len());
    for (numbers, weight) in rows {
        match combined.last_mut() {
            Some((last, sum)) if *last == *numbers && is_weight(*sum) && is_weight(*weight) => {
                *sum += *weight;
            }
            _ => combined.push((*numbers, *weight)),
        }
    }
    combined
}

const SIGN: u64 = 1 << 63;

fn to_bits(number: f64) -> u64 {
    // Adding zero turns -0.0 into 0.0, so the two are one customer.
    let bits = (number + 0.0).to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

fn from_bits(bits: u64) -> f64 {
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN })
}

impl Accumulator for Customers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // The numbers are doubles already; a flag becomes 0 and 1; constants of other types are left out.
        let double = |column: &ArrayRef| match column.data_type() {
            DataType::Boolean => cast(column, &DataType::Float64),
            _ => Ok(Arc::clone(column)),
        };
        let values: Vec<ArrayRef> = values.iter().map(double).collect::<Result<_, _>>()?;
        let columns: Vec<&Float64Array> =
            values.iter().filter_map(|column| column.as_primitive_opt::<Float64Type>()).collect();
        let inputs = columns.get(..self.inputs).ok_or_else(|| {
            DataFusionError::Internal("a fit did not get its columns as doubles".to_owned())
        })?;
        let weights = self.weighted.then(|| columns.get(self.inputs)).flatten();
        for row in 0..inputs.first().map_or(0, |column| column.len()) {
            let present =
                |column: &&Float64Array| column.is_valid(row) && !column.value(row).is_nan();
            if !inputs.iter().all(present) || !weights.is_none_or(present) {
                self.nulls += 1;
                continue;
            }
            let mut numbers = [0.0; WIDTH];
            for (number, column) in numbers.iter_mut().zip(inputs) {
                *number = column.value(row);
            }
            self.add(numbers, weights.map_or(1.0, |weights| weights.value(row)));
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists, nulls] = states else { return Ok(()) };
        let lists = lists.as_list::<i32>();
        for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
            let numbers = lists.value(row);
            for customer in numbers.as_primitive::<Float64Type>().values().chunks_exact(WIDTH + 1) {
                if let (Ok(numbers), Some(weight)) = (customer[..WIDTH].try_into(), customer.last())
                {
                    self.add(numbers, *weight);
                }
            }
        }
        self.nulls += nulls.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let stop = Stop::here();
        stop.check()?;
        self.fold_in();
        // The customers change their form where they are and back again: the search needs the memory of a copy. Where
        // they have weights there is one, of those that are added up for this answer only.
        let customers = take(&mut self.collected).into_iter();
        let rows: Rows = customers.map(|(bits, weight)| (bits.map(from_bits), weight)).collect();
        let fitted = if self.weighted {
            (self.search)(&combined(&rows), self.nulls)
        } else {
            (self.search)(&rows, self.nulls)
        };
        self.collected =
            rows.into_iter().map(|(numbers, weight)| (numbers.map(to_bits), weight)).collect();
        // A search that was stopped has found nothing.
        stop.check()?;
        fitted?.to_scalar()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.fold_in();
        let mut numbers = Vec::with_capacity(self.collected.len() * (WIDTH + 1));
        for (bits, weight) in &self.collected {
            numbers.extend(bits.map(from_bits));
            numbers.push(*weight);
        }
        let numbers = Float64Array::from(numbers);
        let item = Arc::new(Field::new_list_field(DataType::Float64, false));
        let offsets = OffsetBuffer::from_lengths([numbers.len()]);
        let list = ListArray::try_new(item, offsets, Arc::new(numbers), None)?;
        Ok(vec![ScalarValue::List(Arc::new(list)), ScalarValue::UInt64(Some(self.nulls))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.collected.capacity() * size_of::<Collected>()
    }
}

impl Debug for Customers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customers").field("customers", &self.collected.len()).finish()
    }
}
