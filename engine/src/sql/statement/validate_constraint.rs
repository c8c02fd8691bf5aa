//! `VALIDATE CONSTRAINT c ON t`: counts the rows that break a declared key, and remembers the count and the version.
//!
//! A primary key is broken by rows with a NULL in it and by every row after the first of the same key; a unique key by
//! the latter; a foreign key by rows whose key is not in the other table. The count comes from plain SQL, so it is the
//! count that anyone can repeat. Nothing is changed in the table.
//!
//! Example: `VALIDATE CONSTRAINT sales_customer_id_fkey ON sales` gives one row with `violations` 0 when it holds.

use super::alter_table::edit;
use super::{Own, own};
use crate::answer::{Answer, Kind, Shape, int, schema_of, text};
use crate::context::{StatementContext, full, quote};
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use async_trait::async_trait;
use pareto_catalog::{Constraint, ConstraintKind, Right, Storage, Table, Validation};

#[derive(Debug)]
struct ValidateConstraint {
    name: String,
    table: Written,
}

const SHAPE: Shape = &[
    ("table_name", Kind::Text),
    ("constraint_name", Kind::Text),
    ("violations", Kind::Int),
    ("at_version", Kind::Int),
];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("VALIDATE CONSTRAINT")?;
    let name = reader.ident()?;
    reader.expect("ON")?;
    own(ValidateConstraint { name, table: reader.name()? })
}

#[async_trait]
impl Own for ValidateConstraint {
    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let table = context.table(&self.table)?;
        context.rights().require(Right::Create, &table.name)?;
        let found = table
            .constraints
            .iter()
            .find(|constraint| constraint.name.eq_ignore_ascii_case(&self.name));
        let constraint = found.ok_or_else(|| {
            EngineError::not_found(format!(
                "table \"{}\" has no constraint \"{}\"",
                table.name, self.name
            ))
            .with_nearest(
                &self.name,
                table.constraints.iter().map(|constraint| constraint.name.as_str()),
            )
        })?;
        let batches = context.rows(&count(table, constraint)).await?;
        let violations = batches
            .iter()
            .find(|batch| batch.num_rows() > 0)
            .map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
        let violations = u64::try_from(violations.unwrap_or_default()).unwrap_or_default();
        let at_version = match table.storage {
            Storage::Delta { .. } => {
                context.table_version(&table.name, Right::Select).await?.version()
            }
            Storage::Files { .. } => 0,
        };
        edit(context, table, |table| {
            for known in table.constraints.iter_mut().filter(|known| known.name == constraint.name)
            {
                known.validated = Some(Validation { at_version, violations });
            }
            Ok(())
        })
        .await?;
        let mut answer = Answer::new(SHAPE);
        answer.push([
            text(table.name.to_string()),
            text(constraint.name.clone()),
            int(violations),
            int(at_version),
        ]);
        answer.outcome()
    }
}

/// The query that counts the rows that break a key.
fn count(table: &Table, constraint: &Constraint) -> String {
    let from = full(&table.name);
    let columns: Vec<String> = constraint.columns.iter().map(|column| quote(column)).collect();
    let each = |test: &str, between: &str| {
        columns.iter().map(|column| format!("{column} {test}")).collect::<Vec<_>>().join(between)
    };
    let (complete, broken) = (each("IS NOT NULL", " AND "), each("IS NULL", " OR "));
    let list = columns.join(", ");
    let repeated = format!(
        "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {from} WHERE {complete} GROUP BY {list} HAVING count(*) > 1)"
    );
    match &constraint.kind {
        ConstraintKind::Unique => format!("SELECT CAST(({repeated}) AS BIGINT)"),
        ConstraintKind::PrimaryKey => {
            format!(
                "SELECT CAST(({repeated}) + (SELECT count(*) FROM {from} WHERE {broken}) AS BIGINT)"
            )
        }
        ConstraintKind::ForeignKey { table: target, columns: referred } => {
            let pairs = columns
                .iter()
                .zip(referred)
                .map(|(column, other)| format!("child.{column} = parent.{}", quote(other)));
            let on = pairs.collect::<Vec<_>>().join(" AND ");
            let complete = columns
                .iter()
                .map(|column| format!("child.{column} IS NOT NULL"))
                .collect::<Vec<_>>()
                .join(" AND ");
            format!(
                "SELECT count(*) FROM {from} AS child LEFT ANTI JOIN {} AS parent ON {on} WHERE {complete}",
                full(target)
            )
        }
    }
}
