//! `pareto doctor`: checks a store and the catalog in it, one line per check.
//!
//! ```text
//! ok    atomic put-if-absent         one winner among 16 in each of 4 races
//! FAIL  clock                        this machine's clock and the store's are 93 s apart
//! ```
//!
//! The findings are the result, so they go to standard output; the exit code is 1 when any check fails.

use std::io::Write;

use pareto_engine::Engine;

use super::error::{CliError, Result};
use super::settings::{Settings, Target};

/// Runs all checks on the warehouse of the settings.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let Target::Warehouse(url) = &settings.target else {
        return Err(CliError::usage(
            "pareto doctor checks a warehouse, not a server",
            "give it --warehouse",
        ));
    };
    let checks = Engine::doctor(url).await?;
    let widest = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for check in &checks {
        let verdict = if check.ok { "ok  " } else { "FAIL" };
        writeln!(out, "{verdict}  {:widest$}  {}", check.name, check.detail)
            .map_err(CliError::output)?;
    }
    out.flush().map_err(CliError::output)?;
    let failed = checks.iter().filter(|check| !check.ok).count();
    let mut talk = std::io::stderr();
    if failed > 0 {
        let _ = writeln!(talk, "{failed} of {} checks failed on {url}", checks.len());
        return Err(CliError::Reported);
    }
    let _ = writeln!(talk, "all {} checks passed on {url}", checks.len());
    Ok(())
}
