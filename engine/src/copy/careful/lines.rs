//! A file of an object store as a blocking reader, for parsers that know nothing of async. Holds one chunk at a time.

use crate::error::{EngineError, Result};
use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pareto_catalog::CatalogError;
use std::io::{Error, Read};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The bytes of one file. Reads from a blocking thread only.
pub(super) struct Lines {
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
    runtime: Handle,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

impl Lines {
    /// Opens a file.
    pub(super) async fn open(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<Self> {
        let found =
            store.get(path).await.map_err(|error| EngineError::from(CatalogError::from(error)))?;
        Ok(Self { chunks: found.into_stream(), chunk: Bytes::new(), runtime: Handle::current() })
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.chunks.next()) {
                Some(chunk) => self.chunk = chunk.map_err(Error::other)?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
