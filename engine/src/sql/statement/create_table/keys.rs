//! Keys as written, and as the catalog keeps them.
//!
//! A key is a promise of whoever loads the data: it is declared, checked by `VALIDATE CONSTRAINT`, and used by the
//! planner only when it says `RELY`. `ENFORCED`, `CHECK` and `ON DELETE` actions would promise what nobody keeps, so
//! they are refused. A key without a name gets one: `sales_pkey`, `sales_customer_id_fkey`.
//!
//! Example: `FOREIGN KEY (customer_id) REFERENCES customer (customer_id) NOT ENFORCED RELY`.

use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::sql::reader::{Reader, normalize};
use crate::sql::tree::Written;
use pareto_catalog::{Constraint, ConstraintKind, Name, Table};
use sqlparser::ast::{
    ColumnOption, ConstraintCharacteristics, Expr, ForeignKeyConstraint, IndexColumn,
    TableConstraint,
};

/// A key as written.
#[derive(Debug)]
pub(crate) struct KeyText {
    name: Option<String>,
    columns: Vec<String>,
    kind: KindText,
    rely: bool,
}

#[derive(Debug)]
enum KindText {
    Primary,
    Unique,
    Foreign { table: Written, columns: Vec<String> },
}

/// Reads a key of the table, when one is next.
pub(crate) fn key(reader: &mut Reader<'_>) -> Result<Option<KeyText>> {
    let place = reader.place();
    let starts = ["CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE"]
        .iter()
        .any(|word| reader.peek(word));
    if !starts {
        return Ok(None);
    }
    let Some(constraint) = reader.parser().parse_optional_table_constraint()? else {
        return Ok(None);
    };
    let rely = rely(reader);
    let (name, columns, kind, characteristics) =
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                (key.name, indexed(&key.columns)?, KindText::Primary, key.characteristics)
            }
            TableConstraint::Unique(key) => {
                (key.name, indexed(&key.columns)?, KindText::Unique, key.characteristics)
            }
            TableConstraint::ForeignKey(key) => {
                let columns = key.columns.iter().map(normalize).collect();
                let (name, characteristics) = (key.name.clone(), key.characteristics);
                (name, columns, foreign(&key)?, characteristics)
            }
            TableConstraint::Check(_) => {
                return Err(EngineError::invalid("CHECK constraints are not supported")
                    .at(place.0, place.1));
            }
            other => {
                return Err(EngineError::invalid(format!("\"{other}\" is not supported"))
                    .at(place.0, place.1));
            }
        };
    not_enforced(characteristics.as_ref())?;
    Ok(Some(KeyText { name: name.as_ref().map(normalize), columns, kind, rely }))
}

/// A key written on a column.
pub(super) fn of_column(
    reader: &mut Reader<'_>,
    name: Option<String>,
    column: &str,
    option: &ColumnOption,
) -> Result<KeyText> {
    let (kind, characteristics) = match option {
        ColumnOption::PrimaryKey(key) => (KindText::Primary, key.characteristics),
        ColumnOption::Unique(key) => (KindText::Unique, key.characteristics),
        ColumnOption::ForeignKey(key) => (foreign(key)?, key.characteristics),
        other => return Err(EngineError::invalid(format!("\"{other}\" is not a key"))),
    };
    not_enforced(characteristics.as_ref())?;
    Ok(KeyText { name, columns: vec![column.to_owned()], kind, rely: rely(reader) })
}

/// `[NOT ENFORCED] [RELY | NORELY]`, in any order.
fn rely(reader: &mut Reader<'_>) -> bool {
    let mut rely = false;
    loop {
        if reader.word("RELY") {
            rely = true;
        } else if reader.word("NORELY") {
            rely = false;
        } else if !reader.word("NOT ENFORCED") {
            return rely;
        }
    }
}

fn not_enforced(characteristics: Option<&ConstraintCharacteristics>) -> Result<()> {
    match characteristics {
        Some(ConstraintCharacteristics { enforced: Some(true), .. }) => {
            Err(EngineError::invalid("keys are declared, not enforced")
                .with_hint("write NOT ENFORCED, and check with VALIDATE CONSTRAINT"))
        }
        _ => Ok(()),
    }
}

fn foreign(key: &ForeignKeyConstraint) -> Result<KindText> {
    if key.on_delete.is_some() || key.on_update.is_some() {
        return Err(EngineError::invalid(
            "ON DELETE and ON UPDATE are not supported: keys are declared, not enforced",
        ));
    }
    Ok(KindText::Foreign {
        table: Written::from(&key.foreign_table),
        columns: key.referred_columns.iter().map(normalize).collect(),
    })
}

