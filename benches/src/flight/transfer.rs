//! Transfer: many rows, as fast as they go.
//!
//! | Rows | Columns | Bytes a row |
//! |---|---|---|
//! | numbers | `BIGINT`, two `DOUBLE`, `INT`, `DATE` | 32 |
//! | texts | `BIGINT`, a name, a city, a note that is sometimes NULL | about 60 |
//!
//! Both come from a table (of Pareto's own; the plain server reads the Parquet file it was loaded from), the numbers also
//! from `generate_series`, computed on the way.

use std::path::Path;

use tokio::runtime::Runtime;

use super::client::{self, Transfer};
use super::program::Program;
use super::{Figure, Target};
use crate::ground::median;
use crate::process::Pareto;

/// Runs of which the median counts, after one that warms up.
const RUNS: usize = 3;

/// A fifth of the rows is enough for texts.
const TEXTS_SHARE: f64 = 0.2;

fn numbers(rows: u64) -> String {
    format!(
        "SELECT value AS id, value * 0.25 AS amount, value * 1.5 AS net, CAST(value % 50 AS INT) AS quantity, \
         CAST(CAST(value % 3650 AS INT) AS DATE) AS sold_on FROM generate_series(1, {rows})"
    )
}

fn texts(rows: u64) -> String {
    format!(
        "SELECT value AS id, 'customer ' || CAST(value * 7919 % 1000000 AS VARCHAR) AS name, \
         'city ' || CAST(value % 400 AS VARCHAR) AS city, \
         CASE WHEN value % 10 > 0 THEN 'order ' || CAST(value AS VARCHAR) || ' is on its way' END AS note \
         FROM generate_series(1, {rows})"
    )
}

/// Makes the files and the tables.
pub(super) fn load(pareto: &Pareto, folder: &Path, millions: f64) -> Result<(), String> {
    let (all, some) = (rows(millions), rows(millions * TEXTS_SHARE));
    for (name, query) in [("numbers", numbers(all)), ("texts", texts(some))] {
        let file = folder.join(format!("{name}.parquet")).display().to_string();
        pareto.times(&[
            &format!("COPY ({query}) TO '{file}'"),
            &format!("CREATE TABLE {name} AS SELECT * FROM read_parquet('{file}')"),
        ])?;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of rows, small and positive"
)]
fn rows(millions: f64) -> u64 {
    (millions * 1e6) as u64
}

type Way = fn(&Runtime, &str, &str) -> Result<Transfer, String>;

fn by_rust(runtime: &Runtime, address: &str, sql: &str) -> Result<Transfer, String> {
    runtime.block_on(client::rust(address, sql))
}

fn by_python(_: &Runtime, address: &str, sql: &str) -> Result<Transfer, String> {
    client::python(address, sql)
}

/// All rows, both clients, both servers, in turn.
pub(super) fn measure(
    runtime: &Runtime,
    served: &Program,
    plain: &Program,
    millions: f64,
) -> Result<Vec<Figure>, String> {
    let generated = numbers(rows(millions));
    let works = [
        ("numbers of a table", "SELECT * FROM numbers", 2.0, 1.0),
        ("numbers generated", generated.as_str(), 2.0, 1.0),
        ("texts of a table", "SELECT * FROM texts", 0.4, 0.4),
    ];
    let ways: [(&str, Way); 2] = [("Rust client", by_rust), ("ADBC for Python", by_python)];
    let mut figures = Vec::new();
    for (what, sql, in_rust, in_python) in works {
        for ((client, way), least) in ways.into_iter().zip([in_rust, in_python]) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for run in 0..=RUNS {
                let [our, their] = [served, plain].map(|server| way(runtime, &server.address, sql));
                let (our, their) = (our?, their?);
                // The first run reads from the disk.
                if run > 0 {
                    ours.push(our.bytes / our.seconds / 1e9);
                    // The same rows, whatever types they come in: views of texts would count what they point to anew.
                    theirs.push(our.bytes / their.seconds / 1e9);
                }
            }
            let (value, plain) = (median(ours), Some(median(theirs)));
            let figure = |what: String, target| Figure { what, value, unit: "GB/s", plain, target };
            figures.push(figure(format!("{what}, {client}"), Target::AtLeast(least)));
            figures.push(figure(format!("{what}, {client}, beside plain"), Target::Times(1.5)));
        }
    }
    Ok(figures)
}
