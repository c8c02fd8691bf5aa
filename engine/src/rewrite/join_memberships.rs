//! IN, EXISTS and `in_segment` wherever a value may stand: in a select list, a group, an aggregate, a sort.
//!
//! DataFusion turns such tests into joins in WHERE only, and has no way to run them elsewhere. Here each test outside of
//! WHERE becomes a column of the input, computed by a mark join (a join that adds TRUE or FALSE to each row and nothing
//! else), and the expression reads the column:
//!
//! ```text
//! Aggregate: groupBy=[[in_segment(id, 'vip')]]       Projection: __test_1 AS "in_segment(id, 'vip')"
//!   TableScan: customer                          =>    Aggregate: groupBy=[[__test_1]]
//!                                                        Projection: id, mark AS __test_1
//!                                                          LeftMark Join: id = member
//!                                                            TableScan: customer
//!                                                            TableScan: members
//! ```
//!
//! The names of the result stay; within, tests are numbered, because DataFusion calls all of them `IN` or `EXISTS`. In
//! WHERE, `in_segment` becomes `IN (members)`, which DataFusion turns into a semi join; what that would not answer is in
//! [`condition`]. NULL: `in_segment(NULL, ..)` is NULL; IN follows the standard (NULL if nothing matches and either
//! side had a NULL). A test that depends on the outer row in a way no join expresses stays as it is; outside of WHERE
//! the planner refuses it by name.

mod condition;

use super::subqueries::is_same;
use crate::functions::in_segment::InSegment;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, Spans};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{InSubquery, ScalarFunction};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Subquery, lit, scalar_subquery,
    when,
};
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::collections::HashSet;
use std::sync::Arc;

/// The rule.
#[derive(Debug)]
pub(crate) struct JoinMemberships;

impl OptimizerRule for JoinMemberships {
    fn name(&self) -> &'static str {
        "join_memberships"
    }

    /// The whole plan at once: the nodes above a changed one have to learn its new columns.
    fn apply_order(&self) -> Option<ApplyOrder> {
        None
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let rewritten = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Filter(filter) => condition::in_where(filter, config),
            LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Sort(_) => as_columns(node, config),
            other => Ok(Transformed::no(other)),
        })?;
        if !rewritten.transformed {
            return Ok(rewritten);
        }
        rewritten.map_data(|plan| {
            plan.transform_up(|node| node.recompute_schema().map(Transformed::yes)).map(|t| t.data)
        })
    }
}

/// An input that is joined with one test after the other.
struct Marks<'a> {
    input: LogicalPlan,
    /// The tests so far, and what gives their values above the input.
    values: Vec<(Expr, Expr)>,
    config: &'a dyn OptimizerConfig,
}

impl<'a> Marks<'a> {
    fn new(input: LogicalPlan, config: &'a dyn OptimizerConfig) -> Self {
        Self { input, values: Vec::new(), config }
    }

    /// The value of a test; None if no join can express it.
    fn value(&mut self, test: &Expr) -> Result<Option<Expr>> {
        for (known, value) in &self.values {
            if is_same(known, test)? {
                return Ok(Some(value.clone()));
            }
        }
        let Some((joined, value)) = marked(self.input.clone(), test, self.config)? else {
            return Ok(None);
        };
        self.input = joined;
        self.values.push((test.clone(), value.clone()));
        Ok(Some(value))
    }
}

/// The tests in the expressions of a node as columns of its input.
fn as_columns(node: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    let [input] = node.inputs()[..] else { return Ok(Transformed::no(node)) };
    let tests = tests(&node)?;
    if tests.is_empty() {
        return Ok(Transformed::no(node));
    }
    let mut marks = Marks::new(input.clone(), config);
    for test in &tests {
        marks.value(test)?;
    }
    if marks.values.is_empty() {
        return Ok(Transformed::no(node));
    }
    let columns = input.schema().columns();
    let inputs = columns.len();
    let mut values: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
    let mut named = Vec::new();
    for ((test, value), name) in marks.values.into_iter().zip(names(input, &node)) {
        values.push(value.alias(name.clone()));
        named.push((test, name));
    }
    let widened = LogicalPlanBuilder::from(marks.input).project(values)?.build()?;
    let expressions = node.expressions().into_iter().map(|expr| reading(expr, &named));
    let rewritten = node.with_new_exprs(expressions.collect::<Result<_>>()?, vec![widened])?;
    renamed(rewritten, node.schema(), inputs).map(Transformed::yes)
}

