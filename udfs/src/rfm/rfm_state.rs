//! `rfm_state(ts, amount, as_of)`: the purchase history of one customer in the numbers a model needs.
//!
//! One customer per group. Purchases of a day (or another `collapse` grain) are one event; x counts the
//! events after the first, t_x is the time from the first purchase to the last and t the time from the
//! first to the end of the observation, both in average units.
//!
//! By hand, in days, as of 10 January: 50 on the 1st, 20 and 10 on the 5th, a refund of 5 on the 8th.
//! Two events, x = 1, t_x = 4, t = 9. The refund belongs to the purchase before it: the repeat money
//! is 20 + 10 - 5 = 25, all of it on the one repeat event, m = 25. With the first 50 the total is 75.

use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Accumulator, GroupsAccumulator};

use super::histories::{self, Histories, Single};
use crate::aggregate::{self, Gather, StartMany};
use crate::args::Arguments;
use crate::calendar::{Calendar, Grain, UNITS, unit_days};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::totals::Money;

/// What is done with refunds; the first is the default.
pub(crate) const REFUNDS: &[&str] = &["net", "drop", "reject"];

static SPEC: Spec = Spec {
    name: "rfm_state",
    aliases: &[],
    package: "RFM",
    summary: "The purchase history of one customer, the rows of the group, as the purchase and spending \
              models take it.",
    parameters: &[
        Parameter {
            name: "ts",
            kind: Kind::Moment,
            otherwise: Otherwise::Required,
            about: "When the row was bought or given back",
        },
        Parameter {
            name: "amount",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money of the row; at least 0 is a purchase (a gift is one), below 0 a refund",
        },
        Parameter {
            name: "as_of",
            kind: Kind::Instant,
            otherwise: Otherwise::Required,
            about: "The end of the observation, itself included; a date is its whole day",
        },
        Parameter {
            name: "unit",
            kind: Kind::Choice(UNITS),
            otherwise: Otherwise::Is("'week'"),
            about: "The unit of t_x and t, in its average length: a month is 365.25 / 12 days",
        },
        Parameter {
            name: "collapse",
            kind: Kind::Choice(Grain::WORDS),
            otherwise: Otherwise::Is("'day'"),
            about: "Purchases within one of these, in the time zone of ts, are one event; weeks begin on \
                    Monday",
        },
        Parameter {
            name: "on_negative",
            kind: Kind::Choice(REFUNDS),
            otherwise: Otherwise::Is("'net'"),
            about: "Refunds: taken off the money, left out, or an error",
        },
        Parameter {
            name: "include_first",
            kind: Kind::Choice(&["false", "true"]),
            otherwise: Otherwise::Is("false"),
            about: "true: x and the repeat money include the first event",
        },
    ],
    returns: "STRUCT(first, last, events BIGINT, x DOUBLE, t_x DOUBLE, t DOUBLE, repeat_sum, total, m DOUBLE, \
              n_refund BIGINT, n_null BIGINT, n_after BIGINT). first and last are the first and last purchase, \
              of the type of ts; repeat_sum and total have the type of SUM(amount). m is the money per \
              repeat event, NULL without one. n_refund, n_null and n_after count refunds, rows skipped \
              for a NULL, and rows after as_of. Without a purchase events is 0 and first, last, x, t_x, t \
              and repeat_sum are NULL.",
    nulls: "Rows with NULL in ts or amount, or NaN, are skipped and counted in n_null.",
    ties: "Purchases of the same day are one event, whatever their number and order.",
    errors: "Planning: as_of not a date or timestamp, a word out of range, DISTINCT. Execution: an infinite \
             amount; a refund with on_negative => 'reject'; a total too large for its type.",
    formula: "events = distinct days with a purchase; x = events - 1; t_x = (last - first) / unit, 0 with one \
              event; t = (as_of - first) / unit; m = repeat_sum / x. A refund changes money, never timing: \
              it belongs to the last event not after it, a refund before every purchase to the first. \
              repeat_sum is the money of all events but the first. If as_of is a date and the last \
              purchase later on that day, t ends with the purchase.",
    source: "lifetimes summary_data_from_transaction_data, where a purchase of 0.00 is one too; refunds as in \
             clvkit; NULL instead of 0 for the money of one-time buyers.",
    example: "SELECT s['x'], s['t_x'], s['t'], s['repeat_sum'], s['total'], s['m'] FROM (SELECT rfm_state(d, v, DATE \
              '2024-01-10', unit => 'day') AS s FROM (VALUES (DATE '2024-01-01', 50), (DATE '2024-01-05', 20), \
              (DATE '2024-01-05', 10), (DATE '2024-01-08', -5)) AS t(d, v))",
    answer: &["1.0 4.0 9.0 25 75 25.0"],
};

