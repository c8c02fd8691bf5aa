//! Session options: the settings of `SET`, read and written through the protocol, and the end of a session.
//!
//! ```text
//! SetSessionOptions { schema: "crm", "pareto.rewrite": "off" }   as USE crm and SET pareto.rewrite = off
//! SetSessionOptions { lol: 1 }                                   errors: { lol: INVALID_NAME }
//! SetSessionOptions { "pareto.rewrite": nothing }                as RESET pareto.rewrite
//! GetSessionOptions                                              catalog, schema and every setting
//! CloseSession                                                   CLOSED; its token is worth nothing from then on
//! ```
//!
//! One bad option does not spoil the others: each is applied or refused on its own. A client that came without a
//! token gets a cookie, which browsers of databases (JDBC) keep and simple clients ignore. The messages are our own,
//! `arrow-flight` 59 has none of them.

use std::collections::HashMap;

use bytes::Bytes;
use pareto_engine::ErrorKind;
use prost::Message;
use tonic::Status;

use super::action::Answer;
use super::metadata::{ask, text};
use super::sessions::{COOKIE, Caller, Recognized};
use super::{FlightSql, transaction};
use crate::handle::Handle;

/// The one catalog there is.
pub(crate) const CATALOG: &str = "pareto";

/// `SetSessionOptionsRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetRequest {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) session_options: HashMap<String, OptionValue>,
}

/// `SetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetResult {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) errors: HashMap<String, SetError>,
}

/// `SetSessionOptionsResult.Error`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct SetError {
    #[prost(enumeration = "SetErrorKind", tag = "1")]
    pub(crate) value: i32,
}

/// `SetSessionOptionsResult.ErrorValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum SetErrorKind {
    Unspecified = 0,
    InvalidName = 1,
    InvalidValue = 2,
    Error = 3,
}

/// `GetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetResult {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) session_options: HashMap<String, OptionValue>,
}

/// `CloseSessionResult`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct CloseResult {
    #[prost(enumeration = "CloseStatus", tag = "1")]
    pub(crate) status: i32,
}

/// `CloseSessionResult.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum CloseStatus {
    Unspecified = 0,
    Closed = 1,
    Closing = 2,
    NotCloseable = 3,
}

/// `SessionOptionValue`; without a value it means "unset".
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OptionValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5")]
    pub(crate) value: Option<Value>,
}

/// `SessionOptionValue.option_value`.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Switch(bool),
    #[prost(sfixed64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Real(f64),
    #[prost(message, tag = "5")]
    List(TextList),
}

/// `SessionOptionValue.StringListValue`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextList {
    #[prost(string, repeated, tag = "1")]
    pub(crate) values: Vec<String>,
}

/// A cookie for the answer: a session's id, or its end.
#[derive(Debug)]
pub(crate) enum SetCookie {
    Open(Handle),
    Close,
}

impl SetCookie {
    /// The header's value.
    pub(crate) fn to_header(&self) -> String {
        match self {
            Self::Open(handle) => format!("{COOKIE}={}; HttpOnly", handle.to_text()),
            Self::Close => format!("{COOKIE}=; Max-Age=0"),
        }
    }
}

impl Value {
    /// The value as SET would spell it. Lists have no spelling.
    fn to_setting(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Switch(on) => Some(if *on { "on" } else { "off" }.to_owned()),
            Self::Whole(number) => Some(number.to_string()),
            Self::Real(number) => Some(number.to_string()),
            Self::List(_) => None,
        }
    }
}

/// SetSessionOptions.
pub(crate) async fn set(
    front: &FlightSql,
    caller: &Caller,
    request: SetRequest,
) -> Result<Answer, Status> {
    let mut errors = HashMap::new();
    for (name, option) in request.session_options {
        if let Err(kind) = set_one(caller, &name, option.value.as_ref()).await {
            errors.insert(name, SetError { value: kind.into() });
        }
    }
    let cookie = match caller.by {
        Recognized::Connection => Some(SetCookie::Open(front.sessions.keep(caller)?)),
        Recognized::Token(_) | Recognized::Cookie(_) => None,
    };
    Ok(Answer { body: Some(SetResult { errors }.encode_to_vec().into()), cookie })
}

