//! What is wrong gets the code that says so, and the server stays up.

use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{Action, FlightData, FlightDescriptor, Ticket};
use bytes::Bytes;
use futures::stream;
use prost::Message;
use tonic::{Code, Request};

use crate::harness::{TestServer, query, run, sql, text};

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
    for _ in 0..200 {
        idle.push(tokio::net::TcpStream::connect(server.flight).await.unwrap());
    }
    assert_eq!(text(&sql(&server.raw().await, "SELECT 1").await.unwrap()), [["1"]]);
}
