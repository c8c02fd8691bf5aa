//! Tickets of statements: what rows are fetched with, for a while, by their user, as often as it takes.
//!
//! A ticket says everything that is needed to run its query again, so it outlives the shelf that its plan is kept on, and
//! the server too where the key is given: a client that lost its connection fetches with what it has.
//!
//! ```text
//! layout 2 | handle, user, expires, part, how to run it again: text, settings, types, print | HMAC-SHA256
//!
//! not signed by us, or of another user   NOT_FOUND, run the query again
//! on the shelf                           the plan that is kept there; use keeps it there
//! not there, time not over               planned again, if it is what was announced
//! not there, time over                   NOT_FOUND that says so; RenewFlightEndpoint in time gives a later one
//! ```
//!
//! An update is never run by a ticket: it ran before there was one. What only the shelf can give (bound parameters, very
//! long texts, statements that change something and have rows) is worth nothing once the shelf has forgotten it. A
//! ticket hides nothing: whoever holds it can read it, and nobody can change it.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightEndpoint, Ticket};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message;
use tonic::Status;

use super::FlightSql;
use super::sessions::Caller;
use super::wire::Types;
use crate::handle::Handle;
use crate::status::invalid;
use crate::token::Signer;

/// The layout of a ticket. A server of another layout refuses it instead of guessing.
const LAYOUT: u8 = 2;
/// The bytes of a signature.
const SIGNATURE: usize = 32;
/// What keeps a ticket's signature from being anything else's.
const PURPOSE: &[u8] = b"ticket";
/// The longest text that a ticket carries. 64 endpoints of it stay below what every client takes in one message.
pub(crate) const MAX_TEXT_BYTES: usize = 16 * 1024;

/// A ticket as it came, which anybody may have made.
#[derive(Clone, Debug)]
pub(crate) struct Sealed(Bytes);

/// What a ticket says, once it is known to be ours.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stub {
    #[prost(bytes = "bytes", tag = "1")]
    handle: Bytes,
    #[prost(string, tag = "2")]
    user: String,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "3")]
    expires_ms: i64,
    /// Which of the result's parts, from 0.
    #[prost(uint32, tag = "4")]
    pub(crate) part: u32,
    /// It belongs to an update, which has run.
    #[prost(bool, tag = "5")]
    pub(crate) done: bool,
    #[prost(message, optional, tag = "6")]
    pub(crate) again: Option<Again>,
}

/// What it takes to run a query again.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Again {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    /// What its session had set, the current schema among it.
    #[prost(btree_map = "string, string", tag = "2")]
    pub(crate) settings: BTreeMap<String, String>,
    #[prost(enumeration = "Types", tag = "3")]
    pub(crate) types: i32,
    /// How many parts the result was announced in.
    #[prost(uint32, tag = "4")]
    pub(crate) parts: u32,
    /// Tells what was announced, and what its parts read, from anything else.
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) print: Bytes,
}

impl Sealed {
    /// The bytes of a ticket, if they could be one.
    pub(crate) fn decode(bytes: Bytes) -> Result<Self, Status> {
        if bytes.first() == Some(&LAYOUT) && bytes.len() > 1 + SIGNATURE {
            Ok(Self(bytes))
        } else {
            Err(invalid(
                "these bytes are not a ticket of this server\n  hint: send back the bytes exactly as they were received",
            ))
        }
    }

    /// What the ticket says, for the one it was given to. A stranger learns nothing from the refusal.
    pub(crate) fn open(&self, front: &FlightSql, caller: &Caller) -> Result<Stub, Status> {
        let stub = self.verify(front.sessions.signer()).ok_or_else(|| front.tickets.gone())?;
        if *stub.user == *caller.user { Ok(stub) } else { Err(front.tickets.gone()) }
    }

    fn verify(&self, signer: &Signer) -> Option<Stub> {
        let at = self.0.len().checked_sub(SIGNATURE)?;
        let (signed, signature) = self.0.split_at_checked(at)?;
        let stub = signed.get(1..)?;
        signer.verify(PURPOSE, signed, signature).then(|| Stub::decode(stub).ok()).flatten()
    }
}

impl Stub {
    /// A ticket for something on the shelf, good from now on.
    pub(crate) fn new(handle: Handle, user: &str, done: bool, again: Option<Again>) -> Self {
        let handle = Bytes::copy_from_slice(handle.as_bytes());
        Self { handle, user: user.to_owned(), expires_ms: 0, part: 0, done, again }
    }

    /// Where on the shelf its plan is, or was.
    pub(crate) fn handle(&self) -> Result<Handle, Status> {
        Handle::from_slice(&self.handle).ok_or_else(|| invalid("the ticket has no handle"))
    }

    /// Whether its time is not over.
    pub(crate) fn is_good(&self) -> bool {
        self.expires_ms > Utc::now().timestamp_millis()
    }

