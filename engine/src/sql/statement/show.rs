//! `SHOW TABLES | VIEWS | SCHEMAS | COLUMNS FROM t | FUNCTIONS | JOBS | SEGMENTS | USERS | ROLES | GRANTS [FOR name] |
//! ALL | CREATE TABLE t | key`. `SHOW SETTINGS` is `SHOW ALL`.
//!
//! Each is a query over `information_schema` or `system` under another name, so that its result can be had by `SELECT`
//! as well. `[FROM | IN s]` and `[LIKE 'pattern']` narrow the lists.
//!
//! Example: `SHOW TABLES FROM retail LIKE 's%'`.

use super::{Effect, Own, own, rewritten};
use crate::answer::{Answer, Kind, Shape, schema_of, text};
use crate::context::{StatementContext, literal, quote, short};
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::settings;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use pareto_catalog::{ConstraintKind, Right, Storage, Table};
use std::fmt::Write;

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("SHOW")?;
    reader.word("EXTENDED");
    reader.word("FULL");
    if reader.word("TABLES") {
        return rewritten(&relations(reader, "")?);
    }
    if reader.word("VIEWS") {
        return rewritten(&relations(reader, " AND table_type = 'VIEW'")?);
    }
    if reader.word("SCHEMAS") || reader.word("DATABASES") {
        let like = like(reader, "schema_name")?;
        return rewritten(&format!(
            "SELECT schema_name FROM information_schema.schemata WHERE true{like} ORDER BY schema_name"
        ));
    }
    if reader.word("COLUMNS") || reader.word("FIELDS") {
        return columns(reader);
    }
    if reader.word("FUNCTIONS") {
        let like = like(reader, "routine_name")?;
        return rewritten(&format!(
            "SELECT routine_name AS name, lower(function_type) AS kind, max(syntax_example) AS syntax, max(description) AS description \
             FROM information_schema.routines WHERE true{like} GROUP BY routine_name, function_type ORDER BY routine_name, function_type"
        ));
    }
    if reader.word("JOBS") {
        return rewritten("SELECT * FROM system.jobs ORDER BY started_at");
    }
    if reader.word("SEGMENTS") {
        return rewritten(
            "SELECT segment_name, members, refreshed_at FROM system.segments ORDER BY segment_name",
        );
    }
    if reader.word("USERS") {
        return rewritten(&principals("user"));
    }
    if reader.word("ROLES") {
        return rewritten(&principals("role"));
    }
    if reader.word("GRANTS") {
        return rewritten(&grants(reader)?);
    }
    if reader.word("CREATE TABLE") || reader.word("CREATE VIEW") {
        return own(ShowCreate(reader.name()?));
    }
    if reader.word("ALL") || reader.word("SETTINGS") {
        return rewritten("SELECT name, value, description FROM system.settings ORDER BY name");
    }
    let key = if reader.word("TIME ZONE") {
        "time_zone".to_owned()
    } else {
        reader.name()?.parts().to_vec().join(".")
    };
    let key = match key.as_str() {
        "schema" | "search_path" => "schema",
        _ => match settings::find(&key) {
            Ok(setting) => setting.key,
            Err(error) => return Err(what(&key).unwrap_or(error)),
        },
    };
    rewritten(&format!("SELECT name, value FROM system.settings WHERE name = {}", literal(key)))
}

/// A misspelt list is more likely than a setting without a dot.
fn what(key: &str) -> Option<EngineError> {
    if key.contains('.') {
        return None;
    }
    let known = [
        "tables",
        "views",
        "schemas",
        "columns",
        "functions",
        "jobs",
        "segments",
        "users",
        "roles",
        "grants",
        "settings",
        "all",
    ];
    let error = EngineError::invalid(format!("SHOW knows no \"{key}\""));
    let near = error.with_nearest(key, known);
    near.hint.is_some().then_some(near)
}

/// Users or roles, one row each, with the roles they have.
fn principals(kind: &str) -> String {
    format!(
        "SELECT principal_name AS name, has_password, string_agg(granted, ', ' ORDER BY granted) AS roles \
         FROM system.principals WHERE kind = {} GROUP BY principal_name, has_password ORDER BY 1",
        literal(kind)
    )
}

/// What was granted, one row each: a role, or a right on something.
fn grants(reader: &mut Reader<'_>) -> Result<String> {
    let name = if reader.word("FOR") || reader.word("TO") {
        format!(" AND principal_name = {}", literal(&reader.ident()?))
    } else {
        String::new()
    };
    Ok(format!(
        "SELECT principal_name AS name, kind, granted AS role, privilege, on_kind, on_name FROM system.principals \
         WHERE (granted IS NOT NULL OR privilege IS NOT NULL){name} ORDER BY 1, 3, 5, 6, 4"
    ))
}

