//! `ALTER TABLE t ADD COLUMN c TYPE | ADD [CONSTRAINT n] key | DROP CONSTRAINT [IF EXISTS] n | RENAME TO n`.
//!
//! A new column is NULL in the rows that are there. Renaming a table changes the catalog alone; keys that point to it
//! follow. Renaming, dropping and retyping columns would need Delta's column mapping, which Pareto does not write, so
//! they are refused with the way around.
//!
//! Example: `ALTER TABLE sales ADD CONSTRAINT sales_customer FOREIGN KEY (customer_id) REFERENCES customer RELY`.

use super::create_table::{ColumnText, KeyText, column, key};
use super::{Own, own};
use crate::context::{StatementContext, short};
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use async_trait::async_trait;
use pareto_catalog::{
    Catalog, CatalogError, CatalogErrorKind, Change, ConstraintKind, Entry, EntryKey, Name, Right,
    Table,
};

#[derive(Debug)]
struct AlterTable {
    table: Written,
    if_exists: bool,
    action: Action,
}

#[derive(Debug)]
enum Action {
    AddColumn { column: ColumnText, if_not_exists: bool },
    AddKey(KeyText),
    DropConstraint { name: String, if_exists: bool },
    Rename(Written),
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("ALTER TABLE")?;
    let if_exists = reader.word("IF EXISTS");
    let table = reader.name()?;
    let action = if reader.word("ADD") {
        match key(reader)? {
            Some(key) => Action::AddKey(key),
            None => add_column(reader)?,
        }
    } else if reader.word("DROP CONSTRAINT") {
        let if_exists = reader.word("IF EXISTS");
        Action::DropConstraint { name: reader.ident()?, if_exists }
    } else if reader.word("RENAME TO") {
        Action::Rename(reader.name()?)
    } else {
        return Err(refusal(reader));
    };
    own(AlterTable { table, if_exists, action })
}

fn add_column(reader: &mut Reader<'_>) -> Result<Action> {
    reader.word("COLUMN");
    let if_not_exists = reader.word("IF NOT EXISTS");
    let mut keys = Vec::new();
    let column = column(reader, &mut keys)?;
    if !keys.is_empty() {
        return Err(EngineError::invalid("add the column first and its key with ADD CONSTRAINT"));
    }
    if column.default.is_some() {
        return Err(EngineError::invalid("a column that is added cannot have a default: the rows that are there have no value for it")
            .with_hint("add it without, then UPDATE"));
    }
    Ok(Action::AddColumn { column, if_not_exists })
}

/// What Delta cannot do without column mapping.
fn refusal(reader: &Reader<'_>) -> EngineError {
    let what = if reader.peek("RENAME") {
        "renaming a column"
    } else if reader.peek("DROP") {
        "dropping a column"
    } else if reader.peek("ALTER") {
        "changing a column"
    } else {
        return match reader
            .unexpected::<()>("ADD COLUMN, ADD CONSTRAINT, DROP CONSTRAINT or RENAME TO")
        {
            Err(error) => error,
            Ok(()) => EngineError::invalid("syntax error"),
        };
    };
    EngineError::invalid(format!("{what} is not supported: it needs Delta column mapping"))
        .with_hint("CREATE OR REPLACE TABLE t AS SELECT .. FROM t makes the table anew, a view renames on reading")
}

