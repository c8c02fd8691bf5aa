//! Types on the wire: what every client can read, decided once per result.
//!
//! The engine computes with types that drivers in the field cannot show. By default the wire carries plain ones:
//!
//! ```text
//! Utf8View, LargeUtf8        ──> Utf8         Dictionary(_, T), RunEndEncoded(_, T) ──> T
//! BinaryView, LargeBinary    ──> Binary       ListView, LargeList(View)             ──> List
//! Decimal32, Decimal64       ──> Decimal128   Null                                  ──> Utf8
//! ```
//!
//! The schema that comes out of here is the one schema of a result: FlightInfo, GetSchema, the prepared statement and
//! every batch of the stream carry it. A batch that does not fit is cast, by name of the announced type, never sent as
//! it is.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::{IpcMessage, SchemaAsIpc};
use bytes::Bytes;
use tonic::Status;

use crate::status::internal;

/// The wire's schema for a result of this schema. Metadata of the engine's own making stays home.
pub(crate) fn schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(wire_field).collect();
    Arc::new(Schema::new(fields))
}

/// A schema as an encapsulated IPC message, the form in which the protocol embeds schemas.
pub(crate) fn schema_bytes(schema: &Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let IpcMessage(bytes) = SchemaAsIpc::new(schema, &options)
        .try_into()
        .map_err(|source| internal("encoding a schema", source))?;
    Ok(bytes)
}

/// The batch as the announced schema says it is.
pub(crate) fn batch(batch: &RecordBatch, announced: &SchemaRef) -> Result<RecordBatch, Status> {
    if batch.num_columns() != announced.fields().len() {
        return Err(internal(
            "sending the result",
            format!(
                "{} columns were announced and {} came",
                announced.fields().len(),
                batch.num_columns()
            ),
        ));
    }
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(announced.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(Arc::clone(column));
            }
            cast(column, field.data_type()).map_err(|source| {
                internal(&format!("converting column \"{}\"", field.name()), source)
            })
        })
        .collect::<Result<_, Status>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(announced), columns, &options)
        .map_err(|source| internal("sending the result", source))
}

fn wire_field(field: &FieldRef) -> FieldRef {
    let data_type = wire_type(field.data_type());
    // A column that is nothing but NULL has no room to say so once it is text.
    let nullable = field.is_nullable() || *field.data_type() == DataType::Null;
    Arc::new(Field::new(field.name(), data_type, nullable))
}

fn wire_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128((*precision).min(DECIMAL128_MAX_PRECISION), *scale)
        }
        DataType::Dictionary(_, values) => wire_type(values),
        DataType::RunEndEncoded(_, values) => wire_type(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(wire_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(wire_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(wire_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(wire_field(entries), *sorted),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array, DictionaryArray, Int32Array, StringArray, StringViewArray, types::Int32Type,
    };
    use arrow::array::{NullArray, cast::AsArray};

    use super::*;

    fn check(from: &DataType, to: &DataType) {
        let schema = schema(&Schema::new(vec![Field::new("c", from.clone(), true)]));
        assert_eq!(schema.field(0).data_type(), to, "{from}");
    }

    #[test]
    fn exotic_types_become_plain() {
        let item = |data_type| Arc::new(Field::new("item", data_type, true));
        check(&DataType::Utf8View, &DataType::Utf8);
        check(
            &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8View)),
            &DataType::Utf8,
        );
        check(&DataType::Decimal64(10, 2), &DataType::Decimal128(10, 2));
        check(&DataType::Decimal256(50, 2), &DataType::Decimal256(50, 2));
        check(
            &DataType::LargeList(item(DataType::BinaryView)),
            &DataType::List(item(DataType::Binary)),
        );
        check(
            &DataType::Struct(vec![Field::new("a", DataType::LargeUtf8, false)].into()),
            &DataType::Struct(vec![Field::new("a", DataType::Utf8, false)].into()),
        );
        check(&DataType::UInt64, &DataType::UInt64);
    }

    #[test]
    fn batches_follow_the_announced_schema() {
        let dictionary: DictionaryArray<Int32Type> = vec!["x", "y", "x"].into_iter().collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "view",
                Arc::new(StringViewArray::from(vec![
                    Some("a"),
                    None,
                    Some("a longer string than twelve"),
                ])),
            ),
            ("dictionary", Arc::new(dictionary)),
            ("nothing", Arc::new(NullArray::new(3))),
            ("number", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ];
        let input = RecordBatch::try_from_iter(columns).unwrap();
        let announced = schema(&input.schema());
        let output = batch(&input, &announced).unwrap();
        assert_eq!(output.schema(), announced);
        assert_eq!(
            output.column(0).as_string::<i32>(),
            &StringArray::from(vec![Some("a"), None, Some("a longer string than twelve")])
        );
        assert_eq!(output.column(1).as_string::<i32>(), &StringArray::from(vec!["x", "y", "x"]));
        assert_eq!(output.column(2).null_count(), 3);
    }

    #[test]
    fn rows_without_columns_keep_their_count() {
        let options = RecordBatchOptions::new().with_row_count(Some(5));
        let input =
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        assert_eq!(batch(&input, &schema(&input.schema())).unwrap().num_rows(), 5);
    }
}
