//! Errors on their way out: one table from what went wrong to the gRPC code that tells a client what to do.
//!
//! A user's mistake is never `INTERNAL`: clients treat that as a broken server and throw the text away. The text of
//! a status is the text the command line prints, position and hint included, so that both read the same:
//!
//! ```text
//! ErrorKind::Invalid   ──> INVALID_ARGUMENT    "error: no column \"foo\"\n  at line 1, column 8\n  ..."
//! ErrorKind::Conflict  ──> ABORTED             the statement may be run again
//! ```
//!
//! The same table is read backwards by [`crate::remote`], which is the client of `pareto sql --connect`.

use arrow_flight::error::FlightError;
use datafusion::error::DataFusionError;
use pareto_engine::{EngineError, ErrorKind};
use tonic::{Code, Status};

/// A status travels as an HTTP/2 header, percent-encoded, and clients refuse headers of more than 8 KiB.
const MAX_MESSAGE_BYTES: usize = 2_400;

/// The table. A new kind does not compile until it has a line here.
pub(crate) const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Conflict => Code::Aborted,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Denied => Code::PermissionDenied,
        ErrorKind::Exhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        // The one code of those left that no client sends a statement again for.
        ErrorKind::InDoubt => Code::Unknown,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::Internal => Code::Internal,
    }
}

/// The same table read by a client: what a code means to the user of the command line.
pub(crate) const fn kind(code: Code) -> ErrorKind {
    match code {
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::FailedPrecondition
        | Code::Unimplemented => ErrorKind::Invalid,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::Aborted => ErrorKind::Conflict,
        Code::Unauthenticated => ErrorKind::Unauthenticated,
        Code::PermissionDenied => ErrorKind::Denied,
        Code::ResourceExhausted => ErrorKind::Exhausted,
        Code::Unavailable | Code::DeadlineExceeded => ErrorKind::Unavailable,
        Code::Unknown => ErrorKind::InDoubt,
        Code::Cancelled => ErrorKind::Cancelled,
        Code::Internal | Code::DataLoss | Code::Ok => ErrorKind::Internal,
    }
}

/// What the engine refused, as a status.
pub(crate) fn from_engine(error: &EngineError) -> Status {
    Status::new(code(error.kind), shorten(error.to_string()))
}

/// What a running query stumbled over, as a status.
pub(crate) fn from_datafusion(error: DataFusionError) -> Status {
    from_engine(&EngineError::from(error))
}

/// What a client sent that is not Flight. Arrow's own mapping calls all of it `INTERNAL`.
pub(crate) fn from_flight(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        FlightError::NotYetImplemented(text) => Status::unimplemented(shorten(text)),
        FlightError::Arrow(source) => {
            invalid(format!("the data sent is not readable Arrow: {source}"))
        }
        FlightError::ProtocolError(text) | FlightError::DecodeError(text) => {
            invalid(format!("the data sent is not readable Arrow Flight: {text}"))
        }
        FlightError::ExternalError(source) => {
            invalid(format!("the data sent could not be read: {source}"))
        }
    }
}

/// The client asked for something wrong; the text says what, where and what to do.
pub(crate) fn invalid(text: impl Into<String>) -> Status {
    Status::invalid_argument(shorten(format!("error: {}", text.into())))
}

/// The server failed to do its own work.
pub(crate) fn internal(what: &str, source: impl std::fmt::Display) -> Status {
    Status::internal(shorten(format!(
        "error: {what} failed: {source}\n  hint: this is a defect of the server, please report it"
    )))
}

/// The protocol knows this, the server does not (yet); `instead` says what to use.
pub(crate) fn unimplemented(what: &str, instead: &str) -> Status {
    Status::unimplemented(format!("error: {what} is not implemented\n  hint: {instead}"))
}

/// Cuts a text in the middle of nowhere rather than lose it whole to a header limit.
fn shorten(mut text: String) -> String {
    if text.len() > MAX_MESSAGE_BYTES {
        let mut end = MAX_MESSAGE_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ErrorKind; 11] = [
        ErrorKind::Invalid,
        ErrorKind::NotFound,
        ErrorKind::AlreadyExists,
        ErrorKind::Conflict,
        ErrorKind::Unauthenticated,
        ErrorKind::Denied,
        ErrorKind::Exhausted,
        ErrorKind::Unavailable,
        ErrorKind::InDoubt,
        ErrorKind::Cancelled,
        ErrorKind::Internal,
    ];

    #[test]
    fn every_kind_survives_the_wire() {
        for expected in KINDS {
            assert_eq!(kind(code(expected)), expected);
        }
    }

    #[test]
    fn only_our_own_defects_are_internal() {
        for expected in KINDS {
            assert_eq!(code(expected) == Code::Internal, expected == ErrorKind::Internal);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let status = invalid("é".repeat(5_000));
        assert!(status.message().len() < 3_000);
        assert!(status.message().ends_with(" ..."));
    }
}
