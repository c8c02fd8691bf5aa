//! Statements: one schema everywhere, run once, streamed, stopped when nobody reads.

use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use arrow_flight::sql::{CommandStatementUpdate, DoPutUpdateResult};
use arrow_flight::{FlightData, FlightDescriptor};
use futures::stream;
use prost::Message;
use tonic::Code;

use crate::harness::{TestServer, announced, ask, command, fetch, query, run, sql, text, ticket};

#[tokio::test]
async fn a_query_has_one_schema_in_plain_types() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE sales (id BIGINT NOT NULL, name VARCHAR, amount DECIMAL(10, 2), sold_on DATE)"]).await;
    run(
        &client,
        &["INSERT INTO sales VALUES (1, 'ana', 12.50, DATE '2024-01-31'), (2, NULL, NULL, NULL)"],
    )
    .await;
    for (text, expected) in [
        ("SELECT name FROM sales", DataType::Utf8),
        ("SELECT arrow_cast(name, 'Utf8View') AS v FROM sales", DataType::Utf8),
        ("SELECT arrow_cast(name, 'Dictionary(Int32, Utf8)') AS v FROM sales", DataType::Utf8),
        ("SELECT sum(amount) FROM sales", DataType::Decimal128(20, 2)),
        ("SELECT NULL AS nothing", DataType::Utf8),
        ("SELECT count(*) FROM sales GROUP BY CUBE (name, sold_on)", DataType::Int64),
        ("SELECT name, upper(name) FROM sales WHERE false", DataType::Utf8),
        ("EXPLAIN SELECT 1", DataType::Utf8),
        ("SHOW TABLES", DataType::Utf8),
    ] {
        let batch = ask(&client, query(text))
            .await
            .unwrap_or_else(|status| panic!("{text}: {}", status.message()));
        assert_eq!(batch.schema().field(0).data_type(), &expected, "{text}");
    }
    let rows = text(&sql(&client, "SELECT * FROM sales ORDER BY id").await.unwrap());
    assert_eq!(rows, [["1", "ana", "12.50", "2024-01-31"], ["2", "-", "-", "-"]]);
}

#[tokio::test]
async fn an_update_by_the_query_path_runs_once_and_at_once() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)"]).await;
    // Asking for the schema runs nothing.
    client.get_schema(query("INSERT INTO t VALUES (1)")).await.unwrap();
    let info =
        client.get_flight_info(query("INSERT INTO t VALUES (1), (2)")).await.unwrap().into_inner();
    assert_eq!(info.total_records, 2);
    assert!(announced(&info).fields().is_empty());
    let count = || async { text(&sql(&client, "SELECT count(*) FROM t").await.unwrap()) };
    assert_eq!(count().await, [["2"]], "it ran before it was fetched");
    fetch(&client, ticket(&info)).await.unwrap();
    fetch(&client, ticket(&info)).await.unwrap();
    assert_eq!(count().await, [["2"]], "fetching, even twice, runs nothing");
}

#[tokio::test]
async fn an_update_by_the_update_path_counts() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    assert_eq!(client.execute_update("CREATE TABLE t (a BIGINT)".into(), None).await.unwrap(), 0);
    assert_eq!(
        client.execute_update("INSERT INTO t VALUES (1), (2), (3)".into(), None).await.unwrap(),
        3
    );
    assert_eq!(client.execute_update("DELETE FROM t WHERE a > 1".into(), None).await.unwrap(), 2);
    assert_eq!(client.execute_update("DROP TABLE t".into(), None).await.unwrap(), 0);
}

#[tokio::test]
async fn a_ticket_may_be_fetched_again() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let info = client.get_flight_info(query("SELECT 1 AS one")).await.unwrap().into_inner();
    assert!(info.endpoint[0].expiration_time.is_some());
    for _ in 0..3 {
        assert_eq!(text(&fetch(&client, ticket(&info)).await.unwrap()), [["1"]]);
    }
}

#[tokio::test]
async fn millions_of_rows_stream_in_bounded_messages() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let text = "SELECT value, value * 2 AS twice, 'a text of some length' AS label FROM generate_series(1, 3000000)";
    let info = client.get_flight_info(query(text)).await.unwrap().into_inner();
    // The client's default limit is 4 MiB a message: no message may be larger.
    let mut messages = client.do_get(ticket(&info)).await.unwrap().into_inner();
    let (mut count, mut largest) = (0, 0);
    while let Some(message) = messages.message().await.unwrap() {
        largest = largest.max(message.encoded_len());
        count += 1;
    }
    assert!(count > 30, "{count} messages");
    assert!(largest <= 4 * 1024 * 1024, "{largest} bytes in a message");
    let batch =
        sql(&client, "SELECT count(*), sum(value) FROM generate_series(1, 3000000)").await.unwrap();
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 3_000_000);
}

#[tokio::test]
async fn a_reader_that_leaves_ends_its_query() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let endless = "SELECT a.value, b.value AS other FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let info = client.get_flight_info(query(endless)).await.unwrap().into_inner();
    let mut messages = client.do_get(ticket(&info)).await.unwrap().into_inner();
    for _ in 0..3 {
        messages.message().await.unwrap().unwrap();
    }
    assert_eq!(crate::http::gauge(&server, "pareto_flight_streams").await, 1);
    drop(messages);
    let left = Instant::now();
    while crate::http::gauge(&server, "pareto_flight_streams").await != 0 {
        assert!(left.elapsed() < Duration::from_secs(5), "the query still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_has_its_code() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    let late = "SELECT 10 / (value - 500000) FROM generate_series(1, 1000000)";
    let status = sql(&client, late).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
}

#[tokio::test]
async fn an_update_needs_no_arrow_data() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)"]).await;
    let descriptor: FlightDescriptor = command(&CommandStatementUpdate {
        query: "INSERT INTO t VALUES (7)".into(),
        transaction_id: None,
    });
    let message = FlightData::new().with_descriptor(descriptor);
    let mut results = client.do_put(stream::iter([message])).await.unwrap().into_inner();
    let result = results.message().await.unwrap().unwrap();
    assert_eq!(DoPutUpdateResult::decode(result.app_metadata).unwrap().record_count, 1);
    assert!(results.message().await.unwrap().is_none());
}
