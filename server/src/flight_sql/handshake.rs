//! The handshake: a name and a password in, a bearer token out.
//!
//! ```text
//! authorization: Basic YW5hOnBhc3M=   ──> authorization: Bearer 4f1c...   (response header and payload)
//! payload BasicAuth { ana, pass }     ──> the same, for clients of the older kind
//! nothing                             ──> the same, as "anybody"
//! ```
//!
//! The warehouse has no users yet and listens on loopback, so every name is let in; the token only names the session.
//! What is malformed is refused all the same. Passwords are neither kept nor logged.

use arrow_flight::{BasicAuth, HandshakeRequest, HandshakeResponse};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::FlightSql;
use super::sessions::ANYBODY;
use crate::status::{internal, invalid};

/// Answers one handshake.
pub(crate) async fn shake(
    front: &FlightSql,
    request: Request<Streaming<HandshakeRequest>>,
) -> Result<Response<BoxStream<'static, Result<HandshakeResponse, Status>>>, Status> {
    let user = match basic_header(request.metadata())? {
        Some(user) => user,
        None => basic_payload(request.into_inner()).await?.unwrap_or_else(|| ANYBODY.to_owned()),
    };
    let token = front.sessions.open(&user)?.to_text();
    let header = format!("Bearer {token}")
        .parse()
        .map_err(|source| internal("writing the token", source))?;
    let answer = HandshakeResponse { protocol_version: 0, payload: token.into() };
    let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
    response.metadata_mut().insert("authorization", header);
    Ok(response)
}

/// The user of an `authorization: Basic` header.
fn basic_header(headers: &MetadataMap) -> Result<Option<String>, Status> {
    let Some(value) = headers.get("authorization") else { return Ok(None) };
    let value = value.to_str().map_err(|_| malformed())?;
    let (scheme, encoded) = value.split_once(' ').ok_or_else(malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        // A client that replays its token asks for nothing new; it gets a session like anybody.
        return Ok(None);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = decode_base64(encoded.trim()).ok_or_else(malformed)?;
    let text = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (user, _password) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Some(user.to_owned()))
}

/// The user of a `BasicAuth` message in the first request. Most clients send none, and some never end their stream.
async fn basic_payload(
    mut requests: Streaming<HandshakeRequest>,
) -> Result<Option<String>, Status> {
    match requests.next().await.transpose()? {
        Some(first) if !first.payload.is_empty() => BasicAuth::decode(first.payload)
            .map(|auth| Some(auth.username))
            .map_err(|_| malformed()),
        Some(_) | None => Ok(None),
    }
}

fn malformed() -> Status {
    invalid(
        "the handshake is malformed\n  hint: send \"authorization: Basic <base64 of user:password>\"",
    )
}

/// Base64 of the standard alphabet, padded or not (some drivers leave the padding out).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn base64() {
        assert_eq!(decode_base64("YW5hOnBhc3M=").unwrap(), b"ana:pass");
        assert_eq!(decode_base64("YW5hOnBhc3M").unwrap(), b"ana:pass");
        assert_eq!(decode_base64("").unwrap(), b"");
        assert_eq!(decode_base64("////").unwrap(), [255, 255, 255]);
        assert_eq!(decode_base64("a b"), None);
    }

    #[test]
    fn headers() {
        let check = |value: &str| {
            let mut headers = MetadataMap::new();
            headers.insert("authorization", value.parse().unwrap());
            basic_header(&headers)
        };
        assert_eq!(check("Basic YW5hOnBhc3M=").unwrap().as_deref(), Some("ana"));
        assert_eq!(check("basic YW5hOg==").unwrap().as_deref(), Some("ana"));
        assert_eq!(check("Bearer 12").unwrap(), None);
        for value in ["Basic", "Basic ###", "Basic YW5h", "Digest x"] {
            assert_eq!(check(value).unwrap_err().code(), Code::InvalidArgument, "{value}");
        }
        assert_eq!(basic_header(&MetadataMap::new()).unwrap(), None);
    }
}
