//! `DESCRIBE t` (also `DESC t`, `SHOW COLUMNS FROM t`): the columns of a table or view, with types, defaults and keys.
//!
//! `DESCRIBE SELECT ..` gives the columns of a query; that one is DataFusion's.
//!
//! Example: `DESCRIBE sales` has a row `customer_id | Int64 | NO | NULL | FK customer`.

use super::{Effect, Own, own};
use crate::answer::{Answer, Cell, Kind, Shape, schema_of, text, yes_no};
use crate::context::StatementContext;
use crate::error::Result;
use crate::session::Outcome;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use crate::sql::{Parsed, sql_type};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::common::TableReference;
use pareto_catalog::{Column, ConstraintKind, Table};

/// The statement.
#[derive(Debug)]
pub(super) struct Describe(Written);

impl Describe {
    pub(super) fn new(name: Written) -> Self {
        Self(name)
    }
}

const SHAPE: Shape = &[
    ("column_name", Kind::Text),
    ("data_type", Kind::Text),
    ("is_nullable", Kind::Text),
    ("column_default", Kind::Text),
    ("key", Kind::Text),
    ("comment", Kind::Text),
];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    if !reader.word("DESCRIBE") {
        reader.expect("DESC")?;
    }
    for query in ["SELECT", "WITH", "VALUES"] {
        if reader.peek(query) {
            let sql = format!("DESCRIBE {}", reader.rest());
            let parsed = super::super::sql_text(&sql)?;
            while !reader.at_end() {
                reader.parser().advance_token();
            }
            return Ok(Parsed::Sql(parsed));
        }
    }
    reader.word("TABLE");
    own(Describe(reader.name()?))
}

#[async_trait]
impl Own for Describe {
    fn effect(&self) -> Effect {
        Effect::Joins
    }

    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let name = context.name(&self.0)?;
        let mut answer = Answer::new(SHAPE);
        if let Ok(table) = context.catalog.table(&name) {
            for column in &table.columns {
                push(&mut answer, column, keys(table, &column.name));
            }
        } else if let Ok(view) = context.catalog.view(&name) {
            for column in &view.columns {
                push(&mut answer, column, Cell::Null);
            }
        } else {
            let reference = TableReference::partial(name.schema.as_str(), name.name.as_str());
            let table = context.state().schema_for_ref(reference)?.table(&name.name).await?;
            for field in table
                .iter()
                .flat_map(|table| table.schema().fields().iter().cloned().collect::<Vec<_>>())
            {
                let column = Column {
                    nullable: field.is_nullable(),
                    ..Column::new(field.name().clone(), field.data_type().clone())
                };
                push(&mut answer, &column, Cell::Null);
            }
        }
        answer.outcome()
    }
}

fn push(answer: &mut Answer, column: &Column, key: Cell) {
    answer.push([
        text(column.name.clone()),
        text(sql_type(&column.data_type)),
        yes_no(column.nullable),
        column.default.clone().into(),
        key,
        column.comment.clone().into(),
    ]);
}

/// `PK`, `UNIQUE`, `FK customer`, as far as the column is part of one.
fn keys(table: &Table, column: &str) -> Cell {
    let of: Vec<String> = table
        .constraints
        .iter()
        .filter(|constraint| constraint.columns.iter().any(|name| name == column))
        .map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey => "PK".to_owned(),
            ConstraintKind::Unique => "UNIQUE".to_owned(),
            ConstraintKind::ForeignKey { table, .. } => format!("FK {}", table.name),
        })
        .collect();
    if of.is_empty() { Cell::Null } else { text(of.join(", ")) }
}
