//! Who is calling, and which engine session their request belongs to.
//!
//! First who, by what the request proves; then which session of theirs:
//!
//! ```text
//! authorization: Bearer p1...              our token: who, and the session it names
//! authorization: Bearer <a trusted JWT>    the user it names, on this connection's session for them
//! authorization: Basic ...                 who knows the password; checked once on a connection
//! nothing                                  anybody, while the warehouse has no users
//! cookie: arrow_flight_session_id=<id>     another session of the same caller, from SetSessionOptions
//! ```
//!
//! A connection is a session, as in any database: that is what makes `SET` work for a client without a token. A token
//! that is not known is refused (`UNAUTHENTICATED`), never quietly replaced. Where too many sessions are kept, those that
//! were unused the longest make room; their tokens open new ones. Being let in here says nothing about rights: each
//! statement asks for those, and for whether the user still exists, anew.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pareto_engine::{Engine, EngineError, ErrorKind, Identity, Session, Transaction};
use tonic::Status;

use super::attempts::Attempts;
use super::claim::{Claim, Credentials, Proof};
use super::connection::ConnectionInfo;
use crate::handle::{Handle, Shelf};
use crate::jwt::Issuer;
use crate::status::{from_engine, internal};
use crate::token::{Refused, Signer, Token};

/// The cookie's name, as the protocol suggests it.
pub(crate) const COOKIE: &str = "arrow_flight_session_id";

const MAX_SESSIONS: usize = 4_096;
const IDLE: Duration = Duration::from_secs(8 * 3_600);
/// Closed sessions whose tokens are remembered, so that nobody opens them again.
const MAX_CLOSED: usize = 65_536;
/// Callers that one connection may carry at a time: a proxy's, of several users.
const MAX_ON_CONNECTION: usize = 64;

/// Who may call without saying who they are, while the warehouse has no users.
pub(crate) const ANYBODY: &str = "anybody";

/// One caller: an engine session and the name it was opened under.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) session: Arc<Session>,
    pub(crate) user: Arc<str>,
    /// How the caller was recognized, which decides how the session ends.
    pub(crate) by: Recognized,
    /// A newer token, when the one the caller holds is old.
    pub(crate) renewed: Option<String>,
}

impl Caller {
    /// The same caller, with their statements in a transaction.
    pub(crate) fn within(&self, transaction: &Arc<Transaction>) -> Self {
        self.with(&self.session.within(transaction))
    }

    /// The same caller on another session of theirs.
    pub(crate) fn with(&self, session: &Arc<Session>) -> Self {
        Self { session: Arc::clone(session), ..self.clone() }
    }
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

/// The sessions that a TCP connection carries, made when they are first needed.
#[derive(Default)]
pub(crate) struct ConnectionSessions {
    anybody: OnceLock<Arc<Session>>,
    /// Of callers who prove anew with each request who they are, by a fingerprint of the proof.
    proved: Mutex<Vec<([u8; 32], Arc<Session>)>>,
}

impl ConnectionSessions {
    fn anybody(&self, engine: &Arc<Engine>) -> Arc<Session> {
        Arc::clone(self.anybody.get_or_init(|| engine.session_of(Identity::Anybody)))
    }

    fn proved(&self, print: [u8; 32]) -> Option<Arc<Session>> {
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.iter().find(|(known, _)| *known == print).map(|(_, session)| Arc::clone(session))
    }

    fn remember(&self, print: [u8; 32], session: &Arc<Session>) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.retain(|(known, _)| *known != print);
        if proved.len() == MAX_ON_CONNECTION {
            proved.remove(0);
        }
        proved.push((print, Arc::clone(session)));
    }
}

impl fmt::Debug for ConnectionSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionSessions").field(&self.anybody.get().is_some()).finish()
    }
}

/// What decides who gets in.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) signer: Signer,
    pub(crate) issuer: Option<Issuer>,
    /// Whether callers who say nothing are let in while there are no users.
    pub(crate) open: bool,
    /// How long a ticket is good.
    pub(crate) ticket_lifetime: Duration,
}

/// All sessions that outlive a connection.
#[derive(Debug)]
pub(crate) struct Sessions {
    engine: Arc<Engine>,
    gate: Gate,
    attempts: Attempts,
    named: Shelf<(Arc<Session>, Arc<str>)>,
    /// Closed, and until when a token may still name them.
    closed: Mutex<HashMap<Handle, Instant>>,
}

impl Sessions {
    pub(crate) fn new(engine: Arc<Engine>, gate: Gate) -> Self {
        Self {
            engine,
            gate,
            attempts: Attempts::default(),
            named: Shelf::new("session", MAX_SESSIONS, IDLE),
            closed: Mutex::default(),
        }
    }

