//! `value_decile(value)`: the tenth of the money a customer stands for, 1 = the biggest spenders.
//!
//! Customers are lined up from the biggest down; each gets the tenth of the total that the middle
//! of his own money falls in. The first tenth of the CDNOW money is made by 102 customers, the last
//! by 11,549.
//!
//! By hand: 50, 30, 10, 10 and k = 2. The total is 100. The middle of the 50 lies at 25, in the
//! first half; the middle of the 30 at 65, in the second; so do both tens, taken together at 90.

use arrow::array::Int32Array;
use arrow::datatypes::{DataType, i256};
use datafusion::common::{DataFusionError, Result};
use std::sync::Arc;

use crate::amount::{Amount, Precise, too_large};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::{Contest, KEY, Labels, TIES, check_key};
use crate::ranking::fixed::Fixed;
use crate::ranking::ordered::{ZERO, float_of, whole_of};
use crate::ranking::stretch::{Stretch, stretches};
use crate::ranking::{Bound, Ordered, Scale, Steps, line, reached};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "value_decile",
    aliases: &[],
    package: "Deciles",
    summary: "The tenth of the money of the partition that the customer stands for: 1 = the few \
              biggest spenders who make the first tenth.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer; decimals and integers are added exactly",
        },
        Parameter {
            name: "k",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Is("10"),
            about: "The number of parts of equal money",
        },
        Parameter {
            name: "order",
            kind: Kind::Choice(&["desc", "asc"]),
            otherwise: Otherwise::Is("'desc'"),
            about: "'desc': part 1 holds the biggest spenders; 'asc': the smallest",
        },
        Parameter {
            name: "place",
            kind: Kind::Choice(&["mid", "end"]),
            otherwise: Otherwise::Is("'mid'"),
            about: "Which point of the customer's own money decides: its middle or its end",
        },
        TIES,
        KEY,
    ],
    returns: "INT, 1 to k. A customer with more than one k-th of the total fills several parts: he \
              gets the one of his place, the others stay empty. Zero and negative money is in the \
              last part ('asc': the first).",
    nulls: "NULL and NaN get NULL and are not counted. If the total is not above zero every row gets \
            NULL.",
    ties: "Together: equal customers are taken as one amount. With ties => 'split', key => a unique \
           column, each customer has his own place, smaller keys first.",
    errors: "Planning: k, order, place or ties out of range, 'split' without a key. Execution: an \
             infinite value, a total beyond 76 digits, a key that is NULL or not unique.",
    formula: "c = money before the customer in line, T = signed total; mid: 1 + floor(k * (c + value / 2) \
              / T), end: ceil(k * (c + value) / T), held to 1..k.",
    source: "tidybins::bin_equal_value, with zero and negative money in the last part instead of a \
             part 0.",
    example: "SELECT v, value_decile(v, 2) OVER () AS half FROM (VALUES (50), (30), (10), (10)) AS t(v) \
              ORDER BY v DESC",
    answer: &["50 1", "30 2", "10 2", "10 2"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Int32, plan)
}

/// The constants of a call.
#[derive(Debug, Clone, Copy)]
struct Rule {
    parts: u64,
    biggest_first: bool,
    by_middle: bool,
    split: bool,
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let rule = Rule {
        parts: arguments.count("k")?,
        biggest_first: arguments.choice("order")? == "desc",
        by_middle: arguments.choice("place")? == "mid",
        split: arguments.choice("ties")? == "split",
    };
    check_key(arguments, rule.split)?;
    let labels = Labels::read(arguments);
    Ok(Box::new(move |columns| {
        let contest = Contest::read(columns, &labels)?;
        let nulls = contest.nulls();
        let steps =
            steps(&contest.value, rule).ok_or_else(|| too_large(SPEC.name, &labels.value))?;
        let Some(steps) = steps else {
            return Ok(Arc::new(Int32Array::new_null(contest.value.keys.len())));
        };
        window::scores(rule.parts_of(&contest.value, contest.tiebreak, &steps)?, nulls)
    }))
}

/// The first row of a part, in the order of the line: so many rows into the tie of `key`.
#[derive(Debug, Clone, Copy)]
struct Step {
    key: u64,
    rows: u64,
    tie: u64,
}

