//! GetImportedKeys, GetExportedKeys and GetCrossReference: the declared foreign keys, seen from either end or both.
//!
//! ```text
//! imported(sales)             the keys of sales that point elsewhere      (sales.customer_id -> customer.id)
//! exported(customer)          the keys elsewhere that point to customer   (the same row)
//! cross reference(c, s)       those of s that point to c
//! ```
//!
//! Tools draw the star from these rows. Keys are declared and not enforced, so both rules are `NO ACTION`.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, UpdateDeleteRules,
};
use pareto_engine::Session;
use tonic::Status;

use super::primary_keys::sequence;
use super::{TextRow, ask, assemble, catalog_passes, text, text_column};

/// Columns 0-3 are the referenced end, 4-7 the referring one, 8 the place in the key, 9 and 10 the names of both keys.
const KEYS: &str = "SELECT f.table_catalog AS pk_catalog, f.referenced_table_schema, f.referenced_table_name, f.referenced_column_name, \
    f.table_catalog, f.table_schema, f.table_name, f.column_name, \
    f.ordinal_position, f.constraint_name, r.unique_constraint_name \
    FROM information_schema.key_column_usage f LEFT JOIN information_schema.referential_constraints r \
    ON r.constraint_schema = f.constraint_schema AND r.constraint_name = f.constraint_name \
    WHERE f.referenced_column_name IS NOT NULL ORDER BY 2, 3, 6, 7, 10, 9";

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("pk_catalog_name", DataType::Utf8, true),
        Field::new("pk_db_schema_name", DataType::Utf8, true),
        Field::new("pk_table_name", DataType::Utf8, false),
        Field::new("pk_column_name", DataType::Utf8, false),
        Field::new("fk_catalog_name", DataType::Utf8, true),
        Field::new("fk_db_schema_name", DataType::Utf8, true),
        Field::new("fk_table_name", DataType::Utf8, false),
        Field::new("fk_column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("fk_key_name", DataType::Utf8, true),
        Field::new("pk_key_name", DataType::Utf8, true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
}

/// One end of a key, as the commands name it.
struct End<'a> {
    catalog: Option<&'a str>,
    db_schema: Option<&'a str>,
    table: &'a str,
}

impl End<'_> {
    /// Is this the end whose columns start at `first`?
    fn is_at(&self, row: &TextRow, first: usize) -> bool {
        catalog_passes(self.catalog, text(row, first))
            && self.db_schema.is_none_or(|wanted| wanted == text(row, first + 1))
            && self.table == text(row, first + 2)
    }
}

pub(crate) async fn imported(
    session: &Session,
    command: &CommandGetImportedKeys,
) -> Result<RecordBatch, Status> {
    let end = End {
        catalog: command.catalog.as_deref(),
        db_schema: command.db_schema.as_deref(),
        table: &command.table,
    };
    batch(session, |row| end.is_at(row, 4)).await
}

pub(crate) async fn exported(
    session: &Session,
    command: &CommandGetExportedKeys,
) -> Result<RecordBatch, Status> {
    let end = End {
        catalog: command.catalog.as_deref(),
        db_schema: command.db_schema.as_deref(),
        table: &command.table,
    };
    batch(session, |row| end.is_at(row, 0)).await
}

pub(crate) async fn cross_reference(
    session: &Session,
    command: &CommandGetCrossReference,
) -> Result<RecordBatch, Status> {
    let primary = End {
        catalog: command.pk_catalog.as_deref(),
        db_schema: command.pk_db_schema.as_deref(),
        table: &command.pk_table,
    };
    let foreign = End {
        catalog: command.fk_catalog.as_deref(),
        db_schema: command.fk_db_schema.as_deref(),
        table: &command.fk_table,
    };
    batch(session, |row| primary.is_at(row, 0) && foreign.is_at(row, 4)).await
}

async fn batch(session: &Session, keep: impl Fn(&TextRow) -> bool) -> Result<RecordBatch, Status> {
    let mut rows = ask(session, KEYS).await?;
    rows.retain(keep);
    // Two tables may have keys of one name; joined by name, each of their columns comes twice.
    rows.dedup_by(|a, b| a[..10] == b[..10]);
    let mut arrays: Vec<_> =
        (0..8).map(|index| text_column(rows.iter().map(|row| Some(text(row, index))))).collect();
    arrays.push(sequence(rows.iter().map(|row| text(row, 8))));
    arrays.extend((9..11).map(|index| {
        text_column(rows.iter().map(|row| row.get(index).and_then(Option::as_deref)))
    }));
    let no_action = u8::try_from(i32::from(UpdateDeleteRules::NoAction)).unwrap_or_default();
    let rules = UInt8Array::from(vec![no_action; rows.len()]);
    arrays.push(Arc::new(rules.clone()));
    arrays.push(Arc::new(rules));
    assemble(schema(), arrays)
}
