//! Relations: each kind of Substrait's to operators of DataFusion.
//!
//! | Message | Here |
//! |---|---|
//! | `ReadRel` | a scan of a table or view; VALUES |
//! | `FilterRel`, `SortRel`, `FetchRel` | the same |
//! | `ProjectRel`, `ConsistentPartitionWindowRel` | a projection, over window operators where there are any |
//! | `AggregateRel` | an aggregate, with grouping sets |
//! | `JoinRel`, `CrossRel`, `HashJoinRel`, `MergeJoinRel`, `NestedLoopJoinRel` | a join; which kind is decided here |
//! | `SetRel` | UNION, INTERSECT, EXCEPT |
//! | `ExchangeRel` | its input: where rows are computed is decided here |
//! | `ReferenceRel` | the relation of the plan that it names, read once more |
//!
//! Every other message is refused by its name.

mod aggregate;
mod join;
mod project;
mod read;
mod set;

pub(super) use read::column_place;

use super::messages::RelBytes;
use super::messages::plan::PlanRelKind;
use super::messages::relations::{Common, Count, Fetch, Filter, Kind, Rel, Skip, Sort};
use super::reader::{Reader, Relation, decode, incomplete, unsupported};
use super::{messages, types};
use crate::error::{EngineError, Result};
use datafusion::common::{Column, ExprSchema, TableReference};
use datafusion::logical_expr::{self as plans, Expr, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::HashMap;
use std::sync::Arc;

/// The relations that are supported, for hints.
const SUPPORTED: &str = "read, filter, project, aggregate, sort, fetch, join, cross, set, window, exchange, reference, write and update are";

impl Reader<'_> {
    /// Reads a relation.
    pub(super) fn relation(&mut self, bytes: &RelBytes) -> Result<Relation> {
        self.count_relation()?;
        self.deeper(|reader| {
            let relation: Rel = decode(bytes, "Rel")?;
            let kind = match relation.kind {
                Some(kind) => kind,
                None if bytes.is_empty() => return Err(incomplete("relation", "an input")),
                None => return Err(unsupported("a relation of a newer kind", SUPPORTED)),
            };
            reader.relation_kind(&kind)
        })
    }

    fn relation_kind(&mut self, kind: &Kind) -> Result<Relation> {
        match kind {
            Kind::Read(read) => self.read(read),
            Kind::Filter(filter) => self.filter(filter),
            Kind::Fetch(fetch) => self.fetch(fetch),
            Kind::Aggregate(aggregate) => self.aggregate_relation(aggregate),
            Kind::Sort(sort) => self.sort(sort),
            Kind::Join(join) => self.join(join),
            Kind::Project(project) => self.project(project),
            Kind::Set(set) => self.set(set),
            Kind::Cross(cross) => self.cross(cross),
            Kind::HashJoin(join) | Kind::MergeJoin(join) => self.key_join(join),
            Kind::NestedLoopJoin(join) => self.loop_join(join),
            Kind::Window(window) => self.window_relation(window),
            Kind::Exchange(exchange) => {
                let input = self.relation(&exchange.input)?;
                emit(input, exchange.common.as_ref())
            }
            Kind::Reference(reference) => self.referenced(reference.place),
            Kind::Write(_) | Kind::Update(_) => {
                Err(EngineError::invalid("a relation that writes stands inside of another")
                    .with_hint("a write is the root of its plan"))
            }
            Kind::Ddl(_) => Err(unsupported("DdlRel", "send CREATE and DROP as SQL")),
            Kind::Expand(_) => Err(unsupported("ExpandRel", SUPPORTED)),
            Kind::ExtensionSingle(_) => Err(unsupported("ExtensionSingleRel", SUPPORTED)),
            Kind::ExtensionMulti(_) => Err(unsupported("ExtensionMultiRel", SUPPORTED)),
            Kind::ExtensionLeaf(_) => Err(unsupported("ExtensionLeafRel", SUPPORTED)),
        }
    }

    fn filter(&mut self, filter: &Filter) -> Result<Relation> {
        let input = self.relation(&filter.input)?;
        let filtered = self.filtered(input, &filter.condition)?;
        emit(filtered, filter.common.as_ref())
    }

    /// The rows for which a condition holds; all of them when there is none.
    pub(super) fn filtered(
        &mut self,
        input: Relation,
        condition: &messages::ExpressionBytes,
    ) -> Result<Relation> {
        if condition.is_empty() {
            return Ok(input);
        }
        let condition = self.row_expression(condition, &input.scope())?;
        let plan = LogicalPlanBuilder::from(input.plan).filter(condition)?.build()?;
        Ok(Relation { plan, fields: input.fields })
    }

    fn sort(&mut self, sort: &Sort) -> Result<Relation> {
        let input = self.relation(&sort.input)?;
        let expr = self.sorts(&sort.sorts, &input.scope())?;
        let plan = if expr.is_empty() {
            input.plan
        } else {
            LogicalPlan::Sort(plans::Sort { expr, input: Arc::new(input.plan), fetch: None })
        };
        emit(Relation { plan, fields: input.fields }, sort.common.as_ref())
    }

    fn fetch(&mut self, fetch: &Fetch) -> Result<Relation> {
        let input = self.relation(&fetch.input)?;
        let nothing = Relation::all(LogicalPlanBuilder::empty(true).build()?).scope();
        let skip = match &fetch.skip {
            None | Some(Skip::Rows(0)) => None,
            Some(Skip::Rows(rows)) => Some(rows_of("offset", *rows)?),
            Some(Skip::Expression(bytes)) => Some(self.row_expression(bytes, &nothing)?),
        };
        let count = match &fetch.count {
            None | Some(Count::Rows(-1)) => None,
            Some(Count::Rows(rows)) => Some(rows_of("count", *rows)?),
            Some(Count::Expression(bytes)) => Some(self.row_expression(bytes, &nothing)?),
        };
        let plan = LogicalPlanBuilder::from(input.plan).limit_by_expr(skip, count)?.build()?;
        emit(Relation { plan, fields: input.fields }, fetch.common.as_ref())
    }

    /// Another relation of the plan. It is read anew, so that its columns get names of their own.
    fn referenced(&mut self, place: i32) -> Result<Relation> {
        let relations = &self.message.relations;
        let named = usize::try_from(place).ok().and_then(|place| relations.get(place));
        match named.and_then(|relation| relation.kind.clone()) {
            Some(PlanRelKind::Rel(bytes)) => self.relation(&bytes),
            Some(PlanRelKind::Root(root)) => self.relation(&root.input),
            None => Err(EngineError::invalid(format!(
                "a ReferenceRel names relation {place} of the plan, which has {}",
                relations.len()
            ))),
        }
    }

    /// The columns of the answer under the names that the plan gives them.
    pub(super) fn named(&mut self, relation: Relation, names: &[String]) -> Result<LogicalPlan> {
        if names.is_empty() {
            return self.exact(relation);
        }
        let mut top = Vec::with_capacity(relation.fields.len());
        let mut rest = names.iter();
        for column in &relation.fields {
            let Some(name) = rest.next() else { return Err(wrong_names(names, &relation)) };
            top.push(name.as_str());
            let of = relation.plan.schema().field_from_column(column)?.data_type().clone();
            let inside = types::inner_names(&of);
            if inside > 0 {
                rest.nth(inside - 1);
            }
        }
        if rest.next().is_some() {
            return Err(wrong_names(names, &relation));
        }
        renamed(relation, &top)
    }
}

