//! `value_tier(value)`: the customer's tier in the pyramid, by percent of the customers.
//!
//! The top 1 % are `top`, the next 4 % `big`, the next 15 % `medium`, the other 80 % `small`; who
//! spent nothing is `inactive`, who never ordered a `prospect`. Percentages are of the customers
//! that spent something, so a thousand prospects more do not move anybody.
//!
//! By hand: 40, 30, 20, 10, 0 and tiers at a quarter and a half. Of the four who spent, a quarter is
//! one customer: 40 is in the first tier, 30 in the second, 20 and 10 in the third.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;

use crate::args::{Arguments, Fraction};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::{self, Contest, KEY, Labels, SIDE, TIES, Ties, contradiction};
use crate::ranking::ordered::{float_of, whole_of};
use crate::ranking::{Ordered, Scale, Steps, reached};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "value_tier",
    aliases: &[],
    package: "Segments",
    summary: "The tier of the customer pyramid that the customer is in, by percent of the customers.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer",
        },
        Parameter {
            name: "tiers",
            kind: Kind::Shares,
            otherwise: Otherwise::Is("ARRAY[0.01, 0.05, 0.2]"),
            about: "Where each tier ends, as a share of the customers from the top",
        },
        Parameter {
            name: "names",
            kind: Kind::Names,
            otherwise: Otherwise::Is(
                "ARRAY['top', 'big', 'medium', 'small', 'inactive', 'prospect']",
            ),
            about: "One name per tier, one for the rest, and optionally one for customers without \
                    spend and one for those without orders",
        },
        Parameter {
            name: "orders",
            kind: Kind::Whole,
            otherwise: Otherwise::Absent,
            about: "Number of orders; NULL or 0 makes the customer a prospect",
        },
        SIDE,
        TIES,
        KEY,
    ],
    returns: "TEXT. Customers with negative spend have bought: they are in the lowest tier that \
              their place gives them.",
    nulls: "NULL, NaN and zero spend is 'inactive'; with orders given, no order is 'prospect'.",
    ties: "Together, in the tier of the worst of them (side => 'low'), the middle or the best; exact \
           percentages need ties => 'split', key => a unique column.",
    errors: "Planning: tiers that do not increase between 0 and 1, a wrong number of names. \
             Execution: an infinite value, a key that is NULL or not unique.",
    formula: "low: in the top share t if n - less <= t * n, n = customers with spend, less = those \
              with less of it.",
    source: "Curry's customer pyramid: 1, 4, 15 and 80 %.",
    example: "SELECT v, value_tier(v, tiers => ARRAY[0.25, 0.5], names => ARRAY['gold', 'silver', \
              'bronze']) OVER () AS tier FROM (VALUES (40), (30), (20), (10), (0)) AS t(v) ORDER BY \
              v DESC",
    answer: &["40 gold", "30 silver", "20 bronze", "10 bronze", "0 inactive"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Utf8, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let tiers = arguments.shares("tiers")?;
    let names = Names::read(arguments, tiers.len())?;
    let ties = Ties::read(arguments)?;
    let labels = Labels::read(arguments);
    let with_orders = arguments.has("orders");
    Ok(Box::new(move |columns| {
        let mut columns = columns.to_vec();
        let orders = with_orders.then(|| columns.remove(1));
        let mut contest = Contest::read(&columns, &labels)?;
        let rows = contest.value.keys.len();
        let zeros: Vec<bool> =
            contest.value.keys.iter().map(|key| is_zero(&contest.value.scale, *key)).collect();
        contest.value.retain(|row| !zeros[row]);
        let places = places(&mut contest, &tiers, ties)?;
        let mut result = StringBuilder::with_capacity(rows, rows * 8);
        for (row, place) in places.into_iter().enumerate() {
            let prospect = orders.as_ref().is_some_and(|orders| has_none(orders, row));
            result.append_value(if prospect {
                &names.prospect
            } else if contest.value.is_valid(row) {
                names.tiers.get(place).unwrap_or(&names.inactive)
            } else {
                &names.inactive
            });
        }
        Ok(Arc::new(result.finish()))
    }))
}

/// The tier of every row, 0 = top.
fn places(contest: &mut Contest, tiers: &[Fraction], ties: Ties) -> Result<Vec<usize>> {
    // From the lowest tier up: who has at least the rest of the customers below him.
    let rests: Vec<Fraction> = tiers.iter().rev().map(|tier| tier.rest()).collect();
    let bounds = bins::bounds(&contest.value, &rests, ties);
    // Among equals the smallest key is the best.
    let tiebreak = contest.tiebreak.take().map(Ordered::reversed);
    let steps = Steps { first: 0, each: 1 };
    let reached = reached(&contest.value, tiebreak.as_ref(), &bounds, steps)?;
    let place = |reached: i32| tiers.len() - usize::try_from(reached).unwrap_or_default();
    Ok(reached.into_iter().map(place).collect())
}

fn has_none(orders: &ArrayRef, row: usize) -> bool {
    let orders = orders.as_primitive::<Int64Type>();
    orders.is_null(row) || orders.value(row) == 0
}

fn is_zero(scale: &Scale, key: u64) -> bool {
    match scale {
        Scale::Whole => whole_of(key) == 0,
        Scale::Float => float_of(key) == 0.0,
        Scale::Decimal(list) => {
            usize::try_from(key).is_ok_and(|key| list.get(key).is_some_and(|v| *v == 0))
        }
        Scale::Wide(list) => usize::try_from(key)
            .is_ok_and(|key| list.get(key).is_some_and(|v| *v == arrow::datatypes::i256::ZERO)),
        Scale::Text => false,
    }
}

/// The names of the tiers and of the customers in none.
#[derive(Debug)]
struct Names {
    tiers: Vec<String>,
    inactive: String,
    prospect: String,
}

impl Names {
    fn read(arguments: &Arguments, tiers: usize) -> Result<Self> {
        let mut names = arguments.names("names")?;
        let (inactive, prospect) = if names.len() == tiers + 3 {
            (names.remove(tiers + 1), names.remove(tiers + 1))
        } else {
            ("inactive".to_owned(), "prospect".to_owned())
        };
        if names.len() == tiers + 1 {
            return Ok(Self { tiers: names, inactive, prospect });
        }
        let problem = format!(
            "{tiers} tiers need {} names, one per tier and one for the rest, or {} with those for \
             inactive customers and prospects; there are {}",
            tiers + 1,
            tiers + 3,
            names.len()
        );
        Err(contradiction(arguments, &problem))
    }
}
