//! Scalar functions: one row in, one value out.
//!
//! A function gives a [`Plan`], which reads the constants of the call and returns the closure that
//! turns argument columns into the result column. The constants are checked when the statement is
//! planned. Any NULL among the columns gives NULL, unless the function says otherwise.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
};

use crate::args::Arguments;
use crate::contract::{Contract, answer_from_contract};
use crate::function::{Function, Kind, Spec};
use crate::types;

/// Computes the result column from the column arguments.
pub(crate) type Each = Box<dyn Fn(&[ArrayRef]) -> Result<ArrayRef>>;

/// Reads the constants of a call.
pub(crate) type Plan = fn(&Arguments) -> Result<Each>;

/// Result type for the argument types, after coercion.
pub(crate) type Returns = fn(&[DataType]) -> DataType;

/// Makes a function of a contract and a plan.
pub(crate) fn function(spec: &'static Spec, returns: Returns, plan: Plan) -> Function {
    let each = Contract::new(spec, RowByRow { returns, plan });
    Function::Scalar(spec, Arc::new(ScalarUDF::from(each)))
}

struct RowByRow {
    returns: Returns,
    plan: Plan,
}

impl ScalarUDFImpl for Contract<RowByRow> {
    answer_from_contract!();

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok((self.body.returns)(arg_types))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let given = types::check(self.spec, args.arg_fields)?;
        let arguments = Arguments::from_scalars(self.spec, args.scalar_arguments, true)?;
        (self.body.plan)(&arguments).map(drop)?;
        Ok(Arc::new(Field::new(self.name(), (self.body.returns)(&given), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalars: Vec<Option<&ScalarValue>> = args
            .args
            .iter()
            .map(|arg| match arg {
                ColumnarValue::Scalar(value) => Some(value),
                ColumnarValue::Array(_) => None,
            })
            .collect();
        let arguments = Arguments::from_scalars(self.spec, &scalars, false)?;
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns = self.spec.parameters.iter().zip(&args.args);
        let columns = columns
            .filter(|(parameter, _)| parameter.kind.is_column())
            .map(|(parameter, arg)| match parameter.kind {
                // Nineteen columns, for what is one model: `Models` reads a single row for all.
                Kind::Model => arg.to_array(rows.min(1)),
                _ => arg.to_array(rows),
            })
            .collect::<Result<Vec<_>>>()?;
        let result = (self.body.plan)(&arguments)?(&columns)?;
        if constant {
            return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(result))
    }

    /// Changes nothing: it is where constants that had to be folded first are checked.
    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let arguments = Arguments::from_exprs(self.spec, &args)?;
        (self.body.plan)(&arguments).map(drop)?;
        Ok(ExprSimplifyResult::Original(args))
    }
}
