//! The programs that stand side by side, and how each is asked.
//!
//! | Column | Layout | How it is asked |
//! |---|---|---|
//! | `pareto` | its own tables | [`pareto`]: `pareto sql --timing`; many clients: [`engine`], the engine in this program |
//! | `flight` | the same tables | `flight_sql.py`: `pareto serve` and the ADBC client, from the call to the fetched result |
//! | `pareto-pq` | views on the files | as `pareto` |
//! | `datafusion-pq` | the files | [`datafusion`]: DataFusion with default settings, in this program |
//! | `duckdb`, `duckdb-pq` | its own tables, views on the files | `duckdb.py` |
//! | `chdb`, `chdb-pq` | MergeTree, views on the files | `chdb.py` |
//! | `hyper`, `hyper-pq` | its own tables, external tables | `hyper.py` |
//! | `polars-pq` | lazy scans of the files | `polars.py` |
//!
//! All get the same files and the same number of threads, told explicitly. Who keeps rows in an order may sort its own tables
//! by the same columns as the others. Each query runs in a process that has run nothing else: the first run is the cold one
//! (the files are in the page cache of the system), those that follow are hot. All but `pareto sql` speak the protocol of
//! `protocol.py`: one request in JSON, one line of JSON for each answer.

mod crowd;
pub(crate) mod datafusion;
pub(crate) mod engine;
pub(crate) mod pareto;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::program;

/// Where an engine reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Its own tables.
    Own,
    /// The Parquet files.
    Files,
}

#[derive(Debug, Clone, Copy)]
enum Runner {
    Pareto,
    DataFusion,
    Python(&'static str),
}

/// One column of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    /// Whose SQL it takes.
    pub(crate) dialect: &'static str,
    pub(crate) layout: Layout,
    /// Whether it is ours.
    pub(crate) is_ours: bool,
    runner: Runner,
}

const fn ours(name: &'static str, layout: Layout, runner: Runner) -> Engine {
    Engine { name, dialect: "pareto", layout, is_ours: true, runner }
}

const fn peer(name: &'static str, dialect: &'static str, layout: Layout, runner: Runner) -> Engine {
    Engine { name, dialect, layout, is_ours: false, runner }
}

const PROTOCOL: &str = include_str!("peers/protocol.py");
const FLIGHT_SQL: Runner = Runner::Python(include_str!("peers/flight_sql.py"));
const DUCKDB: Runner = Runner::Python(include_str!("peers/duckdb.py"));
const CHDB: Runner = Runner::Python(include_str!("peers/chdb.py"));
const HYPER: Runner = Runner::Python(include_str!("peers/hyper.py"));
const POLARS: Runner = Runner::Python(include_str!("peers/polars.py"));

/// Everybody, in the order of the columns. `flight` reads what `pareto` has loaded.
pub(crate) const ENGINES: [Engine; 11] = [
    ours("pareto", Layout::Own, Runner::Pareto),
    ours("flight", Layout::Own, FLIGHT_SQL),
    ours("pareto-pq", Layout::Files, Runner::Pareto),
    peer("datafusion-pq", "datafusion", Layout::Files, Runner::DataFusion),
    peer("duckdb", "duckdb", Layout::Own, DUCKDB),
    peer("duckdb-pq", "duckdb", Layout::Files, DUCKDB),
    peer("chdb", "chdb", Layout::Own, CHDB),
    peer("chdb-pq", "chdb", Layout::Files, CHDB),
    peer("hyper", "hyper", Layout::Own, HYPER),
    peer("hyper-pq", "hyper", Layout::Files, HYPER),
    peer("polars-pq", "polars", Layout::Files, POLARS),
];

/// A table: its name, which is that of its file, and the columns it may be sorted by.
pub(crate) type Table = (&'static str, &'static str);

/// The data of a suite, as the engines find them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data<'a> {
    /// Holds a folder of this name with the files, and beside it what the engines make.
    pub(crate) folder: &'a Path,
    pub(crate) name: &'static str,
    pub(crate) tables: &'a [Table],
    /// How Pareto declares a table of its own; empty if it takes the columns of the file.
    pub(crate) declaration: fn(&str) -> &'static str,
    pub(crate) threads: usize,
}

/// What an engine says of one query.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Seconds of the first run and of those after it, and the rows.
    Done { cold: f64, hot: Vec<f64>, rows: Vec<Vec<Option<String>>> },
    /// Why it cannot.
    Cannot(String),
}

/// What an engine says of many clients: seconds in all, and of each query.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) seconds: f64,
    pub(crate) latencies: Vec<f64>,
}

/// Runs after the first.
const RUNS: usize = 5;
/// So many of them in any case: who keeps what it has read may do so in the first of them.
const LEAST_RUNS: usize = 3;
/// No further run when those so far took this long together.
const ENOUGH_S: u64 = 3;
/// No further run, however few there were, when those so far took this long together.
const LONG_S: u64 = 5;
/// The longest that one query may take, with all its runs.
const LIMIT_S: u64 = 120;
/// When all queries of a suite took this long, the rest of them is not asked.
const SUITE_S: u64 = 400;
const CLIENTS: usize = 16;

