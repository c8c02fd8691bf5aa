//! Files read in place: external tables and `read_parquet`, `read_csv`, `read_json`.
//!
//! A source is a format, one URL or glob (or several), and options. A directory is read as a whole and may have Hive
//! partitions (`year=2024/`); a glob is listed and matched here, on every store the same way. Nothing matching is an
//! error that names the URL. Files are only read, never written or deleted.
//!
//! Example: `read_csv('data/*.csv', delimiter => ';')` is a source of format CSV with one option.

use crate::error::{EngineError, ErrorKind, Result};
use crate::state::State;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat as Format;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use futures::TryStreamExt;
use futures::future::BoxFuture;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use pareto_catalog::{FileFormat, ListedParquet, Storage, Table, Warehouse};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// The most files one glob may match.
const FILES_LIMIT: usize = 100_000;

/// What to read.
#[derive(Debug, Clone)]
pub(crate) struct FileSource {
    pub(crate) format: FileFormat,
    pub(crate) urls: Vec<String>,
    /// Hive partition columns in the path, with their types.
    pub(crate) partition_columns: Vec<(String, DataType)>,
    pub(crate) options: BTreeMap<String, String>,
    /// The columns, when they are declared; read from the files otherwise.
    pub(crate) schema: Option<SchemaRef>,
}

impl FileSource {
    /// The source behind an external table.
    pub(crate) fn of(table: &Table) -> Result<Self> {
        let Storage::Files { format, url, partition_columns, options } = &table.storage else {
            return Err(EngineError::internal(format!(
                "\"{}\" is not an external table",
                table.name
            )));
        };
        let schema = table.arrow_schema();
        let in_files = schema
            .fields()
            .iter()
            .filter(|field| !partition_columns.contains(field.name()))
            .cloned();
        Ok(Self {
            format: *format,
            urls: url.split('\n').map(str::to_owned).collect(),
            partition_columns: partition_columns
                .iter()
                .map(|name| {
                    (
                        name.clone(),
                        table
                            .column(name)
                            .map_or(DataType::Utf8, |column| column.data_type.clone()),
                    )
                })
                .collect(),
            options: options.clone(),
            schema: Some(Arc::new(arrow::datatypes::Schema::new(in_files.collect::<Vec<_>>()))),
        })
    }
}

/// The scan of a source.
pub(crate) fn provider<'a>(
    source: &'a FileSource,
    warehouse: &'a Warehouse,
    state: &'a State,
) -> BoxFuture<'a, Result<Arc<dyn TableProvider>>> {
    Box::pin(async move {
        let format = format(source)?;
        let mut urls = Vec::new();
        let mut whole = false;
        for url in &source.urls {
            let found = locate(url, warehouse, state).await?;
            whole |= found.iter().any(ListingTableUrl::is_collection);
            urls.extend(found);
        }
        if !source.partition_columns.is_empty() && !whole {
            return Err(EngineError::invalid(
                "PARTITIONED BY needs the directory that holds the partitions, not a file or glob",
            ));
        }
        // In a directory only files of the format count; a file or glob names exactly what is meant.
        let extension = if whole { format.get_ext() } else { String::new() };
        let options = ListingOptions::new(format)
            .with_file_extension(extension)
            .with_table_partition_cols(source.partition_columns.clone());
        let schema = match &source.schema {
            Some(schema) => Arc::clone(schema),
            None => infer(source, &options, &urls, state).await?,
        };
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(options)
            .with_schema(schema);
        let table: Arc<dyn TableProvider> = Arc::new(ListingTable::try_new(config)?);
        Ok(table)
    })
}

fn infer<'a>(
    source: &'a FileSource,
    options: &'a ListingOptions,
    urls: &'a [ListingTableUrl],
    state: &'a State,
) -> BoxFuture<'a, Result<SchemaRef>> {
    Box::pin(async move {
        let named = || source.urls.join("\", \"");
        let Some(first) = urls.first() else {
            return Err(EngineError::not_found(format!("no file matches \"{}\"", named())));
        };
        let schema = options.infer_schema(&**state, first).await.map_err(|error| {
            let error = EngineError::from(error);
            let message = match error.message.strip_prefix("No files found") {
                Some(_) => {
                    format!("no {:?} file is in \"{}\"", source.format, named()).to_lowercase()
                }
                None => format!("\"{}\" cannot be read: {}", named(), error.message),
            };
            EngineError { message, ..error }
        })?;
        if schema.fields().is_empty() {
            return Err(EngineError::invalid(format!("\"{}\" has no columns", named())));
        }
        Ok(schema)
    })
}

