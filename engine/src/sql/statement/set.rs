//! `SET key = value`, `SET TIME ZONE 'zone'`, `SET schema = s`, and `RESET key | ALL`.
//!
//! Values may be words, strings, numbers or `DEFAULT`. Only the settings of `settings.rs` exist; another is refused
//! with the nearest. A setting belongs to the session and is forgotten with it.
//!
//! Example: `SET pareto.rewrite = off`.

use super::{Effect, Own, own};
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use crate::settings;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use async_trait::async_trait;
use sqlparser::tokenizer::Token;

#[derive(Debug)]
struct Set {
    key: String,
    /// `None` for the default.
    value: Option<String>,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("SET")?;
    let key = if reader.word("TIME ZONE") {
        "time_zone".to_owned()
    } else {
        let _ = reader.word("SESSION") || reader.word("LOCAL");
        let key = reader.name()?.parts().to_vec().join(".");
        if !reader.mark(&Token::Eq) && !reader.word("TO") {
            return reader.unexpected("= or TO");
        }
        key
    };
    let value = if reader.word("DEFAULT") {
        None
    } else {
        let sign = if reader.mark(&Token::Minus) { "-" } else { "" };
        let mut value = format!("{sign}{}", reader.option_word()?);
        // An interval may be written without quotes: 15 minutes.
        if !reader.at_end() {
            value = format!("{value} {}", reader.option_word()?);
        }
        Some(value)
    };
    if !is_schema(&key) {
        settings::find(&key)?;
    }
    own(Set { key, value })
}

pub(super) fn parse_reset(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("RESET")?;
    let key =
        if reader.word("ALL") { String::new() } else { reader.name()?.parts().to_vec().join(".") };
    if !key.is_empty() && !is_schema(&key) {
        settings::find(&key)?;
    }
    own(Set { key, value: None })
}

fn is_schema(key: &str) -> bool {
    key.eq_ignore_ascii_case("schema") || key.eq_ignore_ascii_case("search_path")
}

#[async_trait]
impl Own for Set {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let session = &context.session;
        match &self.value {
            Some(value) if is_schema(&self.key) => super::use_schema::enter(context, value)?,
            Some(value) => session.set(&self.key, value)?,
            None if self.key.is_empty() => session.reset(None)?,
            None => session.reset(Some(if is_schema(&self.key) { "schema" } else { &self.key }))?,
        }
        Ok(Outcome::Done)
    }
}
