//! Runs the specifications of the functions, `testdata/slt/functions`, in a plain DataFusion session: what they promise
//! needs nothing else of Pareto. Files that read `FROM cdnow` find the CDNOW purchases in that table.
//! `testdata/slt/runner.rs` tells how to choose files and how to write new answers.
#![expect(clippy::print_stdout, reason = "a test program of its own reports to the terminal")]

#[path = "../../testdata/slt/runner.rs"]
mod runner;

use async_trait::async_trait;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use runner::{Failure, Place};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::process::ExitCode;

/// A session as the runner sees it.
struct Database {
    context: SessionContext,
}

#[async_trait]
impl AsyncDB for Database {
    type Error = DataFusionError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>> {
        let state = self.context.state();
        let dialect = state.config_options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(sql, &dialect)?;
        pareto_udfs::normalize_statement(&mut statement)?;
        let plan = state.statement_to_plan(statement).await?;
        let answer = self.context.execute_logical_plan(plan).await?;
        let types = answer.schema().fields().iter().map(|_| DefaultColumnType::Any).collect();
        let rows = runner::shown(&answer.collect().await?)?;
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &'static str {
        "datafusion"
    }
}

/// A session with the functions, and with what the file expects in it.
async fn connect(place: Place) -> Result<Database> {
    let config = SessionConfig::new().with_target_partitions(2);
    let mut context = SessionContext::new_with_config(config);
    pareto_udfs::install(&mut context)?;
    for (name, function) in pareto_udfs::tables() {
        context.register_udtf(name, function);
    }
    if place.reads("cdnow")? {
        let purchases = place.temporary.join("cdnow.parquet");
        std::fs::write(&purchases, pareto_testdata::cdnow::parquet())?;
        let path = purchases.display().to_string();
        context.register_parquet("cdnow", &path, ParquetReadOptions::default()).await?;
    }
    Ok(Database { context })
}

fn main() -> std::result::Result<ExitCode, Failure> {
    runner::run_all("functions", |place| Box::pin(connect(place)))
}
