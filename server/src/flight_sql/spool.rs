//! Rows on their way into a table: a Parquet file in the system's temporary directory, gone when it is dropped.
//!
//! Rows are encoded by a thread of their own, two batches behind the network at most. The file is cheap rather than
//! small: no dictionaries, no statistics, LZ4; it is read once. Only this process' user can read it.
//!
//! ```text
//! batches ──> Spool ──> SELECT "id", "name" FROM read_parquet('/tmp/pareto-ingest-4f1c..parquet')
//! ```

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use futures::{Stream, TryStreamExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tokio::sync::mpsc;
use tonic::Status;
use uuid::Uuid;

use super::wire::{self, Types};
use crate::status::{internal, invalid};

/// Batches that wait for the disk.
const WAITING: usize = 2;

/// A finished file of rows.
#[derive(Debug)]
pub(crate) struct Spool {
    path: Temporary,
    schema: SchemaRef,
    rows: u64,
}

impl Spool {
    /// Writes batches of this schema, in wire types, until there are no more.
    pub(crate) async fn write(
        schema: &Schema,
        batches: impl Stream<Item = Result<RecordBatch, Status>> + Send,
    ) -> Result<Self, Status> {
        let schema = wire::schema(schema, Types::Plain);
        check_columns(&schema)?;
        let path = Temporary::new();
        let file = path.create().map_err(|source| disk(&ParquetError::from(source)))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let file_schema = SchemaRef::clone(&schema);
        let writing = tokio::task::spawn_blocking(move || write_file(file, file_schema, receiver));
        let mut batches = std::pin::pin!(batches);
        let mut rows = 0;
        while let Some(batch) = batches.try_next().await? {
            rows += u64::try_from(batch.num_rows()).unwrap_or_default();
            // The writer stops receiving when it failed; it says why below.
            if sender.send(wire::batch(&batch, &schema)?).await.is_err() {
                break;
            }
        }
        drop(sender);
        writing
            .await
            .map_err(|source| internal("writing the upload", source))?
            .map_err(|source| disk(&source))?;
        Ok(Self { path, schema, rows })
    }

    /// The file as a relation of SQL.
    pub(crate) fn relation(&self) -> String {
        format!("read_parquet('{}')", self.file().replace('\'', "''"))
    }

    /// Where the file is, as the relation names it.
    pub(crate) fn file(&self) -> Cow<'_, str> {
        self.path.0.to_string_lossy()
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.schema.fields().iter().map(|field| field.name().as_str())
    }

    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }
}

/// Columns are matched by name, so each needs one of its own.
fn check_columns(schema: &SchemaRef) -> Result<(), Status> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if names.is_empty() {
        return Err(invalid("the upload has no columns"));
    }
    let twice = names
        .iter()
        .enumerate()
        .find(|(index, name)| names.iter().take(*index).any(|before| before == *name));
    match twice {
        Some((_, name)) => Err(invalid(format!("the upload has two columns named \"{name}\""))),
        None => Ok(()),
    }
}

fn write_file(
    file: File,
    schema: SchemaRef,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
    while let Some(batch) = batches.blocking_recv() {
        writer.write(&batch)?;
    }
    writer.close().map(|_| ())
}

/// A full disk is not the client's mistake and may pass; a type that Parquet has not is.
fn disk(error: &ParquetError) -> Status {
    match error {
        ParquetError::NYI(what) | ParquetError::ArrowError(what) => {
            invalid(format!("the upload has a column that cannot be stored: {what}"))
        }
        other => Status::resource_exhausted(format!(
            "error: the upload cannot be kept in \"{}\": {other}\n  hint: is the disk full? TMPDIR names another place",
            std::env::temp_dir().display()
        )),
    }
}

/// The path of a file that is removed with this value.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        Self(
            std::env::temp_dir().join(format!("pareto-ingest-{}.parquet", Uuid::new_v4().simple())),
        )
    }

    fn create(&self) -> std::io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "an upload was not removed");
        }
    }
}