    /// An endpoint with this ticket for one part, good for so long from now.
    pub(crate) fn endpoint(&self, signer: &Signer, part: u32, life: Duration) -> FlightEndpoint {
        let mut endpoint = FlightEndpoint::new();
        let expires_ms = expire_after(life, &mut endpoint).timestamp_millis();
        let stub = Self { part, expires_ms, ..self.clone() };
        let message = TicketStatementQuery { statement_handle: stub.seal(signer) };
        endpoint.with_ticket(Ticket::new(message.as_any().encode_to_vec()))
    }

    fn seal(&self, signer: &Signer) -> Bytes {
        let mut bytes = vec![LAYOUT];
        bytes.extend(self.encode_to_vec());
        let signature = signer.sign(PURPOSE, &bytes);
        bytes.extend_from_slice(&signature);
        bytes.into()
    }
}

/// Announces that an endpoint expires after so long.
pub(crate) fn expire_after(life: Duration, endpoint: &mut FlightEndpoint) -> DateTime<Utc> {
    let expires = Utc::now() + life;
    let timestamp = endpoint.expiration_time.get_or_insert_default();
    timestamp.seconds = expires.timestamp();
    timestamp.nanos = i32::try_from(expires.timestamp_subsec_nanos()).unwrap_or_default();
    expires
}

/// How a ticket is refused whose time is over.
pub(crate) fn expired() -> Status {
    Status::not_found(
        "error: this ticket has expired\n  hint: run the query again; RenewFlightEndpoint keeps a ticket for longer when it is called in time",
    )
}

/// How a ticket is refused whose query would no longer give what was announced.
pub(crate) fn outdated() -> Status {
    Status::not_found(
        "error: what this ticket was made for has changed since\n  hint: run the query again",
    )
}

/// What was announced, and what its parts read, as a few bytes.
pub(crate) fn print(signer: &Signer, schema: &Bytes, files: &str) -> Bytes {
    let text = [schema, files.as_bytes()].concat();
    Bytes::copy_from_slice(&signer.sign(b"announced", &text))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn signer() -> Signer {
        Signer::new(None, Duration::from_secs(60))
    }

    fn stub() -> Stub {
        let again = Again {
            text: "SELECT 1".to_owned(),
            settings: BTreeMap::from([("schema".to_owned(), "public".to_owned())]),
            types: Types::Java.into(),
            parts: 1,
            print: Bytes::new(),
        };
        Stub { expires_ms: i64::MAX, ..Stub::new(Handle::random(), "ana", false, Some(again)) }
    }

    #[test]
    fn a_ticket_comes_back_as_it_was_and_no_byte_of_it_can_be_another() {
        let (signer, stub) = (signer(), stub());
        let sealed = stub.seal(&signer);
        assert_eq!(Sealed::decode(sealed.clone()).unwrap().verify(&signer), Some(stub));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut forged = sealed.to_vec();
                forged[at] ^= 1 << bit;
                let opened = Sealed::decode(forged.into()).map(|sealed| sealed.verify(&signer));
                assert!(matches!(opened, Ok(None) | Err(_)), "{at} {bit}");
            }
        }
        let other = Signer::new(None, Duration::from_secs(60));
        assert_eq!(Sealed::decode(sealed).unwrap().verify(&other), None);
    }

    #[test]
    fn what_is_cut_or_of_another_layout_is_no_ticket() {
        let signer = signer();
        let sealed = stub().seal(&signer);
        for length in 0..sealed.len() {
            let opened = Sealed::decode(sealed.slice(..length)).map(|cut| cut.verify(&signer));
            assert!(matches!(opened, Ok(None) | Err(_)), "{length}");
        }
        for bytes in [&b""[..], b"nonsense", &[1; 17], &[2; 33]] {
            let refused = Sealed::decode(Bytes::copy_from_slice(bytes)).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn a_signature_is_good_for_one_purpose() {
        let signer = signer();
        let bytes = stub().seal(&signer);
        let (signed, signature) = bytes.split_at(bytes.len() - SIGNATURE);
        assert!(signer.verify(PURPOSE, signed, signature));
        assert!(!signer.verify(b"announced", signed, signature));
        assert_ne!(signer.fingerprint(signed), signature);
    }

    #[test]
    fn time_passes() {
        let (signer, stub) = (signer(), stub());
        assert!(stub.is_good());
        let endpoint = stub.endpoint(&signer, 3, Duration::ZERO);
        let ticket = endpoint.ticket.unwrap().ticket;
        let any = arrow_flight::sql::Any::decode(ticket).unwrap();
        let message: TicketStatementQuery = any.unpack().unwrap().unwrap();
        let opened = Sealed::decode(message.statement_handle).unwrap().verify(&signer).unwrap();
        assert_eq!((opened.part, opened.is_good()), (3, false));
        assert_eq!(opened.again, stub.again);
    }
}