    /// The caller of a request.
    pub(crate) async fn caller(&self, claim: Claim) -> Result<Caller, Status> {
        let Claim { proof, cookie, connection } = claim;
        let caller = match proof {
            Proof::Bearer(text) => match self.gate.signer.read(&text) {
                Ok(token) => self.by_token(&token)?,
                Err(Refused::NotOurs) => {
                    let (identity, user) = self.by_issuer(&text).await?;
                    let print = self.gate.signer.fingerprint(format!("jwt {user}").as_bytes());
                    self.on_connection(identity, &user, print, cookie, connection.as_ref())
                }
                Err(refused) => return Err(unknown_token(refused)),
            },
            Proof::Password(credentials) => {
                self.by_password(&credentials, cookie, connection.as_ref()).await?
            }
            Proof::Nothing => self.anybody(cookie, connection.as_ref()),
        };
        self.admit(&caller).await?;
        Ok(caller)
    }

    /// Who shakes hands.
    pub(crate) async fn greet(&self, claim: &Claim) -> Result<(Identity, String), Status> {
        let from = claim.connection.as_ref().and_then(ConnectionInfo::peer);
        match &claim.proof {
            Proof::Bearer(text) => match self.gate.signer.read(text) {
                Ok(token) => {
                    let caller = self.by_token(&token)?;
                    Ok((caller.session.identity().clone(), token.user))
                }
                Err(Refused::NotOurs) => self.by_issuer(text).await,
                Err(refused) => Err(unknown_token(refused)),
            },
            Proof::Password(credentials) => {
                let identity = self.login(credentials, from).await?;
                Ok((identity, credentials.user.clone()))
            }
            Proof::Nothing => Ok((Identity::Anybody, ANYBODY.to_owned())),
        }
    }

    /// A fresh session for someone who shook hands, and the token that names it.
    pub(crate) async fn open(&self, identity: Identity, user: &str) -> Result<String, Status> {
        let session = self.engine.session_of(identity.clone());
        let caller = Caller {
            session: Arc::clone(&session),
            user: Arc::from(user),
            by: Recognized::Connection,
            renewed: None,
        };
        self.admit(&caller).await?;
        let handle = Handle::random();
        self.named.put_in_place(handle, (session, caller.user));
        Ok(self.gate.signer.issue(handle, &identity, user))
    }

    /// Keeps a connection's session beyond the connection, for a client that asked for options and keeps cookies. Asked
    /// for again it is the same one.
    pub(crate) fn keep(&self, caller: &Caller) -> Result<Handle, Status> {
        let print = self.gate.signer.fingerprint(caller.session.id().as_bytes());
        let handle = print.first_chunk::<16>().and_then(|bytes| Handle::from_slice(bytes));
        let handle = handle.ok_or_else(|| internal("keeping a session", "no handle"))?;
        self.named.put_in_place(handle, (Arc::clone(&caller.session), Arc::clone(&caller.user)));
        Ok(handle)
    }

    /// Ends a session; a connection's session ends with its connection.
    pub(crate) fn close(&self, caller: &Caller) {
        match caller.by {
            Recognized::Token(handle) => {
                let _ = self.named.take(handle);
                self.forget(handle);
            }
            Recognized::Cookie(handle) => {
                // Closed twice is closed.
                let _ = self.named.take(handle);
            }
            Recognized::Connection => {}
        }
    }

    /// The key that signs tokens and tickets.
    pub(crate) fn signer(&self) -> &Signer {
        &self.gate.signer
    }

    /// Another session of the same caller with these settings, for a query that is run again.
    pub(crate) fn like(
        &self,
        caller: &Caller,
        settings: &BTreeMap<String, String>,
    ) -> Result<Arc<Session>, EngineError> {
        let session = self.engine.session_of(caller.session.identity().clone());
        settings.iter().try_for_each(|(key, value)| session.set(key, value))?;
        Ok(session)
    }

    pub(crate) fn len(&self) -> usize {
        self.named.len()
    }

    /// Refuses an identity that no longer holds, and strangers where the door is not open.
    async fn admit(&self, caller: &Caller) -> Result<(), Status> {
        let identity = caller.session.identity();
        self.engine.admit(identity).await.map_err(|error| from_engine(&error))?;
        if *identity == Identity::Anybody && !self.gate.open {
            return Err(Status::unauthenticated(
                "error: this warehouse has no users, and others than this machine can reach the server\n  hint: make a user on the machine that holds the warehouse: pareto sql -c \"CREATE USER ..\"",
            ));
        }
        Ok(())
    }

    /// The session that one of our tokens names, made again when this server does not know it (any more).
    fn by_token(&self, token: &Token) -> Result<Caller, Status> {
        let handle = token.session;
        if self.closed().contains_key(&handle) {
            return Err(unknown_token(Refused::Forged));
        }
        let (session, user) = match self.named.get(handle) {
            Ok((session, user)) if *session.identity() == token.identity => (session, user),
            Ok(_) => return Err(unknown_token(Refused::Forged)),
            Err(_) => {
                let session = self.engine.session_of(token.identity.clone());
                let user: Arc<str> = Arc::from(token.user.as_str());
                self.named.put_in_place(handle, (Arc::clone(&session), Arc::clone(&user)));
                (session, user)
            }
        };
        let renewed = self
            .gate
            .signer
            .is_old(token)
            .then(|| self.gate.signer.issue(handle, &token.identity, &token.user));
        Ok(Caller { session, user, by: Recognized::Token(handle), renewed })
    }

