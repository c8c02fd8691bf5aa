//! Object stores: a URL in, a store and a path in it out.
//!
//! [`BACKENDS`] lists what is known, in the order tried: a directory, S3, memory (tests). A backend is one file and one
//! line here, and its test runs `object_store`'s own integration suite or the race in [`crate::doctor`].
//!
//! [`cached`] puts a [`block_cache`] in front of a store far away.
//!
//! Never reads configuration files; S3 settings come from the `AWS_*` environment, as every S3 tool reads them.
//!
//! Example: `resolve("s3://bucket/warehouse")` is the bucket's store and the path `warehouse`.

pub(crate) mod block_cache;
pub(crate) mod cached;
mod local;
mod memory;
mod s3;

use crate::{CatalogError, CatalogErrorKind, Result};
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::Arc;
use url::Url;

/// A place in an object store.
#[derive(Debug, Clone)]
pub struct Location {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// What the store is called, without a path: `file:///`, `s3://bucket`.
    pub root: Url,
    /// The path within the store.
    pub path: Path,
}

impl Location {
    /// The place `relative` below this one.
    #[must_use]
    pub fn child(&self, relative: &str) -> Self {
        let path = Path::from_iter(self.path.parts().chain(Path::from(relative).parts()));
        Self { store: Arc::clone(&self.store), root: self.root.clone(), path }
    }

    /// The file below this one that a log names; its name is that of the object, letter for letter.
    ///
    /// # Errors
    /// `Corrupt` for a name that no object can have.
    pub fn file(&self, name: &str) -> Result<Path> {
        let name = Path::parse(name).map_err(|error| {
            CatalogError::new(CatalogErrorKind::Corrupt, format!("file {name:?} of a log: {error}"))
        })?;
        Ok(Path::from_iter(self.path.parts().chain(name.parts())))
    }

    /// Whether each request takes a journey, so that what was read is worth keeping nearby.
    pub(crate) fn is_far(&self) -> bool {
        matches!(self.root.scheme(), "s3" | "s3a")
    }

    /// The whole address, as other tools write it.
    pub fn url(&self) -> Url {
        let mut url = self.root.clone();
        url.set_path(self.path.as_ref());
        url
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.root.scheme() {
            "file" => write!(f, "/{}", self.path),
            _ => f.write_str(self.url().as_str()),
        }
    }
}

/// A kind of store.
struct Backend {
    /// The URL schemes it answers to.
    schemes: &'static [&'static str],
    open: fn(&Url) -> Result<Location>,
}

/// All kinds, tried in this order.
const BACKENDS: &[Backend] = &[
    Backend { schemes: &["file"], open: local::open },
    Backend { schemes: &["s3", "s3a"], open: s3::open },
    Backend { schemes: &["memory"], open: memory::open },
];

/// The place that a directory or URL names.
///
/// # Errors
/// `Invalid` for a scheme that no backend answers to.
pub fn resolve(text: &str) -> Result<Location> {
    let Some((scheme, _)) = text.split_once("://") else {
        return local::open_directory(std::path::Path::new(text));
    };
    let url = Url::parse(text)
        .map_err(|error| CatalogError::invalid(format!("{text:?} is not a URL: {error}")))?;
    let backend = BACKENDS.iter().find(|backend| backend.schemes.contains(&scheme));
    let backend = backend.ok_or_else(|| {
        CatalogError::invalid(format!("no object store answers to {scheme}://"))
            .with_hint("use a directory or s3://bucket/prefix")
    })?;
    (backend.open)(&url)
}
