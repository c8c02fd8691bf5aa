//! The files behind a URL: found, listed, told apart by format. Never opens more than their heads.
//!
//! Example: `'s3://bucket/2026/*.parquet'` is every Parquet file of that folder.

use super::options::CopyOptions;
use super::{careful, columns, format_of};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat as DataFusionFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use pareto_catalog::{CatalogError, FileFormat, TableVersion};
use std::sync::Arc;

/// How many files are looked into at the same time before they are loaded.
const HEADS_AT_ONCE: usize = 16;

/// The most files one load may read.
const MOST_FILES: usize = 100_000;

/// The files of one COPY.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) url: ListingTableUrl,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) files: Vec<ObjectMeta>,
    pub(crate) format: FileFormat,
    pub(super) compression: FileCompressionType,
}

impl Source {
    /// Lists what the URL names.
    pub(crate) fn find<'a>(
        ctx: &'a StatementContext,
        text: &'a str,
        format: Option<FileFormat>,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let environment = ctx.state().runtime_env();
            if text.contains("://") {
                ctx.engine.warehouse().store_for(text, environment)?;
            }
            let url = ListingTableUrl::parse(text).map_err(|error| {
                EngineError::invalid(format!(
                    "\"{text}\" names no file: {}",
                    error.strip_backtrace()
                ))
            })?;
            let store = environment.object_store(&url)?;
            let mut files = list(store.as_ref(), &url)
                .await
                .map_err(|error| EngineError::from(CatalogError::from(error)))?;
            files.retain(|file| !hidden(file));
            files.sort_by(|a, b| a.location.cmp(&b.location));
            if files.is_empty() {
                return Err(EngineError::not_found(format!("no file matches \"{text}\""))
                    .with_hint("check the path; globs use * and ?"));
            }
            if files.len() > MOST_FILES {
                return Err(EngineError::invalid(format!(
                    "\"{text}\" matches {} files; one COPY reads at most {MOST_FILES}",
                    files.len()
                )));
            }
            let name = files[0].location.filename().unwrap_or_default().to_owned();
            let format = match format {
                Some(format) => format,
                None => format_of(&name)?,
            };
            let compression = match name.rsplit_once('.').map(|(_, extension)| extension) {
                Some("gz") => FileCompressionType::GZIP,
                Some("zst") => FileCompressionType::ZSTD,
                Some("bz2") => FileCompressionType::BZIP2,
                Some("xz") => FileCompressionType::XZ,
                _ => FileCompressionType::UNCOMPRESSED,
            };
            Ok(Self { url, store, files, format, compression })
        })
    }

    /// All bytes to read.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The name of the first file, for messages.
    pub(crate) fn first_name(&self) -> &str {
        self.files.first().map_or("", |file| file.location.as_ref())
    }

    /// Text files can be read line by line unless they are compressed.
    pub(crate) fn is_plain_text(&self) -> bool {
        self.format != FileFormat::Parquet && !self.compression.is_compressed()
    }

    /// The columns of each file, with the types they are read as.
    pub(crate) fn schemas<'a>(
        &'a self,
        ctx: &'a StatementContext,
        table: &'a TableVersion,
        listed: &'a [String],
        options: &'a CopyOptions,
    ) -> BoxFuture<'a, Result<Vec<SchemaRef>>> {
        Box::pin(async move {
            match self.format {
                FileFormat::Parquet => self.parquet_schemas(ctx, table, options).await,
                FileFormat::Csv => {
                    let header = careful::csv_columns(self, table, listed, options).await?;
                    let schema = columns::typed(table, &header, self.first_name(), options)?;
                    Ok(vec![schema; self.files.len()])
                }
                FileFormat::Json => {
                    let keys = |file| careful::json_keys(self, file);
                    let heads: Vec<_> = self.files.iter().map(keys).collect();
                    let heads: Vec<_> =
                        stream::iter(heads).buffered(HEADS_AT_ONCE).try_collect().await?;
                    let schema = |(file, keys): (&ObjectMeta, Vec<String>)| {
                        columns::json(table, listed, &keys, file.location.as_ref())
                    };
                    self.files.iter().zip(heads).map(schema).collect()
                }
            }
        })
    }

    /// The columns of each Parquet file, once every file has what the table needs.
    fn parquet_schemas<'a>(
        &'a self,
        ctx: &'a StatementContext,
        table: &'a TableVersion,
        options: &'a CopyOptions,
    ) -> BoxFuture<'a, Result<Vec<SchemaRef>>> {
        Box::pin(async move {
            let format = ParquetFormat::default();
            let mut schemas = Vec::with_capacity(self.files.len());
            for file in &self.files {
                let schema = format
                    .infer_schema(&**ctx.state(), &self.store, std::slice::from_ref(file))
                    .await
                    .map_err(|error| {
                        EngineError::invalid(format!(
                            "{} is not a readable Parquet file: {}",
                            file.location,
                            error.strip_backtrace()
                        ))
                    })?;
                columns::check(table, &schema, file.location.as_ref(), options)?;
                schemas.push(columns::plain(&schema));
            }
            Ok(schemas)
        })
    }

    /// The files of each shape, by the schemas of all files. Files of one shape are read together.
    pub(crate) fn by_schema(&self, schemas: &[SchemaRef]) -> Vec<(SchemaRef, Vec<ObjectMeta>)> {
        let mut shapes: Vec<(SchemaRef, Vec<ObjectMeta>)> = Vec::new();
        for (file, schema) in self.files.iter().zip(schemas) {
            match shapes.iter_mut().find(|(shape, _)| shape == schema) {
                Some((_, files)) => files.push(file.clone()),
                None => shapes.push((Arc::clone(schema), vec![file.clone()])),
            }
        }
        shapes
    }

    /// Some of the files, all of one shape, as a table.
    pub(crate) fn provider(
        &self,
        files: &[ObjectMeta],
        schema: SchemaRef,
        options: &CopyOptions,
    ) -> Result<Arc<dyn TableProvider>> {
        let format: Arc<dyn DataFusionFormat> = match self.format {
            FileFormat::Parquet => Arc::new(ParquetFormat::default()),
            FileFormat::Csv => Arc::new(
                CsvFormat::default()
                    .with_has_header(options.header)
                    .with_delimiter(options.delimiter)
                    .with_quote(options.quote)
                    .with_escape(options.escape)
                    .with_null_regex(
                        options.null.as_ref().map(|null| format!("^(|{})$", regex_literal(null))),
                    )
                    .with_newlines_in_values(true)
                    .with_file_compression_type(self.compression),
            ),
            FileFormat::Json => {
                Arc::new(JsonFormat::default().with_file_compression_type(self.compression))
            }
        };
        let root = self.url.object_store();
        let urls = files
            .iter()
            .map(|file| ListingTableUrl::parse(format!("{}{}", root.as_str(), file.location)));
        let urls: Vec<ListingTableUrl> = urls.collect::<datafusion::common::Result<_>>()?;
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(ListingOptions::new(format).with_file_extension(""))
            .with_schema(schema);
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

fn regex_literal(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_alphanumeric() { vec![c] } else { vec!['\\', c] }).collect()
}

/// Names that other programs leave beside their data.
fn hidden(file: &ObjectMeta) -> bool {
    file.size == 0
        || file
            .location
            .filename()
            .is_none_or(|name| name.starts_with('.') || name.starts_with('_'))
}

async fn list(
    store: &dyn ObjectStore,
    url: &ListingTableUrl,
) -> object_store::Result<Vec<ObjectMeta>> {
    if !url.is_collection() && url.get_glob().is_none() {
        match store.head(url.prefix()).await {
            Ok(file) => return Ok(vec![file]),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    store
        .list(Some(url.prefix()))
        .try_filter(|file| std::future::ready(url.contains(&file.location, false)))
        .try_collect()
        .await
}
