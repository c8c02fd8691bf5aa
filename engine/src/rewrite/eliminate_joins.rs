//! Rule: a join that adds nothing to the answer is left out.
//!
//! BI tools ask views that join a fact with all of its dimensions, and each question needs one or two of them. Before:
//!
//! ```text
//! Aggregate: groupBy=[[sold_on]], aggr=[[sum(amount)]]       Aggregate: groupBy=[[sold_on]], aggr=[[sum(amount)]]
//!   Inner Join: sales.customer_id = customer.customer_id  =>   Filter: sales.customer_id IS NOT NULL
//!     TableScan: sales                                           TableScan: sales
//!     TableScan: customer
//! ```
//!
//! It is left out when none of its columns are needed and each row meets
//!
//! * at most one row, because a `PRIMARY KEY` or `UNIQUE` of the other side that says `RELY` is among the columns joined by,
//!   and
//! * at least one row, because the join is an outer one, or a `FOREIGN KEY` that says `RELY` refers to a table of which
//!   nothing is filtered.
//!
//! `RELY` is what is trusted: where such a key is false, a question that leaves the join out and one that does not may differ.
//! `VALIDATE CONSTRAINT` counts the rows that break it. A key without `RELY`, and a table at an older version, is never trusted.

use super::subqueries::reads_more;
use crate::relations::declared::{Declared, TrustedKeys};
use crate::settings::ParetoOptions;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, Join, LogicalPlan, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::collections::HashSet;
use std::sync::Arc;

/// The rule; `pareto.join_elimination` switches it.
#[derive(Debug)]
pub(crate) struct EliminateJoins;

impl OptimizerRule for EliminateJoins {
    fn name(&self) -> &'static str {
        "eliminate_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if !ParetoOptions::switched_on(&config.options(), |own| own.join_elimination) {
            return Ok(Transformed::no(plan));
        }
        // These two say which columns they need; others hand on all they get.
        let input = match &plan {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Aggregate(aggregate) => &aggregate.input,
            _ => return Ok(Transformed::no(plan)),
        };
        let exprs = plan.expressions();
        let Some(needed) = columns_of(&exprs)? else { return Ok(Transformed::no(plan)) };
        match shortened(input, &needed)? {
            Some(input) => Ok(Transformed::yes(plan.with_new_exprs(exprs, vec![input])?)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

type Needed = HashSet<Column>;

/// The columns that expressions read; nothing when a subquery in them may read others.
fn columns_of(exprs: &[Expr]) -> Result<Option<Needed>> {
    let mut needed = Needed::new();
    for expr in exprs {
        if reads_more(expr)? {
            return Ok(None);
        }
        needed.extend(expr.column_refs().into_iter().cloned());
    }
    Ok(Some(needed))
}

/// The plan without joins that its reader does not need; nothing when it needs all of them.
fn shortened(plan: &LogicalPlan, needed: &Needed) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) => {
            let Some(read) = columns_of(std::slice::from_ref(&filter.predicate))? else {
                return Ok(None);
            };
            let Some(input) = shortened(&filter.input, &(&read | needed))? else {
                return Ok(None);
            };
            let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
            Ok(Some(LogicalPlan::Filter(filter)))
        }
        LogicalPlan::Join(join) => match left_out(join, needed)? {
            Some((kept, needed)) => Ok(Some(shortened(&kept, &needed)?.unwrap_or(kept))),
            None => within(plan, join, needed),
        },
        _ => Ok(None),
    }
}

/// The join with its sides shortened.
fn within(plan: &LogicalPlan, join: &Join, needed: &Needed) -> Result<Option<LogicalPlan>> {
    let exprs = plan.expressions();
    let Some(read) = columns_of(&exprs)? else { return Ok(None) };
    let needed = &read | needed;
    let (left, right) = (shortened(&join.left, &needed)?, shortened(&join.right, &needed)?);
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    let left = left.unwrap_or_else(|| join.left.as_ref().clone());
    let right = right.unwrap_or_else(|| join.right.as_ref().clone());
    plan.with_new_exprs(exprs, vec![left, right]).map(Some)
}

/// What is left of a join when one of its sides adds nothing, and what is needed of that.
fn left_out(join: &Join, needed: &Needed) -> Result<Option<(LogicalPlan, Needed)>> {
    if join.filter.is_some() || join.null_equality != NullEquality::NullEqualsNothing {
        return Ok(None);
    }
    let mut on = (Vec::new(), Vec::new());
    for pair in &join.on {
        let (Expr::Column(left), Expr::Column(right)) = pair else { return Ok(None) };
        on.0.push(left.clone());
        on.1.push(right.clone());
    }
    let is_inner = join.join_type == JoinType::Inner;
    let right = Sides { kept: &join.left, kept_on: &on.0, other: &join.right, other_on: &on.1 };
    let left = Sides { kept: &join.right, kept_on: &on.1, other: &join.left, other_on: &on.0 };
    if (is_inner || join.join_type == JoinType::Left) && right.adds_nothing(is_inner, needed) {
        return right.alone(is_inner, needed).map(Some);
    }
    if (is_inner || join.join_type == JoinType::Right) && left.adds_nothing(is_inner, needed) {
        return left.alone(is_inner, needed).map(Some);
    }
    Ok(None)
}

