//! Arrow types written as SQL, for `SHOW CREATE TABLE` and for messages.
//!
//! The inverse of what the planner does with a type in `CREATE TABLE`, for the types a table can hold.
//!
//! Example: `Decimal128(10, 2)` is `DECIMAL(10, 2)`.

use arrow::datatypes::{DataType, TimeUnit};

/// The SQL type that `CREATE TABLE` reads back as this one.
pub(crate) fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "REAL".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTEA".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::List(item) => format!("{}[]", sql_type(item.data_type())),
        other => other.to_string(),
    }
}

/// The same with its article: `an INT`, `a DATE`.
pub(crate) fn a_sql_type(data_type: &DataType) -> String {
    let name = sql_type(data_type);
    let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
    format!("{article} {name}")
}
