//! Writes: rows added, removed and changed, and tables made from rows.
//!
//! | Message | Here |
//! |---|---|
//! | `WriteRel` INSERT | `INSERT INTO t (columns of the schema)`, the others get their defaults |
//! | `WriteRel` DELETE | `DELETE FROM t WHERE ..`: the input is `t` itself under filters |
//! | `WriteRel` UPDATE | `UPDATE t SET ..`: the input is a projection of `t` under filters, a value for each column |
//! | `WriteRel` CTAS | `CREATE [OR REPLACE] TABLE [IF NOT EXISTS] t AS` |
//! | `UpdateRel` | `UPDATE t SET .. WHERE condition` |
//!
//! They become the plans that SQL becomes, so that rights, commits and conflicts are handled in one place. Changed rows are
//! counted and never returned.

use super::messages::relations::{Kind, Rel};
use super::messages::types::NamedStruct;
use super::messages::writes::{CreateMode, OutputMode, Target, Update, Write, WriteOp};
use super::reader::{Reader, Relation, incomplete, table_reference, unsupported};
use super::relations::{column_place, renamed};
use super::types;
use crate::error::{EngineError, Result};
use datafusion::common::{Column, Constraints, ScalarValue, TableReference};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{
    Cast, CreateMemoryTable, DdlStatement, DmlStatement, Expr, ExprSchemable, LogicalPlan,
    LogicalPlanBuilder, Projection, TableSource, WriteOp as PlanOp,
};
use std::sync::Arc;

