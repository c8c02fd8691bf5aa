//! Runs every specification in `testdata/slt` in a warehouse: each file gets one of its own in a temporary directory, and
//! one session. A plan is shown line by line, long ones cut, with the number of files instead of their paths. Files
//! that read `FROM cdnow` find the CDNOW purchases in that table. `testdata/slt/runner.rs` tells how to choose files and
//! how to write new answers.
#![expect(clippy::print_stdout, reason = "a test program of its own reports to the terminal")]

#[path = "../../testdata/slt/runner.rs"]
mod runner;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::TryStreamExt;
use pareto_engine::{Engine, EngineError, EngineOptions, Outcome, Session};
use runner::{Failure, Place};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::process::ExitCode;
use std::sync::Arc;

/// A session as the runner sees it.
struct Database {
    session: Arc<Session>,
}

#[async_trait]
impl AsyncDB for Database {
    type Error = EngineError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, EngineError> {
        match self.session.execute(sql).await? {
            Outcome::Rows(stream) => {
                let types =
                    stream.schema().fields().iter().map(|_| DefaultColumnType::Any).collect();
                let batches: Vec<RecordBatch> = stream.try_collect().await?;
                let rows = runner::shown(&batches)?;
                if sql.trim_start().starts_with("EXPLAIN") {
                    return Ok(plan(&rows));
                }
                Ok(DBOutput::Rows { types, rows })
            }
            Outcome::Affected(rows) => Ok(DBOutput::StatementComplete(rows)),
            Outcome::Done => Ok(DBOutput::StatementComplete(0)),
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &'static str {
        "pareto"
    }
}

/// No line of a plan is shown longer than this.
const PLAN_CHARS: usize = 160;

/// A plan, a line a row, with the number of files where their paths are, which no two runs share.
fn plan(rows: &[Vec<String>]) -> DBOutput<DefaultColumnType> {
    let lines = rows.iter().filter_map(|row| row.last()).flat_map(|text| text.split("\\n"));
    let lines = lines.filter(|line| !line.is_empty()).map(|line| {
        let line = match line.split_once("file_groups={") {
            Some((before, rest)) => {
                let (files, after) = rest.split_once('}').unwrap_or((rest, ""));
                format!("{before}files={}{after}", files.matches(".parquet").count())
            }
            None => line.to_owned(),
        };
        let shown: String = line.chars().take(PLAN_CHARS).collect();
        vec![if shown == line { line } else { format!("{} ..", shown.trim_end()) }]
    });
    DBOutput::Rows { types: vec![DefaultColumnType::Any], rows: lines.collect() }
}

/// A fresh warehouse, with what the file expects in it.
async fn connect(place: Place) -> Result<Database, EngineError> {
    let unreadable = |error: std::io::Error| EngineError::invalid(error.to_string());
    let warehouse = place.temporary.join("warehouse").display().to_string();
    let options = EngineOptions { warehouse, threads: Some(2), ..EngineOptions::default() };
    let session = Engine::open(options).await?.session();
    if place.reads("cdnow").map_err(unreadable)? {
        let purchases = place.temporary.join("cdnow.parquet");
        std::fs::write(&purchases, pareto_testdata::cdnow::parquet()).map_err(unreadable)?;
        session.execute(pareto_testdata::cdnow::ddl()).await?;
        session.execute(&format!("COPY cdnow FROM '{}'", purchases.display())).await?;
    }
    Ok(Database { session })
}

fn main() -> Result<ExitCode, Failure> {
    runner::run_all("", |place| Box::pin(connect(place)))
}
