//! Rule: a partial aggregate over a star of joins becomes one operator, `StarAggregateExec`.
//!
//! Before:
//!
//! ```text
//! AggregateExec: mode=Partial, gby=[year, nation], aggr=[sum(revenue)]
//!   HashJoinExec: on=[(c_key, f_customer)]
//!     customer
//!     HashJoinExec: on=[(d_key, f_date)]
//!       date
//!       sales
//! ```
//!
//! After, the first child being the fact:
//!
//! ```text
//! StarAggregateExec: gby=[year, nation], aggr=[sum(revenue)], join f_date = d_key, join f_customer = c_key
//!   sales
//!   date
//!   customer
//! ```
//!
//! The answer is the same whatever is declared of keys: the operator finds out for itself whether a dimension's keys are
//! unique, and runs the plan it replaced when they are not. It is left alone where it would change an answer: aggregates
//! that depend on the order of rows, limits inside, grouping sets (the rule before this one derives most).
//!
//! * [`star`](super::star): which input is the fact, which are dimensions;
//! * [`dimension`]: a dimension read and made a table from key to group number (`pareto_udfs::lookup`);
//! * [`tally`]: the running aggregates;
//! * [`exec`], [`run`]: the operator, and what it does with rows.

mod dimension;
mod exec;
mod run;
mod tally;

use super::compute_days_once::once_per_day;
use super::star::{Role, Shape, Spoke, moved, substitute};
use crate::settings::ParetoOptions;
use arrow::datatypes::Schema;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr, lit};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use dimension::Dimension;
use exec::{Origin, StarAggregateExec, Work};
use std::collections::BTreeSet;
use std::sync::Arc;
use tally::{Label, Measure, Measures};

/// The rule; `pareto.star_aggregate` switches it.
#[derive(Debug)]
pub(crate) struct AggregateStar;

