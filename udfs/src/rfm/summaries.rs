//! From a customer's rows in order to the numbers of `rfm_state`.
//!
//! A customer's rows are walked once, one stretch of the calendar after the other. A stretch with a
//! purchase is an event; its money, and that of refunds up to the next event, goes to the first
//! event or to the repeat money.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, PrimitiveArray, StructArray};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field, Fields};
use datafusion::common::Result;

use super::histories::{Grouped, Row};
use super::rfm_state::{Refunds, Rule};
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
    refunds: i64,
}

/// The STRUCT of every group.
pub(crate) fn answer<T: Money>(
    rule: &Rule,
    mut grouped: Grouped<T>,
    nulls: &[u64],
    after: &[u64],
) -> Result<ArrayRef> {
    let Grouped { rows, bounds } = &mut grouped;
    for pair in bounds.windows(2) {
        rows[pair[0]..pair[1]]
            .sort_unstable_by(|left, right| left.0.cmp(&right.0).then(left.1.compare(right.1)));
    }
    let local = rule.calendar.local(rows.iter().map(|row| row.0).collect())?;
    let summaries = bounds.windows(2).map(|pair| {
        let group = pair[0]..pair[1];
        summarize::<T>(rule, &rows[group.clone()], &local[group])
            .ok_or_else(|| too_large("rfm_state", &rule.label))
    });
    columns(rule, &summaries.collect::<Result<Vec<_>>>()?, nulls, after)
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

fn columns<T: Money>(
    rule: &Rule,
    summaries: &[Summary<T>],
    nulls: &[u64],
    after: &[u64],
) -> Result<ArrayRef> {
    let total = total_type(&rule.amount);
    let seen = |of: fn((i64, i64)) -> i64| -> Int64Array {
        summaries.iter().map(|summary| summary.seen.map(of)).collect()
    };
    let floats = |of: &dyn Fn(&Summary<T>) -> Option<f64>| -> ArrayRef {
        Arc::new(summaries.iter().map(of).collect::<Float64Array>())
    };
    let money = |of: fn(&Summary<T>) -> Option<T::Sum>| -> Result<ArrayRef> {
        let totals = summaries.iter().map(|summary| {
            let Some(sum) = of(summary) else { return Ok(None) };
            let sum = T::total(sum, &total).ok_or_else(|| too_large("rfm_state", &rule.label))?;
            Ok(Some(sum))
        });
        let totals = totals.collect::<Result<PrimitiveArray<T>>>()?;
        Ok(Arc::new(totals.with_data_type(total.clone())))
    };
    let whole = |counts: &[u64]| -> ArrayRef {
        let counts = counts.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(counts))
    };
    let own = |of: fn(&Summary<T>) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(summaries.iter().map(of)))
    };
    let in_units = |from: i64, to: i64| rule.calendar.days(from, to) / rule.unit_days;
    let t_x = |summary: &Summary<T>| {
        let (first, last) = summary.seen?;
        Some(if summary.events > 1 { in_units(first, last) } else { 0.0 })
    };
    let t = |summary: &Summary<T>| {
        let (first, last) = summary.seen?;
        Some(in_units(first, rule.as_of.0.max(last)))
    };
    let unit = T::unit(&rule.amount);
    let mean = |summary: &Summary<T>| {
        let repeats = u64::try_from(repeats(rule, summary)?).ok().filter(|count| *count > 0)?;
        Some(summary.repeat.over(unit.times(repeats)?)).filter(|mean| mean.is_finite())
    };
    let arrays = vec![
        rule.calendar.column(&seen(|(first, _)| first))?,
        rule.calendar.column(&seen(|(_, last)| last))?,
        own(|summary| summary.events),
        floats(&|summary| repeats(rule, summary).map(|count| count as f64)),
        floats(&t_x),
        floats(&t),
        money(|summary| summary.seen.map(|_| summary.repeat))?,
        money(|summary| summary.total)?,
        floats(&mean),
        own(|summary| summary.refunds),
        whole(nulls),
        whole(after),
    ];
    let fields = fields(rule.calendar.data_type(), &rule.amount);
    Ok(Arc::new(StructArray::try_new(fields, arrays, None)?))
}

/// How many events the repeat money is of; None without a purchase.
fn repeats<T: Money>(rule: &Rule, summary: &Summary<T>) -> Option<i64> {
    summary.seen?;
    Some(if rule.with_first { summary.events } else { summary.events - 1 })
}
