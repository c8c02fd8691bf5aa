//! The door between our object stores and Delta's log.
//!
//! A network can lose the answer to a write that did happen. The store's own retry then meets its first attempt and
//! reports that the version exists. Taking that for a lost race would commit the same rows twice, so the bytes that
//! are there are compared with ours: every commit carries an id of its own, so equal bytes are ours.
//!
//! The same is done after any other failure of the write: an entry of ours that is there was committed. Where it is not
//! there, and the store did not say that it refuses it, it may still come: the failure says so ([`InDoubt`]), and what was
//! written for the commit must stay.

use crate::CatalogErrorKind;
use crate::error::{innermost, kind_of_text};
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

/// Why nobody knows whether a version was made: writing it failed, and looking for it tells nothing for certain.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct InDoubt(String);

#[derive(Clone)]
struct KnowsItsOwnCommits {
    inner: LogStoreRef,
}

/// Whether the store has refused a write, so that it will not be there later.
fn is_refused(failure: &TransactionError) -> bool {
    use object_store::Error as E;
    match failure {
        TransactionError::ObjectStore { source } => match source {
            E::Generic { .. } => matches!(
                kind_of_text(&innermost(source)),
                CatalogErrorKind::Denied | CatalogErrorKind::Exhausted
            ),
            E::PermissionDenied { .. }
            | E::Unauthenticated { .. }
            | E::NotFound { .. }
            | E::Precondition { .. }
            | E::NotSupported { .. }
            | E::NotImplemented { .. }
            | E::InvalidPath { .. } => true,
            _ => false,
        },
        // The version there may be ours or another's.
        TransactionError::VersionAlreadyExists(_) => false,
        // The library did not come to write.
        _ => true,
    }
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
        let written = self.inner.write_commit_entry(version, commit_or_bytes, operation_id).await;
        let Err(failure) = written else { return Ok(()) };
        match self.inner.read_commit_entry(version).await {
            Ok(there) if there.is_some() && there == ours => {
                tracing::warn!(version, error = %failure, "the commit is in the log all the same");
                Ok(())
            }
            Ok(Some(_)) => Err(TransactionError::VersionAlreadyExists(version)),
            Ok(None) | Err(_) if is_refused(&failure) => Err(failure),
            Ok(None) | Err(_) => {
                let source = Box::new(InDoubt(failure.to_string()));
                Err(TransactionError::LogStoreError { msg: failure.to_string(), source })
            }
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
