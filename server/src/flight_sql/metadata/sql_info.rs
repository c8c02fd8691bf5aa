//! GetSqlInfo: what the server is and can do, by number.
//!
//! Drivers ask for these at connect and cast each value to one Java class, so the child of the union that a value sits
//! in is part of the contract, and so is the nullability of every child (Go and Java compare the whole schema):
//!
//! ```text
//! info_name: uint32 not null
//! value: dense_union not null { string, bool, int64, int32, list<utf8>, map<int32, list<int32>> }, children not null
//! ```
//!
//! Without numbers the answer holds every number of the specification that we have a value for, and no other: JDBC
//! fails on numbers it does not know. Numbers asked for that we have no value for are left out. Nothing is claimed
//! that does not work.

mod values;

use std::sync::Arc;

use arrow::array::builder::{
    ArrayBuilder, Int32Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder,
};
use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, MapArray, RecordBatch, StringArray,
    UInt32Array, UnionArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UnionFields, UnionMode};
use arrow_flight::sql::CommandGetSqlInfo;
use pareto_engine::Session;
use tonic::Status;

use super::assemble;
use crate::status::internal;

/// A value in the child of the union that clients look for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Info {
    Text(String),
    Switch(bool),
    Big(i64),
    Mask(i32),
    List(Vec<String>),
    /// The only map there is says which types convert into which, and is empty.
    NoMap,
}

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("info_name", DataType::UInt32, false),
        Field::new("value", DataType::Union(children(), UnionMode::Dense), false),
    ]))
}

pub(crate) fn batch(session: &Session, command: &CommandGetSqlInfo) -> Result<RecordBatch, Status> {
    let all = values::all(&session.function_names());
    let chosen: Vec<(u32, Info)> = if command.info.is_empty() {
        all
    } else {
        all.into_iter().filter(|(number, _)| command.info.contains(number)).collect()
    };
    build(&chosen)
}

fn build(infos: &[(u32, Info)]) -> Result<RecordBatch, Status> {
    let mut texts = Vec::new();
    let mut switches = Vec::new();
    let mut bigs = Vec::new();
    let mut masks = Vec::new();
    let mut lists = ListBuilder::new(StringBuilder::new());
    let mut maps = 0;
    let (mut type_ids, mut offsets) = (Vec::<i8>::new(), Vec::<i32>::new());
    for (_, info) in infos {
        let (type_id, length) = match info {
            Info::Text(text) => (0, push(&mut texts, text.as_str())),
            Info::Switch(on) => (1, push(&mut switches, *on)),
            Info::Big(number) => (2, push(&mut bigs, *number)),
            Info::Mask(mask) => (3, push(&mut masks, *mask)),
            Info::List(values) => {
                for value in values {
                    lists.values().append_value(value);
                }
                lists.append(true);
                (4, lists.len())
            }
            Info::NoMap => {
                maps += 1;
                (5, maps)
            }
        };
        type_ids.push(type_id);
        offsets.push(i32::try_from(length).unwrap_or(i32::MAX) - 1);
    }
    let children_arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(texts)),
        Arc::new(BooleanArray::from(switches)),
        Arc::new(Int64Array::from(bigs)),
        Arc::new(Int32Array::from(masks)),
        Arc::new(lists.finish()),
        Arc::new(empty_maps(maps)?),
    ];
    let values =
        UnionArray::try_new(children(), type_ids.into(), Some(offsets.into()), children_arrays)
            .map_err(|source| internal("answering GetSqlInfo", source))?;
    let names = UInt32Array::from_iter_values(infos.iter().map(|(number, _)| *number));
    assemble(schema(), vec![Arc::new(names), Arc::new(values)])
}

fn push<T>(values: &mut Vec<T>, value: T) -> usize {
    values.push(value);
    values.len()
}

fn empty_maps(count: usize) -> Result<MapArray, Status> {
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut builder =
        MapBuilder::new(Some(names), Int32Builder::new(), ListBuilder::new(Int32Builder::new()));
    for _ in 0..count {
        builder.append(true).map_err(|source| internal("answering GetSqlInfo", source))?;
    }
    Ok(builder.finish())
}

fn children() -> UnionFields {
    let item = |data_type| Arc::new(Field::new("item", data_type, true));
    let entries = Field::new(
        "entries",
        DataType::Struct(
            vec![
                Field::new("key", DataType::Int32, false),
                Field::new("value", DataType::List(item(DataType::Int32)), true),
            ]
            .into(),
        ),
        false,
    );
    let types = [
        ("string_value", DataType::Utf8),
        ("bool_value", DataType::Boolean),
        ("bigint_value", DataType::Int64),
        ("int32_bitmask", DataType::Int32),
        ("string_list", DataType::List(item(DataType::Utf8))),
        ("int32_to_int32_list_map", DataType::Map(Arc::new(entries), false)),
    ];
    (0_i8..)
        .zip(types)
        .map(|(type_id, (name, data_type))| {
            (type_id, FieldRef::new(Field::new(name, data_type, false)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;

    #[test]
    fn every_number_is_in_the_specification_and_appears_once() {
        let all = values::all(&["rfm_score".to_owned(), "upper".to_owned()]);
        let numbers: Vec<u32> = all.iter().map(|(number, _)| *number).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(numbers, sorted);
        assert!(numbers.iter().all(|number| (0..=11).contains(number)
            || [100, 101].contains(number)
            || (500..=576).contains(number)));
        assert_eq!(numbers.len(), 12 + 2 + 77);
    }

    #[test]
    fn values_sit_in_the_child_that_drivers_cast_to() {
        let all = values::all(&[]);
        for (number, info) in &all {
            let expected = match number {
                0..=2 | 6 | 7 | 504 | 513 | 514 | 529..=531 => 0,
                3..=5
                | 9..=11
                | 500..=502
                | 506
                | 515
                | 516
                | 518..=521
                | 523
                | 524
                | 527
                | 532
                | 536
                | 537
                | 539
                | 556
                | 563
                | 565
                | 566
                | 572..=576 => 1,
                541..=555 | 557..=562 => 2,
                508..=512 => 4,
                517 => 5,
                _ => 3,
            };
            let actual = match info {
                Info::Text(_) => 0,
                Info::Switch(_) => 1,
                Info::Big(_) => 2,
                Info::Mask(_) => 3,
                Info::List(_) => 4,
                Info::NoMap => 5,
            };
            assert_eq!(actual, expected, "number {number}");
        }
    }

    #[test]
    fn the_union_points_at_the_right_values() {
        let batch = build(&[
            (0, Info::Text("Pareto".into())),
            (8, Info::Mask(0)),
            (3, Info::Switch(false)),
            (508, Info::List(vec!["CUBE".into()])),
            (1, Info::Text("1".into())),
            (517, Info::NoMap),
        ])
        .unwrap();
        let union = batch.column(1).as_union();
        assert_eq!(union.value(0).as_string::<i32>().value(0), "Pareto");
        assert_eq!(union.value(4).as_string::<i32>().value(0), "1");
        assert_eq!(union.value(3).as_list::<i32>().value(0).as_string::<i32>().value(0), "CUBE");
        assert_eq!(union.value(5).len(), 1);
    }
}