    /// The user that a trusted issuer's token names.
    async fn by_issuer(&self, text: &str) -> Result<(Identity, String), Status> {
        let Some(issuer) = &self.gate.issuer else { return Err(unknown_token(Refused::NotOurs)) };
        let user = Box::pin(issuer.user(text)).await.map_err(|reason| {
            Status::unauthenticated(format!(
                "error: the token is not taken: {reason}\n  hint: ask the login service for a new one"
            ))
        })?;
        let identity = self.engine.vouched(&user).await.map_err(|error| from_engine(&error))?;
        Ok((identity, user))
    }

    /// The session of a caller who sends a password with each request. It is checked when it is new on the connection
    /// and when the login it gave no longer holds.
    async fn by_password(
        &self,
        credentials: &Credentials,
        cookie: Option<Handle>,
        connection: Option<&ConnectionInfo>,
    ) -> Result<Caller, Status> {
        let secret = format!("password {}:{}", credentials.user, credentials.password);
        let print = self.gate.signer.fingerprint(secret.as_bytes());
        let known = connection.and_then(|connection| connection.sessions().proved(print));
        let identity = match known {
            Some(session) if self.engine.admit(session.identity()).await.is_ok() => {
                session.identity().clone()
            }
            Some(_) | None => {
                self.login(credentials, connection.and_then(ConnectionInfo::peer)).await?
            }
        };
        Ok(self.on_connection(identity, &credentials.user, print, cookie, connection))
    }

    /// Checks a password, slower and slower for those who guess.
    async fn login(
        &self,
        credentials: &Credentials,
        from: Option<std::net::IpAddr>,
    ) -> Result<Identity, Status> {
        let Credentials { user, password } = credentials;
        self.attempts.admit(user, from)?;
        match self.engine.login(user, password).await {
            Ok(identity) => {
                self.attempts.succeeded(user, from);
                Ok(identity)
            }
            Err(error) => {
                if error.kind == ErrorKind::Unauthenticated {
                    self.attempts.failed(user, from);
                    tracing::warn!(user, ?from, "a login failed");
                }
                Err(from_engine(&error))
            }
        }
    }

    /// The session of somebody known on a connection: that of their cookie, the one they had, or a new one.
    fn on_connection(
        &self,
        identity: Identity,
        user: &str,
        print: [u8; 32],
        cookie: Option<Handle>,
        connection: Option<&ConnectionInfo>,
    ) -> Caller {
        if let Some(caller) = self.by_cookie(cookie, &identity) {
            return caller;
        }
        let sessions = connection.map(ConnectionInfo::sessions);
        let known = sessions.and_then(|sessions| sessions.proved(print));
        let session = match known {
            Some(session) if *session.identity() == identity => session,
            Some(_) | None => {
                let session = self.engine.session_of(identity);
                if let Some(sessions) = sessions {
                    sessions.remember(print, &session);
                }
                session
            }
        };
        Caller { session, user: Arc::from(user), by: Recognized::Connection, renewed: None }
    }

    fn anybody(&self, cookie: Option<Handle>, connection: Option<&ConnectionInfo>) -> Caller {
        if let Some(caller) = self.by_cookie(cookie, &Identity::Anybody) {
            return caller;
        }
        let session = match connection {
            Some(connection) => connection.sessions().anybody(&self.engine),
            None => self.engine.session_of(Identity::Anybody),
        };
        Caller { session, user: Arc::from(ANYBODY), by: Recognized::Connection, renewed: None }
    }

    /// The session of a cookie, for the same caller only: a cookie says which session, and proves nothing.
    fn by_cookie(&self, cookie: Option<Handle>, identity: &Identity) -> Option<Caller> {
        let handle = cookie?;
        let (session, user) = self.named.get(handle).ok()?;
        (session.identity() == identity).then_some(Caller {
            session,
            user,
            by: Recognized::Cookie(handle),
            renewed: None,
        })
    }

    /// Remembers that a session is closed for as long as tokens of it may come.
    fn forget(&self, handle: Handle) {
        let now = Instant::now();
        let mut closed = self.closed();
        if closed.len() >= MAX_CLOSED {
            closed.retain(|_, until| *until > now);
        }
        if closed.len() < MAX_CLOSED {
            closed.insert(handle, now + self.gate.signer.lifetime());
        }
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, HashMap<Handle, Instant>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown_token(refused: Refused) -> Status {
    let problem = match refused {
        Refused::Expired => "the bearer token has expired",
        Refused::Forged | Refused::NotOurs => {
            "the bearer token is unknown, was closed or has expired"
        }
    };
    Status::unauthenticated(format!("error: {problem}\n  hint: connect again with a handshake"))
}
