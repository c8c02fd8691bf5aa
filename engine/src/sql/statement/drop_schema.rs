//! `DROP SCHEMA [IF EXISTS] s [CASCADE | RESTRICT]`.
//!
//! Without `CASCADE` a schema that holds anything is refused, naming what it holds. With it, tables and views go in the
//! same catalog change; the files of managed tables are removed afterwards, so that a failure in between leaves
//! unreferenced files and never a table without files. Foreign keys elsewhere that point into the schema go too.
//!
//! Example: `DROP SCHEMA staging CASCADE`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::state::DEFAULT_SCHEMA;
use async_trait::async_trait;
use pareto_catalog::{Catalog, CatalogError, Change, EntryKey, Name, Right, Table};

#[derive(Debug)]
struct DropSchema {
    name: String,
    if_exists: bool,
    cascade: bool,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("DROP SCHEMA")?;
    let if_exists = reader.word("IF EXISTS");
    let name = reader.ident()?;
    let cascade = reader.word("CASCADE");
    reader.word("RESTRICT");
    own(DropSchema { name, if_exists, cascade })
}

#[async_trait]
impl Own for DropSchema {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let before = &context.catalog;
        // What the user does not see does not exist, and what else the schema holds is not told.
        if self.changes(before)?.is_empty() {
            return Ok(Outcome::Done);
        }
        context.rights().require_in(Right::Create, &before.schema(&self.name)?.name)?;
        let (_, dropped) = context.change_dropping(|catalog| self.changes(catalog)).await?;
        for table in &dropped {
            super::drop_relation::remove_files(context, table).await;
        }
        Ok(Outcome::Done)
    }
}

impl DropSchema {
    fn changes(&self, catalog: &Catalog) -> Result<Vec<Change>, CatalogError> {
        let schema = match catalog.schema(&self.name) {
            Ok(schema) => schema,
            Err(_) if self.if_exists => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if schema.name == DEFAULT_SCHEMA {
            return Err(CatalogError::invalid(format!(
                "schema \"{DEFAULT_SCHEMA}\" cannot be dropped: every warehouse has it"
            )));
        }
        let inside = |table: &&Table| table.name.schema == schema.name;
        let names: Vec<Name> =
            catalog.tables().filter(inside).map(|table| table.name.clone()).collect();
        let tables = names.iter().cloned().map(EntryKey::Table);
        let views = catalog
            .views()
            .filter(|view| view.name.schema == schema.name)
            .map(|view| EntryKey::View(view.name.clone()));
        let inside: Vec<EntryKey> = tables.chain(views).collect();
        if !inside.is_empty() && !self.cascade {
            let names: Vec<String> = inside
                .iter()
                .take(3)
                .map(|key| match key {
                    EntryKey::Table(name) | EntryKey::View(name) => format!("\"{}\"", name.name),
                    EntryKey::Schema(name)
                    | EntryKey::Segment(name)
                    | EntryKey::Principal(name) => format!("\"{name}\""),
                })
                .collect();
            let more = if inside.len() > 3 { ", .." } else { "" };
            return Err(CatalogError::invalid(format!(
                "schema \"{}\" is not empty: it holds {}{more}",
                schema.name,
                names.join(", ")
            ))
            .with_hint("DROP SCHEMA .. CASCADE drops them too"));
        }
        let dropped = inside.into_iter().chain([EntryKey::Schema(schema.name.clone())]);
        let mut changes: Vec<Change> = dropped.map(Change::Drop).collect();
        changes.extend(super::without_keys(catalog, &names));
        Ok(changes)
    }
}
