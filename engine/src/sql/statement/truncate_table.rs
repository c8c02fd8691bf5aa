//! `TRUNCATE [TABLE] t`: removes all rows in one commit; the old version stays readable.
//!
//! Written as `DELETE FROM t` without a condition, which the writer knows to do without reading a file.
//!
//! Example: `TRUNCATE staging.sales`.

use super::{Effect, Own, own};
use crate::context::{StatementContext, full};
use crate::error::Result;
use crate::session::{Outcome, run_plan};
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use async_trait::async_trait;

#[derive(Debug)]
struct TruncateTable(Written);

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("TRUNCATE")?;
    reader.word("TABLE");
    own(TruncateTable(reader.name()?))
}

#[async_trait]
impl Own for TruncateTable {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let table = context.table(&self.0)?;
        let plan = context.plan_query(&format!("DELETE FROM {}", full(&table.name))).await?;
        run_plan(context, plan).await
    }
}
