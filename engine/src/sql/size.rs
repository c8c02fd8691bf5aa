//! How large a plan may become before anybody works on it.
//!
//! A short text can stand for a plan without end: a query in a WITH clause or a view is repeated wherever it is named, and
//! twenty of them, each naming the one before twice, are a million. Nothing interrupts a planner, so such a statement
//! would hold a thread and the memory of the server until both are gone. What is counted is what would be read, and the
//! sets of a GROUP BY; the count stops at the limit, so it is quick whatever the plan. Values that a constant makes are
//! computed while planning too, so those are bounded by what the constant says.
//!
//! Example: `GROUP BY CUBE(a, b, .. )` of 13 columns is 8,192 grouping sets and refused, of 12 it is not.

use crate::error::{EngineError, Result};
use crate::sql::reader::normalize;
use crate::sql::walk;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlan};
use sqlparser::ast::{ObjectName, ObjectNamePart, Query, VisitorMut};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The most relations that a plan may read.
const RELATIONS_LIMIT: usize = 1_000;
/// The most grouping sets of one GROUP BY, those of a CUBE of 12 columns.
const SETS_LIMIT: usize = 4_096;
/// The longest text and the longest list that constants may make.
const VALUE_LIMIT: i128 = 16 << 20;

/// The plan, unless it is too large to work on.
pub(super) fn checked(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut relations = 0;
    count(&plan, &mut relations)?;
    Ok(plan)
}

/// Refuses a query whose WITH clause stands for too many relations. The planner copies what is named there, so this is
/// counted in the text: each name as many times as it is mentioned, by what it stands for.
pub(super) fn check_with(query: &mut Query) -> Result<()> {
    let Some(with) = &mut query.with else { return Ok(()) };
    let mut counter = Counter::default();
    let mut defined = 0_usize;
    for table in &mut with.cte_tables {
        let size = counter.size_of(&mut table.query)?;
        counter.sizes.insert(normalize(&table.alias.name), size);
        defined = defined.saturating_add(size);
    }
    match counter.size_of(query)?.saturating_sub(defined) {
        asked if asked > RELATIONS_LIMIT => Err(too_many()),
        _ => Ok(()),
    }
}

/// Adds up the relations of a query.
#[derive(Default)]
struct Counter {
    sizes: HashMap<String, usize>,
    total: usize,
}

impl Counter {
    fn size_of(&mut self, query: &mut Query) -> Result<usize> {
        self.total = 0;
        walk::query(query, self)?;
        // A row of constants is one, too.
        Ok(self.total.max(1))
    }
}

impl VisitorMut for Counter {
    type Break = EngineError;

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<EngineError> {
        let size = match relation.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => self.sizes.get(&normalize(name)).copied(),
            _ => None,
        };
        self.total = self.total.saturating_add(size.unwrap_or(1));
        ControlFlow::Continue(())
    }
}

fn count(plan: &LogicalPlan, relations: &mut usize) -> Result<()> {
    let mut outcome = Ok(());
    plan.apply_with_subqueries(|node| {
        if let Err(error) = check_values(node) {
            outcome = Err(error);
            return Ok(TreeNodeRecursion::Stop);
        }
        outcome = match node {
            LogicalPlan::TableScan(scan) => match scan.source.get_logical_plan() {
                Some(view) => count(&view, relations),
                None => one_more(relations),
            },
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => one_more(relations),
            LogicalPlan::Aggregate(aggregate) => check_sets(&aggregate.group_expr),
            _ => Ok(()),
        };
        Ok(if outcome.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    outcome
}

fn one_more(relations: &mut usize) -> Result<()> {
    *relations += 1;
    if *relations <= RELATIONS_LIMIT { Ok(()) } else { Err(too_many()) }
}

fn too_many() -> EngineError {
    EngineError::invalid(format!(
        "the statement reads more than {RELATIONS_LIMIT} relations: what a WITH clause or a view names is read wherever it is named"
    ))
    .with_hint("CREATE TABLE .. AS keeps a step that is needed more than once")
}

fn check_sets(group: &[Expr]) -> Result<()> {
    let sets = group.iter().map(sets_of).fold(1_usize, usize::saturating_mul);
    if sets <= SETS_LIMIT {
        return Ok(());
    }
    Err(EngineError::invalid(format!(
        "GROUP BY has {sets} grouping sets: at most {SETS_LIMIT} are allowed"
    ))
    .with_hint("name those that are wanted in GROUPING SETS (..)"))
}

fn sets_of(group: &Expr) -> usize {
    match group {
        Expr::GroupingSet(GroupingSet::Cube(columns)) => u32::try_from(columns.len())
            .ok()
            .and_then(|n| 1_usize.checked_shl(n))
            .unwrap_or(usize::MAX),
        Expr::GroupingSet(GroupingSet::Rollup(columns)) => columns.len() + 1,
        Expr::GroupingSet(GroupingSet::GroupingSets(sets)) => sets.len(),
        _ => 1,
    }
}

/// Refuses texts and lists that are too long, where constants say how long they are.
fn check_values(node: &LogicalPlan) -> Result<()> {
    let mut outcome = Ok(());
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            if let Expr::ScalarFunction(call) = expr
                && let Some(length) = length_of(call.func.name(), &call.args)
                && length > VALUE_LIMIT
            {
                outcome = Err(EngineError::invalid(format!(
                    "{} would make a value of {length} parts: at most {VALUE_LIMIT} are allowed",
                    call.func.name()
                ))
                .with_hint("FROM generate_series(..) makes rows, as many as are needed"));
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    outcome
}

/// How many letters or items a call makes, where constants say so.
fn length_of(function: &str, args: &[Expr]) -> Option<i128> {
    match (function, args) {
        ("repeat" | "lpad" | "rpad", [_, count, ..]) | ("array_repeat", [_, count]) => whole(count),
        ("range" | "generate_series", [stop]) => whole(stop),
        ("range" | "generate_series", [start, stop]) => Some(whole(stop)? - whole(start)?),
        ("range" | "generate_series", [start, stop, step]) => {
            (whole(stop)? - whole(start)?).checked_div(whole(step)?)
        }
        _ => None,
    }
}

fn whole(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => Some(i128::from(*value)),
        Expr::Literal(ScalarValue::UInt64(Some(value)), _) => Some(i128::from(*value)),
        Expr::Negative(inner) => Some(-whole(inner)?),
        _ => None,
    }
}
