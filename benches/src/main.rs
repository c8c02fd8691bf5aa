//! How fast the ground is: loading, planning and opening, beside DuckDB where DuckDB does the same.
//!
//! Both programs run as processes of their own on the same Parquet file with the same threads; times are what each
//! program measures around its statement. Prints one table and writes `ground.json`. It never asserts: a figure is
//! reported, not tested.
//!
//! Example: `PARETO_BIN=target/release/pareto pareto-benches 1` for scale factor 1 (6 million rows).

mod ground;
mod process;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let scale = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let measured = ground::run(scale);
    let mut out = std::io::stdout().lock();
    match measured {
        Ok(figures) => {
            for figure in &figures {
                let _ = writeln!(out, "{figure}");
            }
            let json: Vec<_> = figures.iter().map(ground::Figure::json).collect();
            match std::fs::write("ground.json", serde_json::Value::Array(json).to_string()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let _ = writeln!(out, "ground.json cannot be written: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(error) => {
            let _ = writeln!(out, "{error}");
            ExitCode::FAILURE
        }
    }
}