impl Reader<'_> {
    /// The write that a relation is; nothing when it is none.
    pub(super) fn write(&mut self, relation: &Rel) -> Result<Option<LogicalPlan>> {
        match &relation.kind {
            Some(Kind::Write(write)) => self.write_relation(write).map(Some),
            Some(Kind::Update(update)) => self.update_relation(update).map(Some),
            _ => Ok(None),
        }
    }

    fn write_relation(&mut self, write: &Write) -> Result<LogicalPlan> {
        if OutputMode::try_from(write.output) == Ok(OutputMode::ModifiedRecords) {
            return Err(unsupported(
                "WriteRel.output MODIFIED_RECORDS",
                "changed rows are counted; leave the output out",
            ));
        }
        let names = match &write.target {
            Some(Target::Table(table)) => &table.names,
            Some(Target::Extension(_)) => {
                return Err(unsupported("WriteRel.extension_table", "named_table is"));
            }
            None => return Err(incomplete("WriteRel", "a table")),
        };
        let schema = write.schema.as_ref();
        match WriteOp::try_from(write.op) {
            Ok(WriteOp::Insert) => {
                let input = self.relation(&write.input)?;
                self.insert(names, schema, input)
            }
            Ok(WriteOp::Delete) => {
                let target = self.source(names, schema)?;
                let input = self.relation(&write.input)?;
                refuse_other_rows(&input.plan, names, "DELETE")?;
                dml(names, target, PlanOp::Delete, input.plan)
            }
            Ok(WriteOp::Update) => self.update_rows(names, write),
            Ok(WriteOp::Ctas) => self.create_table(names, write),
            Ok(WriteOp::Unspecified) | Err(_) => Err(unsupported(
                "WriteRel without a known op",
                "INSERT, DELETE, UPDATE and CTAS are",
            )),
        }
    }

    /// Rows in the table's columns: those that the plan gives, defaults for the others.
    fn insert(
        &mut self,
        names: &[String],
        schema: Option<&NamedStruct>,
        input: Relation,
    ) -> Result<LogicalPlan> {
        let target = self.source(names, schema)?;
        let have = target.schema();
        let mut given: Vec<Option<Column>> = vec![None; have.fields().len()];
        let written = match schema {
            Some(schema) => types::column_names(schema)?,
            None => have.fields().iter().map(|field| field.name().clone()).collect(),
        };
        if written.len() != input.fields.len() {
            return Err(EngineError::invalid(format!(
                "an INSERT gives {} values for {} columns",
                input.fields.len(),
                written.len()
            )));
        }
        for (name, column) in written.iter().zip(&input.fields) {
            let place = column_place(&have, name, &names.join("."))?;
            if let Some(slot) = given.get_mut(place)
                && slot.replace(column.clone()).is_some()
            {
                return Err(EngineError::invalid(format!("an INSERT gives \"{name}\" twice")));
            }
        }
        let mut values = Vec::with_capacity(given.len());
        for (column, field) in given.into_iter().zip(have.fields()) {
            let value = match column {
                Some(column) => Expr::Column(column),
                None => target
                    .get_column_default(field.name())
                    .cloned()
                    .unwrap_or(Expr::Literal(ScalarValue::Null, None)),
            };
            let same = value.get_type(input.plan.schema()).is_ok_and(|of| of == *field.data_type());
            let value = if same {
                value
            } else {
                Expr::Cast(Cast::new(Box::new(value), field.data_type().clone()))
            };
            values.push(value.alias(field.name()));
        }
        let input = LogicalPlanBuilder::from(input.plan).project(values)?.build()?;
        dml(names, target, PlanOp::Insert(InsertOp::Append), input)
    }

    /// An UPDATE whose input gives every column its new value.
    fn update_rows(&mut self, names: &[String], write: &Write) -> Result<LogicalPlan> {
        let target = self.source(names, write.schema.as_ref())?;
        let input = self.relation(&write.input)?;
        let (rows, computed) = match input.plan {
            LogicalPlan::Projection(Projection { input, expr, .. }) => {
                (Arc::unwrap_or_clone(input), expr)
            }
            plan => (plan, Vec::new()),
        };
        refuse_other_rows(&rows, names, "UPDATE")?;
        let written = match &write.schema {
            Some(schema) => types::column_names(schema)?,
            None => target.schema().fields().iter().map(|field| field.name().clone()).collect(),
        };
        if written.len() != input.fields.len() {
            return Err(EngineError::invalid(format!(
                "an UPDATE gives {} values for {} columns",
                input.fields.len(),
                written.len()
            )));
        }
        let mut values = Vec::with_capacity(written.len());
        for (name, column) in written.iter().zip(input.fields) {
            let place = column_place(&target.schema(), name, &names.join("."))?;
            let meant = computed.iter().find_map(|expression| match expression {
                Expr::Alias(alias) if alias.name == column.name && column.relation.is_none() => {
                    Some(alias.expr.as_ref().clone())
                }
                _ => None,
            });
            values.push((place, meant.unwrap_or(Expr::Column(column))));
        }
        updated(names, target, rows, &values)
    }

    fn update_relation(&mut self, update: &Update) -> Result<LogicalPlan> {
        let table = update.table.as_ref().ok_or_else(|| incomplete("UpdateRel", "a table"))?;
        let schema = update.schema.as_ref();
        let target = self.source(&table.names, schema)?;
        let rows = self.scan(table, schema)?;
        let scope = rows.scope();
        let mut values = Vec::with_capacity(update.values.len());
        for value in &update.values {
            let column = usize::try_from(value.column).ok();
            let column = column.and_then(|place| rows.fields.get(place)).ok_or_else(|| {
                EngineError::invalid(format!(
                    "an UpdateRel changes column {}, and there are {}, counted from 0",
                    value.column,
                    rows.fields.len()
                ))
            })?;
            let place = column_place(&target.schema(), &column.name, &table.names.join("."))?;
            if values.iter().any(|(known, _)| *known == place) {
                return Err(EngineError::invalid(format!(
                    "an UpdateRel changes column \"{}\" twice",
                    column.name
                )));
            }
            values.push((place, self.row_expression(&value.expression, &scope)?));
        }
        let rows = self.filtered(rows, &update.condition)?;
        updated(&table.names, target, rows.plan, &values)
    }

    fn create_table(&mut self, names: &[String], write: &Write) -> Result<LogicalPlan> {
        let mode = match CreateMode::try_from(write.create_mode) {
            Ok(CreateMode::AppendIfExists) => {
                return Err(unsupported(
                    "WriteRel.create_mode APPEND_IF_EXISTS",
                    "INSERT adds rows to a table that exists",
                ));
            }
            Ok(mode) => mode,
            Err(_) => {
                return Err(unsupported(
                    "an unknown WriteRel.create_mode",
                    "REPLACE_IF_EXISTS, IGNORE_IF_EXISTS and ERROR_IF_EXISTS are",
                ));
            }
        };
        let input = self.relation(&write.input)?;
        let input = match &write.schema {
            Some(schema) => declared(input, schema)?,
            None => self.exact(input)?,
        };
        Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(CreateMemoryTable {
            name: table_reference(names)?,
            constraints: Constraints::default(),
            input: Arc::new(input),
            if_not_exists: mode == CreateMode::IgnoreIfExists,
            or_replace: mode == CreateMode::ReplaceIfExists,
            column_defaults: Vec::new(),
            temporary: false,
        })))
    }
}

