//! Runs SQL with the functions installed: the one way the tests of this package ask a question.
//!
//! `rows("SELECT 1, 'a'")` is `["1 a"]`; `error("SELECT rfm_score(1)")` is the message. Statements
//! go the way the engine sends them: parse, write calls out in full, plan, run.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A session with the functions of this package.
pub(crate) fn session(batch_size: usize, partitions: usize) -> SessionContext {
    let mut config =
        SessionConfig::new().with_batch_size(batch_size).with_target_partitions(partitions);
    // A second batch of groups that do not repeat goes on as states, without a first aggregation.
    config.options_mut().execution.skip_partial_aggregation_probe_rows_threshold = batch_size;
    let mut context = SessionContext::new_with_config(config);
    crate::install(&mut context).unwrap();
    for (name, function) in crate::tables() {
        context.register_udtf(name, function);
    }
    context
}

/// Runs a statement in a session.
pub(crate) async fn run(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    let state = context.state();
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    crate::normalize_statement(&mut statement)?;
    let plan = state.statement_to_plan(statement).await?;
    context.execute_logical_plan(plan).await?.collect().await
}

/// Plans a statement in a session, without running it.
pub(crate) async fn plan(context: &SessionContext, sql: &str) -> Result<()> {
    let state = context.state();
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    crate::normalize_statement(&mut statement)?;
    state.statement_to_plan(statement).await.map(drop)
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

/// The rows of the answer, cells separated by a space.
pub(crate) fn rows(sql: &str) -> Vec<String> {
    let context = session(8_192, 2);
    show(&wait(run(&context, sql)).unwrap_or_else(|error| panic!("{sql}\n{error}")))
}

/// The rows of the answer over a table `t` split into batches and partitions, or the message.
pub(crate) fn rows_over(
    parts: Vec<Vec<RecordBatch>>,
    batch_size: usize,
    sql: &str,
) -> std::result::Result<Vec<String>, String> {
    let context = session(batch_size, parts.len());
    let schema = parts[0][0].schema();
    let table = MemTable::try_new(schema, parts).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    wait(run(&context, sql))
        .map(|batches| show(&batches))
        .map_err(|error| error.find_root().strip_backtrace())
}

/// The message of a statement that must fail while it is planned.
pub(crate) fn planning_error(sql: &str) -> String {
    let context = session(8_192, 2);
    match wait(plan(&context, sql)) {
        Ok(()) => panic!("planned: {sql}"),
        Err(error) => error.strip_backtrace(),
    }
}

/// The message of a statement that must fail while it runs, and not before.
pub(crate) fn execution_error(sql: &str) -> String {
    let context = session(8_192, 2);
    wait(plan(&context, sql)).unwrap();
    match wait(run(&context, sql)) {
        Ok(batches) => panic!("answered: {sql}\n{:?}", show(&batches)),
        Err(error) => error.find_root().strip_backtrace(),
    }
}

fn show(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = vec![];
    for batch in batches {
        let columns: Vec<ArrayFormatter> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            rows.push(cells.join(" "));
        }
    }
    rows
}
