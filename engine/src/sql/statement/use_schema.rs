//! `USE s`: the schema in which names without one are looked up, for this session.
//!
//! The schema must exist. `SET schema = 's'` does the same.
//!
//! Example: `USE retail`, then `SELECT * FROM sales` reads `retail.sales`.

use super::{Effect, Own, own};
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::{information_schema, system};
use async_trait::async_trait;

#[derive(Debug)]
struct UseSchema(String);

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("USE")?;
    reader.word("SCHEMA");
    let name = reader.name()?.parts().to_vec().pop().unwrap_or_default();
    own(UseSchema(name))
}

#[async_trait]
impl Own for UseSchema {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        enter(context, &self.0)?;
        Ok(Outcome::Done)
    }
}

/// Makes a schema the current one.
pub(super) fn enter(context: &StatementContext, name: &str) -> Result<()> {
    let described = [information_schema::NAME, system::NAME]
        .into_iter()
        .find(|own| own.eq_ignore_ascii_case(name));
    let name = match described {
        Some(name) => name,
        None => context.catalog.schema(name)?.name.as_str(),
    };
    context.session.set("schema", name)
}
