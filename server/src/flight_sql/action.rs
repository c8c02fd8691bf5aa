//! DoAction and ListActions: everything that is neither rows out nor rows in.
//!
//! One line per action in [`ACTIONS`] and one in [`run`]. The actions of Flight SQL carry their message in an `Any`,
//! those of Flight itself (sessions, cancel, renew) carry it bare; both are read here, so that the files behind see
//! messages only. Actions that the protocol has and this server has not are refused by name and not listed.

use arrow_flight::sql::Command;
use arrow_flight::{Action, ActionType, CancelFlightInfoRequest, RenewFlightEndpointRequest};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use super::command::decode_any;
use super::session_options::{SetCookie, SetRequest};
use super::sessions::Caller;
use super::wire::Types;
use super::{FlightSql, cancel, prepared, session_options, transaction};
use crate::status::{invalid, unimplemented};

/// What [`run`] can do: name, what it is for, request, answer.
const ACTIONS: [(&str, &str, &str, &str); 14] = [
    (
        "CreatePreparedStatement",
        "Plans a statement once, to run it with parameters.",
        "ActionCreatePreparedStatementRequest",
        "ActionCreatePreparedStatementResult",
    ),
    (
        "CreatePreparedSubstraitPlan",
        "Reads a Substrait plan once, to run it with parameters.",
        "ActionCreatePreparedSubstraitPlanRequest",
        "ActionCreatePreparedStatementResult",
    ),
    (
        "ClosePreparedStatement",
        "Forgets a prepared statement.",
        "ActionClosePreparedStatementRequest",
        "N/A",
    ),
    (
        "BeginTransaction",
        "Begins a transaction: many statements, changes of one table.",
        "ActionBeginTransactionRequest",
        "ActionBeginTransactionResult",
    ),
    (
        "EndTransaction",
        "Commits or rolls back a transaction.",
        "ActionEndTransactionRequest",
        "N/A",
    ),
    (
        "BeginSavepoint",
        "Marks a place in a transaction.",
        "ActionBeginSavepointRequest",
        "ActionBeginSavepointResult",
    ),
    (
        "EndSavepoint",
        "Goes back to a savepoint, or forgets it.",
        "ActionEndSavepointRequest",
        "N/A",
    ),
    (
        "CancelFlightInfo",
        "Cancels the query of a FlightInfo.",
        "CancelFlightInfoRequest",
        "CancelFlightInfoResult",
    ),
    (
        "CancelQuery",
        "Cancels a query; clients of today use CancelFlightInfo.",
        "ActionCancelQueryRequest",
        "ActionCancelQueryResult",
    ),
    (
        "RenewFlightEndpoint",
        "Keeps a ticket for longer.",
        "RenewFlightEndpointRequest",
        "FlightEndpoint",
    ),
    (
        "SetSessionOptions",
        "Sets options of the session.",
        "SetSessionOptionsRequest",
        "SetSessionOptionsResult",
    ),
    (
        "GetSessionOptions",
        "Reads the options of the session.",
        "GetSessionOptionsRequest",
        "GetSessionOptionsResult",
    ),
    (
        "CloseSession",
        "Ends the session and forgets what it prepared.",
        "CloseSessionRequest",
        "CloseSessionResult",
    ),
    ("pareto.Ping", "Answers, to see that the session is alive.", "N/A", "N/A"),
];

/// What an action answers: at most one result, and a cookie when it opened a session.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) body: Option<Bytes>,
    pub(crate) cookie: Option<SetCookie>,
}

impl From<Bytes> for Answer {
    fn from(body: Bytes) -> Self {
        Self { body: Some(body), cookie: None }
    }
}

/// ListActions.
pub(crate) fn list() -> Vec<ActionType> {
    ACTIONS
        .iter()
        .map(|(name, about, request, answer)| ActionType {
            r#type: (*name).to_owned(),
            description: format!("{about}\nRequest Message: {request}\nResponse Message: {answer}"),
        })
        .collect()
}

