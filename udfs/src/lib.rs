//! What the trade knows: customer analytics as SQL functions on Arrow arrays.
//!
//! The library is a list of packages, each a list of functions, each one file named like its SQL
//! name. [`functions`] is the whole list in the order of the manual, [`install`] puts it into any
//! DataFusion registry. Nothing here knows a catalog, a clock or a runtime.
//!
//! ```no_run
//! # use datafusion::{error::Result, prelude::SessionContext};
//! # fn main() -> Result<()> {
//! let mut context = SessionContext::new();
//! pareto_udfs::install(&mut context)?;
//! # Ok(())
//! # }
//! ```
//!
//! ```sql
//! SELECT customer, rfm_score(last_purchase, 5) OVER () AS r, decile(total) OVER () FROM customers
//! ```
//!
//! How it fits together, from the outside in:
//!
//! | File | What it does |
//! |---|---|
//! | `calls` | how a call may be written: named arguments, OVER; checks constants while planning |
//! | `function` | the contract of a function, stated once |
//! | `args`, `types` | read the constants and the column types of a call against the contract |
//! | `scalar`, `aggregate`, `window`, `table` | the shapes a function can have, as DataFusion functions |
//! | `contract` | what the first three answer from the contract alone |
//! | `distribution` | the aggregates that look at how often each amount occurs |
//! | `ranking`, `amount`, `totals`, `calendar` | order without comparing rows, sums without rounding, days and months |
//! | `parallel` | shares rows out over the cores |
//! | `stop` | ends long work that nobody waits for any more |
//! | `rfm`, `decile`, `concentration`, `segment`, `clv`, `churn` | the packages |
//! | `chains` | the contracts of whole chains by table name, which a host with tables writes out |
//! | `distinct` | `count(DISTINCT ..)` of whole numbers and dates, which the planner puts in its place |
//! | `lookup` | the kernel under joining and grouping a star: from keys to numbers |
//! | `packed` | the kernel under sorting by numbers |
//! | `manual` | writes `docs/functions.md` |
//!
//! To add a function: a file in its package with a `Spec` and a plan, a line in the package's
//! `functions`, a spec in `testdata/slt/functions`.

mod aggregate;
mod amount;
mod args;
mod calendar;
mod calls;
mod chains;
mod churn;
mod clv;
mod concentration;
mod contract;
mod decile;
mod distinct;
mod distribution;
mod function;
#[cfg(test)]
mod invariance;
pub mod lookup;
mod manual;
mod packed;
mod parallel;
mod ranking;
mod rfm;
mod scalar;
mod segment;
mod stop;
mod table;
#[cfg(test)]
mod testing;
mod totals;
mod types;
mod window;

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;

pub use calls::{normalize_calls, normalize_statement};
pub use chains::chains;
pub use distinct::{count_distinct, counts_distinct};
pub use function::{Function, Kind, Otherwise, Parameter, Spec};
pub use manual::manual;
pub use packed::{Packed, packs};
pub use segment::map_table::segment_map_text;
pub use segment::maps::{Cells, MAPS, Map, Range, Rule};
pub use stop::stoppable;

/// Every function, package by package, in the order of the manual.
pub fn functions() -> Vec<Function> {
    let packages = [
        rfm::functions(),
        decile::functions(),
        concentration::functions(),
        segment::functions(),
        clv::functions(),
        churn::functions(),
    ];
    packages.into_iter().flatten().collect()
}

/// The table functions by every name they have, for `register_udtf` of a session: no
/// [`FunctionRegistry`] takes them.
///
/// ```no_run
/// # let context = datafusion::prelude::SessionContext::new();
/// for (name, function) in pareto_udfs::tables() {
///     context.register_udtf(name, function);
/// }
/// ```
pub fn tables() -> Vec<(&'static str, Arc<dyn TableFunctionImpl>)> {
    let named = |function: Function| {
        let names = [function.name()].into_iter().chain(function.aliases().iter().copied());
        let table = match function {
            Function::Table(_, ref table) => Some(Arc::clone(table)),
            Function::Scalar(..) | Function::Aggregate(..) | Function::Window(..) => None,
        };
        names.filter_map(|name| Some((name, Arc::clone(table.as_ref()?)))).collect::<Vec<_>>()
    };
    functions().into_iter().flat_map(named).collect()
}

/// Adds every function with its aliases to a registry, and the planner that checks their calls. Table
/// functions are added by hand: see [`tables`].
///
/// For named arguments that skip an optional one, also run [`normalize_statement`] on the parsed
/// statement before it is planned.
pub fn install(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in functions() {
        function.install(registry)?;
    }
    registry.register_expr_planner(Arc::new(calls::CheckCalls))
}
