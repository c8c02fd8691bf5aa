//! The engine: one warehouse, one bounded set of resources, any number of sessions.
//!
//! Memory is one pool for all queries (by default 60 % of what the machine or container has), of which each step that can
//! spill is promised a part; what does not fit spills to a directory with its own bound; what cannot spill fails by name and leaves the server up. Caches of
//! file footers and listings are bounded too. The engine never opens a socket and owns no thread of its own.
//!
//! Example: `Engine::open(EngineOptions { warehouse: "./pareto-warehouse".into(), ..Default::default() }).await?`.

use crate::error::{EngineError, Result};
use crate::login::{Admission, Identity};
use crate::memory;
use crate::password::Hashing;
use crate::plan_cache::PlanCache;
use crate::pool::QueryPool;
use crate::progress::Progress;
use crate::query_log::QueryLog;
use crate::result_cache::ResultCache;
use crate::rights::visible::Visible;
use crate::session::Session;
use crate::state::{self, State};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use futures::future::BoxFuture;
use pareto_catalog::{BlockCache, CacheUse, Check, HotColumns, Warehouse};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// The share of physical memory that queries may use unless told otherwise, in percent.
const MEMORY_PERCENT: u64 = 60;
/// Never start with less than this much, so that a small query always runs.
const LEAST_MEMORY_BYTES: usize = 64 << 20;
/// Disk that spilling may use unless told otherwise.
const SPILL_LIMIT_BYTES: u64 = 100 << 30;
/// Disk for blocks of data files unless told otherwise.
const BLOCK_CACHE_BYTES: u64 = 10_000_000_000;

/// What an engine is opened with; `Default` gives the values of `pareto serve` without flags.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// A directory, `s3://bucket/prefix` or `memory://`.
    pub warehouse: String,
    /// Memory all queries together may use; 60 % of physical memory when not given.
    pub memory_limit_bytes: Option<usize>,
    /// Where sorts and aggregations spill; the system's temporary directory when not given.
    pub spill_dir: Option<PathBuf>,
    /// Disk that spilling may use; 100 GiB when not given.
    pub spill_limit_bytes: Option<u64>,
    /// Where blocks of data files in S3 are kept; nowhere when not given.
    pub block_cache_dir: Option<PathBuf>,
    /// Disk for them; 10 GB when not given.
    pub block_cache_limit_bytes: Option<u64>,
    /// Threads one query may use; all when not given.
    pub threads: Option<usize>,
    /// Told about long steps.
    pub progress: Option<Arc<dyn Progress>>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            warehouse: "./pareto-warehouse".to_owned(),
            memory_limit_bytes: None,
            spill_dir: None,
            spill_limit_bytes: None,
            block_cache_dir: None,
            block_cache_limit_bytes: None,
            threads: None,
            progress: None,
        }
    }
}

/// One open warehouse with its resources.
pub struct Engine {
    warehouse: Arc<Warehouse>,
    base: State,
    queries: Arc<QueryLog>,
    hashing: Hashing,
    admission: Admission,
    visible: Visible,
    plans: PlanCache,
    results: ResultCache,
    columns: Arc<HotColumns>,
    blocks: Option<Arc<BlockCache>>,
    spill_dir: Option<PathBuf>,
    progress: Option<Arc<dyn Progress>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("warehouse", &self.warehouse.url()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens a warehouse, making it when the place is empty.
    pub fn open(options: EngineOptions) -> BoxFuture<'static, Result<Arc<Self>>> {
        Box::pin(async move {
            let threads = match options.threads {
                Some(threads) => Some(
                    NonZeroUsize::new(threads)
                        .ok_or_else(|| EngineError::invalid("threads must be at least 1"))?,
                ),
                None => None,
            };
            let (runtime, columns, limit) = runtime(&options)?;
            let results = ResultCache::new(limit, &runtime.memory_pool);
            let blocks = match &options.block_cache_dir {
                Some(dir) => {
                    let limit = options.block_cache_limit_bytes.unwrap_or(BLOCK_CACHE_BYTES);
                    BlockCache::open(dir, limit).await?
                }
                None => None,
            };
            let warehouse = Warehouse::open_through(&options.warehouse, blocks.as_ref()).await?;
            warehouse.register_stores(&runtime);
            let base = state::base(runtime, threads, Arc::clone(&columns))?;
            Ok(Arc::new(Self {
                warehouse,
                base: base.into(),
                queries: Arc::new(QueryLog::default()),
                hashing: Hashing::default(),
                admission: Admission::default(),
                visible: Visible::default(),
                plans: PlanCache::default(),
                results,
                columns,
                blocks,
                spill_dir: options.spill_dir,
                progress: options.progress,
            }))
        })
    }

