//! The native scan: a Delta version as a plain Parquet scan, so that nothing DataFusion can do is lost on the way.
//!
//! * [`layout`]: which columns are in files, which in the log, and in which order users see them;
//! * [`statistics`]: what the log knows of each file, typed, and how far it may be trusted;
//! * [`prune`]: which files a filter can be answered from, before any is opened;
//! * [`floats`]: what bounds do not tell, since NaN hides from them;
//! * [`native`]: the table provider that puts them together;
//! * [`hot_columns`]: decoded columns kept in memory, and the Parquet source that answers from them;
//! * [`listed`]: Parquet files of others, read where they are by the same source;
//! * [`key_set`]: the keys of a join, told to a scan before it begins;
//! * [`readers`]: what each scan had of the block cache.
//!
//! Partition values and statistics travel with every file, so filters that only become known while a join runs still
//! skip files before their footers are read. Never reads the log itself and never decides who may read.

mod floats;
mod hot_columns;
mod key_set;
mod layout;
mod listed;
mod native;
mod prune;
mod readers;
pub(crate) mod statistics;

pub use hot_columns::{HotColumns, ScanCache};
pub use key_set::KeySet;
pub(crate) use layout::Layout;
pub use listed::ListedParquet;
pub use native::NativeScan;
pub(crate) use native::check_store_url;

use crate::{CatalogError, CatalogErrorKind, SortTerm};
use datafusion::common::{DataFusionError, ScalarValue, Statistics};
use object_store::path::Path;
use std::sync::Arc;

/// The tag that a data file carries when its rows are sorted by the table's declared order.
pub(crate) const ORDER_TAG: &str = "pareto.order";

/// The declared order as one text, for the tag.
pub(crate) fn order_text(order: &[SortTerm]) -> String {
    let term = |term: &SortTerm| {
        format!(
            "{}{}{}",
            term.column,
            if term.descending { " desc" } else { "" },
            if term.nulls_first { " nulls first" } else { "" }
        )
    };
    order.iter().map(term).collect::<Vec<_>>().join(",")
}

/// One data file of a version.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// The path within the store.
    pub(crate) path: Path,
    /// The path as the log has it.
    pub(crate) log_path: String,
    pub(crate) size: u64,
    pub(crate) modified_ms: i64,
    /// Rows, deleted ones not counted.
    pub(crate) rows: Option<u64>,
    /// Sorted by the declared order.
    pub(crate) sorted: bool,
    /// Values of the partition columns, in the layout's order.
    pub(crate) partition: Vec<ScalarValue>,
    /// Statistics by the layout's scanned columns.
    pub(crate) known: Arc<Statistics>,
}

/// Translates a failure while reading or writing rows.
pub(crate) fn datafusion_error(error: DataFusionError) -> CatalogError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<CatalogError>() {
            Ok(ours) => *ours,
            Err(other) => {
                let text = other.to_string();
                CatalogError::new(crate::error::kind_of_text(&text), text)
            }
        },
        DataFusionError::ObjectStore(source) => (*source).into(),
        DataFusionError::ResourcesExhausted(text) => {
            CatalogError::new(CatalogErrorKind::Exhausted, text)
        }
        DataFusionError::Context(context, inner) => datafusion_error(*inner).during(context),
        DataFusionError::Shared(shared) => CatalogError::invalid(shared.strip_backtrace()),
        DataFusionError::Diagnostic(_, inner) => datafusion_error(*inner),
        DataFusionError::ArrowError(source, _) => CatalogError::invalid(source.to_string()),
        other => {
            let text = other.strip_backtrace();
            let kind = crate::error::kind_of_text(&text);
            let kind =
                if kind == CatalogErrorKind::Internal { CatalogErrorKind::Invalid } else { kind };
            CatalogError::new(kind, text)
        }
    }
}
