//! `next_purchase(ts)`: the rhythm of a customer, and when his next purchase is due.
//!
//! By hand: he bought on 1, 11 and 31 January. The gaps are 10 and 20 days, 15 on average, so he is due on
//! 15 February. On 2 March, 31 days after his last purchase, he is 31 / 15 = 2.07 times overdue.
//!
//! Two purchases on one day are one event. Who bought on a single day has no rhythm of his own: then the
//! model knows more, see `expected_purchases`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, ListArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Date32Type, Field, Fields, UInt64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::PACKAGE;
use super::moments::days;
use crate::aggregate::{self, Gather, list_of};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "next_purchase",
    aliases: &[],
    package: PACKAGE,
    summary: "The days between the purchases of a customer, and when the next one is due.",
    parameters: &[
        Parameter {
            name: "ts",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "When he bought; the calendar day counts, in the time zone of the column",
        },
        Parameter {
            name: "as_of",
            kind: Kind::Moment,
            otherwise: Otherwise::Absent,
            about: "The day to judge from, one for the group; later purchases are left out",
        },
    ],
    returns: "STRUCT(mean_gap DOUBLE, median_gap DOUBLE, cv DOUBLE, expected_next DATE, overdue_ratio DOUBLE, \
              days BIGINT, n_null BIGINT). Gaps in days; cv, their sample standard deviation over their \
              mean, is NULL below two gaps; overdue_ratio is the silence until as_of in mean gaps, NULL \
              without as_of; days counts the purchase days. Who bought on a single day has NULL in all \
              but days.",
    nulls: "Rows where ts is NULL are skipped and counted in n_null.",
    ties: "Purchases on the same day are one.",
    errors: "Execution: as_of differs within a group. Planning: DISTINCT.",
    formula: "mean_gap = (last - first) / (days - 1); expected_next = last + mean_gap, rounded to a day, half \
              up; overdue_ratio = (as_of - last) / mean_gap.",
    source: "Average days between orders and expected date of the next order, as Klaviyo's profile schema \
             has them.",
    example: "SELECT n['mean_gap'], n['expected_next'], round(n['overdue_ratio'], 2) FROM (SELECT \
              next_purchase(day, DATE '2024-03-02') AS n FROM (VALUES (DATE '2024-01-01'), (DATE \
              '2024-01-11'), (DATE '2024-01-31')) AS t(day))",
    answer: &["15.0 2024-02-15 2.07"],
};

/// The function.
pub(crate) fn function() -> Function {
    aggregate::function(&SPEC, NextPurchase)
}

struct NextPurchase;

impl Gather for NextPurchase {
    fn check(&self, _arguments: &Arguments) -> Result<()> {
        Ok(())
    }

    fn returns(&self, _given: &[DataType]) -> DataType {
        DataType::Struct(fields())
    }

    fn state(&self, _given: &[DataType]) -> Vec<(&'static str, DataType)> {
        let day = DataType::Date32;
        vec![("days", list_of(day.clone())), ("as_of", day), ("nulls", DataType::UInt64)]
    }

    fn start(&self, arguments: &Arguments, _given: &[DataType]) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Days { judged: arguments.has("as_of"), ..Days::default() }))
    }
}

fn fields() -> Fields {
    let float = |name: &str| Field::new(name, DataType::Float64, true);
    let whole = |name: &str| Field::new(name, DataType::Int64, false);
    Fields::from(vec![
        float("mean_gap"),
        float("median_gap"),
        float("cv"),
        Field::new("expected_next", DataType::Date32, true),
        float("overdue_ratio"),
        whole("days"),
        whole("n_null"),
    ])
}

/// The accumulator: the purchase days, the first `settled` of them ascending and distinct.
#[derive(Debug, Default)]
struct Days {
    judged: bool,
    as_of: Option<i32>,
    days: Vec<i32>,
    settled: usize,
    nulls: u64,
}

/// Fewer new days than this are not worth sorting.
const PATIENCE: usize = 64;