/// DoAction.
pub(crate) async fn run(
    front: &FlightSql,
    caller: &Caller,
    action: Action,
    types: Types,
) -> Result<Answer, Status> {
    match action.r#type.as_str() {
        "CreatePreparedStatement" => match decode_any(&action.body, "body")? {
            Command::ActionCreatePreparedStatementRequest(request) => {
                let (own_front, own_caller) = (front.clone(), caller.clone());
                let work =
                    async move { prepared::create(&own_front, &own_caller, request, types).await };
                front.compute.run(work).await.map(Answer::from)
            }
            other => Err(wrong_body(&action, &other)),
        },
        "CreatePreparedSubstraitPlan" => match decode_any(&action.body, "body")? {
            Command::ActionCreatePreparedSubstraitPlanRequest(request) => {
                let (own_front, own_caller) = (front.clone(), caller.clone());
                let work = async move {
                    prepared::create_substrait(&own_front, &own_caller, request, types).await
                };
                front.compute.run(work).await.map(Answer::from)
            }
            other => Err(wrong_body(&action, &other)),
        },
        "ClosePreparedStatement" => match decode_any(&action.body, "body")? {
            Command::ActionClosePreparedStatementRequest(request) => {
                prepared::close(front, caller, &request).map(|()| Answer::default())
            }
            other => Err(wrong_body(&action, &other)),
        },
        "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => {
            let (front, caller) = (front.clone(), caller.clone());
            let compute = front.compute.clone();
            compute.run(async move { transact(&front, &caller, &action).await }).await
        }
        "CancelQuery" => match decode_any(&action.body, "body")? {
            Command::ActionCancelQueryRequest(request) => {
                cancel::query(front, caller, &request).map(Answer::from)
            }
            other => Err(wrong_body(&action, &other)),
        },
        "CancelFlightInfo" => {
            let request: CancelFlightInfoRequest = decode(&action)?;
            cancel::flight_info(front, caller, &request).map(Answer::from)
        }
        "RenewFlightEndpoint" => {
            let request: RenewFlightEndpointRequest = decode(&action)?;
            cancel::renew(front, caller, request).map(Answer::from)
        }
        "SetSessionOptions" => {
            let request: SetRequest = decode(&action)?;
            session_options::set(front, caller, request).await
        }
        "GetSessionOptions" => Ok(session_options::get(caller).into()),
        "CloseSession" => Ok(session_options::close(front, caller)),
        "pareto.Ping" => Ok(Answer::default()),
        other => {
            let name: String = other.chars().take(80).collect();
            Err(unimplemented(&format!("the action {name:?}"), "ListActions names those that are"))
        }
    }
}

/// The four actions of transactions.
async fn transact(front: &FlightSql, caller: &Caller, action: &Action) -> Result<Answer, Status> {
    match (action.r#type.as_str(), decode_any(&action.body, "body")?) {
        ("BeginTransaction", Command::ActionBeginTransactionRequest(_)) => {
            transaction::begin(front, caller).map(Answer::from)
        }
        ("EndTransaction", Command::ActionEndTransactionRequest(request)) => {
            transaction::end(front, caller, &request).await.map(|()| Answer::default())
        }
        ("BeginSavepoint", Command::ActionBeginSavepointRequest(request)) => {
            transaction::begin_savepoint(front, caller, &request).map(Answer::from)
        }
        ("EndSavepoint", Command::ActionEndSavepointRequest(request)) => {
            transaction::end_savepoint(front, caller, &request).await.map(|()| Answer::default())
        }
        (_, other) => Err(wrong_body(action, &other)),
    }
}

fn decode<M: Message + Default>(action: &Action) -> Result<M, Status> {
    M::decode(action.body.clone()).map_err(|source| {
        invalid(format!("the body of {} is not its request message: {source}", action.r#type))
    })
}

fn wrong_body(action: &Action, body: &Command) -> Status {
    invalid(format!("the body of {} is a {}", action.r#type, body.type_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_listed_once() {
        let mut names: Vec<String> = list().into_iter().map(|action| action.r#type).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ACTIONS.len());
    }
}
