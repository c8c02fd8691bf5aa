//! Rows that are computed once, for everything that a statement does with them.
//!
//! Which rows change is needed three times: to find the files, to leave those rows out, and to make the rows that take their
//! place. Not every query answers the same three times: equal rows come in another order, and `row_number()` numbers them
//! anew; floats are summed in another order, and the sum is another. So it is asked once, and what it answered is kept
//! ([`crate::kept_rows`]) until the last plan that reads it is gone.
//!
//! Example: of three rows with the same `id`, `DELETE FROM t WHERE n IN (SELECT n FROM (SELECT n, row_number() OVER
//! (PARTITION BY id ORDER BY id) AS place FROM t) AS p WHERE place > 1)` leaves one, whichever comes first.

use super::physical;
use crate::context::StatementContext;
use crate::error::Result;
use crate::kept_rows::Kept;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// The name under which the rows are read.
const NAME: &str = "__pareto_decided";

/// The rows of a query.
pub(super) struct Decided {
    rows: Arc<dyn TableProvider>,
}

impl Decided {
    /// Plans a query whose rows are kept once something reads them.
    pub(super) fn of<'a>(
        ctx: &'a StatementContext,
        plan: &'a LogicalPlan,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let plan = physical(ctx, plan).await?;
            let (schema, count) = (plan.schema(), plan.output_partitioning().partition_count());
            let kept = Arc::new(Kept::new("rows that change", plan));
            let part = |partition| -> Arc<dyn PartitionStream> {
                Arc::new(Part { kept: Arc::clone(&kept), partition, schema: Arc::clone(&schema) })
            };
            let parts = (0..count).map(part).collect();
            Ok(Self { rows: Arc::new(StreamingTable::try_new(Arc::clone(&schema), parts)?) })
        })
    }

    /// Reads the rows; as often as is needed.
    pub(super) fn scan(&self) -> Result<LogicalPlan> {
        let source = provider_as_source(Arc::clone(&self.rows));
        Ok(LogicalPlanBuilder::scan(NAME, source, None)?.build()?)
    }
}

/// The rows of a partition.
struct Part {
    kept: Arc<Kept>,
    partition: usize,
    schema: SchemaRef,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (kept, partition) = (Arc::clone(&self.kept), self.partition);
        let rows =
            async move { kept.rows(partition, context, &ExecutionPlanMetricsSet::new()).await };
        let rows = futures::stream::once(rows).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::asking::open;
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::physical_plan::collect;
    use tempfile::tempdir;

    #[tokio::test]
    async fn every_plan_that_reads_the_rows_reads_the_same() {
        let place = tempdir().unwrap();
        let session = open(&place).await;
        let context = session.context().await.unwrap();
        let chance = "SELECT random() AS chance FROM generate_series(1, 100)";
        let chance = context.plan_query(chance).await.unwrap();
        let decided = Decided::of(&context, &chance).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..2 {
            let plan = physical(&context, &decided.scan().unwrap()).await.unwrap();
            let batches = collect(plan, context.task()).await.unwrap();
            assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 100);
            let text = pretty_format_batches(&batches).unwrap().to_string();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            answers.push(lines);
        }
        assert_eq!(answers[0], answers[1]);
    }
}