impl Days {
    fn take(&mut self, day: i32) {
        if self.days.last() != Some(&day) {
            self.days.push(day);
        }
        if self.days.len() >= 2 * self.settled + PATIENCE {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.days.sort_unstable();
        self.days.dedup();
        self.settled = self.days.len();
    }

    fn judge(&mut self, as_of: &Date32Array) -> Result<()> {
        for day in as_of.iter().flatten() {
            match self.as_of.replace(day) {
                Some(other) if other != day => {
                    return Err(two_days(other.min(day), other.max(day)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn two_days(one: i32, other: i32) -> DataFusionError {
    let shown = |day| ScalarValue::Date32(Some(day));
    DataFusionError::Execution(format!(
        "next_purchase: as_of is one day for the whole group, not {} and {}: group by it or take its max",
        shown(one),
        shown(other)
    ))
}

impl Accumulator for Days {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(bought) = values.first() else { return Ok(()) };
        for day in &days(bought)? {
            match day {
                Some(day) => self.take(day),
                None => self.nulls += 1,
            }
        }
        match values.get(1) {
            Some(as_of) if self.judged => self.judge(&days(as_of)?),
            _ => Ok(()),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists, as_of, nulls] = states else { return Ok(()) };
        for days in lists.as_list::<i32>().iter().flatten() {
            days.as_primitive::<Date32Type>().values().iter().for_each(|day| self.take(*day));
        }
        self.nulls += nulls.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        self.judge(as_of.as_primitive::<Date32Type>())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.settle();
        let as_of = self.as_of;
        let known = self.days.partition_point(|day| as_of.is_none_or(|as_of| *day <= as_of));
        let rhythm = Rhythm::of(&self.days[..known], as_of);
        let float = |value: Option<f64>| Arc::new(Float64Array::from(vec![value])) as ArrayRef;
        let whole = |count: Option<i64>| {
            Arc::new(Int64Array::from(vec![count.unwrap_or(i64::MAX)])) as ArrayRef
        };
        let arrays = vec![
            float(rhythm.mean),
            float(rhythm.median),
            float(rhythm.cv),
            Arc::new(Date32Array::from(vec![rhythm.next])),
            float(rhythm.overdue),
            whole(i64::try_from(known).ok()),
            whole(i64::try_from(self.nulls).ok()),
        ];
        Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields(), arrays, None)?)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.settle();
        let days = Date32Array::from(self.days.clone());
        let item = Arc::new(Field::new_list_field(DataType::Date32, false));
        let offsets = OffsetBuffer::from_lengths([days.len()]);
        let list = ListArray::try_new(item, offsets, Arc::new(days), None)?;
        Ok(vec![
            ScalarValue::List(Arc::new(list)),
            ScalarValue::Date32(self.as_of),
            ScalarValue::UInt64(Some(self.nulls)),
        ])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.days.capacity() * size_of::<i32>()
    }
}

/// What the purchase days say.
#[derive(Debug, Default)]
struct Rhythm {
    mean: Option<f64>,
    median: Option<f64>,
    cv: Option<f64>,
    next: Option<i32>,
    overdue: Option<f64>,
}

impl Rhythm {
    /// `days` are ascending and distinct.
    fn of(days: &[i32], as_of: Option<i32>) -> Self {
        let ([first, .., last], false) = (days, days.len() < 2) else { return Self::default() };
        let mut gaps: Vec<f64> =
            days.windows(2).map(|pair| f64::from(pair[1]) - f64::from(pair[0])).collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let count = gaps.len();
        let mean = (f64::from(*last) - f64::from(*first)) / count as f64;
        let median = f64::midpoint(gaps[(count - 1) / 2], gaps[count / 2]);
        let squares: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
        let cv = (count > 1).then(|| (squares / (count - 1) as f64).sqrt() / mean);
        let next = rounded_up_at_half(i64::from(*last) - i64::from(*first), count);
        let next = next.and_then(|gap| i32::try_from(i64::from(*last) + gap).ok());
        let overdue = as_of.map(|as_of| (f64::from(as_of) - f64::from(*last)) / mean);
        Self { mean: Some(mean), median: Some(median), cv, next, overdue }
    }
}

/// So many days shared out evenly, to the nearest whole day.
fn rounded_up_at_half(days: i64, gaps: usize) -> Option<i64> {
    let gaps = i64::try_from(gaps).ok()?;
    (2 * days + gaps).checked_div(2 * gaps)
}

#[cfg(test)]
mod tests {
    use crate::testing::rows;

    #[test]
    fn many_days_in_any_order_are_settled_once() {
        // 1..=1000 in the order of their remainders, each twice: every gap is a day.
        let answer = rows(
            "SELECT n['mean_gap'], n['median_gap'], n['cv'], n['days'] FROM (SELECT next_purchase(DATE \
             '2020-01-01' + (v * 7 % 1000)::INT) AS n FROM generate_series(1, 2000) AS t(v))",
        );
        assert_eq!(answer, ["1.0 1.0 0.0 1000"]);
    }
}
