//! The progress of a load, read off the plan's own counters a few times a second. It changes nothing and costs nothing
//! when nobody watches.

use crate::context::StatementContext;
use crate::progress::Progress;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the counters are read.
const EVERY: Duration = Duration::from_millis(200);

/// Watches until it is dropped.
pub(super) struct Watching {
    task: Option<JoinHandle<()>>,
    progress: Option<Arc<dyn Progress>>,
}

/// Starts to report how far the leaves of a plan have come.
pub(super) fn start(
    ctx: &StatementContext,
    title: &str,
    bytes: Option<u64>,
    plan: &Arc<dyn ExecutionPlan>,
) -> Watching {
    let Some(progress) = ctx.engine.progress().map(Arc::clone) else {
        return Watching { task: None, progress: None };
    };
    progress.begin(title, bytes);
    let (plan, told) = (Arc::clone(plan), Arc::clone(&progress));
    let task = tokio::spawn(async move {
        let (mut bytes_before, mut rows_before) = (0, 0);
        loop {
            tokio::time::sleep(EVERY).await;
            let (bytes, rows) = counted(&plan);
            told.advance(bytes.saturating_sub(bytes_before), rows.saturating_sub(rows_before));
            (bytes_before, rows_before) = (bytes, rows);
        }
    });
    Watching { task: Some(task), progress: Some(progress) }
}

/// Bytes read and rows yielded by the leaves.
fn counted(plan: &Arc<dyn ExecutionPlan>) -> (u64, u64) {
    let children = plan.children();
    if !children.is_empty() {
        return children
            .into_iter()
            .map(counted)
            .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    }
    let Some(metrics) = plan.metrics() else { return (0, 0) };
    let of = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
    (of("bytes_scanned"), metrics.output_rows().unwrap_or(0) as u64)
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
    }
}
