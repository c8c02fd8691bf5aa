//! From a customer's rows in order to the numbers of `rfm_state`.
//!
//! A customer's rows are walked once, one stretch of the calendar after the other. A stretch with a
//! purchase is an event; its money, and that of refunds up to the next event, goes to the first
//! event or to the repeat money. The numbers go straight into the columns of the answer, and columns
//! in which there is nothing but zeros share them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, Int64Array, NullBufferBuilder, PrimitiveArray,
    PrimitiveBuilder, StructArray,
};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field, Fields};
use datafusion::common::Result;

use super::histories::Row;
use super::rfm_state::{Refunds, Rule};
use super::tally::Tally;
use crate::amount::{Amount, too_large};
use crate::totals::{Money, total_type};

/// The fields of the STRUCT.
pub(crate) fn fields(ts: &DataType, amount: &DataType) -> Fields {
    let total = total_type(amount);
    let fields = [
        ("first", ts.clone()),
        ("last", ts.clone()),
        ("events", DataType::Int64),
        ("x", DataType::Float64),
        ("t_x", DataType::Float64),
        ("t", DataType::Float64),
        ("repeat_sum", total.clone()),
        ("total", total),
        ("m", DataType::Float64),
        ("n_refund", DataType::Int64),
        ("n_null", DataType::Int64),
        ("n_after", DataType::Int64),
    ];
    fields.into_iter().map(|(name, data_type)| Field::new(name, data_type, true)).collect()
}

/// What a customer's rows come to.
#[derive(Debug)]
struct Summary<T: Money> {
    /// First and last purchase.
    seen: Option<(i64, i64)>,
    events: i64,
    repeat: T::Sum,
    /// None if no row has money that counts.
    total: Option<T::Sum>,
    refunds: u64,
}

/// The columns of the answer, filled group by group.
pub(crate) struct Summaries<'a, T: Money> {
    rule: &'a Rule,
    total_type: DataType,
    /// One whole unit of money.
    unit: T::Sum,
    /// Who has a purchase.
    seen: NullBufferBuilder,
    first: Vec<i64>,
    last: Vec<i64>,
    events: Vec<i64>,
    t_x: Vec<f64>,
    t: Vec<f64>,
    repeat: Vec<T::Native>,
    total: PrimitiveBuilder<T>,
    mean: Float64Builder,
    refunds: Tally,
}

impl<'a, T: Money> Summaries<'a, T> {
    /// With room for so many groups.
    pub(crate) fn new(rule: &'a Rule, groups: usize) -> Self {
        Self {
            rule,
            total_type: total_type(&rule.amount),
            unit: T::unit(&rule.amount),
            seen: NullBufferBuilder::new(groups),
            first: Vec::with_capacity(groups),
            last: Vec::with_capacity(groups),
            events: Vec::with_capacity(groups),
            t_x: Vec::with_capacity(groups),
            t: Vec::with_capacity(groups),
            repeat: Vec::with_capacity(groups),
            total: PrimitiveBuilder::with_capacity(groups),
            mean: Float64Builder::with_capacity(groups),
            refunds: Tally::new(),
        }
    }

    /// Adds groups of which the rows stand one group after the other, in any order within a group.
    pub(crate) fn add(&mut self, rows: &mut [Row<T>], ends: &[usize]) -> Result<()> {
        let ranges = || {
            let starts = std::iter::once(&0).chain(ends);
            starts.zip(ends).map(|(start, end)| *start..*end)
        };
        for group in ranges() {
            rows[group]
                .sort_unstable_by(|left, right| left.0.cmp(&right.0).then(left.1.compare(right.1)));
        }
        let local = self.rule.calendar.local(rows.iter().map(|row| row.0).collect())?;
        for group in ranges() {
            summarize::<T>(self.rule, &rows[group.clone()], &local[group])
                .and_then(|summary| self.push(&summary))
                .ok_or_else(|| too_large("rfm_state", &self.rule.label))?;
        }
        Ok(())
    }