/// Names for tests that no column has: `__test_1` and so on.
fn names(input: &LogicalPlan, node: &LogicalPlan) -> impl Iterator<Item = String> {
    let taken: HashSet<String> = [input, node]
        .iter()
        .flat_map(|plan| plan.schema().fields().iter().map(|field| field.name().clone()))
        .collect();
    (1_usize..).map(|number| format!("__test_{number}")).filter(move |name| !taken.contains(name))
}

/// The columns of a rewritten node under the names they had. A window or a sort hands its input on, with the new columns
/// after the `inputs` that were there.
fn renamed(rewritten: LogicalPlan, before: &DFSchema, inputs: usize) -> Result<LogicalPlan> {
    let after = rewritten.schema().columns();
    let more = after.len() - before.fields().len();
    let mut columns = Vec::with_capacity(before.fields().len());
    for (place, (table, field)) in before.iter().enumerate() {
        let place = if place < inputs { place } else { place + more };
        let column = &after[place];
        let same = column.name == *field.name() && column.relation.as_ref() == table;
        let column = Expr::Column(column.clone());
        columns.push(if same {
            column
        } else {
            column.alias_qualified(table.cloned(), field.name())
        });
    }
    if more == 0 && columns.iter().all(|column| matches!(column, Expr::Column(_))) {
        return Ok(rewritten);
    }
    LogicalPlanBuilder::from(rewritten).project(columns)?.build()
}

/// An expression that reads the columns made of the tests in it.
fn reading(expr: Expr, named: &[(Expr, String)]) -> Result<Expr> {
    let read = expr.transform_down(|expr| {
        for (test, name) in named {
            if is_same(test, &expr)? {
                return Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name))));
            }
        }
        Ok(Transformed::no(expr))
    })?;
    Ok(read.data)
}

/// The tests in the expressions of a node, the outer ones only.
fn tests(node: &LogicalPlan) -> Result<Vec<Expr>> {
    use datafusion::common::tree_node::TreeNodeRecursion::{Continue, Jump};
    let mut found = Vec::new();
    for expr in node.expressions() {
        expr.apply(|expr| {
            let is_test = matches!(expr, Expr::Exists(_)) || is_membership(expr);
            if is_test {
                found.push(expr.clone());
            }
            Ok(if is_test { Jump } else { Continue })
        })?;
    }
    Ok(found)
}

/// Whether an expression is IN or `in_segment`.
fn is_membership(expr: &Expr) -> bool {
    match expr {
        Expr::InSubquery(_) => true,
        Expr::ScalarFunction(call) => segment(call).is_some(),
        _ => false,
    }
}

/// The input with a mark for the test, and the value of the test; None if no join can express it.
fn marked(
    input: LogicalPlan,
    test: &Expr,
    config: &dyn OptimizerConfig,
) -> Result<Option<(LogicalPlan, Expr)>> {
    match test {
        Expr::Exists(exists) => {
            let negated = exists.negated;
            let plain = Expr::Exists(datafusion::logical_expr::expr::Exists {
                negated: false,
                ..exists.clone()
            });
            let marked = mark(input, plain, config)?;
            Ok(marked.map(|(input, mark)| (input, if negated { !mark } else { mark })))
        }
        Expr::InSubquery(membership) => {
            let value = standard_value(membership, &input)?;
            let plain = Expr::InSubquery(InSubquery { negated: false, ..membership.clone() });
            let (Some(value), Some((input, mark))) = (value, mark(input, plain, config)?) else {
                return Ok(None);
            };
            let value = value(mark)?;
            Ok(Some((input, if membership.negated { !value } else { value })))
        }
        other => {
            let Some(membership) = segment_test(other, &input)? else { return Ok(None) };
            let member = (*membership.expr).clone();
            let Some((input, mark)) = mark(input, Expr::InSubquery(membership), config)? else {
                return Ok(None);
            };
            let null = lit(ScalarValue::Boolean(None));
            Ok(Some((input, when(member.is_null(), null).otherwise(mark)?)))
        }
    }
}

