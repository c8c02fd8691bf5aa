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
//! Java's driver misreads unsigned numbers, so for it they are one size larger and signed ([`Types::Java`]); those of 64
//! bits stay as they are, every count and rank fits. `SET pareto.result_types = engine` sends what the engine has, for
//! programs that know Arrow well ([`Types::Engine`]).
//!
//! The schema that comes out of here is the one schema of a result: FlightInfo, GetSchema, the prepared statement and
//! every batch of the stream carry it. A batch that does not fit is cast, by name of the announced type, never sent as
//! it is.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, RecordBatch, RecordBatchOptions, new_empty_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::{IpcMessage, SchemaAsIpc};
use bytes::Bytes;
use pareto_engine::Session;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::status::internal;

/// Which types a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Types {
    /// What every driver reads.
    Plain = 0,
    /// The same for the driver of Java: no unsigned numbers below 64 bits.
    Java = 1,
    /// The engine's own, views and dictionaries included.
    Engine = 2,
}

impl Types {
    /// The types that suit a caller's program, which says what it is in `user-agent`.
    pub(crate) fn asked(headers: &MetadataMap) -> Self {
        let agent = headers.get("user-agent").and_then(|agent| agent.to_str().ok());
        if agent.is_some_and(|agent| agent.contains("grpc-java")) {
            Self::Java
        } else {
            Self::Plain
        }
    }

    /// These, unless the session has set others.
    pub(crate) fn of(self, session: &Session) -> Self {
        let chosen = session.chosen("pareto.result_types");
        if chosen.as_deref() == Some("engine") { Self::Engine } else { self }
    }
}

/// The wire's schema for a result of this schema. Metadata of the engine's own making stays home.
pub(crate) fn schema(schema: &Schema, types: Types) -> SchemaRef {
    let fields: Vec<FieldRef> =
        schema.fields().iter().map(|field| wire_field(field, types)).collect();
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
            convert(column, field.data_type()).map_err(|source| {
                internal(&format!("converting column \"{}\"", field.name()), source)
            })
        })
        .collect::<Result<_, Status>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(announced), columns, &options)
        .map_err(|source| internal("sending the result", source))
}

/// The column as another type. Casting forgets how many lists there are when none of them has room for anything.
fn convert(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match data_type {
        DataType::FixedSizeList(item, 0) => {
            let (values, nulls) = (new_empty_array(item.data_type()), column.nulls().cloned());
            let lists = FixedSizeListArray::try_new_with_length(
                Arc::clone(item),
                0,
                values,
                nulls,
                column.len(),
            )?;
            Ok(Arc::new(lists))
        }
        _ => cast(column, data_type),
    }
}

/// The entries of a map: its keys are never NULL, whatever their type.
fn wire_entries(entries: &FieldRef, types: Types) -> FieldRef {
    let DataType::Struct(fields) = entries.data_type() else { return wire_field(entries, types) };
    let fields = fields.iter().enumerate().map(|(place, field)| match place {
        0 => Arc::new(Field::new(field.name(), wire_type(field.data_type(), types), false)),
        _ => wire_field(field, types),
    });
    let data_type = DataType::Struct(fields.collect());
    Arc::new(Field::new(entries.name(), data_type, entries.is_nullable()))
}

fn wire_field(field: &FieldRef, types: Types) -> FieldRef {
    let data_type = wire_type(field.data_type(), types);
    // A column that is nothing but NULL has no room to say so once it is text.
    let nullable = field.is_nullable() || *field.data_type() == DataType::Null;
    Arc::new(Field::new(field.name(), data_type, nullable))
}

fn wire_type(data_type: &DataType, types: Types) -> DataType {
    match (types, data_type) {
        // Not even programs that know Arrow well agree on what a column of type Null is.
        (Types::Engine, DataType::Null) => return DataType::Utf8,
        (Types::Engine, own) => return own.clone(),
        (Types::Java, DataType::UInt8) => return DataType::Int16,
        (Types::Java, DataType::UInt16) => return DataType::Int32,
        (Types::Java, DataType::UInt32) => return DataType::Int64,
        (Types::Plain | Types::Java, _) => {}
    }
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128((*precision).min(DECIMAL128_MAX_PRECISION), *scale)
        }
        DataType::Dictionary(_, values) => wire_type(values, types),
        DataType::RunEndEncoded(_, values) => wire_type(values.data_type(), types),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(wire_field(item, types)),
        DataType::FixedSizeList(item, size) => {
            DataType::FixedSizeList(wire_field(item, types), *size)
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| wire_field(field, types)).collect())
        }
        DataType::Map(entries, sorted) => DataType::Map(wire_entries(entries, types), *sorted),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array, DictionaryArray, Int32Array, StringArray, StringViewArray, types::Int32Type,
    };
    use arrow::array::{MapArray, NullArray, StructArray, cast::AsArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Fields;

    use super::*;

    fn check(from: &DataType, to: &DataType) {
        let schema = schema(&Schema::new(vec![Field::new("c", from.clone(), true)]), Types::Plain);
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
    fn java_has_no_unsigned_numbers_and_the_engine_s_types_stay() {
        let check = |from: DataType, types, to: DataType| {
            let schema = schema(&Schema::new(vec![Field::new("c", from, true)]), types);
            assert_eq!(schema.field(0).data_type(), &to);
        };
        check(DataType::UInt8, Types::Java, DataType::Int16);
        check(DataType::UInt32, Types::Java, DataType::Int64);
        check(DataType::UInt64, Types::Java, DataType::UInt64);
        check(DataType::Utf8View, Types::Java, DataType::Utf8);
        check(DataType::Utf8View, Types::Engine, DataType::Utf8View);
        check(DataType::Null, Types::Engine, DataType::Utf8);
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
        let announced = schema(&input.schema(), Types::Plain);
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
    fn nothing_in_lists_and_maps_travels_too() {
        let item = Arc::new(Field::new("item", DataType::Null, true));
        let values = Arc::new(NullArray::new(0));
        let lists = FixedSizeListArray::try_new_with_length(item, 0, values, None, 2).unwrap();
        let keys = Arc::new(Field::new("key", DataType::Null, false));
        let fields: Fields = vec![keys, Arc::new(Field::new("value", DataType::Null, true))].into();
        let none: Vec<ArrayRef> = vec![Arc::new(NullArray::new(0)), Arc::new(NullArray::new(0))];
        let entries = StructArray::new(fields.clone(), none, None);
        let entry = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        let offsets = OffsetBuffer::from_lengths([0, 0]);
        let maps = MapArray::new(entry, offsets, entries, None, false);
        let columns: Vec<(&str, ArrayRef)> =
            vec![("lists", Arc::new(lists)), ("maps", Arc::new(maps))];
        let input = RecordBatch::try_from_iter(columns).unwrap();
        let announced = schema(&input.schema(), Types::Plain);
        let output = batch(&input, &announced).unwrap();
        assert_eq!((output.num_rows(), output.schema()), (2, announced));
    }

    #[test]
    fn rows_without_columns_keep_their_count() {
        let options = RecordBatchOptions::new().with_row_count(Some(5));
        let input =
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        let announced = schema(&input.schema(), Types::Plain);
        assert_eq!(batch(&input, &announced).unwrap().num_rows(), 5);
    }
}
