//! Cancel: a client leaves in the middle of a query, and the server should rest soon after.
//!
//! Each query runs for seconds. Some tenths of a second after it began its stream is dropped, and the server's threads are
//! watched: it rests when in a stretch of [`STRETCH`] they use less than a tenth of one processor. The time is that from
//! the drop to the beginning of the first such stretch.

use std::path::Path;
use std::time::{Duration, Instant};

use super::client::{ask, connect, open};
use super::program::Program;
use super::{Figure, Target, quantile};

/// How often each query is left.
const REPEATS: u32 = 15;
/// When the server counts as resting.
const STRETCH: Duration = Duration::from_millis(20);
const RESTING: u64 = 2_000_000;
/// Nobody waits longer, neither for one end nor for all ends of a work together.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is computed, and a query that does it for long.
const WORKS: [(&str, &str); 8] = [
    (
        "scan and aggregate",
        "SELECT id % 1000003 AS k, sum(amount), avg(net) FROM numbers GROUP BY k",
    ),
    (
        "hash join",
        "SELECT count(*) FROM numbers a JOIN numbers b ON a.id = b.id + 1 WHERE a.amount < b.net + 7",
    ),
    (
        "nested loops",
        "SELECT count(*) FROM numbers a, (SELECT * FROM numbers LIMIT 20000) b WHERE a.amount * b.net = 0.123",
    ),
    (
        "cross join",
        "SELECT sum(a.id * b.id) FROM numbers a, (SELECT id FROM numbers LIMIT 20000) b",
    ),
    ("sort", "SELECT * FROM numbers ORDER BY amount * 7919 % 1000003, id"),
    (
        "window",
        "SELECT id, sum(amount) OVER (PARTITION BY quantity ORDER BY net ROWS 100 PRECEDING) FROM numbers",
    ),
    (
        "CUBE",
        "SELECT quantity, sold_on, id % 100, count(*), sum(net) FROM numbers GROUP BY CUBE (quantity, sold_on, id % 100)",
    ),
    (
        "bgnbd_fit",
        "SELECT id % 50, bgnbd_fit(CAST(quantity % 7 AS DOUBLE), amount % 30 * (CASE WHEN quantity % 7 = 0 THEN 0 ELSE 1 END), \
         31 + net % 20) FROM numbers GROUP BY id % 50",
    ),
];

/// Every work, one after another.
pub(super) async fn measure(warehouse: &Path) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    for (name, sql) in WORKS {
        // What one work leaves running must not disturb the next.
        let served = &Program::pareto(warehouse)?;
        let mut times = Vec::new();
        let before = served.memory();
        for repeat in 0..REPEATS {
            let after = Duration::from_millis(200 + 37 * u64::from(repeat));
            times.push(leave(served, sql, after).await? * 1e3);
            if times.iter().sum::<f64>() >= PATIENCE.as_secs_f64() * 1e3 {
                break;
            }
        }
        let kept = before.zip(served.memory()).map(|(before, after)| (after - before) / 1e6);
        let figure = |what: &str, value, unit, target| {
            let what = format!("cancel, {name}, {what}");
            Figure { what, value, unit, plain: None, target }
        };
        figures.push(figure("p50", quantile(&mut times, 0.5), "ms", Target::None));
        figures.push(figure("worst", quantile(&mut times, 1.0), "ms", Target::AtMost(100.0)));
        if let Some(kept) = kept {
            figures.push(figure("memory kept", kept, "MB", Target::None));
        }
    }
    Ok(figures)
}

/// Seconds until the server rests, after the stream of a query was dropped.
async fn leave(served: &Program, sql: &str, after: Duration) -> Result<f64, String> {
    let mut client = connect(&served.address).await?;
    let info = ask(&mut client, sql).await?;
    let stream = open(&mut client, &info).await?;
    tokio::time::sleep(after).await;
    let left = Instant::now();
    drop(stream);
    let mut stretch = (left, served.busy()?);
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let (now, busy) = (Instant::now(), served.busy()?);
        if busy.saturating_sub(stretch.1) > RESTING {
            stretch = (now, busy);
        } else if now - stretch.0 >= STRETCH {
            return Ok((stretch.0 - left).as_secs_f64());
        }
        if left.elapsed() > PATIENCE {
            return Ok(PATIENCE.as_secs_f64());
        }
    }
}
