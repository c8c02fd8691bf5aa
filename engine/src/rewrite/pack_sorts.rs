//! Rule: rows are sorted by whole numbers as one number each.
//!
//! Deciles, scores and visits sort all customers by an amount, a count or a day. DataFusion sorts small pieces and merges
//! them, comparing rows column by column; where all columns are numbers that fit into 64 bits together, digits put them in
//! order in a few passes (`pareto_udfs::Packed`):
//!
//! ```text
//! SortExec: customer_id, sold_on    =>    PackedSortExec: customer_id, sold_on
//! ```
//!
//! Whether they fit is known when the rows are there. If not, or when rows need more memory than there is, the plain sort
//! takes over with the rows that were read, and spills. It runs when all sorts are in their places, and leaves alone those
//! with a limit, which need not sort at all, and those of few rows.

mod exec;

use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use exec::PackedSortExec;
use pareto_udfs::packs;
use std::sync::Arc;

/// Fewer rows are sorted in no time.
const FEW: usize = 50_000;

/// The rule; `pareto.packed_sorts` switches it.
#[derive(Debug)]
pub(crate) struct PackSorts;

impl PhysicalOptimizerRule for PackSorts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.packed_sorts) {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match replacement(&node)? {
                Some(exec) => Transformed::yes(Arc::new(exec) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "pack_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What sorts in place of a node, if it sorts many rows by numbers.
fn replacement(node: &Arc<dyn ExecutionPlan>) -> Result<Option<PackedSortExec>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(None) };
    if sort.fetch().is_some() {
        return Ok(None);
    }
    let schema = sort.input().schema();
    for column in sort.expr() {
        if !packs(&column.expr.data_type(&schema)?) {
            return Ok(None);
        }
    }
    let known = StatisticsContext::new().compute(sort.input().as_ref(), &StatisticsArgs::new())?;
    let many = known.num_rows.get_value().is_some_and(|rows| *rows >= FEW);
    Ok(many.then(|| PackedSortExec::new(sort)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::FairSpillPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};

    /// Sales in no order, of whom some customers are not known.
    async fn session(memory: Option<usize>) -> SessionContext {
        let config = SessionConfig::new()
            .with_target_partitions(2)
            .with_batch_size(1000)
            .with_sort_spill_reservation_bytes(64 << 10);
        let mut runtime = RuntimeEnvBuilder::new();
        if let Some(memory) = memory {
            runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(memory)));
        }
        let context =
            SessionContext::new_with_config_rt(config, Arc::new(runtime.build().unwrap()));
        let rows = "CREATE TABLE sales AS SELECT value AS sale, CASE WHEN value % 11 > 0 THEN value * 7919 % 3001 - 50 END AS customer, \
             CAST(value * 31 % 977 AS INT) - 400 AS day, CAST(value * 37 % 5003 AS DECIMAL(22, 2)) AS money, \
             value * 1000000007 * 1000000007 AS far, concat('text ', value % 29) AS what FROM generate_series(1, 60000)";
        context.sql(rows).await.unwrap().collect().await.unwrap();
        context
    }

    /// The rows as they come, of the plan as it is or with every sort packed; and how often the plain sort took over.
    async fn answer(context: &SessionContext, sql: &str, pack: bool) -> (String, usize) {
        let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let packed = |node: Arc<dyn ExecutionPlan>| {
            let sort = node.downcast_ref::<SortExec>().filter(|_| pack).map(PackedSortExec::new);
            Ok(match sort {
                Some(sort) => Transformed::yes(Arc::new(sort) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        };
        let plan = plan.transform_up(packed).data().unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert_eq!(shown.contains("PackedSortExec"), pack, "{shown}");
        let rows = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
        let mut plain = 0;
        plan.apply(|node| {
            if node.is::<PackedSortExec>() {
                let metrics = node.metrics().unwrap();
                plain += metrics.sum_by_name("plain").map_or(0, |count| count.as_usize());
                assert_eq!(metrics.output_rows(), Some(60_000));
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })
        .unwrap();
        (arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string(), plain)
    }

    const QUESTIONS: [&str; 4] = [
        "SELECT * FROM sales ORDER BY customer, day DESC, sale",
        "SELECT what, money, sale FROM sales ORDER BY money DESC, customer NULLS FIRST, sale DESC",
        "SELECT customer, day, sale, lag(sale) OVER (PARTITION BY customer ORDER BY day, sale) FROM sales ORDER BY sale",
        "SELECT sale, sum(money) OVER (PARTITION BY day ORDER BY sale) FROM sales ORDER BY sale + day, sale",
    ];

    #[tokio::test]
    async fn rows_come_in_the_order_of_the_plain_sort() {
        let context = session(None).await;
        for sql in QUESTIONS {
            let (plain, _) = answer(&context, sql, false).await;
            assert_eq!(answer(&context, sql, true).await, (plain, 0), "{sql}");
        }
    }

    #[tokio::test]
    async fn the_plain_sort_takes_over_with_the_rows_that_were_read() {
        let context = session(None).await;
        let far = "SELECT sale, far FROM sales ORDER BY far, customer DESC, sale";
        let (plain, _) = answer(&context, far, false).await;
        let (packed, taken_over) = answer(&context, far, true).await;
        assert_eq!(packed, plain);
        assert!(taken_over > 0);
        let little = session(Some(3_000_000)).await;
        let (packed, taken_over) = answer(&little, QUESTIONS[0], true).await;
        assert_eq!(packed, answer(&context, QUESTIONS[0], false).await.0);
        assert!(taken_over > 0);
    }
}
