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
    QUERIES.iter().map(|(number, sql)| Query::new(format!("Q{number}"), *sql)).collect()
}
