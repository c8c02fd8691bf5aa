//! The ground: a load of SSB's `lineorder`, a point query on a table of 1,000 files, a warehouse of 1,000 tables.

use crate::process::{Pareto, duckdb};
use serde_json::{Value, json};
use std::fmt;
use std::fmt::Write as _;

/// Rows of `lineorder` at scale factor 1.
const LINEORDER_ROWS: f64 = 6_000_000.0;
const FILES: u32 = 1000;
const TABLES: u32 = 1000;
/// Runs of which the median counts.
const RUNS: usize = 5;

/// One measured thing.
pub(crate) struct Figure {
    what: String,
    seconds: f64,
    peer_seconds: Option<f64>,
}

impl Figure {
    pub(crate) fn json(&self) -> Value {
        json!({ "what": self.what, "seconds": self.seconds, "duckdb_seconds": self.peer_seconds })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<58} {:>9.4} s", self.what, self.seconds)?;
        match self.peer_seconds {
            Some(peer) => write!(f, "   DuckDB {peer:>9.4} s   ratio {:.2}", self.seconds / peer),
            None => Ok(()),
        }
    }
}

/// `lineorder` with SSB's columns, deterministic for a number of rows.
fn lineorder(rows: u64) -> String {
    format!(
        "SELECT CAST(value / 4 AS BIGINT) AS lo_orderkey, CAST(value % 7 + 1 AS INT) AS lo_linenumber, \
         CAST(value * 7919 % 30000 + 1 AS INT) AS lo_custkey, CAST(value * 104729 % 200000 + 1 AS INT) AS lo_partkey, \
         CAST(value * 1299709 % 2000 + 1 AS INT) AS lo_suppkey, DATE '1992-01-01' + CAST(value * 31 % 2406 AS INT) AS lo_orderdate, \
         'priority ' || CAST(value % 5 AS VARCHAR) AS lo_orderpriority, '0' AS lo_shippriority, \
         CAST(value * 17 % 50 + 1 AS INT) AS lo_quantity, CAST(value * 15485863 % 5000000 AS INT) AS lo_extendedprice, \
         CAST(value * 32452843 % 40000000 AS INT) AS lo_ordtotalprice, CAST(value * 13 % 11 AS INT) AS lo_discount, \
         CAST(value * 49979687 % 4500000 AS INT) AS lo_revenue, CAST(value * 67867967 % 120000 AS INT) AS lo_supplycost, \
         CAST(value % 9 AS INT) AS lo_tax, DATE '1992-02-01' + CAST(value * 37 % 2406 AS INT) AS lo_commitdate, \
         'mode ' || CAST(value % 7 AS VARCHAR) AS lo_shipmode FROM generate_series(1, {rows})"
    )
}

pub(crate) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures everything.
pub(crate) fn run(scale: f64) -> Result<Vec<Figure>, String> {
    let folder = std::env::temp_dir().join(format!("pareto-benches-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let pareto = Pareto { warehouse: folder.join("warehouse") };
    let figures = measure(&pareto, scale, &folder);
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    figures
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of rows, small and positive"
)]
fn rows_at(scale: f64) -> u64 {
    (LINEORDER_ROWS * scale) as u64
}

fn measure(pareto: &Pareto, scale: f64, folder: &std::path::Path) -> Result<Vec<Figure>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let file = folder.join("lineorder.parquet");
    pareto.times(&[&format!("COPY ({}) TO '{}'", lineorder(rows_at(scale)), file.display())])?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..RUNS.min(3) {
        let load = format!(
            "CREATE OR REPLACE TABLE lineorder AS SELECT * FROM read_parquet('{}')",
            file.display()
        );
        ours.extend(pareto.times(&[&load])?);
        let load =
            format!("CREATE TABLE lineorder AS SELECT * FROM read_parquet('{}')", file.display());
        theirs.push(duckdb(&folder.join(format!("duck{run}.db")), threads, &load)?);
    }
    let mut figures = vec![Figure {
        what: format!("load lineorder SF{scale} from Parquet"),
        seconds: median(ours),
        peer_seconds: Some(median(theirs)),
    }];
    pareto.times(&[&format!(
        "CREATE TABLE many PARTITIONED BY (part) AS SELECT value AS id, CAST(value % {FILES} AS INT) AS part FROM generate_series(1, 100000)"
    )])?;
    let point = "EXPLAIN SELECT * FROM many WHERE part = 17 AND id = 5017";
    let times = pareto.times(&[point; RUNS + 1])?;
    figures.push(Figure {
        what: format!("plan a point query on {FILES} files, first"),
        seconds: times[0],
        peer_seconds: None,
    });
    figures.push(Figure {
        what: format!("plan a point query on {FILES} files"),
        seconds: median(times[1..].to_vec()),
        peer_seconds: None,
    });
    let mut script = String::new();
    for table in 0..TABLES {
        let _ = writeln!(
            script,
            "CREATE TABLE t{table} (id BIGINT PRIMARY KEY, name VARCHAR, amount DECIMAL(12, 2));"
        );
    }
    let statements = folder.join("tables.sql");
    std::fs::write(&statements, script).map_err(|error| error.to_string())?;
    let filled = Pareto { warehouse: folder.join("tables") };
    filled.file(&statements)?;
    let opened = (0..RUNS)
        .map(|_| filled.whole("SELECT count(*) FROM information_schema.tables"))
        .collect::<Result<Vec<_>, _>>()?;
    figures.push(Figure {
        what: format!("open a warehouse of {TABLES} tables, whole process"),
        seconds: median(opened),
        peer_seconds: None,
    });
    Ok(figures)
}
