//! Window functions that look at their whole partition at once.
//!
//! A score is a place among all customers, so there is nothing to compute row by row and no ORDER BY
//! to ask for: `OVER ()` is every customer, `OVER (PARTITION BY country)` those of one country. A
//! function gives a [`Plan`], which reads the constants once and returns the closure that turns the
//! columns of a partition into its result. DataFusion asks for the plan before it runs anything, so
//! a wrong constant stops the statement and not the query.
//!
//! Only the columns are evaluated: ten million rows never get ten million copies of `'low'`.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;

use crate::args::Arguments;
use crate::contract::{Contract, answer_from_contract};
use crate::function::{Function, Spec};
use crate::types;

/// Computes the result of one partition from its column arguments.
pub(crate) type Whole = Box<dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send>;

/// Reads the constants of a call.
pub(crate) type Plan = fn(&Arguments) -> Result<Whole>;

/// Result type for the argument types, after coercion.
pub(crate) type Returns = fn(&[DataType]) -> DataType;

/// Makes a function of a contract and a plan.
pub(crate) fn function(spec: &'static Spec, returns: Returns, plan: Plan) -> Function {
    let whole: WholePartition = Contract::new(spec, Partition { returns, plan });
    Function::Window(spec, Arc::new(WindowUDF::from(whole)))
}

/// A column of scores with its gaps.
pub(crate) fn scores(scores: Vec<i32>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    Ok(Arc::new(Int32Array::try_new(scores.into(), nulls)?))
}

/// A window function of ours, as DataFusion holds it.
pub(crate) type WholePartition = Contract<Partition>;

pub(crate) struct Partition {
    returns: Returns,
    plan: Plan,
}

impl WholePartition {
    /// Refuses wrong constants while the statement is planned.
    pub(crate) fn check(&self, arguments: &Arguments) -> Result<()> {
        (self.body.plan)(arguments).map(drop)
    }
}

impl WindowUDFImpl for WholePartition {
    answer_from_contract!();

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let given = types::check(self.spec, args.input_fields())?;
        Ok(Arc::new(Field::new(args.name(), (self.body.returns)(&given), true)))
    }

    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        let exprs = args.input_exprs();
        match Arguments::from_physical(self.spec, exprs) {
            Ok(arguments) => {
                arguments.columns().into_iter().map(|index| Arc::clone(&exprs[index])).collect()
            }
            // The plan reports what is wrong with the arguments.
            Err(_) => exprs.to_vec(),
        }
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let arguments = Arguments::from_physical(self.spec, args.input_exprs())?;
        Ok(Box::new(Evaluator { name: self.spec.name, whole: (self.body.plan)(&arguments)? }))
    }

    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

struct Evaluator {
    name: &'static str,
    whole: Whole,
}

impl Debug for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluator").field("function", &self.name).finish()
    }
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        (self.whole)(values)
    }
}
