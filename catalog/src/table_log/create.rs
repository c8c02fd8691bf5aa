//! Version 0 of a table: its columns, its partitioning and, for CREATE TABLE AS, its first files, in one commit.
//!
//! A `date_trunc` partition becomes a generated column of the Delta table, so other engines see plain partition values
//! and know how they follow from the source column.

use super::write::Written;
use super::{TableLog, delta_error};
use crate::{CatalogError, CatalogErrorKind, PartitionTerm, Result, Table, types};
use arrow::datatypes::{DataType, Field};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::kernel::{Action, MetadataValue, StructField};
use deltalake_core::protocol::SaveMode;
use std::sync::Arc;
use uuid::Uuid;

/// Delta keeps statistics of the first 32 columns; wider tables name the columns that are filtered and joined on.
const COLUMNS_WITH_STATISTICS: usize = 32;

impl TableLog {
    /// Writes version 0.
    pub(crate) async fn create(&self, table: &Table, written: Option<Written>) -> Result<()> {
        let partition_columns: Vec<String> =
            table.partitioning.iter().map(PartitionTerm::stored_column).collect();
        let actions =
            written.map(Written::into_adds).unwrap_or_default().into_iter().map(Action::Add);
        let properties = CommitProperties::default()
            .with_metadata([("paretoWrite".to_owned(), Uuid::new_v4().to_string().into())]);
        let mut create = DeltaTable::new(Arc::clone(&self.log))
            .create()
            .with_table_name(table.name.to_string())
            .with_columns(stored_fields(table)?)
            .with_save_mode(SaveMode::ErrorIfExists)
            .with_partition_columns(partition_columns)
            .with_actions(actions)
            .with_commit_properties(properties);
        if let Some(columns) = columns_with_statistics(table) {
            create = create.with_configuration([("delta.dataSkippingStatsColumns", Some(columns))]);
        }
        match create.await {
            Ok(_) => Ok(()),
            Err(deltalake_core::DeltaTableError::VersionAlreadyExists(_)) => {
                Err(CatalogError::new(
                    CatalogErrorKind::AlreadyExists,
                    format!("{} holds a table already", self.location),
                ))
            }
            Err(error) => Err(delta_error(error).during(format!("creating table {}", table.name))),
        }
    }
}

/// The columns of the Delta table: the declared ones, then the generated partition columns.
fn stored_fields(table: &Table) -> Result<Vec<StructField>> {
    let mut fields = Vec::new();
    for column in &table.columns {
        let data_type = types::storable(&column.name, &column.data_type)?;
        let field = to_delta(&Field::new(&column.name, data_type, column.nullable))?;
        fields.push(match &column.comment {
            Some(comment) => {
                field.with_metadata([("comment", MetadataValue::String(comment.clone()))])
            }
            None => field,
        });
    }
    for term in &table.partitioning {
        let Some(expression) = generation(term) else { continue };
        let name = term.stored_column();
        if table.column(&name).is_some() {
            return Err(CatalogError::invalid(format!(
                "column {name:?} is taken: PARTITIONED BY {term} keeps its values under that name"
            ))
            .with_hint("rename the column"));
        }
        let field = to_delta(&Field::new(&name, DataType::Date32, true))?;
        fields.push(
            field
                .with_metadata([("delta.generationExpression", MetadataValue::String(expression))]),
        );
    }
    Ok(fields)
}

/// How a partition column follows from the column that it rounds, as the table's log says it.
pub(super) fn generation(term: &PartitionTerm) -> Option<String> {
    match term {
        PartitionTerm::DateTrunc { unit, column } => {
            Some(format!("CAST(date_trunc('{unit}', {column}) AS DATE)"))
        }
        PartitionTerm::Column { .. } => None,
    }
}

/// An Arrow field as a Delta field.
pub(super) fn to_delta(field: &Field) -> Result<StructField> {
    field.try_into_kernel().map_err(|error| {
        CatalogError::invalid(format!(
            "column {:?} of type {} cannot be stored: {error}",
            field.name(),
            field.data_type()
        ))
    })
}

/// The columns to keep statistics of, when there are too many to keep them of all.
fn columns_with_statistics(table: &Table) -> Option<String> {
    if table.columns.len() <= COLUMNS_WITH_STATISTICS {
        return None;
    }
    let in_key = |name: &str| {
        table
            .constraints
            .iter()
            .any(|constraint| constraint.columns.iter().any(|column| column == name))
            || table.order.iter().any(|term| term.column == name)
    };
    let wanted = table.columns.iter().filter(|column| {
        let data_type = &column.data_type;
        in_key(&column.name)
            || data_type.is_numeric()
            || data_type.is_temporal()
            || data_type == &DataType::Boolean
    });
    Some(wanted.map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(","))
}
