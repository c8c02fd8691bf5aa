//! Latency: how long the smallest question takes with many asking, and how soon rows of a large answer begin to come.
//!
//! Sixteen clients, each on a connection of its own, ask `SELECT 1` one question after another: as text, and as a
//! statement prepared once. A question is two calls, one that plans and one that fetches. Each turn has a server of its own,
//! for Pareto keeps what is announced for a while after it was fetched, 16,384 answers at most.

use std::path::Path;
use std::time::Instant;

use futures::TryStreamExt;
use futures::future::try_join_all;

use super::client::{ask, connect, open, told};
use super::program::Program;
use super::{Figure, Target, quantile};

const CLIENTS: usize = 16;
const QUESTIONS_PER_CLIENT: usize = 1_000;
/// Questions whose first rows are waited for.
const FIRST_ROWS: usize = 100;

/// How a client asks.
#[derive(Clone, Copy)]
enum Way {
    Text,
    Prepared,
}

/// Everything.
pub(super) async fn measure(warehouse: &Path, plain: &Program) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    for (name, way) in [("as text", Way::Text), ("prepared", Way::Prepared)] {
        let mut ours = crowd(&Program::pareto(warehouse)?.address, way, CLIENTS).await?;
        let mut theirs = crowd(&plain.address, way, CLIENTS).await?;
        for (share, most) in [(0.5, 1.0), (0.99, 3.0)] {
            let what = format!("SELECT 1, {name}, {CLIENTS} clients, p{:.0}", share * 100.0);
            let (value, plain) = (quantile(&mut ours, share), quantile(&mut theirs, share));
            figures.push(milliseconds(what, value, Some(plain), Target::AtMost(most)));
        }
        let mut alone = crowd(&Program::pareto(warehouse)?.address, way, 1).await?;
        let mut plainly = crowd(&plain.address, way, 1).await?;
        let (value, plain) = (quantile(&mut alone, 0.5), quantile(&mut plainly, 0.5));
        let what = format!("SELECT 1, {name}, 1 client, p50");
        figures.push(milliseconds(what, value, Some(plain), Target::None));
    }
    let mut ours = first_rows(&Program::pareto(warehouse)?.address).await?;
    let mut theirs = first_rows(&plain.address).await?;
    for (share, target) in [(0.5, Target::AtMost(5.0)), (0.99, Target::None)] {
        let what = format!("first rows of a large table, p{:.0}", share * 100.0);
        let (value, plain) = (quantile(&mut ours, share), quantile(&mut theirs, share));
        figures.push(milliseconds(what, value, Some(plain), target));
    }
    Ok(figures)
}

fn milliseconds(what: String, value: f64, plain: Option<f64>, target: Target) -> Figure {
    Figure { what, value, unit: "ms", plain, target }
}

/// The times of all questions of so many clients, in milliseconds.
async fn crowd(address: &str, way: Way, clients: usize) -> Result<Vec<f64>, String> {
    let asking = (0..clients).map(|_| {
        let address = address.to_owned();
        tokio::spawn(async move { one_client(&address, way).await })
    });
    let times = try_join_all(asking).await.map_err(told)?;
    Ok(times.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

async fn one_client(address: &str, way: Way) -> Result<Vec<f64>, String> {
    let mut client = connect(address).await?;
    let mut prepared = client.prepare("SELECT 1".to_owned(), None).await.map_err(told)?;
    let mut times = Vec::with_capacity(QUESTIONS_PER_CLIENT);
    for _ in 0..QUESTIONS_PER_CLIENT {
        let began = Instant::now();
        let info = match way {
            Way::Text => ask(&mut client, "SELECT 1").await?,
            Way::Prepared => prepared.execute().await.map_err(told)?,
        };
        let batches = open(&mut client, &info).await?;
        let batches: Vec<_> = batches.try_collect().await.map_err(told)?;
        if batches.len() != 1 {
            return Err(format!("SELECT 1 answered {} batches", batches.len()));
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// From the call that fetches to the first rows, in milliseconds. The rest is not read.
async fn first_rows(address: &str) -> Result<Vec<f64>, String> {
    let mut times = Vec::with_capacity(FIRST_ROWS);
    for _ in 0..FIRST_ROWS {
        let mut client = connect(address).await?;
        let info = ask(&mut client, "SELECT * FROM numbers WHERE quantity <> 7").await?;
        let began = Instant::now();
        let mut batches = open(&mut client, &info).await?;
        batches.try_next().await.map_err(told)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}
