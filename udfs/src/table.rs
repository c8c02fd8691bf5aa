//! Table functions: constants in, a small table out.
//!
//! A function gives a [`Plan`], which makes the table from the constants of the call. It runs while
//! the statement is planned, so its arguments must be known then.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;

use crate::args::Arguments;
use crate::function::{Function, Spec};

/// Makes the table.
pub(crate) type Plan = fn(&Arguments) -> Result<RecordBatch>;

/// Makes a function of a contract and a plan.
pub(crate) fn function(spec: &'static Spec, plan: Plan) -> Function {
    Function::Table(spec, Arc::new(Made { spec, plan }))
}

struct Made {
    spec: &'static Spec,
    plan: Plan,
}

impl TableFunctionImpl for Made {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let arguments = Arguments::from_exprs(self.spec, args.exprs())?;
        if let Some(name) = arguments.unknown() {
            return Err(DataFusionError::Plan(format!(
                "{}: {name} must be written out: the table is made before placeholders have values",
                self.spec.name
            )));
        }
        let batch = (self.plan)(&arguments)?;
        Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
    }
}

impl Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("name", &self.spec.name).finish()
    }
}