/// Where each part after the first begins; the inner None if the total is not above zero, the
/// outer one if a sum has overflowed.
fn steps(value: &Ordered, rule: Rule) -> Option<Option<Vec<Step>>> {
    match &value.scale {
        Scale::Float => {
            let fixed = Fixed::of(value).and_then(|fixed| {
                let amount = |key| fixed.amount(key);
                walk(&stretches(value, amount, ZERO, rule.parts, rule.biggest_first)?, amount, rule)
            });
            fixed.or_else(|| walk(&ties(value, rule), |key| Precise::new(float_of(key)), rule))
        }
        Scale::Whole | Scale::Text => {
            let amount = |key| i128::from(whole_of(key));
            walk(&stretches(value, amount, ZERO, rule.parts, rule.biggest_first)?, amount, rule)
        }
        Scale::Decimal(list) => {
            let amount = |key| place(list, key);
            walk(&ties(value, rule), amount, rule)
                .or_else(|| walk(&ties(value, rule), |key| i256::from_i128(amount(key)), rule))
        }
        Scale::Wide(list) => walk(&ties(value, rule), |key| place(list, key), rule),
    }
}

fn ties<A>(value: &Ordered, rule: Rule) -> Vec<Stretch<A>> {
    let line = line(value.sorted(), rule.biggest_first);
    line.into_iter().map(|(key, count)| Stretch::Tie(key, count)).collect()
}

fn place<T: Copy + Default>(list: &[T], key: u64) -> T {
    usize::try_from(key).ok().and_then(|key| list.get(key)).copied().unwrap_or_default()
}

fn walk<A: Amount>(
    line: &[Stretch<A>],
    amount: impl Fn(u64) -> A,
    rule: Rule,
) -> Option<Option<Vec<Step>>> {
    let money = |stretch: &Stretch<A>| match *stretch {
        Stretch::Tie(key, count) => amount(key).times(count),
        Stretch::Block(money) => Some(money),
    };
    let mut total = A::ZERO;
    for stretch in line {
        total = total.plus(money(stretch)?)?;
    }
    if !total.is_positive() {
        return Some(None);
    }
    let mut steps = vec![];
    let mut part = 1;
    let mut before = A::ZERO;
    for stretch in line {
        if let Stretch::Tie(key, tie) = *stretch {
            let value = amount(key);
            if value.is_positive() {
                // Rows of a tie that are taken one by one, or the tie as a single amount.
                let (rows, each) = if rule.split { (tie, value) } else { (1, value.times(tie)?) };
                while part < rule.parts && rule.is_past(before, each, rows - 1, part, total)? {
                    let first =
                        first_row(rows, |row| rule.is_past(before, each, row, part, total))?;
                    steps.push(Step { key, rows: first, tie });
                    part += 1;
                }
            } else if rule.biggest_first {
                // Zero and negative money is in the last part.
                while part < rule.parts {
                    steps.push(Step { key, rows: 0, tie });
                    part += 1;
                }
            }
        }
        before = before.plus(money(stretch)?)?;
    }
    Some(Some(steps))
}

/// The first of the rows for which the condition holds, given that it holds for the last.
fn first_row(rows: u64, holds: impl Fn(u64) -> Option<bool>) -> Option<u64> {
    let (mut low, mut high) = (0, rows - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

impl Rule {
    /// True if the row, so many rows of `each` after `before`, is past the part.
    fn is_past<A: Amount>(self, before: A, each: A, row: u64, part: u64, total: A) -> Option<bool> {
        let start = before.plus(each.times(row)?)?;
        if self.by_middle {
            let doubled = start.times(2)?.plus(each)?;
            Some(doubled.times(self.parts)? >= total.times(2 * part)?)
        } else {
            Some(start.plus(each)?.times(self.parts)? > total.times(part)?)
        }
    }

    /// The part of every row.
    fn parts_of(
        self,
        value: &Ordered,
        tiebreak: Option<Ordered>,
        steps: &[Step],
    ) -> Result<Vec<i32>> {
        let beyond =
            |_| DataFusionError::Internal("value_decile accepts a k above its limit".into());
        if !self.biggest_first {
            let bounds: Vec<Bound> =
                steps.iter().map(|step| Bound { key: step.key, skip: step.rows }).collect();
            return reached(value, tiebreak.as_ref(), &bounds, Steps { first: 1, each: 1 });
        }
        // Bounds are counted upwards: those before a step in the line are those above it.
        let last = i32::try_from(steps.len() + 1).map_err(beyond)?;
        let tiebreak = tiebreak.map(Ordered::reversed);
        let bounds: Vec<Bound> = steps.iter().rev().filter_map(before_step).collect();
        reached(value, tiebreak.as_ref(), &bounds, Steps { first: last, each: -1 })
    }
}

/// The bound that the rows before the step, counted from the biggest, have reached; None if no
/// row can be before it.
fn before_step(step: &Step) -> Option<Bound> {
    if step.rows == 0 {
        step.key.checked_add(1).map(|key| Bound { key, skip: 0 })
    } else {
        Some(Bound { key: step.key, skip: step.tie - step.rows })
    }
}
