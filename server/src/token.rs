//! Tokens of our own: who logged in, until when, signed so that nobody can make one up.
//!
//! A handshake gives one out and every later call brings it back. It says everything that is needed to let the caller
//! in, so a server that shares the key of another, or was started anew with the same one, takes it too. It is no
//! secret's hiding place: what is inside can be read by whoever holds it, and changed by nobody.
//!
//! ```text
//! p1.<base64url of  layout 1 | session 16 | stamp 16 | expires 8 | kind 1 | user ..  and 32 bytes HMAC-SHA256 of that>
//! ```
//!
//! Without a key in the configuration the server makes one when it starts, and tokens end with it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pareto_engine::{Identity, Login};
use uuid::Uuid;

use crate::handle::Handle;

/// What our tokens start with; no token of anybody else does.
const PREFIX: &str = "p1.";
/// The layout of what is signed.
const LAYOUT: u8 = 1;
/// The bytes of a signature.
const SIGNATURE: usize = 32;
/// Layout, session, stamp, time and kind: what comes before the name.
const FIXED: usize = 1 + 16 + 16 + 8 + 1;
/// The shortest key that a configuration may give, in bytes.
pub(crate) const LEAST_KEY: usize = 32;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) session: Handle,
    pub(crate) identity: Identity,
    /// The name the caller gave, which is the user's unless the warehouse has none.
    pub(crate) user: String,
    /// Seconds since 1970.
    expires: u64,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is of another kind; somebody else may know it.
    NotOurs,
    /// Its signature or layout is wrong.
    Forged,
    /// Its time is over.
    Expired,
}

/// The key that signs.
pub(crate) struct Signer {
    key: hmac::Key,
    lifetime: Duration,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with the key given, or with one that ends with the process.
    pub(crate) fn new(key: Option<&[u8]>, lifetime: Duration) -> Self {
        let key = match key {
            Some(key) => hmac::Key::new(hmac::HMAC_SHA256, key),
            None => {
                // Two random UUIDs are 244 bits of the system's randomness.
                let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
                let fresh: Vec<u8> =
                    first.as_bytes().iter().chain(second.as_bytes()).copied().collect();
                hmac::Key::new(hmac::HMAC_SHA256, &fresh)
            }
        };
        Self { key, lifetime }
    }

    /// How long tokens are good.
    pub(crate) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for a session, good for the whole lifetime from now.
    pub(crate) fn issue(&self, session: Handle, identity: &Identity, user: &str) -> String {
        let mut bytes = Vec::with_capacity(FIXED + user.len() + SIGNATURE);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(session.as_bytes());
        let (kind, stamp) = match identity {
            Identity::User(login) => (1, login.stamp),
            Identity::Anybody | Identity::Owner => (0, Uuid::nil()),
        };
        bytes.extend_from_slice(stamp.as_bytes());
        bytes.extend_from_slice(&(now() + self.lifetime.as_secs()).to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(user.as_bytes());
        let signature = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(signature.as_ref());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token says, if it is ours and its time is not over.
    pub(crate) fn read(&self, text: &str) -> Result<Token, Refused> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Refused::NotOurs)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused::Forged)?;
        let at = bytes.len().checked_sub(SIGNATURE).ok_or(Refused::Forged)?;
        let (signed, signature) = bytes.split_at(at);
        hmac::verify(&self.key, signed, signature).map_err(|_| Refused::Forged)?;
        let token = parse(signed).ok_or(Refused::Forged)?;
        if token.expires <= now() { Err(Refused::Expired) } else { Ok(token) }
    }

    /// Whether more than half of a token's time is over, so that its holder should get another.
    pub(crate) fn is_old(&self, token: &Token) -> bool {
        token.expires.saturating_sub(now()) < self.lifetime.as_secs() / 2
    }

    /// The signature of something that is not a token; what is signed for one purpose is worth nothing for another.
    pub(crate) fn sign(&self, purpose: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mut signature = [0; 32];
        signature.copy_from_slice(hmac::sign(&self.keyed(purpose), bytes).as_ref());
        signature
    }

    /// Whether [`Self::sign`] made this signature; it takes as long to say no as to say yes.
    pub(crate) fn verify(&self, purpose: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.keyed(purpose), bytes, signature).is_ok()
    }

    /// A key of its own for a purpose.
    fn keyed(&self, purpose: &[u8]) -> hmac::Key {
        let purpose = [b"key for ", purpose].concat();
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.key, &purpose).as_ref())
    }

    /// A number for a secret that tells it from others and says nothing about it.
    pub(crate) fn fingerprint(&self, secret: &[u8]) -> [u8; 32] {
        let mut print = [0; 32];
        print.copy_from_slice(hmac::sign(&self.key, secret).as_ref());
        print
    }
}

fn parse(signed: &[u8]) -> Option<Token> {
    let (fixed, user) = signed.split_at_checked(FIXED)?;
    let uuid = |from: usize| Uuid::from_slice(fixed.get(from..from + 16)?).ok();
    let user = String::from_utf8(user.to_vec()).ok()?;
    let expires = u64::from_be_bytes(fixed.get(33..41)?.try_into().ok()?);
    let identity = match (fixed.first()?, fixed.get(41)?) {
        (&LAYOUT, 0) => Identity::Anybody,
        (&LAYOUT, 1) => Identity::User(Login { user: user.clone(), stamp: uuid(17)? }),
        _ => return None,
    };
    Some(Token { session: Handle::from_uuid(uuid(1)?), identity, user, expires })
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Identity {
        Identity::User(Login { user: "ada".to_owned(), stamp: Uuid::new_v4() })
    }

    #[test]
    fn a_token_says_who_and_nobody_else_can_make_it() {
        let signer = Signer::new(None, Duration::from_secs(60));
        let (session, identity) = (Handle::random(), ada());
        let text = signer.issue(session, &identity, "ada");
        let token = signer.read(&text).unwrap();
        assert_eq!((token.session, &token.identity), (session, &identity));
        assert!(!signer.is_old(&token));
        let anybody = signer.issue(session, &Identity::Anybody, "bob");
        assert_eq!(signer.read(&anybody).unwrap().identity, Identity::Anybody);
        let other = Signer::new(None, Duration::from_secs(60));
        assert_eq!(other.read(&text), Err(Refused::Forged));
        assert_eq!(signer.read("eyJhbGciOi.J9.x"), Err(Refused::NotOurs));
        assert_eq!(signer.read("p1."), Err(Refused::Forged));
        // No single character can be another one; the last carries bits that do not count.
        for at in 3..text.len() - 1 {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(signer.read(&forged), Err(Refused::Forged), "{at}");
        }
    }

    #[test]
    fn a_token_ends_and_a_key_that_is_given_outlives_the_process() {
        let key = [7; LEAST_KEY];
        let (long, over) = (
            Signer::new(Some(&key), Duration::from_secs(60)),
            Signer::new(Some(&key), Duration::ZERO),
        );
        let text = long.issue(Handle::random(), &ada(), "ada");
        assert!(over.read(&text).is_ok());
        let text = over.issue(Handle::random(), &ada(), "ada");
        assert_eq!(long.read(&text), Err(Refused::Expired));
        let shown = format!("{long:?}");
        assert!(!shown.contains('7'), "{shown}");
    }
}
