//! `gammagamma_fit(x, m)`: what customers spend per purchase.
//!
//! CDNOW, 946 customers of the sample with repeat purchases: p 6.25, q 3.74, v 15.44.

use datafusion::common::Result;

use super::estimate::{FEWEST, L2, MAX_ITER, Options, START, W, check_rows};
use super::fit::{self, Rows, Search};
use super::gammagamma::GammaGamma;
use super::independence::independence;
use super::model::{Fitted, Independence};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "gammagamma_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the Gamma-Gamma model of spend per purchase to the customers with repeat purchases.",
    parameters: &[
        Parameter {
            name: "x",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Repeat purchases",
        },
        Parameter {
            name: "m",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Average money per repeat purchase; NULL for customers without one",
        },
        W,
        MAX_ITER,
        L2,
        START,
    ],
    returns: "STRUCT as bgnbd_fit returns it, params [p, q, v]. q_le_1: with q at most 1 the population has \
              no mean spend and expected_spend is NULL. spearman (rank correlation of x and m, -1 to 1) and \
              eta2 (the part of the variance of m between different x, 0 to 1) say how far spend depends on \
              frequency, which the model takes for nothing; note says so from 0.3 and 0.25 on.",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same x and m are one term with their number as weight.",
    errors: "Execution: an infinite value, x negative. Customers with x = 0 or m not above zero are \
             left out and counted in n_excluded.",
    formula: "log L = lnG(px+q) - lnG(px) - lnG(q) + q ln v + (px-1) ln m + px ln x - (px+q) ln(xm+v).",
    source: "Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value.",
    example: "SELECT m['model'], m['status'], m['n_excluded'] = 1 FROM (SELECT gammagamma_fit(x, 10 + x) AS m \
              FROM generate_series(0, 9) AS t(x))",
    answer: &["gammagamma insufficient true"],
};

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 2, plan)
}

fn plan(arguments: &Arguments) -> Result<Search> {
    let options = Options::read(arguments, &["p", "q", "v"])?;
    Ok(Box::new(move |rows, nulls| {
        check_rows(SPEC.name, rows, |[x, m, _]| {
            let wrong = !(0.0..f64::INFINITY).contains(x) || !m.is_finite();
            wrong.then(|| {
                format!(
                    "x = {x}, m = {m} are no purchases: x counts them and m is money per purchase"
                )
            })
        })?;
        Ok(search(rows, nulls, &options))
    }))
}

fn search(rows: &Rows, nulls: u64, options: &Options) -> Fitted {
    let taken: Vec<(f64, f64, f64)> = rows
        .iter()
        .filter(|([x, m, _], weight)| *x > 0.0 && *m > 0.0 && *weight > 0.0)
        .map(|([x, m, _], weight)| (*x, *m, *weight))
        .collect();
    let customers: f64 = taken.iter().map(|row| row.2).sum();
    let all: f64 = rows.iter().map(|row| row.1).sum();
    let independence = independence(&taken);
    let fitted = Fitted {
        model: "gammagamma",
        distinct: taken.len(),
        nulls,
        n: customers,
        excluded: all - customers,
        independence: Some(independence),
        ..Fitted::default()
    };
    if customers < FEWEST {
        return fitted.insufficient("below 30 customers with repeat purchases and money");
    }
    // In units of the mean spend every parameter is of the order of one.
    let mean = taken.iter().map(|row| row.1 * row.2).sum::<f64>() / customers;
    let scaled: Vec<(f64, f64, f64)> = taken.iter().map(|&(x, m, w)| (x, m / mean, w)).collect();
    let offset = -customers * mean.ln();
    let mut fitted = options.estimate(
        fitted,
        &[2.0, 3.0, 1.0],
        &[1.0, 1.0, mean],
        offset,
        |logs| GammaGamma::from_logs(logs).cost(&scaled),
        None,
    );
    let warnings = warnings(independence, fitted.params.get(1).copied());
    fitted.note =
        fitted.note.into_iter().chain(warnings).reduce(|all, one| format!("{all}; {one}"));
    fitted
}

/// What to know before the fit is used.
fn warnings(independence: Independence, q: Option<f64>) -> impl Iterator<Item = String> {
    const RANKS: f64 = 0.3;
    const SHARE: f64 = 0.25;
    let heavy = q.filter(|q| *q <= 1.0);
    let heavy = heavy.map(|q| format!("q is {q:.3}: no mean spend, expected_spend is NULL"));
    let ranks = independence.spearman.filter(|rho| rho.abs() >= RANKS);
    let ranks = ranks.map(|rho| format!("spend depends on frequency: spearman {rho:.2}"));
    let share = independence.eta2.filter(|share| *share >= SHARE);
    let share = share.map(|share| format!("spend depends on frequency: eta2 {share:.2}"));
    heavy.into_iter().chain(ranks).chain(share)
}
