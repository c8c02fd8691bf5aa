//! Runs `.slt` specifications: SQL and the answers it must give.
//!
//! Two packages run them. The udfs run the specifications of the functions in a plain DataFusion session, which shows
//! that they need nothing of Pareto; the engine runs all of them in a warehouse. Each includes this file and says how a
//! file is connected. `${TESTDATA}` is the folder of the test data, `${TMP}` an empty directory of the file's own.
//! Values are shown one space apart; NULL is `NULL` and the empty text `(empty)`.
//!
//! ```text
//! cargo test --test slt                       all files
//! cargo test --test slt -- statements/create  those whose path contains the text
//! cargo test --test slt -- --complete errors  writes what came out into them; read the difference before you keep it
//! ```

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sqllogictest::{AsyncDB, Runner};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a file failed, or the run.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What a file is connected with: its own path, and a temporary directory of its own.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) temporary: PathBuf,
}

impl Place {
    /// True if the file reads this table.
    pub(crate) fn reads(&self, table: &str) -> std::io::Result<bool> {
        Ok(std::fs::read_to_string(&self.file)?.contains(&format!("FROM {table}")))
    }
}

/// The rows of some batches as text.
pub(crate) fn shown(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>, ArrowError> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        let value = |column: &ArrayFormatter<'_>, row| {
            let text = column.value(row).to_string();
            if text.is_empty() { "(empty)".to_owned() } else { text.replace('\n', "\\n") }
        };
        rows.extend(
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| value(column, row)).collect()),
        );
    }
    Ok(rows)
}

/// Runs the specifications below a folder of `testdata/slt` that the command line asks for.
pub(crate) fn run_all<D, F, Connected>(folder: &str, connect: F) -> Result<ExitCode, Failure>
where
    D: AsyncDB + 'static,
    F: Fn(Place) -> Connected + Clone + Send + Sync + 'static,
    Connected: Future<Output = Result<D, D::Error>> + Send + 'static,
{
    let (flags, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let complete = flags.iter().any(|flag| flag == "--complete");
    let root = pareto_testdata::folder().join("slt");
    let mut files = Vec::new();
    specifications(&root.join(folder), &mut files)?;
    files.retain(|file| {
        wanted.is_empty() || wanted.iter().any(|text| file.display().to_string().contains(text))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut failed = 0;
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        // A panic is a failure of its file, not of the run.
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(Box::pin(run(file, complete, connect.clone())))
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

/// Runs one file, or writes what comes out into it.
async fn run<D, F, Connected>(file: &Path, complete: bool, connect: F) -> Result<(), Failure>
where
    D: AsyncDB + 'static,
    F: Fn(Place) -> Connected + Send + Sync + 'static,
    Connected: Future<Output = Result<D, D::Error>> + Send + 'static,
{
    let directory = tempfile::tempdir()?;
    let place = Place { file: file.to_path_buf(), temporary: directory.path().to_path_buf() };
    let scratch = place.temporary.join("tmp");
    std::fs::create_dir(&scratch)?;
    let mut runner = Runner::new(move || connect(place.clone()));
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
