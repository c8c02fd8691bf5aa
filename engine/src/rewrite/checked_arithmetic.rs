//! Whole numbers that outgrow their type are an error, not another number.
//!
//! DataFusion adds, subtracts and multiplies integers modulo the width of their type: `quantity * cents` of two INTs beyond two
//! thousand million would be a small or negative amount, and nobody would know. Here such an operation fails and says on
//! what. A column that may grow that large is a BIGINT or a DECIMAL; decimals are checked anyway.
//!
//! What is written between constants alone is checked when it is planned ([`Constants`]); what rows decide, where it is
//! evaluated: in select lists, conditions, groups and the arguments of aggregates ([`CheckedArithmetic`]). Sums of BIGINT
//! are kept in 64 bits.
//!
//! Example: `SELECT 9223372036854775807 + 1` is refused: `9223372036854775807 + 1 does not fit a BIGINT`.

use crate::error::EngineError;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, PhysicalGroupBy};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// Refuses what overflows between two numbers of the statement.
#[derive(Debug)]
pub(crate) struct Constants;

impl ExprPlanner for Constants {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Some(left), Some(right)) = (value(&expr.left), value(&expr.right)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let overflows = match expr.op {
            BinaryOperator::Plus => left.checked_add(right).is_none(),
            BinaryOperator::Minus => left.checked_sub(right).is_none(),
            BinaryOperator::Multiply => left.checked_mul(right).is_none(),
            _ => false,
        };
        if !overflows {
            return Ok(PlannerResult::Original(expr));
        }
        let what = format!("{left} {} {right} does not fit a BIGINT", expr.op);
        let error = EngineError::invalid(what)
            .with_hint(format!("CAST({left} AS DECIMAL(38, 0)) has room for it"));
        Err(DataFusionError::from(error))
    }
}

/// What whole numbers of the statement come to, those within it having been checked before.
fn value(expr: &Expr) -> Option<i64> {
    let Expr::BinaryExpr(binary) = expr else {
        return match expr {
            Expr::Literal(ScalarValue::Int64(value), _) => *value,
            _ => None,
        };
    };
    let (left, right) = (value(&binary.left)?, value(&binary.right)?);
    match binary.op {
        Operator::Plus => left.checked_add(right),
        Operator::Minus => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        _ => None,
    }
}

/// The rule: it comes first, so that all others see the operations as they will run.
#[derive(Debug)]
pub(crate) struct CheckedArithmetic;

impl PhysicalOptimizerRule for CheckedArithmetic {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let checked = plan.transform_up(|node| {
            let new = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                of_projection(projection)?
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                of_filter(filter)?
            } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
                of_aggregate(aggregate)?
            } else {
                None
            };
            Ok(new.map_or_else(|| Transformed::no(node), Transformed::yes))
        });
        checked.data()
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

type Replacement = Result<Option<Arc<dyn ExecutionPlan>>>;

fn of_projection(projection: &ProjectionExec) -> Replacement {
    let schema = projection.input().schema();
    let mut changed = false;
    let mut exprs = Vec::with_capacity(projection.expr().len());
    for ProjectionExpr { expr, alias } in projection.expr() {
        let expr = checked(expr, &schema, &mut changed)?;
        exprs.push(ProjectionExpr { expr, alias: alias.clone() });
    }
    if !changed {
        return Ok(None);
    }
    Ok(Some(Arc::new(ProjectionExec::try_new(exprs, Arc::clone(projection.input()))?)))
}

fn of_filter(filter: &FilterExec) -> Replacement {
    let mut changed = false;
    let predicate = checked(filter.predicate(), &filter.input().schema(), &mut changed)?;
    if !changed {
        return Ok(None);
    }
    Ok(Some(Arc::new(FilterExecBuilder::from(filter).with_predicate(predicate).build()?)))
}

/// An aggregate of rows, and the one of states after it: they can become one only while their functions are the same.
fn of_aggregate(aggregate: &AggregateExec) -> Replacement {
    let schema = aggregate.input_schema();
    let mut changed = false;
    let groups = aggregate.group_expr();
    let mut keys = Vec::with_capacity(groups.expr().len());
    for (key, name) in groups.expr() {
        keys.push((checked(key, &schema, &mut changed)?, name.clone()));
    }
    let mut functions = Vec::with_capacity(aggregate.aggr_expr().len());
    for function in aggregate.aggr_expr() {
        functions.push(of_function(function, &schema, &mut changed)?);
    }
    let mut filters = Vec::with_capacity(aggregate.filter_expr().len());
    for filter in aggregate.filter_expr() {
        let filter = filter.as_ref().map(|filter| checked(filter, &schema, &mut changed));
        filters.push(filter.transpose()?);
    }
    if !changed {
        return Ok(None);
    }
    let groups = PhysicalGroupBy::new(
        keys,
        groups.null_expr().to_vec(),
        groups.groups().to_vec(),
        groups.has_grouping_set(),
    );
    let input = Arc::clone(aggregate.input());
    let mode = *aggregate.mode();
    Ok(Some(Arc::new(AggregateExec::try_new(mode, groups, functions, filters, input, schema)?)))
}

fn of_function(
    function: &Arc<AggregateFunctionExpr>,
    schema: &Schema,
    changed: &mut bool,
) -> Result<Arc<AggregateFunctionExpr>> {
    let mut touched = false;
    let expressions = function.all_expressions();
    let mut arguments = Vec::with_capacity(expressions.args.len());
    for argument in &expressions.args {
        arguments.push(checked(argument, schema, &mut touched)?);
    }
    if !touched {
        return Ok(Arc::clone(function));
    }
    Ok(match function.with_new_expressions(arguments, expressions.order_by_exprs) {
        Some(new) => {
            *changed = true;
            Arc::new(new)
        }
        None => Arc::clone(function),
    })
}

/// The expression with every sum, difference and product of whole numbers checked.
fn checked(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
    changed: &mut bool,
) -> Result<Arc<dyn PhysicalExpr>> {
    let new = Arc::clone(expr).transform_up(|node| {
        let Some(binary) = node.downcast_ref::<BinaryExpr>() else {
            return Ok(Transformed::no(node));
        };
        let may_overflow =
            matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply)
                && binary.data_type(schema)?.is_integer();
        if !may_overflow {
            return Ok(Transformed::no(node));
        }
        Ok(Transformed::yes(Arc::new(binary.clone().with_fail_on_overflow(true)) as _))
    })?;
    *changed |= new.transformed;
    Ok(new.data)
}
