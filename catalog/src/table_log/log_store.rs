//! The door between our object stores and Delta's log.
//!
//! A network can lose the answer to a write that did happen. The store's own retry then meets its first attempt and
//! reports that the version exists. Taking that for a lost race would commit the same rows twice, so the bytes that
//! are there are compared with ours: every commit carries an id of its own, so equal bytes are ours.

use crate::store::Location;
use async_trait::async_trait;
use bytes::Bytes;
use deltalake_core::DeltaResult;
use deltalake_core::kernel::Version;
use deltalake_core::kernel::transaction::TransactionError;
use deltalake_core::logstore::{
    CommitOrBytes, LogStore, LogStoreConfig, LogStoreRef, StorageConfig, default_logstore,
};
use object_store::ObjectStore;
use object_store::prefix::PrefixStore;
use std::sync::Arc;
use uuid::Uuid;

/// The log of the table at this place.
pub(super) fn log_store(location: &Location) -> LogStoreRef {
    let prefixed: Arc<dyn ObjectStore> =
        Arc::new(PrefixStore::new(Arc::clone(&location.store), location.path.clone()));
    let root = Arc::clone(&location.store);
    let inner = default_logstore(prefixed, root, &location.url(), &StorageConfig::default());
    Arc::new(KnowsItsOwnCommits { inner })
}

#[derive(Clone)]
struct KnowsItsOwnCommits {
    inner: LogStoreRef,
}

#[async_trait]
impl LogStore for KnowsItsOwnCommits {
    /// The library decides by this name how commits are handed over: whole, for stores with put-if-absent.
    fn name(&self) -> String {
        self.inner.name()
    }

    async fn read_commit_entry(&self, version: Version) -> DeltaResult<Option<Bytes>> {
        self.inner.read_commit_entry(version).await
    }

    async fn write_commit_entry(
        &self,
        version: Version,
        commit_or_bytes: CommitOrBytes,
        operation_id: Uuid,
    ) -> Result<(), TransactionError> {
        let ours = match &commit_or_bytes {
            CommitOrBytes::LogBytes(bytes) => Some(bytes.clone()),
            CommitOrBytes::TmpCommit(_) => None,
        };
        match self.inner.write_commit_entry(version, commit_or_bytes, operation_id).await {
            Err(TransactionError::VersionAlreadyExists(_)) => {
                match self.inner.read_commit_entry(version).await {
                    Ok(there) if there.is_some() && there == ours => Ok(()),
                    Ok(_) | Err(_) => Err(TransactionError::VersionAlreadyExists(version)),
                }
            }
            outcome => outcome,
        }
    }

    async fn abort_commit_entry(
        &self,
        version: Version,
        commit_or_bytes: CommitOrBytes,
        operation_id: Uuid,
    ) -> Result<(), TransactionError> {
        self.inner.abort_commit_entry(version, commit_or_bytes, operation_id).await
    }

    async fn get_latest_version(&self, start: Version) -> DeltaResult<Version> {
        self.inner.get_latest_version(start).await
    }

    fn object_store(&self, operation_id: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.inner.object_store(operation_id)
    }

    fn root_object_store(&self, operation_id: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.inner.root_object_store(operation_id)
    }

    fn config(&self) -> &LogStoreConfig {
        self.inner.config()
    }
}
