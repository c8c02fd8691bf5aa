//! The local disk. What a commit promises must survive a power cut, so bytes and directory entries are on disk before
//! anyone can see them: a commit is written beside its place, synced, linked into place if that is free, and the
//! directory is synced. A finished data file is synced before it can be named by a commit.
//!
//! Staged names end in `#` and a number, which listings skip; a crash leaves at most such a file behind.
//!
//! Example: `./pareto-warehouse` or `file:///srv/warehouse`.

use super::Location;
use crate::{CatalogError, CatalogErrorKind, Result};
use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    UploadPart,
};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use url::Url;

type StoreResult<T> = std::result::Result<T, Error>;

/// Opens `file:///path`.
pub(super) fn open(url: &Url) -> Result<Location> {
    let path = url
        .to_file_path()
        .map_err(|()| CatalogError::invalid(format!("{url} is not a local path")))?;
    open_directory(&path)
}

/// Opens a directory or file by its path, which need not exist yet.
pub(super) fn open_directory(path: &FilePath) -> Result<Location> {
    let absolute = std::path::absolute(path).map_err(|error| {
        CatalogError::new(
            CatalogErrorKind::Invalid,
            format!("{} is not a path: {error}", path.display()),
        )
    })?;
    let text = absolute.to_string_lossy();
    let path =
        Path::parse(text.trim_start_matches('/').trim_end_matches('/')).map_err(|error| {
            CatalogError::invalid(format!("{text} cannot be used as a path: {error}"))
        })?;
    let root = Url::parse("file:///").map_err(|error| CatalogError::internal(error.to_string()))?;
    Ok(Location {
        store: Arc::new(DurableDisk { inner: Arc::new(LocalFileSystem::new()) }),
        root,
        path,
    })
}

/// The local file system with durable writes.
#[derive(Debug)]
struct DurableDisk {
    inner: Arc<LocalFileSystem>,
}

impl std::fmt::Display for DurableDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("local disk")
    }
}

fn failed(path: &FilePath, source: std::io::Error) -> Error {
    let path_text = path.display().to_string();
    match source.kind() {
        ErrorKind::NotFound => Error::NotFound { path: path_text, source: Box::new(source) },
        ErrorKind::AlreadyExists => {
            Error::AlreadyExists { path: path_text, source: Box::new(source) }
        }
        ErrorKind::PermissionDenied => {
            Error::PermissionDenied { path: path_text, source: Box::new(source) }
        }
        _ => {
            Error::Generic { store: "local disk", source: format!("{path_text}: {source}").into() }
        }
    }
}

/// Syncs a file and the directory entry that names it.
fn sync(path: &FilePath) -> StoreResult<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(path, error))?;
    sync_directory(path)
}

fn sync_directory(path: &FilePath) -> StoreResult<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| failed(directory, error))
}

/// Makes the directories above `path`, syncing each one that is new into its parent.
fn make_directories(path: &FilePath) -> StoreResult<()> {
    let missing: Vec<&FilePath> =
        path.ancestors().skip(1).take_while(|directory| !directory.exists()).collect();
    for directory in missing.iter().rev() {
        match std::fs::create_dir(directory) {
            Ok(()) => sync_directory(directory)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(directory, error)),
        }
    }
    Ok(())
}

/// Writes `payload` to `path` if nothing is there: all of it, synced, or nothing.
fn create(path: &FilePath, payload: &PutPayload) -> StoreResult<()> {
    make_directories(path)?;
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!("#{}", uuid::Uuid::new_v4().as_u128()));
    let staged = PathBuf::from(staged);
    let outcome = stage(&staged, payload)
        .and_then(|()| std::fs::hard_link(&staged, path))
        .map_err(|error| failed(path, error))
        .and_then(|()| sync_directory(path));
    // The link keeps the bytes; a staged name that stays behind is only litter.
    let _ = std::fs::remove_file(&staged);
    outcome
}

fn stage(staged: &FilePath, payload: &PutPayload) -> std::io::Result<()> {
    let mut file = File::create_new(staged)?;
    payload.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// Runs disk work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> StoreResult<T> + Send + 'static,
) -> StoreResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|source| Error::JoinError { source })?
}

#[async_trait]
impl ObjectStore for DurableDisk {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        let path = self.inner.path_to_filesystem(location)?;
        if options.mode == PutMode::Create {
            blocking(move || create(&path, &payload)).await?;
            return Ok(PutResult { e_tag: None, version: None });
        }
        let result = self.inner.put_opts(location, payload, options).await?;
        blocking(move || sync(&path)).await?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        let path = self.inner.path_to_filesystem(location)?;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { inner, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> StoreResult<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// An upload whose file is on disk when it completes.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        let result = self.inner.complete().await?;
        let path = self.path.clone();
        blocking(move || sync(&path)).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.inner.abort().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;

    #[tokio::test]
    async fn create_keeps_the_first_and_leaves_no_litter() {
        let directory = tempfile::tempdir().unwrap();
        let location = open_directory(&directory.path().join("a/b")).unwrap();
        let path = location.child("v1.json").path;
        let create = |text: &'static str| {
            location.store.put_opts(&path, text.into(), PutOptions::from(PutMode::Create))
        };
        create("first").await.unwrap();
        assert!(matches!(create("second").await.unwrap_err(), Error::AlreadyExists { .. }));
        assert_eq!(location.store.get(&path).await.unwrap().bytes().await.unwrap(), "first");
        assert_eq!(std::fs::read_dir(directory.path().join("a/b")).unwrap().count(), 1);
    }
}
