//! `bgnbd_fit(x, t_x, t)`: how a group of customers buys, and when it drops out.
//!
//! CDNOW, the customers of the published sample in weeks: r 0.243, alpha 4.414, a 0.793, b 2.426, a
//! log-likelihood of -9582.4, as in the paper.
//!
//! Half a dozen purchases tell little: below 30 customers, or without a single repeat purchase, the
//! answer is `status` 'insufficient' and no parameters.

use datafusion::common::{DataFusionError, Result};

use super::bgnbd::{Bgnbd, History};
use super::fit::{self, Rows, Search};
use super::minimize::{Slope, curvature, invert, largest, minimize, minimize_by_sample};
use super::model::{Fitted, check_history};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

/// The arguments of both purchase models.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "x",
        kind: Kind::Real,
        otherwise: Otherwise::Required,
        about: "Repeat purchases: purchase days after the first",
    },
    Parameter {
        name: "tx",
        kind: Kind::Real,
        otherwise: Otherwise::Required,
        about: "Time of the last purchase since the first, 0 without a repeat purchase",
    },
    Parameter {
        name: "t",
        kind: Kind::Real,
        otherwise: Otherwise::Required,
        about: "Time observed since the first purchase",
    },
    Parameter {
        name: "w",
        kind: Kind::Real,
        otherwise: Otherwise::Absent,
        about: "How many customers the row stands for",
    },
    Parameter {
        name: "unit",
        kind: Kind::Choice(&["week", "day", "month", "quarter", "year"]),
        otherwise: Otherwise::Is("'week'"),
        about: "The unit of tx and t; the model keeps it",
    },
    Parameter {
        name: "l2",
        kind: Kind::Number(0.0, f64::MAX),
        otherwise: Otherwise::Is("0"),
        about: "Pull of the logarithms of the parameters towards where the search starts; 0 is none",
    },
    Parameter {
        name: "max_iter",
        kind: Kind::Count(1, 100_000),
        otherwise: Otherwise::Is("1000"),
        about: "The most steps of the search",
    },
];

static SPEC: Spec = Spec {
    name: "bgnbd_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the BG/NBD model of repeat purchases and drop-out to a group of customers.",
    parameters: PARAMETERS,
    returns: "STRUCT(model, params [r, alpha, a, b], se, cov, ll, aic, bic, n, n_triples, n_null, \
              n_excluded, unit, status, grad_norm, iters). status is 'ok', 'ridge' (the data do not \
              pin the parameters down; se and cov are NULL), 'unfinished', or 'insufficient' (below 30 \
              customers or no repeat purchase; params are NULL).",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same history are one term with their number as weight.",
    errors: "Execution: x not a whole number of at least 0, t_x outside 0..t, t_x without a repeat \
             purchase, a weight that is negative; the first such row in order and their number are \
             named. Planning: DISTINCT.",
    formula: "log L = lnG(r+x) - lnG(r) + r ln alpha + lnG(a+b) + lnG(b+x) - lnG(b) - lnG(a+b+x) + \
              ln(e^A3 + e^A4 [x > 0]), A3 = -(r+x) ln(alpha+t), A4 = ln a - ln(b+x-1) - (r+x) \
              ln(alpha+t_x); exact gradient, BFGS on the logarithms.",
    source: "Fader, Hardie and Lee (2005), Counting Your Customers the Easy Way.",
    example: "SELECT m['model'], m['status'] FROM (SELECT bgnbd_fit(x, x, 10) AS m FROM generate_series(0, \
              9) AS t(x))",
    answer: &["bgnbd insufficient"],
};

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 3, |arguments| plan(arguments, "bgnbd", 0.0))
}

/// Fewer customers than this are not fitted.
pub(crate) const FEWEST: f64 = 30.0;

pub(crate) fn plan(arguments: &Arguments, model: &'static str, shift: f64) -> Result<Search> {
    let name = arguments.spec().name;
    let unit = arguments.choice("unit")?;
    let penalty = arguments.number("l2")?;
    let steps = usize::try_from(arguments.count("max_iter")?).unwrap_or(usize::MAX);
    Ok(Box::new(move |rows, nulls| {
        let histories = histories(rows, name)?;
        let fitted = Fitted { model, unit, nulls, distinct: histories.len(), ..Fitted::default() };
        Ok(search(histories, fitted, shift, penalty, steps))
    }))
}

/// The rows as histories; the first that is none is an error.
fn histories(rows: &Rows, function: &str) -> Result<Vec<History>> {
    let wrong = |([x, tx, t], weight): &([f64; 3], f64)| {
        check_history(function, *x, *tx, *t).is_err() || !(0.0..f64::INFINITY).contains(weight)
    };
    if let Some(first) = rows.iter().find(|row| wrong(row)) {
        let ([x, tx, t], weight) = *first;
        check_history(function, x, tx, t).map_err(|error| {
            let others = rows.iter().filter(|row| wrong(row)).count();
            let message = error.strip_backtrace();
            let message = message.trim_start_matches("Execution error: ");
            DataFusionError::Execution(format!("{message} ({others} such histories)"))
        })?;
        return Err(DataFusionError::Execution(format!(
            "{function}: a weight of {weight} is no number of customers"
        )));
    }
    let kept = rows.iter().filter(|row| row.1 > 0.0);
    Ok(kept
        .map(|([x, tx, t], weight)| History { x: *x, tx: *tx, t: *t, weight: *weight })
        .collect())
}

/// From so many histories on, the search begins with a sample of them: one in so many.
const MANY: usize = 50_000;
const SAMPLE: usize = 16;

