//! A store whose data files are read through a [`BlockCache`].
//!
//! Every request to S3 costs tens of milliseconds, and a second question reads much of what the first one read. Only data
//! files are kept, which have a UUID in their names: nobody ever writes one again under the same name. Logs, catalogs,
//! listings, writes and files of others (`part-0.parquet` is what some programs call every export) go to the store as if
//! nothing stood between. So does what the cache cannot give, for whatever reason; the store then says what is wrong.

use super::block_cache::{BLOCK_BYTES, Block, BlockCache, Key};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use url::Url;
use uuid::Uuid;

/// Requests of one read that are under way at a time.
const REQUESTS: usize = 8;

/// The store.
#[derive(Debug)]
pub(crate) struct CachedStore {
    inner: Arc<dyn ObjectStore>,
    root: Url,
    cache: Arc<BlockCache>,
}

impl CachedStore {
    /// Reads `inner`, which is called `root`, through `cache`.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, root: Url, cache: Arc<BlockCache>) -> Self {
        Self { inner, root, cache }
    }

    /// The blocks that ranges lie in, by their place; nothing when they cannot be had.
    async fn blocks(&self, file: &Path, ranges: &[Range<u64>]) -> Option<BTreeMap<u64, Block>> {
        let places: BTreeSet<u64> = ranges.iter().flat_map(places).collect();
        let blocks = stream::iter(places).map(|index| async move {
            let key = Key { file: format!("{}/{file}", self.root), index };
            let block = self.cache.block(&key, fetch(Arc::clone(&self.inner), file.clone(), index));
            block.await.map(|block| (index, block)).ok_or(())
        });
        blocks.buffer_unordered(REQUESTS).try_collect().await.ok()
    }
}

/// Whether a file is one that is never written again: `part-00000-` and a UUID.
fn is_data(file: &Path) -> bool {
    let is_unique = |name: &str| {
        let id = name.strip_prefix("part-").and_then(|rest| rest.split_once('-'));
        id.and_then(|(_, id)| id.get(..36)).is_some_and(|id| Uuid::try_parse(id).is_ok())
    };
    file.filename().is_some_and(is_unique)
}

/// The places of the blocks that a range lies in.
fn places(range: &Range<u64>) -> Range<u64> {
    range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES)
}

async fn fetch(store: Arc<dyn ObjectStore>, file: Path, index: u64) -> Result<Block> {
    let start = index * BLOCK_BYTES;
    let range = Some(GetRange::Bounded(start..start + BLOCK_BYTES));
    let got = store.get_opts(&file, GetOptions { range, ..GetOptions::default() }).await?;
    let ObjectMeta { size, last_modified, e_tag, .. } = got.meta.clone();
    let bytes = got.bytes().await?;
    Ok(Block { file_bytes: size, modified: last_modified, e_tag, bytes })
}

/// The bytes of a range; nothing when the blocks do not have all of them.
fn cut(blocks: &BTreeMap<u64, Block>, range: &Range<u64>) -> Option<Bytes> {
    let part = |index: u64| {
        let start = index * BLOCK_BYTES;
        let bytes = &blocks.get(&index)?.bytes;
        let from = usize::try_from(range.start.max(start) - start).ok()?;
        let to = usize::try_from(range.end.min(start + BLOCK_BYTES) - start).ok()?;
        (to <= bytes.len()).then(|| bytes.slice(from..to))
    };
    let places = places(range);
    if places.end - places.start == 1 {
        return part(places.start);
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(range.end - range.start).ok()?);
    for index in places {
        whole.extend_from_slice(&part(index)?);
    }
    Some(whole.freeze())
}

/// The range of a request that asks for nothing but one; an empty one is the store's to refuse.
fn plain_range(options: &GetOptions) -> Option<Range<u64>> {
    let is_plain = options.if_match.is_none()
        && options.if_none_match.is_none()
        && options.if_modified_since.is_none()
        && options.if_unmodified_since.is_none()
        && options.version.is_none()
        && !options.head;
    match &options.range {
        Some(GetRange::Bounded(range)) if is_plain && range.start < range.end => {
            Some(range.clone())
        }
        _ => None,
    }
}

