//! `CREATE [OR REPLACE] EXTERNAL TABLE [IF NOT EXISTS] t [(columns)] STORED AS PARQUET|CSV|JSON|DELTA LOCATION 'url'
//! [PARTITIONED BY (..)] [OPTIONS (..)]`: files or a Delta table that stay where they are.
//!
//! Columns that are not declared are read from the files once, now; a relative path is made absolute, because the
//! server may be started elsewhere next time. Files are only read. A Delta table is read and written in place, and
//! dropping it leaves it alone. A write that its rules forbid, or that would have to keep rules which are not evaluated
//! here, is refused.
//!
//! Example: `CREATE EXTERNAL TABLE orders STORED AS CSV LOCATION '/data/orders/*.csv' OPTIONS (delimiter = ';')`.

use super::create_table::{ColumnText, KeyText, column, key};
use super::{Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::relations::{FileSource, files};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use pareto_catalog::{Column, FileFormat, Name, Storage, Table};
use sqlparser::tokenizer::Token;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug)]
struct CreateExternalTable {
    name: Written,
    replace: bool,
    if_not_exists: bool,
    columns: Vec<ColumnText>,
    keys: Vec<KeyText>,
    /// `None` for Delta.
    format: Option<FileFormat>,
    location: String,
    partitions: Vec<(String, Option<ColumnText>)>,
    options: BTreeMap<String, String>,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("CREATE")?;
    let replace = reader.word("OR REPLACE");
    reader.expect("EXTERNAL TABLE")?;
    let if_not_exists = reader.word("IF NOT EXISTS");
    let name = reader.name()?;
    let (mut columns, mut keys, mut partitions, mut options) =
        (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
    let (mut format, mut location) = (None, None);
    if reader.peek_mark(&Token::LParen) {
        reader.list(|reader| {
            match key(reader)? {
                Some(key) => keys.push(key),
                None => columns.push(column(reader, &mut keys)?),
            }
            Ok(())
        })?;
    }
    while !reader.at_end() {
        if reader.word("STORED AS") {
            format = Some(if reader.word("DELTA") {
                None
            } else {
                Some(super::copy_table::file_format(reader)?)
            });
        } else if reader.word("LOCATION") {
            location = Some(reader.string()?);
        } else if reader.word("PARTITIONED BY") {
            partitions = reader.list(|reader| partition(reader))?;
        } else if reader.word("OPTIONS") || reader.word("WITH") {
            options.extend(reader.options()?);
        } else {
            return reader.unexpected(
                "STORED AS, LOCATION, PARTITIONED BY, OPTIONS or the end of the statement",
            );
        }
    }
    let format = format.ok_or_else(|| {
        EngineError::invalid("CREATE EXTERNAL TABLE needs STORED AS PARQUET, CSV, JSON or DELTA")
    })?;
    let location = location
        .ok_or_else(|| EngineError::invalid("CREATE EXTERNAL TABLE needs LOCATION 'url'"))?;
    own(CreateExternalTable {
        name,
        replace,
        if_not_exists,
        columns,
        keys,
        format,
        location,
        partitions,
        options,
    })
}

/// A partition column, with its type when that is not text.
fn partition(reader: &mut Reader<'_>) -> Result<(String, Option<ColumnText>)> {
    let name = reader.ident()?;
    if reader.peek_mark(&Token::Comma) || reader.peek_mark(&Token::RParen) {
        return Ok((name, None));
    }
    let data_type = reader.parser().parse_data_type()?.to_string();
    Ok((
        name.clone(),
        Some(ColumnText { name, data_type, nullable: true, default: None, comment: None }),
    ))
}

#[async_trait]
impl Own for CreateExternalTable {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        context.rights().require_files()?;
        let written = context.name(&self.name)?;
        let name = Name::new(context.catalog.schema(&written.schema)?.name.clone(), written.name);
        if super::create_table::vacancy(&context.catalog, &name, self.replace, self.if_not_exists)?
            .is_none()
        {
            return Ok(Outcome::Done);
        }
        let location = absolute(&self.location)?;
        let mut table = Table {
            id: Uuid::new_v4(),
            name,
            columns: Vec::new(),
            storage: Storage::Delta { location: location.clone(), managed: false },
            partitioning: Vec::new(),
            order: Vec::new(),
            constraints: Vec::new(),
            options: BTreeMap::new(),
            comment: None,
            created_at_ms: chrono::Utc::now().timestamp_millis(),
        };
        match self.format {
            Some(format) => self.files(context, &mut table, format, location).await?,
            None if !self.columns.is_empty()
                || !self.partitions.is_empty()
                || !self.options.is_empty() =>
            {
                return Err(EngineError::invalid(
                    "a Delta table says itself what its columns, partitions and options are",
                ));
            }
            None => table = context.engine.warehouse().describe_delta(table).await?,
        }
        for key in &self.keys {
            let constraint = key.resolve(context, &table)?;
            table.constraints.push(constraint);
        }
        super::create_table::enter(context, &table, self.replace, self.if_not_exists).await?;
        Ok(Outcome::Done)
    }
}

impl CreateExternalTable {
    async fn files(
        &self,
        context: &StatementContext,
        table: &mut Table,
        format: FileFormat,
        url: String,
    ) -> Result<()> {
        let mut partition_columns = Vec::new();
        for (name, declared) in &self.partitions {
            let data_type = match declared {
                Some(column) => column.data_type(context)?,
                None => DataType::Utf8,
            };
            partition_columns.push((name.clone(), data_type));
        }
        let declared = self
            .columns
            .iter()
            .map(|column| column.resolve(context))
            .collect::<Result<Vec<Column>>>()?;
        let options = self.options.clone();
        let source = FileSource {
            format,
            urls: vec![url.clone()],
            partition_columns: partition_columns.clone(),
            options,
            schema: None,
        };
        let source = match declared.is_empty() {
            true => source,
            false => {
                let fields: Vec<_> = declared.iter().map(Column::field).collect();
                FileSource {
                    schema: Some(std::sync::Arc::new(arrow::datatypes::Schema::new(fields))),
                    ..source
                }
            }
        };
        let provider =
            files::provider(&source, context.engine.warehouse(), context.state()).await?;
        table.columns = if declared.is_empty() {
            let schema = provider.schema();
            let column = |field: &arrow::datatypes::FieldRef| {
                Column::new(field.name().clone(), field.data_type().clone())
            };
            schema.fields().iter().map(column).collect()
        } else {
            let partitions = partition_columns
                .iter()
                .map(|(name, data_type)| Column::new(name.clone(), data_type.clone()));
            declared.into_iter().chain(partitions).collect()
        };
        table.storage = Storage::Files {
            format,
            url,
            partition_columns: self.partitions.iter().map(|(name, _)| name.clone()).collect(),
            options: self.options.clone(),
        };
        Ok(())
    }
}

/// A path that means the same wherever the server is started.
fn absolute(location: &str) -> Result<String> {
    if location.contains("://") {
        return Ok(location.to_owned());
    }
    let path = std::path::absolute(location)
        .map_err(|error| EngineError::invalid(format!("\"{location}\" is not a path: {error}")))?;
    let slash = if location.ends_with('/') { "/" } else { "" };
    Ok(format!("{}{slash}", path.display().to_string().trim_end_matches('/')))
}
