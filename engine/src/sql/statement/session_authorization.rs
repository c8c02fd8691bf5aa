//! `SET SESSION AUTHORIZATION name | DEFAULT` and `RESET SESSION AUTHORIZATION`: look through somebody else's eyes.
//!
//! An administrator takes on the rights of a user or role, sees what they see and may do what they may do, and nothing
//! more, until the rights are given back. It is how to find out why somebody cannot see a table.
//!
//! Example: `SET SESSION AUTHORIZATION ada`, `SHOW TABLES`, `RESET SESSION AUTHORIZATION`.

use super::{Effect, Own, own};
use crate::context::StatementContext;
use crate::error::Result;
use crate::rights::Rights;
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use async_trait::async_trait;

#[derive(Debug)]
struct SessionAuthorization(Option<String>);

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    if reader.word("RESET SESSION AUTHORIZATION") {
        return own(SessionAuthorization(None));
    }
    reader.expect("SET SESSION AUTHORIZATION")?;
    if reader.word("DEFAULT") {
        return own(SessionAuthorization(None));
    }
    own(SessionAuthorization(Some(reader.ident()?)))
}

#[async_trait]
impl Own for SessionAuthorization {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let session = &context.session;
        let Some(user) = &self.0 else {
            session.act_as(None);
            return Ok(Outcome::Done);
        };
        // Whoever the session really belongs to must be allowed to, not whom it acts as now.
        let whole = context.engine.warehouse().catalog().await?;
        let own = Rights::of(&whole, session.identity(), None)?;
        own.require_administrator("take on the rights of others")?;
        session.act_as(Some(whole.principal(user)?.name.clone()));
        Ok(Outcome::Done)
    }
}
