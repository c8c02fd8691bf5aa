//! Running the programs that are measured, and reading the times they report.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// `pareto sql` on a warehouse.
pub(crate) struct Pareto {
    pub(crate) warehouse: PathBuf,
}

fn program() -> String {
    std::env::var("PARETO_BIN").unwrap_or_else(|_| "pareto".to_owned())
}

/// What a program that succeeds prints, and what it complains of.
pub(crate) fn output(command: &mut Command) -> Result<(String, String), String> {
    let done = command.output().map_err(|error| format!("{command:?} cannot be run: {error}"))?;
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout).into_owned(),
        String::from_utf8_lossy(&done.stderr).into_owned(),
    );
    if done.status.success() { Ok((out, err)) } else { Err(format!("{command:?} failed: {err}")) }
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
        let seconds = |line: &str| line.strip_prefix("time: ")?.strip_suffix(" s")?.parse().ok();
        Ok(told.lines().filter_map(seconds).collect())
    }

    /// The rows of a query as CSV without a header.
    pub(crate) fn rows(&self, query: &str) -> Result<String, String> {
        let mut command = Command::new(program());
        command.args(["sql", "--format", "csv", "--warehouse"]).arg(&self.warehouse);
        let (out, _) = output(command.args(["-c", query]))?;
        Ok(out.split_once('\n').map_or(String::new(), |(_, rows)| rows.to_owned()))
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

/// DuckDB from PyPI, in memory: prepares, then runs each query several times. Gives the median times after a first run, in
/// seconds, and the rows of each as CSV.
pub(crate) fn duckdb_queries(
    threads: usize,
    runs: usize,
    setup: &str,
    queries: &[&str],
) -> Result<(Vec<f64>, Vec<String>), String> {
    let python = std::env::var("PARETO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = "import duckdb, json, statistics, sys, time\n\
                  c = duckdb.connect(config={'threads': int(sys.argv[1])})\n\
                  c.execute('SET enable_progress_bar = false')\nc.execute(sys.argv[3])\nanswer = []\n\
                  for query in sys.argv[4:]:\n    \
                      rows = c.execute(query).fetchall()\n    times = []\n    \
                      for _ in range(int(sys.argv[2])):\n        \
                          t = time.perf_counter()\n        c.execute(query).fetchall()\n        \
                          times.append(time.perf_counter() - t)\n    \
                      text = '\\n'.join(','.join(str(cell) for cell in row) for row in rows)\n    \
                      answer.append([statistics.median(times), text])\n\
                  print(json.dumps(answer))";
    let mut command = Command::new(python);
    command.args(["-c", script, &threads.to_string(), &runs.to_string(), setup]).args(queries);
    let (out, _) = output(&mut command)?;
    let answer: Vec<(f64, String)> =
        serde_json::from_str(&out).map_err(|error| format!("DuckDB printed {out:?}: {error}"))?;
    Ok(answer.into_iter().unzip())
}
