//! JSON: one array of objects per result, or one object per line.
//!
//! Every key is written, `null` for NULL; decimals are numbers with all their digits, as are 64-bit integers, which
//! readers built on doubles round above 2^53. Not-a-number and infinities, which JSON does not have, are `null`.
//! Dates and timestamps are ISO 8601 strings, binary values hexadecimal. A second column of one name gets a suffix.
//!
//! Example: `[{"id":1,"amount":12.30},` on the first line and `{"id":2,"amount":null}]` on the second.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::writer::{JsonFormat, LineDelimited, Writer, WriterBuilder};

use super::{Out, ResultWriter, Written, unique_names};

/// Prints one result as JSON.
pub(crate) struct JsonWriter<'out, F: JsonFormat> {
    writer: Writer<Out<'out>, F>,
    schema: SchemaRef,
}

impl<'out> JsonWriter<'out, ArrayOfLines> {
    /// One array per result.
    pub(crate) fn array(schema: &SchemaRef, out: Out<'out>) -> Self {
        Self::new(schema, out)
    }
}

impl<'out> JsonWriter<'out, LineDelimited> {
    /// One object per line.
    pub(crate) fn lines(schema: &SchemaRef, out: Out<'out>) -> Self {
        Self::new(schema, out)
    }
}

impl<'out, F: JsonFormat> JsonWriter<'out, F> {
    fn new(schema: &SchemaRef, out: Out<'out>) -> Self {
        let writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, F>(out);
        Self { writer, schema: unique_names(schema) }
    }
}

impl<F: JsonFormat> ResultWriter for JsonWriter<'_, F> {
    fn write(&mut self, batch: &RecordBatch) -> Written {
        // Equal but for names, so this copies pointers and no data.
        let batch =
            RecordBatch::try_new(std::sync::Arc::clone(&self.schema), batch.columns().to_vec())?;
        Ok(self.writer.write(&batch)?)
    }

    fn finish(mut self: Box<Self>) -> Written {
        Ok(self.writer.finish()?)
    }
}

/// An array with one row per line, which people and `diff` can read.
#[derive(Debug, Default)]
pub(crate) struct ArrayOfLines;

impl JsonFormat for ArrayOfLines {
    fn start_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"[")?)
    }

    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        if is_first_row { Ok(()) } else { Ok(writer.write_all(b",\n")?) }
    }

    fn end_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"]\n")?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{batch, print};

    #[test]
    fn every_key_is_written_and_money_keeps_its_digits() {
        let text = String::from_utf8(print(Format::Json, &[batch(), batch().slice(0, 1)])).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"[{"id":1,"name":"a, \"b\"","amount":12.30,"day":"1970-01-01"},"#,
                "\n",
                r#"{"id":22,"name":"","amount":null,"day":null},"#,
                "\n",
                r#"{"id":null,"name":null,"amount":-0.05,"day":"2022-01-08"},"#,
                "\n",
                r#"{"id":1,"name":"a, \"b\"","amount":12.30,"day":"1970-01-01"}]"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_empty_result_is_an_empty_array() {
        assert_eq!(print(Format::Json, &[batch().slice(0, 0)]), b"[]\n");
        assert_eq!(print(Format::Ndjson, &[batch().slice(0, 0)]), b"");
    }
}
