//! Two subplans that differ in the columns they give, as one that gives the columns of both.
//!
//! By the time subplans are compared, each has been cut down to what its reader needs: one reader of a `WITH` query wants
//! its sums, another only counts its rows. Example: `Aggregate: groupBy=[[month]], aggr=[[sum(amount)]]` and
//! `Aggregate: groupBy=[[month]], aggr=[[]]` are `Aggregate: groupBy=[[month]], aggr=[[sum(amount)]]`.
//!
//! What decides about rows must be the same in both: the versions of tables, filters, conditions of joins, groups. So must
//! everything of an operator to which more columns would mean something else, as to `DISTINCT`.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, LogicalPlan, Projection, SubqueryAlias, TableScan, TableSource, Window,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The subplan that gives the columns of both; nothing when they give different rows, or when no plan can give both.
///
/// That is what an error says here: each of the two is a plan already, so only their union can be wrong, as one in which
/// a name would mean two columns. The query is then planned with both.
pub(super) fn unite(one: &LogicalPlan, other: &LogicalPlan) -> Option<LogicalPlan> {
    united(one, other).ok().flatten()
}

fn united(one: &LogicalPlan, other: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match (one, other) {
        (LogicalPlan::TableScan(one), LogicalPlan::TableScan(other)) => scans(one, other),
        (LogicalPlan::SubqueryAlias(a), LogicalPlan::SubqueryAlias(b)) if a.alias == b.alias => {
            let Some(input) = united(&a.input, &b.input)? else { return Ok(None) };
            // Of two columns with one name, an alias gives the second another one: its readers would get the first.
            if a.input != b.input && !has_one_of_each_name(&input) {
                return Ok(None);
            }
            let aliased = SubqueryAlias::try_new(Arc::new(input), a.alias.clone())?;
            Ok(Some(LogicalPlan::SubqueryAlias(aliased)))
        }
        (LogicalPlan::Filter(a), LogicalPlan::Filter(b)) if a.predicate == b.predicate => {
            over(&a.input, &b.input, |input| {
                Filter::try_new(a.predicate.clone(), input).map(LogicalPlan::Filter)
            })
        }
        (LogicalPlan::Projection(a), LogicalPlan::Projection(b)) => {
            let Some(exprs) = both(&a.expr, &b.expr) else { return Ok(None) };
            over(&a.input, &b.input, |input| {
                Projection::try_new(exprs, input).map(LogicalPlan::Projection)
            })
        }
        // One window operator has its rows in one order, and begins anew with the same columns.
        (LogicalPlan::Window(a), LogicalPlan::Window(b))
            if frames(a).is_some() && frames(a) == frames(b) =>
        {
            let Some(exprs) = both(&a.window_expr, &b.window_expr) else { return Ok(None) };
            over(&a.input, &b.input, |input| Window::try_new(exprs, input).map(LogicalPlan::Window))
        }
        (LogicalPlan::Aggregate(a), LogicalPlan::Aggregate(b)) if a.group_expr == b.group_expr => {
            let Some(exprs) = both(&a.aggr_expr, &b.aggr_expr) else { return Ok(None) };
            over(&a.input, &b.input, |input| {
                Aggregate::try_new(input, a.group_expr.clone(), exprs).map(LogicalPlan::Aggregate)
            })
        }
        (LogicalPlan::Join(a), LogicalPlan::Join(b)) => {
            let is_same = a.join_type == b.join_type
                && a.on == b.on
                && a.filter == b.filter
                && a.join_constraint == b.join_constraint
                && a.null_equality == b.null_equality
                && a.null_aware == b.null_aware;
            if !is_same {
                return Ok(None);
            }
            let Some(left) = united(&a.left, &b.left)? else { return Ok(None) };
            let Some(right) = united(&a.right, &b.right)? else { return Ok(None) };
            one.with_new_exprs(one.expressions(), vec![left, right]).map(Some)
        }
        _ => Ok((one == other && sources(one)? == sources(other)?).then(|| one.clone())),
    }
}

/// An operator over the united inputs of two.
fn over(
    one: &LogicalPlan,
    other: &LogicalPlan,
    operator: impl FnOnce(Arc<LogicalPlan>) -> Result<LogicalPlan>,
) -> Result<Option<LogicalPlan>> {
    united(one, other)?.map(|input| operator(Arc::new(input))).transpose()
}

/// By what the rows of a window are kept apart and in order, the same for all of its functions.
fn frames(window: &Window) -> Option<(&[Expr], &[Sort])> {
    let Expr::WindowFunction(function) = unaliased(window.window_expr.first()?) else {
        return None;
    };
    Some((&function.params.partition_by, &function.params.order_by))
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        expr => expr,
    }
}

/// The expressions of both; nothing when a name would mean two things, as `a` would beside `t.a`.
fn both(one: &[Expr], other: &[Expr]) -> Option<Vec<Expr>> {
    let mut all = one.to_vec();
    let mut names: HashMap<_, _> = one.iter().map(|expr| (expr.qualified_name(), expr)).collect();
    for expr in other {
        match names.insert(expr.qualified_name(), expr) {
            Some(same) if same != expr => return None,
            Some(_) => {}
            None => all.push(expr.clone()),
        }
    }
    let bare: HashSet<_> =
        names.keys().filter(|(table, _)| table.is_none()).map(|(_, name)| name).collect();
    let is_clear = names.keys().all(|(table, name)| table.is_none() || !bare.contains(name));
    is_clear.then_some(all)
}

/// Whether no two columns have the same name, whatever tables they are of.
fn has_one_of_each_name(plan: &LogicalPlan) -> bool {
    let mut names = HashSet::new();
    plan.schema().fields().iter().all(|field| names.insert(field.name()))
}

fn scans(one: &TableScan, other: &TableScan) -> Result<Option<LogicalPlan>> {
    // Two scans that look alike may be of two versions of a table.
    let is_same = Arc::ptr_eq(&one.source, &other.source)
        && one.table_name == other.table_name
        && one.filters == other.filters
        && one.fetch == other.fetch;
    if !is_same {
        return Ok(None);
    }
    let projection = match (&one.projection, &other.projection) {
        (Some(one), Some(other)) => {
            Some(one.iter().chain(other).copied().collect::<BTreeSet<_>>().into_iter().collect())
        }
        _ => None,
    };
    let scan = TableScanBuilder::new(one.table_name.clone(), Arc::clone(&one.source))
        .with_projection(projection)
        .with_filters(one.filters.clone())
        .with_fetch(one.fetch)
        .with_statistics_requests(&one.statistics_requests | &other.statistics_requests)
        .build()?;
    Ok(Some(LogicalPlan::TableScan(scan)))
}

/// The tables that a plan reads, in order.
fn sources(plan: &LogicalPlan) -> Result<Vec<*const dyn TableSource>> {
    let mut sources = Vec::new();
    plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            sources.push(Arc::as_ptr(&scan.source));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(sources)
}
