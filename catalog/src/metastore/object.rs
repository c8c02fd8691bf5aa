//! The metastore in an object store: `_pareto/catalog/00000000000000000042.json` is version 42.
//!
//! Each document holds the changes that made its version, the id of the write that made it, and, every 64 versions,
//! the whole catalog, so that loading reads at most 64 small documents. A document is created with put-if-absent. When
//! that fails, the document that is there tells a lost race (another writer's id) from a lost answer (our own).
//!
//! Never overwrites, never deletes. A document of another format is refused by its number, not guessed at.

use super::Metastore;
use crate::{Catalog, CatalogError, CatalogErrorKind, Change, Entry, Result};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The format this program writes and reads.
const FORMAT: u32 = 1;
/// Every so many versions the document repeats the whole catalog.
const WHOLE_EVERY: u64 = 64;

/// One version, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    format: u32,
    version: u64,
    /// Who wrote it: a fresh id for every attempt, so that a writer recognises its own.
    writer: Uuid,
    changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<Vec<Entry>>,
}

/// Keeps catalog versions as documents below a path of an object store.
#[derive(Debug)]
pub struct ObjectMetastore {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    newest: Mutex<Arc<Catalog>>,
}

impl ObjectMetastore {
    /// The metastore below `root` (the warehouse's own path within `store`).
    pub fn new(store: Arc<dyn ObjectStore>, root: &Path) -> Self {
        let prefix = root.clone().join("_pareto").join("catalog");
        Self { store, prefix, newest: Mutex::default() }
    }

    fn path(&self, version: u64) -> Path {
        self.prefix.clone().join(format!("{version:020}.json"))
    }

    fn known(&self) -> Arc<Catalog> {
        Arc::clone(&self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember(&self, catalog: Arc<Catalog>) -> Arc<Catalog> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if catalog.version >= newest.version {
            *newest = Arc::clone(&catalog);
        }
        catalog
    }

    async fn read(&self, version: u64) -> Result<Option<Document>> {
        let path = self.path(version);
        let bytes = match self.store.get(&path).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(CatalogError::from(error).during("reading the catalog")),
        };
        parse(&path, &bytes).map(Some)
    }

    /// All versions above `after`, oldest first.
    async fn versions_above(&self, after: u64) -> Result<Vec<u64>> {
        let listed = self.store.list_with_offset(Some(&self.prefix), &self.path(after));
        let mut versions: Vec<u64> = listed
            .map_err(|error| CatalogError::from(error).during("listing the catalog"))
            .try_filter_map(|object| async move {
                Ok(object
                    .location
                    .filename()
                    .and_then(|name| name.strip_suffix(".json")?.parse::<u64>().ok()))
            })
            .try_collect()
            .await?;
        versions.sort_unstable();
        Ok(versions)
    }

    /// Reads everything from the last whole document on.
    async fn load_from_listing(&self) -> Result<Arc<Catalog>> {
        let versions = self.versions_above(0).await?;
        let Some(&newest) = versions.last() else { return Ok(Arc::new(Catalog::default())) };
        let start = (newest / WHOLE_EVERY) * WHOLE_EVERY;
        let documents: Vec<Option<Document>> = futures::stream::iter(start.max(1)..=newest)
            .map(|version| self.read(version))
            .buffered(16)
            .try_collect()
            .await?;
        let mut catalog = Catalog::default();
        for (version, document) in (start.max(1)..=newest).zip(documents) {
            let document = document.ok_or_else(|| gap(&self.path(version)))?;
            catalog = match document.whole {
                Some(whole) => Catalog::new(version, whole),
                None => catalog.apply(&document.changes),
            };
            if catalog.version != version {
                return Err(gap(&self.path(version)));
            }
        }
        Ok(Arc::new(catalog))
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Document> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let corrupt = |error: serde_json::Error| {
        CatalogError::new(
            CatalogErrorKind::Corrupt,
            format!("the catalog document {path} is damaged: {error}"),
        )
    };
    let found = serde_json::from_slice::<Format>(bytes).map_err(corrupt)?.format;
    if found != FORMAT {
        return Err(CatalogError::new(
            CatalogErrorKind::Unsupported,
            format!(
                "the catalog document {path} has format {found}; this program reads format {FORMAT}"
            ),
        )
        .with_hint("open the warehouse with the version of Pareto that wrote it"));
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}

fn gap(path: &Path) -> CatalogError {
    CatalogError::new(CatalogErrorKind::Corrupt, format!("the catalog document {path} is missing"))
        .with_hint("restore it from a copy of the warehouse: later versions build on it")
}

#[async_trait]
impl Metastore for ObjectMetastore {
    async fn load(&self) -> Result<Arc<Catalog>> {
        let known = self.known();
        if known.version == 0 {
            let loaded = self.load_from_listing().await?;
            return Ok(self.remember(loaded));
        }
        // Usually nothing has changed: one small read that finds nothing says so.
        let mut catalog = known;
        while let Some(document) = self.read(catalog.version + 1).await? {
            catalog = Arc::new(catalog.apply(&document.changes));
        }
        Ok(self.remember(catalog))
    }

    async fn commit(&self, expected: &Arc<Catalog>, changes: &[Change]) -> Result<Arc<Catalog>> {
        let next = expected.apply(changes);
        let document = Document {
            format: FORMAT,
            version: next.version,
            writer: Uuid::new_v4(),
            changes: changes.to_vec(),
            whole: next
                .version
                .is_multiple_of(WHOLE_EVERY)
                .then(|| next.entries().cloned().collect()),
        };
        let bytes = serde_json::to_vec(&document).map_err(|error| {
            CatalogError::internal(format!("a catalog document does not serialise: {error}"))
        })?;
        let options = PutOptions::from(PutMode::Create);
        let outcome = self.store.put_opts(&self.path(next.version), bytes.into(), options).await;
        let Err(error) = outcome else { return Ok(self.remember(Arc::new(next))) };
        // The write may have happened although the answer was lost or a retry met its own first attempt.
        match self.read(next.version).await {
            Ok(Some(found)) if found.writer == document.writer => Ok(self.remember(Arc::new(next))),
            Ok(Some(_)) => Err(CatalogError::new(
                CatalogErrorKind::Conflict,
                format!("catalog version {} was made by another writer", next.version),
            )),
            Ok(None) | Err(_) => Err(CatalogError::from(error).during("writing the catalog")),
        }
    }
}
