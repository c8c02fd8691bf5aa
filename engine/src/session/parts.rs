//! A query cut into parts, so that its rows can be fetched side by side.
//!
//! The parts are the partitions of one physical plan, made once: all read the same files, so they are one moment of the
//! warehouse whenever they run. A part runs on its own, in any order, as often as it is asked for, and never waits for
//! another. Part after part their rows are those of the query, none missing and none twice.
//!
//! ```text
//! SELECT .. FROM sales WHERE ..                 a part per group of files        ──> n parts
//! .. JOIN customer ..  (customer held whole)    each part holds it for itself    ──> n parts
//! SELECT .. GROUP BY, ORDER BY, LIMIT           partitions that exchange rows    ──> None
//! ```
//!
//! A plan whose partitions exchange rows is not cut: running one of them alone would compute the whole, or wait for ever
//! for the others. What is built anew for every part is the small side of a join, nothing else.

use super::{Outcome, Session};
use crate::error::{EngineError, Result};
use crate::rewrite::StarJoinOrderExec;
use crate::rights::standing;
use crate::sql::tree::Tree;
use datafusion::common::JoinType;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::TryStreamExt;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

/// A query in parts.
pub struct Parts {
    session: Arc<Session>,
    sql: String,
    statement: Tree,
    plan: Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    count: usize,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("sql", &self.sql).field("count", &self.count).finish()
    }
}

impl Parts {
    /// Cuts a query into at most `most` parts.
    pub(super) async fn cut(
        session: Arc<Session>,
        sql: &str,
        statement: &Tree,
        most: usize,
    ) -> Result<Option<Self>> {
        let mut context = session.context().await?;
        let mut state = context.state().copy();
        let options = state.config_mut().options_mut();
        options.execution.target_partitions = most;
        // What makes partitions depend on each other while they run.
        options.execution.enable_file_stream_work_stealing = false;
        options.optimizer.enable_round_robin_repartition = false;
        options.optimizer.enable_dynamic_filter_pushdown = false;
        options.optimizer.enable_join_dynamic_filter_pushdown = false;
        options.optimizer.enable_topk_dynamic_filter_pushdown = false;
        options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        context.plan_with(state.into());
        let logical = context.plan(statement.share()).await?;
        let plan = context.state().create_physical_plan(&logical).await?;
        let partitions = plan.output_partitioning().partition_count();
        if partitions < 2 || !is_independent(&plan) {
            return Ok(None);
        }
        let task = context.state().task_ctx();
        let (sql, statement) = (sql.to_owned(), statement.share());
        Ok(Some(Self { session, sql, statement, plan, task, count: partitions.min(most) }))
    }

    /// How many there are, at least two.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Everything the parts read, as text that differs when anything else would be read.
    pub fn files(&self) -> String {
        let mut text = String::new();
        list_files(&self.plan, &mut text);
        text
    }

    /// Runs one part, from 0. What its user may do is asked anew, and while it runs, as for any statement.
    pub async fn execute(&self, part: usize) -> Result<Outcome> {
        let mut running = self.session.begin(&self.sql);
        match Box::pin(self.run(part)).await {
            Ok(outcome) => Ok(running.follow(outcome, &self.sql)),
            Err(error) => {
                let error = error.locate(&self.sql);
                running.fail(&error);
                Err(error)
            }
        }
    }

    async fn run(&self, part: usize) -> Result<Outcome> {
        if part >= self.count {
            return Err(EngineError::not_found(format!(
                "there is no part {part}, they are numbered from 0 to {}",
                self.count - 1
            )));
        }
        let context = self.session.context().await?;
        context.plan(self.statement.share()).await?;
        // A plan remembers what it has built; each run has its own.
        let plan = reset_plan_states(Arc::clone(&self.plan))?;
        let (schema, task) = (plan.schema(), Arc::clone(&self.task));
        let streams = self
            .partitions(part)
            .map(move |index| Ok::<_, DataFusionError>((index, Arc::clone(&plan))));
        // Each begins when the one before has ended, so that a part holds one at a time.
        let rows = futures::stream::iter(streams)
            .and_then(move |(index, plan)| {
                let stream = plan.execute(index, Arc::clone(&task));
                async move { stream }
            })
            .try_flatten();
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        Ok(Outcome::Rows(standing::watch(&context, rows)))
    }

    /// The plan's partitions that make one part: neighbours, so that the order of parts is the order of partitions.
    fn partitions(&self, part: usize) -> Range<usize> {
        let partitions = self.plan.output_partitioning().partition_count();
        part * partitions / self.count..(part + 1) * partitions / self.count
    }
}

/// Whether each partition can be run alone, in a copy of the plan.
fn is_independent(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        // A row of the small side that finds no partner is known only when all partitions have looked.
        let by_probe = matches!(
            join.join_type(),
            JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti
        );
        return by_probe
            && *join.partition_mode() == PartitionMode::CollectLeft
            && is_independent(join.right());
    }
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        return source.data_source().downcast_ref::<FileScanConfig>().is_some();
    }
    let passes_on = plan.is::<FilterExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<StarJoinOrderExec>()
        || plan.is::<UnionExec>();
    passes_on && plan.children().into_iter().all(is_independent)
}

fn list_files(plan: &Arc<dyn ExecutionPlan>, text: &mut String) {
    if let Some(source) = plan.downcast_ref::<DataSourceExec>()
        && let Some(config) = source.data_source().downcast_ref::<FileScanConfig>()
    {
        for group in &config.file_groups {
            for file in group.files() {
                let object = &file.object_meta;
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{} {} {:?}", object.location, object.size, file.range);
            }
            text.push('\n');
        }
    }
    plan.children().into_iter().for_each(|child| list_files(child, text));
}
