//! Rule: groups by one whole number are numbered by an array in place of a hash table.
//!
//! Most questions of customer value begin with `GROUP BY customer_id`, and customers have numbers that lie close together.
//! What the log knows of the least and the greatest tells how many there may be; if the rows are many more, each thread
//! keeps an array with a slot for each number:
//!
//! ```text
//! AggregateExec: mode=FinalPartitioned, gby=[customer_id]     AggregateExec: mode=FinalPartitioned, gby=[customer_id]
//!   RepartitionExec: Hash(customer_id)                    =>    RepartitionExec: Hash(customer_id)
//!     AggregateExec: mode=Partial, gby=[customer_id]              NumberedAggregateExec: gby=[customer_id]
//! ```
//!
//! What was known may be wrong: numbers beyond the array are found by hash. It runs at the end, on first steps of aggregates
//! only, and leaves alone those whose rows come in the order of their groups, which need no table at all.

mod exec;

use crate::settings::ParetoOptions;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};
use exec::NumberedAggregateExec;
use pareto_udfs::lookup::{KeysMet, extremes};
use std::sync::Arc;

/// At most so many slots, four bytes each, for each thread.
const MOST_SLOTS: usize = 1 << 22;

/// There must be so many rows for each slot.
const ROWS_PER_SLOT: usize = 4;

/// The rule; `pareto.group_numbering` switches it.
#[derive(Debug)]
pub(crate) struct NumberGroups;

impl PhysicalOptimizerRule for NumberGroups {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.group_numbering) {
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
        "number_groups"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Numbers that are expected: the least, and how many there could be.
#[derive(Debug, Clone, Copy)]
struct Expected {
    least: i64,
    count: usize,
}

/// What aggregates in place of a node, if its groups are numbers that lie close together.
fn replacement(node: &Arc<dyn ExecutionPlan>) -> Result<Option<NumberedAggregateExec>> {
    let Some(aggregate) = node.downcast_ref::<AggregateExec>() else { return Ok(None) };
    let [(key, _)] = aggregate.group_expr().expr() else { return Ok(None) };
    let ordered = aggregate.aggr_expr().iter().any(|function| !function.order_bys().is_empty());
    let is_plain = *aggregate.mode() == AggregateMode::Partial
        && *aggregate.input_order_mode() == InputOrderMode::Linear
        && aggregate.group_expr().is_single()
        && aggregate.limit_options().is_none()
        && !ordered;
    if !is_plain || !KeysMet::supports(&key.data_type(&aggregate.input().schema())?) {
        return Ok(None);
    }
    let Some(column) = key.downcast_ref::<Column>() else { return Ok(None) };
    let Some(expected) = expected(aggregate.input(), column)? else { return Ok(None) };
    Ok(Some(NumberedAggregateExec::new(aggregate, expected)))
}

/// The numbers that a column is likely to have, if its rows are many more.
fn expected(input: &Arc<dyn ExecutionPlan>, column: &Column) -> Result<Option<Expected>> {
    let known = StatisticsContext::new().compute(input.as_ref(), &StatisticsArgs::new())?;
    let Some(values) = known.column_statistics.get(column.index()) else { return Ok(None) };
    let (Some(rows), Some(least), Some(most)) =
        (known.num_rows.get_value(), values.min_value.get_value(), values.max_value.get_value())
    else {
        return Ok(None);
    };
    let ends = ScalarValue::iter_to_array([least.clone(), most.clone()]);
    let Some(((_, least), (_, most))) = ends.ok().as_ref().and_then(extremes) else {
        return Ok(None);
    };
    let count = i128::from(most) - i128::from(least) + 1;
    let count = usize::try_from(count).ok().filter(|count| *count <= MOST_SLOTS);
    Ok(count.filter(|count| count * ROWS_PER_SLOT <= *rows).map(|count| Expected { least, count }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::tree_node::TreeNodeRecursion;
    use datafusion::execution::memory_pool::FairSpillPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};

    /// Sales of some customers, of whom some are not known.
    async fn session(threads: usize, batch_size: usize, memory: Option<usize>) -> SessionContext {
        let config =
            SessionConfig::new().with_target_partitions(threads).with_batch_size(batch_size);
        let mut runtime = RuntimeEnvBuilder::new();
        if let Some(memory) = memory {
            runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(memory)));
        }
        let runtime = Arc::new(runtime.build().unwrap());
        let context = SessionContext::new_with_config_rt(config, runtime);
        let rows = "CREATE TABLE sales AS SELECT CASE WHEN value % 11 > 0 THEN value * 7919 % 3001 - 50 END AS customer, \
             CAST(value % 40 AS SMALLINT) AS small, CASE WHEN value % 5 > 0 THEN value END AS money, \
             CASE WHEN value % 3 > 0 THEN concat('t', value % 29) END AS what FROM generate_series(1, 20000)";
        context.sql(rows).await.unwrap().collect().await.unwrap();
        context
    }

