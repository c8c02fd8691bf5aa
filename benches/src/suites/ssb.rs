//! The Star Schema Benchmark: thirteen questions to one fact and four dimensions.

mod generate;
mod queries;

use super::{Query, Star};
use queries::QUERIES;

/// Its tables.
pub(super) const STAR: Star = Star {
    name: "ssb",
    tables: &[
        ("customer", "c_custkey"),
        ("supplier", "s_suppkey"),
        ("part", "p_partkey"),
        ("date", "d_datekey"),
        ("lineorder", "lo_orderdate, lo_orderkey"),
    ],
    declaration: |_| "",
    write: generate::write,
};

/// Its questions. The names of a query are those of its authors.
pub(super) fn queries() -> Vec<Query> {
    let ask = |(number, sql): &(&str, &str)| {
        Query::new(format!("Q{number}"), *sql).told("polars", widened(sql))
    };
    QUERIES.iter().map(ask).collect()
}

/// Polars adds 32-bit integers up in 32 bits, and says nothing when they overflow.
fn widened(sql: &str) -> String {
    ["lo_revenue", "lo_extendedprice"].iter().fold(sql.to_owned(), |sql, column| {
        sql.replace(&format!("sum({column}"), &format!("sum(CAST({column} AS BIGINT)"))
    })
}