impl PhysicalOptimizerRule for AggregateStar {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.star_aggregate) {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let star = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => replacement(aggregate, &node, config)?,
                None => None,
            };
            Ok(star.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "aggregate_star"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands for an aggregate, when it is over a star.
fn replacement(
    aggregate: &AggregateExec,
    node: &Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    match aggregate.mode() {
        AggregateMode::Partial => {
            let Some(star) = star(aggregate, node, config)? else { return Ok(None) };
            let alone = node.output_partitioning().partition_count() == 1;
            Ok(Some(if alone { in_one_partition(star) } else { star }))
        }
        AggregateMode::Single => {
            let partial = Arc::new(partial_of(aggregate)?);
            let plain = Arc::clone(&partial) as Arc<dyn ExecutionPlan>;
            let Some(star) = star(&partial, &plain, config)? else { return Ok(None) };
            let last = AggregateExec::try_new(
                AggregateMode::Final,
                aggregate.group_expr().as_final(),
                aggregate.aggr_expr().to_vec(),
                vec![None; aggregate.aggr_expr().len()],
                in_one_partition(star),
                partial.input_schema(),
            )?;
            Ok(Some(Arc::new(last)))
        }
        AggregateMode::Final
        | AggregateMode::FinalPartitioned
        | AggregateMode::SinglePartitioned
        | AggregateMode::PartialReduce => Ok(None),
    }
}

/// The partial aggregate that a single one does first.
fn partial_of(aggregate: &AggregateExec) -> Result<AggregateExec> {
    AggregateExec::try_new(
        AggregateMode::Partial,
        aggregate.group_expr().clone(),
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )
}

fn in_one_partition(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if plan.output_partitioning().partition_count() == 1 {
        return plan;
    }
    Arc::new(CoalescePartitionsExec::new(plan))
}

/// The operator for a partial aggregate.
fn star(
    aggregate: &AggregateExec,
    plain: &Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let ordered = aggregate.aggr_expr().iter().any(|function| !function.order_bys().is_empty());
    let limited = aggregate.limit_options().is_some();
    let sorted = plain.output_ordering().is_some();
    if ordered || limited || sorted || !aggregate.group_expr().is_single() {
        return Ok(None);
    }
    let Some(shape) = Shape::of(aggregate.input())? else { return Ok(None) };
    let (early, late) = shape.conditions();
    let mut wide = Wide::of(aggregate, &shape, late)?;
    if wide.exprs().any(is_volatile) {
        return Ok(None);
    }
    let labels = wide.split_groups(&shape);
    let mut dimensions: Vec<Dimension> = shape.spokes.iter().map(dimension).collect();
    for (dimension, groups) in dimensions.iter_mut().zip(&wide.dimension_groups) {
        dimension.groups.clone_from(groups);
    }
    if !dimensions.iter().zip(&shape.spokes).all(|(one, spoke)| supported(one, spoke, &shape)) {
        return Ok(None);
    }
    let (gathered, gathered_schema, mapping) = gathered(&wide, &shape, &mut dimensions);
    let narrow = |expr: &Arc<dyn PhysicalExpr>| substitute(expr, &mapping);
    let aggregates = aggregate.aggr_expr().iter().zip(wide.aggregates.iter().zip(&wide.filters));
    let aggregates = aggregates.map(|(function, (arguments, filter))| {
        Ok(Measure {
            function: Arc::clone(function),
            arguments: arguments.iter().map(narrow).collect::<Result<_>>()?,
            filter: filter.as_ref().map(narrow).transpose()?,
        })
    });
    let aggregates = aggregates.collect::<Result<Vec<Measure>>>()?;
    let measures = Measures {
        labels,
        grouped: wide
            .row_groups
            .iter()
            .map(|group| daily(narrow(group)?, &gathered_schema, config))
            .collect::<Result<_>>()?,
        by_run: aggregates.iter().all(Measure::by_run),
        aggregates,
        schema: plain.schema(),
    };
    let work = Work {
        gathered,
        gathered_schema,
        early,
        conditions: wide.conditions.iter().map(narrow).collect::<Result<_>>()?,
        measures: Arc::new(measures),
        title: title(aggregate.group_expr(), aggregate),
    };
    let star = StarAggregateExec::new(shape.fact, dimensions, Arc::new(work), Arc::clone(plain));
    Ok(Some(Arc::new(star)))
}

/// A group with what it computes of a date alone computed once for each day.
fn daily(
    group: Arc<dyn PhysicalExpr>,
    schema: &Schema,
    config: &ConfigOptions,
) -> Result<Arc<dyn PhysicalExpr>> {
    if !ParetoOptions::switched_on(config, |own| own.day_lookup) {
        return Ok(group);
    }
    Ok(once_per_day(&group, schema)?.unwrap_or(group))
}

fn title(groups: &PhysicalGroupBy, aggregate: &AggregateExec) -> String {
    let groups: Vec<&str> = groups.expr().iter().map(|(_, name)| name.as_str()).collect();
    let functions: Vec<&str> =
        aggregate.aggr_expr().iter().map(|function| function.name()).collect();
    format!("gby=[{}], aggr=[{}]", groups.join(", "), functions.join(", "))
}

fn dimension(spoke: &Spoke) -> Dimension {
    let prunes = matches!(spoke.role, Role::Inner | Role::Semi)
        && spoke.fact_key.downcast_ref::<Column>().is_some();
    let filter = || DynamicFilterPhysicalExpr::new(vec![Arc::clone(&spoke.fact_key)], lit(true));
    Dimension {
        plan: Arc::clone(&spoke.plan),
        role: spoke.role,
        fact_key: Arc::clone(&spoke.fact_key),
        key: Arc::clone(&spoke.key),
        groups: Vec::new(),
        wanted: Vec::new(),
        table_rows: spoke.table_rows,
        filter: prunes.then(|| Arc::new(filter())),
    }
}

/// Whether both sides have keys of one type, and one that can be looked up.
fn supported(dimension: &Dimension, spoke: &Spoke, shape: &Shape) -> bool {
    let ours = dimension.fact_key.data_type(&shape.fact.schema());
    let theirs = dimension.key.data_type(&spoke.plan.schema());
    matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs && pareto_udfs::lookup::supports(&ours))
}

