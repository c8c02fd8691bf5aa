//! Reads: tables and views of the warehouse, and rows that the plan brings along.
//!
//! The columns that a plan says a table has are found by name in the table that there is; the plan may leave some out or
//! have them in another order. Types are the table's. A table's name may carry a version, as in SQL:
//! `["sales VERSION AS OF 3"]`. Files, Iceberg tables and extensions are refused by name.

use super::{emit, picked};
use crate::error::{EngineError, Result};
use crate::substrait::messages::references::Mask;
use crate::substrait::messages::relations::{NamedTable, Read, Source, VirtualTable};
use crate::substrait::messages::types::NamedStruct;
use crate::substrait::reader::{Reader, Relation, incomplete, table_reference, unsupported};
use crate::substrait::types;
use arrow::datatypes::{Field, Schema};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::logical_plan::builder::table_source;
use datafusion::logical_expr::{
    Cast, EmptyRelation, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, TableSource,
};
use std::sync::Arc;

const SUPPORTED: &str = "read.named_table and read.virtual_table are";

impl Reader<'_> {
    pub(super) fn read(&mut self, read: &Read) -> Result<Relation> {
        let source = read.source.as_ref().ok_or_else(|| incomplete("ReadRel", "a table"))?;
        let relation = match source {
            Source::Table(table) => self.scan(table, read.schema.as_ref())?,
            Source::Virtual(rows) => self.rows(rows, read.schema.as_ref())?,
            Source::Files(_) => {
                return Err(unsupported(
                    "ReadRel.local_files",
                    "CREATE EXTERNAL TABLE makes files a table that a plan can name",
                ));
            }
            Source::Extension(_) => return Err(unsupported("ReadRel.extension_table", SUPPORTED)),
            Source::Iceberg(_) => return Err(unsupported("ReadRel.iceberg_table", SUPPORTED)),
        };
        let mut relation = self.filtered(relation, &read.filter)?;
        if let Some(mask) = &read.projection {
            relation.fields = masked(&relation.fields, mask)?;
        }
        emit(relation, read.common.as_ref())
    }

    pub(in crate::substrait) fn scan(
        &mut self,
        table: &NamedTable,
        schema: Option<&NamedStruct>,
    ) -> Result<Relation> {
        let source = self.source(&table.names, schema)?;
        let reference = table_reference(&table.names)?;
        let alias = self.unique(reference.table());
        let named_anew = alias != reference.table();
        let fields = columns(&source, schema, &reference)?;
        let mut scan = LogicalPlanBuilder::scan(reference.clone(), source, None)?;
        if named_anew {
            scan = scan.alias(TableReference::bare(alias))?;
        }
        let plan = scan.build()?;
        // The qualifier is the scan's, or the view's, or the alias.
        let have = plan.schema().columns();
        let fields = fields.into_iter().filter_map(|place| have.get(place).cloned()).collect();
        Ok(Relation { plan, fields })
    }

    /// The table of that name. While it has not been looked up it is what the plan says it is.
    pub(in crate::substrait) fn source(
        &mut self,
        names: &[String],
        schema: Option<&NamedStruct>,
    ) -> Result<Arc<dyn TableSource>> {
        if let Some(source) = self.known.tables.get(names) {
            return Ok(Arc::clone(source));
        }
        table_reference(names)?;
        self.wanted.tables.insert(names.to_vec());
        let fields = schema.map_or_else(|| Ok(Vec::new()), fields)?;
        Ok(table_source(&Schema::new(fields)))
    }

    /// Rows that stand in the plan.
    fn rows(&mut self, table: &VirtualTable, schema: Option<&NamedStruct>) -> Result<Relation> {
        let fields = schema.map_or_else(|| Ok(Vec::new()), fields)?;
        let nothing = Relation::all(LogicalPlanBuilder::empty(true).build()?).scope();
        let mut rows = Vec::with_capacity(table.values.len() + table.expressions.len());
        for row in &table.values {
            let row: Result<Vec<Expr>> =
                row.values.iter().map(|literal| self.literal(literal)).collect();
            rows.push(row?);
        }
        for row in &table.expressions {
            rows.push(self.row_expressions(&row.expressions, &nothing)?);
        }
        let width = rows.first().map_or(fields.len(), Vec::len);
        if schema.is_some() && width != fields.len() {
            return Err(EngineError::invalid(format!(
                "a virtual table has {} columns and a row of {width} values",
                fields.len()
            )));
        }
        if rows.is_empty() {
            let schema =
                Arc::new(DFSchema::from_unqualified_fields(fields.into(), Default::default())?);
            let plan = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema });
            return if width == 0 {
                Ok(Relation::all(plan))
            } else {
                self.sealed(Relation::all(plan), "values")
            };
        }
        if width == 0 {
            return self.empty_rows(rows.len());
        }
        for row in &mut rows {
            for (value, field) in row.iter_mut().zip(&fields) {
                typed(value, field)?;
            }
        }
        let plan = LogicalPlanBuilder::values(rows)?.build()?;
        self.sealed(Relation::all(plan), "values")
    }

    /// Rows without columns, of which only the number is known.
    fn empty_rows(&mut self, rows: usize) -> Result<Relation> {
        if rows == 1 {
            return Ok(Relation::all(LogicalPlanBuilder::empty(true).build()?));
        }
        let rows = vec![vec![datafusion::logical_expr::lit(true)]; rows];
        let plan = LogicalPlanBuilder::values(rows)?.build()?;
        let Relation { plan, .. } = self.sealed(Relation::all(plan), "values")?;
        Ok(Relation { plan, fields: Vec::new() })
    }
}

