//! TLS on the wire: certificates of a CA of our own, clients that must show one, and new ones while the server runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pareto_engine::{ErrorKind, Outcome};
use pareto_server::remote::{Credentials, Remote};
use pareto_server::security::{Security, TlsFiles};
use pareto_server::serve::{ServeOptions, Server};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::harness::TestServer;

/// A CA, and a folder for what it signs.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    ca: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        let certificate = params.self_signed(&key).unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, certificate.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key), ca }
    }

    /// A certificate for 127.0.0.1 and its key, in files of that name.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        (path("pem"), path("key"))
    }
}

fn security(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Security {
    let client_ca = client_ca.map(Path::to_owned);
    let tls = TlsFiles { cert: cert.to_owned(), key: key.to_owned(), client_ca };
    Security { tls: Some(tls), ..Security::default() }
}

async fn answers(server: &TestServer, credentials: &Credentials) -> Result<(), ErrorKind> {
    let url = format!("grpc+tls://{}", server.flight);
    let remote = Remote::connect(&url, credentials).await.map_err(|error| error.kind)?;
    let outcome = remote.execute("SELECT 1").await.map_err(|error| error.kind)?;
    assert!(matches!(outcome, Outcome::Rows(_)));
    Ok(())
}

#[tokio::test]
async fn the_server_is_who_its_certificate_says() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (cert, key) = ours.sign("server");
    let server = TestServer::secured(security(&cert, &key, None)).await;
    let believing = |ca: &Path| Credentials { ca: Some(ca.to_owned()), ..Credentials::default() };
    assert_eq!(answers(&server, &believing(&ours.ca)).await, Ok(()));
    assert!(answers(&server, &believing(&theirs.ca)).await.is_err());
    assert!(
        answers(&server, &Credentials::default()).await.is_err(),
        "the system knows no such CA"
    );
    let plain =
        Remote::connect(&format!("grpc://{}", server.flight), &Credentials::default()).await;
    let failed = match plain {
        Ok(remote) => remote.execute("SELECT 1").await.is_err(),
        Err(_) => true,
    };
    assert!(failed, "nothing is said in clear");
}

#[tokio::test]
async fn clients_show_a_certificate_when_asked() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (cert, key) = ours.sign("server");
    let server = TestServer::secured(security(&cert, &key, Some(&ours.ca))).await;
    let showing =
        |identity| Credentials { ca: Some(ours.ca.clone()), identity, ..Credentials::default() };
    assert_eq!(answers(&server, &showing(Some(ours.sign("client")))).await, Ok(()));
    assert!(answers(&server, &showing(None)).await.is_err());
    assert!(answers(&server, &showing(Some(theirs.sign("stranger")))).await.is_err());
}

#[tokio::test]
async fn new_certificates_serve_new_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let (cert, key) = old.sign("server");
    let server = TestServer::secured(security(&cert, &key, None)).await;
    let believing = |authority: &Authority| Credentials {
        ca: Some(authority.ca.clone()),
        ..Credentials::default()
    };
    assert_eq!(answers(&server, &believing(&old)).await, Ok(()));
    // Half of a pair changes nothing.
    let (new_cert, new_key) = new.sign("server");
    std::fs::copy(&new_cert, &cert).unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(answers(&server, &believing(&old)).await, Ok(()));
    std::fs::copy(&new_key, &key).unwrap();
    let mut served = false;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        served |= answers(&server, &believing(&new)).await.is_ok();
        if served {
            break;
        }
    }
    assert!(served);
    assert!(answers(&server, &believing(&old)).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_safe_does_not_start() {
    let authority = Authority::new();
    let (cert, key) = authority.sign("server");
    let folder = tempfile::tempdir().unwrap();
    let warehouse = folder.path().join("warehouse").to_str().unwrap().to_owned();
    let options = pareto_engine::EngineOptions { warehouse, ..Default::default() };
    let engine = pareto_engine::Engine::open(options).await.unwrap();
    let start = |address: &str, security: Security| {
        let flight = address.parse().unwrap();
        let options = ServeOptions { flight, http: None, security };
        Box::pin(Server::bind(std::sync::Arc::clone(&engine), options))
    };
    let everywhere = "0.0.0.0:0";
    let refused = start(everywhere, Security::default()).await.unwrap_err().to_string();
    assert!(refused.contains("TLS and users") && refused.contains("--insecure"), "{refused}");
    let refused = start(everywhere, security(&cert, &key, None)).await.unwrap_err().to_string();
    assert!(refused.contains("has no users"), "{refused}");
    assert!(start(everywhere, Security { insecure: true, ..Security::default() }).await.is_ok());
    let user = "CREATE USER root PASSWORD 'correct horse battery'";
    engine.session().execute(user).await.unwrap();
    // The users of a second ago count.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let refused = start(everywhere, Security::default()).await.unwrap_err().to_string();
    assert!(refused.contains("has no TLS"), "{refused}");
    assert!(start(everywhere, security(&cert, &key, None)).await.is_ok());
    let refused = start("127.0.0.1:0", security(&cert, &cert, None)).await.unwrap_err().to_string();
    assert!(refused.contains("holds no private key"), "{refused}");
    let (_, other) = authority.sign("other");
    let refused =
        start("127.0.0.1:0", security(&cert, &other, None)).await.unwrap_err().to_string();
    assert!(refused.contains("do not fit"), "{refused}");
}
