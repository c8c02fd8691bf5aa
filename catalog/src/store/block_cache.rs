//! Blocks of data files, kept on a local disk, and in memory while they are in demand.
//!
//! A block is a megabyte of a file, found again by the address of its file and its place in it. Data files never change, so
//! a block is never wrong, and those on disk are used again by the next process. What is asked for by several queries at
//! once is fetched once. The disk takes as much as it was given; the block that was kept first goes first.
//!
//! One process has the folder to itself. Another one that is given the same reads from the store, and says so in its log.
//!
//! Example: `BlockCache::open(Path::new("/var/cache/pareto"), 10_000_000_000).await?`.

use crate::use_of_cache::{CacheUse, Uses};
use crate::{CatalogError, Result};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use foyer::{
    BlockEngineConfig, Code, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder,
    HybridCachePolicy,
};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: u64 = 1 << 20;
/// Memory for blocks; what is read often is kept decoded elsewhere.
const MEMORY_BYTES: usize = 32 << 20;
/// Blocks on their way to disk; those that find no room are not kept.
const WRITING_BYTES: usize = 64 << 20;
/// The least that the disk part works with.
const LEAST_BYTES: u64 = 256 << 20;
/// Changes when blocks are written in another form.
const FOLDER: &str = "blocks-1";

tokio::task_local! {
    /// Who asks, where somebody wants to know how often the cache had what was asked for.
    pub(crate) static ASKING: Arc<Uses>;
}

/// The cache.
pub struct BlockCache {
    blocks: HybridCache<Key, Block>,
    uses: Uses,
    limit_bytes: u64,
    /// Held for as long as the folder is ours.
    _lock: File,
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCache").finish_non_exhaustive()
    }
}

/// Which block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The address of the file.
    pub(crate) file: String,
    /// Its place among the blocks of the file, from 0 on.
    pub(crate) index: u64,
}

/// A block, and what is known of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) file_bytes: u64,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) e_tag: Option<String>,
    pub(crate) bytes: Bytes,
}

impl BlockCache {
    /// Keeps at most `limit_bytes` in `folder`, which is made if it is not there. Nothing when another process has it.
    ///
    /// # Errors
    /// `Invalid` for a folder that cannot be written to and a limit below 256 MiB.
    pub async fn open(folder: &Path, limit_bytes: u64) -> Result<Option<Arc<Self>>> {
        if limit_bytes < LEAST_BYTES {
            return Err(CatalogError::invalid(format!(
                "a block cache of {limit_bytes} bytes is too small"
            ))
            .with_hint("give it 256MiB or more"));
        }
        let cannot = |error: &dyn fmt::Display| {
            CatalogError::invalid(format!("cannot keep blocks in {}: {error}", folder.display()))
                .with_hint("give a folder that may be written to")
        };
        std::fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
        let lock = File::create(folder.join("lock")).map_err(|error| cannot(&error))?;
        if lock.try_lock().is_err() {
            tracing::warn!(folder = %folder.display(), "another process keeps blocks here; this one does without");
            return Ok(None);
        }
        let bytes = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
        let device = FsDeviceBuilder::new(folder.join(FOLDER)).with_capacity(bytes).build();
        let device = device.map_err(|error| cannot(&error))?;
        let blocks = HybridCacheBuilder::new()
            .with_name("blocks")
            // A process that ends early has kept what it read.
            .with_policy(HybridCachePolicy::WriteOnInsertion)
            .memory(MEMORY_BYTES)
            .with_weighter(|key: &Key, block: &Block| key.file.len() + block.bytes.len())
            .storage()
            .with_engine_config(
                BlockEngineConfig::new(device)
                    .with_buffer_pool_size(WRITING_BYTES)
                    .with_submit_queue_size_threshold(WRITING_BYTES),
            )
            .build()
            .await
            .map_err(|error| cannot(&error))?;
        Ok(Some(Arc::new(Self { blocks, uses: Uses::default(), limit_bytes, _lock: lock })))
    }

    /// A block: kept, or fetched and then kept. Nothing when it cannot be had this way.
    pub(crate) async fn block<F>(&self, key: &Key, fetch: F) -> Option<Block>
    where
        F: Future<Output = object_store::Result<Block>> + Send + 'static,
    {
        let fetched = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&fetched);
        let fetch = async move {
            noted.store(true, Ordering::Relaxed);
            fetch.await
        };
        match self.blocks.get_or_fetch(key, || fetch).await {
            Ok(entry) => {
                let note = |uses: &Uses| match fetched.load(Ordering::Relaxed) {
                    true => uses.missed(1),
                    false => uses.hit(1),
                };
                note(&self.uses);
                // Nobody asks, mostly: then there is nothing to note.
                let _ = ASKING.try_with(|uses| note(uses));
                Some(entry.value().clone())
            }
            Err(error) => {
                tracing::debug!(file = key.file, block = key.index, %error, "a block is not kept");
                None
            }
        }
    }

    /// How often blocks were there. How many are is not counted: those on disk are found by their hashes.
    pub fn uses(&self) -> CacheUse {
        self.uses.of(None, None, self.limit_bytes)
    }

    /// Waits until the blocks that were read are on disk, for the next process. Those that cannot be written are not kept.
    pub async fn close(&self) {
        if let Err(error) = self.blocks.close().await {
            tracing::debug!(%error, "blocks are not kept");
        }
    }
}

impl Code for Key {
    fn encode(&self, writer: &mut impl Write) -> foyer::Result<()> {
        self.index.encode(writer)?;
        self.file.encode(writer)
    }

    fn decode(reader: &mut impl Read) -> foyer::Result<Self> {
        let index = u64::decode(reader)?;
        Ok(Self { index, file: String::decode(reader)? })
    }

    fn estimated_size(&self) -> usize {
        self.index.estimated_size() + self.file.estimated_size()
    }
}

impl Code for Block {
    fn encode(&self, writer: &mut impl Write) -> foyer::Result<()> {
        self.file_bytes.encode(writer)?;
        self.modified.timestamp_micros().encode(writer)?;
        self.e_tag.is_some().encode(writer)?;
        if let Some(e_tag) = &self.e_tag {
            e_tag.encode(writer)?;
        }
        self.bytes.encode(writer)
    }

    fn decode(reader: &mut impl Read) -> foyer::Result<Self> {
        let file_bytes = u64::decode(reader)?;
        let modified = DateTime::from_timestamp_micros(i64::decode(reader)?).unwrap_or_default();
        let e_tag = if bool::decode(reader)? { Some(String::decode(reader)?) } else { None };
        Ok(Self { file_bytes, modified, e_tag, bytes: Bytes::decode(reader)? })
    }

    fn estimated_size(&self) -> usize {
        let e_tag = self.e_tag.as_ref().map_or(0, Code::estimated_size);
        // The size of the file, when it was made, and whether it has an entity tag.
        8 + 8 + 1 + e_tag + self.bytes.estimated_size()
    }
}
