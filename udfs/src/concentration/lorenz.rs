//! `lorenz(value)`: the curve that shows how unevenly the money is spread.
//!
//! Each point says: the poorest part `p` of the customers have the part `l` of the money.
//!
//! By hand: 1, 1, 2 and two points. Half of three customers is the first one and half of the second,
//! 1.5 of 4.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};

use super::gini::{NEG, Negatives, negative};
use crate::amount::{Amount, too_large};
use crate::args::Arguments;
use crate::distribution::{self, Fold, Summary};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "lorenz",
    aliases: &[],
    package: "Concentration",
    summary: "The Lorenz curve: which part of the money the poorest part of the customers have.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer, one row per customer",
        },
        Parameter {
            name: "points",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Is("100"),
            about: "The number of steps from (0, 0) to (1, 1)",
        },
        NEG,
    ],
    returns: "LIST(STRUCT(p DOUBLE, l DOUBLE)), points + 1 items from (0, 0) to (1, 1). NULL without \
              customers or if the total is not above zero.",
    nulls: "NULL and NaN are skipped and not counted.",
    ties: "Equal values are interchangeable: no tie to break.",
    errors: "Planning: points or neg out of range, DISTINCT. Execution: a negative value, unless neg \
             says what to do; an infinite value.",
    formula: "l(p) = sum of the p * n smallest values / sum of all values; within a customer the curve \
              is straight.",
    source: "Lorenz curve of a sample.",
    example: "SELECT c['p'], c['l'] FROM (SELECT unnest(lorenz(v, points => 2)) AS c FROM (VALUES (1), (1), \
              (2)) AS t(v))",
    answer: &["0.0 0.0", "0.5 0.375", "1.0 1.0"],
};

/// The function.
pub(crate) fn function() -> Function {
    distribution::function(&SPEC, |_| DataType::List(Arc::new(item())), plan)
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("p", DataType::Float64, false),
        Field::new("l", DataType::Float64, false),
    ])
}

fn item() -> Field {
    Field::new_list_field(DataType::Struct(fields()), true)
}

fn plan(arguments: &Arguments) -> Result<Summary> {
    let curve =
        Curve { points: arguments.count("points")?, negatives: Negatives::read(arguments)? };
    let label = arguments.label("value");
    Ok(Box::new(move |distribution| {
        let curve = distribution.fold(&curve).ok_or_else(|| too_large(SPEC.name, &label))?;
        let Some(curve) = curve.ok_or_else(|| negative(SPEC.name, &label))? else {
            return ScalarValue::try_from(&DataType::List(Arc::new(item())));
        };
        let (shares, money): (Vec<f64>, Vec<f64>) = curve.into_iter().unzip();
        let arrays: Vec<ArrayRef> =
            vec![Arc::new(Float64Array::from(shares)), Arc::new(Float64Array::from(money))];
        let items = StructArray::try_new(fields(), arrays, None)?;
        let offsets = OffsetBuffer::from_lengths([items.len()]);
        let list = ListArray::try_new(Arc::new(item()), offsets, Arc::new(items), None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }))
}

struct Curve {
    points: u64,
    negatives: Negatives,
}

impl Fold for Curve {
    /// The outer None stands for a refused negative value, the inner for NULL.
    type Output = Option<Option<Vec<(f64, f64)>>>;

    fn fold<A: Amount>(&self, runs: &[(A, u64)]) -> Option<Self::Output> {
        let (mut total, mut customers) = (A::ZERO, 0);
        for &(value, count) in runs {
            let Some(value) = self.negatives.take(value) else { return Some(None) };
            total = total.plus(value.times(count)?)?;
            customers += count;
        }
        if !total.is_positive() {
            return Some(Some(None));
        }
        let all = total.times(self.points)?;
        let (mut curve, mut point) = (vec![], 0);
        let (mut before, mut sum) = (0, A::ZERO);
        for &(value, count) in runs {
            let value = self.negatives.take(value)?;
            // Points within this tie; everything is multiplied by `points`, so customers stay whole.
            while point <= self.points
                && point.checked_mul(customers)? <= (before + count).checked_mul(self.points)?
            {
                let into = point * customers - before * self.points;
                let money = sum.times(self.points)?.plus(value.times(into)?)?;
                curve.push((point as f64 / self.points as f64, money.over(all)));
                point += 1;
            }
            before += count;
            sum = sum.plus(value.times(count)?)?;
        }
        Some(Some(Some(curve)))
    }
}
