//! `mbgnbd_fit(x, t_x, t)`: BG/NBD where a customer may be gone after his first purchase.
//!
//! Under BG/NBD everybody without a repeat purchase is alive for certain, however long ago he
//! bought. This model has no such exception; on CDNOW it is the more likely one.

use super::bgnbd::Bgnbd;
use super::fit;
use super::purchase_fit::{Candidate, PARAMETERS, plan};
use crate::function::{Function, Spec};

static SPEC: Spec = Spec {
    name: "mbgnbd_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the MBG/NBD model: BG/NBD in which customers may also drop out after the first \
              purchase. The better choice for p_alive.",
    parameters: PARAMETERS,
    returns: "STRUCT as bgnbd_fit returns it, params [r, alpha, a, b].",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same history are one term with their number as weight.",
    errors: "As bgnbd_fit.",
    formula: "As BG/NBD with b + x + 1 for b + x and b + x for b + x - 1, without the exception for \
              x = 0.",
    source: "Batislam, Denizel and Filiztekin (2007); R package BTYDplus.",
    example: "SELECT m['model'], m['status'] FROM (SELECT mbgnbd_fit(x, x, 10) AS m FROM generate_series(0, \
              9) AS t(x))",
    answer: &["mbgnbd insufficient"],
};

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 3, |arguments| plan(arguments, CANDIDATE))
}

const CANDIDATE: Candidate = Candidate {
    name: "mbgnbd",
    params: &["r", "alpha", "a", "b"],
    start: [0.5, 0.5, 0.8, 2.5],
    times: [false, true, false, false],
    note: None,
    cost: |logs, histories, most| Bgnbd::from_logs(logs, 1.0).cost(histories, most),
};
