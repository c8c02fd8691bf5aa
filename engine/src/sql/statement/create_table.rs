//! `CREATE [OR REPLACE] [TEMPORARY] TABLE [IF NOT EXISTS] t (columns and keys) [PARTITIONED BY (..)] [ORDER BY (..)] [WITH (..)]
//! [COMMENT 'text'] [AS query]`.
//!
//! The Delta table is written first and the catalog names it second; when the second step fails the directory is
//! removed, so that nobody sees half a table. Keys are declared and not enforced. What Delta cannot hold is refused by
//! name before anything is written.
//!
//! Example: `CREATE TABLE sales (sale_id BIGINT PRIMARY KEY, sold_on DATE NOT NULL, amount DECIMAL(10, 2))
//! PARTITIONED BY (date_trunc('month', sold_on)) ORDER BY (sold_on)`.

mod columns;
mod keys;
mod layout;
mod options;

pub(super) use columns::{ColumnText, column};
pub(super) use keys::{KeyText, key};
pub(super) use options::{TARGET_FILE_SIZE, bytes};

use super::{Own, own};
use crate::context::StatementContext;
use crate::dml;
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::{Tree, Written};
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{CreateMemoryTable, Expr, LogicalPlan, LogicalPlanBuilder, cast};
use futures::future::BoxFuture;
use layout::{Partition, Sort};
use pareto_catalog::{
    Catalog, CatalogError, CatalogErrorKind, Change, Column, Entry, EntryKey, Name, Storage, Table,
};
use sqlparser::tokenizer::Token;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug)]
struct CreateTable {
    name: Written,
    replace: bool,
    temporary: bool,
    if_not_exists: bool,
    columns: Vec<ColumnText>,
    keys: Vec<KeyText>,
    partitions: Vec<Partition>,
    order: Vec<Sort>,
    options: BTreeMap<String, String>,
    comment: Option<String>,
    query: Option<Tree>,
}

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("CREATE")?;
    let replace = reader.word("OR REPLACE");
    let temporary = reader.word("TEMPORARY") || reader.word("TEMP");
    reader.expect("TABLE")?;
    let if_not_exists = reader.word("IF NOT EXISTS");
    if replace && if_not_exists {
        return Err(EngineError::invalid("OR REPLACE and IF NOT EXISTS contradict each other"));
    }
    let mut create = CreateTable::new(reader.name()?, replace, if_not_exists);
    create.temporary = temporary;
    if reader.peek_mark(&Token::LParen) {
        reader.list(|reader| {
            match key(reader)? {
                Some(key) => create.keys.push(key),
                None => create.columns.push(column(reader, &mut create.keys)?),
            }
            Ok(())
        })?;
    }
    while !reader.at_end() {
        if reader.word("PARTITIONED BY") {
            create.partitions = reader.list(layout::partition)?;
        } else if reader.word("ORDER BY") || reader.word("WITH ORDER") {
            create.order = reader.list(layout::sort)?;
        } else if reader.word("WITH") || reader.word("OPTIONS") {
            create.options.extend(reader.options()?);
        } else if reader.word("COMMENT") {
            create.comment = Some(reader.string()?);
        } else if reader.word("AS") {
            create.query = Some(reader.query()?);
        } else {
            return reader.unexpected(
                "PARTITIONED BY, ORDER BY, WITH, COMMENT, AS or the end of the statement",
            );
        }
    }
    options::check(&create.options)?;
    if create.columns.is_empty() && create.query.is_none() {
        return Err(EngineError::invalid("CREATE TABLE needs columns or AS with a query"));
    }
    own(create)
}

#[async_trait]
impl Own for CreateTable {
    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let Some(name) = self.vacant(context)? else { return Ok(Outcome::Done) };
        match &self.query {
            Some(query) => self.fill(context, name, self.input(context, query).await?).await,
            None => {
                let table = self.table(context, name, None)?;
                if self.temporary {
                    dml::create_temporary(context, table, None).await?;
                    return Ok(Outcome::Done);
                }
                add(context, table, self.replace, self.if_not_exists).await?;
                Ok(Outcome::Done)
            }
        }
    }
}

