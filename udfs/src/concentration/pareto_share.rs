//! `pareto_share(value, 0.2)`: the share of the money that the top fifth of the customers bring.
//!
//! By hand: 50, 30, 10, 10. A fifth of four customers, rounded up, is one: 50 of 100, so 0.5. Half
//! of them is two: 0.8. Two thirds, rounded up, is three: 0.9, whichever of the tens is taken.

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};

use crate::amount::{Amount, too_large};
use crate::args::{Arguments, Fraction};
use crate::distribution::{self, Fold, Summary};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "pareto_share",
    aliases: &[],
    package: "Concentration",
    summary: "The share of the total that the top part of the customers brings: 0.68 reads 'the top \
              20 % bring 68 % of the sales'.",
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
            otherwise: Otherwise::Is("0.2"),
            about: "The part of the customers, from the top, rounded up to whole customers",
        },
        Parameter {
            name: "ties",
            kind: Kind::Choice(&["prorate", "include"]),
            otherwise: Otherwise::Is("'prorate'"),
            about: "Customers equal to the last one taken: only as many as fit, or all of them",
        },
    ],
    returns: "DOUBLE, a ratio. Above 1 is possible when others are negative. NULL without customers \
              or if the total is not above zero.",
    nulls: "NULL and NaN are skipped and not counted.",
    ties: "'prorate' takes exactly ceil(share * n) customers; which of the equal ones makes no \
           difference. 'include' takes all of them.",
    errors: "Planning: share outside 0..1, DISTINCT. Execution: an infinite value.",
    formula: "sum of the ceil(share * n) largest values / sum of all values, signed.",
    source: "Pareto's 80/20 rule; share is read as the decimal it is written as, so 0.1 of 30 is 3.",
    example: "SELECT pareto_share(v, 0.5) AS share FROM (VALUES (50), (30), (10), (10)) AS t(v)",
    answer: &["0.8"],
};

/// The function.
pub(crate) fn function() -> Function {
    distribution::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Summary> {
    let top =
        Top { share: arguments.share("share")?, include: arguments.choice("ties")? == "include" };
    let label = arguments.label("value");
    Ok(Box::new(move |distribution| {
        let share = distribution.fold(&top).ok_or_else(|| too_large(SPEC.name, &label))?;
        Ok(ScalarValue::Float64(share))
    }))
}

struct Top {
    share: Fraction,
    include: bool,
}

impl Fold for Top {
    type Output = Option<f64>;

    fn fold<A: Amount>(&self, runs: &[(A, u64)]) -> Option<Option<f64>> {
        let customers: u64 = runs.iter().map(|run| run.1).sum();
        let mut wanted = self.share.of_rounded_up(customers);
        let (mut top, mut total) = (A::ZERO, A::ZERO);
        for &(value, count) in runs.iter().rev() {
            let taken = if wanted > 0 && self.include { count } else { count.min(wanted) };
            wanted -= taken.min(wanted);
            top = top.plus(value.times(taken)?)?;
            total = total.plus(value.times(count)?)?;
        }
        Some(total.is_positive().then(|| top.over(total)))
    }
}
