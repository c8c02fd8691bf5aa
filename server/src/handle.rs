//! Handles: the opaque bytes a client holds for something the server keeps, and the bounded shelf they point into.
//!
//! A handle is one version byte and 16 random bytes. It cannot be guessed, and it says nothing about what it points
//! to. A shelf never grows without end: it holds at most `capacity` things, and each leaves after `idle` without use.
//!
//! ```text
//! shelf.put(plan) ──> 01 9f3c...   (client keeps it)   01 9f3c... ──> shelf.get ──> plan
//! after `idle` without a get       ──> NOT_FOUND, prepare it again
//! a shelf that is full             ──> RESOURCE_EXHAUSTED, close something; or what was unused the longest makes room
//! bytes that are no handle         ──> INVALID_ARGUMENT
//! ```
//!
//! A shelf never runs anything and never holds its lock while others wait for something slow.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use crate::status::invalid;

/// The layout of a handle. A server of another layout refuses it by name instead of guessing.
const VERSION: u8 = 1;

/// What a client sends to mean "that one".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Handle(Uuid);

impl Handle {
    /// A handle nobody has and nobody can guess.
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads what a client sent; `noun` names it in the refusal.
    pub(crate) fn decode(noun: &str, bytes: &[u8]) -> Result<Self, Status> {
        match bytes.split_first() {
            Some((&VERSION, id)) if id.len() == 16 => {
                Uuid::from_slice(id).map(Self).map_err(|_| not_ours(noun))
            }
            Some(_) | None => Err(not_ours(noun)),
        }
    }

    /// The bytes that go to the client.
    pub(crate) fn encode(self) -> Bytes {
        let mut bytes = Vec::with_capacity(17);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.0.as_bytes());
        bytes.into()
    }

    /// The bytes alone, for what has a layout of its own.
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads [`Self::as_bytes`] back from bytes that may be anything.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }

    /// Reads [`Self::as_bytes`] back.
    pub(crate) const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The handle as text, for headers and cookies.
    pub(crate) fn to_text(self) -> String {
        self.0.simple().to_string()
    }

    /// Reads [`Self::to_text`] back.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Debug for Handle {
    /// Handles are secrets: logs get four digits, enough to tell two apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_text();
        write!(f, "Handle({}..)", text.get(..4).unwrap_or_default())
    }
}

fn not_ours(noun: &str) -> Status {
    invalid(format!(
        "these bytes are not a {noun} of this server\n  hint: send back the bytes exactly as they were received"
    ))
}

/// A bounded map from handles to things, each forgotten after `idle` without use.
pub(crate) struct Shelf<T> {
    noun: &'static str,
    capacity: usize,
    idle: Duration,
    things: Mutex<HashMap<Handle, Shelved<T>>>,
}

struct Shelved<T> {
    thing: T,
    expires: Instant,
}

impl<T: Clone> Shelf<T> {
    /// An empty shelf; `noun` names its things in errors.
    pub(crate) fn new(noun: &'static str, capacity: usize, idle: Duration) -> Self {
        Self { noun, capacity, idle, things: Mutex::new(HashMap::new()) }
    }

    /// Keeps a thing and says how to ask for it again.
    pub(crate) fn put(&self, thing: T) -> Result<Handle, Status> {
        let handle = Handle::random();
        self.put_at(handle, thing)?;
        Ok(handle)
    }

    /// Keeps a thing under a handle that somebody holds already, in place of what has been unused the longest where there
    /// is no room. For things that can be made again.
    pub(crate) fn put_in_place(&self, handle: Handle, thing: T) {
        let now = Instant::now();
        let mut things = self.lock();
        if things.len() >= self.capacity {
            // A quarter at a time, so that looking for the oldest is seldom.
            let mut times: Vec<Instant> = things.values().map(|shelved| shelved.expires).collect();
            let quarter = times.len() / 4;
            let (_, oldest, _) = times.select_nth_unstable(quarter);
            let oldest = (*oldest).max(now);
            things.retain(|_, shelved| shelved.expires > oldest);
        }
        things.insert(handle, Shelved { thing, expires: now + self.idle });
    }

    /// Keeps a thing under a handle that somebody holds already.
    pub(crate) fn put_at(&self, handle: Handle, thing: T) -> Result<(), Status> {
        let now = Instant::now();
        let mut things = self.lock();
        if things.len() >= self.capacity {
            things.retain(|_, shelved| shelved.expires > now);
        }
        if things.len() >= self.capacity {
            return Err(Status::resource_exhausted(format!(
                "error: the server already keeps {} {}s, its limit\n  hint: close those that are no longer used",
                self.capacity, self.noun
            )));
        }
        things.insert(handle, Shelved { thing, expires: now + self.idle });
        Ok(())
    }

