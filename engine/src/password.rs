//! Passwords: hashed with Argon2id, checked, and never kept, shown or logged.
//!
//! A hash is stored in the PHC form, which carries its own parameters, so that they can be raised without asking anybody
//! for a new password. The parameters are OWASP's least: 19 MiB, two passes, one lane (OWASP Password Storage Cheat
//! Sheet). Hashing takes tens of milliseconds of a core and 19 MiB: at most [`AT_ONCE`] run at a time, on threads that
//! may block, and at most [`WAITING`] more wait.
//!
//! ```text
//! $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>          salt and hash in base64 without padding
//! ```

use crate::error::{EngineError, ErrorKind, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// The bytes of a hash.
const HASH_BYTES: usize = 32;
/// A hash made elsewhere may ask for this much memory, in KiB, and no more.
const MOST_MEMORY_KIB: u32 = 256 << 10;
/// A hash made elsewhere may ask for this many passes and lanes.
const MOST_PASSES: u32 = 16;
/// Hashes computed at a time, so that a flood of logins cannot eat the memory.
const AT_ONCE: usize = 2;
/// Logins that may wait for one.
const WAITING: usize = 64;
/// The fewest characters of a password.
const LEAST_CHARS: usize = 8;
/// The most bytes of a password: enough for any phrase, too few to burn time with.
const MOST_BYTES: usize = 1_024;

/// A password on its way to its hash. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(***)")
    }
}

impl Password {
    /// A new password, if it is long enough to be one.
    pub(crate) fn new(text: String) -> Result<Self> {
        if text.chars().count() < LEAST_CHARS {
            return Err(EngineError::invalid(format!(
                "a password has at least {LEAST_CHARS} characters"
            ))
            .with_hint("a phrase of four words is easy to keep and hard to guess"));
        }
        if text.len() > MOST_BYTES {
            return Err(EngineError::invalid(format!("a password has at most {MOST_BYTES} bytes")));
        }
        Ok(Self(text))
    }
}

/// A stored hash, read.
struct Stored {
    argon2: Argon2<'static>,
    blocks: usize,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Stored {
    /// Reads the PHC form; `None` for what is no Argon2id hash within bounds.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        if (parts.next(), parts.next(), parts.next()) != (Some(""), Some("argon2id"), Some("v=19"))
        {
            return None;
        }
        let (mut memory, mut passes, mut lanes) = (None, None, None);
        for parameter in parts.next()?.split(',') {
            let (key, value) = parameter.split_once('=')?;
            let value: u32 = value.parse().ok()?;
            match key {
                "m" => memory = Some(value).filter(|kib| *kib <= MOST_MEMORY_KIB),
                "t" => passes = Some(value).filter(|passes| *passes <= MOST_PASSES),
                "p" => lanes = Some(value).filter(|lanes| *lanes <= MOST_PASSES),
                _ => return None,
            }
        }
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let fits = (8..=64).contains(&salt.len()) && (16..=64).contains(&hash.len());
        if !fits || parts.next().is_some() {
            return None;
        }
        let params = Params::new(memory?, passes?, lanes?, Some(hash.len())).ok()?;
        let blocks = params.block_count();
        Some(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            blocks,
            salt,
            hash,
        })
    }

    fn computed(&self, password: &str) -> Option<Vec<u8>> {
        let mut hash = vec![0; self.hash.len()];
        let mut memory = vec![Block::default(); self.blocks];
        let bytes = password.as_bytes();
        self.argon2
            .hash_password_into_with_memory(bytes, &self.salt, &mut hash, &mut memory)
            .ok()?;
        Some(hash)
    }
}

/// Whether a text is a hash that can be checked against.
pub(crate) fn is_hash(text: &str) -> bool {
    Stored::parse(text).is_some()
}

/// The text of parameters, salt and hash.
fn phc(salt: &[u8], hash: &[u8]) -> String {
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${hash}")
}

