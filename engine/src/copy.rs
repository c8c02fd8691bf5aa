//! COPY: files into a table, and the rows of a query into files.
//!
//! * [`source`]: which files a URL or glob names, and what format they have;
//! * [`columns`]: how the columns of a file become the columns of the table, and which do not fit;
//! * [`options`]: what `WITH (..)` may say;
//! * [`careful`]: reading text line by line, to say which line is wrong or to set it aside;
//! * [`watch`]: progress; [`to`](mod@to): writing files.
//!
//! A load is one commit: all rows of all files, or none. The fast path reads in parallel with the table's types. Only
//! when it fails are the files read again, line by line, to name the file, the line, the column and the reason.

mod careful;
mod columns;
mod options;
mod source;
mod to;
mod watch;

pub(crate) use to::{CopyTo, to};

use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::future::BoxFuture;
use options::CopyOptions;
use pareto_catalog::{FileFormat, Name, Operation, Removal, Right, TableVersion};
use source::Source;
use std::collections::BTreeMap;

/// `COPY t [(columns)] FROM 'url' [FORMAT f] [WITH (..)]`.
#[derive(Debug, Clone)]
pub(crate) struct CopyFrom {
    /// The table to load.
    pub(crate) table: Name,
    /// The columns the files hold, in their order, when the statement lists them.
    pub(crate) columns: Vec<String>,
    /// A file, a directory, a glob or a URL.
    pub(crate) url: String,
    /// The format, when the statement says; else the file name decides.
    pub(crate) format: Option<FileFormat>,
    /// `WITH (..)`.
    pub(crate) options: BTreeMap<String, String>,
}

/// Loads files into a table. Returns the rows loaded.
pub(crate) fn from<'a>(ctx: &'a StatementContext, copy: CopyFrom) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        ctx.rights().require_files()?;
        let table = ctx.table_to_write(&copy.table, Right::Insert).await?;
        let options = CopyOptions::parse(&copy.options)?;
        if options.reject_table.is_some() && ctx.transaction.is_some() {
            return Err(EngineError::invalid(
                "COPY with a reject_table writes two tables, and a transaction changes one",
            )
            .with_hint("COMMIT before it, or load without reject_table"));
        }
        let source = Source::find(ctx, &copy.url, copy.format).await?;
        if let Some(rejects) = options.reject_table.clone() {
            return careful::load(ctx, &table, &source, &copy.columns, &options, &rejects).await;
        }
        let plan = plan(ctx, &table, &source, &copy.columns, &options).await?;
        match load(ctx, &table, &plan, &source).await {
            Ok(rows) => Ok(rows),
            // Most failures of a load are a bad row: find it, and say where it is.
            Err(error) => {
                Err(careful::explain(ctx, &table, &source, &copy.columns, &options, error).await)
            }
        }
    })
}

fn plan<'a>(
    ctx: &'a StatementContext,
    table: &'a TableVersion,
    source: &'a Source,
    listed: &'a [String],
    options: &'a CopyOptions,
) -> BoxFuture<'a, Result<LogicalPlan>> {
    Box::pin(async move {
        let schemas = source.schemas(ctx, table, listed, options).await?;
        let mut plan: Option<LogicalPlanBuilder> = None;
        for (schema, files) in source.by_schema(&schemas) {
            let mapping = columns::map(table, &schema, source.first_name(), source.format)?;
            let provider = source.provider(&files, schema, options)?;
            let scan = LogicalPlanBuilder::scan("files", provider_as_source(provider), None)?;
            let scan = scan.project(mapping)?;
            plan = Some(match plan {
                Some(others) => others.union(scan.build()?)?,
                None => scan,
            });
        }
        let plan = plan.ok_or_else(|| EngineError::not_found("no file matches"))?;
        Ok(plan.build()?)
    })
}

fn load<'a>(
    ctx: &'a StatementContext,
    table: &'a TableVersion,
    plan: &'a LogicalPlan,
    source: &'a Source,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let physical = ctx.state().create_physical_plan(plan).await?;
        let title = format!("loading {}", table.table().name);
        let watching = watch::start(ctx, &title, Some(source.bytes()), &physical);
        let written = table.write(physical, &Operation::Append, ctx.task()).await;
        drop(watching);
        let written = written?;
        let rows = written.rows;
        if rows > 0 {
            ctx.commit(table, Some(written), &Removal::Nothing, &Operation::Append).await?;
        }
        Ok(rows)
    })
}

/// The format that a file name tells.
fn format_of(name: &str) -> Result<FileFormat> {
    let plain = [".gz", ".zst", ".bz2", ".xz"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    let extension = plain.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("parquet" | "pq") => Ok(FileFormat::Parquet),
        Some("csv" | "tsv" | "txt") => Ok(FileFormat::Csv),
        Some("json" | "jsonl" | "ndjson") => Ok(FileFormat::Json),
        _ => Err(EngineError::invalid(format!("the name \"{name}\" does not tell its format"))
            .with_hint("say FORMAT parquet, FORMAT csv or FORMAT json")),
    }
}
