//! A table as a Parquet file, written as it is made: zstd, row groups that two threads can share at any scale.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

const ROW_GROUP_ROWS: usize = 262_144;

/// Writes the batches of a table, of which there is at least one.
pub(super) fn store(
    folder: &Path,
    table: &str,
    batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<(), String> {
    let path = folder.join(format!("{table}.parquet"));
    write(&path, batches).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(
    path: &Path,
    batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut batches = batches.into_iter().peekable();
    let schema = match batches.peek() {
        Some(Ok(first)) => first.schema(),
        Some(Err(_)) | None => return Err("no first batch".into()),
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema, Some(properties))?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.close()?;
    Ok(())
}
