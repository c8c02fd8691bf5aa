//! `CREATE [OR REPLACE] SEGMENT s AS query`: a named set of customers, computed now and kept until refreshed.
//!
//! The query's first column is the member id; NULLs and repeats do not count. Members are the rows of a Delta table in a
//! schema that is not listed; `in_segment(customer_id, 's')` is a semi join with it.
//!
//! Example: `CREATE SEGMENT champions AS SELECT customer_id FROM scores WHERE segment = 'Champions'`.

use super::{Own, own};
use crate::context::StatementContext;
use crate::dml;
use crate::error::{EngineError, Result};
use crate::relations::HIDDEN_SCHEMA;
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Tree;
use crate::state::DEFAULT_SCHEMA;
use async_trait::async_trait;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use pareto_catalog::{
    CatalogError, CatalogErrorKind, Change, Column, Entry, Name, Schema, Segment, Storage, Table,
    types,
};
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug)]
struct CreateSegment {
    name: String,
    replace: bool,
    query: Tree,
    text: String,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("CREATE")?;
    let replace = reader.word("OR REPLACE");
    reader.expect("SEGMENT")?;
    let name = reader.ident()?;
    reader.expect("AS")?;
    let start = reader.here();
    let query = reader.query()?;
    let text = reader.since(start).to_owned();
    own(CreateSegment { name, replace, query, text })
}

#[async_trait]
impl Own for CreateSegment {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        if let (false, Ok(known)) = (self.replace, context.catalog.segment(&self.name)) {
            let what = format!("segment \"{}\" already exists", known.name);
            return Err(EngineError::new(crate::ErrorKind::AlreadyExists, what).with_hint(
                "REFRESH SEGMENT computes it again, CREATE OR REPLACE SEGMENT redefines it",
            ));
        }
        let plan = context.plan(self.query.share()).await?;
        let read = context.relations().read();
        context.session.refuse_temporary(&read, "a segment cannot stand on")?;
        let sql =
            super::create_view::kept(context, self.query.query()?, &self.text, DEFAULT_SCHEMA);
        compute(context, &self.name, sql, plan, self.replace).await
    }
}

/// Computes the members and tells the catalog.
pub(super) async fn compute(
    context: &StatementContext,
    name: &str,
    sql: String,
    plan: LogicalPlan,
    replace: bool,
) -> Result<Outcome> {
    let (column, member) = match plan.schema().columns().into_iter().next() {
        Some(column) => (column.name.clone(), Expr::Column(column)),
        None => return Err(EngineError::invalid("a segment needs a query with a column")),
    };
    let data_type = types::storable(&column, plan.schema().field(0).data_type())?;
    let members = LogicalPlanBuilder::from(plan)
        .filter(member.clone().is_not_null())?
        .project([member.alias(column.clone())])?
        .distinct()?
        .build()?;
    let name_of_table = Name::new(HIDDEN_SCHEMA, name);
    context.require_make(&name_of_table)?;
    context
        .change(|catalog| {
            let schema = Schema {
                name: HIDDEN_SCHEMA.to_owned(),
                comment: Some("members of segments".to_owned()),
            };
            Ok(if catalog.schema(HIDDEN_SCHEMA).is_ok() {
                Vec::new()
            } else {
                vec![Change::Put(Entry::Schema(schema))]
            })
        })
        .await?;
    let table = Table {
        id: Uuid::nil(),
        name: name_of_table.clone(),
        columns: vec![Column { nullable: false, ..Column::new(column, data_type) }],
        storage: Storage::Delta { location: String::new(), managed: true },
        partitioning: Vec::new(),
        order: Vec::new(),
        constraints: Vec::new(),
        options: BTreeMap::new(),
        comment: None,
        created_at_ms: 0,
    };
    let count = dml::create_table_as(context, table, members, true, false).await?;
    let refreshed_at_ms = chrono::Utc::now().timestamp_millis();
    let segment = Segment {
        name: name.to_owned(),
        sql,
        table: name_of_table,
        refreshed_at_ms,
        members: count,
    };
    context
        .change(|catalog| match catalog.segment(name) {
            Ok(_) if !replace => Err(CatalogError::new(
                CatalogErrorKind::AlreadyExists,
                format!("segment \"{name}\" already exists"),
            )),
            _ => Ok(vec![Change::Put(Entry::Segment(segment.clone()))]),
        })
        .await?;
    Ok(Outcome::Affected(count))
}
