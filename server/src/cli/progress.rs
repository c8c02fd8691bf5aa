//! A progress bar for long loads, on a terminal only.
//!
//! The bar appears when a step has lasted a moment, so that short statements leave no flicker, and it is wiped when
//! the step ends: standard error then holds what it would hold without it.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pareto_engine::Progress;

/// How long a step lasts before its bar appears.
const PATIENCE: Duration = Duration::from_millis(400);

/// Draws the engine's reports.
#[derive(Debug, Default)]
pub(crate) struct LoadProgress {
    step: Mutex<Option<Step>>,
}

/// The step under way.
#[derive(Debug)]
struct Step {
    title: String,
    total_bytes: Option<u64>,
    bytes: u64,
    rows: u64,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl LoadProgress {
    /// A bar when standard error is a terminal.
    pub(crate) fn on_terminal() -> Option<Arc<dyn Progress>> {
        std::io::stderr().is_terminal().then(|| Arc::new(Self::default()) as Arc<dyn Progress>)
    }

    /// The step; a panic elsewhere while drawing is no reason to stop drawing.
    fn step(&self) -> MutexGuard<'_, Option<Step>> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for LoadProgress {
    fn begin(&self, title: &str, total_bytes: Option<u64>) {
        let title = title.to_owned();
        *self.step() = Some(Step {
            title,
            total_bytes,
            bytes: 0,
            rows: 0,
            started: Instant::now(),
            bar: None,
        });
    }

    fn advance(&self, bytes: u64, rows: u64) {
        let mut step = self.step();
        let Some(step) = step.as_mut() else { return };
        step.bytes = step.bytes.saturating_add(bytes);
        step.rows = step.rows.saturating_add(rows);
        if step.bar.is_none() && step.started.elapsed() >= PATIENCE {
            step.bar = Some(bar(step.total_bytes));
        }
        if let Some(bar) = &step.bar {
            bar.set_message(format!("{} ({} rows)", step.title, step.rows));
            bar.set_position(step.bytes);
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.step().take().and_then(|step| step.bar) {
            bar.finish_and_clear();
        }
    }
}

/// A bar with a known end, or a spinner.
fn bar(total_bytes: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let (bar, template) = match total_bytes {
        Some(total) => (
            ProgressBar::with_draw_target(Some(total), target),
            "{msg}  [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ),
        None => (
            ProgressBar::with_draw_target(None, target),
            "{msg}  {spinner} {bytes}, {bytes_per_sec}",
        ),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        // A template that does not parse is shown as indicatif's own bar.
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_in_any_order_are_harmless() {
        let progress = LoadProgress::default();
        progress.advance(1, 1);
        progress.finish();
        progress.begin("loading sales", Some(10));
        progress.advance(u64::MAX, 1);
        progress.advance(u64::MAX, 1);
        assert_eq!(
            progress.step().as_ref().map(|step| (step.bytes, step.rows)),
            Some((u64::MAX, 2))
        );
        progress.finish();
        assert!(progress.step().is_none());
    }

    #[test]
    fn the_templates_parse() {
        for total in [Some(10), None] {
            bar(total).finish_and_clear();
        }
    }
}
