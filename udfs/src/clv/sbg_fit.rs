//! `sbg_fit(t, churned)`: how customers under contract renew.
//!
//! A row is a customer, or with `w` many alike: of 1,000 of whom 869 renewed once and 743 twice, (1, true,
//! 131), (2, true, 126), (2, false, 743). From a table of survivors by age that is `lag(survivors) OVER
//! (ORDER BY age) - survivors` per age, and what is left at the last age.

use datafusion::common::Result;

use super::bgbb_fit::PERIODS;
use super::bgnbd::index;
use super::estimate::{FEWEST, L2, MAX_ITER, Options, START, UNIT, W, check_rows};
use super::fit::{self, Rows, Search};
use super::model::Fitted;
use super::sbg::{Contracts, Sbg};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "sbg_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the shifted beta-geometric model to customers under contract, who renew or leave.",
    parameters: &[
        Parameter {
            name: "t",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Who left: the renewal at which he did, 1 for the first. Who is still there: how often \
                    he has renewed so far",
        },
        Parameter {
            name: "churned",
            kind: Kind::Flag,
            otherwise: Otherwise::Required,
            about: "True if he left",
        },
        W,
        Parameter { otherwise: Otherwise::Is("'year'"), kind: Kind::Choice(PERIODS), ..UNIT },
        L2,
        MAX_ITER,
        START,
    ],
    returns: "STRUCT as bgnbd_fit returns it, params [alpha, beta]: chances to leave at a renewal are \
              beta(alpha, beta).",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same t who both left or both stayed are one term with their number as weight.",
    errors: "Execution: t not a whole number, below 0, or below 1 for somebody who left, a weight that is \
             negative; the first such row in order and their number are named. Planning: DISTINCT.",
    formula: "log L = sum of ln P(t) over those who left and of ln S(t) over the others, P(t) = B(alpha+1, \
              beta+t-1) / B(alpha, beta), S(t) = B(alpha, beta+t) / B(alpha, beta); exact gradient, BFGS on \
              the logarithms. Nobody left, or nobody stayed: 'insufficient'.",
    source: "Fader and Hardie (2007), How to Project Customer Retention.",
    example: "SELECT m['status'], round(m['params'][1], 3) AS alpha, round(m['params'][2], 3) AS beta FROM \
              (SELECT sbg_fit(t, churned, w) AS m FROM (VALUES (1, true, 131), (2, true, 126), (3, true, 90), \
              (4, true, 60), (5, true, 42), (6, true, 34), (7, true, 26), (7, false, 491)) AS c(t, churned, \
              w))",
    answer: &["ok 0.668 3.806"],
};

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 2, plan)
}

/// The most renewals: the fit keeps a table of that length.
const MOST: f64 = 1e6;

/// What is wrong with a contract, if anything is.
fn problem(t: f64, churned: f64) -> Option<String> {
    let problem = if !(0.0..=MOST).contains(&t) || t.fract() != 0.0 {
        "t counts renewals: a whole number from 0 to a million"
    } else if churned != 0.0 && t == 0.0 {
        "who left did so at his first renewal, t = 1, or later"
    } else {
        return None;
    };
    Some(format!("t = {t}, churned = {} is no contract: {problem}", churned != 0.0))
}

fn plan(arguments: &Arguments) -> Result<Search> {
    let unit = arguments.choice("unit")?;
    let options = Options::read(arguments, &["alpha", "beta"])?;
    Ok(Box::new(move |rows, nulls| {
        check_rows(SPEC.name, rows, |[t, churned, _]| problem(*t, *churned))?;
        Ok(search(rows, Fitted { model: "sbg", unit, nulls, ..Fitted::default() }, &options))
    }))
}

fn search(rows: &Rows, mut fitted: Fitted, options: &Options) -> Fitted {
    let kept = rows.iter().filter(|row| row.1 > 0.0);
    let contracts: Vec<Contracts> = kept
        .map(|([t, churned, _], weight)| Contracts {
            t: index(*t),
            churned: *churned != 0.0,
            weight: *weight,
        })
        .collect();
    fitted.distinct = contracts.len();
    fitted.n = contracts.iter().map(|contract| contract.weight).sum();
    let problem = if fitted.n < FEWEST {
        Some("below 30 customers")
    } else if contracts.iter().all(|contract| !contract.churned) {
        Some("nobody left")
    } else if contracts.iter().all(|contract| contract.churned || contract.t == 0) {
        Some("nobody stayed")
    } else {
        None
    };
    if let Some(problem) = problem {
        return fitted.insufficient(problem);
    }
    let most = contracts.iter().map(|contract| contract.t).max().unwrap_or_default();
    options.estimate(
        fitted,
        &[1.0, 2.0],
        &[1.0; 2],
        0.0,
        |logs| Sbg::from_logs(logs).cost(&contracts, most),
        None,
    )
}
