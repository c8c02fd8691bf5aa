//! `rfm_score(value, k)`: the customer's score from 1 to k among all customers.
//!
//! The score depends on the value alone: customers who did the same get the same score. `NTILE`,
//! which cuts the rows into equal heaps, gives the 12,054 CDNOW customers with a single purchase
//! day three different frequency scores; here they all get 1.
//!
//! By hand: values 10, 20, 20, 40 and k = 4. Nobody is below 10, so `1 + floor(4 * 0 / 4)` = 1; one
//! is below 20, so both get 2; three are below 40, so it gets 4. Score 3 stays empty.

use arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::{self, Contest, KEY, Labels, SIDE, TIES, Ties};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "rfm_score",
    aliases: &[],
    package: "RFM",
    summary: "The customer's score from 1 (worst) to k (best) among the customers of the partition, \
              by value: equal values get equal scores.",
    parameters: &[
        Parameter {
            name: "value",
            kind: Kind::Measure,
            otherwise: Otherwise::Required,
            about: "What is scored: last purchase date, number of purchase days, money spent",
        },
        Parameter {
            name: "k",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Required,
            about: "The best score, and the number of bins",
        },
        SIDE,
        TIES,
        Parameter {
            name: "dir",
            kind: Kind::Choice(&["asc", "desc"]),
            otherwise: Otherwise::Is("'asc'"),
            about: "'asc': more is better; 'desc': less is better, as for days since the last purchase",
        },
        KEY,
    ],
    returns: "INT, 1 to k. Bins a tie jumps over stay empty; scores are never renumbered. With fewer \
              than k customers scores are skipped; a single customer scores 1.",
    nulls: "NULL and NaN score NULL and are not counted.",
    ties: "Together in the bin of the worst of them (side => 'low'), the middle or the best. With \
           ties => 'split', key => a unique column, customers are lined up by value and then by key.",
    errors: "Planning: k, side, ties or dir out of range, 'split' without a key. Execution: an \
             infinite value, a key that is NULL or not unique.",
    formula: "low: 1 + floor(k * less / n); mid: 1 + floor(k * (less + equal / 2) / n); high: \
              ceil(k * (less + equal) / n); split: 1 + floor(k * place / n), place from 0.",
    source: "IBM SPSS RFM binning, independent, ties assigned to the same bin; tied_values_method of \
             IBM SPSS Modeler.",
    example: "SELECT v, rfm_score(v, 4) OVER () AS score FROM (VALUES (10), (20), (20), (40)) AS t(v) \
              ORDER BY v",
    answer: &["10 1", "20 2", "20 2", "40 4"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Int32, plan)
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let k = arguments.count("k")?;
    let ties = Ties::read(arguments)?;
    let less_is_better = arguments.choice("dir")? == "desc";
    let labels = Labels::read(arguments);
    Ok(Box::new(move |columns| {
        let mut contest = Contest::read(columns, &labels)?;
        if less_is_better {
            contest.value = contest.value.reversed();
        }
        let scores = bins::scores(&contest.value, contest.tiebreak.as_ref(), k, ties)?;
        window::scores(scores, contest.nulls())
    }))
}
