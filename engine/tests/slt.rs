//! Runs the specifications in `testdata/slt`: SQL and the answers it must give.
//!
//! Each file gets a warehouse of its own in a temporary directory, and one session. Files that read
//! `FROM cdnow` find the CDNOW purchases in that table; `${TESTDATA}` is the folder of the test data and
//! `${TMP}` an empty directory of the file's own.
//! Values are shown one space apart; NULL is `NULL` and the empty text `(empty)`.
//!
//! ```text
//! cargo test --test slt                       all files
//! cargo test --test slt -- statements/create  those whose path contains the text
//! cargo test --test slt -- --complete errors  writes what came out into them; read the difference before you keep it
//! ```
#![expect(clippy::print_stdout, reason = "a test program of its own reports to the terminal")]

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use futures::TryStreamExt;
use pareto_engine::{Engine, EngineError, EngineOptions, Outcome, Session};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

type Failure = Box<dyn Error + Send + Sync>;

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
                let mut rows = Vec::new();
                for batch in &batches {
                    rows.extend(shown(batch)?);
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

/// The rows of a batch as text.
fn shown(batch: &RecordBatch) -> Result<Vec<Vec<String>>, EngineError> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<Vec<_>, _>>()?;
    let value = |column: &ArrayFormatter<'_>, row| {
        let text = column.value(row).to_string();
        if text.is_empty() { "(empty)".to_owned() } else { text.replace('\n', "\\n") }
    };
    Ok((0..batch.num_rows())
        .map(|row| columns.iter().map(|column| value(column, row)).collect())
        .collect())
}

/// A fresh warehouse, with what the file expects in it.
async fn connect(file: PathBuf, temporary: PathBuf) -> Result<Database, EngineError> {
    let warehouse = temporary.join("warehouse").display().to_string();
    let options = EngineOptions { warehouse, threads: Some(2), ..EngineOptions::default() };
    let session = Engine::open(options).await?.session();
    let text =
        std::fs::read_to_string(&file).map_err(|error| EngineError::invalid(error.to_string()))?;
    if text.contains("FROM cdnow") {
        let purchases = temporary.join("cdnow.parquet");
        std::fs::write(&purchases, pareto_testdata::cdnow::parquet())
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        session.execute(pareto_testdata::cdnow::ddl()).await?;
        session.execute(&format!("COPY cdnow FROM '{}'", purchases.display())).await?;
    }
    Ok(Database { session })
}

/// Runs one file, or writes what comes out into it.
async fn run(file: &Path, complete: bool) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let (connected, temporary) = (file.to_path_buf(), directory.path().to_path_buf());
    let scratch = temporary.join("tmp");
    std::fs::create_dir(&scratch)?;
    let mut runner = Runner::new(move || connect(connected.clone(), temporary.clone()));
    runner.set_var("TESTDATA".to_owned(), pareto_testdata::folder().display().to_string());
    runner.set_var("TMP".to_owned(), scratch.display().to_string());
    if complete {
        let columns = sqllogictest::default_column_validator;
        let (validator, normalizer) =
            (sqllogictest::default_validator, sqllogictest::default_normalizer);
        return runner
            .update_test_file(file, " ", validator, normalizer, columns)
            .await
            .map_err(|error| error.to_string().into());
    }
    runner.run_file_async(file).await.map_err(|error| error.display(false).to_string().into())
}

/// Every specification, in the order of their paths.
fn specifications(directory: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            specifications(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> Result<ExitCode, Failure> {
    let (flags, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let complete = flags.iter().any(|flag| flag == "--complete");
    let root = pareto_testdata::folder().join("slt");
    let mut files = Vec::new();
    specifications(&root, &mut files)?;
    files.retain(|file| {
        wanted.is_empty() || wanted.iter().any(|text| file.display().to_string().contains(text))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut failed = 0;
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        // A panic is a failure of its file, not of the run.
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(Box::pin(run(file, complete)))
        }));
        match outcome.unwrap_or_else(|_| Err("it panicked".into())) {
            Ok(()) => println!("ok      {name}"),
            Err(error) => {
                failed += 1;
                println!("FAILED  {name}\n{error}\n");
            }
        }
    }
    println!("{} specifications, {failed} failed", files.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
