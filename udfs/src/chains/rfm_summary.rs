//! `rfm_summary('sales', ...)`: the history of every customer, as the models and the scores want it.

use super::{AMOUNT, AS_OF, COLLAPSE, CUSTOMER, ON_NEGATIVE, PACKAGE, TABLE, TS, UNIT};
use crate::function::{Kind, Otherwise, Parameter, Spec};

pub(super) static SPEC: Spec = Spec {
    name: "rfm_summary",
    aliases: &[],
    package: PACKAGE,
    summary: "The purchase history of every customer in one row: what rfm_score and the models start from.",
    parameters: &[
        TABLE,
        CUSTOMER,
        TS,
        AMOUNT,
        AS_OF,
        UNIT,
        COLLAPSE,
        ON_NEGATIVE,
        Parameter {
            name: "include_first",
            kind: Kind::Written("true or false"),
            otherwise: Otherwise::Is("false"),
            about: "Whether x, repeat_sum and m include the first event",
        },
    ],
    returns: "One row per customer with an event: the customer under the column's own name, then first, \
              last, events, x, t_x, t, repeat_sum, total, m, n_refund, n_null, n_after.",
    nulls: "Rows without a customer are left out; rows without a time or an amount are counted in n_null.",
    ties: "None: purchases within one stretch of collapse are one event.",
    errors: "Planning: a table or column that does not exist, a customer column named like one of the \
             result. Otherwise as rfm_state.",
    formula: "SELECT customer, rfm_state(ts, amount, as_of, ...) FROM t GROUP BY customer, its fields as \
              columns, where events > 0.",
    source: "R package CLVTools, Python package lifetimes: the customer-by-sufficient-statistic table.",
    example: "WITH sales(customer_id, sold_on, amount) AS (VALUES (1, DATE '2025-01-01', 10.00), (1, DATE \
              '2025-01-15', 20.00), (2, DATE '2025-01-08', 5.00)) SELECT customer_id, events, x, t_x, t, \
              total, m FROM rfm_summary('sales', 'customer_id', 'sold_on', 'amount', DATE '2025-01-29') \
              ORDER BY customer_id",
    answer: &["1 2 1.0 2.0 4.0 30.0 20.0", "2 1 0.0 0.0 3.0 5.0 NULL"],
};
