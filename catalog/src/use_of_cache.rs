//! What is known of a cache: how much it holds, and how often it had what it was asked for.
//!
//! Counted since the process started, by the caches themselves; `system.caches` shows it. Nothing decides by it.
//!
//! Example: `let uses = Uses::default(); uses.hit(2); uses.missed(1);` had two of three.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often a cache was asked.
#[derive(Debug, Default)]
pub struct Uses {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Uses {
    /// It had so many things.
    pub fn hit(&self, things: usize) {
        self.hits.fetch_add(things as u64, Ordering::Relaxed);
    }

    /// It did not have so many.
    pub fn missed(&self, things: usize) {
        self.misses.fetch_add(things as u64, Ordering::Relaxed);
    }

    /// The two counts: how often it had what it was asked for, and how often not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// The two counts, with what the cache holds: the number of things where that is known, and their bytes.
    pub fn of(&self, entries: Option<usize>, bytes: Option<u64>, limit_bytes: u64) -> CacheUse {
        let (hits, misses) = self.counts();
        CacheUse { entries, bytes, limit_bytes, hits, misses }
    }
}

/// A cache at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheUse {
    /// Things it holds.
    pub entries: Option<usize>,
    /// Their size.
    pub bytes: Option<u64>,
    /// What it may hold.
    pub limit_bytes: u64,
    /// How often it had what it was asked for.
    pub hits: u64,
    /// How often it did not.
    pub misses: u64,
}