fn format(source: &FileSource) -> Result<Arc<dyn Format>> {
    let mut options = Options { format: source.format, rest: source.options.clone() };
    let compression = options.take("compression").map(|text| compression(&text)).transpose()?;
    let compression = compression.unwrap_or(FileCompressionType::UNCOMPRESSED);
    let format: Arc<dyn Format> = match source.format {
        FileFormat::Parquet => Arc::new(ListedParquet::default()),
        FileFormat::Json => Arc::new(JsonFormat::default().with_file_compression_type(compression)),
        FileFormat::Csv => {
            let mut csv = CsvFormat::default().with_file_compression_type(compression);
            csv = csv.with_has_header(
                options.switch("header")?.or(options.switch("has_header")?).unwrap_or(true),
            );
            if let Some(byte) = options.byte("delimiter")? {
                csv = csv.with_delimiter(byte);
            }
            if let Some(byte) = options.byte("quote")? {
                csv = csv.with_quote(byte);
            }
            if let Some(byte) = options.byte("escape")? {
                csv = csv.with_escape(Some(byte));
            }
            if let Some(byte) = options.byte("comment")? {
                csv = csv.with_comment(Some(byte));
            }
            if let Some(on) = options.switch("newlines_in_values")? {
                csv = csv.with_newlines_in_values(on);
            }
            if let Some(text) = options.take("null_regex") {
                csv = csv.with_null_regex(Some(text));
            }
            Arc::new(csv)
        }
    };
    options.all_used()?;
    Ok(format)
}

/// Options that are taken out as they are understood; what is left is refused.
struct Options {
    format: FileFormat,
    rest: BTreeMap<String, String>,
}

/// The options of CSV, for the hint.
const CSV_OPTIONS: [&str; 8] = [
    "header",
    "delimiter",
    "quote",
    "escape",
    "comment",
    "newlines_in_values",
    "null_regex",
    "compression",
];

impl Options {
    fn take(&mut self, key: &str) -> Option<String> {
        self.rest.remove(key).or_else(|| self.rest.remove(&format!("format.{key}")))
    }

    fn switch(&mut self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" | "yes" => Ok(Some(true)),
            "false" | "off" | "0" | "no" => Ok(Some(false)),
            _ => Err(EngineError::invalid(format!(
                "option \"{key}\" takes true or false, not \"{value}\""
            ))),
        }
    }

    fn byte(&mut self, key: &str) -> Result<Option<u8>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.as_bytes() {
            [byte] => Ok(Some(*byte)),
            br"\t" => Ok(Some(b'\t')),
            _ => Err(EngineError::invalid(format!(
                "option \"{key}\" takes one character, not \"{value}\""
            ))),
        }
    }

    fn all_used(&self) -> Result<()> {
        let Some(key) = self.rest.keys().next() else { return Ok(()) };
        let known =
            if self.format == FileFormat::Csv { &CSV_OPTIONS[..] } else { &CSV_OPTIONS[7..] };
        let error = EngineError::invalid(format!(
            "option \"{key}\" does not exist for {}",
            name(self.format)
        ));
        let near = error.with_nearest(key, known.iter().copied());
        Err(if near.hint.is_some() {
            near
        } else {
            near.with_hint(format!("the options are {}", known.join(", ")))
        })
    }
}

/// The format's name in SQL.
pub(crate) fn name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Parquet => "PARQUET",
        FileFormat::Csv => "CSV",
        FileFormat::Json => "JSON",
    }
}

fn compression(text: &str) -> Result<FileCompressionType> {
    text.to_ascii_uppercase().parse().map_err(|_| {
        EngineError::invalid(format!(
            "option \"compression\" takes gzip, bzip2, xz, zstd or uncompressed, not \"{text}\""
        ))
    })
}

/// The files or the directory that a URL names, with their store made known to the planner.
fn locate<'a>(
    url: &'a str,
    warehouse: &'a Warehouse,
    state: &'a State,
) -> BoxFuture<'a, Result<Vec<ListingTableUrl>>> {
    Box::pin(async move {
        let (prefix, pattern) = split_glob(url);
        let (store, path) = warehouse.store_for(prefix, state.runtime_env())?;
        let root = root_of(prefix)?;
        let address = |path: &Path, folder: bool| {
            let mut address = root.clone();
            address.set_path(&format!("{path}{}", if folder { "/" } else { "" }));
            ListingTableUrl::try_new(address, None).map_err(EngineError::from)
        };
        let Some(pattern) = pattern else {
            return match store.head(&path).await {
                Ok(_) => Ok(vec![address(&path, false)?]),
                Err(object_store::Error::NotFound { .. } | object_store::Error::Generic { .. }) => {
                    match store.list(Some(&path)).try_next().await {
                        Ok(Some(_)) => Ok(vec![address(&path, true)?]),
                        Ok(None) | Err(object_store::Error::NotFound { .. }) => {
                            Err(EngineError::not_found(format!("no file or directory \"{url}\"")))
                        }
                        Err(error) => Err(unreachable_store(url, error)),
                    }
                }
                Err(error) => Err(unreachable_store(url, error)),
            };
        };
        let under = path.as_ref().to_owned();
        let mut found = Vec::new();
        let mut listing = store.list(Some(&path));
        while let Some(meta) =
            listing.try_next().await.map_err(|error| unreachable_store(url, error))?
        {
            let relative = meta
                .location
                .as_ref()
                .strip_prefix(&under)
                .unwrap_or_else(|| meta.location.as_ref())
                .trim_start_matches('/');
            if matches(&pattern, relative) {
                found.push(meta.location);
            }
            if found.len() > FILES_LIMIT {
                return Err(EngineError::new(
                    ErrorKind::Exhausted,
                    format!("\"{url}\" matches more than {FILES_LIMIT} files"),
                ));
            }
        }
        if found.is_empty() {
            return Err(EngineError::not_found(format!("no file matches \"{url}\"")));
        }
        found.sort();
        found.iter().map(|path| address(path, false)).collect()
    })
}

