//! Comma-separated values with a header line, after RFC 4180 but with `\n` line ends.
//!
//! NULL is an empty field and an empty string is `""`, as PostgreSQL and DuckDB write them, so both survive a round
//! trip. Fields with a comma, a quote or a line break are quoted.
//!
//! Example: the row (1, NULL, '', 'a "b"') is `1,,"","a ""b"""`.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::text::TextColumn;
use super::{Out, ResultWriter, Written};

/// Prints one result as CSV.
pub(crate) struct CsvWriter<'out> {
    out: Out<'out>,
    /// Lines of the batch being written; kept to keep its memory.
    lines: String,
    /// The field being written.
    field: String,
}

/// Lines are handed on in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;

impl<'out> CsvWriter<'out> {
    /// A writer for one result; prints the header.
    pub(crate) fn new(schema: &SchemaRef, out: Out<'out>) -> Written<Self> {
        let mut lines = String::with_capacity(PIECE_BYTES + 1024);
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                lines.push(',');
            }
            push_field(&mut lines, field.name());
        }
        lines.push('\n');
        out.write_all(lines.as_bytes())?;
        lines.clear();
        Ok(Self { out, lines, field: String::new() })
    }
}

impl ResultWriter for CsvWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Written {
        let columns = TextColumn::of(batch)?;
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    self.lines.push(',');
                }
                self.field.clear();
                if column.append(row, &mut self.field)? {
                    push_field(&mut self.lines, &self.field);
                }
            }
            self.lines.push('\n');
            if self.lines.len() >= PIECE_BYTES {
                self.out.write_all(self.lines.as_bytes())?;
                self.lines.clear();
            }
        }
        self.out.write_all(self.lines.as_bytes())?;
        self.lines.clear();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Written {
        Ok(())
    }
}

/// Appends a field that is not NULL, quoted when it has to be.
fn push_field(line: &mut String, field: &str) {
    if !field.is_empty() && !field.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        line.push_str(field);
        return;
    }
    line.push('"');
    for (index, part) in field.split('"').enumerate() {
        if index > 0 {
            line.push_str("\"\"");
        }
        line.push_str(part);
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{batch, print};

    #[test]
    fn null_and_empty_differ() {
        let text = String::from_utf8(print(Format::Csv, &[batch()])).unwrap();
        assert_eq!(
            text,
            concat!(
                "id,name,amount,day\n",
                "1,\"a, \"\"b\"\"\",12.30,1970-01-01\n",
                "22,\"\",,\n",
                ",,-0.05,2022-01-08\n"
            )
        );
    }
}
