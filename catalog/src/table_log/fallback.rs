//! Tables that the native scan must not read: rows marked deleted, renamed columns, features it has no code for.
//!
//! Those go through Delta's own scan, which is correct and slower. None of their rows can be changed here, for rows are
//! found by the native scan; whether rows can be added is another matter ([`super::features`]). The list of features that
//! the native scan may read is an allow-list: an unknown feature is never guessed to be harmless.

use super::{TableVersion, delta_error};
use crate::{CatalogError, CatalogErrorKind, Result};
use datafusion::catalog::TableProvider;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::{Add, EagerSnapshot};
use std::sync::Arc;

/// Reader features under which a file's rows are exactly the rows of the table.
const HARMLESS: [&str; 3] = ["timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"];

/// True when the files of this version can be scanned as plain Parquet.
pub(crate) fn reads_natively(snapshot: &EagerSnapshot, adds: &[Add]) -> bool {
    let features = snapshot.protocol().reader_features().unwrap_or_default();
    let marked = adds.iter().any(|add| add.deletion_vector.is_some());
    let mut others =
        features.iter().map(ToString::to_string).filter(|feature| feature != "deletionVectors");
    let unmapped = !snapshot.metadata().configuration().contains_key("delta.columnMapping.mode")
        || snapshot
            .metadata()
            .configuration()
            .get("delta.columnMapping.mode")
            .is_some_and(|mode| mode == "none");
    !marked
        && unmapped
        && others.all(|feature| {
            HARMLESS.contains(&feature.as_str()) || (feature == "columnMapping" && unmapped)
        })
}

/// Refuses a change of rows in a table that the native scan cannot read: it could not find them.
pub(super) fn writes_natively(version: &TableVersion) -> Result<()> {
    if reads_natively(&version.snapshot, version.adds()) {
        return Ok(());
    }
    Err(CatalogError::new(
        CatalogErrorKind::Unsupported,
        format!(
            "table {} uses deletion vectors, renamed columns or a feature of readers that Pareto does not know: no row of it can be changed",
            version.table.name
        ),
    )
    .with_hint(
        "copy it with CREATE TABLE .. AS SELECT, or rewrite it with the engine that made it",
    ))
}

/// Delta's own scan.
pub(super) async fn provider(version: &TableVersion) -> Result<Arc<dyn TableProvider>> {
    let mut delta = DeltaTable::new(Arc::clone(&version.log.log));
    delta.load_version(version.version()).await.map_err(delta_error)?;
    let provider = delta.table_provider().await.map_err(crate::scan::datafusion_error)?;
    Ok(provider)
}