    /// The thing behind a handle. Asking for it keeps it alive.
    pub(crate) fn get(&self, handle: Handle) -> Result<T, Status> {
        let now = Instant::now();
        let mut things = self.lock();
        match things.get_mut(&handle) {
            Some(shelved) if shelved.expires > now => {
                shelved.expires = now + self.idle;
                Ok(shelved.thing.clone())
            }
            Some(_) => {
                things.remove(&handle);
                Err(self.gone())
            }
            None => Err(self.gone()),
        }
    }

    /// Takes the thing off the shelf.
    pub(crate) fn take(&self, handle: Handle) -> Result<T, Status> {
        self.lock().remove(&handle).map(|shelved| shelved.thing).ok_or_else(|| self.gone())
    }

    /// A thing that is so, without keeping it alive.
    pub(crate) fn find(&self, is_so: impl Fn(&T) -> bool) -> Option<T> {
        let now = Instant::now();
        let things = self.lock();
        let mut alive = things.values().filter(|shelved| shelved.expires > now);
        alive.find(|shelved| is_so(&shelved.thing)).map(|shelved| shelved.thing.clone())
    }

    /// Takes all things off the shelf that are so.
    pub(crate) fn take_all(&self, is_so: impl Fn(&T) -> bool) -> Vec<T> {
        let taken = self.lock().extract_if(|_, shelved| is_so(&shelved.thing)).collect::<Vec<_>>();
        taken.into_iter().map(|(_, shelved)| shelved.thing).collect()
    }

    /// How many things are kept now.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// How long a thing stays without use.
    pub(crate) const fn idle(&self) -> Duration {
        self.idle
    }

    /// How a handle is refused that points to nothing, or to nothing of the caller's.
    pub(crate) fn gone(&self) -> Status {
        Status::not_found(format!(
            "error: this {} is unknown, was closed, or expired after {} s without use\n  hint: ask for a new one",
            self.noun,
            self.idle.as_secs()
        ))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Handle, Shelved<T>>> {
        // A map is whole after every single call, so a panic elsewhere cannot have left it half done.
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("noun", &self.noun)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn shelf(capacity: usize) -> Shelf<u32> {
        Shelf::new("query", capacity, Duration::from_secs(60))
    }

    #[test]
    fn a_handle_survives_the_wire_and_garbage_does_not() {
        let handle = Handle::random();
        assert_eq!(Handle::decode("query", &handle.encode()).unwrap(), handle);
        assert_eq!(Handle::from_text(&handle.to_text()), Some(handle));
        let encoded = handle.encode();
        for bytes in [&b""[..], b"x", &[7; 17], &encoded[..16], &[1; 18]] {
            assert_eq!(Handle::decode("query", bytes).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn a_full_shelf_refuses_until_something_leaves() {
        let shelf = shelf(2);
        let first = shelf.put(1).unwrap();
        shelf.put(2).unwrap();
        assert_eq!(shelf.put(3).unwrap_err().code(), Code::ResourceExhausted);
        assert_eq!(shelf.take(first).unwrap(), 1);
        assert_eq!(shelf.get(first).unwrap_err().code(), Code::NotFound);
        shelf.put(3).unwrap();
        assert_eq!(shelf.len(), 2);
    }

    #[test]
    fn a_full_shelf_gives_the_oldest_away_for_what_can_be_made_again() {
        let shelf = shelf(4);
        let handles: Vec<Handle> = (0..6).map(|_| Handle::random()).collect();
        for (handle, number) in handles.iter().zip(0..) {
            shelf.put_in_place(*handle, number);
            std::thread::sleep(Duration::from_millis(2));
        }
        let kept: Vec<u32> = handles.iter().filter_map(|handle| shelf.get(*handle).ok()).collect();
        assert_eq!(kept, [2, 3, 4, 5]);
    }

    #[test]
    fn a_thing_leaves_when_its_time_is_over() {
        let shelf = Shelf::new("query", 1, Duration::ZERO);
        let handle = shelf.put(1).unwrap();
        assert_eq!(shelf.get(handle).unwrap_err().code(), Code::NotFound);
        shelf.put(2).unwrap();
        shelf.put(3).unwrap();
    }
}
