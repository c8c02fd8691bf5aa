//! IN, EXISTS and `in_segment` wherever a value may stand: in a select list, a group, an aggregate, a sort.
//!
//! DataFusion turns such tests into joins in WHERE only, and has no way to run them elsewhere. Here each test outside of
//! WHERE becomes a column of the input, computed by a mark join (a join that adds TRUE or FALSE to each row and nothing
//! else), and the expression reads the column:
//!
//! ```text
//! Aggregate: groupBy=[[in_segment(id, 'vip')]]       Aggregate: groupBy=[["in_segment(id, 'vip')"]]
//!   TableScan: customer                          =>    Projection: id, mark AS "in_segment(id, 'vip')"
//!                                                        LeftMark Join: id = member
//!                                                          TableScan: customer
//!                                                          TableScan: members
//! ```
//!
//! The names of the result stay. `in_segment` in WHERE becomes
//! `IN (members)`, which DataFusion turns into a semi join. NULL: `in_segment(NULL, ..)` is NULL; IN follows the
//! standard (NULL if nothing matches and either side had a NULL). A test that depends on the outer row in a way no join
//! expresses stays as it is, and the planner refuses it by name.

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
            LogicalPlan::Filter(filter) => in_where(filter),
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

/// `in_segment` in a condition as IN, which DataFusion makes a join.
fn in_where(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let input = Arc::clone(&filter.input);
    let predicate = filter.predicate.transform_up(|expr| match segment_test(&expr, &input)? {
        Some(test) => Ok(Transformed::yes(Expr::InSubquery(test))),
        None => Ok(Transformed::no(expr)),
    })?;
    predicate.map_data(|predicate| Ok(LogicalPlan::Filter(Filter::try_new(predicate, input)?)))
}

/// The tests in the expressions of a node as columns of its input.
fn as_columns(node: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    let [input] = node.inputs()[..] else { return Ok(Transformed::no(node)) };
    let tests = tests(&node)?;
    if tests.is_empty() {
        return Ok(Transformed::no(node));
    }
    let columns = input.schema().columns();
    let inputs = columns.len();
    let mut widened = input.clone();
    let mut named = Vec::new();
    for test in tests {
        let Some((joined, value)) = marked(widened.clone(), &test, config)? else { continue };
        widened = joined;
        named.push((test.clone(), value.alias(test.schema_name().to_string())));
    }
    let values = named.iter().map(|(_, value)| value.clone());
    let values = columns.into_iter().map(Expr::Column).chain(values);
    let widened = LogicalPlanBuilder::from(widened).project(values)?.build()?;
    let expressions = node.expressions().into_iter().map(|expr| reading(expr, &named));
    let rewritten = node.with_new_exprs(expressions.collect::<Result<_>>()?, vec![widened])?;
    renamed(rewritten, node.schema(), inputs).map(Transformed::yes)
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
fn reading(expr: Expr, named: &[(Expr, Expr)]) -> Result<Expr> {
    let read = expr.transform_down(|expr| {
        let known = named.iter().any(|(test, _)| *test == expr);
        Ok(match known {
            true => Transformed::yes(Expr::Column(Column::new_unqualified(
                expr.schema_name().to_string(),
            ))),
            false => Transformed::no(expr),
        })
    })?;
    Ok(read.data)
}

/// The different tests in the expressions of a node, the outer ones only.
fn tests(node: &LogicalPlan) -> Result<Vec<Expr>> {
    let mut found: Vec<Expr> = Vec::new();
    for expr in node.expressions() {
        expr.apply(|expr| {
            use datafusion::common::tree_node::TreeNodeRecursion::{Continue, Jump};
            let test = matches!(expr, Expr::InSubquery(_) | Expr::Exists(_))
                || matches!(expr, Expr::ScalarFunction(call) if segment(call).is_some());
            if test && !found.contains(expr) {
                found.push(expr.clone());
            }
            Ok(if test { Jump } else { Continue })
        })?;
    }
    Ok(found)
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
    let Some(column) = rows.head_output_expr()? else { return Ok(None) };
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
