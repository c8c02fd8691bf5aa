//! Lines into rows, with every misfit named: wrong number of fields, a value that is not of its column's type, a NULL
//! where none may be.
//!
//! Whole chunks are converted at once; only a chunk that holds a misfit is looked at value by value.

use super::lines::Lines;
use crate::copy::options::CopyOptions;
use crate::error::{EngineError, Result};
use crate::sql::a_sql_type;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::DataFusionError;
use pareto_catalog::FileFormat;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

/// Lines converted at once.
const CHUNK: usize = 8192;
/// Records that tell how a JSON file spells its keys.
const FIRST_LINES: usize = 1000;

/// A row that does not fit.
#[derive(Debug, Clone)]
pub(super) struct Misfit {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) column: Option<String>,
    pub(super) reason: String,
    pub(super) text: String,
}

impl Misfit {
    /// As an error of the whole load.
    pub(super) fn error(&self) -> EngineError {
        let column =
            self.column.as_ref().map(|column| format!(", column \"{column}\"")).unwrap_or_default();
        EngineError::invalid(format!(
            "{}, line {}{column}: {}; nothing was loaded",
            self.file, self.line, self.reason
        ))
    }
}

type Deliver<'a> = &'a mut dyn FnMut(RecordBatch) -> Result<()>;
/// Takes a misfit; false ends the reading.
type Reject<'a> = &'a mut dyn FnMut(Misfit) -> Result<bool>;

/// One file, ready to be read carefully.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) lines: Lines,
    pub(super) file: String,
    /// The columns of the file.
    pub(super) schema: SchemaRef,
    /// The columns of the table.
    pub(super) table: SchemaRef,
    pub(super) options: CopyOptions,
    pub(super) format: FileFormat,
}

fn csv_reader<R: Read>(lines: R, options: &CopyOptions) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(options.delimiter)
        .quote(options.quote)
        .escape(options.escape)
        .flexible(true)
        .from_reader(lines)
}

/// The names in the first line of a CSV file.
pub(super) fn header(lines: impl Read, options: &CopyOptions, file: &str) -> Result<Vec<String>> {
    let mut record = csv::StringRecord::new();
    let found = csv_reader(lines, options).read_record(&mut record);
    match found {
        Ok(true) => Ok(record
            .iter()
            .map(|name| name.trim().trim_start_matches('\u{feff}').to_owned())
            .collect()),
        Ok(false) => {
            Err(EngineError::invalid(format!("{file} is empty: it has no line of column names")))
        }
        Err(error) => Err(EngineError::invalid(format!("{file}, line 1: {error}"))),
    }
}

/// The keys of the first records of a JSON file. What is no record is complained about when it is loaded; a file that cannot
/// be read is an error here.
pub(super) fn keys(lines: impl Read) -> Result<Vec<String>> {
    let mut head = Vec::new();
    for line in BufReader::new(lines).split(b'\n').take(FIRST_LINES) {
        head.extend(line.map_err(DataFusionError::IoError)?);
        head.push(b'\n');
    }
    let mut keys: Vec<String> = Vec::new();
    // A record may take several lines. Where one is broken, each line after it is tried by itself.
    if !add_keys(&head, &mut keys) {
        for line in head.split(|byte| *byte == b'\n') {
            add_keys(line, &mut keys);
        }
    }
    Ok(keys)
}

