//! What a request says about who sends it, read once and believed by nobody yet.
//!
//! ```text
//! authorization: Basic YW5hOnBhc3M=        a name and a password
//! authorization: Bearer p1.AbCd..          a token of ours, or of a trusted issuer
//! auth-token-bin: <p1.AbCd..>              the same, from clients whose handshake carries `BasicAuth`
//! cookie: arrow_flight_session_id=4f1c..   which session, not who
//! ```
//!
//! What is malformed is refused here. A password lives as long as the request and is shown nowhere.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::connection::ConnectionInfo;
use super::sessions::COOKIE;
use crate::handle::Handle;
use crate::status::invalid;

/// Some drivers leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How a caller wants to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Password(Credentials),
    Bearer(String),
    Nothing,
}

/// Everything a request says about its sender.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) proof: Proof,
    pub(crate) cookie: Option<Handle>,
    /// None only where a test calls the service without a socket.
    pub(crate) connection: Option<ConnectionInfo>,
}

impl Claim {
    /// Reads the headers of a request.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        Ok(Self {
            proof: proof(request.metadata())?,
            cookie: cookie(request.metadata()),
            connection: request.extensions().get::<ConnectionInfo>().cloned(),
        })
    }
}

fn proof(headers: &MetadataMap) -> Result<Proof, Status> {
    let Some(value) = headers.get("authorization") else { return token_alone(headers) };
    let value = value.to_str().map_err(|_| malformed())?;
    let (scheme, rest) = value.split_once(' ').ok_or_else(malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Proof::Bearer(rest.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = BASE64.decode(rest.trim()).map_err(|_| malformed())?;
    let text = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (user, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Proof::Password(Credentials { user: user.to_owned(), password: password.to_owned() }))
}

/// The token that the older kind of client sends back as it got it, an empty one before it has any.
fn token_alone(headers: &MetadataMap) -> Result<Proof, Status> {
    let Some(value) = headers.get_bin("auth-token-bin") else { return Ok(Proof::Nothing) };
    let token = value.to_bytes().map_err(|_| malformed())?;
    match std::str::from_utf8(&token) {
        Ok("") => Ok(Proof::Nothing),
        Ok(token) => Ok(Proof::Bearer(token.to_owned())),
        Err(_) => Err(malformed()),
    }
}

/// What cannot be read proves nothing and is no attempt to log in either.
pub(crate) fn malformed() -> Status {
    invalid(
        "the authorization is malformed\n  hint: send \"authorization: Basic <base64 of user:password>\", or \"Bearer <token>\"",
    )
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
    use tonic::Code;
    use tonic::metadata::MetadataValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> MetadataMap {
        let mut headers = MetadataMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn headers_are_read() {
        let check = |value: &str| proof(&headers("authorization", value));
        let ada = |password: &str| {
            let (user, password) = ("ana".to_owned(), password.to_owned());
            Proof::Password(Credentials { user, password })
        };
        assert_eq!(check("Basic YW5hOnBhc3M=").unwrap(), ada("pass"));
        assert_eq!(check("Basic YW5hOnBhc3M").unwrap(), ada("pass"), "unpadded");
        assert_eq!(check("basic YW5hOg==").unwrap(), ada(""));
        assert_eq!(check("Bearer abc").unwrap(), Proof::Bearer("abc".to_owned()));
        assert_eq!(check("bearer  abc").unwrap(), Proof::Bearer("abc".to_owned()));
        for value in ["Basic", "Basic ###", "Basic YW5h", "Digest x"] {
            assert_eq!(check(value).unwrap_err().code(), Code::InvalidArgument, "{value}");
        }
        assert_eq!(proof(&MetadataMap::new()).unwrap(), Proof::Nothing);
        let shown = format!("{:?}", ada("secret"));
        assert!(shown.contains("ana") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_token_may_come_alone() {
        let check = |token: &[u8]| {
            let mut headers = MetadataMap::new();
            headers.insert_bin("auth-token-bin", MetadataValue::from_bytes(token));
            proof(&headers)
        };
        assert_eq!(check(b"p1.AbCd").unwrap(), Proof::Bearer("p1.AbCd".to_owned()));
        assert_eq!(check(b"").unwrap(), Proof::Nothing);
        assert_eq!(check(b"\xff").unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn cookies_are_found() {
        let handle = Handle::random();
        let text = format!("other=1; {COOKIE}={}", handle.to_text());
        assert_eq!(cookie(&headers("cookie", &text)), Some(handle));
        assert_eq!(cookie(&headers("cookie", "arrow_flight_session_id=nonsense")), None);
    }
}
