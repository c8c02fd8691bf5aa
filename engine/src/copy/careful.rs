//! Reading text line by line: slow, and exact about what is wrong where.
//!
//! Used twice: to explain a load that failed, and to load with `on_error = 'reject'`, where rows that do not fit go
//! into a table of their own (file, line, column, reason, text) and the rest is loaded.
//!
//! Example: `sales.csv, line 17, column "amount": 'abc' is not a DECIMAL(10, 2)`.

mod lines;
mod rows;

use super::options::CopyOptions;
use super::source::Source;
use super::watch;
use crate::context::{StatementContext, full};
use crate::error::{EngineError, Result};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::future::BoxFuture;
use lines::Lines;
use object_store::ObjectMeta;
use pareto_catalog::{FileFormat, Name, Operation, Removal, Right, TableVersion};
use rows::{Misfit, Reader};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// More rejected rows than this mean that the file is not what it was taken for.
const MOST_REJECTS: usize = 1_000_000;
/// Batches on their way from the reader to the writer.
const IN_FLIGHT: usize = 8;

/// The column names of the first CSV file; of every other, that they are the same.
pub(super) fn csv_columns<'a>(
    source: &'a Source,
    table: &'a TableVersion,
    listed: &'a [String],
    options: &'a CopyOptions,
) -> BoxFuture<'a, Result<Vec<String>>> {
    Box::pin(async move {
        let declared =
            || table.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        if !options.header {
            return Ok(if listed.is_empty() { declared() } else { listed.to_vec() });
        }
        let compression = source.compression;
        let mut first: Option<Vec<String>> = None;
        for file in &source.files {
            let lines = Lines::open(&source.store, &file.location).await?;
            let options = options.clone();
            let name = file.location.to_string();
            let header =
                blocking(move || rows::header(compression.convert_read(lines)?, &options, &name));
            let header = header.await?;
            match &first {
                None => first = Some(header),
                Some(expected) if expected == &header => {}
                Some(expected) => {
                    return Err(EngineError::invalid(format!(
                        "file {} has columns {}, others have {}",
                        file.location,
                        header.join(", "),
                        expected.join(", ")
                    ))
                    .with_hint("load files of one shape at a time"));
                }
            }
        }
        let header = first.unwrap_or_default();
        if !listed.is_empty() && listed.len() != header.len() {
            return Err(EngineError::invalid(format!(
                "{} columns are listed, the files have {}",
                listed.len(),
                header.len()
            )));
        }
        Ok(if listed.is_empty() { header } else { listed.to_vec() })
    })
}

/// The keys of the first records of a JSON file, as it spells them.
pub(super) fn json_keys<'a>(
    source: &'a Source,
    file: &'a ObjectMeta,
) -> BoxFuture<'a, Result<Vec<String>>> {
    Box::pin(async move {
        let lines = Lines::open(&source.store, &file.location).await?;
        let compression = source.compression;
        blocking(move || rows::keys(compression.convert_read(lines)?)).await
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::internal(format!("a reader ended early: {error}")))?
}

/// The reader of one file, with the columns and types the table wants.
fn reader<'a>(
    source: &'a Source,
    place: usize,
    schema: &'a SchemaRef,
    table: &'a TableVersion,
    options: &'a CopyOptions,
) -> BoxFuture<'a, Result<Reader>> {
    Box::pin(async move {
        let file = &source.files[place];
        Ok(Reader {
            lines: Lines::open(&source.store, &file.location).await?,
            file: file.location.to_string(),
            schema: Arc::clone(schema),
            table: table.input_schema(),
            options: options.clone(),
            format: source.format,
        })
    })
}

