//! `pareto_customers(value, 0.8)`: how few customers bring 80 % of the money.
//!
//! By hand: 50, 30, 10, 10. The first brings 50 of 100, the first two 80: two customers, half of
//! them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};

use crate::amount::{Amount, too_large};
use crate::args::{Arguments, Fraction};
use crate::distribution::{self, Fold, Summary};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "pareto_customers",
    aliases: &[],
    package: "Concentration",
    summary: "The least number of customers that bring a share of the money, and which part of all \
              customers that is.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer, one row per customer",
        },
        Parameter {
            name: "share",
            kind: Kind::Share,
            otherwise: Otherwise::Is("0.8"),
            about: "The share of the money to reach",
        },
    ],
    returns: "STRUCT(n BIGINT, frac DOUBLE). NULL without customers or if the total is not above zero.",
    nulls: "NULL and NaN are skipped and not counted.",
    ties: "Among equal customers it makes no difference who is taken.",
    errors: "Planning: share outside 0..1, DISTINCT. Execution: an infinite value.",
    formula: "least n with sum of the n largest values >= share * sum of all values, signed; frac = n / \
              customers.",
    source: "Pareto's 80/20 rule.",
    example: "SELECT p['n'], p['frac'] FROM (SELECT pareto_customers(v, 0.8) AS p FROM (VALUES (50), (30), \
              (10), (10)) AS t(v))",
    answer: &["2 0.5"],
};

/// The function.
pub(crate) fn function() -> Function {
    distribution::function(&SPEC, |_| DataType::Struct(fields()), plan)
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("frac", DataType::Float64, false),
    ])
}

fn plan(arguments: &Arguments) -> Result<Summary> {
    let fewest = Fewest { share: arguments.share("share")? };
    let label = arguments.label("value");
    Ok(Box::new(move |distribution| {
        let found = distribution.fold(&fewest).ok_or_else(|| too_large(SPEC.name, &label))?;
        let Some(customers) = found else {
            return ScalarValue::try_from(&DataType::Struct(fields()));
        };
        let part = customers as f64 / distribution.rows() as f64;
        let customers = i64::try_from(customers).unwrap_or(i64::MAX);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![customers])),
            Arc::new(Float64Array::from(vec![part])),
        ];
        Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields(), arrays, None)?)))
    }))
}

struct Fewest {
    share: Fraction,
}

impl Fold for Fewest {
    type Output = Option<u64>;

    fn fold<A: Amount>(&self, runs: &[(A, u64)]) -> Option<Option<u64>> {
        let mut total = A::ZERO;
        for &(value, count) in runs {
            total = total.plus(value.times(count)?)?;
        }
        if !total.is_positive() {
            return Some(None);
        }
        let goal = total.times(self.share.numerator)?;
        let (mut customers, mut sum) = (0, A::ZERO);
        for &(value, count) in runs.iter().rev() {
            let reaches = |more: u64| {
                let sum = sum.plus(value.times(more)?)?;
                Some(sum.times(self.share.denominator)? >= goal)
            };
            if reaches(count)? {
                return fewest(count, reaches).map(|more| Some(customers + more));
            }
            customers += count;
            sum = sum.plus(value.times(count)?)?;
        }
        Some(None)
    }
}

/// The least number up to `count` that reaches the goal, given that `count` does.
fn fewest(count: u64, reaches: impl Fn(u64) -> Option<bool>) -> Option<u64> {
    let (mut low, mut high) = (1, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}
