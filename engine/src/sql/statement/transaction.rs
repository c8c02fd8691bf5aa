//! `BEGIN`, `COMMIT`, `ROLLBACK`, `SAVEPOINT s`, `ROLLBACK TO s`, `RELEASE s`: several statements as one change.
//!
//! `START TRANSACTION` is `BEGIN` and `END` is `COMMIT`; `WORK` and `TRANSACTION` may follow. What a transaction can do
//! and what it cannot stands in [`crate::transaction`]. Outside of one every statement is a transaction of its own, so
//! `COMMIT` and `ROLLBACK` have nothing to do there and say so. In a transaction that a client's driver has begun they commit
//! and undo what is pending, and the driver's transaction goes on.
//!
//! Example: `BEGIN; DELETE FROM sales WHERE day = DATE '2026-01-05'; INSERT INTO sales SELECT ..; COMMIT`.

use super::{Effect, Own, own};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::transaction::Transaction;
use async_trait::async_trait;
use std::sync::Arc;

#[derive(Debug)]
enum Step {
    Begin,
    Commit,
    Rollback,
    Savepoint(String),
    RollbackTo(String),
    Release(String),
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    let step = if reader.word("BEGIN") {
        noise(reader);
        Step::Begin
    } else if reader.word("START") {
        reader.expect("TRANSACTION")?;
        Step::Begin
    } else if reader.word("COMMIT") || reader.word("END") {
        noise(reader);
        Step::Commit
    } else if reader.word("SAVEPOINT") {
        Step::Savepoint(name(reader)?)
    } else if reader.word("RELEASE") {
        reader.word("SAVEPOINT");
        Step::Release(name(reader)?)
    } else {
        reader.expect("ROLLBACK")?;
        noise(reader);
        if reader.word("TO") {
            reader.word("SAVEPOINT");
            Step::RollbackTo(name(reader)?)
        } else {
            Step::Rollback
        }
    };
    own(step)
}

fn noise(reader: &mut Reader<'_>) {
    let _either = reader.word("TRANSACTION") || reader.word("WORK");
}

fn name(reader: &mut Reader<'_>) -> Result<String> {
    Ok(reader.name()?.parts().join("."))
}

#[async_trait]
impl Own for Step {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let session = &context.session;
        match self {
            Self::Begin => session.open_transaction()?,
            Self::Commit => match session.held_transaction() {
                Some(held) => held.commit_pending().await?,
                None => session.close_transaction()?.commit().await?,
            },
            Self::Rollback => match session.held_transaction() {
                Some(held) => held.rollback_pending().await?,
                None => session.close_transaction()?.rollback().await?,
            },
            Self::Savepoint(name) => {
                current(context)?.savepoint(name)?;
            }
            Self::RollbackTo(name) => {
                let transaction = current(context)?;
                transaction.rollback_to(transaction.find_savepoint(name)?).await?;
            }
            Self::Release(name) => {
                let transaction = current(context)?;
                transaction.release(transaction.find_savepoint(name)?)?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn current(context: &StatementContext) -> Result<&Arc<Transaction>> {
    context.transaction.as_ref().ok_or_else(none_open)
}

/// How a step is refused that needs an open transaction.
pub(crate) fn none_open() -> EngineError {
    EngineError::invalid("no transaction is open: every statement is committed by itself")
        .with_hint("BEGIN opens one")
}
