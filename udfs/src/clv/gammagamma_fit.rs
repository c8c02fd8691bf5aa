//! `gammagamma_fit(x, m)`: what customers spend per purchase.
//!
//! CDNOW, 946 customers of the sample with repeat purchases: p 6.25, q 3.74, v 15.44.

use datafusion::common::{DataFusionError, Result};

use super::bgnbd_fit::{FEWEST, scale_covariance};
use super::fit::{self, Rows, Search};
use super::gammagamma::GammaGamma;
use super::minimize::{curvature, invert, largest, minimize};
use super::model::Fitted;
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
        Parameter {
            name: "w",
            kind: Kind::Real,
            otherwise: Otherwise::Absent,
            about: "How many customers the row stands for",
        },
        Parameter {
            name: "max_iter",
            kind: Kind::Count(1, 100_000),
            otherwise: Otherwise::Is("1000"),
            about: "The most steps of the search",
        },
    ],
    returns: "STRUCT as bgnbd_fit returns it, params [p, q, v]. With q at most 1 the population has no \
              mean spend and expected_spend is NULL.",
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
    let steps = usize::try_from(arguments.count("max_iter")?).unwrap_or(usize::MAX);
    Ok(Box::new(move |rows, nulls| {
        let wrong = |([x, m, _], weight): &([f64; 3], f64)| {
            !(0.0..f64::INFINITY).contains(x)
                || !m.is_finite()
                || !(0.0..f64::INFINITY).contains(weight)
        };
        if let Some(([x, m, _], _)) = rows.iter().find(|row| wrong(row)) {
            let others = rows.iter().filter(|row| wrong(row)).count();
            return Err(DataFusionError::Execution(format!(
                "gammagamma_fit: x = {x}, m = {m} are no purchases: x counts them and m is money per \
                 purchase ({others} such rows)"
            )));
        }
        Ok(search(rows, nulls, steps))
    }))
}

fn search(rows: &Rows, nulls: u64, steps: usize) -> Fitted {
    let taken: Vec<(f64, f64, f64)> = rows
        .iter()
        .filter(|([x, m, _], weight)| *x > 0.0 && *m > 0.0 && *weight > 0.0)
        .map(|([x, m, _], weight)| (*x, *m, *weight))
        .collect();
    let customers: f64 = taken.iter().map(|row| row.2).sum();
    let all: f64 = rows.iter().map(|row| row.1).sum();
    let mut fitted = Fitted {
        model: "gammagamma",
        distinct: taken.len(),
        nulls,
        n: customers,
        excluded: all - customers,
        status: "insufficient",
        ..Fitted::default()
    };
    if customers < FEWEST {
        return fitted;
    }
    // In units of the mean spend every parameter is of the order of one.
    let mean = taken.iter().map(|row| row.1 * row.2).sum::<f64>() / customers;
    let scaled: Vec<(f64, f64, f64)> = taken.iter().map(|&(x, m, w)| (x, m / mean, w)).collect();
    let cost = |logs: &[f64]| {
        let (value, gradient) = GammaGamma::from_logs(logs).cost(&scaled);
        (value / customers, gradient.into_iter().map(|slope| slope / customers).collect::<Vec<_>>())
    };
    let start = [2.0_f64, 3.0, 1.0].map(f64::ln).to_vec();
    let lowest = minimize(start, 1e-11, steps, cost);
    let found = GammaGamma::from_logs(&lowest.point);
    fitted.ll = -found.cost(&scaled).0 - customers * mean.ln();
    fitted.params = vec![found.p, found.q, found.v * mean];
    fitted.gradient = largest(&lowest.gradient);
    fitted.steps = lowest.steps;
    let curved = curvature(&lowest.point, |logs| {
        cost(logs).1.into_iter().map(|slope| slope * customers).collect()
    });
    let flat = fitted.gradient < 1e-5 * (1.0 + fitted.ll.abs()) / customers;
    fitted.covariance = scale_covariance(invert(&curved), &fitted.params);
    fitted.status = match (flat, fitted.covariance.is_empty()) {
        (true, false) => "ok",
        (true, true) => "ridge",
        (false, _) => "unfinished",
    };
    fitted
}
