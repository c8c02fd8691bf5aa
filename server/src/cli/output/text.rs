//! Values as text, shared by the formats people read: table, CSV and Markdown.
//!
//! Dates and timestamps are ISO 8601, decimals keep their scale, nested values look like `{a: 1}` and `[1, 2]`. A
//! value that has no text (a date beyond the calendar) is an error and never the word "ERROR" among the data.
//!
//! Example: DECIMAL(10, 2) 12.5 is `12.50`.

use std::fmt::Write as _;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// What stands inside nested values for a null.
const OPTIONS: FormatOptions<'static> =
    FormatOptions::new().with_display_error(false).with_null("NULL");

/// One column of a batch, ready to be written.
pub(crate) struct TextColumn<'batch> {
    formatter: ArrayFormatter<'batch>,
    nulls: Option<NullBuffer>,
}

impl TextColumn<'_> {
    /// The columns of a batch.
    pub(crate) fn of(batch: &RecordBatch) -> Result<Vec<TextColumn<'_>>, ArrowError> {
        batch
            .columns()
            .iter()
            .map(|column| {
                let formatter = ArrayFormatter::try_new(column.as_ref(), &OPTIONS)?;
                Ok(TextColumn { formatter, nulls: column.logical_nulls() })
            })
            .collect()
    }

    /// Appends the text of a row; false, and nothing appended, for NULL.
    pub(crate) fn append(&self, row: usize, text: &mut String) -> Result<bool, ArrowError> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(false);
        }
        let start = text.len();
        write!(text, "{}", self.formatter.value(row)).map_err(|_| {
            ArrowError::CastError(format!("row {} holds a value that has no text", row + 1))
        })?;
        debug_assert!(text.len() >= start);
        Ok(true)
    }
}

/// How many terminal columns a text takes: two for East Asian wide characters and emoji, none for combining marks.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char_width).sum()
}

/// How many terminal columns a character takes.
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F | 0xFE20..=0xFE2F => {
            0
        }
        0x1100..=0x115F
        | 0x2E80..=0x303E
        | 0x3041..=0x33FF
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xA000..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        assert_eq!(width("abc"), 3);
        assert_eq!(width("é"), 1);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(width("客户价值"), 8);
        assert_eq!(width("ﾊ"), 1);
    }
}
