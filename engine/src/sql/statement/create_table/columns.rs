//! A column as written, and as the catalog keeps it.
//!
//! Types are SQL's; the planner says which Arrow type each is, and the catalog which of those can be stored. A default
//! is kept as text and must not need a row. Keys written on a column become keys of the table.
//!
//! Example: `channel VARCHAR NOT NULL DEFAULT 'web' COMMENT 'how it was sold'`.

use super::keys::{self, KeyText};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::question::always_the_same;
use crate::sql::reader::Reader;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, cast};
use pareto_catalog::{Column, types};
use sqlparser::ast::ColumnOption;

/// The most columns a table may have.
const COLUMNS_LIMIT: usize = 10_000;

/// How the names begin of the columns that statements put beside those of a table, such as the numbers of its rows.
const OWN_PREFIX: &str = "__pareto_";

/// A column as written.
#[derive(Debug)]
pub(crate) struct ColumnText {
    pub(crate) name: String,
    pub(crate) data_type: String,
    pub(crate) nullable: bool,
    pub(crate) default: Option<String>,
    pub(crate) comment: Option<String>,
}

/// Reads `name TYPE [options]`; keys among the options go to `keys`.
pub(crate) fn column(reader: &mut Reader<'_>, keys: &mut Vec<KeyText>) -> Result<ColumnText> {
    let name = reader.ident()?;
    let data_type = reader.parser().parse_data_type()?.to_string();
    let mut column = ColumnText { name, data_type, nullable: true, default: None, comment: None };
    loop {
        let named = if reader.word("CONSTRAINT") { Some(reader.ident()?) } else { None };
        let place = reader.place();
        let Some(option) = reader.parser().parse_optional_column_option()? else { break };
        match option {
            ColumnOption::Null => column.nullable = true,
            ColumnOption::NotNull => column.nullable = false,
            ColumnOption::Default(expr) => column.default = Some(expr.to_string()),
            ColumnOption::Comment(text) => column.comment = Some(text),
            option @ (ColumnOption::PrimaryKey(_)
            | ColumnOption::Unique(_)
            | ColumnOption::ForeignKey(_)) => {
                keys.push(keys::of_column(reader, named, &column.name, &option)?);
            }
            other => {
                let error =
                    EngineError::invalid(format!("\"{other}\" is not supported on a column"));
                return Err(error.at(place.0, place.1));
            }
        }
    }
    Ok(column)
}

impl ColumnText {
    /// The Arrow type that is stored.
    pub(crate) fn data_type(&self, context: &StatementContext) -> Result<DataType> {
        let nothing = DFSchema::empty();
        let cast = format!("CAST(NULL AS {})", self.data_type);
        let planned = context
            .state()
            .create_logical_expr(&cast, &nothing)
            .and_then(|expr| expr.get_type(&nothing));
        let data_type = planned.map_err(|error| {
            let error = EngineError::from(error);
            EngineError::invalid(format!(
                "column \"{}\" has an unknown type: {}",
                self.name, error.message
            ))
        })?;
        Ok(types::storable(&self.name, &data_type)?)
    }

    /// The column as the catalog keeps it.
    pub(crate) fn resolve(&self, context: &StatementContext) -> Result<Column> {
        refuse_own(&self.name)?;
        let data_type = self.data_type(context)?;
        if let Some(default) = &self.default {
            check(context, default, &data_type).map_err(|error| {
                let error = EngineError::from(error);
                EngineError::invalid(format!(
                    "the default of column \"{}\" is not usable: {}",
                    self.name, error.message
                ))
            })?;
        }
        Ok(Column {
            name: self.name.clone(),
            data_type,
            nullable: self.nullable,
            default: self.default.clone(),
            comment: self.comment.clone(),
        })
    }
}

/// Plans a default, and computes one that is always the same, to see that the column can take it.
fn check(
    context: &StatementContext,
    default: &str,
    data_type: &DataType,
) -> datafusion::common::Result<()> {
    let nothing = DFSchema::empty();
    let expr = context.state().create_logical_expr(default, &nothing)?;
    if expr.exists(|part| Ok(!always_the_same(part)))? {
        return Ok(());
    }
    let physical = context.state().create_physical_expr(cast(expr, data_type.clone()), &nothing)?;
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    physical.evaluate(&RecordBatch::try_new_with_options(Schema::empty().into(), vec![], &one)?)?;
    Ok(())
}

/// The columns that a query's result is stored as.
pub(crate) fn of_plan(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let column = |name: &String, data_type| {
        refuse_own(name)?;
        Ok(Column::new(name.clone(), types::storable(name, data_type)?))
    };
    plan.schema().fields().iter().map(|field| column(field.name(), field.data_type())).collect()
}

/// A column of such a name would be taken for one that a statement put there.
fn refuse_own(name: &str) -> Result<()> {
    if !name.to_ascii_lowercase().starts_with(OWN_PREFIX) {
        return Ok(());
    }
    Err(EngineError::invalid(format!(
        "column \"{name}\" cannot have this name: what begins with {OWN_PREFIX} is kept for Pareto"
    ))
    .with_hint("take another name"))
}

/// Two columns whose names differ in case only could never be told apart without quotes.
pub(crate) fn refuse_twins(columns: &[Column]) -> Result<()> {
    if columns.len() > COLUMNS_LIMIT {
        return Err(EngineError::invalid(format!(
            "a table has at most {COLUMNS_LIMIT} columns, not {}",
            columns.len()
        )));
    }
    let mut seen = std::collections::HashMap::new();
    for column in columns {
        if let Some(other) = seen.insert(column.name.to_lowercase(), &column.name) {
            return Err(EngineError::invalid(format!(
                "column \"{}\" is declared twice",
                column.name
            ))
            .with_hint(if *other == column.name {
                "names must differ".to_owned()
            } else {
                format!("\"{other}\" differs from it in case only")
            }));
        }
    }
    Ok(())
}
