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
}