/// The answer to a request for a range of a file, cut off at its end as the store does.
fn answer(file: &Path, blocks: &BTreeMap<u64, Block>, range: &Range<u64>) -> Option<GetResult> {
    let block = blocks.values().next()?;
    let range = range.start..range.end.min(block.file_bytes);
    if range.is_empty() {
        return None;
    }
    let bytes = cut(blocks, &range)?;
    let meta = ObjectMeta {
        location: file.clone(),
        last_modified: block.modified,
        size: block.file_bytes,
        e_tag: block.e_tag.clone(),
        version: None,
    };
    let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
    Some(GetResult { payload, meta, range, attributes: Attributes::default() })
}

impl fmt::Display for CachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} through a block cache", self.inner)
    }
}

#[async_trait]
impl ObjectStore for CachedStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if let Some(range) = plain_range(&options).filter(|_| is_data(location)) {
            let blocks = self.blocks(location, std::slice::from_ref(&range)).await;
            if let Some(kept) = blocks.and_then(|blocks| answer(location, &blocks, &range)) {
                return Ok(kept);
            }
        }
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if is_data(location)
            && let Some(blocks) = self.blocks(location, ranges).await
            && let Some(kept) = ranges.iter().map(|range| cut(&blocks, range)).collect()
        {
            return Ok(kept);
        }
        self.inner.get_ranges(location, ranges).await
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A store that counts the requests for bytes.
    #[derive(Debug, Default)]
    struct Counted {
        inner: InMemory,
        requests: AtomicUsize,
    }

    impl fmt::Display for Counted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Counted")
        }
    }

    #[async_trait]
    impl ObjectStore for Counted {
        async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.inner.get_opts(location, options).await
        }
        async fn put_opts(
            &self,
            location: &Path,
            payload: PutPayload,
            options: PutOptions,
        ) -> Result<PutResult> {
            self.inner.put_opts(location, payload, options).await
        }
        async fn put_multipart_opts(
            &self,
            location: &Path,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.inner.put_multipart_opts(location, options).await
        }
        fn delete_stream(
            &self,
            locations: BoxStream<'static, Result<Path>>,
        ) -> BoxStream<'static, Result<Path>> {
            self.inner.delete_stream(locations)
        }
        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.inner.list(prefix)
        }
        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.inner.list_with_delimiter(prefix).await
        }
        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.inner.copy_opts(from, to, options).await
        }
    }

    const SIZE: u64 = 3 * BLOCK_BYTES + 1234;
    const FILE: &str = "w/public/t/day=2024-01-01/part-00000-05eb3c4a-1078-4abd-a737-bc2f19af8c86-c000.zstd.parquet";
    const OTHERS: [&str; 3] = [
        "w/public/t/_delta_log/00000000000000000007.checkpoint.parquet",
        "w/part-0.parquet",
        "w/notes.txt",
    ];

    /// A store with a data file, and what is in it.
    async fn store() -> (Arc<Counted>, Bytes) {
        let store = Arc::new(Counted::default());
        let bytes: Bytes = (0..SIZE).map(|place| (place * 7919 % 251) as u8).collect();
        for file in OTHERS.into_iter().chain([FILE]) {
            store.put(&Path::from(file), bytes.clone().into()).await.unwrap();
        }
        (store, bytes)
    }

    fn through(store: &Arc<Counted>, cache: &Arc<BlockCache>) -> CachedStore {
        let root = Url::parse("s3://bucket").unwrap();
        CachedStore::new(Arc::clone(store) as _, root, Arc::clone(cache))
    }

    async fn cache(folder: &std::path::Path) -> Arc<BlockCache> {
        BlockCache::open(folder, 256 << 20).await.unwrap().unwrap()
    }

    const RANGES: [Range<u64>; 5] =
        [0..1, 5..BLOCK_BYTES, BLOCK_BYTES - 1..BLOCK_BYTES + 1, 10..SIZE, 3 * BLOCK_BYTES..SIZE];

    #[tokio::test]
    async fn every_range_is_read_from_the_store_once() {
        let folder = tempfile::tempdir().unwrap();
        let (store, bytes) = store().await;
        let kept = cache(folder.path()).await;
        let cached = through(&store, &kept);
        let file = Path::from(FILE);
        let place = |place| usize::try_from(place).unwrap();
        let expected = RANGES.map(|range| bytes.slice(place(range.start)..place(range.end)));
        for _ in 0..2 {
            assert_eq!(cached.get_ranges(&file, &RANGES).await.unwrap(), expected);
            for (range, expected) in RANGES.iter().zip(&expected) {
                assert_eq!(&cached.get_range(&file, range.clone()).await.unwrap(), expected);
            }
            // The four blocks, each once.
            assert_eq!(store.requests.load(Ordering::Relaxed), 4);
        }
        // The next process finds them on disk.
        kept.close().await;
        drop((kept, cached));
        let kept = cache(folder.path()).await;
        let cached = through(&store, &kept);
        assert_eq!(cached.get_ranges(&file, &RANGES).await.unwrap(), expected);
        assert_eq!(store.requests.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn answers_are_those_of_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = store().await;
        let cached = through(&store, &cache(folder.path()).await);
        let file = Path::from(FILE);
        let options = |range| GetOptions { range: Some(range), ..GetOptions::default() };
        for range in [
            GetRange::Bounded(SIZE - 5..SIZE + 100),
            GetRange::Bounded(0..3),
            GetRange::Suffix(8),
            GetRange::Offset(SIZE - 4),
        ] {
            let ours = cached.get_opts(&file, options(range.clone())).await.unwrap();
            let theirs = store.get_opts(&file, options(range)).await.unwrap();
            assert_eq!((&ours.range, &ours.meta), (&theirs.range, &theirs.meta));
            assert_eq!(ours.bytes().await.unwrap(), theirs.bytes().await.unwrap());
        }
        for range in [SIZE..SIZE + 1, SIZE + BLOCK_BYTES..SIZE + 2 * BLOCK_BYTES] {
            let range = GetRange::Bounded(range);
            let ours = cached.get_opts(&file, options(range.clone())).await.unwrap_err();
            let theirs = store.get_opts(&file, options(range)).await.unwrap_err();
            assert_eq!(ours.to_string(), theirs.to_string());
        }
        let missing =
            Path::from("w/public/t/part-00000-15eb3c4a-1078-4abd-a737-bc2f19af8c86-c000.parquet");
        let error = cached.get_range(&missing, 0..4).await.unwrap_err();
        assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
    }

    #[tokio::test]
    async fn only_data_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = store().await;
        let cached = through(&store, &cache(folder.path()).await);
        for file in OTHERS {
            let before = store.requests.load(Ordering::Relaxed);
            for _ in 0..2 {
                cached.get_range(&Path::from(file), 0..9).await.unwrap();
            }
            assert_eq!(store.requests.load(Ordering::Relaxed), before + 2);
        }
    }

    #[tokio::test]
    async fn a_folder_is_one_process_s_and_large_enough() {
        let folder = tempfile::tempdir().unwrap();
        let first = cache(folder.path()).await;
        assert!(BlockCache::open(folder.path(), 256 << 20).await.unwrap().is_none());
        drop(first);
        let error = BlockCache::open(folder.path(), 1 << 20).await.unwrap_err();
        assert!(error.to_string().contains("too small"), "{error}");
        let file = folder.path().join("lock");
        let error = BlockCache::open(&file, 256 << 20).await.unwrap_err();
        assert!(error.to_string().contains("cannot keep blocks in"), "{error}");
    }
}
