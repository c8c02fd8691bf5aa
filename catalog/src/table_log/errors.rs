//! Delta's errors as ours: which can be retried, which are the user's, which are the store's.

use crate::error::{innermost, kind_of_text};
use crate::{CatalogError, CatalogErrorKind};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;

/// Translates an error of the Delta library.
pub(crate) fn delta_error(error: DeltaTableError) -> CatalogError {
    match error {
        DeltaTableError::ObjectStore { source } => source.into(),
        DeltaTableError::NotATable(place) => CatalogError::new(
            CatalogErrorKind::NotFound,
            format!("there is no Delta table here: {place}"),
        ),
        DeltaTableError::InvalidVersion(version) => CatalogError::new(
            CatalogErrorKind::NotFound,
            format!("version {version} does not exist"),
        ),
        DeltaTableError::Transaction { source } => transaction_error(source),
        DeltaTableError::Arrow { source } => CatalogError::invalid(source.to_string()),
        DeltaTableError::InvalidJsonLog { json_err, line, version } => CatalogError::new(
            CatalogErrorKind::Corrupt,
            format!("version {version} of the table's log is damaged: {json_err} in {line:?}"),
        ),
        other => {
            let text = innermost(&other);
            CatalogError::new(kind_of_text(&text), text)
        }
    }
}

fn transaction_error(error: TransactionError) -> CatalogError {
    match error {
        TransactionError::VersionAlreadyExists(_)
        | TransactionError::MaxCommitAttempts(_)
        | TransactionError::CommitConflict(_) => CatalogError::new(
            CatalogErrorKind::Conflict,
            format!("another writer changed the table first ({error})"),
        )
        .with_hint("run the statement again"),
        TransactionError::ObjectStore { source } => source.into(),
        other => {
            let text = innermost(&other);
            CatalogError::new(kind_of_text(&text), text)
        }
    }
}
