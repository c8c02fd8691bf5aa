//! TLS for the Flight SQL front: certificate and key from files, and from them again whenever they change.
//!
//! Certificates are renewed while servers run. The files are looked at every [`LOOK_EVERY`]; a new pair serves the
//! connections that come after it, and one that does not fit (half written, another's key) is logged and changes
//! nothing. With a client CA, only clients with a certificate of that CA get as far as a handshake.
//!
//! TLS 1.2 and 1.3 by rustls with the cryptography of AWS-LC; nothing older, no other choice of ciphers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::serve::ServeError;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where certificates are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to its CA.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The CA that client certificates must be of; none are asked for without it.
    pub client_ca: Option<PathBuf>,
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// The certificates that new connections are served with.
pub(crate) struct Tls {
    files: TlsFiles,
    serving: Mutex<(Contents, Arc<ServerConfig>)>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, ServeError> {
        let refuse = |reason| ServeError::Tls { reason };
        let contents = Contents::read(&files).map_err(refuse)?;
        let config = contents.config(&files).map_err(refuse)?;
        Ok(Self { files, serving: Mutex::new((contents, Arc::new(config))) })
    }

    /// Takes a connection in with the certificates of this moment.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&serving.1))
    }

    /// Reads the files anew for as long as it is waited for.
    pub(crate) async fn watch(&self) {
        // What failed is not tried, and not logged, again until it changes once more.
        let mut failed: Option<Result<Contents, String>> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let found = Contents::read(&self.files);
            let unchanged = {
                let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
                found.as_ref().is_ok_and(|contents| *contents == serving.0)
            };
            if unchanged || failed.as_ref() == Some(&found) {
                continue;
            }
            let built = found.clone().and_then(|contents| {
                contents.config(&self.files).map(|config| (contents, Arc::new(config)))
            });
            match built {
                Ok(fresh) => {
                    *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                    tracing::info!(cert = %self.files.cert.display(), "new certificates are in use");
                    failed = None;
                }
                Err(reason) => {
                    tracing::error!(reason, "the new certificates are not used, the old ones are");
                    failed = Some(found);
                }
            }
        }
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, String> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        Ok(Self {
            cert: read(&files.cert)?,
            key: read(&files.key)?,
            client_ca: files.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn config(&self, files: &TlsFiles) -> Result<ServerConfig, String> {
        let chain = certificates(&self.cert, &files.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| format!("{} holds no private key: {error}", files.key.display()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let failed = |error: rustls::Error| {
            format!("{} and {} do not fit: {error}", files.cert.display(), files.key.display())
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(bytes), Some(path)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(bytes, path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| format!("{} is no CA: {error}", path.display()))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| format!("{} is no CA: {error}", path.display()))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(failed)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("{} holds no certificate in PEM form", path.display())),
        Err(error) => Err(format!("{} holds no certificate: {error}", path.display())),
    }
}
