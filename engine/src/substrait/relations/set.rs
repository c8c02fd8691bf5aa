//! Set operations over two or more inputs.
//!
//! | Message | Rows |
//! |---|---|
//! | `UNION_ALL`, `UNION_DISTINCT` | of any input |
//! | `INTERSECTION_PRIMARY` | distinct ones of the first that are in any other |
//! | `INTERSECTION_MULTISET` | distinct ones that are in every input |
//! | `INTERSECTION_MULTISET_ALL` | as often as in the input that has them least often |
//! | `MINUS_PRIMARY` | distinct ones of the first that are in no other |
//! | `MINUS_PRIMARY_ALL` | as often as in the first, less as often as in the others |
//! | `MINUS_MULTISET` | distinct ones of the first that are not in all others |
//!
//! Where rows are counted, equal rows are numbered first; then a row and its number are a member of a plain set.
//!
//! Example: (1, 1, 2) `MINUS_PRIMARY_ALL` (1) is (1, 2).

use super::emit;
use crate::error::{EngineError, Result};
use crate::substrait::messages::relations::{Set, SetOp};
use crate::substrait::reader::{Reader, Relation, incomplete, unsupported};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFunctionDefinition,
};

type Combine = fn(LogicalPlan, LogicalPlan) -> Result<LogicalPlan>;

impl Reader<'_> {
    pub(super) fn set(&mut self, set: &Set) -> Result<Relation> {
        let mut inputs = Vec::with_capacity(set.inputs.len());
        for input in &set.inputs {
            let input = self.relation(input)?;
            // Of one name, so that no operator below compares columns by their names.
            inputs.push(self.sealed(input, "set")?);
        }
        let widths: Vec<usize> = inputs.iter().map(|input| input.fields.len()).collect();
        let width = widths.first().copied().unwrap_or_default();
        if inputs.len() < 2 || widths.iter().any(|other| *other != width) {
            return Err(EngineError::invalid(format!(
                "a SetRel combines two or more inputs of as many columns, not of {widths:?}"
            )));
        }
        let result = match SetOp::try_from(set.op) {
            Ok(SetOp::UnionAll) => fold(plans(inputs), union)?,
            Ok(SetOp::UnionDistinct) => {
                LogicalPlanBuilder::from(fold(plans(inputs), union)?).distinct()?.build()?
            }
            Ok(SetOp::IntersectionMultiset) => fold(plans(inputs), intersect)?,
            Ok(SetOp::MinusPrimary) => fold(plans(inputs), except)?,
            Ok(SetOp::IntersectionPrimary) => first_and_rest(plans(inputs), union, intersect)?,
            Ok(SetOp::MinusMultiset) => first_and_rest(plans(inputs), intersect, except)?,
            Ok(SetOp::IntersectionMultisetAll) => {
                let numbered = self.numbered_all(inputs)?;
                without_last(fold(numbered, intersect)?)?
            }
            Ok(SetOp::MinusPrimaryAll) => self.minus_all(inputs)?,
            Ok(SetOp::Unspecified) => return Err(incomplete("SetRel", "an op")),
            Err(_) => {
                return Err(unsupported(
                    &format!("SetRel.op {}", set.op),
                    "union, intersection and minus are",
                ));
            }
        };
        let relation = self.sealed(Relation::all(result), "set")?;
        emit(relation, set.common.as_ref())
    }

    fn minus_all(&mut self, inputs: Vec<Relation>) -> Result<LogicalPlan> {
        let mut inputs = inputs.into_iter();
        let Some(first) = inputs.next() else { return Err(incomplete("SetRel", "inputs")) };
        let others = fold(inputs.map(|input| input.plan).collect(), union)?;
        let others = self.sealed(Relation::all(others), "set")?;
        without_last(fold(self.numbered_all(vec![first, others])?, except)?)
    }

    fn numbered_all(&mut self, inputs: Vec<Relation>) -> Result<Vec<LogicalPlan>> {
        inputs.into_iter().map(|input| self.numbered(input)).collect()
    }

    /// The rows with a number for each among its equals.
    fn numbered(&mut self, input: Relation) -> Result<LogicalPlan> {
        let Ok(function) = self.state.udwf("row_number") else {
            return Err(EngineError::internal("there is no function row_number"));
        };
        let number = Expr::from(WindowFunction {
            fun: WindowFunctionDefinition::WindowUDF(function),
            params: WindowFunctionParams {
                args: Vec::new(),
                partition_by: input.fields.iter().cloned().map(Expr::Column).collect(),
                order_by: Vec::new(),
                window_frame: WindowFrame::new(None),
                filter: None,
                null_treatment: None,
                distinct: false,
            },
        });
        let numbered = self.projected(input, vec![number], None)?;
        Ok(self.sealed(numbered, "set")?.plan)
    }
}

fn plans(inputs: Vec<Relation>) -> Vec<LogicalPlan> {
    inputs.into_iter().map(|input| input.plan).collect()
}

/// Combines all inputs, from the left.
fn fold(inputs: Vec<LogicalPlan>, combine: Combine) -> Result<LogicalPlan> {
    let mut inputs = inputs.into_iter();
    let first = inputs.next().ok_or_else(|| incomplete("SetRel", "inputs"))?;
    inputs.try_fold(first, combine)
}

/// Combines the first input with what the others give together.
fn first_and_rest(
    mut inputs: Vec<LogicalPlan>,
    together: Combine,
    combine: Combine,
) -> Result<LogicalPlan> {
    let rest = inputs.split_off(1);
    let first = inputs.pop().ok_or_else(|| incomplete("SetRel", "inputs"))?;
    combine(first, fold(rest, together)?)
}

fn union(left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::from(left).union(right)?.build()?)
}

fn intersect(left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::intersect(left, right, false)?)
}

fn except(left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::except(left, right, false)?)
}

/// All columns but the last.
fn without_last(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut columns = plan.schema().columns();
    columns.pop();
    Ok(LogicalPlanBuilder::from(plan).project(columns.into_iter().map(Expr::Column))?.build()?)
}