impl Engine {
    /// Makes its own tables; seconds, and what it calls itself.
    pub(crate) fn load(&self, data: &Data<'_>) -> Result<(f64, String), String> {
        if matches!(self.runner, Runner::Pareto) {
            return pareto::load(self, data);
        }
        let answers = self.ask(data, json!({ "action": "load" }))?;
        let answer = answers.first().ok_or("no answer")?;
        let version = answer["version"].as_str().ok_or_else(|| reason(answer))?;
        Ok((answer["seconds"].as_f64().unwrap_or(f64::NAN), version.to_owned()))
    }

    /// Runs each query in a process of its own.
    pub(crate) fn run(&self, data: &Data<'_>, queries: &[&str]) -> Vec<Answer> {
        if matches!(self.runner, Runner::Pareto) {
            return queries.iter().map(|query| pareto::run(self, data, query, RUNS)).collect();
        }
        // A peer in Python forks for each query of a request; DataFusion is started anew.
        let at_once = if matches!(self.runner, Runner::DataFusion) { 1 } else { queries.len() };
        let mut said = vec![];
        let began = Instant::now();
        for queries in queries.chunks(at_once.max(1)) {
            if began.elapsed() > Duration::from_secs(SUITE_S) {
                let reason = format!("not asked: those before took {SUITE_S} s");
                said.extend(vec![Answer::Cannot(reason); queries.len()]);
                continue;
            }
            let answers = match self.ask(data, json!({ "action": "run", "queries": queries })) {
                Ok(answers) => answers,
                Err(problem) => vec![json!({ "reason": problem }); queries.len()],
            };
            let none = json!({ "reason": "no answer" });
            let one = |place: usize| answer(answers.get(place).unwrap_or(&none));
            said.extend((0..queries.len()).map(one));
        }
        said
    }

    /// Lets many clients ask at once for some seconds.
    pub(crate) fn crowd(
        &self,
        data: &Data<'_>,
        queries: &[&str],
        seconds: f64,
    ) -> Result<Crowd, String> {
        let asked = json!({ "action": "crowd", "queries": queries, "clients": CLIENTS, "seconds": seconds });
        let answers = self.ask(data, asked)?;
        let answer = answers.first().ok_or("no answer")?;
        let latencies = answer["latencies"].as_array().ok_or_else(|| reason(answer))?;
        let latencies = latencies.iter().filter_map(Value::as_f64).collect();
        Ok(Crowd { seconds: answer["seconds"].as_f64().unwrap_or(f64::NAN), latencies })
    }

    /// Sends a request and reads what comes until the end.
    fn ask(&self, data: &Data<'_>, mut request: Value) -> Result<Vec<Value>, String> {
        let mut command = match self.runner {
            Runner::Python(peer) => {
                let python =
                    std::env::var("PARETO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
                let mut command = Command::new(python);
                command.args(["-c", &format!("{PROTOCOL}\n\n{peer}")]);
                command
            }
            Runner::Pareto | Runner::DataFusion => {
                let this = std::env::current_exe().map_err(|error| error.to_string())?;
                let mut command = Command::new(this);
                let ours = matches!(self.runner, Runner::Pareto);
                command.arg(if ours { "engine" } else { "datafusion" });
                command
            }
        };
        request["folder"] = json!(data.folder);
        request["data"] = json!(data.name);
        request["tables"] = json!(data.tables);
        request["layout"] = json!(if self.layout == Layout::Own { "own" } else { "files" });
        request["threads"] = json!(data.threads);
        request["program"] = json!(program());
        request["runs"] = json!(RUNS);
        request["least_runs"] = json!(LEAST_RUNS);
        request["enough_s"] = json!(ENOUGH_S);
        request["long_s"] = json!(LONG_S);
        request["limit_s"] = json!(LIMIT_S);
        request["suite_s"] = json!(SUITE_S);
        exchange(&mut command, &request).map_err(|problem| format!("{}: {problem}", self.name))
    }
}

fn exchange(command: &mut Command, request: &Value) -> Result<Vec<Value>, String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{request}").map_err(|error| format!("takes no request: {error}"))?;
    }
    let done = child.wait_with_output().map_err(|error| error.to_string())?;
    if !done.status.success() {
        return Err(format!("failed: {}", String::from_utf8_lossy(&done.stderr)));
    }
    let said = String::from_utf8_lossy(&done.stdout);
    // Some libraries greet on standard output.
    Ok(said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn reason(answer: &Value) -> String {
    answer["reason"].as_str().map_or_else(|| answer.to_string(), str::to_owned)
}

fn answer(said: &Value) -> Answer {
    let (Some(cold), Some(hot), Ok(rows)) = (
        said["cold"].as_f64(),
        said["hot"].as_array(),
        serde_json::from_value(said["rows"].clone()),
    ) else {
        return Answer::Cannot(reason(said));
    };
    Answer::Done { cold, hot: hot.iter().filter_map(Value::as_f64).collect(), rows }
}
