//! Rule: the joins of a star come in the order in which they drop rows.
//!
//! What is no aggregate over a star, or one that [`super::aggregate_star`] leaves alone, is joined table by table, and
//! DataFusion joins them as the statement names them. Here the fact is read and probed by all of them, the smaller sides are
//! built, and the dimension that keeps the smallest part of the rows is met first:
//!
//! ```text
//! HashJoinExec: calendar          (keeps 1 of 7)       HashJoinExec: product
//!   HashJoinExec: customer        (keeps 1 of 5)         HashJoinExec: customer
//!     HashJoinExec: product       (keeps all)      =>      HashJoinExec: calendar
//!       sales                                                sales
//! ```
//!
//! The lowest join is the first: on the right 34 of 35 rows are gone before `product` is looked at. The outer tables of a
//! snowflake are joined to their dimension and not to the fact.
//!
//! How much a dimension keeps is estimated: the rows its filters leave, of those its table has. A wrong estimate costs time and
//! never an answer. Joins that are in a good order stay as they are, and so does all that is no star: several facts, keys of
//! several columns, joins whose sizes nobody knows. Above joins that were put in order, `EXPLAIN` says why.

mod exec;

pub(crate) use exec::StarJoinOrderExec;

use super::star::{Role, Shape, Spoke, moved};
use crate::settings::ParetoOptions;
use arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::conjunction;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Another order must save at least this part of the rows that are probed.
const WORTH: f64 = 0.1;
/// A dimension of more rows is built by all threads together.
const BUILT_BY_ONE: usize = 5_000_000;

/// The rule; `pareto.star_join_order` switches it.
#[derive(Debug)]
pub(crate) struct OrderStarJoins;

