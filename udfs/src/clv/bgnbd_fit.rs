//! `bgnbd_fit(x, t_x, t)`: how a group of customers buys, and when it drops out.
//!
//! CDNOW, the customers of the published sample in weeks: r 0.243, alpha 4.414, a 0.793, b 2.426, a
//! log-likelihood of -9582.4, as in the paper.
//!
//! Half a dozen purchases tell little: below 30 customers, or without a single repeat purchase, the
//! answer is `status` 'insufficient' and no parameters.

use super::bgnbd::Bgnbd;
use super::fit;
use super::purchase_fit::{Candidate, PARAMETERS, plan};
use crate::function::{Function, Spec};

static SPEC: Spec = Spec {
    name: "bgnbd_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the BG/NBD model of repeat purchases and drop-out to a group of customers.",
    parameters: PARAMETERS,
    returns: "STRUCT(model, params [r, alpha, a, b], se, cov, ll, aic, bic, n, n_triples, n_null, \
              n_excluded, unit, status, grad_norm, iters, note, spearman, eta2, q_le_1). status is 'ok', \
              'ridge' (the data do not pin the parameters down; se and cov are NULL), 'unfinished', or \
              'insufficient' (below 30 customers or no repeat purchase; params are NULL); note says more \
              in words. The last three are of gammagamma_fit.",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same history are one term with their number as weight.",
    errors: "Execution: x not a whole number of at least 0, t_x outside 0..t, t_x without a repeat \
             purchase, a weight that is negative; the first such row in order and their number are \
             named. Planning: DISTINCT.",
    formula: "log L = lnG(r+x) - lnG(r) + r ln alpha + lnG(a+b) + lnG(b+x) - lnG(b) - lnG(a+b+x) + \
              ln(e^A3 + e^A4 [x > 0]), A3 = -(r+x) ln(alpha+t), A4 = ln a - ln(b+x-1) - (r+x) \
              ln(alpha+t_x); exact first and second derivatives, Newton's method on the logarithms.",
    source: "Fader, Hardie and Lee (2005), Counting Your Customers the Easy Way.",
    example: "SELECT m['model'], m['status'] FROM (SELECT bgnbd_fit(x, x, 10) AS m FROM generate_series(0, \
              9) AS t(x))",
    answer: &["bgnbd insufficient"],
};

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 3, |arguments| plan(arguments, CANDIDATE))
}

const CANDIDATE: Candidate = Candidate {
    name: "bgnbd",
    params: &["r", "alpha", "a", "b"],
    start: [0.5, 0.5, 0.8, 2.5],
    times: [false, true, false, false],
    note: Some(
        "p_alive is 1 for every customer without a repeat purchase; mbgnbd_fit makes no such exception",
    ),
    cost: |logs, histories, most| Bgnbd::from_logs(logs, 0.0).cost(histories, most),
};

#[cfg(test)]
mod tests {
    use super::super::bgnbd::History;
    use super::*;

    /// The paper's parameters for CDNOW, in weeks.
    const PAPER: Bgnbd = Bgnbd { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426, shift: 0.0 };

    fn near(given: f64, expected: f64, relative: f64) {
        assert!((given - expected).abs() <= relative * expected.abs(), "{given} is not {expected}");
    }

    #[test]
    fn the_derivatives_are_the_slopes() {
        let histories = [
            History { x: 0.0, tx: 0.0, t: 38.86, weight: 3.0 },
            History { x: 2.0, tx: 30.43, t: 38.86, weight: 2.0 },
            History { x: 26.0, tx: 30.857, t: 31.0, weight: 1.0 },
        ];
        for shift in [0.0, 1.0] {
            let logs = [-1.3, 1.4, -0.2, 0.9];
            let cost = |logs: &[f64]| Bgnbd::from_logs(logs, shift).cost(&histories, 26);
            let here = cost(&logs);
            let curvature = here.curvature.unwrap();
            for axis in 0..4 {
                let (mut up, mut down) = (logs, logs);
                up[axis] += 1e-6;
                down[axis] -= 1e-6;
                let (up, down) = (cost(&up), cost(&down));
                near(here.gradient[axis], (up.value - down.value) / 2e-6, 1e-7);
                let differences = up.gradient.iter().zip(&down.gradient);
                for (cell, (up, down)) in curvature[axis].iter().zip(differences) {
                    let slope = (up - down) / 2e-6;
                    assert!((cell - slope).abs() <= 1e-8 + 1e-7 * slope.abs(), "{cell} {slope}");
                }
            }
        }
    }

    #[test]
    fn the_likelihood_is_that_of_the_reference() {
        let one = |x: f64, tx: f64, shift: f64| {
            let model = Bgnbd { r: 0.25, alpha: 4.0, a: 0.8, b: 2.5, shift };
            let most = if x > 0.0 { 200 } else { 0 };
            -model.cost(&[History { x, tx, t: 40.0, weight: 1.0 }], most).value
        };
        near(one(0.0, 0.0, 0.0), -0.599_473_818, 1e-9);
        near(one(200.0, 38.0, 0.0), 100.795_693, 1e-8);
        near(one(0.0, 0.0, 1.0), -0.417_928_262, 1e-9);
        near(one(200.0, 38.0, 1.0), 100.786_910, 1e-8);
    }

    #[test]
    fn predictions_are_those_of_the_references() {
        let expected = |model: Bgnbd, x: f64, tx: f64, t: f64, horizon: f64| {
            model.p_alive(x, tx, t) * model.later(x, t).expected(horizon)
        };
        near(expected(PAPER, 2.0, 30.43, 38.86, 39.0), 1.226_028_174_767_14, 1e-14);
        let mbg = Bgnbd { r: 0.525, alpha: 6.183, a: 0.891, b: 1.614, shift: 1.0 };
        near(mbg.p_alive(2.0, 30.43, 38.86), 0.706_202_265_118_487, 1e-14);
        near(expected(mbg, 2.0, 30.43, 38.86, 39.0), 1.262_960_623_267_37, 1e-13);
        near(mbg.p_alive(0.0, 0.0, 38.86), 0.389_735_080_918_763, 1e-14);
        near(expected(mbg, 0.0, 0.0, 38.86, 39.0), 0.154_012_746_675_147, 1e-13);
        let odd = Bgnbd { r: 0.11, alpha: 2.24, a: 0.31, b: 0.5, shift: 0.0 };
        near(expected(odd, 0.0, 0.0, 1.0, 30.0), 0.564_588_615_532_785, 1e-13);
        assert_eq!(PAPER.expected(0.0), 0.0);
    }
}