    /// The warehouse this engine works on.
    pub fn warehouse(&self) -> &Arc<Warehouse> {
        &self.warehouse
    }

    /// A new connection of the process that opened the warehouse, with its own settings. It may do everything.
    pub fn session(self: &Arc<Self>) -> Arc<Session> {
        self.session_of(Identity::Owner)
    }

    /// Waits until what is kept on disk for the next process is there. Nothing need be asked afterwards.
    pub fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(blocks) = &self.blocks {
                blocks.close().await;
            }
        })
    }

    /// Checks a store (put-if-absent, clock, rights) and the catalog in it.
    pub fn doctor<'a>(url: &'a str) -> BoxFuture<'a, Result<Vec<Check>>> {
        Box::pin(async move { Ok(Warehouse::doctor(url).await?) })
    }

    pub(crate) fn base(&self) -> &State {
        &self.base
    }

    pub(crate) fn queries(&self) -> &Arc<QueryLog> {
        &self.queries
    }

    /// Where passwords are hashed.
    pub(crate) fn hashing(&self) -> &Hashing {
        &self.hashing
    }

    /// What callers were last admitted by.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// What users see of the catalog.
    pub(crate) fn visible(&self) -> &Visible {
        &self.visible
    }

    /// Plans that are kept.
    pub(crate) fn plans(&self) -> &PlanCache {
        &self.plans
    }

    /// Answers that are kept.
    pub(crate) fn results(&self) -> &ResultCache {
        &self.results
    }

    /// Every cache by its name, with what is known of it.
    pub(crate) fn caches(&self) -> Vec<(&'static str, CacheUse)> {
        let mut caches = vec![
            ("results", self.results.uses()),
            ("plans", self.plans.uses()),
            ("hot columns", self.columns.uses()),
        ];
        caches.extend(self.blocks.as_ref().map(|blocks| ("blocks", blocks.uses())));
        caches
    }

    /// Where files lie that do not last, unless it is where the system has them.
    pub(crate) fn spill_dir(&self) -> Option<PathBuf> {
        self.spill_dir.clone()
    }

    /// Whoever watches long steps.
    pub(crate) fn progress(&self) -> Option<&Arc<dyn Progress>> {
        self.progress.as_ref()
    }
}

/// Memory, spill directory and caches, all bounded; and the bound of the memory.
fn runtime(options: &EngineOptions) -> Result<(Arc<RuntimeEnv>, Arc<HotColumns>, usize)> {
    let physical = memory::physical_bytes();
    let default = usize::try_from(physical / 100 * MEMORY_PERCENT).unwrap_or(usize::MAX);
    let limit = options.memory_limit_bytes.unwrap_or_else(|| default.max(LEAST_MEMORY_BYTES));
    let mode = match &options.spill_dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(|error| {
                EngineError::invalid(format!(
                    "cannot make the spill directory \"{}\": {error}",
                    dir.display()
                ))
            })?;
            DiskManagerMode::Directories(vec![dir.clone()])
        }
        None => DiskManagerMode::OsTmpDirectory,
    };
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(options.spill_limit_bytes.unwrap_or(SPILL_LIMIT_BYTES));
    // Footers of wide fact tables add up: a tenth of the pool, between 64 MB and 1 GB.
    let footers = (limit / 10).clamp(64 << 20, 1 << 30);
    let (pool, columns) = QueryPool::with_columns(limit);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(footers)
        // Files queried in place come and go; a kept listing would hide new ones.
        .with_object_list_cache_limit(0)
        .build_arc()?;
    Ok((runtime, columns, limit))
}
