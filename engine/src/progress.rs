//! What a long statement tells whoever watches.
//!
//! The engine reports; the command line draws. A report is a few integers and must return at once: it is called from
//! the threads that do the work. Nothing depends on it; leaving it out changes no answer.
//!
//! Example: a load of three files calls `begin("loading sales", Some(total))`, `advance(bytes, rows)` as batches pass,
//! then `finish()`.

use std::fmt::Debug;

/// Receives the progress of loads and rewrites.
pub trait Progress: Debug + Send + Sync {
    /// A long step starts; `total_bytes` when it is known.
    fn begin(&self, title: &str, total_bytes: Option<u64>);
    /// More of it is done.
    fn advance(&self, bytes: u64, rows: u64);
    /// It ended, well or not.
    fn finish(&self);
}
