//! Results on standard output: one format per file, all of them streaming.
//!
//! | format   | NULL           | several results                  | notes |
//! |----------|----------------|----------------------------------|-------|
//! | table    | `NULL`         | a blank line between             | numbers to the right, row count below |
//! | csv      | nothing        | one after another, each with its header | an empty string is `""` |
//! | json     | `null`         | one array after another          | one row per line; decimals keep all digits |
//! | ndjson   | `null`         | one after another                | one object per line |
//! | markdown | `NULL`         | a blank line between             | |
//! | parquet  | null           | refused: a file holds one result | zstd |
//! | arrow    | null           | one IPC stream after another     | |
//!
//! A writer never holds a whole result: the table looks at its first rows to find widths and prints from there on,
//! Parquet holds one row group. Binary formats are refused on a terminal.
//!
//! Example: `pareto sql -c "SELECT 1 AS a, NULL AS b" --format csv` prints `a,b` and `1,`.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use clap::ValueEnum;
use parquet::errors::ParquetError;
use serde::Deserialize;

use super::error::{CliError, Result};

pub(crate) mod arrow_stream;
pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod parquet_file;
pub(crate) mod table;
pub(crate) mod text;

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Aligned columns with a row count, for reading
    Table,
    /// Comma-separated with a header line
    Csv,
    /// One array of objects per result
    Json,
    /// One object per line
    Ndjson,
    /// A Markdown table
    Markdown,
    /// A Parquet file, for one result
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

impl Format {
    /// Whether people cannot read it.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Whether a blank line stands between two results.
    fn is_spaced(self) -> bool {
        matches!(self, Self::Table | Self::Markdown)
    }

    /// A writer for one result.
    pub(crate) fn writer<'out>(
        self,
        schema: &SchemaRef,
        out: Out<'out>,
    ) -> Written<Box<dyn ResultWriter + 'out>> {
        Ok(match self {
            Self::Table => Box::new(table::TableWriter::new(schema, out)),
            Self::Csv => Box::new(csv::CsvWriter::new(schema, out)?),
            Self::Json => Box::new(json::JsonWriter::array(schema, out)),
            Self::Ndjson => Box::new(json::JsonWriter::lines(schema, out)),
            Self::Markdown => Box::new(markdown::MarkdownWriter::new(schema, out)?),
            Self::Parquet => Box::new(parquet_file::ParquetWriter::new(schema, out)?),
            Self::Arrow => Box::new(arrow_stream::ArrowStreamWriter::new(schema, out)?),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Where results go.
pub(crate) type Out<'out> = &'out mut (dyn Write + Send);

/// The result of writing.
pub(crate) type Written<T = ()> = std::result::Result<T, WriteError>;

/// Writes one result, batch by batch.
pub(crate) trait ResultWriter {
    /// Writes some rows.
    fn write(&mut self, batch: &RecordBatch) -> Written;
    /// Writes what belongs at the end.
    fn finish(self: Box<Self>) -> Written;
}

/// A result that could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The sink refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A value cannot be shown in this format.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A value cannot be stored in Parquet.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// Standard output (or a buffer, in tests), the format, and what has been printed so far.
pub(crate) struct Printer<W: Write + Send> {
    sink: BufWriter<Watched<W>>,
    reader_gone: Arc<AtomicBool>,
    format: Format,
    results: u64,
}

impl<W: Write + Send> Printer<W> {
    /// A printer of results in one format.
    pub(crate) fn new(sink: W, format: Format) -> Self {
        let reader_gone = Arc::new(AtomicBool::new(false));
        let watched = Watched { sink, reader_gone: Arc::clone(&reader_gone) };
        Self {
            sink: BufWriter::with_capacity(BUFFER_BYTES, watched),
            reader_gone,
            format,
            results: 0,
        }
    }

    /// Prints in another format from now on.
    pub(crate) fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// Starts a result.
    pub(crate) fn start(&mut self, schema: &SchemaRef) -> Result<Printing<'_>> {
        if self.results > 0 {
            if self.format == Format::Parquet {
                return Err(CliError::failed(
                    "a Parquet file holds one result, and a second statement gives rows",
                    "run one statement at a time, or use --format arrow, which takes many",
                ));
            }
            if self.format.is_spaced() {
                self.sink.write_all(b"\n").map_err(CliError::output)?;
            }
        }
        self.results += 1;
        let format = self.format;
        let writer = format
            .writer(schema, &mut self.sink)
            .map_err(|error| explain(error, &self.reader_gone, format))?;
        Ok(Printing { writer, reader_gone: Arc::clone(&self.reader_gone), format })
    }

    /// Forgets what was printed before, so that no blank line stands before the next result.
    pub(crate) fn restart(&mut self) {
        self.results = 0;
    }

    /// Prints text that is no result, such as a heading.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        self.sink.write_all(text.as_bytes()).map_err(CliError::output)
    }

    /// Hands on everything written so far.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.sink.flush().map_err(CliError::output)
    }
}

