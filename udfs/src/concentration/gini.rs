//! `gini(value)`: 0 if every customer spends the same, near 1 if one spends everything.
//!
//! By hand: 1, 1, 2. In ascending order with places 1, 2, 3 the weighted sum is 1 + 2 + 6 = 9, the
//! sum 4, so `2 * 9 / (3 * 4) - 4 / 3` = 1/6.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};

use crate::amount::{Amount, too_large};
use crate::args::Arguments;
use crate::distribution::{self, Fold, Summary};
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "gini",
    aliases: &[],
    package: "Concentration",
    summary: "How unevenly the money is spread over the customers: 0 is even, towards 1 a few have \
              it all.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Required,
            about: "Money per customer, one row per customer",
        },
        NEG,
    ],
    returns: "DOUBLE. 0 for a single customer. NULL without customers, if all values are zero, or if \
              the total is not above zero.",
    nulls: "NULL and NaN are skipped and not counted.",
    ties: "Equal values are interchangeable: no tie to break.",
    errors: "Planning: an unknown word for neg, DISTINCT. Execution: a negative value, unless neg \
             says what to do; an infinite value.",
    formula: "2 * sum(i * v_i) / (n * sum(v)) - (n + 1) / n, v ascending, i from 1. With neg => \
              'allow' it may exceed 1.",
    source: "Gini coefficient of a sample, without small-sample correction.",
    example: "SELECT gini(v) AS gini FROM (VALUES (0), (0), (0), (8)) AS t(v)",
    answer: &["0.75"],
};

/// The parameter `neg`.
pub(crate) const NEG: Parameter = Parameter {
    name: "neg",
    kind: Kind::Choice(&["error", "allow", "zero"]),
    otherwise: Otherwise::Is("'error'"),
    about: "Negative values: refuse them, take them as they are, or count them as zero",
};

/// The function.
pub(crate) fn function() -> Function {
    distribution::function(&SPEC, |_| DataType::Float64, plan)
}

fn plan(arguments: &Arguments) -> Result<Summary> {
    let negatives = Negatives::read(arguments)?;
    let label = arguments.label("value");
    Ok(Box::new(move |distribution| {
        match distribution.fold(&Gini { negatives }).ok_or_else(|| too_large(SPEC.name, &label))? {
            Some(gini) => Ok(ScalarValue::Float64(gini)),
            None => Err(negative(SPEC.name, &label)),
        }
    }))
}

/// What to do with negative values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Negatives {
    Refuse,
    Allow,
    AsZero,
}

impl Negatives {
    pub(crate) fn read(arguments: &Arguments) -> Result<Self> {
        Ok(match arguments.choice("neg")? {
            "allow" => Self::Allow,
            "zero" => Self::AsZero,
            _ => Self::Refuse,
        })
    }

    /// The value to count; None if it is refused.
    pub(crate) fn take<A: Amount>(self, value: A) -> Option<A> {
        match self {
            _ if value >= A::ZERO => Some(value),
            Self::Allow => Some(value),
            Self::AsZero => Some(A::ZERO),
            Self::Refuse => None,
        }
    }
}

/// The error for a negative value that nothing was said about.
pub(crate) fn negative(function: &str, label: &str) -> DataFusionError {
    DataFusionError::Execution(format!(
        "{function}: {label} holds a negative value: say neg => 'zero' to count it as nothing or \
         neg => 'allow' to take it as it is"
    ))
}

struct Gini {
    negatives: Negatives,
}

impl Fold for Gini {
    /// The outer None stands for a refused negative value, the inner for NULL.
    type Output = Option<Option<f64>>;

    fn fold<A: Amount>(&self, runs: &[(A, u64)]) -> Option<Option<Option<f64>>> {
        let (mut before, mut total, mut weighted) = (0_u64, A::ZERO, A::ZERO);
        for &(value, count) in runs {
            let Some(value) = self.negatives.take(value) else { return Some(None) };
            // Twice the sum of the places of the tie: they run from before + 1 to before + count.
            let places = u128::from(count) * (2 * u128::from(before) + u128::from(count) + 1);
            weighted = weighted.plus(value.times(u64::try_from(places).ok()?)?)?;
            total = total.plus(value.times(count)?)?;
            before += count;
        }
        if !total.is_positive() {
            return Some(Some(None));
        }
        // Exact until the division: (2 sum(i v) - (n + 1) sum(v)) / (n sum(v)).
        let spread = weighted.minus(total.times(before + 1)?)?;
        Some(Some(Some(spread.over(total.times(before)?))))
    }
}