/// Adds the keys of some records; false at one that is broken and not only cut off.
fn add_keys(text: &[u8], keys: &mut Vec<String>) -> bool {
    type Record = serde_json::Map<String, serde_json::Value>;
    for record in serde_json::Deserializer::from_slice(text).into_iter::<Record>() {
        let record = match record {
            Ok(record) => record,
            Err(error) => return error.is_eof(),
        };
        for (key, _) in record {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    true
}

/// Lines read and not yet converted.
struct Chunk {
    lines: Vec<u64>,
    texts: Vec<String>,
    /// By column; None is NULL.
    cells: Vec<Vec<Option<String>>>,
}

impl Chunk {
    fn new(columns: usize) -> Self {
        Self { lines: Vec::new(), texts: Vec::new(), cells: vec![Vec::new(); columns] }
    }
}

impl Reader {
    /// Reads to the end, or until `reject` says to stop.
    pub(super) fn read(self, deliver: Deliver<'_>, reject: Reject<'_>) -> Result<()> {
        match self.format {
            FileFormat::Csv => self.read_csv(deliver, reject),
            FileFormat::Json => self.read_json(deliver, reject),
            FileFormat::Parquet => Err(EngineError::internal("a Parquet file has no lines")),
        }
    }

    fn misfit(file: &str, line: u64, column: Option<&str>, reason: String, text: String) -> Misfit {
        Misfit { file: file.to_owned(), line, column: column.map(str::to_owned), reason, text }
    }

    fn read_csv(self, deliver: Deliver<'_>, reject: Reject<'_>) -> Result<()> {
        let Self { lines, file, schema, table, options, format: _ } = self;
        let width = schema.fields().len();
        let mut reader = csv_reader(lines, &options);
        let mut record = csv::StringRecord::new();
        let mut chunk = Chunk::new(width);
        let mut first = options.header;
        loop {
            let more = match reader.read_record(&mut record) {
                Ok(more) => more,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    if reject(Self::misfit(
                        &file,
                        line,
                        None,
                        "the line is not UTF-8 text".to_owned(),
                        String::new(),
                    ))? {
                        continue;
                    }
                    return Ok(());
                }
            };
            if !more || chunk.lines.len() == CHUNK {
                let full = std::mem::replace(&mut chunk, Chunk::new(width));
                if !convert(&file, &schema, &table, &full, deliver, reject)? || !more {
                    return Ok(());
                }
            }
            if std::mem::take(&mut first) {
                continue;
            }
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != width {
                let reason = format!("{} fields where {width} are expected", record.len());
                if reject(Self::misfit(
                    &file,
                    line,
                    None,
                    reason,
                    record.iter().collect::<Vec<_>>().join(","),
                ))? {
                    continue;
                }
                return Ok(());
            }
            chunk.lines.push(line);
            chunk.texts.push(record.iter().collect::<Vec<_>>().join(","));
            for (column, cell) in chunk.cells.iter_mut().zip(record.iter()) {
                let null = cell.is_empty() || options.null.as_deref() == Some(cell);
                column.push((!null).then(|| cell.to_owned()));
            }
        }
    }

    fn read_json(self, deliver: Deliver<'_>, reject: Reject<'_>) -> Result<()> {
        let Self { lines, file, schema, table, .. } = self;
        for (place, line) in BufReader::new(lines).lines().enumerate() {
            let number = place as u64 + 1;
            let text = line
                .map_err(|error| EngineError::invalid(format!("{file}, line {number}: {error}")))?;
            if text.trim().is_empty() {
                continue;
            }
            let outcome = json_row(&schema, &text).and_then(|batch| aligned(&batch, &table));
            let wrong = match outcome {
                Ok(batch) => match missing_value(&table, &batch) {
                    None => {
                        deliver(batch)?;
                        continue;
                    }
                    Some(column) => Self::misfit(
                        &file,
                        number,
                        Some(&column),
                        "NULL where a value is required".to_owned(),
                        text,
                    ),
                },
                Err(reason) => Self::misfit(&file, number, None, reason, text),
            };
            if !reject(wrong)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// One JSON record as a row.
fn json_row(schema: &SchemaRef, text: &str) -> std::result::Result<RecordBatch, String> {
    let says = |error: arrow::error::ArrowError| {
        error.to_string().trim_start_matches("Json error: ").to_owned()
    };
    let mut decoder =
        arrow::json::ReaderBuilder::new(Arc::clone(schema)).build_decoder().map_err(says)?;
    decoder.decode(text.as_bytes()).map_err(says)?;
    decoder.flush().map_err(says)?.ok_or_else(|| "the line holds no record".to_owned())
}

/// The columns of a batch in the table's order and types.
fn aligned(batch: &RecordBatch, table: &SchemaRef) -> std::result::Result<RecordBatch, String> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let column = |field: &Arc<arrow::datatypes::Field>| match find(batch, field.name()) {
        Some(column) => {
            cast_with_options(column, field.data_type(), &strict).map_err(|error| error.to_string())
        }
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns: Vec<ArrayRef> =
        table.fields().iter().map(column).collect::<std::result::Result<_, _>>()?;
    let nullable: Vec<_> =
        table.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(nullable)), columns)
        .map_err(|error| error.to_string())
}

fn find<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    let place = batch
        .schema_ref()
        .fields()
        .iter()
        .position(|field| field.name().eq_ignore_ascii_case(name))?;
    Some(batch.column(place))
}

fn missing_value(table: &SchemaRef, batch: &RecordBatch) -> Option<String> {
    let broken = table
        .fields()
        .iter()
        .zip(batch.columns())
        .find(|(field, column)| !field.is_nullable() && column.null_count() > 0);
    broken.map(|(field, _)| field.name().clone())
}

/// Converts a chunk of CSV cells; false when `reject` asked to stop.
fn convert(
    file: &str,
    schema: &SchemaRef,
    table: &SchemaRef,
    chunk: &Chunk,
    deliver: Deliver<'_>,
    reject: Reject<'_>,
) -> Result<bool> {
    let rows = chunk.lines.len();
    let mut fits = vec![true; rows];
    let mut columns: Vec<ArrayRef> = Vec::new();
    for field in table.fields() {
        let place = schema
            .fields()
            .iter()
            .position(|candidate| candidate.name().eq_ignore_ascii_case(field.name()));
        let Some(place) = place else {
            columns.push(new_null_array(field.data_type(), rows));
            continue;
        };
        let texts: ArrayRef =
            Arc::new(chunk.cells[place].iter().map(Option::as_deref).collect::<StringArray>());
        let typed = cast_with_options(
            &texts,
            field.data_type(),
            &CastOptions { safe: true, ..CastOptions::default() },
        )
        .map_err(DataFusionError::from)?;
        for (row, fit) in fits.iter_mut().enumerate() {
            let unreadable = typed.is_null(row) && texts.is_valid(row);
            let required = texts.is_null(row) && !field.is_nullable();
            if !*fit || !(unreadable || required) {
                continue;
            }
            *fit = false;
            let reason = match &chunk.cells[place][row] {
                Some(cell) => format!("'{cell}' is not {}", expected(field.data_type())),
                None => "NULL where a value is required".to_owned(),
            };
            if !reject(Reader::misfit(
                file,
                chunk.lines[row],
                Some(field.name()),
                reason,
                chunk.texts[row].clone(),
            ))? {
                return Ok(false);
            }
        }
        columns.push(typed);
    }
    let nullable: Vec<_> =
        table.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let batch = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(nullable)), columns)
        .and_then(|batch| filter_record_batch(&batch, &BooleanArray::from(fits)))
        .map_err(DataFusionError::from)?;
    if batch.num_rows() > 0 {
        deliver(batch)?;
    }
    Ok(true)
}

