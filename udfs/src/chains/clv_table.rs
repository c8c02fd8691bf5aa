//! `clv_table('sales', ...)`: who is still there, and what he will bring.

use super::{AMOUNT, AS_OF, COLLAPSE, CUSTOMER, MAP, ON_NEGATIVE, PACKAGE, TABLE, TS, UNIT};
use crate::clv::clv::{DISCOUNT, MARGIN};
use crate::function::{Kind, Otherwise, Parameter, Spec};

pub(super) static SPEC: Spec = Spec {
    name: "clv_table",
    aliases: &[],
    package: PACKAGE,
    summary: "The history of every customer, the segment, the chance that he is still there, and the \
              purchases and the money to expect of him.",
    parameters: &[
        TABLE,
        CUSTOMER,
        TS,
        AMOUNT,
        AS_OF,
        Parameter {
            name: "horizon",
            kind: Kind::Written("a constant number of units or an INTERVAL"),
            otherwise: Otherwise::Is("52"),
            about: "How far to look ahead; without it 365 days, 52 weeks, 12 months, 4 quarters or 1 year",
        },
        Parameter {
            name: "model",
            kind: Kind::Choice(&["mbgnbd", "bgnbd", "pnbd"]),
            otherwise: Otherwise::Is("'mbgnbd'"),
            about: "The model of purchases, fitted to all customers",
        },
        DISCOUNT,
        MARGIN,
        MAP,
        UNIT,
        COLLAPSE,
        ON_NEGATIVE,
    ],
    returns: "One row per customer with an event: the customer under the column's own name, x, t_x, t, m, \
              segment, p_alive, expected_purchases and clv up to the horizon, expected_spend per purchase \
              before clv.",
    nulls: "Rows without a customer, a time or an amount are left out. m is NULL without a repeat purchase; \
            the predictions are NULL if a model could not be fitted.",
    ties: "As rfm_table.",
    errors: "As rfm_table; a fit that refuses its rows.",
    formula: "rfm_summary; mbgnbd_fit(x, t_x, t) and gammagamma_fit(x, m) over all of its rows; p_alive, \
              expected_purchases, expected_spend and clv of every row.",
    source: "rfm_summary, segment and the functions of lifetime value.",
    example: "WITH sales AS (SELECT v % 40 AS customer_id, DATE '2025-01-01' + CAST(v % 7 * v AS INT) AS \
              sold_on, 10 + v % 7 AS amount FROM generate_series(0, 119) AS s(v)) SELECT count(*) AS \
              customers, count(p_alive) AS known, min(p_alive) >= 0 AND max(p_alive) <= 1 AS chances FROM \
              clv_table('sales', 'customer_id', 'sold_on', 'amount', DATE '2026-12-31', horizon => \
              INTERVAL '12 months')",
    answer: &["40 40 true"],
};