impl PhysicalOptimizerRule for OrderStarJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.star_join_order) {
            return Ok(plan);
        }
        plan.transform_down(|node| {
            if !node.is::<HashJoinExec>() {
                return Ok(Transformed::no(node));
            }
            Ok(match in_order(&node)? {
                Some(ordered) => Transformed::new(ordered, true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "order_star_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A dimension, and what is estimated of it.
struct Estimate {
    spoke: Spoke,
    /// Rows that are left by its filters.
    rows: usize,
    /// The part of the fact's rows that it keeps.
    keeps: f64,
}

/// The joins of a star in a better order; nothing when there is none, or it is no star.
fn in_order(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(shape) = Shape::of(plan)?.filter(|shape| shape.spokes.len() > 1) else {
        return Ok(None);
    };
    let mut estimates = Vec::new();
    for spoke in &shape.spokes {
        let Some(estimate) = estimated(spoke)? else { return Ok(None) };
        estimates.push(estimate);
    }
    let before = probed(&estimates);
    // Stable: what keeps as much stays in the order that it was written in.
    estimates.sort_by(|one, other| one.keeps.total_cmp(&other.keeps));
    if probed(&estimates) > before * (1.0 - WORTH) {
        return Ok(None);
    }
    let joined = joined(&shape, &estimates, &plan.schema())?;
    if joined.schema() != plan.schema() {
        return Ok(None);
    }
    Ok(Some(Arc::new(StarJoinOrderExec::new(joined, why(&estimates)))))
}

fn estimated(spoke: &Spoke) -> Result<Option<Estimate>> {
    let known = StatisticsContext::new().compute(spoke.plan.as_ref(), &StatisticsArgs::new())?;
    let Some(rows) = known.num_rows.get_value().copied().filter(|_| spoke.table_rows > 0) else {
        return Ok(None);
    };
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let part = (rows as f64 / spoke.table_rows as f64).min(1.0);
    let keeps = match spoke.role {
        Role::Inner | Role::Semi => part,
        Role::Outer => 1.0,
        Role::Anti => 1.0 - part,
    };
    Ok(Some(Estimate { spoke: spoke.clone(), rows, keeps }))
}

/// How many rows are looked up in all joins together, for each row of the fact.
fn probed(estimates: &[Estimate]) -> f64 {
    let mut left = 1.0;
    let mut sum = 0.0;
    for estimate in estimates {
        sum += left;
        left *= estimate.keeps;
    }
    sum
}

fn why(estimates: &[Estimate]) -> String {
    let part = |estimate: &Estimate| {
        let key = estimate.spoke.key.to_string();
        let key = key.rsplit_once('@').map_or(key.as_str(), |(name, _)| name).to_owned();
        format!("{key} ({} of {} rows)", estimate.rows, estimate.spoke.table_rows)
    };
    estimates.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// The star's rows: the fact, filtered, joined with one dimension after the other.
fn joined(
    shape: &Shape,
    estimates: &[Estimate],
    schema: &Schema,
) -> Result<Arc<dyn ExecutionPlan>> {
    let (early, late) = shape.conditions();
    let mut plan = filtered(Arc::clone(&shape.fact), early)?;
    // Which columns of the wide row the plan has, in its order.
    let mut have: Vec<usize> = (0..plan.schema().fields().len()).collect();
    let at_the_end: BTreeSet<usize> = shape.columns.iter().chain(&late).flat_map(read).collect();
    for (place, estimate) in estimates.iter().enumerate() {
        let spoke = &estimate.spoke;
        let key = placed(&spoke.fact_key, &have)?;
        let later = estimates.iter().skip(place + 1);
        let mut needed: BTreeSet<usize> =
            later.flat_map(|later| read(&later.spoke.fact_key)).collect();
        needed.extend(&at_the_end);
        let theirs = spoke.plan.schema().fields().len();
        let (join_type, gives) = match spoke.role {
            Role::Inner => (JoinType::Inner, theirs),
            Role::Outer => (JoinType::Right, theirs),
            Role::Semi => (JoinType::RightSemi, 0),
            Role::Anti => (JoinType::RightAnti, 0),
        };
        let all: Vec<usize> = (spoke.offset..spoke.offset + gives).chain(have).collect();
        let kept: Vec<usize> =
            (0..all.len()).filter(|place| needed.contains(&all[*place])).collect();
        have = kept.iter().map(|place| all[*place]).collect();
        let mode = match estimate.rows > BUILT_BY_ONE {
            true => PartitionMode::Partitioned,
            false => PartitionMode::CollectLeft,
        };
        plan = Arc::new(HashJoinExec::try_new(
            Arc::clone(&spoke.plan),
            plan,
            vec![(Arc::clone(&spoke.key), key)],
            None,
            &join_type,
            Some(kept),
            mode,
            NullEquality::NullEqualsNothing,
            false,
        )?);
    }
    let late = late.iter().map(|condition| placed(condition, &have)).collect::<Result<_>>()?;
    let plan = filtered(plan, late)?;
    let names = schema.fields().iter().map(|field| field.name().clone());
    let columns = shape.columns.iter().map(|column| placed(column, &have));
    let columns: Vec<_> =
        columns.zip(names).map(|(column, name)| Ok((column?, name))).collect::<Result<_>>()?;
    Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
}

/// Columns of the wide row that an expression reads.
fn read(expr: &Arc<dyn PhysicalExpr>) -> Vec<usize> {
    collect_columns(expr).iter().map(|column| column.index()).collect()
}

/// An expression over the wide row, over the columns that there are.
fn placed(expr: &Arc<dyn PhysicalExpr>, have: &[usize]) -> Result<Arc<dyn PhysicalExpr>> {
    moved(expr, 0, |wide| have.iter().position(|column| *column == wide).unwrap_or(usize::MAX))
}

fn filtered(
    plan: Arc<dyn ExecutionPlan>,
    conditions: Vec<Arc<dyn PhysicalExpr>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if conditions.is_empty() {
        return Ok(plan);
    }
    Ok(Arc::new(FilterExec::try_new(conjunction(conditions), plan)?))
}
