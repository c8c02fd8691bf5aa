//! What `COPY .. WITH (..)` may say. An option that is not known is refused by name: a misspelt one must not be lost.
//!
//! Example: `WITH (delimiter = ';', header = false, on_error = 'reject', reject_table = 'bad_rows')`.

use crate::error::{EngineError, Result};
use std::collections::BTreeMap;

/// The options of a COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyOptions {
    /// The first line of a CSV file names its columns.
    pub(crate) header: bool,
    /// Between the fields of a CSV line.
    pub(crate) delimiter: u8,
    /// Around a field that contains the delimiter.
    pub(crate) quote: u8,
    /// Before a quote within a field, where it is not doubled.
    pub(crate) escape: Option<u8>,
    /// The text that stands for NULL; the empty field always does.
    pub(crate) null: Option<String>,
    /// Columns of the files that the table does not have are left out instead of refused.
    pub(crate) ignore_extra_columns: bool,
    /// Rows that do not fit go into this table instead of failing the load.
    pub(crate) reject_table: Option<String>,
    /// Rows to write into one row group.
    pub(crate) row_group_rows: Option<usize>,
}

const KNOWN: [&str; 9] = [
    "delimiter",
    "escape",
    "extra_columns",
    "header",
    "null",
    "on_error",
    "quote",
    "reject_table",
    "row_group_rows",
];

impl CopyOptions {
    /// Reads the options of a statement.
    pub(crate) fn parse(given: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = Self {
            header: true,
            delimiter: b',',
            quote: b'"',
            escape: None,
            null: None,
            ignore_extra_columns: false,
            reject_table: None,
            row_group_rows: None,
        };
        let mut rejects = false;
        for (key, value) in given {
            match key.to_ascii_lowercase().as_str() {
                "header" => options.header = choice(key, value, ["true", "false"])? == 0,
                "delimiter" => options.delimiter = character(key, value)?,
                "quote" => options.quote = character(key, value)?,
                "escape" => options.escape = Some(character(key, value)?),
                "null" => options.null = Some(value.clone()),
                "extra_columns" => {
                    options.ignore_extra_columns = choice(key, value, ["ignore", "error"])? == 0
                }
                "on_error" => rejects = choice(key, value, ["reject", "fail"])? == 0,
                "reject_table" => options.reject_table = Some(value.clone()),
                "row_group_rows" => options.row_group_rows = Some(number(key, value)?),
                _ => {
                    return Err(EngineError::invalid(format!("COPY has no option \"{key}\""))
                        .with_nearest(key, KNOWN));
                }
            }
        }
        if rejects != options.reject_table.is_some() {
            return Err(EngineError::invalid("on_error = 'reject' and reject_table go together")
                .with_hint("write WITH (on_error = 'reject', reject_table = 'bad_rows')"));
        }
        Ok(options)
    }
}

fn choice(key: &str, value: &str, allowed: [&str; 2]) -> Result<usize> {
    let place = allowed.iter().position(|candidate| value.eq_ignore_ascii_case(candidate));
    place.ok_or_else(|| {
        EngineError::invalid(format!("{key} is {} or {}, not \"{value}\"", allowed[0], allowed[1]))
    })
}

fn character(key: &str, value: &str) -> Result<u8> {
    match value.as_bytes() {
        [byte] => Ok(*byte),
        _ if value == "\\t" || value.eq_ignore_ascii_case("tab") => Ok(b'\t'),
        _ => Err(EngineError::invalid(format!("{key} is one character, not \"{value}\""))),
    }
}

fn number(key: &str, value: &str) -> Result<usize> {
    let parsed = value.parse::<usize>().ok().filter(|number| *number > 0);
    parsed
        .ok_or_else(|| EngineError::invalid(format!("{key} is a positive number, not \"{value}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[(&str, &str)]) -> Result<CopyOptions> {
        CopyOptions::parse(
            &options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let options = parse(&[("delimiter", ";"), ("header", "FALSE")]).unwrap();
        assert!(!options.header && options.delimiter == b';');
        let error = parse(&[("delimeter", ";")]).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean \"delimiter\"?"));
        assert!(parse(&[("on_error", "reject")]).is_err());
        assert!(parse(&[("quote", "ab")]).is_err());
    }
}