fn indexed(columns: &[IndexColumn]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|column| match &column.column.expr {
            Expr::Identifier(ident) => Ok(normalize(ident)),
            other => {
                Err(EngineError::invalid(format!("a key is made of columns, not of \"{other}\"")))
            }
        })
        .collect()
}

impl KeyText {
    /// The key as the catalog keeps it, checked against the tables it names.
    pub(crate) fn resolve(&self, context: &StatementContext, table: &Table) -> Result<Constraint> {
        let columns = known(table, &self.columns)?;
        let kind = match &self.kind {
            KindText::Primary => {
                if let Some(other) =
                    table.constraints.iter().find(|key| key.kind == ConstraintKind::PrimaryKey)
                {
                    return Err(EngineError::invalid(format!(
                        "table \"{}\" already has the primary key \"{}\"",
                        table.name, other.name
                    )));
                }
                ConstraintKind::PrimaryKey
            }
            KindText::Unique => ConstraintKind::Unique,
            KindText::Foreign { table: target, columns: referred } => {
                self.target(context, table, target, referred, columns.len())?
            }
        };
        let name = self.name.clone().unwrap_or_else(|| free_name(table, &kind, &columns));
        if table.constraints.iter().any(|key| key.name.eq_ignore_ascii_case(&name)) {
            return Err(EngineError::new(
                crate::ErrorKind::AlreadyExists,
                format!("table \"{}\" already has a constraint \"{name}\"", table.name),
            ));
        }
        Ok(Constraint { name, kind, columns, rely: self.rely, validated: None })
    }

    fn target(
        &self,
        context: &StatementContext,
        table: &Table,
        target: &Written,
        referred: &[String],
        count: usize,
    ) -> Result<ConstraintKind> {
        let name = context.name(target)?;
        // A table may point to itself while it is being made.
        let target: &Table =
            if is_same(&name, &table.name) { table } else { context.catalog.table(&name)? };
        let columns = if referred.is_empty() {
            let key = target.constraints.iter().find(|key| key.kind == ConstraintKind::PrimaryKey);
            let key = key.ok_or_else(|| {
                EngineError::invalid(format!(
                    "table \"{}\" has no primary key to refer to",
                    target.name
                ))
                .with_hint(format!("name its columns: REFERENCES {} (..)", target.name))
            })?;
            key.columns.clone()
        } else {
            known(target, referred)?
        };
        if columns.len() != count {
            return Err(EngineError::invalid(format!(
                "the foreign key has {count} columns, but refers to {} of \"{}\"",
                columns.len(),
                target.name
            )));
        }
        Ok(ConstraintKind::ForeignKey { table: target.name.clone(), columns })
    }
}

fn is_same(a: &Name, b: &Name) -> bool {
    a.schema.eq_ignore_ascii_case(&b.schema) && a.name.eq_ignore_ascii_case(&b.name)
}

/// The columns as the table spells them.
pub(super) fn known(table: &Table, names: &[String]) -> Result<Vec<String>> {
    names
        .iter()
        .map(|name| {
            table.column(name).map(|column| column.name.clone()).ok_or_else(|| {
                EngineError::invalid(format!("table \"{}\" has no column \"{name}\"", table.name))
                    .with_nearest(name, table.columns.iter().map(|column| column.name.as_str()))
            })
        })
        .collect()
}

/// The columns of a primary key hold no NULL.
pub(super) fn not_null(table: &mut Table, constraint: &Constraint) {
    if constraint.kind == ConstraintKind::PrimaryKey {
        for column in &mut table.columns {
            column.nullable &= !constraint.columns.contains(&column.name);
        }
    }
}

fn free_name(table: &Table, kind: &ConstraintKind, columns: &[String]) -> String {
    let base = match kind {
        ConstraintKind::PrimaryKey => format!("{}_pkey", table.name.name),
        ConstraintKind::Unique => format!("{}_{}_key", table.name.name, columns.join("_")),
        ConstraintKind::ForeignKey { .. } => {
            format!("{}_{}_fkey", table.name.name, columns.join("_"))
        }
    };
    let taken = |name: &str| table.constraints.iter().any(|key| key.name == name);
    let numbered = (2..).map(|number| format!("{base}{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base)
}
