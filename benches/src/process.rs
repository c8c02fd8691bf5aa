//! Running the programs that are measured, and reading the times they report.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// `pareto sql` on a warehouse.
pub(crate) struct Pareto {
    pub(crate) warehouse: PathBuf,
}

pub(crate) fn program() -> String {
    std::env::var("PARETO_BIN").unwrap_or_else(|_| "pareto".to_owned())
}

/// What a program that succeeds prints, and what it complains of.
pub(crate) fn output(command: &mut Command) -> Result<(String, String), String> {
    let (out, err) = output_bytes(command)?;
    Ok((String::from_utf8_lossy(&out).into_owned(), err))
}

/// The same of a program that prints bytes.
pub(crate) fn output_bytes(command: &mut Command) -> Result<(Vec<u8>, String), String> {
    let done = command.output().map_err(|error| format!("{command:?} cannot be run: {error}"))?;
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() {
        Ok((done.stdout, err))
    } else {
        Err(format!("{command:?} failed: {err}"))
    }
}

/// The seconds that `pareto sql --timing` tells of its statements.
pub(crate) fn times(told: &str) -> Vec<f64> {
    let seconds = |line: &str| line.strip_prefix("time: ")?.strip_suffix(" s")?.parse().ok();
    told.lines().filter_map(seconds).collect()
}

impl Pareto {
    /// Runs statements; returns the time each took by the program's own count, in seconds.
    pub(crate) fn times(&self, statements: &[&str]) -> Result<Vec<f64>, String> {
        let mut command = Command::new(program());
        command.args(["sql", "--timing", "--format", "csv", "--warehouse"]).arg(&self.warehouse);
        for statement in statements {
            command.args(["-c", statement]);
        }
        let (_, told) = output(&mut command)?;
        Ok(times(&told))
    }

    /// Runs a file of statements.
    pub(crate) fn file(&self, file: &Path) -> Result<(), String> {
        let mut command = Command::new(program());
        command
            .args(["sql", "--format", "csv", "--warehouse"])
            .arg(&self.warehouse)
            .arg("-f")
            .arg(file);
        output(&mut command).map(|_| ())
    }

    /// The whole life of a process that runs one statement, in seconds.
    pub(crate) fn whole(&self, statement: &str) -> Result<f64, String> {
        let began = Instant::now();
        self.times(&[statement])?;
        Ok(began.elapsed().as_secs_f64())
    }
}

/// DuckDB from PyPI: runs a statement in a new database and returns its time in seconds.
pub(crate) fn duckdb(database: &Path, threads: usize, statement: &str) -> Result<f64, String> {
    let python = std::env::var("PARETO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = "import duckdb, sys, time\nc = duckdb.connect(sys.argv[1], config={'threads': int(sys.argv[2])})\n\
                  c.execute('SET enable_progress_bar = false')\nt = time.perf_counter()\nc.execute(sys.argv[3])\nc.execute('CHECKPOINT')\nprint(time.perf_counter() - t)";
    let mut command = Command::new(python);
    command.args(["-c", script]).arg(database).arg(threads.to_string()).arg(statement);
    let (out, _) = output(&mut command)?;
    out.trim().parse().map_err(|_| format!("DuckDB printed {out:?} instead of a time"))
}
