//! Who is behind a session, and how they proved it.
//!
//! | Identity | Who | What it may do |
//! |---|---|---|
//! | `Owner` | the process that opened the warehouse itself (`pareto sql --warehouse`, the demo) | everything: it holds the bytes |
//! | `Anybody` | a caller of a server whose warehouse has no users | everything, until the first user is made |
//! | `User` | somebody who logged in | what the catalog grants |
//!
//! A login carries the user's stamp of that moment. Every statement compares it with the newest catalog's, so that
//! `DROP USER`, a new password and `REVOKE` hold from the next statement on, whatever token, connection or prepared
//! statement it comes by. Whether a name exists is told neither by the answer nor by the time it takes.
//!
//! Example: `engine.login("ada", "correct horse").await?`, then `engine.session_of(identity)`.

use crate::engine::Engine;
use crate::error::{EngineError, ErrorKind, Result};
use crate::session::Session;
use futures::future::BoxFuture;
use pareto_catalog::{Catalog, Entry, EntryKey, Principal, PrincipalKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How old the catalog may be that admits a caller. Statements always ask the newest.
const ADMITTED_FOR: Duration = Duration::from_secs(1);

/// Who a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The process that opened the warehouse.
    Owner,
    /// Whoever calls, while the warehouse has no users.
    Anybody,
    /// A user of the catalog.
    User(Login),
}

/// A user who proved to be one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Login {
    /// The name, as the catalog spells it.
    pub user: String,
    /// The user's stamp when they logged in.
    pub stamp: Uuid,
}

/// The newest catalog that callers were admitted by, and when it was read.
#[derive(Debug, Default)]
pub(crate) struct Admission(Mutex<Option<(Instant, Arc<Catalog>)>>);

impl Admission {
    /// Notes what the catalog is now.
    pub(crate) fn remember(&self, catalog: &Arc<Catalog>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(catalog)));
    }

    /// The newest catalog that was noted, whenever that was.
    pub(crate) fn newest(&self) -> Option<Arc<Catalog>> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.as_ref().map(|(_, catalog)| Arc::clone(catalog))
    }
}

impl Engine {
    /// Logs a user in by password. A warehouse without users lets anybody in.
    ///
    /// # Errors
    /// `Unauthenticated` when the name or the password is wrong, without telling which; `Unavailable` when too many
    /// people log in at once.
    pub fn login<'a>(
        &'a self,
        user: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Identity>> {
        Box::pin(async move {
            let catalog = self.warehouse().catalog().await?;
            if !has_users(&catalog) {
                return Ok(Identity::Anybody);
            }
            let known = find(&catalog, user);
            let hash = known.and_then(|principal| principal.password_hash.as_deref());
            let proved = self.hashing().verify(password, hash).await?;
            match known {
                Some(principal) if proved => Ok(Identity::User(login(principal))),
                Some(_) | None => Err(unauthenticated("the user name or the password is wrong")),
            }
        })
    }

    /// Lets a user in whom somebody trusted vouches for.
    ///
    /// # Errors
    /// `Unauthenticated` when the catalog has no such user.
    pub fn vouched<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<Identity>> {
        Box::pin(async move {
            let catalog = self.warehouse().catalog().await?;
            let principal = find(&catalog, user).ok_or_else(|| {
                unauthenticated("the token names nobody who is a user of this warehouse")
                    .with_hint("an administrator makes one with CREATE USER, no password needed")
            })?;
            Ok(Identity::User(login(principal)))
        })
    }

    /// Whether an identity still holds, as the catalog stood at most a second ago.
    ///
    /// # Errors
    /// `Unauthenticated` when it does not.
    pub fn admit<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if holds(identity, &*self.recent_catalog().await?).is_ok() {
                return Ok(());
            }
            // Somebody may have been made since.
            let catalog = self.warehouse().catalog().await?;
            self.admission().remember(&catalog);
            holds(identity, &catalog)
        })
    }

    /// Whether the warehouse has a user, so that callers must say who they are.
    ///
    /// # Errors
    /// Whatever reading the catalog fails with.
    pub fn has_users(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move { Ok(has_users(&*self.recent_catalog().await?)) })
    }

    /// A new connection of somebody, with its own settings.
    pub fn session_of(self: &Arc<Self>, identity: Identity) -> Arc<Session> {
        Session::new(Arc::clone(self), identity)
    }

    async fn recent_catalog(&self) -> Result<Arc<Catalog>> {
        let kept = |admission: &Admission| {
            let kept = admission.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.clone().filter(|(read, _)| read.elapsed() < ADMITTED_FOR)
        };
        if let Some((_, catalog)) = kept(self.admission()) {
            return Ok(catalog);
        }
        let catalog = self.warehouse().catalog().await?;
        self.admission().remember(&catalog);
        Ok(catalog)
    }
}

/// Whether an identity holds in a catalog.
pub(crate) fn holds(identity: &Identity, catalog: &Catalog) -> Result<()> {
    match identity {
        Identity::Owner => Ok(()),
        Identity::Anybody if has_users(catalog) => {
            Err(unauthenticated("this warehouse has users: say who you are")
                .with_hint("connect with a user name and a password"))
        }
        Identity::Anybody => Ok(()),
        Identity::User(login) => match find(catalog, &login.user) {
            Some(principal) if principal.stamp == login.stamp => Ok(()),
            Some(_) | None => Err(unauthenticated("this login is no longer valid")
                .with_hint("connect again; an administrator may have changed your password")),
        },
    }
}

/// The caller is not who they say, or no longer.
fn unauthenticated(message: &str) -> EngineError {
    EngineError::new(ErrorKind::Unauthenticated, message)
}

fn login(principal: &Principal) -> Login {
    Login { user: principal.name.clone(), stamp: principal.stamp }
}

/// Whether anybody can log in at all.
pub(crate) fn has_users(catalog: &Catalog) -> bool {
    catalog.principals().any(|principal| principal.kind == PrincipalKind::User)
}

/// The user of exactly that name.
fn find<'a>(catalog: &'a Catalog, user: &str) -> Option<&'a Principal> {
    match catalog.entry(&EntryKey::Principal(user.to_owned())) {
        Some(Entry::Principal(principal)) if principal.kind == PrincipalKind::User => {
            Some(principal)
        }
        _ => None,
    }
}
