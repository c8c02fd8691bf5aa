//! `rfm_table('sales', ...)`: how recent, how frequent, how big, and what to call such a customer.

use super::{AMOUNT, AS_OF, COLLAPSE, CUSTOMER, MAP, ON_NEGATIVE, PACKAGE, TABLE, TS, UNIT};
use crate::function::{Kind, Otherwise, Parameter, Spec};
use crate::ranking::bins::SIDE;

pub(super) static SPEC: Spec = Spec {
    name: "rfm_table",
    aliases: &[],
    package: PACKAGE,
    summary: "Recency, frequency and money of every customer, their scores, the cell and the segment.",
    parameters: &[
        TABLE,
        CUSTOMER,
        TS,
        AMOUNT,
        AS_OF,
        Parameter {
            name: "k",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Is("5"),
            about: "The best score; 4 with the map pm5, which is made for it",
        },
        MAP,
        SIDE,
        UNIT,
        COLLAPSE,
        ON_NEGATIVE,
    ],
    returns: "One row per customer with an event: the customer under the column's own name, recency_days \
              (days from the last purchase to as_of), frequency (events), monetary (their money), r, f, m, \
              cell ('5-5-5'), rfm_score (555; NULL for k above 9), segment.",
    nulls: "Rows without a customer, a time or an amount are left out.",
    ties: "As rfm: together, in the bin of the worst (side => 'low'), the middle or the best of them.",
    errors: "Planning: a table or column that does not exist, a customer column named like one of the \
             result. Otherwise as rfm_state, rfm and segment.",
    formula: "rfm(last as a date, events, total, k => k, side => side) OVER () of rfm_summary, then \
              segment(r, f, m, map => map). r goes by the date of the last purchase, so equal recency_days \
              are an equal r.",
    source: "rfm_summary, rfm and segment.",
    example: "WITH sales(customer_id, sold_on, amount) AS (VALUES (1, DATE '2025-01-01', 10.00), (1, DATE \
              '2025-01-15', 20.00), (2, DATE '2025-01-08', 5.00)) SELECT customer_id, recency_days, \
              frequency, monetary, cell, segment FROM rfm_table('sales', customer => 'customer_id', ts => \
              'sold_on', amount => 'amount', as_of => DATE '2025-01-29') ORDER BY customer_id",
    answer: &["1 14 2 30.0 3-3-3 Potential Loyalist", "2 21 1 5.0 1-1-1 Lost"],
};
