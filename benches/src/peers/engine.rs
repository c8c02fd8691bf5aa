//! Pareto's engine in this process, for many clients: what a program has that takes it as a library, as DuckDB is taken.
//!
//! This program runs itself with the argument `engine` for it. Single queries are asked of `pareto sql`, which is one client;
//! only the crowd needs a process that has several sessions. It reads the warehouse that `pareto` has loaded.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use pareto_engine::{Engine, EngineOptions, Outcome, Session};
use serde_json::{Value, json};

use super::crowd::{Client, crowd, number};

/// Planning a deep statement recurses, so threads have as much as those of `pareto`.
const STACK_BYTES: usize = 8 << 20;

/// Answers the request on standard input.
pub(crate) fn serve() -> Result<(), String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    let request: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(number(&request, "threads"))
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let answer = runtime.block_on(async {
        let clients = clients(&request).await?;
        crowd(&request, clients).await
    });
    let answer = answer.unwrap_or_else(|problem| json!({ "reason": problem }));
    writeln!(io::stdout().lock(), "{answer}").map_err(|error| error.to_string())
}

/// As many sessions as are asked for, of one engine. Every answer is computed, never one that was kept.
async fn clients(request: &Value) -> Result<Vec<Arc<Session>>, String> {
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let options = EngineOptions {
        warehouse: format!("{}/{}-pareto-{}", text("folder"), text("data"), text("layout")),
        threads: Some(number(request, "threads")),
        ..EngineOptions::default()
    };
    let engine = Engine::open(options).await.map_err(|error| error.to_string())?;
    let session = |_| {
        let session = engine.session();
        session.set("pareto.result_cache", "off").map_err(|error| error.to_string())?;
        Ok(session)
    };
    (0..number(request, "clients")).map(session).collect()
}

impl Client for Arc<Session> {
    fn ask<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move {
            match self.execute(text).await.map_err(|error| error.to_string())? {
                Outcome::Rows(rows) => {
                    let all: Vec<_> =
                        rows.try_collect().await.map_err(|error| error.to_string())?;
                    drop(all);
                    Ok(())
                }
                Outcome::Affected(_) | Outcome::Done => Err(format!("{text} gives no rows")),
            }
        }
        .boxed()
    }
}
