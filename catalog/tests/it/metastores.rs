//! Every metastore passes the one suite, and the log in an object store refuses what it does not know.

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pareto_catalog::metastore::{MemoryMetastore, Metastore, ObjectMetastore, conformance};
use pareto_catalog::{CatalogErrorKind, Change, Entry, Schema, store};
use std::sync::Arc;

#[tokio::test]
async fn memory_conforms() {
    let store = MemoryMetastore::default();
    conformance::all(&store, &store, 100).await.unwrap();
}

fn pair(url: &str) -> (ObjectMetastore, ObjectMetastore) {
    let open = || {
        let place = store::resolve(url).unwrap();
        ObjectMetastore::new(place.store, &place.path)
    };
    (open(), open())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_local_disk_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = pair(directory.path().to_str().unwrap());
    conformance::all(&one, &two, 100).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_in_memory_conforms() {
    let (one, two) = pair("memory://conformance/warehouse");
    conformance::all(&one, &two, 100).await.unwrap();
}

fn schema(name: &str) -> Change {
    Change::Put(Entry::Schema(Schema { name: name.to_owned(), comment: None }))
}

#[tokio::test]
async fn a_log_longer_than_one_whole_document_loads_to_the_same_catalog() {
    let (writer, reader) = pair("memory://long/warehouse");
    let mut catalog = writer.load().await.unwrap();
    for number in 0..200 {
        catalog = writer.commit(&catalog, &[schema(&format!("s{number:03}"))]).await.unwrap();
    }
    assert_eq!(*reader.load().await.unwrap(), *catalog);
    assert_eq!(catalog.schemas().count(), 200);
}

#[tokio::test]
async fn a_document_of_another_format_is_refused_by_its_number() {
    let place = store::resolve("memory://format/warehouse").unwrap();
    let path = Path::from("warehouse/_pareto/catalog/00000000000000000001.json");
    let put = |text: &'static str| place.store.put(&path, text.into());
    put(r#"{"format": 9, "shape": "unknown"}"#).await.unwrap();
    let (metastore, _) = pair("memory://format/warehouse");
    let error = metastore.load().await.unwrap_err();
    assert_eq!(error.kind, CatalogErrorKind::Unsupported);
    assert!(error.message.contains("format 9"), "{error}");
    put("not json").await.unwrap();
    assert_eq!(metastore.load().await.unwrap_err().kind, CatalogErrorKind::Corrupt);
}

/// A store that does what it is told and then says that it failed, as a network does.
#[derive(Debug)]
struct LosesAnswers(Arc<dyn ObjectStore>);

impl std::fmt::Display for LosesAnswers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store that loses answers")
    }
}

mod losing {
    use super::LosesAnswers;
    use async_trait::async_trait;
    use futures::stream::BoxStream;
    use object_store::path::Path;
    use object_store::{
        CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
        ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    };

    #[async_trait]
    impl ObjectStore for LosesAnswers {
        async fn put_opts(
            &self,
            location: &Path,
            payload: PutPayload,
            options: PutOptions,
        ) -> Result<PutResult> {
            self.0.put_opts(location, payload, options).await?;
            Err(Error::Generic { store: "network", source: "connection reset".into() })
        }
        async fn put_multipart_opts(
            &self,
            location: &Path,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(location, options).await
        }
        async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
            self.0.get_opts(location, options).await
        }
        fn delete_stream(
            &self,
            locations: BoxStream<'static, Result<Path>>,
        ) -> BoxStream<'static, Result<Path>> {
            self.0.delete_stream(locations)
        }
        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.0.list(prefix)
        }
        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.0.list_with_delimiter(prefix).await
        }
        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.0.copy_opts(from, to, options).await
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_told_from_a_lost_race() {
    let place = store::resolve("memory://answers/warehouse").unwrap();
    let losing =
        ObjectMetastore::new(Arc::new(LosesAnswers(Arc::clone(&place.store))), &place.path);
    let base = losing.load().await.unwrap();
    let made = losing.commit(&base, &[schema("ours")]).await.unwrap();
    assert_eq!(made.version, 1);
    let other = losing.commit(&base, &[schema("late")]).await.unwrap_err();
    assert_eq!(other.kind, CatalogErrorKind::Conflict);
}
