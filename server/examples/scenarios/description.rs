//! The scenarios' description of their one column, in place of Pareto's.
//!
//! A column of the scenarios comes with values no server has (`type_test`, precision 100). They take the place of what Pareto
//! says of it: only where Pareto described the column itself, and only on a column of that name and that type, which come from
//! Pareto: `id`, a BIGINT, and within a transaction `pkey`, an INTEGER. The column of `ordered` comes with no description, so
//! that Pareto's of `number`, an INTEGER, is left out.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::{FlightData, IpcMessage, SchemaAsIpc};
use tonic::Status;

/// The columns that the scenarios describe.
const COLUMNS: [(&str, DataType); 2] = [("id", DataType::Int64), ("pkey", DataType::Int32)];

/// The column that they do not.
const PLAIN: (&str, DataType) = ("number", DataType::Int32);

/// How the scenarios describe the others.
const DESCRIPTION: [(&str, &str); 9] = [
    ("TABLE_NAME", "test"),
    ("IS_AUTO_INCREMENT", "1"),
    ("IS_CASE_SENSITIVE", "0"),
    ("TYPE_NAME", "type_test"),
    ("SCHEMA_NAME", "schema_test"),
    ("IS_SEARCHABLE", "1"),
    ("CATALOG_NAME", "catalog_test"),
    ("PRECISION", "100"),
    ("REMARKS", "test column"),
];

/// The schema of a result; any other than the scenarios' is left as it is.
pub(crate) fn of_schema(bytes: bytes::Bytes) -> Result<bytes::Bytes, Status> {
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let wrong = |error: arrow::error::ArrowError| Status::internal(error.to_string());
    let schema = Schema::try_from(IpcMessage(bytes.clone())).map_err(wrong)?;
    let Some(schema) = describe(&schema) else { return Ok(bytes) };
    let IpcMessage(bytes) =
        SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).try_into().map_err(wrong)?;
    Ok(bytes)
}

/// A message of a stream: the first is its schema.
pub(crate) fn of_data(data: FlightData) -> FlightData {
    let described = Schema::try_from(&data).ok().and_then(|schema| describe(&schema));
    match described {
        Some(schema) => SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).into(),
        None => data,
    }
}

fn describe(schema: &Schema) -> Option<Schema> {
    let [field] = schema.fields().as_ref() else { return None };
    if !field.metadata().contains_key("ARROW:FLIGHT:SQL:TYPE_NAME") {
        return None;
    }
    let is = |(name, of): &(&str, DataType)| field.name() == name && field.data_type() == of;
    let metadata = if COLUMNS.iter().any(is) {
        DESCRIPTION
            .iter()
            .map(|(key, value)| (format!("ARROW:FLIGHT:SQL:{key}"), (*value).to_owned()))
            .collect()
    } else if is(&PLAIN) {
        HashMap::new()
    } else {
        return None;
    };
    Some(Schema::new(vec![Field::clone(field).with_metadata(metadata)]))
}
