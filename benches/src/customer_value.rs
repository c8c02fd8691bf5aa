//! Scores, deciles, fits and lifetime values of ten million customers, beside what a peer makes of the same files.
//!
//! Our side is a DataFusion session with the functions installed, on as many partitions as the peer has threads; the
//! peers are DuckDB with its best SQL for the same question and `lifetimes` with its own fitter, each in a process of
//! its own. Both sides go from the Parquet file to a total over every row of the result, one after the other, several
//! times; medians count. Where both answer the same question the totals must be equal. A peer may be asked in several
//! forms; the target holds for the first.
//!
//! ```text
//! rfm_score x 3      1.0 s   10.0 M/s   duckdb ntile 7.9 s 7.9x   target 3x met
//! ```

mod customers;
mod peer;
mod session;
mod work;

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use peer::Peer;
use session::Session;
use work::{Target, WORKS, Work};

/// Runs of which the median counts.
const RUNS: usize = 3;

/// One measured thing.
#[derive(Debug)]
pub(crate) struct Figure {
    what: &'static str,
    seconds: f64,
    /// The forms a peer was asked in, that of the target first.
    peers: Vec<(&'static str, f64)>,
    rows: f64,
    /// Highest memory in use over that of the columns read, less what was in use before.
    memory: Option<f64>,
    target: Target,
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.peers.first().map(|(_, seconds)| seconds / self.seconds)
    }

    fn is_met(&self) -> Option<bool> {
        match self.target {
            Target::Times(least) => self.ratio().map(|ratio| ratio >= least),
            Target::Seconds(most) => Some(self.seconds <= most),
            Target::RowsPerSecond(least) => Some(self.rows / self.seconds >= least),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "what": self.what, "rows": self.rows, "seconds": self.seconds,
            "peers": self.peers.iter().map(|(name, seconds)| json!({"name": name, "seconds": seconds})).collect::<Vec<_>>(),
            "ratio": self.ratio(), "memory": self.memory, "target": self.target.to_string(), "met": self.is_met(),
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speed = self.rows / self.seconds / 1e6;
        write!(f, "{:<42} {:>8.3} s {speed:>8.1} M/s", self.what, self.seconds)?;
        for (name, seconds) in &self.peers {
            write!(f, "   {name} {seconds:.3} s {:.1}x", seconds / self.seconds)?;
        }
        if let Some(memory) = self.memory {
            write!(f, "   memory {memory:.1}x")?;
        }
        let met = self.is_met().map_or("not measured", |met| if met { "met" } else { "MISSED" });
        write!(f, "   target {} {met}", self.target)
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures what has `part` in its name, for so many million customers.
pub(crate) fn run(millions: f64, part: &str) -> Result<Vec<Figure>, String> {
    let folder = std::env::temp_dir().join(format!("pareto-customers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let figures = customers::write(&folder, millions).and_then(|()| {
        let works = WORKS.iter().filter(|work| work.what.contains(part));
        works.map(|work| measure(work, &folder, millions)).collect()
    });
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    figures
}

fn measure(work: &Work, folder: &Path, millions: f64) -> Result<Figure, String> {
    let threads = if work.one_core { 1 } else { threads() };
    let session = Session::new(folder, threads)?;
    let peers: Vec<Peer> =
        work.peers.iter().map(|form| Peer::new(*form, folder, threads)).collect();
    let mut ours = vec![];
    let mut theirs = vec![vec![]; peers.len()];
    let mut memory: Option<f64> = None;
    for _ in 0..RUNS {
        let run = session.run(work.sql)?;
        ours.push(run.seconds);
        let columns = work.width * customers::rows(work.file, millions);
        let grown = run.grown.map(|bytes| bytes / columns).filter(|_| work.width > 0.0);
        // The first run grows the heap, the next find it grown.
        memory = grown.map(|grown| memory.map_or(grown, |most| most.max(grown)));
        for (peer, times) in peers.iter().zip(&mut theirs) {
            if let Some((seconds, answer)) = peer.run()? {
                times.push(seconds);
                if peer.form.is_equal && answer != run.answer {
                    return Err(format!("{}: {answer} is not {}", work.what, run.answer));
                }
            }
        }
    }
    let asked = peers.iter().zip(theirs).filter(|(_, times)| !times.is_empty());
    Ok(Figure {
        what: work.what,
        seconds: median(ours),
        peers: asked.map(|(peer, times)| (peer.form.name, median(times))).collect(),
        rows: customers::rows(work.file, millions),
        memory,
        target: work.target,
    })
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