    /// The answer, sorted, of the plan as it is, or with every first step by numbers of which some are expected; and how
    /// many states these gave.
    async fn answer(
        context: &SessionContext,
        sql: &str,
        expected: Option<Expected>,
    ) -> (Vec<String>, usize) {
        let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let numbered = |node: Arc<dyn ExecutionPlan>| {
            let first = node
                .downcast_ref::<AggregateExec>()
                .filter(|aggregate| *aggregate.mode() == AggregateMode::Partial);
            Ok(match (first, expected) {
                (Some(first), Some(expected)) => {
                    let exec = NumberedAggregateExec::new(first, expected);
                    Transformed::yes(Arc::new(exec) as Arc<dyn ExecutionPlan>)
                }
                _ => Transformed::no(node),
            })
        };
        let plan = plan.transform_up(numbered).data().unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert_eq!(shown.contains("NumberedAggregateExec"), expected.is_some(), "{shown}");
        let rows = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
        let mut given = 0;
        plan.apply(|node| {
            if node.is::<NumberedAggregateExec>() {
                given += node.metrics().and_then(|metrics| metrics.output_rows()).unwrap();
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        let rows = arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
        let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
        rows.sort();
        (rows, given)
    }

    const QUESTIONS: [&str; 4] = [
        "SELECT customer, count(*), sum(money), avg(money), min(what), max(money) FROM sales GROUP BY customer",
        "SELECT customer, count(DISTINCT what), sum(money) FILTER (WHERE what > 't2'), median(money) FROM sales GROUP BY customer",
        "SELECT DISTINCT customer FROM sales",
        "SELECT small, count(what), bit_xor(money) FROM sales WHERE money > 100 GROUP BY small",
    ];

    #[tokio::test]
    async fn answers_are_the_same_whatever_is_expected() {
        let all = Expected { least: -50, count: 3001 };
        let some = Expected { least: 100, count: 70 };
        let none = Expected { least: 1 << 40, count: 10 };
        for (threads, batch_size) in [(2, 8192), (3, 64)] {
            let context = session(threads, batch_size, None).await;
            for sql in QUESTIONS {
                let (plain, _) = answer(&context, sql, None).await;
                for expected in [all, some, none] {
                    assert_eq!(answer(&context, sql, Some(expected)).await.0, plain, "{sql}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_into_memory_comes_out_in_parts() {
        let much = session(2, 64, None).await;
        let little = session(2, 64, Some(600_000)).await;
        let expected = Expected { least: -50, count: 3001 };
        let sql = QUESTIONS[0];
        let (plain, _) = answer(&much, sql, None).await;
        let (whole, at_once) = answer(&much, sql, Some(expected)).await;
        let (parts, in_parts) = answer(&little, sql, Some(expected)).await;
        assert_eq!((&whole, &parts), (&plain, &plain));
        assert!(in_parts > at_once, "{in_parts} states, {at_once} at once");
    }
}
