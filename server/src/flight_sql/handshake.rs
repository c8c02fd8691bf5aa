//! The handshake: a name and a password in, a bearer token out.
//!
//! ```text
//! authorization: Basic YW5hOnBhc3M=   ──> authorization: Bearer p1.AbCd..   (response header and payload)
//! payload BasicAuth { ana, pass }     ──> the same, for clients of the older kind
//! authorization: Bearer <token>       ──> a token of ours for whoever that one names
//! nothing                             ──> the same, as "anybody", while the warehouse has no users
//! ```
//!
//! Each handshake opens a session of its own. Passwords are neither kept nor logged.

use arrow_flight::{BasicAuth, HandshakeRequest, HandshakeResponse};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::FlightSql;
use super::claim::{Claim, Credentials, Proof, malformed};
use crate::status::internal;

/// Answers one handshake.
pub(crate) async fn shake(
    front: &FlightSql,
    request: Request<Streaming<HandshakeRequest>>,
) -> Result<Response<BoxStream<'static, Result<HandshakeResponse, Status>>>, Status> {
    let mut claim = Claim::of(&request)?;
    if claim.proof == Proof::Nothing
        && let Some(credentials) = basic_payload(request.into_inner()).await?
    {
        claim.proof = Proof::Password(credentials);
    }
    let (identity, user) = front.sessions.greet(&claim).await?;
    let token = front.sessions.open(identity, &user).await?;
    let header = format!("Bearer {token}")
        .parse()
        .map_err(|source| internal("writing the token", source))?;
    let answer = HandshakeResponse { protocol_version: 0, payload: token.into() };
    let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
    response.metadata_mut().insert("authorization", header);
    Ok(response)
}

/// The `BasicAuth` message in the first request. Most clients send none, and some never end their stream.
async fn basic_payload(
    mut requests: Streaming<HandshakeRequest>,
) -> Result<Option<Credentials>, Status> {
    match requests.next().await.transpose()? {
        Some(first) if !first.payload.is_empty() => BasicAuth::decode(first.payload)
            .map(|auth| Some(Credentials { user: auth.username, password: auth.password }))
            .map_err(|_| malformed()),
        Some(_) | None => Ok(None),
    }
}