async fn set_one(caller: &Caller, name: &str, value: Option<&Value>) -> Result<(), SetErrorKind> {
    let known = name == "catalog" || caller.session.settings().iter().any(|(key, _)| key == name);
    if !known {
        return Err(SetErrorKind::InvalidName);
    }
    let value = match value {
        Some(value) => value.to_setting().ok_or(SetErrorKind::InvalidValue)?,
        // There is one catalog; unsetting the schema goes back to the default one.
        None if name == "catalog" => CATALOG.to_owned(),
        None if name == "schema" => "public".to_owned(),
        None => {
            let reset = caller.session.execute(&format!("RESET {name}")).await;
            return reset.map(|_| ()).map_err(|_| SetErrorKind::Error);
        }
    };
    match name {
        "catalog" if value == CATALOG => return Ok(()),
        "catalog" => return Err(SetErrorKind::InvalidValue),
        "schema" if !has_schema(caller, &value).await => return Err(SetErrorKind::InvalidValue),
        _ => {}
    }
    caller.session.set(name, &value).map_err(|error| match error.kind {
        ErrorKind::Invalid | ErrorKind::NotFound => SetErrorKind::InvalidValue,
        ErrorKind::AlreadyExists
        | ErrorKind::Conflict
        | ErrorKind::Unauthenticated
        | ErrorKind::Denied
        | ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::InDoubt
        | ErrorKind::Cancelled
        | ErrorKind::Internal => SetErrorKind::Error,
    })
}

/// Is there such a schema? When that cannot be found out, it counts as missing.
async fn has_schema(caller: &Caller, name: &str) -> bool {
    let schemata =
        ask(&caller.session, "SELECT schema_name FROM information_schema.schemata").await;
    schemata.is_ok_and(|rows| rows.iter().any(|row| text(row, 0) == name))
}

/// GetSessionOptions. The settings have the current schema among them.
pub(crate) fn get(caller: &Caller) -> Bytes {
    let value = |text: String| OptionValue { value: Some(Value::Text(text)) };
    let mut session_options: HashMap<String, OptionValue> =
        caller.session.settings().into_iter().map(|(key, text)| (key, value(text))).collect();
    session_options.insert("catalog".to_owned(), value(CATALOG.to_owned()));
    GetResult { session_options }.encode_to_vec().into()
}

/// CloseSession.
pub(crate) fn close(front: &FlightSql, caller: &Caller) -> Answer {
    transaction::abandon(front, caller);
    front.sessions.close(caller);
    let cookie = matches!(caller.by, Recognized::Cookie(_)).then_some(SetCookie::Close);
    Answer {
        body: Some(CloseResult { status: CloseStatus::Closed.into() }.encode_to_vec().into()),
        cookie,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_set_spells_them() {
        assert_eq!(Value::Switch(true).to_setting().as_deref(), Some("on"));
        assert_eq!(Value::Whole(4096).to_setting().as_deref(), Some("4096"));
        assert_eq!(Value::Real(0.5).to_setting().as_deref(), Some("0.5"));
        assert_eq!(Value::List(TextList::default()).to_setting(), None);
    }

    #[test]
    fn the_messages_have_the_protocol_s_bytes() {
        let request = SetRequest {
            session_options: [("n".to_owned(), OptionValue { value: Some(Value::Whole(1)) })]
                .into_iter()
                .collect(),
        };
        // field 1, map entry { 1: "n", 2: SessionOptionValue { 3: sfixed64 1 } }
        let expected = [0x0a, 14, 0x0a, 1, b'n', 0x12, 9, 0x19, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(request.encode_to_vec(), expected);
        assert_eq!(CloseResult { status: CloseStatus::Closed.into() }.encode_to_vec(), [0x08, 1]);
    }
}