/// Results are handed to the operating system in pieces of this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// One result being printed.
pub(crate) struct Printing<'out> {
    writer: Box<dyn ResultWriter + 'out>,
    reader_gone: Arc<AtomicBool>,
    format: Format,
}

impl Printing<'_> {
    /// Prints some rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|error| explain(error, &self.reader_gone, self.format))
    }

    /// Prints what belongs at the end.
    pub(crate) fn finish(self) -> Result<()> {
        self.writer.finish().map_err(|error| explain(error, &self.reader_gone, self.format))
    }
}

/// Turns a failure to write into the command's error; a reader that has gone away is none.
fn explain(error: WriteError, reader_gone: &AtomicBool, format: Format) -> CliError {
    if reader_gone.load(Ordering::Relaxed) {
        return CliError::ReaderGone;
    }
    let refused = |reason: String| {
        CliError::failed(
            format!("cannot write the result as {format}: {reason}"),
            "cast the column to TEXT, or choose another --format",
        )
    };
    match error {
        WriteError::Io(source) => CliError::output(source),
        WriteError::Arrow(source) => refused(source.to_string()),
        WriteError::Parquet(source) => refused(source.to_string()),
    }
}

/// A sink that remembers that its reader has gone away, whatever the layers above make of the error.
struct Watched<W> {
    sink: W,
    reader_gone: Arc<AtomicBool>,
}

impl<W> Watched<W> {
    fn watch<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.reader_gone.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.sink.write(bytes);
        self.watch(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.sink.flush();
        self.watch(outcome)
    }
}

/// Whether values of a type are aligned to the right.
fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// The schema with every name once: a second `x` becomes `x_2`, because objects cannot hold two.
fn unique_names(schema: &SchemaRef) -> SchemaRef {
    let mut taken = std::collections::HashSet::new();
    let mut fields = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        fields.push(Field::clone(field).with_name(name));
    }
    Schema::new(fields).into()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, StringArray};

    use super::*;

    /// Three rows with everything that is easy to get wrong.
    pub(super) fn batch() -> RecordBatch {
        let amounts = Decimal128Array::from(vec![Some(1230), None, Some(-5)])
            .with_precision_and_scale(10, 2)
            .unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from(vec![Some(1), Some(22), None]))),
            ("name", Arc::new(StringArray::from(vec![Some("a, \"b\""), Some(""), None]))),
            ("amount", Arc::new(amounts)),
            ("day", Arc::new(Date32Array::from(vec![Some(0), None, Some(19_000)]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// Prints batches as one result.
    pub(super) fn print(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut printer = Printer::new(&mut bytes, format);
        let mut writer = printer.start(&batches[0].schema()).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        printer.flush().unwrap();
        drop(printer);
        bytes
    }

    #[test]
    fn results_follow_one_another() {
        let check = |format: Format, expected: &str| {
            let one = RecordBatch::try_from_iter([(
                "a",
                Arc::new(Int64Array::from(vec![7])) as ArrayRef,
            )])
            .unwrap();
            let mut bytes = Vec::new();
            let mut printer = Printer::new(&mut bytes, format);
            for _ in 0..2 {
                let mut writer = printer.start(&one.schema()).unwrap();
                writer.write(&one).unwrap();
                writer.finish().unwrap();
            }
            printer.flush().unwrap();
            drop(printer);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{format}");
        };
        check(Format::Csv, "a\n7\na\n7\n");
        check(Format::Json, "[{\"a\":7}]\n[{\"a\":7}]\n");
        check(Format::Ndjson, "{\"a\":7}\n{\"a\":7}\n");
        check(Format::Table, " a \n---\n 7 \n(1 row)\n\n a \n---\n 7 \n(1 row)\n");
        check(Format::Markdown, "| a |\n|---:|\n| 7 |\n\n| a |\n|---:|\n| 7 |\n");
    }

    #[test]
    fn a_parquet_file_holds_one_result() {
        let mut printer = Printer::new(Vec::new(), Format::Parquet);
        printer.start(&batch().schema()).unwrap().finish().unwrap();
        let Err(error) = printer.start(&batch().schema()) else {
            panic!("a second result was taken")
        };
        assert!(error.to_string().contains("holds one result"), "{error}");
    }

    #[test]
    fn a_reader_that_goes_away_is_noticed_through_every_layer() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in Format::value_variants() {
            let mut printer = Printer::new(Gone, *format);
            let mut writer = printer.start(&batch().schema()).unwrap();
            let told = writer
                .write(&batch())
                .and_then(|()| writer.finish())
                .and_then(|()| printer.flush());
            assert!(matches!(told, Err(CliError::ReaderGone)), "{format}: {told:?}");
        }
    }

    #[test]
    fn names_are_made_unique() {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        let schema = Schema::new(vec![field("x"), field("x"), field("x_2"), field("x")]).into();
        let unique = unique_names(&schema);
        let names: Vec<_> = unique.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["x", "x_2", "x_2_2", "x_3"]);
    }
}