/// Gives a value the type that its column is declared with.
fn typed(value: &mut Expr, field: &Field) -> Result<()> {
    if let Expr::Placeholder(placeholder) = value
        && placeholder.field.is_none()
    {
        placeholder.field = Some(Arc::new(field.clone()));
        return Ok(());
    }
    if value.get_type(&DFSchema::empty())? != *field.data_type() {
        let plain = std::mem::take(value);
        *value = Expr::Cast(Cast::new(Box::new(plain), field.data_type().clone()));
    }
    Ok(())
}

/// The columns that a plan declares.
fn fields(schema: &NamedStruct) -> Result<Vec<Field>> {
    let names = types::column_names(schema)?;
    let declared = schema.columns.as_ref().map(|columns| columns.types.as_slice());
    let mut fields = Vec::with_capacity(names.len());
    for (name, of) in names.into_iter().zip(declared.unwrap_or_default()) {
        fields.push(Field::new(name, types::data_type(of)?, true));
    }
    Ok(fields)
}

/// The places in a table of the columns that a plan says it has; all of them when it does not say.
fn columns(
    source: &Arc<dyn TableSource>,
    schema: Option<&NamedStruct>,
    reference: &TableReference,
) -> Result<Vec<usize>> {
    let have = source.schema();
    let names = schema.map_or_else(|| Ok(Vec::new()), types::column_names)?;
    if names.is_empty() {
        return Ok((0..have.fields().len()).collect());
    }
    names.iter().map(|name| column_place(&have, name, &reference.to_string())).collect()
}

/// The place of a column: of that very name, or of the only one that differs in case.
pub(in crate::substrait) fn column_place(have: &Schema, name: &str, table: &str) -> Result<usize> {
    if let Ok(place) = have.index_of(name) {
        return Ok(place);
    }
    let mut alike = have.fields().iter().enumerate();
    let mut alike = alike.by_ref().filter(|(_, field)| field.name().eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (Some((place, _)), None) => Ok(place),
        _ => Err(EngineError::not_found(format!(
            "the plan reads column \"{name}\", which table \"{table}\" does not have"
        ))
        .with_nearest(name, have.fields().iter().map(|field| field.name().as_str()))),
    }
}

/// The columns that a mask keeps.
fn masked(fields: &[Column], mask: &Mask) -> Result<Vec<Column>> {
    let Some(select) = &mask.select else { return Ok(fields.to_vec()) };
    if select.items.iter().any(|item| item.child.is_some()) {
        return Err(unsupported(
            "ReadRel.projection of a part of a column",
            "whole columns are; take the part in a ProjectRel",
        ));
    }
    let places: Vec<i32> = select.items.iter().map(|item| item.field).collect();
    picked(fields, &places)
}