/// Says which line a failed load stumbled over, or returns the failure as it was.
pub(super) fn explain<'a>(
    ctx: &'a StatementContext,
    table: &'a TableVersion,
    source: &'a Source,
    listed: &'a [String],
    options: &'a CopyOptions,
    error: EngineError,
) -> BoxFuture<'a, EngineError> {
    Box::pin(async move {
        use crate::error::ErrorKind;
        if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Internal) {
            return error;
        }
        if !source.is_plain_text() {
            return explain_whole_files(ctx, source, error).await;
        }
        let Ok(schemas) = source.schemas(ctx, table, listed, options).await else { return error };
        for (place, schema) in schemas.iter().enumerate() {
            let Ok(reader) = reader(source, place, schema, table, options).await else {
                return error;
            };
            let found = blocking(move || {
                let mut first = None;
                reader.read(&mut |_| Ok(()), &mut |misfit| {
                    first = Some(misfit);
                    Ok(false)
                })?;
                Ok(first)
            });
            match found.await {
                Ok(Some(misfit)) => {
                    return misfit.error().with_hint(
                        "mend the file, or load WITH (on_error = 'reject', reject_table = '..')",
                    );
                }
                Ok(None) => {}
                Err(other) => return other,
            }
        }
        error
    })
}

/// For formats without lines: which file cannot be read.
fn explain_whole_files<'a>(
    ctx: &'a StatementContext,
    source: &'a Source,
    error: EngineError,
) -> BoxFuture<'a, EngineError> {
    Box::pin(async move {
        if source.format == FileFormat::Parquet {
            for file in &source.files {
                if let Err(reason) = read_whole(ctx, source, file.location.as_ref()).await {
                    return EngineError::invalid(format!(
                        "{} cannot be read: {}",
                        file.location, reason.message
                    ))
                    .with_hint("the file is damaged; nothing was loaded");
                }
            }
        }
        error
    })
}

fn read_whole<'a>(
    ctx: &'a StatementContext,
    source: &'a Source,
    path: &'a str,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        use datafusion::datasource::listing::ListingTableUrl;
        use futures::TryStreamExt;
        let url = ListingTableUrl::parse(format!("{}{path}", source.url.object_store().as_str()))?;
        let one = Source::find(ctx, url.as_str(), Some(source.format)).await?;
        let format = datafusion::datasource::file_format::parquet::ParquetFormat::default();
        let schema = datafusion::datasource::file_format::FileFormat::infer_schema(
            &format,
            &**ctx.state(),
            &one.store,
            &one.files,
        )
        .await?;
        let options = CopyOptions::parse(&Default::default())?;
        let provider = one.provider(&one.files, schema, &options)?;
        let plan =
            LogicalPlanBuilder::scan("files", provider_as_source(provider), None)?.build()?;
        let mut rows = ctx.stream(&plan).await?;
        while rows.try_next().await?.is_some() {}
        Ok(())
    })
}

/// Loads what fits and keeps the rest in the reject table. Returns the rows loaded.
pub(super) fn load<'a>(
    ctx: &'a StatementContext,
    table: &'a TableVersion,
    source: &'a Source,
    listed: &'a [String],
    options: &'a CopyOptions,
    reject_table: &'a str,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        if !source.is_plain_text() {
            return Err(EngineError::invalid(
                "on_error = 'reject' needs lines: it works for uncompressed CSV and JSON files",
            ));
        }
        let name = reject_name(ctx, reject_table)?;
        let schemas = source.schemas(ctx, table, listed, options).await?;
        let rejects: Arc<Mutex<Vec<Misfit>>> = Arc::default();
        let mut readers = Vec::new();
        for (place, schema) in schemas.iter().enumerate() {
            readers.push(reader(source, place, schema, table, options).await?);
        }
        let partition = CarefulFiles {
            table: table.input_schema(),
            readers: Mutex::new(Some(readers)),
            rejects: Arc::clone(&rejects),
        };
        let scan = StreamingTableExec::try_new(
            table.input_schema(),
            vec![Arc::new(partition)],
            None,
            Vec::new(),
            false,
            None,
        )?;
        let plan: Arc<dyn datafusion::physical_plan::ExecutionPlan> = Arc::new(scan);
        let watching = watch::start(
            ctx,
            &format!("loading {}", table.table().name),
            Some(source.bytes()),
            &plan,
        );
        let written = table.write(plan, &Operation::Append, ctx.task()).await;
        drop(watching);
        let written = written?;
        let rows = written.rows;
        let rejected = std::mem::take(&mut *rejects.lock().unwrap_or_else(PoisonError::into_inner));
        keep(ctx, &name, &rejected).await?;
        if rows > 0 {
            table.commit(Some(written), &Removal::Nothing, &Operation::Append).await?;
        }
        Ok(rows)
    })
}

