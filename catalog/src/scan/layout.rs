//! The columns of a table in their three orders: as users declared them, as files hold them, and as a scan produces
//! them (file columns, then partition columns).
//!
//! Generated partition columns exist in the log and in the scan, never in what users see.

use crate::{CatalogError, PartitionTerm, Result, SortTerm, Table, types};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::table_schema::TableSchema;
use std::collections::HashMap;
use std::sync::Arc;

/// Where each column of a table is.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The columns users see, with the types that are stored.
    pub(crate) declared: SchemaRef,
    /// The same columns, with the types that scans produce.
    pub(crate) read: SchemaRef,
    /// Everything the log holds: the declared columns, then the generated ones, as stored.
    pub(crate) stored: SchemaRef,
    /// What the scan produces before projection: file columns, then partition columns.
    pub(crate) scanned: TableSchema,
    /// For each declared column its place in `scanned`.
    pub(crate) place: Vec<usize>,
    /// The stored partition columns.
    pub(crate) partition_columns: Vec<String>,
    /// How they follow from declared columns.
    pub(crate) terms: Vec<PartitionTerm>,
    /// How rows are sorted within a file.
    pub(crate) order: Vec<SortTerm>,
}

impl Layout {
    /// The layout of a table whose log holds the columns `stored`.
    pub(crate) fn new(
        table: &Table,
        stored: &Schema,
        partition_columns: &[String],
    ) -> Result<Self> {
        let stored: SchemaRef = Arc::new(Schema::new(
            stored
                .fields()
                .iter()
                .map(|f| Field::new(f.name(), f.data_type().clone(), f.is_nullable()))
                .collect::<Vec<_>>(),
        ));
        let generated: Vec<String> = table
            .partitioning
            .iter()
            .filter(|term| matches!(term, PartitionTerm::DateTrunc { .. }))
            .map(PartitionTerm::stored_column)
            .collect();
        let declared: Vec<FieldRef> = stored
            .fields()
            .iter()
            .filter(|field| !generated.contains(field.name()))
            .cloned()
            .collect();
        let read_field = |field: &FieldRef| -> FieldRef {
            Arc::new(Field::new(
                field.name(),
                types::as_read(field.data_type()),
                field.is_nullable(),
            ))
        };
        let (in_log, in_files): (Vec<FieldRef>, Vec<FieldRef>) = stored
            .fields()
            .iter()
            .map(read_field)
            .partition(|field| partition_columns.contains(field.name()));
        let in_log: Vec<FieldRef> = partition_columns
            .iter()
            .map(|name| {
                let found = in_log.iter().find(|field| field.name() == name).cloned();
                found.ok_or_else(|| {
                    CatalogError::internal(format!(
                        "partition column {name:?} is not a column of {}",
                        table.name
                    ))
                })
            })
            .collect::<Result<_>>()?;
        let scanned = TableSchema::builder(Arc::new(Schema::new(in_files)))
            .with_table_partition_cols(in_log)
            .build();
        let place = declared
            .iter()
            .map(|field| {
                scanned
                    .table_schema()
                    .index_of(field.name())
                    .map_err(|error| CatalogError::internal(error.to_string()))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            read: Arc::new(Schema::new(declared.iter().map(read_field).collect::<Vec<_>>())),
            declared: Arc::new(Schema::new(declared)),
            stored,
            scanned,
            place,
            partition_columns: partition_columns.to_vec(),
            terms: table.partitioning.clone(),
            order: table.order.clone(),
        })
    }

    /// The layout that a table will have once it is created.
    pub(crate) fn of_new(table: &Table) -> Result<Self> {
        let mut fields: Vec<Field> = table
            .columns
            .iter()
            .map(|column| {
                Ok(Field::new(
                    &column.name,
                    types::storable(&column.name, &column.data_type)?,
                    column.nullable,
                ))
            })
            .collect::<Result<_>>()?;
        let names: Vec<String> =
            table.partitioning.iter().map(PartitionTerm::stored_column).collect();
        for term in &table.partitioning {
            if matches!(term, PartitionTerm::DateTrunc { .. }) {
                fields.push(Field::new(term.stored_column(), DataType::Date32, true));
            }
        }
        Self::new(table, &Schema::new(fields), &names)
    }

    /// The typed partition values of a file, in the order of the partition columns.
    pub(crate) fn partition_scalars(
        &self,
        values: &HashMap<String, Option<String>>,
    ) -> Result<Vec<ScalarValue>> {
        let fields = self.scanned.table_partition_cols();
        fields
            .iter()
            .map(|field| {
                partition_scalar(field, values.get(field.name()).and_then(Option::as_deref))
            })
            .collect()
    }
}

/// A partition value is text in the log; the empty text is NULL.
fn partition_scalar(field: &Field, text: Option<&str>) -> Result<ScalarValue> {
    let invalid = |error: &dyn std::fmt::Display| {
        CatalogError::new(
            crate::CatalogErrorKind::Corrupt,
            format!(
                "the partition value {text:?} of column {:?} is not a {}: {error}",
                field.name(),
                field.data_type()
            ),
        )
    };
    match text.filter(|text| !text.is_empty()) {
        None => ScalarValue::try_from(field.data_type()).map_err(|error| invalid(&error)),
        Some(text) => ScalarValue::try_from_string(text.to_owned(), field.data_type())
            .map_err(|error| invalid(&error)),
    }
}
