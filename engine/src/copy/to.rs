//! COPY .. TO: the rows of a query into one file, or into several when the place is a directory.
//!
//! Files are written by DataFusion's own sinks. A place that holds files already is refused: nothing is overwritten.
//!
//! Example: `COPY (SELECT * FROM sales) TO 'sales.parquet'`.

use super::format_of;
use super::options::CopyOptions;
use crate::context::StatementContext;
use crate::error::{EngineError, ErrorKind, Result};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use datafusion::common::file_options::file_type::FileType;
use datafusion::datasource::file_format::csv::CsvFormatFactory;
use datafusion::datasource::file_format::format_as_file_type;
use datafusion::datasource::file_format::json::JsonFormatFactory;
use datafusion::datasource::file_format::parquet::ParquetFormatFactory;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use object_store::ObjectStoreExt;
use pareto_catalog::FileFormat;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// `COPY (query) TO 'url' [FORMAT f] [WITH (..)]`.
#[derive(Debug, Clone)]
pub(crate) struct CopyTo {
    /// The rows.
    pub(crate) input: LogicalPlan,
    /// A file, or a directory when it ends in `/`.
    pub(crate) url: String,
    /// The format, when the statement says; else the file name decides.
    pub(crate) format: Option<FileFormat>,
    /// `WITH (..)`.
    pub(crate) options: BTreeMap<String, String>,
}

/// Writes the files. Returns the rows written.
pub(crate) fn to<'a>(ctx: &'a StatementContext, copy: CopyTo) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        ctx.rights().require_files()?;
        let options = CopyOptions::parse(&copy.options)?;
        if copy.url.contains("://") {
            ctx.engine.warehouse().store_for(&copy.url, ctx.state().runtime_env())?;
        }
        let format = match copy.format {
            Some(format) => format,
            None => format_of(&copy.url)?,
        };
        refuse_existing(ctx, &copy.url).await?;
        let plan = LogicalPlanBuilder::copy_to(
            copy.input,
            copy.url.clone(),
            file_type(format),
            sink_options(&options, format),
            Vec::new(),
        )?
        .build()?;
        let physical = ctx.state().create_physical_plan(&plan).await?;
        let batches: Vec<_> = execute_stream(physical, ctx.task())?.try_collect().await?;
        let count = batches.first().filter(|batch| batch.num_rows() == 1);
        Ok(count
            .and_then(|batch| batch.column(0).as_primitive_opt::<UInt64Type>())
            .map_or(0, |count| count.value(0)))
    })
}

fn refuse_existing<'a>(ctx: &'a StatementContext, text: &'a str) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let url = ListingTableUrl::parse(text).map_err(|error| {
            EngineError::invalid(format!(
                "\"{text}\" is not a place for files: {}",
                error.strip_backtrace()
            ))
        })?;
        if url.get_glob().is_some() {
            return Err(EngineError::invalid(format!(
                "\"{text}\" is a glob; COPY TO needs one file or a directory"
            )));
        }
        let store = ctx.state().runtime_env().object_store(&url)?;
        let taken = match url.is_collection() {
            true => store.list(Some(url.prefix())).try_next().await.ok().flatten().is_some(),
            false => store.head(url.prefix()).await.is_ok(),
        };
        if taken {
            return Err(EngineError::new(
                ErrorKind::AlreadyExists,
                format!("\"{text}\" exists already; COPY TO does not overwrite"),
            )
            .with_hint("choose another name, or remove it first"));
        }
        Ok(())
    })
}

fn file_type(format: FileFormat) -> Arc<dyn FileType> {
    match format {
        FileFormat::Parquet => format_as_file_type(Arc::new(ParquetFormatFactory::new())),
        FileFormat::Csv => format_as_file_type(Arc::new(CsvFormatFactory::new())),
        FileFormat::Json => format_as_file_type(Arc::new(JsonFormatFactory::new())),
    }
}

fn sink_options(options: &CopyOptions, format: FileFormat) -> HashMap<String, String> {
    let mut sink = HashMap::new();
    match format {
        FileFormat::Csv => {
            sink.insert("format.has_header".to_owned(), options.header.to_string());
            sink.insert("format.delimiter".to_owned(), char::from(options.delimiter).to_string());
            sink.insert("format.quote".to_owned(), char::from(options.quote).to_string());
            if let Some(null) = &options.null {
                sink.insert("format.null_value".to_owned(), null.clone());
            }
        }
        FileFormat::Parquet => {
            sink.insert("format.compression".to_owned(), "zstd(1)".to_owned());
            if let Some(rows) = options.row_group_rows {
                sink.insert("format.max_row_group_size".to_owned(), rows.to_string());
            }
        }
        FileFormat::Json => {}
    }
    sink
}