/// The aggregate's expressions over the wide row.
struct Wide {
    groups: Vec<Arc<dyn PhysicalExpr>>,
    aggregates: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    conditions: Vec<Arc<dyn PhysicalExpr>>,
    /// Groups that one dimension answers, over its columns; by dimension.
    dimension_groups: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    /// Groups that none answers alone.
    row_groups: Vec<Arc<dyn PhysicalExpr>>,
}

impl Wide {
    fn of(
        aggregate: &AggregateExec,
        shape: &Shape,
        conditions: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let widen = |expr: &Arc<dyn PhysicalExpr>| shape.widen(expr);
        let groups = aggregate.group_expr().expr().iter().map(|(expr, _)| widen(expr));
        let arguments = |function: &Arc<_>| {
            let function: &Arc<datafusion::physical_expr::aggregate::AggregateFunctionExpr> =
                function;
            function.expressions().iter().map(widen).collect::<Result<Vec<_>>>()
        };
        let filters = aggregate.filter_expr().iter();
        Ok(Self {
            groups: groups.collect::<Result<_>>()?,
            aggregates: aggregate.aggr_expr().iter().map(arguments).collect::<Result<_>>()?,
            filters: filters
                .map(|filter| filter.as_ref().map(widen).transpose())
                .collect::<Result<_>>()?,
            conditions,
            dimension_groups: vec![Vec::new(); shape.spokes.len()],
            row_groups: Vec::new(),
        })
    }

    fn exprs(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.groups.iter().chain(self.row_exprs())
    }

    /// What is evaluated over the rows that are left, besides groups.
    fn row_exprs(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        let arguments = self.aggregates.iter().flatten();
        arguments
            .chain(self.filters.iter().flatten())
            .chain(&self.conditions)
            .chain(&self.row_groups)
    }

    /// Gives each group expression to the dimension that answers it, if one does.
    fn split_groups(&mut self, shape: &Shape) -> Vec<Label> {
        let mut labels = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let columns = collect_columns(group);
            let answers = |(_, spoke): &(usize, &Spoke)| {
                let places = spoke.offset..spoke.offset + spoke.plan.schema().fields().len();
                !columns.is_empty() && columns.iter().all(|column| places.contains(&column.index()))
            };
            let owner = shape.spokes.iter().enumerate().find(answers);
            match owner.map(|(place, spoke)| (place, moved(group, 0, |index| index - spoke.offset)))
            {
                Some((place, Ok(group))) => {
                    labels.push(Label::Dimension(place, self.dimension_groups[place].len()));
                    self.dimension_groups[place].push(group);
                }
                _ => {
                    labels.push(Label::Row(self.row_groups.len()));
                    self.row_groups.push(Arc::clone(group));
                }
            }
        }
        labels
    }
}

/// The columns of the wide row that are needed: where each comes from, their types, and where each went.
fn gathered(
    wide: &Wide,
    shape: &Shape,
    dimensions: &mut [Dimension],
) -> (Vec<Origin>, Arc<Schema>, Vec<Arc<dyn PhysicalExpr>>) {
    let columns = wide.row_exprs().flat_map(collect_columns);
    let needed: BTreeSet<usize> = columns.map(|column| column.index()).collect();
    let mut mapping: Vec<Arc<dyn PhysicalExpr>> = Vec::with_capacity(shape.wide.fields().len());
    let (mut origins, mut fields) = (Vec::new(), Vec::new());
    for (place, field) in shape.wide.fields().iter().enumerate() {
        mapping.push(Arc::new(Column::new(field.name(), fields.len())));
        if !needed.contains(&place) {
            continue;
        }
        fields.push(Arc::clone(field));
        let owner = shape.spokes.iter().rposition(|spoke| spoke.offset <= place);
        origins.push(match owner {
            None => Origin::Fact(place),
            Some(owner) => {
                let wanted = &mut dimensions[owner].wanted;
                wanted.push(place - shape.spokes[owner].offset);
                Origin::Dimension(owner, wanted.len() - 1)
            }
        });
    }
    (origins, Arc::new(Schema::new(fields)), mapping)
}
