//! `REFRESH SEGMENT s` computes the members again; `DROP SEGMENT [IF EXISTS] s` forgets them.
//!
//! Readers see the old members until the new ones are complete. The query runs as it was written when the segment was
//! made; when it no longer plans, the old members stay and the error says why.
//!
//! Example: `REFRESH SEGMENT champions` after the nightly load.

use super::{Own, own};
use crate::context::StatementContext;
use crate::error::Result;
use crate::rights::{self, Behalf};
use crate::session::Outcome;
use crate::sql::reader::Reader;
use crate::sql::{self, Parsed, prepare};
use crate::state::{DEFAULT_SCHEMA, State};
use async_trait::async_trait;
use pareto_catalog::{Change, EntryKey};

#[derive(Debug)]
struct RefreshSegment(String);

#[derive(Debug)]
struct DropSegment {
    name: String,
    if_exists: bool,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("REFRESH SEGMENT")?;
    own(RefreshSegment(reader.ident()?))
}

pub(super) fn parse_drop(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("DROP SEGMENT")?;
    let if_exists = reader.word("IF EXISTS");
    own(DropSegment { name: reader.ident()?, if_exists })
}

#[async_trait]
impl Own for RefreshSegment {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let segment = context.catalog.segment(&self.0)?;
        let state: State = {
            let mut state = context.state().copy();
            DEFAULT_SCHEMA.clone_into(&mut state.config_mut().options_mut().catalog.default_schema);
            state.into()
        };
        let plan = prepare::plan(
            sql::parse_query(&segment.sql)?,
            context.relations(),
            &state,
            Behalf::Caller,
        )
        .await?;
        rights::plan::check(context, &plan)?;
        super::create_segment::compute(context, &segment.name, segment.sql.clone(), plan, true)
            .await
    }
}

#[async_trait]
impl Own for DropSegment {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        match context.catalog.segment(&self.name) {
            Ok(_) => {}
            Err(_) if self.if_exists => return Ok(Outcome::Done),
            Err(error) => return Err(error.into()),
        }
        let change = context.change_dropping(|catalog| match catalog.segment(&self.name) {
            Ok(segment) => {
                let table = catalog
                    .table(&segment.table)
                    .ok()
                    .map(|table| Change::Drop(EntryKey::Table(table.name.clone())));
                Ok(table
                    .into_iter()
                    .chain([Change::Drop(EntryKey::Segment(segment.name.clone()))])
                    .collect())
            }
            Err(_) if self.if_exists => Ok(Vec::new()),
            Err(error) => Err(error),
        });
        let (_, dropped) = change.await?;
        for table in &dropped {
            super::drop_relation::remove_files(context, table).await;
        }
        Ok(Outcome::Done)
    }
}
