//! The warehouse: one place in an object store with a catalog and its tables. What the engine talks to.
//!
//! It opens tables at a version and remembers the newest one seen of each, changes the catalog with retries, and hands
//! out stores. It knows no SQL. Opening reads the catalog and nothing else, whatever the number of tables.
//!
//! Example: `Warehouse::open("./pareto-warehouse").await?.catalog().await?`.

use crate::metastore::{Metastore, ObjectMetastore};
use crate::store::block_cache::BlockCache;
use crate::store::cached::CachedStore;
use crate::store::{self, Location};
use crate::table_log::{AsOf, TableLog, TableVersion, Written};
use crate::{
    Catalog, CatalogError, CatalogErrorKind, Change, Check, Entry, Result, Schema, Storage, Table,
    doctor,
};
use chrono::Utc;
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;
use object_store::{ObjectStore, path::Path};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The schema that a new warehouse has.
pub const DEFAULT_SCHEMA: &str = "public";
/// How often a catalog change is tried again after a lost race.
const CHANGE_ATTEMPTS: u32 = 100;
/// Table versions kept for reuse.
const CACHED_VERSIONS: usize = 4096;

/// One warehouse.
#[derive(Debug)]
pub struct Warehouse {
    url: String,
    place: Location,
    metastore: Box<dyn Metastore>,
    newest: Mutex<HashMap<Uuid, TableVersion>>,
}