/// The reject table, which is one that lasts: what a load refused is looked at after the session.
fn reject_name(ctx: &StatementContext, reject_table: &str) -> Result<Name> {
    let name = match reject_table.split_once('.') {
        Some((schema, name)) => Name::new(schema, name),
        None => Name::new(ctx.schema(), reject_table),
    };
    ctx.session.refuse_temporary([&name], "COPY cannot put rejected rows into")?;
    Ok(name)
}

/// Appends the rejected rows to their table, making it when it is not there.
fn keep<'a>(
    ctx: &'a StatementContext,
    name: &'a Name,
    rejected: &'a [Misfit],
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        if ctx.catalog.table(name).is_err() {
            let sql = format!(
                "CREATE TABLE IF NOT EXISTS {} (file VARCHAR, line BIGINT, column_name VARCHAR, reason VARCHAR, text VARCHAR)",
                full(name)
            );
            Box::pin(ctx.session.execute(&sql)).await?;
        } else {
            ctx.rights().require(Right::Insert, &ctx.catalog.table(name)?.name)?;
        }
        if rejected.is_empty() {
            return Ok(());
        }
        let catalog = ctx.engine.warehouse().catalog().await?;
        let table = ctx
            .engine
            .warehouse()
            .open_table(catalog.table(name)?, pareto_catalog::AsOf::Latest)
            .await?;
        let text = |of: &dyn Fn(&Misfit) -> Option<String>| {
            Arc::new(rejected.iter().map(of).collect::<StringArray>()) as ArrayRef
        };
        let lines: Int64Array =
            rejected.iter().map(|misfit| i64::try_from(misfit.line).ok()).collect();
        let schema = Arc::new(Schema::new(vec![
            Field::new("file", DataType::Utf8, true),
            Field::new("line", DataType::Int64, true),
            Field::new("column_name", DataType::Utf8, true),
            Field::new("reason", DataType::Utf8, true),
            Field::new("text", DataType::Utf8, true),
        ]));
        let columns = vec![
            text(&|misfit| Some(misfit.file.clone())),
            Arc::new(lines),
            text(&|misfit| misfit.column.clone()),
            text(&|misfit| Some(misfit.reason.clone())),
            text(&|misfit| Some(misfit.text.clone())),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(datafusion::error::DataFusionError::from)?;
        let provider = MemTable::try_new(schema, vec![vec![batch]])?;
        let plan =
            LogicalPlanBuilder::scan("rejects", provider_as_source(Arc::new(provider)), None)?
                .build()?;
        let physical = ctx.state().create_physical_plan(&plan).await?;
        let written = table.write(physical, &Operation::Append, ctx.task()).await?;
        table.commit(Some(written), &Removal::Nothing, &Operation::Append).await?;
        Ok(())
    })
}

/// The rows of all files that fit, one file after the other.
#[derive(Debug)]
struct CarefulFiles {
    table: SchemaRef,
    readers: Mutex<Option<Vec<Reader>>>,
    rejects: Arc<Mutex<Vec<Misfit>>>,
}

impl PartitionStream for CarefulFiles {
    fn schema(&self) -> &SchemaRef {
        &self.table
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let readers =
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let rejects = Arc::clone(&self.rejects);
        tokio::task::spawn_blocking(move || {
            for reader in readers {
                let outcome = reader.read(
                    &mut |batch| {
                        sender
                            .blocking_send(Ok(batch))
                            .map_err(|_| EngineError::invalid("the load was given up"))
                    },
                    &mut |misfit| {
                        let mut rejects = rejects.lock().unwrap_or_else(PoisonError::into_inner);
                        rejects.push(misfit);
                        if rejects.len() > MOST_REJECTS {
                            return Err(EngineError::invalid(format!(
                                "more than {MOST_REJECTS} rows do not fit; nothing was loaded"
                            )));
                        }
                        Ok(true)
                    },
                );
                if let Err(error) = outcome {
                    let _ = sender.blocking_send(Err(
                        datafusion::error::DataFusionError::External(Box::new(error)),
                    ));
                    return;
                }
            }
        });
        let rows = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.table), rows))
    }
}