/// A type as SQL writes it, and how a text of it looks where that is not plain.
fn expected(data_type: &DataType) -> String {
    let written = a_sql_type(data_type);
    match data_type {
        DataType::Date32 => format!("{written} (YYYY-MM-DD)"),
        DataType::Timestamp(..) => format!("{written} (YYYY-MM-DD HH:MM:SS)"),
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
    use futures::{StreamExt, TryStreamExt};

    #[tokio::test]
    async fn a_compressed_file_has_its_own_column_names() {
        let options = CopyOptions::parse(&std::collections::BTreeMap::new()).unwrap();
        let text = bytes::Bytes::from_static(b"b,a\n1,2\n");
        let plain = futures::stream::iter([Ok(text)]).boxed();
        let gzip = FileCompressionType::GZIP;
        let pieces: Vec<bytes::Bytes> =
            gzip.convert_to_compress_stream(plain).unwrap().try_collect().await.unwrap();
        let bytes = std::io::Cursor::new(pieces.concat());
        let names = header(gzip.convert_read(bytes).unwrap(), &options, "x.csv.gz").unwrap();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn keys_are_those_of_all_first_records() {
        let text = "not a record\n{\"Id\": 1}\n{\"Id\": 2, \"name\": {\"x\": 1}}\n{\"cut";
        assert_eq!(keys(text.as_bytes()).unwrap(), ["Id", "name"]);
        let wide = "{\n  \"Id\": 1,\n  \"amount\": 1e999\n}\n{\"name\": 2}";
        assert_eq!(keys(wide.as_bytes()).unwrap(), ["name"]);
        assert_eq!(keys("{\n  \"Id\": 1\n}".as_bytes()).unwrap(), ["Id"]);
    }
}
