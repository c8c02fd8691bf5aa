//! The store in memory, for tests: `memory://name` is the same store for the whole process, gone when it ends.

use super::Location;
use crate::Result;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use url::Url;

static STORES: LazyLock<Mutex<HashMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);

/// Opens `memory://name/path`.
pub(super) fn open(url: &Url) -> Result<Location> {
    let name = url.host_str().unwrap_or("main").to_owned();
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let store: Arc<dyn ObjectStore> =
        Arc::clone(stores.entry(name).or_default()) as Arc<dyn ObjectStore>;
    let mut root = url.clone();
    root.set_path("/");
    Ok(Location { store, root, path: Path::from(url.path()) })
}