fn relations(reader: &mut Reader<'_>, condition: &str) -> Result<String> {
    let schema = match reader.word("FROM") || reader.word("IN") {
        true => {
            format!(
                "table_schema = {}",
                literal(&reader.name()?.parts().to_vec().pop().unwrap_or_default())
            )
        }
        false => "table_schema NOT IN ('information_schema', 'system')".to_owned(),
    };
    let like = like(reader, "table_name")?;
    Ok(format!(
        "SELECT table_schema, table_name, table_type FROM information_schema.tables \
         WHERE {schema}{condition}{like} ORDER BY table_schema, table_name"
    ))
}

fn like(reader: &mut Reader<'_>, column: &str) -> Result<String> {
    let operator = if reader.word("ILIKE") {
        "ILIKE"
    } else if reader.word("LIKE") {
        "LIKE"
    } else {
        return Ok(String::new());
    };
    Ok(format!(" AND {column} {operator} {}", literal(&reader.string()?)))
}

fn columns(reader: &mut Reader<'_>) -> Result<Parsed> {
    if !reader.word("FROM") && !reader.word("IN") {
        return reader.unexpected("FROM");
    }
    let table = reader.name()?;
    own(super::describe::Describe::new(table))
}

/// `SHOW CREATE TABLE t`: a statement that makes the same table.
#[derive(Debug)]
struct ShowCreate(Written);

const SHAPE: Shape = &[("name", Kind::Text), ("statement", Kind::Text)];

#[async_trait]
impl Own for ShowCreate {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let name = context.name(&self.0)?;
        let statement = match context.catalog.view(&name) {
            Ok(view) => {
                context.rights().require(Right::Create, &view.name)?;
                format!("CREATE VIEW {} AS {}", short(&view.name), view.sql)
            }
            Err(_) => create(context.table(&self.0)?),
        };
        let mut answer = Answer::new(SHAPE);
        answer.push([text(short(&name)), text(statement)]);
        answer.outcome()
    }
}

fn create(table: &Table) -> String {
    let list = |columns: &[String]| {
        columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ")
    };
    let mut lines: Vec<String> = Vec::new();
    for column in &table.columns {
        let mut line =
            format!("{} {}", quote(&column.name), crate::sql::sql_type(&column.data_type));
        if !column.nullable {
            line.push_str(" NOT NULL");
        }
        if let Some(default) = &column.default {
            let _ = write!(line, " DEFAULT {default}");
        }
        lines.push(line);
    }
    for constraint in &table.constraints {
        let kind = match &constraint.kind {
            ConstraintKind::PrimaryKey => format!("PRIMARY KEY ({})", list(&constraint.columns)),
            ConstraintKind::Unique => format!("UNIQUE ({})", list(&constraint.columns)),
            ConstraintKind::ForeignKey { table, columns } => {
                format!(
                    "FOREIGN KEY ({}) REFERENCES {} ({})",
                    list(&constraint.columns),
                    short(table),
                    list(columns)
                )
            }
        };
        lines.push(format!(
            "CONSTRAINT {} {kind} NOT ENFORCED{}",
            quote(&constraint.name),
            if constraint.rely { " RELY" } else { "" }
        ));
    }
    let mut sql = match &table.storage {
        Storage::Delta { .. } => {
            format!("CREATE TABLE {} (\n  {}\n)", short(&table.name), lines.join(",\n  "))
        }
        Storage::Files { format, url, .. } => format!(
            "CREATE EXTERNAL TABLE {} (\n  {}\n) STORED AS {} LOCATION {}",
            short(&table.name),
            lines.join(",\n  "),
            crate::relations::files::name(*format),
            literal(url)
        ),
    };
    if !table.partitioning.is_empty() {
        let terms: Vec<String> = table.partitioning.iter().map(ToString::to_string).collect();
        let _ = write!(sql, " PARTITIONED BY ({})", terms.join(", "));
    }
    if !table.order.is_empty() {
        let terms: Vec<String> = table
            .order
            .iter()
            .map(|term| {
                format!("{}{}", quote(&term.column), if term.descending { " DESC" } else { "" })
            })
            .collect();
        let _ = write!(sql, " ORDER BY ({})", terms.join(", "));
    }
    if !table.options.is_empty() {
        let options: Vec<String> = table
            .options
            .iter()
            .map(|(key, value)| format!("{key} = {}", literal(value)))
            .collect();
        let _ = write!(sql, " WITH ({})", options.join(", "));
    }
    sql
}
