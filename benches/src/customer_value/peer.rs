//! The other side: DuckDB and `lifetimes`, each run in a Python process of its own.
//!
//! `PARETO_PYTHON` names the Python that has them. Where `lifetimes` is not installed its figures are left out; DuckDB
//! must be there.

use std::path::Path;
use std::process::Command;

use crate::process::output;

/// How a peer is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// What the table calls it.
    pub(crate) name: &'static str,
    pub(crate) how: How,
    /// True if it answers exactly our question.
    pub(crate) is_equal: bool,
}

/// What runs in Python.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// A statement for DuckDB; the files are views.
    DuckDb(&'static str),
    /// The BG/NBD fitter of `lifetimes` on columns x, tx, t of a file.
    Lifetimes(&'static str),
}

/// A peer, ready to run.
pub(crate) struct Peer<'a> {
    pub(crate) form: Form,
    folder: &'a Path,
    threads: usize,
}

const DUCKDB: &str = "
import duckdb, os, sys, time
folder, threads, statement = sys.argv[1:]
c = duckdb.connect(config={'threads': int(threads)})
c.execute('SET enable_progress_bar = false')
for file in os.listdir(folder):
    if file.endswith('.parquet'):
        c.execute(f\"CREATE VIEW {file[:-8]} AS FROM read_parquet('{folder}/{file}')\")
began = time.perf_counter()
rows = c.execute(statement).fetchall()
print(time.perf_counter() - began)
print(*[cell for row in rows for cell in row])
";

const LIFETIMES: &str = "
import sys, time
try:
    from lifetimes import BetaGeoFitter
except ImportError:
    sys.exit()
import pandas
folder, threads, file = sys.argv[1:]
began = time.perf_counter()
rows = pandas.read_parquet(f'{folder}/{file}.parquet', columns=['x', 'tx', 't'])
fitted = BetaGeoFitter().fit(rows.x, rows.tx, rows.t)
print(time.perf_counter() - began)
print(*fitted.params_)
";

impl<'a> Peer<'a> {
    pub(crate) fn new(form: Form, folder: &'a Path, threads: usize) -> Self {
        Self { form, folder, threads }
    }

    /// Its own count of seconds, and its answer; None if it is not installed.
    pub(crate) fn run(&self) -> Result<Option<(f64, String)>, String> {
        let python = std::env::var("PARETO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let (script, asked) = match self.form.how {
            How::DuckDb(statement) => (DUCKDB, statement),
            How::Lifetimes(file) => (LIFETIMES, file),
        };
        let mut command = Command::new(python);
        command.args(["-c", script]).arg(self.folder).arg(self.threads.to_string()).arg(asked);
        let (out, _) = output(&mut command)?;
        let Some((seconds, answer)) = out.split_once('\n') else { return Ok(None) };
        let seconds = seconds.parse().map_err(|_| format!("{out:?} does not begin with a time"))?;
        Ok(Some((seconds, answer.trim().to_owned())))
    }
}
