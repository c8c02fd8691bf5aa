//! Reading a plan as a star: which input is the fact, which are its dimensions, and what every expression above the
//! joins says in terms of their columns.
//!
//! From an aggregate downwards, joins, projections, filters and exchanges are walked until the biggest input is
//! reached: that is the fact. Whatever hangs off the way is a dimension. Each column above is rewritten as an expression
//! over the *wide row*: the fact's columns, then those of each dimension in the order they were met.
//!
//! What a dimension refers to by a key of its own is joined to that dimension first ([`snowflake`]).
//!
//! Not a star, and so left alone: joins on several columns, full joins, joins that keep rows of a dimension, conditions on
//! outer joins, limits in between, expressions that differ from call to call, keys of the fact that may fail on rows which
//! a condition drops ([`safety`]), the recursive part of a query.
//!
//! Example: `fact JOIN d ON fact.k = d.k` gives a wide row `fact.*, d.*` and one dimension that the fact reaches by `k`.

mod safety;
mod snowflake;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality, Result};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal,
};
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use std::sync::Arc;

/// A dimension may have more rows than this only when the fact has more than the dimension.
const SMALL_DIMENSION_ROWS: usize = 1 << 20;

/// What the fact's rows do with a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A row without its dimension's row is dropped.
    Inner,
    /// A row without its dimension's row gets NULLs.
    Outer,
    /// A row is kept when the dimension has its key, once.
    Semi,
    /// A row is kept when the dimension has not its key.
    Anti,
}

/// One dimension, as the plan has it.
#[derive(Debug, Clone)]
pub(super) struct Spoke {
    /// The rows of the dimension.
    pub(super) plan: Arc<dyn ExecutionPlan>,
    /// The key, over the fact's columns.
    pub(super) fact_key: Arc<dyn PhysicalExpr>,
    /// The key, over the dimension's columns.
    pub(super) key: Arc<dyn PhysicalExpr>,
    pub(super) role: Role,
    /// Where its columns begin in the wide row.
    pub(super) offset: usize,
    /// Rows of its table before its filters, as far as known.
    pub(super) table_rows: usize,
}

/// A plan read as a star.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) fact: Arc<dyn ExecutionPlan>,
    pub(super) spokes: Vec<Spoke>,
    /// The fact's columns, then each dimension's.
    pub(super) wide: SchemaRef,
    /// Conditions over the wide row that were met above the joins.
    pub(super) conditions: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns of the plan, over the wide row.
    pub(super) columns: Vec<Arc<dyn PhysicalExpr>>,
}