    /// Adds a group; None if a total is too large for its type.
    fn push(&mut self, summary: &Summary<T>) -> Option<()> {
        let rule = self.rule;
        let in_units = |from: i64, to: i64| rule.calendar.days(from, to) / rule.unit_days;
        let (first, last) = summary.seen.unwrap_or_default();
        let several = summary.events > 1;
        self.seen.append(summary.seen.is_some());
        self.first.push(first);
        self.last.push(last);
        if summary.refunds > 0 {
            let group = u32::try_from(self.events.len()).ok()?;
            self.refunds.add(group, summary.refunds);
        }
        self.events.push(summary.events);
        self.t_x.push(if several { in_units(first, last) } else { 0.0 });
        self.t.push(in_units(first, rule.as_of.0.max(last)));
        let sum = |sum: T::Sum| T::total(sum, &self.total_type);
        self.repeat.push(match summary.seen {
            Some(_) => sum(summary.repeat)?,
            None => T::Native::ZERO,
        });
        self.total.append_option(match summary.total {
            Some(total) => Some(sum(total)?),
            None => None,
        });
        let repeats = u64::try_from(repeats(rule, summary.events)).ok().filter(|count| *count > 0);
        let unit = repeats.and_then(|repeats| self.unit.times(repeats));
        let mean = unit.filter(|_| summary.seen.is_some()).map(|unit| summary.repeat.over(unit));
        self.mean.append_option(mean.filter(|mean| mean.is_finite()));
        Some(())
    }

    /// The STRUCT of every group, given how many rows of each were skipped; no counts at all are none.
    pub(crate) fn finish(mut self, nulls: Vec<u64>, after: Vec<u64>) -> Result<ArrayRef> {
        let rule = self.rule;
        let groups = self.events.len();
        let seen = self.seen.finish();
        let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; groups]));
        let whole = |counts: Vec<u64>| -> ArrayRef {
            if counts.is_empty() {
                return Arc::clone(&zeros);
            }
            let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
            Arc::new(Int64Array::from_iter_values(counts.into_iter().map(count)))
        };
        let floats = |values: Vec<f64>| -> ArrayRef {
            Arc::new(Float64Array::new(values.into(), seen.clone()))
        };
        let money = |totals: PrimitiveArray<T>| -> ArrayRef {
            Arc::new(totals.with_data_type(self.total_type.clone()))
        };
        let moments = |moments: Vec<i64>| -> Result<ArrayRef> {
            rule.calendar.column(&Int64Array::new(moments.into(), seen.clone()))
        };
        let x = self.events.iter().map(|events| repeats(rule, *events) as f64).collect();
        let arrays = vec![
            moments(self.first)?,
            moments(self.last)?,
            Arc::new(Int64Array::from(self.events)),
            floats(x),
            floats(self.t_x),
            floats(self.t),
            money(PrimitiveArray::new(self.repeat.into(), seen.clone())),
            money(self.total.finish()),
            Arc::new(self.mean.finish()),
            whole(self.refunds.of_first(groups)),
            whole(nulls),
            whole(after),
        ];
        let fields = fields(rule.calendar.data_type(), &rule.amount);
        Ok(Arc::new(StructArray::try_new(fields, arrays, None)?))
    }
}

/// Walks the rows of one customer; None if a sum has overflowed.
fn summarize<T: Money>(rule: &Rule, rows: &[Row<T>], local: &[i64]) -> Option<Summary<T>> {
    let stretch = |at: usize| rule.grain.number(local[at], rule.calendar.per_day());
    let is_refund = |row: &Row<T>| row.1.is_lt(T::Native::ZERO);
    let zero = T::Sum::ZERO;
    let mut summary = Summary::<T> { seen: None, events: 0, repeat: zero, total: None, refunds: 0 };
    let mut start = 0;
    while start < rows.len() {
        let this = stretch(start);
        let mut end = start + 1;
        while end < rows.len() && stretch(end) == this {
            end += 1;
        }
        let mut bought = false;
        let mut money = None;
        for row in &rows[start..end] {
            if is_refund(row) {
                summary.refunds += 1;
                if rule.refunds == Refunds::Drop {
                    continue;
                }
            } else {
                let first = summary.seen.map_or(row.0, |seen| seen.0);
                summary.seen = Some((first, row.0));
                bought = true;
            }
            money = Some(money.unwrap_or(zero).plus(T::wide(row.1))?);
        }
        summary.events += i64::from(bought);
        if let Some(money) = money {
            summary.total = Some(summary.total.unwrap_or(zero).plus(money)?);
            if summary.events > 1 || rule.with_first {
                summary.repeat = summary.repeat.plus(money)?;
            }
        }
        start = end;
    }
    Some(summary)
}

/// How many of the events the repeat money is of.
fn repeats(rule: &Rule, events: i64) -> i64 {
    if rule.with_first { events } else { events - 1 }
}