/// The rows with the names and types that a new table is declared with.
fn declared(input: Relation, schema: &NamedStruct) -> Result<LogicalPlan> {
    let names = types::column_names(schema)?;
    if names.len() != input.fields.len() {
        return Err(EngineError::invalid(format!(
            "a table of {} columns is made from {}",
            names.len(),
            input.fields.len()
        )));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let declared = schema.columns.as_ref().map(|columns| columns.types.as_slice());
    let plan = renamed(input, &names)?;
    let mut columns = Vec::with_capacity(names.len());
    for (place, column) in plan.schema().columns().into_iter().enumerate() {
        let of = declared.and_then(|types| types.get(place)).map(types::data_type).transpose()?;
        let have = plan.schema().field(place).data_type().clone();
        let name = column.name.clone();
        columns.push(match of {
            Some(of) if of != have => {
                Expr::Cast(Cast::new(Box::new(Expr::Column(column)), of)).alias(name)
            }
            _ => Expr::Column(column),
        });
    }
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// `UPDATE`: the given columns get new values, the others keep theirs.
fn updated(
    names: &[String],
    target: Arc<dyn TableSource>,
    rows: LogicalPlan,
    values: &[(usize, Expr)],
) -> Result<LogicalPlan> {
    let reference = table_reference(names)?;
    let mut columns = Vec::with_capacity(target.schema().fields().len());
    for (place, field) in target.schema().fields().iter().enumerate() {
        let new = values.iter().find(|(changed, _)| *changed == place);
        let value = match new {
            None => Expr::Column(Column::new(Some(reference.clone()), field.name())),
            Some((_, value)) => value.clone().cast_to(field.data_type(), rows.schema())?,
        };
        columns.push(value.alias(field.name()));
    }
    let rows = LogicalPlanBuilder::from(rows).project(columns)?.build()?;
    dml(names, target, PlanOp::Update, rows)
}

fn dml(
    names: &[String],
    target: Arc<dyn TableSource>,
    op: PlanOp,
    input: LogicalPlan,
) -> Result<LogicalPlan> {
    let table: TableReference = table_reference(names)?;
    Ok(LogicalPlan::Dml(DmlStatement::new(table, target, op, Arc::new(input))))
}

/// Refuses rows that are not those of the table that is written to.
fn refuse_other_rows(plan: &LogicalPlan, names: &[String], verb: &str) -> Result<()> {
    let reference = table_reference(names)?;
    match plan {
        LogicalPlan::Filter(filter) => refuse_other_rows(&filter.input, names, verb),
        LogicalPlan::TableScan(scan) if scan.table_name == reference => Ok(()),
        _ => Err(EngineError::invalid(format!(
            "the input of a WriteRel {verb} is the table \"{reference}\" itself, under filters"
        ))
        .with_hint("conditions on other tables are subqueries in a filter")),
    }
}
