//! A metastore in memory, for tests. It forgets everything when dropped.

use super::Metastore;
use crate::{Catalog, CatalogError, CatalogErrorKind, Change, Result};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the newest version in memory.
#[derive(Debug, Default)]
pub struct MemoryMetastore {
    newest: Mutex<Arc<Catalog>>,
}

#[async_trait]
impl Metastore for MemoryMetastore {
    async fn load(&self) -> Result<Arc<Catalog>> {
        Ok(Arc::clone(&self.newest.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn commit(&self, expected: &Arc<Catalog>, changes: &[Change]) -> Result<Arc<Catalog>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.version != expected.version {
            return Err(CatalogError::new(
                CatalogErrorKind::Conflict,
                format!("catalog version {} exists already", expected.version + 1),
            ));
        }
        *newest = Arc::new(expected.apply(changes));
        Ok(Arc::clone(&newest))
    }
}