fn search(
    mut histories: Vec<History>,
    mut fitted: Fitted,
    shift: f64,
    penalty: f64,
    steps: usize,
) -> Fitted {
    let total = |of: fn(&History) -> f64| histories.iter().map(|h| h.weight * of(h)).sum::<f64>();
    fitted.n = total(|_| 1.0);
    let purchases = total(|history| history.x);
    let longest = histories.iter().map(|history| history.t).fold(0.0, f64::max);
    if fitted.n < FEWEST || purchases == 0.0 || longest == 0.0 {
        fitted.status = "insufficient";
        return fitted;
    }
    // In units of the longest observation every parameter is of the order of one.
    let pace = purchases * longest / total(|history| history.t);
    for history in &mut histories {
        history.tx /= longest;
        history.t /= longest;
    }
    let scaled = histories;
    let most = scaled.iter().map(|history| history.x).fold(0.0, f64::max);
    let most = format!("{most:.0}").parse().unwrap_or_default();
    let start: Vec<f64> = [0.5, 0.5 / pace, 0.8, 2.5].iter().map(|v: &f64| v.ln()).collect();
    let customers = fitted.n;
    let cost_of = |histories: &[History], customers: f64, logs: &[f64]| {
        let (mut value, mut gradient) = Bgnbd::from_logs(logs, shift).cost(histories, most);
        for (axis, slope) in gradient.iter_mut().enumerate() {
            let away = logs[axis] - start[axis];
            value += customers * penalty * away * away;
            *slope += 2.0 * customers * penalty * away;
        }
        // Per customer, so that the slope that counts as flat does not depend on their number.
        (value / customers, gradient.into_iter().map(|slope| slope / customers).collect())
    };
    let cost = |logs: &[f64]| -> Slope { cost_of(&scaled, customers, logs) };
    let lowest = if scaled.len() < MANY {
        minimize(start.clone(), 1e-11, steps, cost)
    } else {
        let sample: Vec<History> = scaled.iter().step_by(SAMPLE).copied().collect();
        let sampled = sample.iter().map(|history| history.weight).sum();
        let of_sample = |logs: &[f64]| cost_of(&sample, sampled, logs);
        minimize_by_sample(start.clone(), 1e-11, steps, of_sample, cost)
    };
    let found = Bgnbd::from_logs(&lowest.point, shift);
    fitted.ll = -found.cost(&scaled, most).0 - purchases * longest.ln();
    fitted.params = vec![found.r, found.alpha * longest, found.a, found.b];
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

/// From the logarithms of the parameters to the parameters.
pub(crate) fn scale_covariance(inverse: Option<Vec<Vec<f64>>>, params: &[f64]) -> Vec<Vec<f64>> {
    let rows = inverse.unwrap_or_default().into_iter().zip(params);
    rows.map(|(row, p)| row.into_iter().zip(params).map(|(cell, q)| cell * p * q).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paper's parameters for CDNOW, in weeks.
    const PAPER: Bgnbd = Bgnbd { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426, shift: 0.0 };

    fn near(given: f64, expected: f64, relative: f64) {
        assert!((given - expected).abs() <= relative * expected.abs(), "{given} is not {expected}");
    }

    #[test]
    fn the_gradient_is_the_slope() {
        let histories = [
            History { x: 0.0, tx: 0.0, t: 38.86, weight: 3.0 },
            History { x: 2.0, tx: 30.43, t: 38.86, weight: 2.0 },
            History { x: 26.0, tx: 30.857, t: 31.0, weight: 1.0 },
        ];
        for shift in [0.0, 1.0] {
            let logs = [-1.3, 1.4, -0.2, 0.9];
            let cost = |logs: &[f64]| Bgnbd::from_logs(logs, shift).cost(&histories, 26);
            let gradient = cost(&logs).1;
            for axis in 0..4 {
                let (mut up, mut down) = (logs, logs);
                up[axis] += 1e-6;
                down[axis] -= 1e-6;
                near(gradient[axis], (cost(&up).0 - cost(&down).0) / 2e-6, 1e-7);
            }
        }
    }

    #[test]
    fn the_likelihood_is_that_of_the_reference() {
        let one = |x: f64, tx: f64, shift: f64| {
            let model = Bgnbd { r: 0.25, alpha: 4.0, a: 0.8, b: 2.5, shift };
            let most = if x > 0.0 { 200 } else { 0 };
            -model.cost(&[History { x, tx, t: 40.0, weight: 1.0 }], most).0
        };
        near(one(0.0, 0.0, 0.0), -0.599_473_818, 1e-9);
        near(one(200.0, 38.0, 0.0), 100.795_693, 1e-8);
        near(one(0.0, 0.0, 1.0), -0.417_928_262, 1e-9);
        near(one(200.0, 38.0, 1.0), 100.786_910, 1e-8);
    }

    #[test]
    fn predictions_are_those_of_the_references() {
        near(PAPER.expected(2.0, 30.43, 38.86, 39.0), 1.226_028_174_767_14, 1e-14);
        let mbg = Bgnbd { r: 0.525, alpha: 6.183, a: 0.891, b: 1.614, shift: 1.0 };
        near(mbg.p_alive(2.0, 30.43, 38.86), 0.706_202_265_118_487, 1e-14);
        near(mbg.expected(2.0, 30.43, 38.86, 39.0), 1.262_960_623_267_37, 1e-13);
        near(mbg.p_alive(0.0, 0.0, 38.86), 0.389_735_080_918_763, 1e-14);
        near(mbg.expected(0.0, 0.0, 38.86, 39.0), 0.154_012_746_675_147, 1e-13);
        let odd = Bgnbd { r: 0.11, alpha: 2.24, a: 0.31, b: 0.5, shift: 0.0 };
        near(odd.expected(0.0, 0.0, 1.0, 30.0), 0.564_588_615_532_785, 1e-13);
        assert_eq!(PAPER.expected_new(0.0), 0.0);
    }
}
