//! What an operator decides about who may connect: certificates, tokens, trusted issuers, and what is refused to start.
//!
//! A server that others can reach must know them and hide what they say: on an address that is not loopback it starts
//! with TLS and users, or when told `--insecure`. On loopback a warehouse without users is open to everybody on the
//! machine; with the first user it is so no more.
//!
//! ```text
//! listens on    users    TLS     starts
//! loopback      any      any     yes; without users everybody on the machine is let in
//! elsewhere     some     yes     yes
//! elsewhere     none or no TLS   only with --insecure
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::jwt::IssuerOptions;
use crate::serve::ServeError;
pub use crate::tls::TlsFiles;
use crate::token::{LEAST_KEY, Signer};

/// How long a token is good unless told otherwise.
const TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 3_600);

/// How long a ticket is good unless told otherwise.
pub(crate) const TICKET_LIFETIME: Duration = Duration::from_secs(600);

/// What an operator decides. The default is what suits loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Certificates, for TLS.
    pub tls: Option<TlsFiles>,
    /// Serve others without TLS or without users.
    pub insecure: bool,
    /// A file whose bytes sign tokens and tickets; else a key is made that ends with the server.
    pub token_key: Option<PathBuf>,
    /// How long a token is good; 8 hours when not given.
    pub token_lifetime: Option<Duration>,
    /// How long a result's ticket is good unless it is renewed; 10 minutes when not given.
    pub ticket_lifetime: Option<Duration>,
    /// Whose tokens are taken besides our own.
    pub issuer: Option<IssuerOptions>,
}

impl Security {
    /// The key for tokens.
    pub(crate) fn signer(&self) -> Result<Signer, ServeError> {
        let lifetime = self.token_lifetime.unwrap_or(TOKEN_LIFETIME);
        let Some(path) = &self.token_key else { return Ok(Signer::new(None, lifetime)) };
        let key = read_key(path)?;
        Ok(Signer::new(Some(&key), lifetime))
    }

    /// Refuses to listen where others would get in, or listen in.
    pub(crate) fn check(&self, address: SocketAddr, has_users: bool) -> Result<(), ServeError> {
        let lacks = match (self.tls.is_some(), has_users) {
            _ if self.insecure || address.ip().is_loopback() => return Ok(()),
            (true, true) => return Ok(()),
            (false, true) => "TLS: passwords and rows would travel in clear",
            (true, false) => "users: everybody would be let in",
            (false, false) => {
                "TLS and users: everybody would be let in, and everything travel in clear"
            }
        };
        Err(ServeError::Insecure { address, lacks })
    }

    /// Whether a warehouse without users lets callers in who say nothing.
    pub(crate) fn is_open(&self, address: SocketAddr) -> bool {
        self.insecure || address.ip().is_loopback()
    }
}

fn read_key(path: &Path) -> Result<Vec<u8>, ServeError> {
    let refuse = |reason: String| ServeError::TokenKey { path: path.to_owned(), reason };
    let key = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    if key.len() < LEAST_KEY {
        return Err(refuse(format!("it has {} bytes, {LEAST_KEY} are the least", key.len())));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_reach_needs_tls_and_users() {
        let files = || TlsFiles { cert: "c".into(), key: "k".into(), client_ca: None };
        let check = |address: &str, tls: bool, users: bool, insecure: bool| {
            let tls = tls.then(files);
            let security = Security { tls, insecure, ..Security::default() };
            security.check(address.parse().unwrap(), users).is_ok()
        };
        for address in ["127.0.0.1:1", "[::1]:1", "127.9.9.9:1"] {
            assert!(check(address, false, false, false), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
            assert!(check(address, true, true, false), "{address}");
            assert!(!check(address, true, false, false), "{address}");
            assert!(!check(address, false, true, false), "{address}");
            assert!(check(address, false, false, true), "{address}");
        }
    }

    #[test]
    fn a_key_has_enough_bytes() {
        let security = |path: PathBuf| Security { token_key: Some(path), ..Security::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(security(path.clone()).signer().is_err());
        std::fs::write(&path, "short").unwrap();
        let refused = security(path.clone()).signer().unwrap_err().to_string();
        assert!(refused.contains("5 bytes"), "{refused}");
        std::fs::write(&path, [1; 32]).unwrap();
        assert!(security(path).signer().is_ok());
    }
}
