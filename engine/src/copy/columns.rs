//! How the columns of a file become the columns of a table: by name, case aside; by position where a CSV file has no
//! names. A column that is missing, unknown or of the wrong kind is named before a row is read.
//!
//! Numbers become numbers if they fit, dates and times likewise, texts only texts: `'12'` in a text column of a
//! Parquet file is not a number by accident. A whole number is never made of one that is not; decimals are rounded to the
//! digits of their column, as INSERT does.

use super::options::CopyOptions;
use crate::error::{EngineError, Result};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::kernels::cmp::distinct;
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Float64Type, Schema, SchemaRef,
};
use arrow::util::display::array_value_to_string;
use datafusion::common::{Column, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, cast, col, create_udf};
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
            Some(found) => {
                let value = col(Column::from_name(found.name()));
                let value = whole(value, found.data_type(), field);
                cast(value, field.data_type().clone())
            }
            None if field.is_nullable() => {
                cast(Expr::Literal(ScalarValue::Null, None), field.data_type().clone())
            }
            None => return Err(missing(field.name(), name, file, format)),
        };
        expressions.push(expression.alias(field.name()));
    }
    Ok(expressions)
}

/// The value of a file's column; where the table's holds whole numbers and the file's others, one that is not whole fails.
fn whole(value: Expr, from: &DataType, to: &Field) -> Expr {
    let has_fractions = match from {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale > 0,
        other => other.is_floating(),
    };
    if !has_fractions || !to.data_type().is_integer() {
        return value;
    }
    let name = to.name().clone();
    let check = move |given: &[ColumnarValue]| refuse_fractions(&name, given);
    let kinds = vec![from.clone()];
    let check = create_udf("whole", kinds, from.clone(), Volatility::Immutable, Arc::new(check));
    check.call(vec![value])
}

fn refuse_fractions(
    column: &str,
    given: &[ColumnarValue],
) -> datafusion::common::Result<ColumnarValue> {
    let [given] = given else { return internal_err!("one value is checked at a time") };
    let values = given.to_array(1)?;
    match fraction(&values)? {
        None => Ok(given.clone()),
        Some(row) => {
            let value = array_value_to_string(&values, row)?;
            exec_err!("column \"{column}\" takes whole numbers, and {value} is none")
        }
    }
}

/// The first row whose value is not a whole number.
fn fraction(values: &ArrayRef) -> Result<Option<usize>, arrow::error::ArrowError> {
    if values.data_type().is_floating() {
        let numbers = arrow::compute::cast(values, &DataType::Float64)?;
        let has_fraction = |number: Option<f64>| number.is_some_and(|number| number.fract() != 0.0);
        return Ok(numbers.as_primitive::<Float64Type>().iter().position(has_fraction));
    }
    let rounded = arrow::compute::cast(values, &DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0))?;
    let back = arrow::compute::cast(&rounded, values.data_type())?;
    Ok(distinct(values, &back)?.iter().position(|differs| differs == Some(true)))
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
        let is_named = |candidate: &&FieldRef| candidate.name().eq_ignore_ascii_case(field.name());
        let exactly = file.fields().iter().find(|candidate| candidate.name() == field.name());
        let mut named = file.fields().iter().filter(is_named);
        let found = exactly.or_else(|| named.next());
        if exactly.is_none() && named.next().is_some() {
            return Err(EngineError::invalid(format!(
                "file {name} has two columns named \"{}\" but for the case of letters",
                field.name()
            ))
            .with_hint("spell one of them as the column is spelled"));
        }
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

/// The columns of a Parquet file by name and type alone: files that differ in nothing else are read together.
pub(super) fn plain(file: &Schema) -> SchemaRef {
    let fields = file.fields().iter();
    let fields = fields.map(|field| Field::new(field.name(), field.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
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
            find(&schema, column).map_or(DataType::Utf8, |field| all_digits(field.data_type()));
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

/// The type that a text of a type is read as. A decimal has one digit more behind the point: reading cuts off those that
/// there is no place for, and the cast after it rounds by the first of them.
fn all_digits(data_type: &DataType) -> DataType {
    match *data_type {
        DataType::Decimal128(precision, scale) if precision < DECIMAL128_MAX_PRECISION => {
            DataType::Decimal128(precision + 1, scale + 1)
        }
        DataType::Decimal128(precision, scale) => DataType::Decimal256(precision + 1, scale + 1),
        _ => data_type.clone(),
    }
}

/// The columns of JSON records, by the table's names as the file spells them, and the table's types; `keys` are those of
/// its first records. A key that a record lacks is NULL.
pub(super) fn json(
    table: &TableVersion,
    listed: &[String],
    keys: &[String],
    name: &str,
) -> Result<SchemaRef> {
    let schema = table.schema();
    if let Some(unknown) = listed.iter().find(|column| find(&schema, column).is_none()) {
        return Err(EngineError::not_found(format!("column \"{unknown}\" does not exist"))
            .with_nearest(unknown, schema.fields().iter().map(|field| field.name().as_str())));
    }
    let wanted = schema.fields().iter().filter(|field| {
        listed.is_empty() || listed.iter().any(|column| column.eq_ignore_ascii_case(field.name()))
    });
    let mut fields = Vec::new();
    for field in wanted {
        let exactly = keys.iter().find(|key| *key == field.name());
        let mut spelled = keys.iter().filter(|key| key.eq_ignore_ascii_case(field.name()));
        let found = exactly.or_else(|| spelled.next());
        if let (None, Some(one), Some(other)) = (exactly, found, spelled.next()) {
            return Err(EngineError::invalid(format!(
                "file {name} has keys \"{one}\" and \"{other}\", and both name column \"{}\"",
                field.name()
            ))
            .with_hint("spell a key the same in all records of a file"));
        }
        let spelled = found.unwrap_or_else(|| field.name());
        fields.push(Field::new(spelled, all_digits(field.data_type()), true));
    }
    Ok(Arc::new(Schema::new(fields)))
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
