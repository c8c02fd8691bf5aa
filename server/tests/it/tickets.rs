//! Tickets: nobody makes one up, they outlive what the server remembers, and an update is never run by one.

use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{Any, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{Action, FlightEndpoint, RenewFlightEndpointRequest, Ticket};
use pareto_server::security::Security;
use prost::Message;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{TestServer, fetch, query, run, sql, text, ticket};

/// A key that several servers share, and the folder it lies in.
fn shared_key(lifetime: Duration) -> (tempfile::TempDir, Security) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("token.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let security =
        Security { token_key: Some(key), ticket_lifetime: Some(lifetime), ..Security::default() };
    (folder, security)
}

const LONG: Duration = Duration::from_secs(60);

async fn ticket_of(client: &FlightServiceClient<Channel>, text: &str) -> Ticket {
    ticket(&client.clone().get_flight_info(query(text)).await.unwrap().into_inner())
}

async fn code(client: &FlightServiceClient<Channel>, ticket: Ticket) -> (Code, String) {
    let status = fetch(client, ticket).await.unwrap_err();
    (status.code(), status.message().to_owned())
}

async fn renewed(client: &FlightServiceClient<Channel>, ticket: Ticket) -> Ticket {
    let endpoint = Some(FlightEndpoint::new().with_ticket(ticket));
    let body = RenewFlightEndpointRequest { endpoint }.encode_to_vec();
    let action = Action::new("RenewFlightEndpoint", body);
    let mut results = client.clone().do_action(action).await.unwrap().into_inner();
    let body = results.message().await.unwrap().unwrap().body;
    FlightEndpoint::decode(body).unwrap().ticket.unwrap()
}

#[tokio::test]
async fn no_byte_of_a_ticket_can_be_another() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    let ticket = ticket_of(&client, "SELECT 42").await;
    let any = Any::decode(ticket.ticket.clone()).unwrap();
    let handle = any.unpack::<TicketStatementQuery>().unwrap().unwrap().statement_handle;
    for at in 0..handle.len() {
        let mut forged = handle.to_vec();
        forged[at] ^= 0x20;
        let message = TicketStatementQuery { statement_handle: forged.into() };
        let forged = Ticket::new(message.as_any().encode_to_vec());
        let (code, _) = code(&client, forged).await;
        let expected = if at == 0 { Code::InvalidArgument } else { Code::NotFound };
        assert_eq!(code, expected, "{at}");
    }
    assert_eq!(text(&fetch(&client, ticket).await.unwrap()), [["42"]]);
}

#[tokio::test]
async fn a_ticket_outlives_the_server_that_gave_it() {
    let (_folder, security) = shared_key(LONG);
    let first = TestServer::secured(security.clone()).await;
    let client = first.raw().await;
    run(
        &client,
        &[
            "CREATE SCHEMA crm",
            "CREATE TABLE crm.visits (seen TIMESTAMP WITH TIME ZONE)",
            "INSERT INTO crm.visits VALUES ('2024-01-01T00:00:00Z'), ('2024-07-01T00:00:00Z')",
            "USE crm",
            "SET datafusion.execution.time_zone = 'Europe/Berlin'",
        ],
    )
    .await;
    let question = "SELECT seen, CAST(seen AS VARCHAR) AS shown FROM visits ORDER BY seen";
    let ticket = ticket_of(&client, question).await;
    let answer = fetch(&client, ticket.clone()).await.unwrap();
    assert_eq!(fetch(&client, ticket.clone()).await.unwrap(), answer, "twice the same");

    // It resolves the name and shows the time as the session did that asked, not as the one does that fetches.
    let second = first.another(security).await;
    let client = second.raw().await;
    for _ in 0..2 {
        assert_eq!(fetch(&client, ticket.clone()).await.unwrap(), answer);
    }
    // With another key it is worth nothing.
    let stranger = first.another(Security::default()).await;
    assert_eq!(code(&stranger.raw().await, ticket.clone()).await.0, Code::NotFound);

    // What would not be what was announced is refused.
    run(&client, &["DROP TABLE crm.visits", "CREATE TABLE crm.visits (seen DATE)"]).await;
    let (_other, security) = shared_key(LONG);
    let later = first.another(security).await;
    let (code, message) = code(&later.raw().await, ticket).await;
    assert_eq!(code, Code::NotFound, "{message}");
}

#[tokio::test]
async fn a_stolen_ticket_is_unknown_where_nobody_has_seen_it_too() {
    let (_folder, security) = shared_key(LONG);
    let first = TestServer::secured(security.clone()).await;
    let mut ana = first.client().await;
    ana.handshake("ana", "").await.unwrap();
    let info = ana.execute("SELECT 1".to_owned(), None).await.unwrap();
    let second = first.another(security).await;
    for server in [&first, &second] {
        let (stolen, message) = code(&server.raw().await, ticket(&info)).await;
        let (forged, same) = code(&server.raw().await, altered(ticket(&info))).await;
        assert_eq!((stolen, message), (forged, same), "a thief learns nothing");
        assert_eq!(stolen, Code::NotFound);
    }
    let mut again = second.client().await;
    again.handshake("ana", "").await.unwrap();
    again.do_get(ticket(&info)).await.unwrap();
}

/// The same ticket with another last byte.
fn altered(mut ticket: Ticket) -> Ticket {
    let mut bytes = ticket.ticket.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    ticket.ticket = bytes.into();
    ticket
}

#[tokio::test]
async fn a_ticket_ends_unless_it_is_renewed() {
    let (_folder, security) = shared_key(Duration::from_secs(3));
    let first = TestServer::secured(security.clone()).await;
    let client = first.raw().await;
    let ticket = ticket_of(&client, "SELECT 1").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kept = renewed(&client, ticket.clone()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // A server that has never seen them takes the renewed one alone.
    let second = first.another(security).await;
    let client = second.raw().await;
    let (code, message) = code(&client, ticket).await;
    assert_eq!(code, Code::NotFound);
    assert!(message.contains("expired") && message.contains("RenewFlightEndpoint"), "{message}");
    assert_eq!(text(&fetch(&client, kept).await.unwrap()), [["1"]]);
}

#[tokio::test]
async fn what_changes_something_is_never_run_by_a_ticket_again() {
    let (_folder, security) = shared_key(LONG);
    let first = TestServer::secured(security.clone()).await;
    let client = first.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)"]).await;
    let insert = ticket_of(&client, "INSERT INTO t VALUES (1)").await;
    let optimize = ticket_of(&client, "OPTIMIZE t").await;
    let long = format!("SELECT 1 -- {}", "x".repeat(20_000));
    let long = ticket_of(&client, &long).await;
    let server = first.another(security).await;
    let second = server.raw().await;
    for client in [&client, &second, &second] {
        assert_eq!(fetch(client, insert.clone()).await.unwrap().num_rows(), 0);
        assert_eq!(text(&sql(client, "SELECT count(*) FROM t").await.unwrap()), [["1"]]);
    }
    // Where nobody remembers them they are gone.
    assert_eq!(code(&second, optimize).await.0, Code::NotFound);
    assert_eq!(code(&second, long.clone()).await.0, Code::NotFound);
    assert_eq!(text(&fetch(&client, long).await.unwrap()), [["1"]]);
}
