//! How fast it is, beside what others make of the same files.
//!
//! | First argument | What is measured |
//! |---|---|
//! | a number, or nothing | the ground ([`ground`]): loading, planning and opening, at this scale factor |
//! | `customer-value` | scores, deciles, fits and lifetime values ([`customer_value`]); then the customers in millions, 10 if left out, then a part of the name of what to measure |
//! | `flight` | the wire ([`flight`]); then the rows to transfer in millions, 50 if left out, then `transfer`, `latency` or `cancel` for one part |
//! | `suites` | Pareto beside its peers ([`suites`]); then the scale factor, 1 if left out, then a part of the name of a suite |
//! | `datafusion`, `engine`, `plain-flight` | nothing: this program is a peer itself then, see [`peers`] and [`flight`] |
//!
//! Peers run as processes of their own on the same Parquet files with the same threads; times are what each program
//! measures around its statement. Prints its tables and writes `ground.json`, `customer-value.json`, `flight.json` or
//! `suites.json`. A figure is reported, not tested; an answer of ours that is not that of the others ends the program with an error.
//!
//! The allocator is that of the `pareto` program, whose functions are measured here in a session of their own.
//!
//! Example: `PARETO_BIN=target/release/pareto pareto-benches 1` for scale factor 1 (6 million rows).

mod customer_value;
mod flight;
mod ground;
mod peers;
mod process;
mod suites;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<f64>().ok());
    if arguments.first().is_some_and(|first| first == "customer-value") {
        let part = arguments.get(2).map_or("", String::as_str);
        let measured = customer_value::run(number(1).unwrap_or(10.0), part);
        return report("customer-value.json", measured, customer_value::Figure::json);
    }
    if arguments.first().is_some_and(|first| first == "flight") {
        let part = arguments.get(2).map_or("", String::as_str);
        let measured = flight::run(number(1).unwrap_or(50.0), part);
        return report("flight.json", measured, flight::Figure::json);
    }
    if arguments.first().is_some_and(|first| first == "plain-flight") {
        return finish(flight::serve_plainly(arguments.get(1)));
    }
    if arguments.first().is_some_and(|first| first == "suites") {
        let part = arguments.get(2).map_or("", String::as_str);
        return finish(suites::run(number(1).unwrap_or(1.0), part));
    }
    if arguments.first().is_some_and(|first| first == "datafusion") {
        return finish(peers::datafusion::serve());
    }
    if arguments.first().is_some_and(|first| first == "engine") {
        return finish(peers::engine::serve());
    }
    report("ground.json", ground::run(number(0).unwrap_or(1.0)), ground::Figure::json)
}

/// Prints the figures and writes them to a file.
fn report<F: Display>(
    file: &str,
    measured: Result<Vec<F>, String>,
    json: fn(&F) -> Value,
) -> ExitCode {
    let written = measured.and_then(|figures| {
        for figure in &figures {
            let _ = writeln!(std::io::stdout(), "{figure}");
        }
        let json = Value::Array(figures.iter().map(json).collect());
        std::fs::write(file, json.to_string())
            .map_err(|error| format!("{file} cannot be written: {error}"))
    });
    finish(written)
}

fn finish(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stdout(), "{problem}");
            ExitCode::FAILURE
        }
    }
}