impl Shape {
    /// Reads a plan; `None` when it is no star.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if !safety::may_run_again(plan) {
            return Ok(None);
        }
        let Some(fact) = biggest(plan)? else { return Ok(None) };
        let columns = columns_of(&fact.plan.schema(), 0);
        let mut shape = Self {
            wide: fact.plan.schema(),
            fact: Arc::clone(&fact.plan),
            spokes: Vec::new(),
            conditions: Vec::new(),
            columns,
        };
        let read = shape.read(plan, &fact)?;
        Ok((read && !shape.spokes.is_empty()).then_some(shape))
    }

    /// An expression over the plan's columns, over the wide row.
    pub(super) fn widen(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        substitute(expr, &self.columns)
    }

    /// Conditions that are decided first, being cheap and of the fact alone, and those that wait for the joins.
    #[expect(clippy::type_complexity, reason = "two lists of conditions")]
    pub(super) fn conditions(&self) -> (Vec<Arc<dyn PhysicalExpr>>, Vec<Arc<dyn PhysicalExpr>>) {
        let fact_columns = self.fact.schema().fields().len();
        let all = self.conditions.iter().flat_map(split_conjunction).cloned();
        all.partition(|condition| {
            let columns = collect_columns(condition);
            is_cheap(condition) && columns.iter().all(|column| column.index() < fact_columns)
        })
    }

    /// Walks up from the fact. False when something on the way is not of a star.
    fn read(&mut self, plan: &Arc<dyn ExecutionPlan>, fact: &Input) -> Result<bool> {
        if Arc::ptr_eq(plan, &fact.plan) {
            return Ok(true);
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            let fact_is_left = holds(join.left(), &fact.plan);
            let (way, side) = if fact_is_left {
                (join.left(), JoinSide::Left)
            } else {
                (join.right(), JoinSide::Right)
            };
            return Ok(self.read(way, fact)? && self.join(join, side, fact)?);
        }
        let Some(child) = passed(plan) else { return Ok(false) };
        if !self.read(child, fact)? {
            return Ok(false);
        }
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            if projection.expr().iter().any(|column| is_volatile(&column.expr)) {
                return Ok(false);
            }
            let columns = projection.expr().iter().map(|column| self.widen(&column.expr));
            self.columns = columns.collect::<Result<_>>()?;
        } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            if filter.fetch().is_some() || is_volatile(filter.predicate()) {
                return Ok(false);
            }
            self.conditions.push(self.widen(filter.predicate())?);
            if let Some(projection) = filter.projection() {
                self.columns =
                    projection.iter().map(|place| Arc::clone(&self.columns[*place])).collect();
            }
        }
        Ok(true)
    }

    /// Takes a dimension in; gives its columns in the wide row.
    fn add(&mut self, spoke: Spoke) -> Vec<Arc<dyn PhysicalExpr>> {
        let schema = spoke.plan.schema();
        self.wide = beside(&self.wide, &schema);
        let theirs = columns_of(&schema, spoke.offset);
        self.spokes.push(spoke);
        theirs
    }

    /// Takes the other side of a join as a dimension.
    fn join(&mut self, join: &HashJoinExec, side: JoinSide, fact: &Input) -> Result<bool> {
        let fact_is_left = side == JoinSide::Left;
        let role = match (join.join_type(), fact_is_left) {
            (JoinType::Inner, _) => Role::Inner,
            (JoinType::Left, true) | (JoinType::Right, false) => Role::Outer,
            (JoinType::LeftSemi, true) | (JoinType::RightSemi, false) => Role::Semi,
            (JoinType::LeftAnti, true) | (JoinType::RightAnti, false) => Role::Anti,
            _ => return Ok(false),
        };
        let [(left_key, right_key)] = join.on() else { return Ok(false) };
        if join.null_equality() == NullEquality::NullEqualsNull
            || join.null_aware
            || join.fetch().is_some()
            || (join.filter().is_some() && role != Role::Inner)
        {
            return Ok(false);
        }
        let (plan, key, way_key) = if fact_is_left {
            (join.right(), right_key, left_key)
        } else {
            (join.left(), left_key, right_key)
        };
        let rows = base_rows(plan)?.unwrap_or(0);
        let fact_key = self.widen(way_key)?;
        let fact_columns = self.fact.schema().fields().len();
        let of_the_fact =
            collect_columns(&fact_key).iter().all(|column| column.index() < fact_columns);
        if !safety::never_fails(&fact_key, &self.wide)
            || is_volatile(key)
            || rows > fact.rows.max(SMALL_DIMENSION_ROWS)
        {
            return Ok(false);
        }
        let spoke = Spoke {
            plan: Arc::clone(plan),
            fact_key,
            key: Arc::clone(key),
            role,
            offset: self.wide.fields().len(),
            table_rows: rows,
        };
        let theirs = match (of_the_fact, join.filter()) {
            (true, _) => Some(self.add(spoke)),
            (false, None) => self.extend(&spoke)?,
            (false, Some(_)) => None,
        };
        let Some(theirs) = theirs else { return Ok(false) };
        let ours = std::mem::take(&mut self.columns);
        if let Some(filter) = join.filter() {
            let sides = |index: &datafusion::physical_plan::joins::utils::ColumnIndex| {
                let columns = if index.side == side { &ours } else { &theirs };
                Arc::clone(&columns[index.index])
            };
            let columns: Vec<_> = filter.column_indices().iter().map(sides).collect();
            if is_volatile(filter.expression()) {
                return Ok(false);
            }
            self.conditions.push(substitute(filter.expression(), &columns)?);
        }
        let joined = match role {
            Role::Semi | Role::Anti => ours,
            Role::Inner | Role::Outer if fact_is_left => [ours, theirs].concat(),
            Role::Inner | Role::Outer => [theirs, ours].concat(),
        };
        self.columns = match &join.projection {
            Some(projection) => {
                projection.iter().map(|place| Arc::clone(&joined[*place])).collect()
            }
            None => joined,
        };
        Ok(true)
    }
}

/// An input of the joins and how big its table is.
struct Input {
    plan: Arc<dyn ExecutionPlan>,
    rows: usize,
}

/// The input under the joins with the biggest table. Groups by the key of a join are its dimension, if the other side has
/// no fewer rows, as far as known: their rows are guessed from those they are made of, and are fewer.
fn biggest(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Input>> {
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let (left, right) = (biggest(join.left())?, biggest(join.right())?);
        return Ok(match (left, right) {
            (Some(left), Some(right)) if left.rows == right.rows => {
                let [(left_key, right_key)] = join.on() else { return Ok(None) };
                let is_left =
                    grouped_by(join.right(), right_key) && !grouped_by(join.left(), left_key);
                Some(if is_left { left } else { right })
            }
            (Some(left), Some(right)) if left.rows > right.rows => Some(left),
            (left, None) => left,
            (_, right) => right,
        });
    }
    match passed(plan) {
        // Projections over an input belong to it; over a join they are on the way.
        Some(child) if has_join(child) => biggest(child),
        _ => Ok(base_rows(plan)?.map(|rows| Input { plan: bare(plan), rows })),
    }
}

