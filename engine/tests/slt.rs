//! Runs every specification in `testdata/slt` in a warehouse: each file gets one of its own in a temporary directory, and
//! one session. A plan is shown line by line, long ones cut, with the number of files instead of their paths. Files
//! that read `FROM cdnow` find the CDNOW purchases in that table. `testdata/slt/runner.rs` tells how to choose files and
//! how to write new answers.
//!
//! Every question is asked again: for its kept answer, until its columns are kept, and with every optimisation switched off.
//! The answers must be the first one.
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

/// The switches of our optimisations.
const SWITCHES: [&str; 16] = [
    "pareto.result_cache",
    "pareto.plan_cache",
    "pareto.join_elimination",
    "pareto.filter_elimination",
    "pareto.distinct_bitmaps",
    "pareto.packed_sorts",
    "pareto.subplan_sharing",
    "pareto.order_elimination",
    "pareto.exchange_elimination",
    "pareto.neighbour_windows",
    "pareto.day_lookup",
    "pareto.group_numbering",
    "pareto.star_join_order",
    "pareto.star_aggregate",
    "pareto.grouping_cascade",
    "pareto.scan_cache",
];

/// Words of statements that answer differently when they are asked again, or that write.
const CHANGING: [&str; 7] =
    ["system.", "history", "now()", "current_", "random()", "uuid()", "copy"];

/// Whether a statement asks only, and for the same each time.
fn is_question(sql: &str) -> bool {
    let sql = sql.trim_start().to_ascii_lowercase();
    let asks = ["select", "with", "values", "from", "("].iter().any(|word| sql.starts_with(word));
    asks && !CHANGING.iter().any(|word| sql.contains(word))
}

impl Database {
    /// Asks again: for the kept answer, from kept columns, then with every optimisation switched off.
    async fn ask_again(&self, sql: &str, first: &[Vec<String>]) -> Result<(), EngineError> {
        same("asked again", sql, first, &self.answer(sql).await?)?;
        let mut before = Vec::new();
        for switch in SWITCHES {
            let value = self.answer(&format!("SHOW {switch}")).await?;
            before.push(value.into_iter().flatten().last().unwrap_or_default());
            self.session.execute(&format!("SET {switch} = off")).await?;
            if before.len() == 1 {
                for turn in ["computed again", "from kept columns"] {
                    same(turn, sql, first, &self.answer(sql).await?)?;
                }
            }
        }
        let plain = self.answer(sql).await;
        for (switch, value) in SWITCHES.iter().zip(before) {
            self.session.execute(&format!("SET {switch} = {value}")).await?;
        }
        same("without optimisations", sql, first, &plain?)
    }

    async fn answer(&self, sql: &str) -> Result<Vec<Vec<String>>, EngineError> {
        match self.session.execute(sql).await? {
            Outcome::Rows(stream) => {
                let batches: Vec<RecordBatch> = stream.try_collect().await?;
                Ok(runner::shown(&batches)?)
            }
            Outcome::Affected(_) | Outcome::Done => Ok(Vec::new()),
        }
    }
}

/// Compares two answers, in any order of rows.
fn same(
    turn: &str,
    sql: &str,
    first: &[Vec<String>],
    then: &[Vec<String>],
) -> Result<(), EngineError> {
    let sorted = |rows: &[Vec<String>]| {
        let mut rows = rows.to_vec();
        rows.sort();
        rows
    };
    let (first, then) = (sorted(first), sorted(then));
    if first == then {
        return Ok(());
    }
    Err(EngineError::internal(format!("{turn}, the answer is {then:?}, not {first:?}: {sql}")))
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
                if is_question(sql) {
                    self.ask_again(sql, &rows).await?;
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
