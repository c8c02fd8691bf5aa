//! What exists and where its bytes live.
//!
//! Read it in this order:
//!
//! 1. [`model`]: the nouns (schema, table, key, view, segment, principal) and the [`Catalog`] that holds them at one
//!    version;
//! 2. [`metastore`]: the log of catalog versions, created with put-if-absent;
//! 3. [`store`]: object stores by URL: a directory, S3, memory;
//! 4. `table_log`: Delta Lake tables, the only room that names the Delta library;
//! 5. `scan`: a table version as a plain Parquet scan with everything the log knows;
//! 6. [`use_of_cache`]: what is known of the caches of the store and the scan;
//! 7. [`warehouse`]: the facade that the engine talks to; [`doctor`]: what it needs of a store.
//!
//! This package never sees SQL, gRPC or the trade's functions.

pub mod doctor;
mod error;
pub mod metastore;
pub mod model;
pub mod nearest;
mod scan;
pub mod store;
mod table_log;
pub mod types;
pub mod use_of_cache;
pub mod warehouse;

pub use doctor::Check;
pub use error::{CatalogError, CatalogErrorKind, Result};
pub use model::{
    Catalog, Change, Column, Constraint, ConstraintKind, Entry, EntryKey, FileFormat, Grant,
    GrantTarget, Name, PartitionTerm, Principal, PrincipalKind, Right, Schema, Segment, SortTerm,
    Storage, Table, Validation, View,
};
pub use scan::{HotColumns, KeySet, ListedParquet, NativeScan, ScanCache};
pub use store::block_cache::BlockCache;
pub use table_log::{
    AsOf, FileInfo, HistoryEntry, Operation, Removal, Stamp, TableVersion, Vacuumed, Written,
};
pub use use_of_cache::CacheUse;
pub use warehouse::{DEFAULT_SCHEMA, Warehouse};