/// Whether a plan gives each value of a column once, because it is what its rows are grouped by.
fn grouped_by(plan: &Arc<dyn ExecutionPlan>, key: &Arc<dyn PhysicalExpr>) -> bool {
    let Some(column) = key.downcast_ref::<Column>() else { return false };
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let whole =
            !matches!(aggregate.mode(), AggregateMode::Partial | AggregateMode::PartialReduce);
        let groups = aggregate.group_expr();
        return whole && groups.is_single() && groups.expr().len() == 1 && column.index() == 0;
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = projection.expr().get(column.index());
        return below.is_some_and(|below| grouped_by(projection.input(), &below.expr));
    }
    let reorders = plan.downcast_ref::<FilterExec>().is_some_and(|it| it.projection().is_some());
    !reorders && passed(plan).is_some_and(|child| grouped_by(child, key))
}

/// The input without exchanges and filters on top of it: the operator takes partitions as they come, and filters itself.
fn bare(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let exchanges = plan.downcast_ref::<RepartitionExec>().is_some()
        || plan.downcast_ref::<CoalescePartitionsExec>().is_some_and(|exec| exec.fetch().is_none());
    let filters = plan
        .downcast_ref::<FilterExec>()
        .is_some_and(|filter| filter.fetch().is_none() && !is_volatile(filter.predicate()));
    match plan.children().first() {
        Some(child) if exchanges && child.output_partitioning().partition_count() > 1 => {
            bare(child)
        }
        Some(child) if filters => bare(child),
        _ => Arc::clone(plan),
    }
}

/// The only child of a node that is passed on the way to the fact.
fn passed(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let passes = plan.downcast_ref::<ProjectionExec>().is_some()
        || plan.downcast_ref::<FilterExec>().is_some()
        || plan.downcast_ref::<RepartitionExec>().is_some()
        || plan.downcast_ref::<CooperativeExec>().is_some()
        || plan.downcast_ref::<CoalescePartitionsExec>().is_some_and(|exec| exec.fetch().is_none());
    if passes { plan.children().first().copied() } else { None }
}

fn has_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<HashJoinExec>().is_some() || passed(plan).is_some_and(has_join)
}

fn holds(plan: &Arc<dyn ExecutionPlan>, wanted: &Arc<dyn ExecutionPlan>) -> bool {
    Arc::ptr_eq(plan, wanted) || plan.children().into_iter().any(|child| holds(child, wanted))
}

/// Rows of the table an input reads, before its filters; `None` when nobody knows.
fn base_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<usize>> {
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let (left, right) = (base_rows(join.left())?, base_rows(join.right())?);
        return Ok(left.max(right));
    }
    if let Some(child) = passed(plan) {
        return base_rows(child);
    }
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
    Ok(statistics.num_rows.get_value().copied())
}

/// A condition that compares columns and constants: it costs little and cannot fail on any row.
fn is_cheap(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let is_leaf = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Column>().is_some() || expr.downcast_ref::<Literal>().is_some()
    };
    if let Some(binary) = condition.downcast_ref::<BinaryExpr>() {
        let (left, right) = (binary.left(), binary.right());
        return match binary.op() {
            Operator::And | Operator::Or => is_cheap(left) && is_cheap(right),
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => is_leaf(left) && is_leaf(right),
            _ => false,
        };
    }
    let tests_a_leaf = condition.downcast_ref::<InListExpr>().is_some()
        || condition.downcast_ref::<IsNullExpr>().is_some()
        || condition.downcast_ref::<IsNotNullExpr>().is_some();
    is_leaf(condition) || (tests_a_leaf && condition.children().into_iter().all(is_leaf))
}

fn columns_of(schema: &Schema, offset: usize) -> Vec<Arc<dyn PhysicalExpr>> {
    let column = |(place, field): (usize, &Arc<Field>)| {
        Arc::new(Column::new(field.name(), offset + place)) as Arc<dyn PhysicalExpr>
    };
    schema.fields().iter().enumerate().map(column).collect()
}

/// Both sides' columns. A dimension's may be NULL, whatever its table says.
fn beside(wide: &Schema, dimension: &Schema) -> SchemaRef {
    let nullable = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_nullable(true));
    let fields = wide.fields().iter().cloned().chain(dimension.fields().iter().map(nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Puts expressions in the place of columns.
pub(super) fn substitute(
    expr: &Arc<dyn PhysicalExpr>,
    columns: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn PhysicalExpr>> {
    let replace = |expr: Arc<dyn PhysicalExpr>| {
        let column = expr.downcast_ref::<Column>().and_then(|column| columns.get(column.index()));
        Ok(match column.cloned() {
            Some(column) => Transformed::yes(column),
            None => Transformed::no(expr),
        })
    };
    Arc::clone(expr).transform_up(replace).data()
}

/// The expression with its columns from `first` on somewhere else.
pub(super) fn moved(
    expr: &Arc<dyn PhysicalExpr>,
    first: usize,
    place: impl Fn(usize) -> usize,
) -> Result<Arc<dyn PhysicalExpr>> {
    let move_one = |expr: Arc<dyn PhysicalExpr>| {
        let column = expr.downcast_ref::<Column>().filter(|column| column.index() >= first);
        Ok(match column.map(|column| Column::new(column.name(), place(column.index()))) {
            Some(column) => Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>),
            None => Transformed::no(expr),
        })
    };
    Arc::clone(expr).transform_up(move_one).data()
}
