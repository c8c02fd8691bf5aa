//! Where the catalog is kept: a log of versions, one small document each.
//!
//! Two writers never both make version *n*: each version is created only if it is absent, so one of them loses and is
//! told so. Readers see whole versions or nothing. A metastore never looks into tables and never deletes a version
//! that a reader may still need.
//!
//! Kinds: [`ObjectMetastore`] (the default, in any object store) and [`MemoryMetastore`] (tests). Both pass the suite
//! in `conformance`. Adding a third is one new file, one line here, and a call of that suite.

pub mod conformance;
mod memory;
mod object;

pub use memory::MemoryMetastore;
pub use object::ObjectMetastore;

use crate::{Catalog, Change, Result};
use async_trait::async_trait;
use std::sync::Arc;

/// Keeps the versions of the catalog.
#[async_trait]
pub trait Metastore: std::fmt::Debug + Send + Sync {
    /// The newest version. A store that nobody has written to holds version 0, which is empty.
    async fn load(&self) -> Result<Arc<Catalog>>;

    /// Makes version `expected.version + 1` by these changes. Fails with `Conflict` when that version exists already;
    /// nothing is changed then. A lost answer to a write that did happen is recognised and counts as done.
    async fn commit(&self, expected: &Arc<Catalog>, changes: &[Change]) -> Result<Arc<Catalog>>;
}
