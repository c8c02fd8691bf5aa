//! `pnbd_fit(x, t_x, t)`: how a group of customers buys, and when it leaves, at any moment.
//!
//! CDNOW, the customers of the published sample in weeks: r 0.553, alpha 10.578, s 0.606, beta 11.669, a
//! log-likelihood of -9595.0, as in the paper.

use super::fit;
use super::pnbd::Pnbd;
use super::purchase_fit::{Candidate, PARAMETERS, plan};
use crate::function::{Function, Spec};

static SPEC: Spec = Spec {
    name: "pnbd_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the Pareto/NBD model: customers buy at their own rate and may leave at any moment, not \
              only after a purchase.",
    parameters: PARAMETERS,
    returns: "STRUCT as bgnbd_fit returns it, params [r, alpha, s, beta]: purchase rates are gamma(r, \
              alpha), leaving rates gamma(s, beta).",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same history are one term with their number as weight.",
    errors: "As bgnbd_fit.",
    formula: "log L = lnG(r+x) - lnG(r) + r ln alpha + s ln beta + ln(L1 + L2); with k = r+s+x and alpha >= \
              beta: L1 = s/k (beta+t_x)^-s (alpha+t_x)^-(r+x) F(r+x, (alpha-beta)/(alpha+t_x)), L2 = (r+x)/k \
              (beta+t)^(1-s) (alpha+t)^-(r+x+1) F(r+x+1, (alpha-beta)/(alpha+t)), F(b, z) = 2F1(1, b; k+1; \
              z), a sum of positive terms; for alpha < beta the roles are exchanged. Exact gradient, BFGS on \
              the logarithms.",
    source: "Schmittlein, Morrison and Colombo (1987); Fader and Hardie (2005), A Note on Deriving the \
             Pareto/NBD Model, in a form without differences.",
    example: "SELECT m['model'], m['status'] FROM (SELECT pnbd_fit(x, x, 10) AS m FROM generate_series(0, \
              9) AS t(x))",
    answer: &["pnbd insufficient"],
};

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 3, |arguments| plan(arguments, CANDIDATE))
}

const CANDIDATE: Candidate = Candidate {
    name: "pnbd",
    params: &["r", "alpha", "s", "beta"],
    start: [0.5, 0.5, 0.5, 0.5],
    times: [false, true, false, true],
    note: None,
    cost: |logs, histories, most| Pnbd::from_logs(logs).cost(histories, most).into(),
};
