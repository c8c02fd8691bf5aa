//! The Star Schema Benchmark: thirteen questions to one fact and four dimensions, beside DuckDB.
//!
//! The same Parquet files are loaded into a warehouse and into a DuckDB database. Measured are Pareto on its own tables,
//! with its star aggregate and without, and DuckDB on its own tables and on the files; each program in its own process
//! with the same threads, the median of the runs after the first. Answers must be equal. The last line is the geometric
//! mean.

mod generate;
mod queries;

use crate::ground::{Figure, RUNS, median};
use crate::process::{Pareto, duckdb_queries};
use queries::QUERIES;
use std::path::Path;

const TABLES: [&str; 5] = ["lineorder", "customer", "supplier", "part", "date"];

/// One way to answer, and how long each query took.
struct Way {
    name: &'static str,
    seconds: Vec<f64>,
}

/// Generates, loads and measures.
pub(crate) fn run(scale: f64) -> Result<Vec<Figure>, String> {
    let folder = std::env::temp_dir().join(format!("pareto-ssb-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let figures = measure(scale, &folder);
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    figures
}

fn measure(scale: f64, folder: &Path) -> Result<Vec<Figure>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    generate::write(folder, scale)?;
    let pareto = Pareto { warehouse: folder.join("warehouse") };
    let file = |table: &str| folder.join(format!("{table}.parquet")).display().to_string();
    for table in TABLES {
        pareto.times(&[&format!(
            "CREATE TABLE \"{table}\" AS SELECT * FROM read_parquet('{}')",
            file(table)
        )])?;
    }
    let setup = |kind: &str| {
        let make = |table| {
            format!("CREATE {kind} \"{table}\" AS SELECT * FROM read_parquet('{}')", file(table))
        };
        TABLES.map(make).join("; ")
    };
    let texts: Vec<&str> = QUERIES.iter().map(|(_, sql)| *sql).collect();
    let (own, answers) = duckdb_queries(threads, RUNS, &setup("TABLE"), &texts)?;
    let (files, _) = duckdb_queries(threads, RUNS, &setup("VIEW"), &texts)?;
    compare(&pareto, &answers)?;
    let ways = [
        Way { name: "star", seconds: ours(&pareto, "on")? },
        Way { name: "plain", seconds: ours(&pareto, "off")? },
        Way { name: "DuckDB on Parquet", seconds: files },
    ];
    let mut figures = Vec::new();
    for way in &ways {
        let queries = QUERIES.iter().zip(way.seconds.iter().zip(&own));
        figures.extend(queries.map(|((number, _), (seconds, peer))| {
            Figure::new(format!("SSB SF{scale} Q{number}, {}", way.name), *seconds, Some(*peer))
        }));
        let what = format!("SSB SF{scale} geometric mean, {}", way.name);
        figures.push(Figure::new(what, geometric_mean(&way.seconds), Some(geometric_mean(&own))));
    }
    Ok(figures)
}

/// Times of the queries with the star aggregate on or off.
fn ours(pareto: &Pareto, switch: &str) -> Result<Vec<f64>, String> {
    let set = format!("SET pareto.star_aggregate = {switch}");
    let mut statements = vec!["SET pareto.result_cache = off", set.as_str()];
    for (_, sql) in QUERIES {
        statements.extend([sql; RUNS + 1]);
    }
    let times = pareto.times(&statements)?;
    // The first run of each reads from the disk.
    Ok(times[2..].chunks(RUNS + 1).map(|runs| median(runs[1..].to_vec())).collect())
}

/// Checks that both programs give the same rows.
fn compare(pareto: &Pareto, theirs: &[String]) -> Result<(), String> {
    for ((number, sql), theirs) in QUERIES.iter().zip(theirs) {
        let ours = pareto.rows(sql)?;
        if ours.trim() != theirs.trim() {
            return Err(format!("Q{number} differs:\n{ours}\nDuckDB:\n{theirs}"));
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a count of queries")]
fn geometric_mean(seconds: &[f64]) -> f64 {
    (seconds.iter().map(|seconds| seconds.ln()).sum::<f64>() / seconds.len() as f64).exp()
}
