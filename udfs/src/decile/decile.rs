//! `decile(value)`: the tenth of the customers somebody is in, 1 = best.
//!
//! The mirror of `rfm_score`: `decile = k + 1 - score`, so that the two never disagree. With the
//! default `side => 'low'` a tie goes to the worse decile, here the higher number.
//!
//! By hand: values 10, 20, 20, 40 and k = 4. 40 has three customers below: decile 1. 20 has one:
//! decile 3. 10 has none: decile 4.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::{self, Contest, KEY, Labels, SIDE, TIES, Ties};
use crate::ranking::{Ordered, Steps};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "decile",
    aliases: &["customer_decile"],
    package: "Deciles",
    summary: "The tenth of the customers of the partition that the customer is in: 1 = the best.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Measure,
            otherwise: Otherwise::Required,
            about: "What the customers are lined up by; more is better",
        },
        Parameter {
            name: "k",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Is("10"),
            about: "The number of parts: 10 for deciles, 4 for quartiles, 100 for percentiles",
        },
        SIDE,
        TIES,
        KEY,
    ],
    returns: "INT, 1 (best) to k. Deciles a tie jumps over stay empty; with fewer than k customers \
              deciles are skipped.",
    nulls: "NULL and NaN get NULL and are not counted.",
    ties: "Together, in the decile of the worst of them (side => 'low'), the middle or the best. \
           Exactly equal parts need ties => 'split', key => a unique column: customers are lined up \
           best first, then by key.",
    errors: "Planning: k, side or ties out of range, 'split' without a key. Execution: an infinite \
             value, a key that is NULL or not unique.",
    formula: "k + 1 - rfm_score(value, k); low: k - floor(k * less / n).",
    source: "NTILE(10) OVER (ORDER BY value DESC), by value instead of by row.",
    example: "SELECT v, decile(v, 4) OVER () AS quarter FROM (VALUES (10), (20), (20), (40)) AS t(v) \
              ORDER BY v",
    answer: &["10 4", "20 3", "20 3", "40 1"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Int32, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let k = arguments.count("k")?;
    let worst = i32::try_from(k)
        .map_err(|_| DataFusionError::Internal("decile accepts a k above its limit".to_owned()))?;
    let ties = Ties::read(arguments)?;
    let labels = Labels::read(arguments);
    Ok(Box::new(move |columns| {
        let contest = Contest::read(columns, &labels)?;
        let nulls = contest.nulls();
        // The line goes from the worst to the best; among equals the smallest key is the best.
        let tiebreak = contest.tiebreak.map(Ordered::reversed);
        let steps = Steps { first: worst, each: -1 };
        let deciles = bins::bin(&contest.value, tiebreak.as_ref(), k, ties, steps)?;
        window::scores(deciles, nulls)
    }))
}
