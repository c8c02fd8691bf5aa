//! `DROP TABLE | VIEW [IF EXISTS] name [, name ..]`.
//!
//! The catalog forgets them in one change; then the files of managed tables are removed. Files of external tables and
//! of Delta tables that others made are never touched. A foreign key elsewhere that points to a dropped table goes too.
//!
//! Example: `DROP TABLE IF EXISTS staging.sales`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, ErrorKind, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use async_trait::async_trait;
use pareto_catalog::{
    Catalog, CatalogError, Change, ConstraintKind, Entry, EntryKey, Name, Storage, Table,
};
use sqlparser::tokenizer::Token;

#[derive(Debug)]
struct DropRelation {
    names: Vec<Written>,
    view: bool,
    if_exists: bool,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("DROP")?;
    let view = reader.word("VIEW");
    if !view {
        reader.expect("TABLE")?;
    }
    let if_exists = reader.word("IF EXISTS");
    let mut names = vec![reader.name()?];
    while reader.mark(&Token::Comma) {
        names.push(reader.name()?);
    }
    if !reader.word("CASCADE") {
        reader.word("RESTRICT");
    }
    own(DropRelation { names, view, if_exists })
}

#[async_trait]
impl Own for DropRelation {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let names =
            self.names.iter().map(|name| context.name(name)).collect::<Result<Vec<Name>>>()?;
        // What the user does not see does not exist, and stays.
        self.changes(&context.catalog, &names)?;
        let (temporary, names): (Vec<Name>, Vec<Name>) =
            names.into_iter().partition(|name| !self.view && context.session.is_temporary(name));
        for table in temporary.iter().filter_map(|name| context.session.take_temporary(name)) {
            remove_files(context, &table).await;
        }
        if names.is_empty() {
            return Ok(Outcome::Done);
        }
        let names: Vec<Name> = names.into_iter().filter(|name| context.exists(name)).collect();
        let changed = context.change_dropping(|catalog| self.changes(catalog, &names));
        let (_, dropped) = changed.await?;
        for table in &dropped {
            remove_files(context, table).await;
        }
        Ok(Outcome::Done)
    }
}

impl DropRelation {
    fn changes(&self, catalog: &Catalog, names: &[Name]) -> Result<Vec<Change>, CatalogError> {
        let mut dropped = Vec::new();
        let mut changes = Vec::new();
        for name in names {
            let table = catalog.table(name);
            let view = catalog.view(name);
            match (self.view, table, view) {
                (false, Ok(table), _) => dropped.push(table.name.clone()),
                (true, _, Ok(view)) => {
                    changes.push(Change::Drop(EntryKey::View(view.name.clone())))
                }
                (false, Err(_), Ok(view)) => {
                    return Err(CatalogError::invalid(format!("\"{}\" is a view", view.name))
                        .with_hint("use DROP VIEW"));
                }
                (true, Ok(table), Err(_)) => {
                    return Err(CatalogError::invalid(format!("\"{}\" is a table", table.name))
                        .with_hint("use DROP TABLE"));
                }
                (_, Err(_), Err(_)) if self.if_exists => {}
                (false, Err(error), Err(_)) | (true, Err(_), Err(error)) => return Err(error),
            }
        }
        changes.extend(dropped.iter().map(|name| Change::Drop(EntryKey::Table(name.clone()))));
        changes.extend(without_keys(catalog, &dropped));
        Ok(changes)
    }
}

/// What becomes of the other tables when these go: they lose the foreign keys that point to them.
pub(crate) fn without_keys(catalog: &Catalog, dropped: &[Name]) -> Vec<Change> {
    let others = catalog.tables().filter(|table| !dropped.contains(&table.name));
    let changed = others.filter_map(|table| without_keys_to(table, dropped));
    changed.map(|table| Change::Put(Entry::Table(table))).collect()
}

/// The table without foreign keys to any of these, when it has such.
fn without_keys_to(table: &Table, dropped: &[Name]) -> Option<Table> {
    let points = |kind: &ConstraintKind| matches!(kind, ConstraintKind::ForeignKey { table, .. } if dropped.contains(table));
    if !table.constraints.iter().any(|constraint| points(&constraint.kind)) {
        return None;
    }
    let mut table = table.clone();
    table.constraints.retain(|constraint| !points(&constraint.kind));
    Some(table)
}

/// Removes the files of a managed table that the catalog no longer names. A failure is logged: the statement has taken
/// effect, and files that nothing names do no harm.
pub(crate) async fn remove_files(context: &StatementContext, table: &Table) {
    if let Storage::Delta { managed: true, .. } = table.storage
        && let Err(error) = context.engine.warehouse().remove_table_files(table).await
    {
        tracing::warn!(table = %table.name, error = %EngineError::from(error), "dropped a table but not its files");
    }
}

/// Removes the files of a new table that the catalog was not changed for. Where it is not known whether it was, they stay.
pub(crate) async fn remove_unnamed<T: Sync>(
    context: &StatementContext,
    table: &Table,
    changed: &Result<T>,
) {
    let may_have_happened = |kind| matches!(kind, ErrorKind::Unavailable | ErrorKind::InDoubt);
    if matches!(changed, Err(error) if !may_have_happened(error.kind)) {
        remove_files(context, table).await;
    }
}