/// The hash of a password under a fresh salt.
fn hash(password: &str) -> Option<String> {
    // A random UUID is 122 bits of the system's randomness: more than a salt needs.
    let salt = Uuid::new_v4();
    let stored = Stored::parse(&phc(salt.as_bytes(), &[0; HASH_BYTES]))?;
    Some(phc(salt.as_bytes(), &stored.computed(password)?))
}

/// Whether a password has this hash. Without one the same work is done for nothing, so that the time it takes does not
/// tell who exists.
fn verify(password: &str, hash: Option<&str>) -> bool {
    let (known, stored) = match hash.and_then(Stored::parse) {
        Some(stored) => (true, Some(stored)),
        None => (false, Stored::parse(&phc(&[7; 16], &[0; HASH_BYTES]))),
    };
    let Some(stored) = stored else { return false };
    let Some(computed) = stored.computed(password) else { return false };
    // Every byte is looked at, wherever the first difference is.
    let differences =
        computed.iter().zip(&stored.hash).fold(0, |all, (left, right)| all | (left ^ right));
    known && differences == 0
}

/// Where passwords are hashed, a few at a time.
#[derive(Debug)]
pub(crate) struct Hashing {
    places: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), waiting: AtomicUsize::new(0) }
    }
}

impl Hashing {
    /// The hash to store for a password.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String> {
        let password = password.clone();
        let hashed = self.work(move || hash(&password.0)).await?;
        hashed.ok_or_else(|| EngineError::internal("a password could not be hashed"))
    }

    /// Whether a password has this hash, if there is one.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        if password.len() > MOST_BYTES {
            return Ok(false);
        }
        let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
        self.work(move || verify(&password, hash.as_deref())).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = Waiting::join(&self.waiting)?;
        let permit = self.places.acquire().await;
        let permit = permit.map_err(|_| EngineError::internal("logins are over"))?;
        let done = tokio::task::spawn_blocking(work).await;
        drop((permit, place));
        done.map_err(|_| EngineError::internal("hashing a password broke off"))
    }
}

/// A place in the queue, left when it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize) -> Result<Self> {
        let place = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= AT_ONCE + WAITING {
            return Err(EngineError::new(
                ErrorKind::Unavailable,
                "too many people log in at this moment",
            )
            .with_hint("try again in a few seconds"));
        }
        Ok(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by argon2-cffi 25.1 (`PasswordHasher(2, 19456, 1, 32, 16).hash`), the reference implementation in C.
    const REFERENCE: &str = "$argon2id$v=19$m=19456,t=2,p=1$c/ybcWhrKXS2aUBFRREOKA$v01oq2SPNfi/XLhOM2DZrDg7RPYGng38BBNOlyuh8/Q";

    #[test]
    fn agrees_with_the_reference_implementation() {
        assert!(verify("correct horse battery", Some(REFERENCE)));
        assert!(!verify("correct horse batterz", Some(REFERENCE)));
        assert!(!verify("correct horse battery", None));
    }

    #[test]
    fn hashes_are_salted_and_hold() {
        let (first, second) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert_ne!(first, second);
        assert!(verify("correct horse", Some(&first)) && verify("correct horse", Some(&second)));
        assert!(!first.contains("horse") && is_hash(&first));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let check = |text: &str| assert!(!is_hash(text), "{text}");
        check("secret");
        check("$2b$12$abcdefghijklmnopqrstuv");
        check(&REFERENCE.replace("argon2id", "argon2i"));
        check(&REFERENCE.replace("m=19456", "m=99999999"));
        check(&REFERENCE.replace("t=2", "t=2000"));
        check(&format!("{REFERENCE}$x"));
    }

    #[test]
    fn a_password_is_no_single_word_of_a_letter() {
        assert!(Password::new("short".to_owned()).is_err());
        assert!(Password::new("x".repeat(2_000)).is_err());
        let shown = format!("{:?}", Password::new("long enough".to_owned()).unwrap());
        assert_eq!(shown, "Password(***)");
    }
}
