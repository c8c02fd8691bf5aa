//! Sessions: by token, by cookie, by connection; settings through the protocol.

use std::collections::HashMap;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, HandshakeRequest};
use bytes::Bytes;
use futures::stream;
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::harness::{TestServer, query, run, sql, text};

/// `SetSessionOptionsRequest` and `GetSessionOptionsResult` look alike.
#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, OptionValue>,
}

#[derive(Clone, PartialEq, Message)]
struct OptionValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Errors {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, Error>,
}

#[derive(Clone, PartialEq, Message)]
struct Error {
    #[prost(int32, tag = "1")]
    value: i32,
}

fn options(pairs: &[(&str, &str)]) -> Vec<u8> {
    let options = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OptionValue { text: Some((*value).to_owned()) }))
        .collect();
    Options { options }.encode_to_vec()
}

async fn act(
    client: &FlightServiceClient<Channel>,
    name: &str,
    body: Vec<u8>,
) -> (Option<Bytes>, Option<String>) {
    let response = client.clone().do_action(Action::new(name, body)).await.unwrap();
    let cookie =
        response.metadata().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    (response.into_inner().message().await.unwrap().map(|result| result.body), cookie)
}

async fn option(client: &FlightServiceClient<Channel>, name: &str) -> String {
    let (body, _) = act(client, "GetSessionOptions", vec![]).await;
    Options::decode(body.unwrap()).unwrap().options[name].text.clone().unwrap()
}

#[tokio::test]
async fn a_connection_is_a_session() {
    let server = TestServer::start().await;
    let (first, second) = (server.raw().await, server.raw().await);
    run(&first, &["SET pareto.rewrite = off"]).await;
    assert_eq!(option(&first, "pareto.rewrite").await, "off");
    assert_eq!(option(&second, "pareto.rewrite").await, "on");
}

#[tokio::test]
async fn a_session_is_kept_once_however_often_it_sets_options() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    let mut cookies = Vec::new();
    // More than are kept of all callers.
    for _ in 0..4_200 {
        cookies.push(act(&client, "SetSessionOptions", options(&[("schema", "public")])).await.1);
    }
    cookies.dedup();
    assert!(matches!(cookies.as_slice(), [Some(_)]), "{} cookies", cookies.len());
    server.client().await.handshake("ana", "secret").await.unwrap();
}

#[tokio::test]
async fn a_token_is_a_session_on_every_connection() {
    let server = TestServer::start().await;
    let mut first = server.client().await;
    first.handshake("ana", "secret").await.unwrap();
    let token = first.token().unwrap().clone();
    let with_token = |token: &str| {
        let mut request = Request::new(query("SET pareto.rewrite = off"));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    server.raw().await.get_flight_info(with_token(&token)).await.unwrap();
    let mut request = Request::new(Action::new("GetSessionOptions", vec![]));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let body = server
        .raw()
        .await
        .do_action(request)
        .await
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap()
        .body;
    assert_eq!(
        Options::decode(body).unwrap().options["pareto.rewrite"].text.as_deref(),
        Some("off")
    );

    let status = server.raw().await.get_flight_info(with_token("0123")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);

    let mut close = Request::new(Action::new("CloseSession", vec![]));
    close.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    server.raw().await.do_action(close).await.unwrap();
    let status = server.raw().await.get_flight_info(with_token(&token)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_ticket_is_for_the_user_who_asked() {
    let server = TestServer::start().await;
    let mut ana = server.client().await;
    ana.handshake("ana", "").await.unwrap();
    let info = ana.execute("SELECT 1".to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    assert_eq!(server.raw().await.do_get(ticket.clone()).await.unwrap_err().code(), Code::NotFound);
    ana.do_get(ticket).await.unwrap();
}

#[tokio::test]
async fn handshakes() {
    let server = TestServer::start().await;
    // Without credentials, as the ODBC driver does when it has a token already.
    let mut client = server.raw().await;
    let hello = HandshakeRequest::default();
    let response = client.handshake(stream::iter([hello])).await.unwrap();
    assert!(
        response.metadata().get("authorization").unwrap().to_str().unwrap().starts_with("Bearer ")
    );
    let answer = response.into_inner().message().await.unwrap().unwrap();
    assert!(answer.payload.starts_with(b"p1."), "{:?}", answer.payload);
    // Malformed.
    let mut request = Request::new(stream::iter([HandshakeRequest::default()]));
    request.metadata_mut().insert("authorization", "Basic ???".parse().unwrap());
    assert_eq!(client.handshake(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn options_are_settings() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE SCHEMA crm", "CREATE TABLE crm.t (a BIGINT)"]).await;
    let body = options(&[
        ("schema", "crm"),
        ("catalog", "pareto"),
        ("pareto.rewrite", "off"),
        ("lol_invalid", "x"),
        ("datafusion.execution.batch_size", "none"),
    ]);
    let (result, cookie) = act(&client, "SetSessionOptions", body).await;
    let errors = Errors::decode(result.unwrap()).unwrap().errors;
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(errors["lol_invalid"].value, 1, "INVALID_NAME");
    assert_eq!(errors["datafusion.execution.batch_size"].value, 2, "INVALID_VALUE");
    assert_eq!(option(&client, "schema").await, "crm");
    assert_eq!(option(&client, "pareto.rewrite").await, "off");
    assert_eq!(
        text(&sql(&client, "SELECT count(*) FROM t").await.unwrap()),
        [["0"]],
        "names resolve in crm"
    );

    // An option without a value is unset.
    let unset = [("pareto.rewrite".to_owned(), OptionValue { text: None })].into();
    let (result, _) =
        act(&client, "SetSessionOptions", Options { options: unset }.encode_to_vec()).await;
    assert!(Errors::decode(result.unwrap()).unwrap().errors.is_empty());
    assert_eq!(option(&client, "pareto.rewrite").await, "on");

    // The cookie carries the same session to another connection.
    let cookie = cookie.unwrap();
    let pair = cookie.split(';').next().unwrap().to_owned();
    let mut request = Request::new(query("SELECT count(*) FROM t"));
    request.metadata_mut().insert("cookie", pair.parse().unwrap());
    server.raw().await.get_flight_info(request).await.unwrap();
    let (closed, _) = act(&client, "CloseSession", vec![]).await;
    assert_eq!(closed.unwrap().as_ref(), [0x08, 1], "CLOSED");
}
