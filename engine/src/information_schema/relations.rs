//! `schemata`, `tables`, `columns` and `views`.
//!
//! Types are shown as Arrow prints them, with the precision and scale columns filled for numbers, so that a tool that
//! reads either finds what it needs.
//!
//! Example: a `DECIMAL(10, 2)` column has `data_type` `Decimal128(10, 2)`, precision 10, scale 2.

use super::{described, is_listed};
use crate::answer::{Answer, Cell, Kind, Shape, int, schema_of, text, yes_no};
use crate::error::Result;
use crate::relations::Relations;
use crate::sql::sql_type;
use crate::state::CATALOG;
use crate::{information_schema, system};
use arrow::datatypes::DataType;
use futures::FutureExt;
use futures::future::BoxFuture;
use pareto_catalog::{Column, Name, Right, Storage};

pub(super) const SCHEMATA: Shape = &[
    ("catalog_name", Kind::Text),
    ("schema_name", Kind::Text),
    ("schema_owner", Kind::Text),
    ("default_character_set_catalog", Kind::Text),
    ("default_character_set_schema", Kind::Text),
    ("default_character_set_name", Kind::Text),
    ("sql_path", Kind::Text),
];

pub(super) fn schemata(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(SCHEMATA);
    let kept = relations
        .catalog()
        .schemas()
        .map(|schema| schema.name.as_str())
        .filter(|name| is_listed(name));
    for name in kept.chain([information_schema::NAME, system::NAME]) {
        answer.push([text(CATALOG), text(name)]);
    }
    async move { Ok(answer) }.boxed()
}

pub(super) const TABLES: Shape = &[
    ("table_catalog", Kind::Text),
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("table_type", Kind::Text),
];

pub(super) fn tables(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(TABLES);
    let mut row = |schema: &str, name: &str, kind: &str| {
        answer.push([text(CATALOG), text(schema), text(name), text(kind)])
    };
    for table in relations.catalog().tables().filter(|table| is_listed(&table.name.schema)) {
        let kind = match table.storage {
            Storage::Delta { .. } => "BASE TABLE",
            Storage::Files { .. } => "EXTERNAL",
        };
        row(&table.name.schema, &table.name.name, kind);
    }
    for view in relations.catalog().views() {
        row(&view.name.schema, &view.name.name, "VIEW");
    }
    for (schema, entry) in described() {
        row(schema, entry.name, "SYSTEM VIEW");
    }
    for name in information_schema::ROUTINES {
        row(information_schema::NAME, name, "SYSTEM VIEW");
    }
    async move { Ok(answer) }.boxed()
}

pub(super) const COLUMNS: Shape = &[
    ("table_catalog", Kind::Text),
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("column_name", Kind::Text),
    ("ordinal_position", Kind::Int),
    ("column_default", Kind::Text),
    ("is_nullable", Kind::Text),
    ("data_type", Kind::Text),
    ("character_maximum_length", Kind::Int),
    ("character_octet_length", Kind::Int),
    ("numeric_precision", Kind::Int),
    ("numeric_precision_radix", Kind::Int),
    ("numeric_scale", Kind::Int),
    ("datetime_precision", Kind::Int),
    ("interval_type", Kind::Text),
    ("comment", Kind::Text),
];

pub(super) fn columns(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(COLUMNS);
    let tables = relations.catalog().tables().filter(|table| is_listed(&table.name.schema));
    for table in tables {
        push(&mut answer, &table.name, &table.columns);
    }
    for view in relations.catalog().views() {
        push(&mut answer, &view.name, &view.columns);
    }
    for (schema, entry) in described() {
        let fields = schema_of(entry.shape);
        let columns: Vec<Column> = fields
            .fields()
            .iter()
            .map(|field| Column::new(field.name().clone(), field.data_type().clone()))
            .collect();
        push(&mut answer, &Name::new(schema, entry.name), &columns);
    }
    async move { Ok(answer) }.boxed()
}

fn push(answer: &mut Answer, table: &Name, columns: &[Column]) {
    for (index, column) in columns.iter().enumerate() {
        let (precision, radix, scale, fraction) = numbers(&column.data_type);
        answer.push([
            text(CATALOG),
            text(table.schema.clone()),
            text(table.name.clone()),
            text(column.name.clone()),
            int(index + 1),
            column.default.clone().into(),
            yes_no(column.nullable),
            text(sql_type(&column.data_type)),
            Cell::Null,
            if column.data_type.is_string() { int(i32::MAX) } else { Cell::Null },
            precision,
            radix,
            scale,
            fraction,
            Cell::Null,
            column.comment.clone().into(),
        ]);
    }
}

/// Precision, radix, scale and fractional digits of seconds.
fn numbers(data_type: &DataType) -> (Cell, Cell, Cell, Cell) {
    use DataType as T;
    let binary = |bits: i64| (Cell::Int(bits), Cell::Int(2), Cell::Null, Cell::Null);
    match data_type {
        T::Int8 | T::UInt8 => binary(8),
        T::Int16 | T::UInt16 => binary(16),
        T::Int32 | T::UInt32 => binary(32),
        T::Int64 | T::UInt64 => binary(64),
        T::Float16 => binary(15),
        T::Float32 => binary(24),
        T::Float64 => binary(53),
        T::Decimal32(precision, scale)
        | T::Decimal64(precision, scale)
        | T::Decimal128(precision, scale)
        | T::Decimal256(precision, scale) => (
            Cell::Int(i64::from(*precision)),
            Cell::Int(10),
            Cell::Int(i64::from(*scale)),
            Cell::Null,
        ),
        T::Date32 | T::Date64 => (Cell::Null, Cell::Null, Cell::Null, Cell::Int(0)),
        T::Timestamp(_, _) => (Cell::Null, Cell::Null, Cell::Null, Cell::Int(6)),
        _ => (Cell::Null, Cell::Null, Cell::Null, Cell::Null),
    }
}

pub(super) const VIEWS: Shape = &[
    ("table_catalog", Kind::Text),
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("view_definition", Kind::Text),
    ("definition", Kind::Text),
    ("check_option", Kind::Text),
    ("is_updatable", Kind::Text),
];

pub(super) fn views(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(VIEWS);
    for view in relations.catalog().views() {
        let name = &view.name;
        // What a view stands on concerns those who may change it.
        let definition = match relations.rights().may(Right::Create, name) {
            true => text(view.sql.clone()),
            false => Cell::Null,
        };
        let (schema, name) = (name.schema.clone(), name.name.clone());
        answer.push([
            text(CATALOG),
            text(schema),
            text(name),
            definition.clone(),
            definition,
            text("NONE"),
            text("NO"),
        ]);
    }
    async move { Ok(answer) }.boxed()
}
