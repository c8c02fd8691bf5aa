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

    /// The file that a log names: below this place, or where it says if it is a whole address. The name is that of the
    /// object, letter for letter: what the log encodes was decoded when it was read.
    ///
    /// # Errors
    /// `Corrupt` for a name that no object can have.
    pub fn file(&self, name: &str) -> Result<Path> {
        if let Some(path) = path_of_address(name) {
            return Ok(Path::parse(path).unwrap_or_else(|_| Path::from(path)));
        }
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

/// The path in its store of a file whose name is a whole address: `s3://bucket/a/b`, `file:/a/b`, `/a/b`.
fn path_of_address(name: &str) -> Option<&str> {
    if name.starts_with('/') {
        return Some(name);
    }
    Url::parse(name).ok()?;
    let (_, path) = name.split_once(':')?;
    let Some(with_host) = path.strip_prefix("//") else { return Some(path) };
    Some(with_host.split_once('/').map_or("", |(_, path)| path))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_below_a_place_or_whole_addresses() {
        let place = resolve("memory://addresses/warehouse/sales").unwrap();
        let check = |name: &str, expected: &str| {
            assert_eq!(place.file(name).unwrap().as_ref(), expected);
        };
        check("day=1/a.parquet", "warehouse/sales/day=1/a.parquet");
        check("at=10:00/a.parquet", "warehouse/sales/at=10:00/a.parquet");
        check("at=10%3A00/a.parquet", "warehouse/sales/at=10%3A00/a.parquet");
        check("/elsewhere/a.parquet", "elsewhere/a.parquet");
        check("file:/elsewhere/a.parquet", "elsewhere/a.parquet");
        check("file:///my sales/a.parquet", "my sales/a.parquet");
        check("s3://bucket/sales/at=10%3A00/a.parquet", "sales/at=10%3A00/a.parquet");
        assert!(place.file("a/../b.parquet").is_err());
    }
}
