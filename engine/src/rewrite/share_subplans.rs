//! Rule: what a query asks for twice is computed once.
//!
//! A `WITH` query is copied to each place that reads it, and analysts read one twice all the time: every customer beside
//! the total of all, every month beside the month before, pairs of what was bought together. Before:
//!
//! ```text
//! Join: one.order_id = other.order_id                 Join: one.order_id = other.order_id
//!   Aggregate: groupBy=[[order_id, category]]           SharedSubplan: 1
//!     TableScan: sales                             =>     Aggregate: groupBy=[[order_id, category]]
//!   Aggregate: groupBy=[[order_id, category]]               TableScan: sales
//!     TableScan: sales                                  SharedSubplan: 1
//!                                                         ..
//! ```
//!
//! What is shared are aggregates and windows, with what is computed and filtered right above them: they read all of
//! their input before they answer, and mostly answer with less. Joins and scans stay where they are, so that each copy
//! is still pruned for its reader, and the star aggregate and kept columns still do their part. Two subplans are the
//! same when they give the same rows of the same versions of tables; if their readers need different columns, [`unite`]
//! makes one of them that has all. Whether they were one `WITH` query or written twice does not matter. Nothing that
//! gives another value each time, as `random()`, is shared, nor what holds a subquery as a value, nor anything within a
//! recursive query.
//!
//! On physical plans, at their end, [`link`] ties the copies together, and [`exec`] computes the first of them that is
//! asked and keeps its rows for the others: in memory, or on disk when that is full.

mod exec;
mod link;
mod node;
mod unite;

pub(super) use exec::SharedSubplanExec;
pub(super) use link::LinkSubplans;
pub(super) use node::SharingPlanner;

use super::subqueries::reads_more;
use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, Projection};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use node::SharedSubplan;
use std::collections::HashSet;
use std::sync::Arc;
use unite::unite;

/// At most so many subplans are compared with all others.
const COMPARED: usize = 64;

/// The rule; `pareto.subplan_sharing` switches it.
#[derive(Debug)]
pub(crate) struct ShareSubplans;

impl OptimizerRule for ShareSubplans {
    fn name(&self) -> &'static str {
        "share_subplans"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let is_on = ParetoOptions::switched_on(&config.options(), |own| own.subplan_sharing);
        if !is_on || !may_repeat(&plan)? {
            return Ok(Transformed::no(plan));
        }
        let mut found = Found::default();
        found.count(&plan)?;
        if found.subplans.iter().all(|subplan| subplan.readers == 1) {
            return Ok(Transformed::no(plan));
        }
        found.mark(plan)
    }
}

/// Whether a plan reads a table twice; not if it is marked already, as rules run several times over a plan.
fn may_repeat(plan: &LogicalPlan) -> Result<bool> {
    let mut sources = HashSet::new();
    let mut repeats = false;
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => repeats |= !sources.insert(Arc::as_ptr(&scan.source)),
            LogicalPlan::Extension(own) if own.node.as_any().is::<SharedSubplan>() => {
                repeats = false;
                return Ok(TreeNodeRecursion::Stop);
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(repeats)
}

/// Whether a subplan may be computed once for several readers.
fn may_be_shared(plan: &LogicalPlan) -> Result<bool> {
    let mut varies = !is_worth_it(plan);
    plan.apply(|node| {
        varies |= matches!(node, LogicalPlan::RecursiveQuery(_));
        node.apply_expressions(|expr| {
            // Where the rows of a subquery come from is settled for the whole query, above.
            varies |= expr.is_volatile() || reads_more(expr)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if varies { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(!varies)
}

/// Whether a subplan reads everything before it answers.
fn is_worth_it(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Window(_) => true,
        LogicalPlan::Projection(projection) => is_worth_it(&projection.input),
        LogicalPlan::Filter(filter) => is_worth_it(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => is_worth_it(&alias.input),
        _ => false,
    }
}

/// Subplans that may be shared, in the order in which they are met.
#[derive(Default)]
struct Found {
    subplans: Vec<Subplan>,
}

/// A subplan with the columns that all of its readers need.
struct Subplan {
    plan: LogicalPlan,
    readers: usize,
}

impl Found {
    /// Counts subplans. What is within one that was met before is there because of that one only.
    fn count(&mut self, plan: &LogicalPlan) -> Result<TreeNodeRecursion> {
        if matches!(plan, LogicalPlan::RecursiveQuery(_)) {
            return Ok(TreeNodeRecursion::Continue);
        }
        if may_be_shared(plan)? {
            for known in &mut self.subplans {
                if let Some(united) = unite(&known.plan, plan) {
                    known.plan = united;
                    known.readers += 1;
                    return Ok(TreeNodeRecursion::Continue);
                }
            }
            if self.subplans.len() < COMPARED {
                self.subplans.push(Subplan { plan: plan.clone(), readers: 1 });
            }
        }
        plan.apply_subqueries(|subquery| self.count(subquery))?;
        plan.apply_children(|child| self.count(child))
    }

    /// Marks every copy of those that have several readers.
    fn mark(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        if matches!(plan, LogicalPlan::RecursiveQuery(_)) {
            return Ok(Transformed::no(plan));
        }
        let Some((number, shared)) = self.shared(&plan)? else {
            return self.mark_within(plan);
        };
        let input = self.mark_within(shared.clone())?.data;
        let node = Arc::new(SharedSubplan::new(number, input));
        let marked = LogicalPlan::Extension(Extension { node });
        if marked.schema() == plan.schema() {
            return Ok(Transformed::yes(marked));
        }
        let columns = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let needed = Projection::try_new(columns, Arc::new(marked))?;
        Ok(Transformed::yes(LogicalPlan::Projection(needed)))
    }

    fn mark_within(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        plan.map_subqueries(|subquery| self.mark(subquery))?
            .transform_data(|plan| plan.map_children(|child| self.mark(child)))
    }

    /// What is computed for a copy, and its number.
    fn shared(&self, copy: &LogicalPlan) -> Result<Option<(usize, &LogicalPlan)>> {
        if !may_be_shared(copy)? {
            return Ok(None);
        }
        let shared = self.subplans.iter().filter(|subplan| subplan.readers > 1);
        for (number, Subplan { plan, .. }) in (1..).zip(shared) {
            // What a copy within another one needs may not have been known.
            if unite(plan, copy).is_some_and(|united| united.schema() == plan.schema()) {
                return Ok(Some((number, plan)));
            }
        }
        Ok(None)
    }
}