/// A plan whose columns have these names. Names that occur twice are told apart by qualifiers, as in a join of SQL.
pub(super) fn renamed(relation: Relation, names: &[&str]) -> Result<LogicalPlan> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    names.iter().for_each(|name| *times.entry(*name).or_default() += 1);
    let have = relation.plan.schema().columns();
    let mut unchanged = have.len() == names.len();
    let mut columns = Vec::with_capacity(names.len());
    for (place, (field, name)) in relation.fields.iter().zip(names).enumerate() {
        let column = Expr::Column(field.clone());
        let twice = times.get(name).is_some_and(|times| *times > 1);
        unchanged &= have.get(place) == Some(field) && field.name == *name;
        columns.push(match (twice, field.name == *name) {
            (false, true) => column,
            (false, false) => column.alias(*name),
            (true, _) => {
                let qualifier = TableReference::bare(format!("column {}", place + 1));
                column.alias_qualified(Some(qualifier), *name)
            }
        });
    }
    if unchanged {
        return Ok(relation.plan);
    }
    Ok(LogicalPlanBuilder::from(relation.plan).project(columns)?.build()?)
}

fn wrong_names(names: &[String], relation: &Relation) -> EngineError {
    EngineError::invalid(format!(
        "the root of the plan has {} names for {} columns",
        names.len(),
        relation.fields.len()
    ))
}

/// A count of rows as a value.
fn rows_of(what: &str, rows: i64) -> Result<Expr> {
    if rows < 0 {
        return Err(EngineError::invalid(format!(
            "the {what} of a FetchRel is not negative, not {rows}"
        )));
    }
    Ok(lit(rows))
}

/// The columns that a relation passes on.
pub(super) fn emit(relation: Relation, common: Option<&Common>) -> Result<Relation> {
    let Some(emit) = common.and_then(|common| common.emit.as_ref()) else { return Ok(relation) };
    let fields = picked(&relation.fields, &emit.mapping)?;
    Ok(Relation { plan: relation.plan, fields })
}

/// Columns by their places.
fn picked(fields: &[Column], places: &[i32]) -> Result<Vec<Column>> {
    let pick = |place: &i32| {
        let field = usize::try_from(*place).ok().and_then(|place| fields.get(place));
        field.cloned().ok_or_else(|| {
            EngineError::invalid(format!(
                "a relation passes on column {place}, and has {}, counted from 0",
                fields.len()
            ))
        })
    };
    places.iter().map(pick).collect()
}
