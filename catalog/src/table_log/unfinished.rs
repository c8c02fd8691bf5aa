//! Writes of this process that are under way: their files are there, and no version names them yet.
//!
//! To VACUUM such files look like what a crash left behind. Whoever writes holds an [`Unfinished`] from before the first
//! file until the commit has happened or will not happen, through all statements of a transaction. What is as old as the
//! oldest of them is not touched.
//!
//! It is one list for the process, because two connections may have opened the same table each in their own way. Another
//! process is not seen; what protects it is VACUUM's retention.
//!
//! Example: a load began at 10:00 and goes on at 10:20: files from 10:00 on that no version names stay.

use crate::store::Location;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// By number: the table's address, and when the write began, in milliseconds since 1970 UTC.
#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    writes: BTreeMap<u64, (String, i64)>,
}

static UNDER_WAY: LazyLock<Mutex<UnderWay>> = LazyLock::new(Mutex::default);

fn under_way() -> MutexGuard<'static, UnderWay> {
    // Each change is one insertion or removal, so a panic elsewhere cannot have left half of one.
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A write that is under way for as long as this is held.
#[derive(Debug)]
pub(super) struct Unfinished(u64);

impl Unfinished {
    /// A write to the table at this place begins.
    pub(super) fn begin(place: &Location, now_ms: i64) -> Arc<Self> {
        let mut under_way = under_way();
        let number = under_way.next;
        under_way.next += 1;
        under_way.writes.insert(number, (place.to_string(), now_ms));
        Arc::new(Self(number))
    }

    /// Lets a write be under way until the process ends. That is for a commit that is in doubt: it may still come and name
    /// the files, and nobody will be told when it does.
    pub(super) fn keep(write: Option<Arc<Self>>) {
        std::mem::forget(write);
    }

    /// When the oldest write to the table at this place began that is under way.
    pub(super) fn oldest(place: &Location) -> Option<i64> {
        let place = place.to_string();
        let under_way = under_way();
        let here = under_way.writes.values().filter(|(there, _)| *there == place);
        here.map(|(_, began_ms)| *began_ms).min()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        under_way().writes.remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table_log::foreign::Foreign;
    use crate::table_log::{Operation, Removal, TableVersion};
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::datasource::source::DataSourceExec;
    use datafusion::execution::TaskContext;
    use serde_json::json;

    #[test]
    fn a_write_is_under_way_while_somebody_holds_it() {
        let place = crate::store::resolve("memory://unfinished/one").unwrap();
        let other = crate::store::resolve("memory://unfinished/two").unwrap();
        assert_eq!(Unfinished::oldest(&place), None);
        let (first, second) = (Unfinished::begin(&place, 7), Unfinished::begin(&place, 9));
        assert_eq!(Unfinished::oldest(&place), Some(7));
        assert_eq!(Unfinished::oldest(&other), None);
        let also_first = Arc::clone(&first);
        drop(first);
        assert_eq!(Unfinished::oldest(&place), Some(7));
        drop(also_first);
        assert_eq!(Unfinished::oldest(&place), Some(9));
        drop(second);
        assert_eq!(Unfinished::oldest(&place), None);
    }

    #[test]
    fn a_write_that_is_kept_does_not_end() {
        let place = crate::store::resolve("memory://unfinished/kept").unwrap();
        let write = Unfinished::begin(&place, 7);
        Unfinished::keep(Some(Arc::clone(&write)));
        drop(write);
        assert_eq!(Unfinished::oldest(&place), Some(7));
    }

    /// The rows to be written to the table.
    fn rows(version: &TableVersion) -> Arc<DataSourceExec> {
        let amounts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_new(version.schema(), vec![amounts]).unwrap();
        MemorySourceConfig::try_new_exec(&[vec![batch]], version.schema(), None).unwrap()
    }

    #[tokio::test]
    async fn writing_is_under_way_until_the_commit() {
        let foreign = Foreign::new();
        let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
        let (settings, column) = (json!({}), json!({}));
        foreign.write(0, &Foreign::first("one", &protocol, &settings, &column, "a.parquet"));
        let place = &foreign.log.location;
        let (append, nothing) = (Operation::Append, Removal::Nothing);
        let context = || Arc::new(TaskContext::default());

        let version = foreign.open(None).await.unwrap();
        let written = version.write(rows(&version), &append, context()).await.unwrap();
        assert!(Unfinished::oldest(place).is_some());
        version.commit(Some(written), &nothing, &append).await.unwrap();
        assert_eq!(Unfinished::oldest(place), None);

        let version = foreign.open(Some(&version)).await.unwrap();
        let written = version.write(rows(&version), &append, context()).await.unwrap();
        let began_ms = Unfinished::oldest(place);
        let first = version.stage(Some(written), &nothing, &append).unwrap();
        assert!(began_ms.is_some());
        assert_eq!(Unfinished::oldest(place), began_ms);
        let written = first.write(rows(&first), &append, context()).await.unwrap();
        let second = first.stage(Some(written), &nothing, &append).unwrap();
        drop(first);
        assert_eq!(Unfinished::oldest(place), began_ms, "the second holds what the first held");
        assert_eq!(second.commit_staged().await.unwrap(), Some(2));
        drop(second);
        assert_eq!(Unfinished::oldest(place), None);
    }
}
