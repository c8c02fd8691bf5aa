//! What drivers want to know about a column and find in the metadata of its Arrow field.
//!
//! ```text
//! amount DECIMAL(10, 2)  ──>  ARROW:FLIGHT:SQL:TYPE_NAME = DECIMAL   PRECISION = 10   SCALE = 2
//!                             SCHEMA_NAME, TABLE_NAME, ...           IS_SEARCHABLE = 1
//! ```
//!
//! The columns of a query are described the same way, as far as they can be: JDBC's `getPrecision` of a result reads it.
//! JDBC's `getColumns`, the ADBC driver's `GetObjects` and Power BI read nothing else. The field carries the wire's
//! type, because that is what a query of the column will send.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};

use super::super::wire::{self, Types};

/// A table as the protocol embeds it: wire types, every column described.
pub(crate) fn describe_table(
    catalog: &str,
    db_schema: &str,
    table: &str,
    schema: &Schema,
    types: Types,
) -> Schema {
    let fields: Vec<Field> = wire::schema(schema, types)
        .fields()
        .iter()
        .zip(schema.fields())
        .map(|(field, engine_field)| {
            let mut metadata = describe(field.data_type());
            for (key, value) in
                [("CATALOG_NAME", catalog), ("SCHEMA_NAME", db_schema), ("TABLE_NAME", table)]
            {
                metadata.insert(key_of(key), value.to_owned());
            }
            if let Some(comment) = engine_field.metadata().get("comment") {
                metadata.insert(key_of("REMARKS"), comment.clone());
            }
            field.as_ref().clone().with_metadata(metadata)
        })
        .collect();
    Schema::new(fields)
}

/// A query's result, each column described by its type. Which table a value came from is not known any more.
pub(crate) fn describe_result(schema: &Schema, types: Types) -> Schema {
    let described = |field: &FieldRef| {
        let metadata = describe(field.data_type());
        field.as_ref().clone().with_metadata(metadata)
    };
    Schema::new(wire::schema(schema, types).fields().iter().map(described).collect::<Vec<_>>())
}

fn key_of(name: &str) -> String {
    format!("ARROW:FLIGHT:SQL:{name}")
}

fn describe(data_type: &DataType) -> HashMap<String, String> {
    let mut metadata = HashMap::from([
        (key_of("TYPE_NAME"), type_name(data_type)),
        (key_of("IS_AUTO_INCREMENT"), "0".to_owned()),
        (
            key_of("IS_CASE_SENSITIVE"),
            if type_name(data_type) == "VARCHAR" { "1" } else { "0" }.to_owned(),
        ),
        (key_of("IS_READ_ONLY"), "0".to_owned()),
        (key_of("IS_SEARCHABLE"), "1".to_owned()),
    ]);
    if let Some((precision, scale)) = precision_and_scale(data_type) {
        metadata.insert(key_of("PRECISION"), precision.to_string());
        metadata.insert(key_of("SCALE"), scale.to_string());
    }
    metadata
}

/// Decimal digits a column can hold, and how many of them are behind the point.
fn precision_and_scale(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Int8 | DataType::UInt8 => Some((3, 0)),
        DataType::Int16 | DataType::UInt16 => Some((5, 0)),
        DataType::Int32 | DataType::UInt32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::UInt64 => Some((20, 0)),
        DataType::Float32 => Some((7, 0)),
        DataType::Float64 => Some((15, 0)),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((*precision, *scale))
        }
        _ => None,
    }
}

/// The SQL name of a wire type, as `CREATE TABLE` takes it.
pub(crate) fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INTEGER UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => "DECIMAL",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "BYTEA",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(TimeUnit::Second, None) => "TIMESTAMP(0)",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL",
        DataType::List(_) | DataType::FixedSizeList(_, _) => "ARRAY",
        DataType::Struct(_) => "STRUCT",
        DataType::Map(_, _) => "MAP",
        DataType::Dictionary(_, values) => return type_name(values),
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_described_for_drivers() {
        let schema = Schema::new(vec![
            Field::new("amount", DataType::Decimal128(10, 2), true),
            Field::new("name", DataType::Utf8View, false),
        ]);
        let described = describe_table("pareto", "public", "sales", &schema, Types::Plain);
        let amount = described.field(0).metadata();
        let value = |key: &str| amount.get(&key_of(key)).map(String::as_str);
        assert_eq!(value("TYPE_NAME"), Some("DECIMAL"));
        assert_eq!(value("PRECISION"), Some("10"));
        assert_eq!(value("SCALE"), Some("2"));
        assert_eq!(value("TABLE_NAME"), Some("sales"));
        assert_eq!(described.field(1).data_type(), &DataType::Utf8);
        assert_eq!(described.field(1).metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], "VARCHAR");
    }
}
