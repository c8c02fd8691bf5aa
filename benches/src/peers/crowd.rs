//! Many clients of a program that is a library here: the action "crowd" of the protocol, in Rust.
//!
//! What [`protocol.py`](super) does with threads of Python, this does with tasks: every question is asked twice, then each client
//! begins with another one and asks the next as soon as it has its whole answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// One of many clients.
pub(super) trait Client: Send + Sync + 'static {
    /// Runs a query and fetches all of its result.
    fn ask<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

/// Lets the clients ask at once for as long as the request says.
pub(super) async fn crowd<C: Client>(request: &Value, clients: Vec<C>) -> Result<Value, String> {
    let texts = Arc::new(texts(request));
    for text in texts.iter().chain(texts.iter()) {
        clients.first().ok_or("no clients")?.ask(text).await?;
    }
    let latencies = Arc::new(Mutex::new(vec![]));
    let until = Duration::from_secs_f64(request["seconds"].as_f64().unwrap_or_default());
    let began = Instant::now();
    let mut asking: JoinSet<Result<(), String>> = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let (texts, latencies) = (Arc::clone(&texts), Arc::clone(&latencies));
        asking.spawn(async move {
            let mut turn = number;
            while began.elapsed() < until {
                let asked = Instant::now();
                client.ask(&texts[turn % texts.len()]).await?;
                let seconds = asked.elapsed().as_secs_f64();
                latencies.lock().unwrap_or_else(PoisonError::into_inner).push(seconds);
                turn += 1;
            }
            Ok(())
        });
    }
    for ended in asking.join_all().await {
        ended?;
    }
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(json!({ "seconds": began.elapsed().as_secs_f64(), "latencies": *latencies }))
}

/// The queries of a request.
pub(super) fn texts(request: &Value) -> Vec<String> {
    let queries = request["queries"].as_array().into_iter().flatten();
    queries.filter_map(|query| query.as_str().map(str::to_owned)).collect()
}

/// A number of a request.
pub(super) fn number(request: &Value, name: &str) -> usize {
    request[name].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(1)
}