impl Warehouse {
    /// Opens the warehouse at a directory or URL. One that does not exist yet is empty and comes into being with the
    /// first change.
    ///
    /// # Errors
    /// `Invalid` for a URL no store answers to; `Denied` or `Unavailable` when the store cannot be read;
    /// `Unsupported` for a catalog of another format.
    pub fn open<'a>(url: &'a str) -> BoxFuture<'a, Result<Arc<Self>>> {
        Self::open_through(url, None)
    }

    /// The same, with the data files of a warehouse in S3 read through a cache.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_through<'a>(
        url: &'a str,
        cache: Option<&'a Arc<BlockCache>>,
    ) -> BoxFuture<'a, Result<Arc<Self>>> {
        Box::pin(async move {
            let mut place = store::resolve(url)?;
            if let Some(cache) = cache.filter(|_| place.is_far()) {
                let (inner, root) = (Arc::clone(&place.store), place.root.clone());
                place.store = Arc::new(CachedStore::new(inner, root, Arc::clone(cache)));
            }
            crate::scan::check_store_url(&place)?;
            let metastore = Box::new(ObjectMetastore::new(Arc::clone(&place.store), &place.path));
            let warehouse =
                Self { url: url.to_owned(), place, metastore, newest: Mutex::default() };
            warehouse
                .metastore
                .load()
                .await
                .map_err(|error| error.during(format!("opening warehouse {url}")))?;
            Ok(Arc::new(warehouse))
        })
    }

    /// The directory or URL it was opened by.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The newest catalog. A warehouse that nobody has written to has one schema, `public`.
    ///
    /// # Errors
    /// Whatever reading the store fails with.
    pub fn catalog(&self) -> BoxFuture<'_, Result<Arc<Catalog>>> {
        Box::pin(async move {
            let loaded = self.metastore.load().await?;
            Ok(if loaded.version == 0 { Arc::new(beginning()) } else { loaded })
        })
    }

    /// Changes the catalog by what `decide` says about the newest one. After a lost race `decide` is asked again. Grants
    /// go with what is dropped.
    ///
    /// # Errors
    /// What `decide` fails with; `Conflict` when other writers keep winning.
    pub async fn change(
        &self,
        decide: impl Fn(&Catalog) -> Result<Vec<Change>> + Send + Sync,
    ) -> Result<Arc<Catalog>> {
        for attempt in 0..CHANGE_ATTEMPTS {
            let loaded = self.metastore.load().await?;
            let (seen, mut changes) = match loaded.version {
                0 => (Arc::new(beginning()), vec![Change::Put(Entry::Schema(public()))]),
                _ => (Arc::clone(&loaded), Vec::new()),
            };
            let decided = decide(&seen)?;
            if decided.is_empty() {
                return Ok(seen);
            }
            changes.extend(decided);
            changes.extend(seen.grants_after(&changes));
            match self.metastore.commit(&loaded, &changes).await {
                Err(error) if error.kind == CatalogErrorKind::Conflict => {
                    let pause = std::time::Duration::from_millis(u64::from(attempt.min(20)));
                    tokio::time::sleep(pause).await;
                }
                outcome => return outcome,
            }
        }
        Err(CatalogError::new(
            CatalogErrorKind::Conflict,
            "other writers change the catalog faster than this one can",
        )
        .with_hint("run the statement again"))
    }

    /// Makes the warehouse's own store known to a DataFusion runtime.
    pub fn register_stores(&self, environment: &RuntimeEnv) {
        environment.register_object_store(&self.place.root, Arc::clone(&self.place.store));
    }

    /// The store of a file, directory or URL, and the path in it. Makes it known to the runtime.
    ///
    /// # Errors
    /// `Invalid` for a URL no store answers to.
    pub fn store_for(
        &self,
        url: &str,
        environment: &RuntimeEnv,
    ) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let place = store::resolve(url)?;
        // The warehouse's own store stays as it is, with what is kept of it.
        if place.root != self.place.root {
            environment.register_object_store(&place.root, Arc::clone(&place.store));
        }
        Ok((place.store, place.path))
    }

    fn log(&self, table: &Table) -> Result<TableLog> {
        match &table.storage {
            Storage::Delta { location, .. }
                if location.contains("://") || location.starts_with('/') =>
            {
                Ok(TableLog::at(store::resolve(location)?))
            }
            Storage::Delta { location, .. } => Ok(TableLog::at(self.place.child(location))),
            Storage::Files { url, .. } => Err(CatalogError::invalid(format!(
                "table {} is made of files that others write ({url}): it can be read, not changed, and has no versions",
                table.name
            ))),
        }
    }

    /// A Delta table at a version. The newest one is remembered, so opening it again costs one look at the log.
    ///
    /// # Errors
    /// `Invalid` for a table of plain files; `NotFound` for a version that is not in the log.
    pub fn open_table<'a>(
        &'a self,
        table: &'a Table,
        at: AsOf,
    ) -> BoxFuture<'a, Result<TableVersion>> {
        Box::pin(async move {
            let log = self.log(table)?;
            let near =
                self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(&table.id).cloned();
            let opened = log
                .open(&Arc::new(table.clone()), &at, near.as_ref(), Utc::now().timestamp_millis())
                .await?;
            if at == AsOf::Latest {
                let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
                if newest.len() >= CACHED_VERSIONS {
                    newest.clear();
                }
                newest.insert(table.id, opened.clone());
            }
            Ok(opened)
        })
    }

    /// The same table with a new id and a directory of its own, ready to be created.
    #[must_use]
    pub fn place_table(&self, table: Table) -> Table {
        let id = Uuid::new_v4();
        let short = id.simple().to_string();
        let (schema, name) = (plain(&table.name.schema), plain(&table.name.name));
        let location = format!("{schema}/{name}-{}", &short[..8]);
        Table {
            id,
            storage: Storage::Delta { location, managed: true },
            created_at_ms: Utc::now().timestamp_millis(),
            ..table
        }
    }

    /// Writes the rows of a plan into files of a table that [`Self::place_table`] placed and nobody created yet.
    ///
    /// # Errors
    /// As [`TableVersion::write`].
    pub fn write_new<'a>(
        &'a self,
        table: &'a Table,
        input: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move { self.log(table)?.write_new(table, input, context).await })
    }

    /// Writes version 0 of a placed table, with these files if any. The catalog does not know it yet.
    ///
    /// # Errors
    /// `Invalid` for columns that cannot be stored.
    pub fn create_table<'a>(
        &'a self,
        table: &'a Table,
        written: Option<Written>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.log(table)?.create(table, written).await })
    }

    /// A catalog entry for a Delta table that exists already: `table` with its columns and partitioning from the log.
    ///
    /// # Errors
    /// `NotFound` when there is no Delta table at its location.
    pub fn describe_delta(&self, table: Table) -> BoxFuture<'_, Result<Table>> {
        Box::pin(async move {
            let opened = self
                .log(&table)?
                .open(&Arc::new(table.clone()), &AsOf::Latest, None, Utc::now().timestamp_millis())
                .await?;
            let schema = opened.schema();
            let column = |field: &arrow::datatypes::FieldRef| crate::Column {
                nullable: field.is_nullable(),
                ..crate::Column::new(field.name(), field.data_type().clone())
            };
            let columns = schema.fields().iter().map(column).collect();
            let partitioning = opened
                .layout()
                .partition_columns
                .iter()
                .map(|column| crate::PartitionTerm::Column { column: column.clone() })
                .collect();
            Ok(Table { columns, partitioning, ..table })
        })
    }

    /// Removes the directory of a managed table that the catalog no longer names.
    ///
    /// # Errors
    /// Whatever listing or deleting fails with.
    pub fn remove_table_files<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            use futures::{StreamExt, TryStreamExt};
            let Storage::Delta { managed: true, .. } = &table.storage else { return Ok(0) };
            let place = self.log(table)?.location;
            let found =
                place.store.list(Some(&place.path)).map_ok(|object| object.location).boxed();
            let removed: Vec<Path> = place.store.delete_stream(found).try_collect().await?;
            self.newest.lock().unwrap_or_else(PoisonError::into_inner).remove(&table.id);
            Ok(removed.len() as u64)
        })
    }

    /// The checks of `pareto doctor`: the store, then the catalog.
    pub async fn doctor(url: &str) -> Result<Vec<Check>> {
        let place = store::resolve(url)?;
        let mut checks = doctor::examine(&place, Utc::now().timestamp()).await;
        let metastore = ObjectMetastore::new(Arc::clone(&place.store), &place.path);
        checks.push(match metastore.load().await {
            Ok(catalog) => Check {
                name: "catalog",
                ok: true,
                detail: format!(
                    "version {}, {} tables, {} views",
                    catalog.version,
                    catalog.tables().count(),
                    catalog.views().count()
                ),
            },
            Err(error) => Check { name: "catalog", ok: false, detail: error.to_string() },
        });
        Ok(checks)
    }
}

fn public() -> Schema {
    Schema { name: DEFAULT_SCHEMA.to_owned(), comment: None }
}

/// The catalog of a warehouse that nobody has written to.
fn beginning() -> Catalog {
    Catalog::new(0, [Entry::Schema(public())])
}

/// A name as part of a path that every store and every tool takes: other letters than these have many spellings there.
fn plain(name: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }
    };
    name.chars().map(plain).take(64).collect()
}
