//! `rfm_breaks(value, k)`: the thresholds that `rfm_score(value, k)` uses today.
//!
//! By hand: values 10, 20, 20, 40 and k = 4 score 1, 2, 2, 4. So score 1 runs from 10 to 10 with one
//! customer, score 2 from 20 to 20 with two, score 3 is empty, score 4 runs from 40 to 40.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};

use crate::args::Arguments;
use crate::distribution::{self, Distribution, Summary};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::SIDE;

static SPEC: Spec = Spec {
    name: "rfm_breaks",
    aliases: &[],
    package: "RFM",
    summary: "The scores that rfm_score gives, with the lowest and the highest value of each and how \
              many customers have it.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Measure,
            otherwise: Otherwise::Required,
            about: "What is scored",
        },
        Parameter {
            name: "k",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Required,
            about: "The best score, and the number of bins",
        },
        SIDE,
    ],
    returns: "LIST(STRUCT(score INT, lo, hi, n BIGINT)), k items; lo and hi have the type of the value \
              and are NULL where n is 0. NULL without customers.",
    nulls: "NULL and NaN are skipped and not counted.",
    ties: "As in rfm_score.",
    errors: "Planning: k or side out of range, DISTINCT. Execution: an infinite value.",
    formula: "The values grouped by rfm_score(value, k).",
    source: "R package rfm, threshold; recalculate_bins of IBM SPSS Modeler.",
    example: "SELECT b['score'], b['lo'], b['hi'], b['n'] FROM (SELECT unnest(rfm_breaks(v, 4)) AS b FROM \
              (VALUES (10), (20), (20), (40)) AS t(v))",
    answer: &["1 10 10 1", "2 20 20 2", "3 NULL NULL 0", "4 40 40 1"],
};

/// The function.
pub(crate) fn function() -> Function {
    distribution::function(&SPEC, returns, plan)
}

fn returns(given: &[DataType]) -> DataType {
    let value = given.first().cloned().unwrap_or(DataType::Int64);
    DataType::List(Arc::new(item(&value)))
}

fn item(value: &DataType) -> Field {
    Field::new_list_field(DataType::Struct(fields(value)), true)
}

fn fields(value: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("score", DataType::Int32, false),
        Field::new("lo", value.clone(), true),
        Field::new("hi", value.clone(), true),
        Field::new("n", DataType::Int64, false),
    ])
}

fn plan(arguments: &Arguments) -> Result<Summary> {
    let k = arguments.count("k")?;
    let side = arguments.choice("side")?;
    Ok(Box::new(move |distribution| breaks(distribution, k, side)))
}

fn breaks(distribution: &Distribution, k: u64, side: &str) -> Result<ScalarValue> {
    let value_type = distribution.values.data_type();
    let all = u128::from(distribution.rows());
    if all == 0 {
        return ScalarValue::try_from(&DataType::List(Arc::new(item(value_type))));
    }
    let bins = usize::try_from(k).unwrap_or(usize::MAX);
    let mut counts = vec![0_i64; bins];
    let (mut first, mut last): (Vec<Option<u32>>, Vec<Option<u32>>) =
        (vec![None; bins], vec![None; bins]);
    let mut less = 0_u128;
    for (place, count) in (0_u32..).zip(&distribution.counts) {
        let not_more = less + u128::from(*count);
        let k = u128::from(k);
        let bin = match side {
            "mid" => k * (less + not_more) / (2 * all),
            "high" => (k * not_more).div_ceil(all) - 1,
            _ => k * less / all,
        };
        let bin = usize::try_from(bin).unwrap_or(bins).min(bins - 1);
        counts[bin] += i64::try_from(*count).unwrap_or(i64::MAX);
        first[bin] = first[bin].or(Some(place));
        last[bin] = Some(place);
        less = not_more;
    }
    let pick =
        |places: Vec<Option<u32>>| take(&distribution.values, &UInt32Array::from(places), None);
    let scores = (1..=i32::try_from(k).unwrap_or(i32::MAX)).collect::<Int32Array>();
    let arrays: Vec<ArrayRef> =
        vec![Arc::new(scores), pick(first)?, pick(last)?, Arc::new(Int64Array::from(counts))];
    let items = StructArray::try_new(fields(value_type), arrays, None)?;
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    let list = ListArray::try_new(Arc::new(item(value_type)), offsets, Arc::new(items), None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}
