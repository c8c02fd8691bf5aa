//! An Arrow IPC stream on standard output; several results are several streams, one after another.
//!
//! Example: `pareto sql -c 'SELECT * FROM sales' --format arrow | python -c "import pyarrow.ipc, sys;
//! print(pyarrow.ipc.open_stream(sys.stdin.buffer).read_all())"`.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;

use super::{Out, ResultWriter, Written};

/// Writes one result as an IPC stream.
pub(crate) struct ArrowStreamWriter<'out> {
    writer: StreamWriter<Out<'out>>,
}

impl<'out> ArrowStreamWriter<'out> {
    /// A writer for one result; writes the schema.
    pub(crate) fn new(schema: &SchemaRef, out: Out<'out>) -> Written<Self> {
        Ok(Self { writer: StreamWriter::try_new(out, schema)? })
    }
}

impl ResultWriter for ArrowStreamWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Written {
        Ok(self.writer.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Written {
        Ok(self.writer.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use arrow::ipc::reader::StreamReader;

    use super::super::Format;
    use super::super::tests::{batch, print};

    #[test]
    fn round_trip() {
        let bytes = print(Format::Arrow, &[batch()]);
        let read: Vec<_> =
            StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect();
        assert_eq!(read, [batch()]);
    }
}
