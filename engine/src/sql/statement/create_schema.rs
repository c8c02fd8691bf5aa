//! `CREATE SCHEMA [IF NOT EXISTS] s [COMMENT 'text']`: a namespace for tables and views.
//!
//! Schemas that Pareto itself provides cannot be made; a name starting with `$` is refused, because such schemas are
//! hidden.
//!
//! Example: `CREATE SCHEMA retail`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::{information_schema, system};
use async_trait::async_trait;
use pareto_catalog::{CatalogError, CatalogErrorKind, Change, Entry, Schema};

#[derive(Debug)]
struct CreateSchema {
    schema: Schema,
    if_not_exists: bool,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("CREATE SCHEMA")?;
    let if_not_exists = reader.word("IF NOT EXISTS");
    let name = reader.ident()?;
    let comment = if reader.word("COMMENT") { Some(reader.string()?) } else { None };
    if [information_schema::NAME, system::NAME].iter().any(|own| own.eq_ignore_ascii_case(&name))
        || name.starts_with('$')
    {
        return Err(EngineError::invalid(format!("the schema name \"{name}\" is reserved")));
    }
    own(CreateSchema { schema: Schema { name, comment }, if_not_exists })
}

#[async_trait]
impl Own for CreateSchema {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        if self.if_not_exists && context.catalog.schema(&self.schema.name).is_ok() {
            return Ok(Outcome::Done);
        }
        context.rights().require_administrator("make schemas")?;
        let change = context.change(|catalog| match catalog.schema(&self.schema.name) {
            Ok(_) if self.if_not_exists => Ok(Vec::new()),
            Ok(schema) => Err(CatalogError::new(
                CatalogErrorKind::AlreadyExists,
                format!("schema \"{}\" already exists", schema.name),
            )
            .with_hint("CREATE SCHEMA IF NOT EXISTS leaves it as it is")),
            Err(_) => Ok(vec![Change::Put(Entry::Schema(self.schema.clone()))]),
        });
        change.await?;
        Ok(Outcome::Done)
    }
}
