//! What is wrong gets the code that says so, and the server stays up.

use std::time::{Duration, Instant};

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{Action, FlightData, FlightDescriptor, Ticket};
use bytes::Bytes;
use futures::stream;
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::harness::{TestServer, query, run, sql, text, ticket};

#[tokio::test]
async fn mistakes_in_sql_have_their_codes_and_the_text_of_the_command_line() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE sales (amount BIGINT)"]).await;
    for (text, code, part) in [
        ("SELEC 1", Code::InvalidArgument, "SELEC"),
        ("SELECT amout FROM sales", Code::InvalidArgument, "did you mean \"amount\"?"),
        ("SELECT * FROM sale", Code::NotFound, "sale"),
        ("CREATE TABLE sales (a BIGINT)", Code::AlreadyExists, "sales"),
        ("DROP TABLE nowhere", Code::NotFound, "nowhere"),
        ("SELECT 1 / 0", Code::InvalidArgument, "zero"),
        ("SELECT CAST('x' AS BIGINT)", Code::InvalidArgument, "x"),
        ("INSERT INTO sales VALUES ('not a number')", Code::InvalidArgument, "not a number"),
        ("SET no.such.setting = 1", Code::InvalidArgument, "no.such.setting"),
        ("SELECT 1; SELECT 2", Code::InvalidArgument, "statement"),
        ("", Code::InvalidArgument, ""),
        ("SELECT $1", Code::InvalidArgument, "parameter"),
    ] {
        let status = sql(&client, text).await.expect_err(text);
        assert_eq!(status.code(), code, "{text}: {}", status.message());
        assert!(status.message().contains(part), "{text}: {}", status.message());
        assert!(status.message().starts_with("error: "), "{text}: {}", status.message());
    }
}

#[tokio::test]
async fn garbage_is_an_invalid_argument() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    for bytes in [&b""[..], b"\xff\xff\xff\xff", b"SELECT 1", &[0; 1_000]] {
        let descriptor = FlightDescriptor::new_cmd(bytes.to_vec());
        assert_eq!(
            client.get_flight_info(descriptor.clone()).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(
            client.get_schema(descriptor.clone()).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(
            client.poll_flight_info(descriptor.clone()).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(
            client.do_get(Ticket::new(bytes.to_vec())).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        let put = stream::iter([FlightData::new().with_descriptor(descriptor)]);
        assert_eq!(client.do_put(put).await.unwrap_err().code(), Code::InvalidArgument);
        let action = Action::new("CreatePreparedStatement", bytes.to_vec());
        assert_eq!(client.do_action(action).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let path = FlightDescriptor::new_path(vec!["sales".to_owned()]);
    assert_eq!(client.get_flight_info(path).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client.do_put(stream::empty()).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(
        client.do_put(stream::iter([FlightData::new()])).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let unreadable = FlightData::new()
        .with_descriptor(query("x"))
        .with_data_header(Bytes::from_static(b"nonsense"));
    assert_eq!(
        client.do_put(stream::iter([unreadable])).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert_eq!(text(&sql(&client, "SELECT 1").await.unwrap()), [["1"]], "the server is up");
}

#[tokio::test]
async fn forged_tickets_are_refused() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    for (handle, code) in [
        (Bytes::from_static(b""), Code::InvalidArgument),
        (Bytes::from_static(b"nonsense"), Code::InvalidArgument),
        (Bytes::from_static(&[2; 17]), Code::InvalidArgument),
        (Bytes::from_static(&[1; 200]), Code::InvalidArgument),
        (Bytes::from_static(&[2; 200]), Code::NotFound),
    ] {
        let ticket = TicketStatementQuery { statement_handle: handle }.as_any().encode_to_vec();
        assert_eq!(client.do_get(Ticket::new(ticket)).await.unwrap_err().code(), code);
    }
    let sql_as_ticket =
        CommandStatementQuery { query: "SELECT 1".to_owned(), transaction_id: None };
    let status =
        client.do_get(Ticket::new(sql_as_ticket.as_any().encode_to_vec())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn too_large_is_refused_and_the_server_stays_up() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let huge = query(&format!("SELECT '{}'", "x".repeat(100 << 20)));
    let status = client.get_flight_info(huge).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{}", status.message());
    let mut request = Request::new(query("SELECT 1"));
    request.metadata_mut().insert("x-huge", "x".repeat(100 << 10).parse().unwrap());
    assert!(server.raw().await.get_flight_info(request).await.is_err());
    assert_eq!(
        text(&sql(&server.raw().await, "SELECT 1").await.unwrap()),
        [["1"]],
        "the server is up"
    );
}

#[tokio::test]
async fn many_idle_connections_disturb_nobody() {
    let server = TestServer::start().await;
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        idle.push(tokio::net::TcpStream::connect(server.flight).await.unwrap());
    }
    assert_eq!(text(&sql(&server.raw().await, "SELECT 1").await.unwrap()), [["1"]]);
}

#[tokio::test]
async fn large_headers_are_taken_and_too_large_ones_refused() {
    let server = TestServer::start().await;
    for (bytes, taken) in [(32 << 10, true), (64 << 10, false)] {
        let mut request = Request::new(query("SELECT 1"));
        request.metadata_mut().insert("x-large", "x".repeat(bytes).parse().unwrap());
        let answer = server.raw().await.get_flight_info(request).await;
        assert_eq!(answer.is_ok(), taken, "{bytes}: {answer:?}");
    }
    assert_eq!(text(&sql(&server.raw().await, "SELECT 1").await.unwrap()), [["1"]]);
}

/// How long `SELECT 1` takes, in the middle of so many.
async fn typical(client: &FlightServiceClient<Channel>) -> Duration {
    let mut taken = Vec::new();
    for _ in 0..41 {
        let started = Instant::now();
        assert_eq!(text(&sql(client, "SELECT 1").await.unwrap()), [["1"]]);
        taken.push(started.elapsed());
    }
    taken.sort();
    taken[taken.len() / 2]
}

#[tokio::test]
async fn readers_that_stop_reading_hold_up_nobody_else() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    let alone = typical(&client).await;
    let endless = "SELECT a.value, b.value AS other FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let mut stalled = Vec::new();
    for _ in 0..16 {
        let mut reader = server.raw().await;
        let info = reader.get_flight_info(query(endless)).await.unwrap().into_inner();
        let mut messages = reader.do_get(ticket(&info)).await.unwrap().into_inner();
        messages.message().await.unwrap().unwrap();
        stalled.push(messages);
    }
    // They fill what may wait for them, and then cost nothing.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let beside = typical(&client).await;
    assert!(beside < alone * 5 + Duration::from_millis(20), "{alone:?} alone, {beside:?} beside");
    assert_eq!(crate::http::gauge(&server, "pareto_flight_streams").await, 16);
}