#[async_trait]
impl Own for AlterTable {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let table = match context.table(&self.table) {
            Ok(table) => table.clone(),
            Err(_) if self.if_exists && !context.exists(&context.name(&self.table)?) => {
                return Ok(Outcome::Done);
            }
            Err(error) => return Err(error),
        };
        context.rights().require(Right::Create, &table.name)?;
        context.session.refuse_temporary([&table.name], "ALTER TABLE cannot change")?;
        match &self.action {
            Action::AddColumn { column, if_not_exists } => {
                if table.column(&column.name).is_some() {
                    if *if_not_exists {
                        return Ok(Outcome::Done);
                    }
                    let what = format!(
                        "table \"{}\" already has a column \"{}\"",
                        table.name, column.name
                    );
                    return Err(EngineError::new(crate::ErrorKind::AlreadyExists, what));
                }
                let column = column.resolve(context)?;
                context
                    .table_version(&table.name, Right::Create)
                    .await?
                    .add_columns(std::slice::from_ref(&column))
                    .await?;
                edit(context, &table, |table| {
                    if table.column(&column.name).is_none() {
                        table.columns.push(column.clone());
                    }
                    Ok(())
                })
                .await?;
            }
            Action::AddKey(key) => {
                let constraint = key.resolve(context, &table)?;
                edit(context, &table, |table| {
                    if table.constraints.iter().any(|key| key.name == constraint.name) {
                        return Err(CatalogError::new(
                            CatalogErrorKind::AlreadyExists,
                            format!("constraint \"{}\" already exists", constraint.name),
                        ));
                    }
                    table.constraints.push(constraint.clone());
                    Ok(())
                })
                .await?;
            }
            Action::DropConstraint { name, if_exists } => {
                edit(context, &table, |table| drop_constraint(table, name, *if_exists)).await?;
            }
            Action::Rename(to) => {
                // A view that names the new place would show the rows to whoever may read the view.
                context.rights().require(Right::Select, &table.name)?;
                let mut to = context.name(to)?;
                if self.table.parts().len() > 1 {
                    // `ALTER TABLE s.t RENAME TO u` stays in the schema.
                    to.schema.clone_from(&table.name.schema);
                }
                context.change(|catalog| rename(catalog, &table.name, &to)).await?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Changes the catalog's record of a table, as it is when the change is made.
pub(super) async fn edit(
    context: &StatementContext,
    table: &Table,
    change: impl Fn(&mut Table) -> Result<(), CatalogError> + Send + Sync,
) -> Result<()> {
    let changed = context.change(|catalog| {
        let mut newest = catalog.table(&table.name)?.clone();
        if newest.id != table.id {
            return Err(CatalogError::new(
                CatalogErrorKind::Conflict,
                format!("table \"{}\" was replaced meanwhile", table.name),
            ));
        }
        change(&mut newest)?;
        Ok(vec![Change::Put(Entry::Table(newest))])
    });
    changed.await?;
    Ok(())
}

fn drop_constraint(table: &mut Table, name: &str, if_exists: bool) -> Result<(), CatalogError> {
    let before = table.constraints.len();
    let names: Vec<String> = table.constraints.iter().map(|key| key.name.clone()).collect();
    table.constraints.retain(|key| !key.name.eq_ignore_ascii_case(name));
    if table.constraints.len() == before && !if_exists {
        return Err(CatalogError::not_found("constraint", name, names.iter().map(String::as_str)));
    }
    Ok(())
}

fn rename(catalog: &Catalog, from: &Name, to: &Name) -> Result<Vec<Change>, CatalogError> {
    let schema = catalog.schema(&to.schema)?.name.clone();
    let to = Name::new(schema, to.name.clone());
    if catalog.table(&to).is_ok() || catalog.view(&to).is_ok() {
        return Err(CatalogError::new(
            CatalogErrorKind::AlreadyExists,
            format!("\"{}\" already exists", short(&to)),
        ));
    }
    let mut changes = vec![Change::Drop(EntryKey::Table(from.clone()))];
    for table in catalog.tables() {
        let mut changed = table.clone();
        if table.name == *from {
            changed.name = to.clone();
        }
        for constraint in &mut changed.constraints {
            if let ConstraintKind::ForeignKey { table, .. } = &mut constraint.kind
                && table == from
            {
                *table = to.clone();
            }
        }
        if changed != *table {
            changes.push(Change::Put(Entry::Table(changed)));
        }
    }
    Ok(changes)
}
