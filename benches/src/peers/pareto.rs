//! Pareto through its engine: `pareto sql --timing`, which times planning, executing and fetching.
//!
//! Own tables are made in a warehouse from the files; views on the files are made in another. A query and its repetitions
//! are statements of one process; the rows are those of the first.

use std::process::Command;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use datafusion::error::Result;

use super::datafusion::cells;
use super::{Answer, Data, Engine, Layout, Table};
use crate::process::{output, output_bytes, program, times};

/// Every answer is computed, never one that was kept.
const COMPUTE: &str = "SET pareto.result_cache = off";

/// Makes the tables or the views.
pub(super) fn load(engine: &Engine, data: &Data<'_>) -> std::result::Result<(f64, String), String> {
    let began = Instant::now();
    for table in data.tables {
        let mut command = sql(engine, data);
        for statement in &making(table, data, engine.layout) {
            command.args(["-c", statement]);
        }
        output(&mut command)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let (version, _) = output(Command::new(program()).arg("--version"))?;
    Ok((seconds, version.trim().to_owned()))
}

/// The statements that make a table, or the view on its file.
pub(crate) fn making((table, order): &Table, data: &Data<'_>, layout: Layout) -> Vec<String> {
    let file = data.folder.join(data.name).join(format!("{table}.parquet"));
    let rows = format!("SELECT * FROM read_parquet('{}')", file.display());
    let declared = (data.declaration)(table);
    match layout {
        Layout::Files => vec![format!("CREATE VIEW \"{table}\" AS {rows}")],
        Layout::Own if declared.is_empty() => {
            vec![format!("CREATE TABLE \"{table}\" ORDER BY ({order}) AS {rows}")]
        }
        Layout::Own => vec![declared.to_owned(), format!("INSERT INTO \"{table}\" {rows}")],
    }
}

/// Runs a query once, and so many times more.
pub(super) fn run(engine: &Engine, data: &Data<'_>, query: &str, runs: usize) -> Answer {
    let mut command = sql(engine, data);
    command.args(["--timing", "--format", "arrow", "-c", COMPUTE]);
    for _ in 0..=runs {
        command.args(["-c", query]);
    }
    let done = output_bytes(&mut command).and_then(|(out, told)| {
        let rows = first_result(&out).map_err(|error| error.to_string())?;
        Ok((times(&told), rows))
    });
    match done {
        Ok((times, rows)) if times.len() == runs + 2 => {
            Answer::Done { cold: times[1], hot: times[2..].to_vec(), rows }
        }
        Ok((times, _)) => Answer::Cannot(format!("told {} times of {}", times.len(), runs + 1)),
        Err(problem) => Answer::Cannot(problem),
    }
}

fn sql(engine: &Engine, data: &Data<'_>) -> Command {
    let layout = if engine.layout == Layout::Own { "own" } else { "files" };
    let warehouse = data.folder.join(format!("{}-pareto-{layout}", data.name));
    let mut command = Command::new(program());
    command.args(["sql", "--threads", &data.threads.to_string(), "--warehouse"]).arg(warehouse);
    command
}

/// The rows of the first of several IPC streams.
fn first_result(bytes: &[u8]) -> Result<Vec<Vec<Option<String>>>> {
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(bytes, None)?.collect::<std::result::Result<_, _>>()?;
    cells(&batches)
}
