//! Rows that are computed once, for everything that a statement does with them.
//!
//! Which rows change is needed three times: to find the files, to leave those rows out, and to make the rows that take their
//! place. Not every query answers the same three times: equal rows come in another order, and `row_number()` numbers them
//! anew; floats are summed in another order, and the sum is another. So it is asked once, and what it answered is kept
//! ([`crate::kept_rows`]) until the last plan that reads it is gone.
//!
//! Example: of three rows with the same `id`, `DELETE FROM t WHERE n IN (SELECT n FROM (SELECT n, row_number() OVER
//! (PARTITION BY id ORDER BY id) AS place FROM t) AS p WHERE place > 1)` leaves one, whichever comes first.

mod exec;

use super::physical;
use crate::context::StatementContext;
use crate::error::Result;
use crate::kept_rows::Kept;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as PlanResult;
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use exec::DecidedRowsExec;
use futures::future::BoxFuture;
use std::sync::Arc;

/// The name under which the rows are read.
const NAME: &str = "__pareto_decided";

/// The rows of a query.
pub(super) struct Decided {
    rows: Arc<Rows>,
}

impl Decided {
    /// Plans a query whose rows are kept once something reads them.
    pub(super) fn of<'a>(
        ctx: &'a StatementContext,
        plan: &'a LogicalPlan,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let plan = physical(ctx, plan).await?;
            let (schema, partitions) =
                (plan.schema(), plan.output_partitioning().partition_count());
            let kept = Arc::new(Kept::new("rows that change", plan));
            Ok(Self { rows: Arc::new(Rows { kept, partitions, schema }) })
        })
    }

    /// Reads the rows; as often as is needed.
    pub(super) fn scan(&self) -> Result<LogicalPlan> {
        let rows: Arc<dyn TableProvider> = Arc::clone(&self.rows) as _;
        Ok(LogicalPlanBuilder::scan(NAME, provider_as_source(rows), None)?.build()?)
    }
}

/// The rows as a table.
#[derive(Debug)]
struct Rows {
    kept: Arc<Kept>,
    partitions: usize,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let kept = Arc::clone(&self.kept);
        let rows = Arc::new(DecidedRowsExec::new(kept, self.partitions, self.schema()));
        let Some(columns) = projection else { return Ok(rows) };
        let columns: Vec<_> =
            ProjectionExprs::from_indices(columns, &self.schema).iter().cloned().collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, rows)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::asking::open;
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::common::stats::Precision;
    use datafusion::physical_plan::collect;
    use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
    use tempfile::tempdir;

    #[tokio::test]
    async fn every_plan_that_reads_the_rows_reads_the_same() {
        let place = tempdir().unwrap();
        let session = open(&place).await;
        let context = session.context().await.unwrap();
        let chance = "SELECT random() AS chance FROM generate_series(1, 100)";
        let chance = context.plan_query(chance).await.unwrap();
        let decided = Decided::of(&context, &chance).await.unwrap();
        let (mut answers, mut counts) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let plan = physical(&context, &decided.scan().unwrap()).await.unwrap();
            let known = StatisticsContext::new().compute(&*plan, &StatisticsArgs::new()).unwrap();
            counts.push(known.num_rows);
            let batches = collect(plan, context.task()).await.unwrap();
            assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 100);
            let text = pretty_format_batches(&batches).unwrap().to_string();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            answers.push(lines);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(counts, [Precision::Absent, Precision::Exact(100)]);
    }
}
