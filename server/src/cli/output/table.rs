//! Aligned columns for reading.
//!
//! ```text
//!  segment   | customers |      sales
//! -----------+-----------+------------
//!  Champions |      2340 | 1082505.44
//!  NULL      |         1 |       NULL
//! (2 rows)
//! ```
//!
//! Widths come from the first rows (at most [`SAMPLE_ROWS`]), then everything is printed as it arrives; a later cell
//! that is wider pushes its row to the right and is never cut. A cell with line breaks takes several lines.
//! Control characters are escaped, so that data cannot drive the terminal.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::text::{TextColumn, width};
use super::{Out, ResultWriter, Written, is_number};

/// How many rows are looked at before the first is printed.
pub(crate) const SAMPLE_ROWS: usize = 1_000;

/// One row as text.
type Row = Vec<String>;

/// Prints one result as aligned columns.
pub(crate) struct TableWriter<'out> {
    out: Out<'out>,
    names: Vec<String>,
    right: Vec<bool>,
    /// Rows waiting for the widths to be known; empty afterwards.
    sample: Vec<Row>,
    /// The widths, once known.
    widths: Option<Vec<usize>>,
    rows: u64,
}

impl<'out> TableWriter<'out> {
    /// A writer for one result.
    pub(crate) fn new(schema: &SchemaRef, out: Out<'out>) -> Self {
        let names = schema.fields().iter().map(|field| visible(field.name())).collect();
        let right = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
        Self { out, names, right, sample: Vec::new(), widths: None, rows: 0 }
    }

    /// Finds the widths, prints the header and the rows that waited.
    fn start(&mut self) -> Written {
        let mut widths: Vec<usize> = self.names.iter().map(|name| width(name)).collect();
        for row in &self.sample {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = cell.split('\n').map(width).max().unwrap_or(0).max(*widest);
            }
        }
        let header = self.names.clone();
        print_line(
            self.out,
            &header.iter().map(String::as_str).collect::<Vec<_>>(),
            &widths,
            &self.right,
        )?;
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(self.out, "{}", rule.join("+"))?;
        for row in std::mem::take(&mut self.sample) {
            print_row(self.out, &row, &widths, &self.right)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

impl ResultWriter for TableWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Written {
        let columns = TextColumn::of(batch)?;
        for index in 0..batch.num_rows() {
            let mut row = Vec::with_capacity(columns.len());
            for column in &columns {
                let mut cell = String::new();
                let known = column.append(index, &mut cell)?;
                row.push(if known { visible(&cell) } else { "NULL".to_owned() });
            }
            self.rows += 1;
            match &self.widths {
                Some(widths) => print_row(self.out, &row, widths, &self.right)?,
                None => self.sample.push(row),
            }
            if self.widths.is_none() && self.sample.len() >= SAMPLE_ROWS {
                self.start()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Written {
        if self.widths.is_none() {
            self.start()?;
        }
        writeln!(self.out, "({} {})", self.rows, if self.rows == 1 { "row" } else { "rows" })?;
        Ok(())
    }
}

/// Prints a row, over as many lines as its tallest cell has.
fn print_row(out: &mut dyn Write, row: &[String], widths: &[usize], right: &[bool]) -> Written {
    if row.iter().all(|cell| !cell.contains('\n')) {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        return print_line(out, &cells, widths, right);
    }
    let cells: Vec<Vec<&str>> =
        row.iter().map(|cell| cell.trim_end_matches('\n').split('\n').collect()).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    for line in 0..height {
        let line: Vec<&str> =
            cells.iter().map(|cell| cell.get(line).copied().unwrap_or("")).collect();
        print_line(out, &line, widths, right)?;
    }
    Ok(())
}

/// Prints one line of cells.
fn print_line(out: &mut dyn Write, cells: &[&str], widths: &[usize], right: &[bool]) -> Written {
    let mut line = String::new();
    for (index, cell) in cells.iter().enumerate() {
        let wanted = widths.get(index).copied().unwrap_or(0);
        let pad = wanted.saturating_sub(width(cell));
        let (before, after) = if right.get(index) == Some(&true) { (pad, 0) } else { (0, pad) };
        line.push_str(if index == 0 { " " } else { " | " });
        line.extend(std::iter::repeat_n(' ', before));
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', after));
    }
    line.push_str(" \n");
    out.write_all(line.as_bytes())?;
    Ok(())
}

/// The text without anything that would move the cursor; line breaks stay.
fn visible(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n') {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => shown.push('\n'),
            '\t' => shown.push_str("    "),
            '\r' => {}
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::super::Format;
    use super::super::tests::{batch, print};
    use super::*;

    fn check(batches: &[RecordBatch], expected: &str) {
        let text = String::from_utf8(print(Format::Table, batches)).unwrap();
        let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(trimmed.join("\n"), expected);
    }

    fn texts(values: Vec<&str>) -> RecordBatch {
        RecordBatch::try_from_iter([("t", Arc::new(StringArray::from(values)) as ArrayRef)])
            .unwrap()
    }

    #[test]
    fn numbers_stand_right_and_nulls_are_named() {
        check(
            &[batch()],
            concat!(
                "   id | name   | amount | day\n",
                "------+--------+--------+------------\n",
                "    1 | a, \"b\" |  12.30 | 1970-01-01\n",
                "   22 |        |   NULL | NULL\n",
                " NULL | NULL   |  -0.05 | 2022-01-08\n",
                "(3 rows)"
            ),
        );
    }

    #[test]
    fn an_empty_result_has_a_header() {
        check(&[texts(vec![])], " t\n---\n(0 rows)");
    }

    #[test]
    fn line_breaks_make_a_tall_row_and_control_characters_are_shown() {
        check(
            &[texts(vec!["one\ntwo", "\u{1b}[31mred"])],
            " t\n---------------\n one\n two\n \\u{1b}[31mred\n(2 rows)",
        );
    }

    #[test]
    fn wide_characters_are_measured() {
        check(&[texts(vec!["客户", "abcd"])], " t\n------\n 客户\n abcd\n(2 rows)");
    }

    #[test]
    fn late_wide_cells_are_not_cut() {
        let numbers: ArrayRef =
            Arc::new(Int64Array::from_iter_values(0..i64::try_from(SAMPLE_ROWS).unwrap()));
        let first = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX]));
        let second = RecordBatch::try_from_iter([("n", wide)]).unwrap();
        let text = String::from_utf8(print(Format::Table, &[first, second])).unwrap();
        assert!(text.ends_with(" 9223372036854775807 \n(1001 rows)\n"), "{text}");
    }
}
