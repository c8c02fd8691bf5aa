//! `COPY t [(columns)] FROM 'url' [FORMAT parquet|csv|json] [WITH (..)]` and
//! `COPY t | (query) TO 'url' [FORMAT ..] [WITH (..)]`.
//!
//! Here the words only; `copy.rs` moves the rows. DataFusion's `STORED AS` and `OPTIONS` are understood as well. A load
//! is one commit: all rows or none.
//!
//! Example: `COPY sales FROM 's3://bucket/2024/*.csv' FORMAT csv WITH (delimiter = ';')`.

use super::{Effect, Own, own};
use crate::context::StatementContext;
use crate::copy::{self, CopyFrom, CopyTo};
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::{Tree, Written};
use async_trait::async_trait;
use pareto_catalog::FileFormat;
use sqlparser::tokenizer::Token;
use std::collections::BTreeMap;

#[derive(Debug)]
struct CopyTable {
    what: What,
    into: bool,
    url: String,
    format: Option<FileFormat>,
    options: BTreeMap<String, String>,
}

#[derive(Debug)]
enum What {
    Table(Written, Vec<String>),
    Query(Tree),
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("COPY")?;
    let what = if reader.mark(&Token::LParen) {
        let query = reader.query()?;
        if !reader.mark(&Token::RParen) {
            return reader.unexpected(")");
        }
        What::Query(query)
    } else {
        reader.word("INTO");
        let table = reader.name()?;
        let columns =
            if reader.peek_mark(&Token::LParen) { reader.list(Reader::ident)? } else { Vec::new() };
        What::Table(table, columns)
    };
    let into = reader.word("FROM");
    if !into {
        reader.expect("TO")?;
    }
    if let (What::Query(_), true) = (&what, into) {
        return Err(EngineError::invalid("COPY .. FROM loads into a table, not into a query"));
    }
    let url = reader.string()?;
    let (mut format, mut options) = (None, BTreeMap::new());
    while !reader.at_end() {
        if reader.word("FORMAT") || reader.word("STORED AS") {
            format = Some(file_format(reader)?);
        } else if reader.word("WITH") || reader.word("OPTIONS") {
            options.extend(reader.options()?);
        } else {
            return reader.unexpected("FORMAT, WITH or the end of the statement");
        }
    }
    own(CopyTable { what, into, url, format, options })
}

/// `PARQUET`, `CSV` or `JSON`.
pub(super) fn file_format(reader: &mut Reader<'_>) -> Result<FileFormat> {
    let here = reader.place();
    let word = reader.option_word()?;
    match word.to_ascii_uppercase().as_str() {
        "PARQUET" => Ok(FileFormat::Parquet),
        "CSV" => Ok(FileFormat::Csv),
        "JSON" | "NDJSON" => Ok(FileFormat::Json),
        _ => Err(EngineError::invalid(format!("\"{word}\" is not a file format"))
            .with_nearest(&word, ["PARQUET", "CSV", "JSON"])
            .at(here.0, here.1)),
    }
}

#[async_trait]
impl Own for CopyTable {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let (url, format, options) = (self.url.clone(), self.format, self.options.clone());
        let rows = match &self.what {
            What::Table(name, columns) if self.into => {
                let table = context.table(name)?.name.clone();
                copy::from(
                    context,
                    CopyFrom { table, columns: columns.clone(), url, format, options },
                )
                .await?
            }
            What::Table(name, columns) => {
                let list = if columns.is_empty() { "*".to_owned() } else { quoted(columns) };
                let name: Vec<String> =
                    name.parts().iter().map(|part| crate::context::quote(part)).collect();
                let input =
                    context.plan_query(&format!("SELECT {list} FROM {}", name.join("."))).await?;
                copy::to(context, CopyTo { input, url, format, options }).await?
            }
            What::Query(query) => {
                let input = context.plan(query.share()).await?;
                copy::to(context, CopyTo { input, url, format, options }).await?
            }
        };
        Ok(Outcome::Affected(rows))
    }
}

fn quoted(columns: &[String]) -> String {
    columns.iter().map(|column| crate::context::quote(column)).collect::<Vec<_>>().join(", ")
}