fn unreachable_store(url: &str, error: object_store::Error) -> EngineError {
    let error = EngineError::from(datafusion::error::DataFusionError::from(error));
    EngineError { message: format!("\"{url}\" cannot be listed: {}", error.message), ..error }
}

/// The store's own address: scheme and host.
fn root_of(url: &str) -> Result<Url> {
    let text = match url.split_once("://") {
        Some((scheme, rest)) => {
            format!("{scheme}://{}/", rest.split('/').next().unwrap_or_default())
        }
        None => "file:///".to_owned(),
    };
    Url::parse(&text)
        .map_err(|error| EngineError::invalid(format!("\"{url}\" is not a URL: {error}")))
}

/// Splits at the last slash before the first wildcard.
fn split_glob(url: &str) -> (&str, Option<String>) {
    let Some(wild) = url.find(['*', '?', '[']) else { return (url, None) };
    match url[..wild].rfind('/') {
        Some(slash) => (&url[..=slash], Some(url[slash + 1..].to_owned())),
        None => ("./", Some(url.to_owned())),
    }
}

/// Matches a path against a pattern: `*` and `?` within a name, `**` across directories, `[abc]` one of these.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), path.chars().collect());
    // Which prefixes of the path the pattern so far can match; one pass, no backtracking.
    let mut reach = vec![false; path.len() + 1];
    reach[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; path.len() + 1];
        let (step, kind) = match pattern[at] {
            '*' if pattern.get(at + 1) == Some(&'*') => {
                (if pattern.get(at + 2) == Some(&'/') { 3 } else { 2 }, Piece::Any)
            }
            '*' => (1, Piece::Name),
            '?' => (1, Piece::One(None)),
            '[' => match pattern[at..].iter().position(|c| *c == ']') {
                Some(end) => (end + 1, Piece::One(Some(&pattern[at + 1..at + end]))),
                None => (1, Piece::Exact('[')),
            },
            c => (1, Piece::Exact(c)),
        };
        let mut open = false;
        for index in 0..=path.len() {
            match kind {
                Piece::Any | Piece::Name => {
                    open |= reach[index];
                    next[index] = open;
                    open &= !(matches!(kind, Piece::Name) && path.get(index) == Some(&'/'));
                }
                Piece::One(set) if index < path.len() => {
                    let fits =
                        path[index] != '/' && set.is_none_or(|set| set.contains(&path[index]));
                    next[index + 1] = reach[index] && fits;
                }
                Piece::Exact(c) if index < path.len() => {
                    next[index + 1] = reach[index] && path[index] == c
                }
                Piece::One(_) | Piece::Exact(_) => {}
            }
        }
        reach = next;
        at += step;
    }
    reach[path.len()]
}

/// One element of a pattern.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Any,
    Name,
    One(Option<&'a [char]>),
    Exact(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_like_a_shell() {
        let check = |pattern: &str, path: &str, expected: bool| {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}")
        };
        check("*.csv", "a.csv", true);
        check("*.csv", "a/b.csv", false);
        check("**/*.csv", "a/b/c.csv", true);
        check("**/*.csv", "c.csv", true);
        check("part-?.parquet", "part-1.parquet", true);
        check("part-?.parquet", "part-12.parquet", false);
        check("2024-0[123]/*", "2024-02/x", true);
        check("2024-0[123]/*", "2024-04/x", false);
        check("a*b*c", "axxbyyc", true);
    }

    #[test]
    fn globs_split_at_the_directory() {
        assert_eq!(split_glob("s3://b/x/*.csv"), ("s3://b/x/", Some("*.csv".to_owned())));
        assert_eq!(split_glob("a.csv"), ("a.csv", None));
        assert_eq!(split_glob("*.csv"), ("./", Some("*.csv".to_owned())));
    }
}
