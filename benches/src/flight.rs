//! The wire: how fast results travel, how soon they begin, and how soon a query ends that nobody waits for.
//!
//! `pareto serve` runs in a process of its own and is asked by clients as they are: the one of Arrow for Rust, in this
//! process, and ADBC's for Python. Beside it, in the same run, the same clients ask a plain server ([`plain`]), made of
//! DataFusion and of the parts that Arrow offers for such servers, on the same files with the same threads. Medians count;
//! bytes are those of the Arrow arrays.
//!
//! ```text
//! numbers of a table, Rust client                     2.41 GB/s      plain 1.02 GB/s  2.36x   target 2.00 GB/s met
//! ```
//!
//! Loopback and one machine: client and server share the processors, so every figure is of both together.

mod cancel;
mod client;
mod latency;
mod plain;
mod program;
mod transfer;

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use crate::process;
use program::Program;

pub(crate) use plain::serve as serve_plainly;

/// What is asked of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// So many times what the plain server does.
    Times(f64),
    None,
}

/// One measured thing.
#[derive(Debug)]
pub(crate) struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    plain: Option<f64>,
    target: Target,
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.plain.map(|plain| self.value / plain)
    }

    fn is_met(&self) -> Option<bool> {
        match self.target {
            Target::AtLeast(least) => Some(self.value >= least),
            Target::AtMost(most) => Some(self.value <= most),
            Target::Times(least) => self.ratio().map(|ratio| ratio >= least),
            Target::None => None,
        }
    }

    fn asked(&self) -> String {
        match self.target {
            Target::AtLeast(value) | Target::AtMost(value) => format!("{value} {}", self.unit),
            Target::Times(times) => format!("{times}x plain"),
            Target::None => String::new(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "what": self.what, "value": self.value, "unit": self.unit, "plain": self.plain, "ratio": self.ratio(),
            "target": self.asked(), "met": self.is_met(),
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<58} {:>9.3} {}", self.what, self.value, self.unit)?;
        if let (Some(plain), Some(ratio)) = (self.plain, self.ratio()) {
            write!(f, "   plain {plain:.3}  {ratio:.2}x")?;
        }
        match self.is_met() {
            Some(met) => {
                write!(f, "   target {} {}", self.asked(), if met { "met" } else { "MISSED" })
            }
            None => Ok(()),
        }
    }
}

/// Measures what has `part` in its name, with so many million rows to transfer.
pub(crate) fn run(millions: f64, part: &str) -> Result<Vec<Figure>, String> {
    let folder = std::env::temp_dir().join(format!("pareto-flight-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let figures = measure(&folder, millions, part);
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    figures
}

fn measure(folder: &Path, millions: f64, part: &str) -> Result<Vec<Figure>, String> {
    let wanted = |name: &str| part.is_empty() || name == part;
    let pareto = process::Pareto { warehouse: folder.join("warehouse") };
    transfer::load(&pareto, folder, millions)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let plain = Program::plain(folder)?;
    let mut figures = Vec::new();
    if wanted("transfer") {
        let served = Program::pareto(&pareto.warehouse)?;
        figures.extend(transfer::measure(&runtime, &served, &plain, millions)?);
    }
    if wanted("latency") {
        figures.extend(runtime.block_on(latency::measure(&pareto.warehouse, &plain))?);
    }
    if wanted("cancel") {
        figures.extend(runtime.block_on(cancel::measure(&pareto.warehouse))?);
    }
    Ok(figures)
}

/// The value below which so great a share of the others lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place among some thousand values"
)]
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (share * values.len() as f64).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
