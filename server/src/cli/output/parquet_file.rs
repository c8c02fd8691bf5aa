//! A Parquet file on standard output, zstd-compressed, one row group in memory at a time.
//!
//! Example: `pareto sql -c 'SELECT * FROM sales' --format parquet > sales.parquet`.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Out, ResultWriter, Written};

/// Rows per row group: what has to be held in memory.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Writes one result as a Parquet file.
pub(crate) struct ParquetWriter<'out> {
    writer: ArrowWriter<Out<'out>>,
}

impl<'out> ParquetWriter<'out> {
    /// A writer for one result.
    pub(crate) fn new(schema: &SchemaRef, out: Out<'out>) -> Written<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        Ok(Self {
            writer: ArrowWriter::try_new(out, std::sync::Arc::clone(schema), Some(properties))?,
        })
    }
}

impl ResultWriter for ParquetWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Written {
        Ok(self.writer.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Written {
        self.writer.close()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    use super::super::Format;
    use super::super::tests::{batch, print};

    #[test]
    fn round_trip() {
        let bytes = Bytes::from(print(Format::Parquet, &[batch()]));
        let read: Vec<_> =
            ParquetRecordBatchReader::try_new(bytes, 1024).unwrap().map(Result::unwrap).collect();
        assert_eq!(read, [batch()]);
    }
}