/// What a mark means for IN by the standard: NULL instead of FALSE where a NULL could have matched.
type Meaning = Box<dyn FnOnce(Expr) -> Result<Expr>>;

fn standard_value(membership: &InSubquery, input: &LogicalPlan) -> Result<Option<Meaning>> {
    let rows = &membership.subquery.subquery;
    // DataFusion joins only what it finds a first expression of; that is written in terms of what is below it.
    let (Some(_), Some(column)) =
        (rows.head_output_expr()?, rows.schema().columns().into_iter().next())
    else {
        return Ok(None);
    };
    let column = Expr::Column(column);
    let member = (*membership.expr).clone();
    let member_null = member.nullable(input.schema())?;
    let column_null = column.nullable(rows.schema())?;
    if (member_null || column_null) && !membership.subquery.outer_ref_columns.is_empty() {
        return Ok(None);
    }
    let any = |plan: LogicalPlanBuilder| -> Result<Expr> {
        let counted = plan.limit(0, Some(1))?.aggregate(Vec::<Expr>::new(), [count(lit(1_i64))])?;
        Ok(scalar_subquery(Arc::new(counted.build()?)).gt(lit(0_i64)))
    };
    let rows = LogicalPlanBuilder::from(Arc::clone(rows));
    let some_row = member_null.then(|| any(rows.clone())).transpose()?;
    let some_null = column_null.then(|| any(rows.filter(column.is_null())?)).transpose()?;
    let unknown = some_row.map(|some_row| member.is_null().and(some_row));
    let unknown = unknown.into_iter().chain(some_null).reduce(Expr::or);
    Ok(Some(Box::new(move |mark: Expr| match unknown {
        None => Ok(mark),
        Some(unknown) => {
            let null = lit(ScalarValue::Boolean(None));
            when(mark, lit(true)).when(unknown, null).otherwise(lit(false))
        }
    })))
}

/// Lets DataFusion's rule for WHERE make the mark join, and takes it out of the filter it came in.
fn mark(
    input: LogicalPlan,
    test: Expr,
    config: &dyn OptimizerConfig,
) -> Result<Option<(LogicalPlan, Expr)>> {
    let filter = LogicalPlan::Filter(Filter::try_new(test.is_true(), Arc::new(input))?);
    let rewritten = DecorrelatePredicateSubquery::new().rewrite(filter, config)?.data;
    let LogicalPlan::Projection(projection) = rewritten else { return Ok(None) };
    let LogicalPlan::Filter(filter) = projection.input.as_ref() else { return Ok(None) };
    match &filter.predicate {
        Expr::IsTrue(mark) if matches!(mark.as_ref(), Expr::Column(_)) => {
            Ok(Some((filter.input.as_ref().clone(), mark.as_ref().clone())))
        }
        _ => Ok(None),
    }
}

/// The segments a call of `in_segment` knows.
fn segment(call: &ScalarFunction) -> Option<&InSegment> {
    call.func.inner().downcast_ref::<InSegment>()
}

/// `in_segment(x, 's')` as `x IN (members of s)`, both sides of one type.
fn segment_test(expr: &Expr, input: &LogicalPlan) -> Result<Option<InSubquery>> {
    let Expr::ScalarFunction(call) = expr else { return Ok(None) };
    let (Some(segments), [member, name]) = (segment(call), call.args.as_slice()) else {
        return Ok(None);
    };
    let (members, common) = segments.members(name, &member.get_type(input.schema())?)?;
    let column = Expr::Column(members.schema().columns().swap_remove(0));
    let column = column.cast_to(&common, members.schema())?;
    let members = LogicalPlanBuilder::from(members).project([column])?.build()?;
    Ok(Some(InSubquery {
        expr: Box::new(member.clone().cast_to(&common, input.schema())?),
        subquery: Subquery {
            subquery: Arc::new(members),
            outer_ref_columns: vec![],
            spans: Spans::new(),
        },
        negated: false,
    }))
}