/// A join as seen from the side that stays.
struct Sides<'a> {
    kept: &'a LogicalPlan,
    kept_on: &'a [Column],
    other: &'a LogicalPlan,
    other_on: &'a [Column],
}

impl Sides<'_> {
    fn adds_nothing(&self, is_inner: bool, needed: &Needed) -> bool {
        if self.other.schema().columns().iter().any(|column| needed.contains(column)) {
            return false;
        }
        let Some((other, other_on)) = stored(self.other, self.other_on) else { return false };
        let other = provider(other);
        let Some(other_keys) = other.as_ref().and_then(keys) else { return false };
        if !is_rows_of_one_table(self.other, !is_inner) || !other_keys.is_unique(&other_on) {
            return false;
        }
        if !is_inner {
            return true;
        }
        let Some((kept, kept_on)) = stored(self.kept, self.kept_on) else { return false };
        let kept = provider(kept);
        let kept_keys = kept.as_ref().and_then(keys);
        kept_keys.is_some_and(|kept| kept.refers(&kept_on, other_keys, &other_on))
    }

    /// The side that stays; an inner join drops its rows without a key.
    fn alone(&self, is_inner: bool, needed: &Needed) -> Result<(LogicalPlan, Needed)> {
        let mut needed = needed.clone();
        let mut plan = self.kept.clone();
        for column in self.kept_on.iter().filter(|_| is_inner) {
            let key = Expr::Column(column.clone());
            if key.nullable(plan.schema().as_ref())? {
                plan = LogicalPlan::Filter(Filter::try_new(key.is_not_null(), Arc::new(plan))?);
                needed.insert(column.clone());
            }
        }
        Ok((plan, needed))
    }
}

/// Whether a plan gives each row of one table at most once, and, unless it may be `filtered`, every one.
fn is_rows_of_one_table(plan: &LogicalPlan, filtered: bool) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            filtered || (scan.filters.is_empty() && scan.fetch.is_none())
        }
        LogicalPlan::SubqueryAlias(alias) => is_rows_of_one_table(&alias.input, filtered),
        LogicalPlan::Projection(projection) => is_rows_of_one_table(&projection.input, filtered),
        LogicalPlan::Filter(filter) => filtered && is_rows_of_one_table(&filter.input, filtered),
        _ => false,
    }
}

/// The one table that columns come from, unchanged, and what they are called there.
fn stored<'a>(plan: &'a LogicalPlan, columns: &[Column]) -> Option<(&'a TableScan, Vec<String>)> {
    let mut names = Vec::with_capacity(columns.len());
    let mut table: Option<&TableScan> = None;
    for column in columns {
        let (scan, name) = origin(plan, column)?;
        if table.is_some_and(|table| !std::ptr::eq(table, scan)) {
            return None;
        }
        table = Some(scan);
        names.push(name);
    }
    Some((table?, names))
}

fn origin<'a>(plan: &'a LogicalPlan, column: &Column) -> Option<(&'a TableScan, String)> {
    let place = || plan.schema().maybe_index_of_column(column);
    match plan {
        LogicalPlan::TableScan(scan) => {
            place()?;
            Some((scan, column.name.clone()))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let below = Column::from(alias.input.schema().qualified_field(place()?));
            origin(&alias.input, &below)
        }
        LogicalPlan::Projection(projection) => match projection.expr.get(place()?)? {
            Expr::Column(below) => origin(&projection.input, below),
            Expr::Alias(alias) => match alias.expr.as_ref() {
                Expr::Column(below) => origin(&projection.input, below),
                _ => None,
            },
            _ => None,
        },
        LogicalPlan::Filter(filter) => origin(&filter.input, column),
        LogicalPlan::Join(join) => {
            origin(&join.left, column).or_else(|| origin(&join.right, column))
        }
        _ => None,
    }
}

fn provider(scan: &TableScan) -> Option<Arc<dyn TableProvider>> {
    source_as_provider(&scan.source).ok()
}

/// What a table may be trusted in, if anything.
fn keys(table: &Arc<dyn TableProvider>) -> Option<&TrustedKeys> {
    table.downcast_ref::<Declared>().map(Declared::keys)
}
