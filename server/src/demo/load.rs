//! Loads the demo's tables: Parquet files written to a staging directory, then `COPY t FROM`.
//!
//! ```text
//! generator ─(batches)─> staging/sales.parquet ─ COPY sales FROM ─> one Delta commit
//! ```
//!
//! The next table's file is written while the one before is copied in. Memory holds one row group of one table.
//!
//! Example: 20,000 customers make 1,000,000 sales; the same every time, on every machine.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pareto_engine::Outcome;
use pareto_testdata::cdnow;
use pareto_testdata::star::{self, Spec};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::place::{Place, Staging};
use crate::cli::connection::Connection;
use crate::cli::error::{CliError, Result};

/// Sales per customer, refunds included.
const SALES_PER_CUSTOMER: u64 = 50;
/// More customers than the generator makes.
const MOST_CUSTOMERS: u64 = 100_000_000;
/// The table of real purchases.
const CDNOW: &str = "cdnow";

/// The star with so many customers.
pub(super) fn spec(customers: u64) -> Result<Spec> {
    if !(1..=MOST_CUSTOMERS).contains(&customers) {
        return Err(CliError::usage(
            format!("the demo cannot make {customers} customers"),
            format!("give --customers a number from 1 to {MOST_CUSTOMERS}"),
        ));
    }
    Ok(Spec { customers, sales: customers * SALES_PER_CUSTOMER, ..Spec::default() })
}

/// A load of all tables into one warehouse.
#[derive(Clone, Copy)]
pub(super) struct Load<'demo> {
    /// Where the statements go.
    pub(super) connection: &'demo Arc<Connection>,
    /// The star to make.
    pub(super) spec: &'demo Spec,
    /// The directory.
    pub(super) place: &'demo Place,
}

impl Load<'_> {
    /// Makes and loads every table; leaves the note that says so.
    pub(super) async fn run(self) -> Result<()> {
        self.place.note(self.spec, false)?;
        let staging = self.place.staging()?;
        let tables: Vec<&'static str> =
            std::iter::once(CDNOW).chain(star::tables().iter().copied()).collect();
        self.drop_old(&tables).await?;
        let progress = Progress::new(&tables);
        let mut written = self.write(&staging, tables.first().copied())?;
        for (index, table) in tables.iter().enumerate() {
            progress.at(index, table);
            let file = written.finish().await?;
            written = self.write(&staging, tables.get(index + 1).copied())?;
            let ddl = if *table == CDNOW { cdnow::ddl() } else { star::ddl(table) };
            self.execute(ddl).await?;
            self.execute(&copy(table, &file)).await?;
            // The disk may be small; a file that is not removed here goes with the staging directory.
            let _ = std::fs::remove_file(&file);
        }
        progress.finish();
        drop(staging);
        self.place.note(self.spec, true)
    }

    /// Drops what an unfinished demo left, facts before what they refer to.
    async fn drop_old(self, tables: &[&str]) -> Result<()> {
        for table in tables.iter().rev() {
            self.execute(&format!("DROP TABLE IF EXISTS {table}")).await?;
        }
        Ok(())
    }

    /// Runs one statement of ours.
    async fn execute(self, sql: &str) -> Result<()> {
        if let Outcome::Rows(mut rows) = self.connection.execute(sql).await? {
            while rows
                .try_next()
                .await
                .map_err(|error| self.connection.explain(error, sql))?
                .is_some()
            {}
        }
        Ok(())
    }

    /// Starts to write a table's file, if there is a table.
    fn write(self, staging: &Staging, table: Option<&'static str>) -> Result<Writing> {
        let Some(table) = table else { return Ok(Writing { task: None }) };
        let file = staging.file(table)?;
        let spec = self.spec.clone();
        let task = tokio::task::spawn_blocking(move || {
            write_file(table, &spec, &file).map_err(|error| {
                CliError::failed(
                    format!("cannot write {}: {error}", file.display()),
                    "free some disk space, or choose another directory with --dir",
                )
            })?;
            Ok(file)
        });
        Ok(Writing { task: Some(task) })
    }
}

/// A file being written.
struct Writing {
    task: Option<tokio::task::JoinHandle<Result<PathBuf>>>,
}

impl Writing {
    async fn finish(self) -> Result<PathBuf> {
        let lost = || {
            CliError::failed(
                "the demo's data could not be made, by a defect of Pareto",
                "please report it",
            )
        };
        self.task.ok_or_else(lost)?.await.map_err(|_| lost())?
    }
}

/// Writes one table as a Parquet file; quick to write and to read rather than small.
fn write_file(table: &str, spec: &Spec, path: &Path) -> std::result::Result<(), ParquetError> {
    let mut file = File::create(path)?;
    if table == CDNOW {
        return Ok(file.write_all(cdnow::parquet())?);
    }
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(file, star::schema(table), Some(properties))?;
    for batch in star::batches(table, spec) {
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(())
}

/// The statement that loads a file.
fn copy(table: &str, file: &Path) -> String {
    let path = file.display().to_string().replace('\'', "''");
    format!("COPY {table} FROM '{path}' FORMAT parquet")
}

/// A bar on a terminal, a line per table elsewhere.
struct Progress {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    fn new(tables: &[&str]) -> Self {
        let count = u64::try_from(tables.len()).unwrap_or_default();
        let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
        let bar = match ProgressStyle::with_template(
            "loading {msg:10} [{bar:24}] {pos} of {len} tables, {elapsed}",
        ) {
            Ok(style) => bar.with_style(style.progress_chars("=> ")),
            Err(_) => bar,
        };
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self { bar, lines: !std::io::stderr().is_terminal() }
    }

    fn at(&self, index: usize, table: &str) {
        self.bar.set_message(table.to_owned());
        self.bar.set_position(u64::try_from(index).unwrap_or_default());
        if self.lines {
            super::say(&format!("loading {table}"));
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let spec = spec(20_000).unwrap();
        assert_eq!((spec.customers, spec.sales), (20_000, 1_000_000));
        assert!(super::spec(0).is_err());
        assert!(super::spec(u64::MAX).is_err());
    }

    #[test]
    fn paths_are_quoted_for_sql() {
        assert_eq!(
            copy("sales", Path::new("/o'neil/s.parquet")),
            "COPY sales FROM '/o''neil/s.parquet' FORMAT parquet"
        );
    }
}