/// Makes a table of the rows of a plan: what `SELECT .. INTO` and a Substrait plan ask for.
pub(crate) fn create_table_from_plan<'a>(
    context: &'a StatementContext,
    plan: &'a CreateMemoryTable,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        let name = Written::from(&plan.name);
        let create = CreateTable::new(name, plan.or_replace, plan.if_not_exists);
        match create.vacant(context)? {
            Some(name) => create.fill(context, name, plan.input.as_ref().clone()).await,
            None => Ok(Outcome::Done),
        }
    })
}

impl CreateTable {
    fn new(name: Written, replace: bool, if_not_exists: bool) -> Self {
        Self {
            name,
            replace,
            temporary: false,
            if_not_exists,
            columns: Vec::new(),
            keys: Vec::new(),
            partitions: Vec::new(),
            order: Vec::new(),
            options: BTreeMap::new(),
            comment: None,
            query: None,
        }
    }

    /// The full name; nothing when it is taken and is to be left alone.
    fn vacant(&self, context: &StatementContext) -> Result<Option<Name>> {
        let written = context.name(&self.name)?;
        let name = Name::new(context.catalog.schema(&written.schema)?.name.clone(), written.name);
        if self.temporary && !context.session.is_temporary(&name) {
            return Ok(Some(name));
        }
        let vacant = vacancy(&context.catalog, &name, self.replace, self.if_not_exists)?;
        if !self.temporary && vacant.is_some() {
            context.session.refuse_temporary([&name], "CREATE TABLE cannot replace")?;
        }
        Ok(vacant.map(|_| name))
    }

    /// Makes the table of the rows of `input`.
    fn fill<'a>(
        &'a self,
        context: &'a StatementContext,
        name: Name,
        input: LogicalPlan,
    ) -> BoxFuture<'a, Result<Outcome>> {
        let table = match self.table(context, name, Some(&input)) {
            Ok(table) => table,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let input = match numbered(&table, input) {
            Ok(input) => input,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        if self.temporary {
            let rows = dml::create_temporary(context, table, Some(input));
            return Box::pin(async move { rows.await.map(Outcome::Affected) });
        }
        let rows = dml::create_table_as(context, table, input, self.replace, self.if_not_exists);
        Box::pin(async move { rows.await.map(Outcome::Affected) })
    }

    /// The query of `AS`, with the declared columns' names and types when there are any.
    async fn input(&self, context: &StatementContext, query: &Tree) -> Result<LogicalPlan> {
        let plan = context.plan(query.share()).await?;
        if self.columns.is_empty() {
            return Ok(plan);
        }
        let have = plan.schema().columns();
        if have.len() != self.columns.len() {
            return Err(EngineError::invalid(format!(
                "the query gives {} columns, but {} are declared",
                have.len(),
                self.columns.len()
            )));
        }
        let mut projected = Vec::with_capacity(have.len());
        for (column, declared) in have.into_iter().zip(&self.columns) {
            projected.push(
                cast(Expr::Column(column), declared.data_type(context)?)
                    .alias(declared.name.clone()),
            );
        }
        Ok(LogicalPlanBuilder::from(plan).project(projected)?.build()?)
    }

    fn table(
        &self,
        context: &StatementContext,
        name: Name,
        input: Option<&LogicalPlan>,
    ) -> Result<Table> {
        let mut columns = match input {
            Some(input) if self.columns.is_empty() => columns::of_plan(input)?,
            _ => self
                .columns
                .iter()
                .map(|column| column.resolve(context))
                .collect::<Result<Vec<Column>>>()?,
        };
        columns::refuse_twins(&columns)?;
        let mut options = self.options.clone();
        options::surrogate_key(&mut columns, &mut options)?;
        let mut table = Table {
            id: Uuid::nil(),
            name,
            columns,
            storage: Storage::Delta { location: String::new(), managed: true },
            partitioning: Vec::new(),
            order: Vec::new(),
            constraints: Vec::new(),
            options,
            comment: self.comment.clone(),
            created_at_ms: 0,
        };
        table.partitioning =
            self.partitions.iter().map(|term| term.resolve(&table)).collect::<Result<_>>()?;
        table.order = self.order.iter().map(|term| term.resolve(&table)).collect::<Result<_>>()?;
        for key in &self.keys {
            let constraint = key.resolve(context, &table)?;
            keys::not_null(&mut table, &constraint);
            table.constraints.push(constraint);
        }
        Ok(table)
    }
}

