//! Actions: listed completely, cancel, renew.

use std::time::Duration;

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Any, ProstMessageExt};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, Empty, FlightEndpoint,
    FlightInfo, RenewFlightEndpointRequest,
};
use futures::TryStreamExt;
use prost::Message;
use tonic::Code;

use crate::harness::{TestServer, fetch, query, text, ticket};

#[tokio::test]
async fn what_is_listed_works_and_what_is_not_is_refused_by_name() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let listed: Vec<String> = client
        .list_actions(Empty {})
        .await
        .unwrap()
        .into_inner()
        .map_ok(|action| action.r#type)
        .try_collect()
        .await
        .unwrap();
    for name in [
        "CreatePreparedStatement",
        "CreatePreparedSubstraitPlan",
        "ClosePreparedStatement",
        "BeginTransaction",
        "EndTransaction",
        "BeginSavepoint",
        "EndSavepoint",
        "CancelFlightInfo",
        "CancelQuery",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
    ] {
        assert!(listed.iter().any(|listed| listed == name), "{name}");
    }
    let status = client.do_action(Action::new("Nonsense", vec![])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("hint: "), "{}", status.message());
}

#[tokio::test]
async fn a_cancelled_query_ends_with_cancelled() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let endless =
        "SELECT a.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let info = client.get_flight_info(query(endless)).await.unwrap().into_inner();
    let mut messages = client.do_get(ticket(&info)).await.unwrap().into_inner();
    messages.message().await.unwrap().unwrap();
    let cancel = |info: FlightInfo| {
        Action::new("CancelFlightInfo", CancelFlightInfoRequest::new(info).encode_to_vec())
    };
    let status = |body: bytes::Bytes| CancelFlightInfoResult::decode(body).unwrap().status();
    let result = client
        .do_action(cancel(info.clone()))
        .await
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status(result.body), CancelStatus::Cancelled);
    let end = loop {
        match messages.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended as if it were complete"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Cancelled);
    // Its ticket is worth nothing now, and cancelling again is no error.
    assert_eq!(client.do_get(ticket(&info)).await.unwrap_err().code(), Code::NotFound);
    let again = client
        .do_action(cancel(info.clone()))
        .await
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status(again.body), CancelStatus::NotCancellable);
    // The older form.
    let request = ActionCancelQueryRequest { info: info.encode_to_vec().into() };
    let action = Action::new("CancelQuery", request.as_any().encode_to_vec());
    let body =
        client.do_action(action).await.unwrap().into_inner().message().await.unwrap().unwrap().body;
    let result: ActionCancelQueryResult = Any::decode(body).unwrap().unpack().unwrap().unwrap();
    assert_eq!(result.result, i32::from(CancelStatus::NotCancellable));
}

#[tokio::test]
async fn tickets_are_renewed() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let info = client.get_flight_info(query("SELECT 1")).await.unwrap().into_inner();
    let endpoint = info.endpoint[0].clone();
    // Tickets tell the time in milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let request = RenewFlightEndpointRequest { endpoint: Some(endpoint.clone()) };
    let action = Action::new("RenewFlightEndpoint", request.encode_to_vec());
    let body =
        client.do_action(action).await.unwrap().into_inner().message().await.unwrap().unwrap().body;
    let renewed = FlightEndpoint::decode(body).unwrap();
    assert_ne!(renewed.ticket, endpoint.ticket, "a ticket says when it ends");
    let seconds = |endpoint: &FlightEndpoint| endpoint.expiration_time.as_ref().unwrap().seconds;
    assert!(seconds(&renewed) >= seconds(&endpoint));
    for ticket in [endpoint.ticket, renewed.ticket] {
        assert_eq!(text(&fetch(&client, ticket.unwrap()).await.unwrap()), [["1"]]);
    }
}
