//! How the columns of a file become the columns of a table: by name, case aside; by position where a CSV file has no
//! names. A column that is missing, unknown or of the wrong kind is named before a row is read.
//!
//! Numbers become numbers if they fit, dates and times likewise, texts only texts: `'12'` in a text column of a
//! Parquet file is not a number by accident.

use super::options::CopyOptions;
use crate::error::{EngineError, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, cast, col};
use pareto_catalog::{FileFormat, TableVersion};
use std::sync::Arc;

/// For every column of the table the expression over the file's columns, or its default.
pub(super) fn map(
    table: &TableVersion,
    file: &Schema,
    name: &str,
    format: FileFormat,
) -> Result<Vec<Expr>> {
    let mut expressions = Vec::new();
    for field in table.input_schema().fields() {
        let found = file
            .fields()
            .iter()
            .find(|candidate| candidate.name().eq_ignore_ascii_case(field.name()));
        let expression = match found {
            Some(found) => cast(col(Column::from_name(found.name())), field.data_type().clone()),
            None if field.is_nullable() => {
                cast(Expr::Literal(ScalarValue::Null, None), field.data_type().clone())
            }
            None => return Err(missing(field.name(), name, file, format)),
        };
        expressions.push(expression.alias(field.name()));
    }
    Ok(expressions)
}

fn missing(column: &str, name: &str, file: &Schema, format: FileFormat) -> EngineError {
    let known: Vec<&str> = file.fields().iter().map(|field| field.name().as_str()).collect();
    let what = if format == FileFormat::Json { "record" } else { "file" };
    EngineError::invalid(format!(
        "{what} {name} has no column \"{column}\", which the table needs; it has {}",
        known.join(", ")
    ))
    .with_nearest(column, known)
}

/// Refuses a Parquet file whose columns the table cannot take.
pub(super) fn check(
    table: &TableVersion,
    file: &Schema,
    name: &str,
    options: &CopyOptions,
) -> Result<()> {
    let schema = table.schema();
    for field in schema.fields() {
        let found = file
            .fields()
            .iter()
            .find(|candidate| candidate.name().eq_ignore_ascii_case(field.name()));
        let Some(found) = found else {
            if is_given(table, field) {
                continue;
            }
            return Err(missing(field.name(), name, file, FileFormat::Parquet));
        };
        if kind(found.data_type()) != kind(field.data_type()) {
            return Err(EngineError::invalid(format!(
                "column \"{}\" is {} in file {name} and {} in table {}",
                field.name(),
                found.data_type(),
                field.data_type(),
                table.table().name
            ))
            .with_hint(format!(
                "convert it: INSERT INTO {} SELECT .. FROM read_parquet('..')",
                table.table().name
            )));
        }
    }
    for candidate in file.fields() {
        known(&schema, candidate.name(), name, options)?;
    }
    Ok(())
}

/// Whether the writer gives the values of a column that a file lacks.
fn is_given(table: &TableVersion, field: &Field) -> bool {
    table.table().surrogate_key() == Some(field.name())
}

fn known(schema: &Schema, column: &str, name: &str, options: &CopyOptions) -> Result<()> {
    if options.ignore_extra_columns || find(schema, column).is_some() {
        return Ok(());
    }
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let error = EngineError::invalid(format!(
        "file {name} has a column \"{column}\", which the table lacks"
    ));
    let near = error.clone().with_nearest(column, names);
    Err(if near.hint.is_some() {
        near
    } else {
        error.with_hint("add it with ALTER TABLE, or leave it out: WITH (extra_columns = 'ignore')")
    })
}

fn find<'a>(schema: &'a Schema, column: &str) -> Option<&'a Field> {
    schema
        .fields()
        .iter()
        .find(|field| field.name().eq_ignore_ascii_case(column))
        .map(AsRef::as_ref)
}

/// The columns of a CSV file, typed as the table types them; columns the table lacks are read as text.
pub(super) fn typed(
    table: &TableVersion,
    header: &[String],
    name: &str,
    options: &CopyOptions,
) -> Result<SchemaRef> {
    let schema = table.schema();
    let mut fields: Vec<Field> = Vec::new();
    for column in header {
        known(&schema, column, name, options)?;
        if fields.iter().any(|field| field.name().eq_ignore_ascii_case(column)) {
            return Err(EngineError::invalid(format!(
                "file {name} has two columns named \"{column}\""
            )));
        }
        let data_type =
            find(&schema, column).map_or(DataType::Utf8, |field| field.data_type().clone());
        fields.push(Field::new(column, data_type, true));
    }
    for field in schema.fields() {
        let is_there = header.iter().any(|column| column.eq_ignore_ascii_case(field.name()));
        if !is_there && !is_given(table, field) {
            return Err(missing(field.name(), name, &Schema::new(fields), FileFormat::Csv));
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The columns of JSON records, by the table's names and types; a key that a record lacks is NULL.
pub(super) fn json(table: &TableVersion, listed: &[String]) -> Result<SchemaRef> {
    let schema = table.schema();
    if let Some(unknown) = listed.iter().find(|column| find(&schema, column).is_none()) {
        return Err(EngineError::not_found(format!("column \"{unknown}\" does not exist"))
            .with_nearest(unknown, schema.fields().iter().map(|field| field.name().as_str())));
    }
    let wanted = schema.fields().iter().filter(|field| {
        listed.is_empty() || listed.iter().any(|column| column.eq_ignore_ascii_case(field.name()))
    });
    Ok(Arc::new(Schema::new(
        wanted
            .map(|field| Field::new(field.name(), field.data_type().clone(), true))
            .collect::<Vec<_>>(),
    )))
}

/// Types of one kind convert into each other where the value fits.
#[derive(PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
    Truth,
    Day,
    Moment,
    Other(DataType),
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Kind::Bytes,
        DataType::Boolean => Kind::Truth,
        DataType::Date32 | DataType::Date64 => Kind::Day,
        DataType::Timestamp(..) => Kind::Moment,
        DataType::Dictionary(_, values) => kind(values),
        other if other.is_numeric() => Kind::Number,
        other => Kind::Other(other.clone()),
    }
}
