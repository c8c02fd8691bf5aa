//! A Markdown table, for issues and notes.
//!
//! ```text
//! | segment | customers |
//! |---|---:|
//! | Champions | 2340 |
//! ```
//!
//! Pipes are escaped, line breaks become `<br>`, NULL is `NULL`. Cells are not padded, so rows can leave as they come.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::text::TextColumn;
use super::{Out, ResultWriter, Written, is_number};

/// Prints one result as a Markdown table.
pub(crate) struct MarkdownWriter<'out> {
    out: Out<'out>,
}

impl<'out> MarkdownWriter<'out> {
    /// A writer for one result; prints the header.
    pub(crate) fn new(schema: &SchemaRef, out: Out<'out>) -> Written<Self> {
        let mut lines = String::from("|");
        for field in schema.fields() {
            lines.push_str(&format!(" {} |", escape(field.name())));
        }
        lines.push_str("\n|");
        for field in schema.fields() {
            lines.push_str(if is_number(field.data_type()) { "---:|" } else { "---|" });
        }
        lines.push('\n');
        out.write_all(lines.as_bytes())?;
        Ok(Self { out })
    }
}

impl ResultWriter for MarkdownWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Written {
        let columns = TextColumn::of(batch)?;
        let mut cell = String::new();
        for row in 0..batch.num_rows() {
            let mut line = String::from("|");
            for column in &columns {
                cell.clear();
                let known = column.append(row, &mut cell)?;
                line.push(' ');
                line.push_str(&if known { escape(&cell) } else { "NULL".to_owned() });
                line.push_str(" |");
            }
            line.push('\n');
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Written {
        Ok(())
    }
}

/// The text as it stands inside a cell.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace("\r\n", "<br>")
        .replace(['\n', '\r'], "<br>")
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{batch, print};
    use super::*;

    #[test]
    fn cells_are_escaped() {
        assert_eq!(escape("a|b\nc"), "a\\|b<br>c");
        let text = String::from_utf8(print(Format::Markdown, &[batch()])).unwrap();
        assert_eq!(
            text,
            concat!(
                "| id | name | amount | day |\n",
                "|---:|---|---:|---|\n",
                "| 1 | a, \"b\" | 12.30 | 1970-01-01 |\n",
                "| 22 |  | NULL | NULL |\n",
                "| NULL | NULL | -0.05 | 2022-01-08 |\n"
            )
        );
    }
}
