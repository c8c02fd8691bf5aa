//! Plain DataFusion with default settings but for the number of threads, as a peer that speaks the protocol.
//!
//! This program runs itself with the argument `datafusion` for it; a process has one session on the Parquet files. It
//! never has our functions or rules.

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::crowd::{Client, crowd, number, texts};

/// Answers the request on standard input.
pub(crate) fn serve() -> std::result::Result<(), String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    let request: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let threads = number(&request, "threads");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let limit = Duration::from_secs(number(&request, "limit_s") as u64);
    let answers = runtime.block_on(async {
        let answering = async {
            let context = open(&request, threads).await?;
            answer(&request, context).await
        };
        match tokio::time::timeout(limit, answering).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => vec![json!({ "reason": error.to_string() })],
            Err(_) => vec![json!({ "reason": format!("longer than {} s", limit.as_secs()) })],
        }
    });
    let mut out = io::stdout().lock();
    answers
        .iter()
        .try_for_each(|answer| writeln!(out, "{answer}"))
        .map_err(|error| error.to_string())
}

async fn open(request: &Value, threads: usize) -> Result<SessionContext> {
    let context =
        SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    let folder = format!(
        "{}/{}",
        request["folder"].as_str().unwrap_or_default(),
        request["data"].as_str().unwrap_or_default()
    );
    for table in request["tables"].as_array().into_iter().flatten() {
        let table = table[0].as_str().unwrap_or_default();
        let file = format!("{folder}/{table}.parquet");
        context.register_parquet(table, file, ParquetReadOptions::default()).await?;
    }
    Ok(context)
}

async fn answer(request: &Value, context: SessionContext) -> Result<Vec<Value>> {
    let texts = texts(request);
    match request["action"].as_str() {
        Some("load") => {
            Ok(vec![json!({ "seconds": 0.0, "version": datafusion::DATAFUSION_VERSION })])
        }
        Some("crowd") => {
            let clients = vec![context; number(request, "clients")];
            Ok(vec![crowd(request, clients).await.map_err(DataFusionError::Execution)?])
        }
        Some(_) | None => {
            let mut answers = vec![];
            for text in &texts {
                answers.push(run(request, &context, text).await?);
            }
            Ok(answers)
        }
    }
}

async fn timed(context: &SessionContext, text: &str) -> Result<(f64, Vec<RecordBatch>)> {
    let began = Instant::now();
    let batches = context.sql(text).await?.collect().await?;
    Ok((began.elapsed().as_secs_f64(), batches))
}

async fn run(request: &Value, context: &SessionContext, text: &str) -> Result<Value> {
    let (cold, batches) = timed(context, text).await?;
    let rows = cells(&batches)?;
    let mut hot: Vec<f64> = vec![];
    while hot.len() < number(request, "runs") {
        let few = hot.len() < number(request, "least_runs");
        let limit = if few { "long_s" } else { "enough_s" };
        if hot.iter().sum::<f64>() >= request[limit].as_f64().unwrap_or_default() {
            break;
        }
        hot.push(timed(context, text).await?.0);
    }
    Ok(json!({ "cold": cold, "hot": hot, "rows": rows }))
}

impl Client for SessionContext {
    fn ask<'a>(&'a self, text: &'a str) -> BoxFuture<'a, std::result::Result<(), String>> {
        async move { timed(self, text).await.map(|_| ()).map_err(|error| error.to_string()) }
            .boxed()
    }
}

/// Rows of texts; None is NULL.
pub(crate) fn cells(batches: &[RecordBatch]) -> Result<Vec<Vec<Option<String>>>> {
    let options = FormatOptions::default();
    let mut rows = vec![];
    for batch in batches {
        let columns = batch.columns().iter();
        let shown: Vec<_> = columns
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<std::result::Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let cell = |(place, column): (usize, &ArrayFormatter<'_>)| {
                batch.column(place).is_valid(row).then(|| column.value(row).to_string())
            };
            rows.push(shown.iter().enumerate().map(cell).collect());
        }
    }
    Ok(rows)
}
