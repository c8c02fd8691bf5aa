//! Rule: windows that look at neighbours are computed for a batch of rows at once.
//!
//! How long a customer stayed away is `sold_on - lag(sold_on) OVER (PARTITION BY customer_id ORDER BY sold_on)`: hundreds of
//! thousands of partitions of a dozen rows each. DataFusion computes each partition by itself, which costs more than sorting
//! the rows. Where rows come sorted, what `lag`, `lead`, `row_number`, `rank` and `dense_rank` give depends on places alone:
//!
//! ```text
//! BoundedWindowAggExec: wdw=[lag(sold_on) ..], mode=[Sorted]   =>   NeighbourWindowExec: wdw=[lag(sold_on) ..]
//!   SortExec: customer_id, sold_on                                    SortExec: customer_id, sold_on
//! ```
//!
//! It runs when sorts are in their places, and changes nothing but who computes. Windows of other functions stay, also
//! those that stand beside these in one operator, `IGNORE NULLS`, and shifts that are not constants or reach farther than
//! [`look::FARTHEST`].

mod exec;
mod look;

use crate::settings::ParetoOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};
use exec::NeighbourWindowExec;
use look::{Look, Over};
use std::sync::Arc;

/// The rule; `pareto.neighbour_windows` switches it.
#[derive(Debug)]
pub(crate) struct ReadNeighbours;

impl PhysicalOptimizerRule for ReadNeighbours {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(config, |own| own.neighbour_windows) {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match replacement(&node) {
                Some(exec) => Transformed::yes(Arc::new(exec) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "read_neighbours"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What computes a node's windows, if all of them look at neighbours.
fn replacement(node: &Arc<dyn ExecutionPlan>) -> Option<NeighbourWindowExec> {
    let windows = node.downcast_ref::<BoundedWindowAggExec>()?;
    if windows.input_order_mode != InputOrderMode::Sorted {
        return None;
    }
    let (first, others) = windows.window_expr().split_first()?;
    let alike = others.iter().all(|other| {
        other.partition_by() == first.partition_by() && other.order_by() == first.order_by()
    });
    if !alike {
        return None;
    }
    let looks: Option<Vec<Look>> = windows.window_expr().iter().map(Look::of).collect();
    let over = Over {
        partition: first.partition_by().to_vec(),
        order: first.order_by().iter().map(|key| Arc::clone(&key.expr)).collect(),
    };
    Some(NeighbourWindowExec::new(Arc::clone(node), looks?, over))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::install;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::{SessionConfig, SessionContext};

    /// Rows of customers with many, few, one and no known days, in threads and batches.
    async fn session(on: bool, threads: usize, batch_size: usize) -> SessionContext {
        let mut config =
            SessionConfig::new().with_target_partitions(threads).with_batch_size(batch_size);
        let options = ParetoOptions { neighbour_windows: on, ..Default::default() };
        config.options_mut().extensions.insert(options);
        let builder = SessionStateBuilder::new().with_default_features().with_config(config);
        let context = SessionContext::new_with_state(install(builder).build());
        let rows = "CREATE TABLE visits AS SELECT value AS id, CASE WHEN value % 11 > 0 THEN value * 7 % (1 + value % 23) END \
             AS customer, CASE WHEN value % 5 > 0 THEN value * 13 % 17 END AS day, CASE WHEN value % 3 > 0 THEN concat('v', \
             value % 29) END AS what, value % 2 = 0 AS is_even FROM generate_series(1, 300)";
        context.sql(rows).await.unwrap().collect().await.unwrap();
        context
    }

    async fn answer(context: &SessionContext, sql: &str) -> (String, String) {
        let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let rows = context.sql(sql).await.unwrap().collect().await.unwrap();
        let rows = arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
        (rows, displayable(plan.as_ref()).indent(false).to_string())
    }

    /// Windows that we compute. What reads another row has an order without ties, so that there is one answer.
    const OURS: [&str; 12] = [
        "lag(day) OVER (PARTITION BY customer ORDER BY id)",
        "lag(what, 2) OVER (PARTITION BY customer ORDER BY day DESC, id)",
        "lag(what, 3, 'none') OVER (PARTITION BY customer, is_even ORDER BY id)",
        "lag(id, 40, -1) OVER (ORDER BY id)",
        "lead(day) OVER (PARTITION BY customer ORDER BY id)",
        "lead(what, 2, 'none') OVER (PARTITION BY customer ORDER BY day NULLS FIRST, id)",
        "lead(id, 33) OVER (ORDER BY id DESC)",
        "lead(is_even, 5, true) OVER (PARTITION BY what ORDER BY id)",
        "row_number() OVER (PARTITION BY customer ORDER BY id)",
        "row_number() OVER (ORDER BY id)",
        "rank() OVER (PARTITION BY customer ORDER BY day)",
        "dense_rank() OVER (PARTITION BY customer ORDER BY day)",
    ];

    #[tokio::test]
    async fn windows_give_what_datafusion_gives() {
        for (threads, batch_size) in [(1, 8192), (2, 7), (3, 1), (1, 64)] {
            let on = session(true, threads, batch_size).await;
            let off = session(false, threads, batch_size).await;
            let pairs =
                OURS.iter().zip(OURS.iter().skip(1)).map(|(one, other)| format!("{one}, {other}"));
            for windows in OURS.iter().map(ToString::to_string).chain(pairs) {
                let sql = format!("SELECT id, {windows} FROM visits ORDER BY id");
                let ((ours, plan), (plain, _)) =
                    (answer(&on, &sql).await, answer(&off, &sql).await);
                assert_eq!(
                    ours, plain,
                    "{threads} threads, batches of {batch_size}: {sql}\n{plan}"
                );
                assert!(plan.contains("NeighbourWindowExec"), "{sql}\n{plan}");
                assert!(!plan.contains("BoundedWindowAggExec"), "{sql}\n{plan}");
            }
        }
    }

    #[tokio::test]
    async fn other_windows_are_left_alone() {
        let context = session(true, 2, 8192).await;
        for window in [
            "lag(day) IGNORE NULLS OVER (PARTITION BY customer ORDER BY id)",
            "lead(day, 2) IGNORE NULLS OVER (PARTITION BY customer ORDER BY id)",
            "lag(day, 0) OVER (PARTITION BY customer ORDER BY id)",
            "lag(day, -1) OVER (PARTITION BY customer ORDER BY id)",
            "lag(day, 5000) OVER (PARTITION BY customer ORDER BY id)",
            "first_value(day) OVER (PARTITION BY customer ORDER BY id)",
            "sum(day) OVER (PARTITION BY customer ORDER BY id)",
            "percent_rank() OVER (PARTITION BY customer ORDER BY id)",
            "lag(day) OVER (ORDER BY id), sum(day) OVER (ORDER BY id)",
        ] {
            let (_, plan) = answer(&context, &format!("SELECT id, {window} FROM visits")).await;
            assert!(!plan.contains("NeighbourWindowExec"), "{window}\n{plan}");
        }
    }
}
