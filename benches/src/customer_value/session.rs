//! Our side: a DataFusion session with the functions, on a fixed number of cores.
//!
//! A run is timed from the text of the statement to its collected answer. Its memory is what the process holds at most
//! while it runs, less what it held before, as Linux counts; elsewhere it is not known.

use std::path::Path;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use datafusion::error::Result;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use tokio::runtime::Runtime;

use super::customers::FILES;

/// A session and the threads it runs on.
pub(crate) struct Session {
    context: SessionContext,
    runtime: Runtime,
}

/// What one statement took and gave.
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// The cells of the answer, separated by spaces.
    pub(crate) answer: String,
    /// Bytes.
    pub(crate) grown: Option<f64>,
}

impl Session {
    /// Opens the files of a folder as tables.
    pub(crate) fn new(folder: &Path, threads: usize) -> std::result::Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let config = SessionConfig::new().with_target_partitions(threads);
        let mut context = SessionContext::new_with_config(config);
        pareto_udfs::install(&mut context).map_err(|error| error.to_string())?;
        for (name, _) in FILES {
            let path = folder.join(format!("{name}.parquet")).display().to_string();
            let registered = context.register_parquet(name, path, ParquetReadOptions::default());
            runtime.block_on(registered).map_err(|error| error.to_string())?;
        }
        Ok(Self { context, runtime })
    }

    /// Runs a statement.
    pub(crate) fn run(&self, sql: &str) -> std::result::Result<Run, String> {
        let before = memory("VmRSS:");
        // Writing 5 makes Linux forget the peak.
        let forgotten = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let began = Instant::now();
        let batches = self.runtime.block_on(collect(&self.context, sql));
        let batches = batches.map_err(|error| format!("{sql}\n{error}"))?;
        let seconds = began.elapsed().as_secs_f64();
        let peak = memory("VmHWM:").filter(|_| forgotten);
        let grown = peak.zip(before).map(|(peak, before)| peak - before);
        Ok(Run { seconds, answer: show(&batches).map_err(|error| error.to_string())?, grown })
    }
}

async fn collect(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    let state = context.state();
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    pareto_udfs::normalize_statement(&mut statement)?;
    let plan = state.statement_to_plan(statement).await?;
    context.execute_logical_plan(plan).await?.collect().await
}

fn show(batches: &[RecordBatch]) -> Result<String> {
    let mut cells = vec![];
    for batch in batches {
        for row in 0..batch.num_rows() {
            for column in batch.columns() {
                cells.push(array_value_to_string(column, row)?);
            }
        }
    }
    Ok(cells.join(" "))
}

/// Bytes of memory of this process, by the name of the line in `/proc/self/status`.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|told| told.strip_prefix(line))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}
