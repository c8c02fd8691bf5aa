//! PollFlightInfo: statements that take long, asked after until they are done.

use std::time::{Duration, Instant};

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::CommandGetTableTypes;
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightDescriptor,
    FlightInfo, PollInfo,
};
use prost::Message;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{TestServer, announced, command, fetch, query, run, sql, text, ticket};

const LONG: Duration = Duration::from_secs(60);

/// Some hundred million pairs: longer than a poll waits at first, shorter than anybody's patience.
const HEAVY: &str =
    "SELECT count(*) FROM number a, number b WHERE (a.n * b.n) % 7 = 3 OR a.n % 11 = b.n % 13";

async fn numbers(client: &FlightServiceClient<Channel>) {
    let create = "CREATE TABLE number AS SELECT value AS n FROM generate_series(1, 15000)";
    run(client, &[create]).await;
}

/// Polls until it is done, checking every answer on the way.
async fn poll_to_the_end(
    client: &FlightServiceClient<Channel>,
    descriptor: FlightDescriptor,
) -> (FlightInfo, usize) {
    let mut client = client.clone();
    let (started, mut polls) = (Instant::now(), 0);
    let mut next = descriptor;
    loop {
        let poll = client.poll_flight_info(next).await.unwrap().into_inner();
        polls += 1;
        assert!(poll.progress.is_none_or(|progress| (0.0..=1.0).contains(&progress)));
        let Some(again) = poll.flight_descriptor else {
            assert_eq!(poll.progress, Some(1.0));
            assert!(poll.expiration_time.is_none());
            return (poll.info.unwrap(), polls);
        };
        assert!(poll.expiration_time.is_some());
        assert!(poll.info.unwrap().endpoint.is_empty(), "there is nothing to fetch yet");
        assert!(started.elapsed() < LONG, "it never ends");
        next = again;
    }
}

#[tokio::test]
async fn a_quick_query_needs_no_second_poll_worth_mentioning() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    let (info, _) = poll_to_the_end(&client, query("SELECT 42 AS answer")).await;
    assert_eq!(announced(&info).field(0).name(), "answer");
    let ticket = ticket(&info);
    // The first fetch goes on with the run that the poll began, the second makes its own.
    for _ in 0..2 {
        assert_eq!(text(&fetch(&client, ticket.clone()).await.unwrap()), [["42"]]);
    }
    let types = command(&CommandGetTableTypes {});
    let (info, polls) = poll_to_the_end(&client, types).await;
    assert_eq!((info.endpoint.len(), polls), (1, 1));
}

#[tokio::test]
async fn a_long_query_says_how_far_it_is() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    numbers(&client).await;
    let first = client.poll_flight_info(query(HEAVY)).await.unwrap().into_inner();
    assert!(first.progress.is_some_and(|progress| progress > 0.0), "it reads tables");
    let (info, _) = poll_to_the_end(&client, first.flight_descriptor.unwrap()).await;
    let counted = text(&fetch(&client, ticket(&info)).await.unwrap());
    assert_eq!(counted, text(&sql(&client, HEAVY).await.unwrap()));
}

#[tokio::test]
async fn an_update_runs_once_however_often_it_is_polled_for() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)"]).await;
    let insert = "INSERT INTO t SELECT value FROM generate_series(1, 1000)";
    let (info, _) = poll_to_the_end(&client, query(insert)).await;
    assert_eq!(info.total_records, 1000);
    assert_eq!(text(&sql(&client, "SELECT count(*) FROM t").await.unwrap()), [["1000"]]);
}

#[tokio::test]
async fn a_mistake_is_the_answer_to_a_poll() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let status = client.poll_flight_info(query("SELECT nowhere")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let forged = FlightDescriptor::new_cmd([&[1_u8][..], &[7; 16]].concat());
    let status = client.poll_flight_info(forged).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_query_is_cancelled_while_it_is_polled_for() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 <> 8";
    let PollInfo { info, flight_descriptor, .. } =
        client.poll_flight_info(query(endless)).await.unwrap().into_inner();
    let cancel = |info: Option<FlightInfo>| {
        let body = CancelFlightInfoRequest { info }.encode_to_vec();
        Action::new("CancelFlightInfo", body)
    };
    for expected in [CancelStatus::Cancelled, CancelStatus::NotCancellable] {
        let mut answers = client.do_action(cancel(info.clone())).await.unwrap().into_inner();
        let body = answers.message().await.unwrap().unwrap().body;
        let result = CancelFlightInfoResult::decode(body).unwrap();
        assert_eq!(result.status(), expected);
    }
    let status = client.poll_flight_info(flight_descriptor.unwrap()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}