/// The function.
pub(crate) fn function() -> Function {
    aggregate::function(&SPEC, State)
}

/// The history of a customer.
struct State;

impl Gather for State {
    fn check(&self, _arguments: &Arguments) -> Result<()> {
        Ok(())
    }

    fn returns(&self, given: &[DataType]) -> DataType {
        histories::returns(given)
    }

    fn state(&self, given: &[DataType]) -> Vec<(&'static str, DataType)> {
        histories::state(given)
    }

    fn start(&self, arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn Accumulator>> {
        one(arguments, given)
    }

    fn start_many(&self) -> Option<StartMany> {
        Some(many)
    }
}

/// What to do with refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refunds {
    Net,
    Drop,
    Reject,
}

/// The constants of a call.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) calendar: Calendar,
    /// The end of the observation: where it begins, from which time is measured, and its last tick.
    pub(crate) as_of: (i64, i64),
    pub(crate) unit_days: f64,
    pub(crate) grain: Grain,
    pub(crate) refunds: Refunds,
    pub(crate) with_first: bool,
    /// The amount as the caller wrote it.
    pub(crate) label: String,
    pub(crate) amount: DataType,
}

impl Rule {
    fn read(arguments: &Arguments, given: &[DataType]) -> Result<Self> {
        let [ts, amount, ..] = given else { return Err(internal("two columns")) };
        let calendar = Calendar::of(ts).ok_or_else(|| internal("a column of moments"))?;
        let as_of = arguments.instant("as_of")?.ok_or_else(|| internal("its as_of"))?;
        Ok(Self {
            as_of: calendar.span(&as_of)?,
            calendar,
            unit_days: unit_days(arguments.choice("unit")?),
            grain: Grain::read(arguments.choice("collapse")?),
            refunds: match arguments.choice("on_negative")? {
                "drop" => Refunds::Drop,
                "reject" => Refunds::Reject,
                _ => Refunds::Net,
            },
            with_first: arguments.choice("include_first")? == "true",
            label: arguments.label("amount"),
            amount: amount.clone(),
        })
    }
}

fn internal(what: &str) -> DataFusionError {
    DataFusionError::Internal(format!("rfm_state did not get {what}"))
}

fn one(arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn Accumulator>> {
    fn boxed<T: Money>(rule: Rule) -> Box<dyn Accumulator> {
        Box::new(Single::<T>::new(rule))
    }
    let rule = Rule::read(arguments, given)?;
    Ok(match rule.amount {
        DataType::Float64 => boxed::<Float64Type>(rule),
        DataType::Decimal128(..) => boxed::<Decimal128Type>(rule),
        DataType::Decimal256(..) => boxed::<Decimal256Type>(rule),
        _ => boxed::<Int64Type>(rule),
    })
}

fn many(arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
    fn boxed<T: Money>(rule: Rule) -> Box<dyn GroupsAccumulator> {
        Box::new(Histories::<T>::new(rule))
    }
    let rule = Rule::read(arguments, given)?;
    Ok(match rule.amount {
        DataType::Float64 => boxed::<Float64Type>(rule),
        DataType::Decimal128(..) => boxed::<Decimal128Type>(rule),
        DataType::Decimal256(..) => boxed::<Decimal256Type>(rule),
        _ => boxed::<Int64Type>(rule),
    })
}