/// The rows with room for the surrogate key, where they come without.
fn numbered(table: &Table, input: LogicalPlan) -> Result<LogicalPlan> {
    let have = input.schema().columns();
    if have.len() == table.columns.len() {
        return Ok(input);
    }
    let key =
        table.surrogate_key().map(|key| Expr::Literal(ScalarValue::Int64(None), None).alias(key));
    let all = key.into_iter().chain(have.into_iter().map(Expr::Column));
    Ok(LogicalPlanBuilder::from(input).project(all.collect::<Vec<_>>())?.build()?)
}

/// Whether the name may be taken: `None` when it is taken and should be left alone, otherwise what stands there now.
pub(super) fn vacancy(
    catalog: &Catalog,
    name: &Name,
    replace: bool,
    if_not_exists: bool,
) -> Result<Option<Option<Table>>, CatalogError> {
    if let Ok(view) = catalog.view(name) {
        return Err(CatalogError::new(
            CatalogErrorKind::AlreadyExists,
            format!("\"{}\" already exists as a view", view.name),
        )
        .with_hint("DROP VIEW removes it"));
    }
    match catalog.table(name) {
        Err(_) => Ok(Some(None)),
        Ok(_) if if_not_exists => Ok(None),
        Ok(table) if replace => Ok(Some(Some(table.clone()))),
        Ok(table) => Err(CatalogError::new(
            CatalogErrorKind::AlreadyExists,
            format!("table \"{}\" already exists", table.name),
        )
        .with_hint(
            "CREATE TABLE IF NOT EXISTS leaves it as it is, CREATE OR REPLACE TABLE replaces it",
        )),
    }
}

/// Makes an empty table and tells the catalog.
async fn add(
    context: &StatementContext,
    table: Table,
    replace: bool,
    if_not_exists: bool,
) -> Result<()> {
    context.require_make(&table.name)?;
    let warehouse = context.engine.warehouse();
    let table = warehouse.place_table(table);
    warehouse.create_table(&table, None).await?;
    let changed = enter(context, &table, replace, if_not_exists).await;
    if matches!(&changed, Ok(false)) {
        super::remove_files(context, &table).await;
    }
    super::remove_unnamed(context, &table, &changed).await;
    changed.map(|_| ())
}

/// Puts a table into the catalog, in place of another when that is asked. False when it was left as it is. Foreign keys
/// that point to the other go with it: nobody vouched for the rows of this one.
pub(super) async fn enter(
    context: &StatementContext,
    table: &Table,
    replace: bool,
    if_not_exists: bool,
) -> Result<bool> {
    let (catalog, dropped) = context
        .change_dropping(|catalog| {
            catalog.schema(&table.name.schema)?;
            Ok(match vacancy(catalog, &table.name, replace, if_not_exists)? {
                None => Vec::new(),
                Some(None) => vec![Change::Put(Entry::Table(table.clone()))],
                Some(Some(old)) => {
                    let mut changes = super::without_keys(catalog, std::slice::from_ref(&old.name));
                    changes.push(Change::Drop(EntryKey::Table(old.name)));
                    changes.push(Change::Put(Entry::Table(table.clone())));
                    changes
                }
            })
        })
        .await?;
    let entered = catalog.table(&table.name).is_ok_and(|known| known.id == table.id);
    for old in &dropped {
        super::drop_relation::remove_files(context, old).await;
    }
    Ok(entered)
}
