//! What is measured, how each side says it, and what it must reach.

use std::fmt;

use super::peer::{Form, How};

/// What a figure must reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// So many times as fast as the first form of the peer.
    Times(f64),
    /// At most so many seconds.
    Seconds(f64),
    /// At least so many rows a second.
    RowsPerSecond(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(least) => write!(f, "{least}x"),
            Self::Seconds(most) => write!(f, "{most} s"),
            Self::RowsPerSecond(least) => write!(f, "{} M/s", least / 1e6),
        }
    }
}

/// One thing that is measured.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) what: &'static str,
    /// The file it reads.
    pub(crate) file: &'static str,
    /// Bytes per row of the columns it reads; 0 if memory is not asked for.
    pub(crate) width: f64,
    pub(crate) one_core: bool,
    pub(crate) sql: &'static str,
    pub(crate) peers: &'static [Form],
    pub(crate) target: Target,
}

const fn equal(name: &'static str, statement: &'static str) -> Form {
    Form { name, how: How::DuckDb(statement), is_equal: true }
}

const fn similar(name: &'static str, statement: &'static str) -> Form {
    Form { name, how: How::DuckDb(statement), is_equal: false }
}

const fn fit(what: &'static str, file: &'static str, sql: &'static str, target: Target) -> Work {
    Work { what, file, width: 24.0, one_core: false, sql, peers: &[], target }
}

const fn per_core(what: &'static str, sql: &'static str) -> Work {
    let target = Target::RowsPerSecond(5e6);
    Work { what, file: "customers", width: 0.0, one_core: true, sql, peers: &[], target }
}

/// Everything, in the order of the table.
pub(crate) const WORKS: &[Work] = &[
    Work {
        what: "rfm_score x 3",
        file: "customers",
        width: 24.0,
        one_core: false,
        sql: "SELECT sum(r), sum(f), sum(m) FROM (SELECT rfm_score(last, 5) OVER () AS r, \
              rfm_score(frequency, 5) OVER () AS f, rfm_score(value, 5) OVER () AS m FROM customers)",
        peers: &[
            similar(
                "duckdb ntile",
                "SELECT sum(r), sum(f), sum(m) FROM (SELECT ntile(5) OVER (ORDER BY last) AS r, \
                 ntile(5) OVER (ORDER BY frequency) AS f, ntile(5) OVER (ORDER BY value) AS m FROM customers)",
            ),
            equal(
                "duckdb join",
                "WITH n AS (SELECT count(*) AS n FROM customers), r AS (SELECT last AS v, 1 + 5 * (sum(count(*)) OVER \
                 (ORDER BY last) - count(*)) // (SELECT n FROM n) AS s FROM customers GROUP BY last), f AS (SELECT \
                 frequency AS v, 1 + 5 * (sum(count(*)) OVER (ORDER BY frequency) - count(*)) // (SELECT n FROM n) AS \
                 s FROM customers GROUP BY frequency), m AS (SELECT value AS v, 1 + 5 * (sum(count(*)) OVER (ORDER BY \
                 value) - count(*)) // (SELECT n FROM n) AS s FROM customers GROUP BY value) SELECT sum(r.s), \
                 sum(f.s), sum(m.s) FROM customers JOIN r ON r.v = last JOIN f ON f.v = frequency JOIN m ON m.v = value",
            ),
        ],
        target: Target::Times(3.0),
    },
    Work {
        what: "decile",
        file: "customers",
        width: 16.0,
        one_core: false,
        sql: "SELECT sum(d * d) FROM (SELECT decile(value) OVER () AS d FROM customers)",
        peers: &[
            similar(
                "duckdb ntile",
                "SELECT sum(d * d) FROM (SELECT ntile(10) OVER (ORDER BY value DESC) AS d FROM customers)",
            ),
            equal(
                "duckdb join",
                "WITH n AS (SELECT count(*) AS n FROM customers), m AS (SELECT value AS v, 10 - 10 * (sum(count(*)) \
                 OVER (ORDER BY value) - count(*)) // (SELECT n FROM n) AS d FROM customers GROUP BY value) SELECT \
                 sum(d * d) FROM customers JOIN m ON m.v = value",
            ),
        ],
        target: Target::Times(3.0),
    },
    Work {
        what: "value_decile",
        file: "customers",
        width: 16.0,
        one_core: false,
        sql: "SELECT sum(d * d) FROM (SELECT value_decile(value) OVER () AS d FROM customers)",
        peers: &[
            similar(
                "duckdb sum over",
                "WITH placed AS (SELECT 10 * (sum(value) OVER (ORDER BY value DESC ROWS UNBOUNDED PRECEDING) - value / 2) \
                 AS c, (SELECT sum(value) FROM customers) AS total FROM customers), decided AS (SELECT \
                 least(10, 1 + floor(c / total)) AS d FROM placed) SELECT sum(d * d)::BIGINT FROM decided",
            ),
            equal(
                "duckdb join",
                "WITH ties AS (SELECT value AS v, (100 * value)::BIGINT AS c, count(*) AS n FROM customers GROUP BY \
                 ALL), placed AS (SELECT v, 10 * (2 * sum(c * n) OVER (ORDER BY v DESC) - c * n) AS c, (SELECT \
                 sum(c * n) FROM ties) AS total FROM ties), decided AS (SELECT v, least(10, 1 + c // (2 * total)) AS \
                 d FROM placed) SELECT sum(d * d)::BIGINT FROM customers JOIN decided ON v = value",
            ),
        ],
        target: Target::Times(3.0),
    },
    fit(
        "bgnbd_fit, day grain",
        "million",
        "SELECT bgnbd_fit(x, tx_day, t_day, unit => 'day')['params'] FROM million",
        Target::Seconds(1.0),
    ),
    fit(
        "bgnbd_fit, all customers differ",
        "million",
        "SELECT bgnbd_fit(x, tx, t, unit => 'day')['params'] FROM million",
        Target::Seconds(2.0),
    ),
    Work {
        what: "bgnbd_fit, as many as the peer can take",
        file: "hundred_thousand",
        width: 0.0,
        one_core: false,
        sql: "SELECT bgnbd_fit(x, tx, t, unit => 'day')['params'] FROM hundred_thousand",
        peers: &[Form {
            name: "lifetimes",
            how: How::Lifetimes("hundred_thousand"),
            is_equal: false,
        }],
        target: Target::Times(20.0),
    },
    per_core(
        "p_alive, one core",
        "SELECT sum(p_alive(named_struct('model', 'bgnbd', 'params', [0.6, 8.5, 0.7, 9.0]), x, tx / 7, t / 7)) \
         FROM customers",
    ),
    per_core(
        "clv of 52 weeks, one core",
        "SELECT sum(clv(named_struct('model', 'bgnbd', 'params', [0.6, 8.5, 0.7, 9.0]), named_struct('model', \
         'gammagamma', 'params', [6.0, 4.0, 15.0]), x, tx / 7, t / 7, m, 52)) FROM customers",
    ),
    per_core(
        "clv of 52 weeks, discounted, one core",
        "SELECT sum(clv(named_struct('model', 'bgnbd', 'params', [0.6, 8.5, 0.7, 9.0]), named_struct('model', \
         'gammagamma', 'params', [6.0, 4.0, 15.0]), x, tx / 7, t / 7, m, 52, discount => 0.1)) FROM customers",
    ),
];
