//! Who is calling: which engine session a request belongs to.
//!
//! Clients name their session in three ways, asked in this order:
//!
//! ```text
//! authorization: Bearer <token>            from a handshake; lives until closed or 8 h unused
//! cookie: arrow_flight_session_id=<id>     from SetSessionOptions, for clients that keep cookies
//! neither                                  the TCP connection is the session, and ends with it
//! ```
//!
//! The last one is what makes `SET` work for the Python driver without a login: one connection, one session, as in any
//! database. A token that is not known is refused (`UNAUTHENTICATED`), never quietly replaced by a fresh session.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pareto_engine::{Engine, Session};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::connection::ConnectionInfo;
use crate::handle::{Handle, Shelf};

/// The cookie's name, as the protocol suggests it.
pub(crate) const COOKIE: &str = "arrow_flight_session_id";

const MAX_SESSIONS: usize = 4_096;
const IDLE: Duration = Duration::from_secs(8 * 3_600);

/// Who may call without saying who they are, while the server has no users.
pub(crate) const ANYBODY: &str = "anybody";

/// One caller: an engine session and the name it was opened under.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) session: Arc<Session>,
    pub(crate) user: Arc<str>,
    /// How the caller was recognized, which decides how the session ends.
    pub(crate) by: Recognized,
}

/// How a caller was recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognized {
    Token(Handle),
    Cookie(Handle),
    Connection,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("user", &self.user)
            .field("by", &self.by)
            .finish_non_exhaustive()
    }
}

/// The session that a TCP connection carries, made when it is first needed.
#[derive(Default)]
pub(crate) struct ConnectionSession(OnceLock<Arc<Session>>);

impl ConnectionSession {
    fn get(&self, engine: &Arc<Engine>) -> Arc<Session> {
        Arc::clone(self.0.get_or_init(|| engine.session()))
    }
}

impl fmt::Debug for ConnectionSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionSession").field(&self.0.get().is_some()).finish()
    }
}

/// All sessions that outlive a connection.
#[derive(Debug)]
pub(crate) struct Sessions {
    engine: Arc<Engine>,
    named: Shelf<(Arc<Session>, Arc<str>)>,
}

impl Sessions {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, named: Shelf::new("session", MAX_SESSIONS, IDLE) }
    }

    /// The caller of a request.
    pub(crate) fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let headers = request.metadata();
        if let Some(token) = bearer(headers) {
            let unknown = || {
                Status::unauthenticated(
                    "error: the bearer token is unknown or has expired\n  hint: connect again with a handshake",
                )
            };
            let handle = Handle::from_text(token).ok_or_else(unknown)?;
            let (session, user) = self.named.get(handle).map_err(|_| unknown())?;
            return Ok(Caller { session, user, by: Recognized::Token(handle) });
        }
        if let Some(handle) = cookie(headers)
            && let Ok((session, user)) = self.named.get(handle)
        {
            return Ok(Caller { session, user, by: Recognized::Cookie(handle) });
        }
        let session = match request.extensions().get::<ConnectionInfo>() {
            Some(connection) => connection.session().get(&self.engine),
            // Only a test that calls the service without a socket gets here.
            None => self.engine.session(),
        };
        Ok(Caller { session, user: Arc::from(ANYBODY), by: Recognized::Connection })
    }

    /// A fresh session for someone who shook hands; the handle's text is the token.
    pub(crate) fn open(&self, user: &str) -> Result<Handle, Status> {
        self.named.put((self.engine.session(), Arc::from(user)))
    }

    /// Keeps a connection's session beyond the connection, for a client that asked for options and keeps cookies.
    pub(crate) fn keep(&self, caller: &Caller) -> Result<Handle, Status> {
        self.named.put((Arc::clone(&caller.session), Arc::clone(&caller.user)))
    }

    /// Ends a session; a connection's session ends with its connection.
    pub(crate) fn close(&self, caller: &Caller) {
        match caller.by {
            Recognized::Token(handle) | Recognized::Cookie(handle) => {
                // Closed twice is closed.
                let _ = self.named.take(handle);
            }
            Recognized::Connection => {}
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.named.len()
    }
}

fn bearer(headers: &MetadataMap) -> Option<&str> {
    if let Some(value) = headers.get("authorization").and_then(|value| value.to_str().ok())
        && let Some((scheme, token)) = value.split_once(' ')
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Some(token.trim());
    }
    None
}

fn cookie(headers: &MetadataMap) -> Option<Handle> {
    let values = headers.get_all("cookie");
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .find_map(|(_, id)| Handle::from_text(id.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> MetadataMap {
        let mut headers = MetadataMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn tokens_and_cookies_are_found() {
        assert_eq!(bearer(&headers("authorization", "Bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("authorization", "bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("authorization", "Basic abc")), None);
        let handle = Handle::random();
        let text = format!("other=1; {COOKIE}={}", handle.to_text());
        assert_eq!(cookie(&headers("cookie", &text)), Some(handle));
        assert_eq!(cookie(&headers("cookie", "arrow_flight_session_id=nonsense")), None);
    }
}
