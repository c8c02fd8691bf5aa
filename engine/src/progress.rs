//! What a long statement tells whoever watches, and what they can tell it.
//!
//! The engine reports; the command line draws. A report is a few integers and must return at once: it is called from
//! the threads that do the work. Nothing depends on it; leaving it out changes no answer.
//!
//! Example: a load of three files calls `begin("loading sales", Some(total))`, `advance(bytes, rows)` as batches pass,
//! then `finish()`.

use crate::interrupt::Interrupt;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use std::fmt::{self, Debug};
use std::sync::{Arc, OnceLock};

/// Receives the progress of loads and rewrites.
pub trait Progress: Debug + Send + Sync {
    /// A long step starts; `total_bytes` when it is known.
    fn begin(&self, title: &str, total_bytes: Option<u64>);
    /// More of it is done.
    fn advance(&self, bytes: u64, rows: u64);
    /// It ended, well or not.
    fn finish(&self);
}

/// How far a query is: the rows its scans have given, of those they will give.
///
/// Example: a scan of 1,000 rows that has handed on 250 is at 0.25. What is done with the rows afterwards is not
/// counted, so a query at 1.0 may still sort. It is unknown for a query that reads no table.
#[derive(Default)]
pub struct QueryProgress {
    plan: OnceLock<Arc<dyn ExecutionPlan>>,
    interrupt: Interrupt,
}

impl Debug for QueryProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryProgress").field(&self.fraction()).finish()
    }
}

impl QueryProgress {
    /// The query starts with this plan. Only the first plan counts.
    pub(crate) fn follow(&self, plan: &Arc<dyn ExecutionPlan>) {
        let _later = self.plan.set(Arc::clone(plan));
    }

    /// Tells the query that it is no longer wanted, in the middle of a join too. Dropping its stream frees what it holds.
    pub fn stop(&self) {
        self.interrupt.set();
    }

    pub(crate) const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// From 0 to 1; `None` while the query is being planned, and when nothing says how much there is to read.
    pub fn fraction(&self) -> Option<f64> {
        let (mut done, mut total) = (0, 0);
        count(self.plan.get()?.as_ref(), &mut done, &mut total);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share of two counts needs no more digits"
        )]
        let fraction = done as f64 / total as f64;
        (total > 0).then(|| fraction.min(1.0))
    }
}

/// Adds up the leaves that know how many rows they have.
fn count(plan: &dyn ExecutionPlan, done: &mut usize, total: &mut usize) {
    let children = plan.children();
    if children.is_empty() {
        let context = StatisticsContext::default();
        let rows = context.compute(plan, &StatisticsArgs::new()).ok();
        if let Some(rows) = rows.and_then(|rows| rows.num_rows.get_value().copied()) {
            *total += rows;
            let metrics = plan.metrics();
            // Rows that the scan ruled out itself are done too.
            let skipped = metrics.as_ref().and_then(|metrics| metrics.sum_by_name("skipped_rows"));
            let given = metrics.as_ref().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
            *done += (given + skipped.map_or(0, |skipped| skipped.as_usize())).min(rows);
        }
    }
    for child in children {
        count(child.as_ref(), done, total);
    }
}
