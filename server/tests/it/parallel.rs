//! Parallel endpoints: however they are fetched, together they are the rows of the query at one moment.

use arrow::array::RecordBatch;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use futures::future::try_join_all;
use pareto_server::security::Security;
use tonic::transport::Channel;

use crate::harness::{TestServer, announced, fetch, query, run, sql, text};

/// Eight files of a hundred rows, and a small table to join them with.
async fn stocked() -> (TestServer, FlightServiceClient<Channel>) {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE sales (id BIGINT, customer BIGINT)"]).await;
    for start in (0..800).step_by(100) {
        let rows = format!(
            "INSERT INTO sales SELECT value, value % 7 FROM generate_series({start}, {})",
            start + 99
        );
        run(&client, &[&rows]).await;
    }
    run(
        &client,
        &[
            "CREATE TABLE customer (customer BIGINT, name VARCHAR)",
            "INSERT INTO customer VALUES (0, 'ana'), (1, 'ben'), (2, 'cem'), (3, 'dee'), (9, 'none')",
            "SET pareto.parallel_endpoints = 4",
        ],
    )
    .await;
    (server, client)
}

async fn info(client: &FlightServiceClient<Channel>, text: &str) -> FlightInfo {
    client.clone().get_flight_info(query(text)).await.unwrap().into_inner()
}

fn tickets(info: &FlightInfo) -> Vec<Ticket> {
    info.endpoint.iter().map(|endpoint| endpoint.ticket.clone().unwrap()).collect()
}

fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    batches.iter().flat_map(text).collect()
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

#[tokio::test]
async fn endpoints_are_the_query_however_they_are_fetched() {
    let (server, client) = stocked().await;
    let other = server.raw().await;
    for (question, endpoints) in [
        ("SELECT * FROM sales", 4),
        ("SELECT id * 2 AS twice FROM sales WHERE id % 3 = 0", 4),
        ("SELECT id, name FROM sales JOIN customer USING (customer)", 4),
        ("SELECT id, name FROM sales LEFT JOIN customer USING (customer) WHERE id < 650", 4),
        ("SELECT id FROM sales UNION ALL SELECT -id FROM sales", 4),
        // Unmatched customers are known when all sales have been looked at.
        ("SELECT id, name FROM customer LEFT JOIN sales USING (customer)", 1),
        ("SELECT customer, count(*) FROM sales GROUP BY customer", 1),
        ("SELECT id FROM sales ORDER BY id DESC", 1),
        ("SELECT id FROM sales ORDER BY id LIMIT 10", 1),
        ("SELECT DISTINCT customer FROM sales", 1),
        ("SELECT sum(id) FROM sales", 1),
        ("SELECT 1 AS one", 1),
    ] {
        let expected = sql(&other, question).await.unwrap_or_else(|e| panic!("{question} {e:?}"));
        let info = info(&client, question).await;
        assert_eq!(info.endpoint.len(), endpoints, "{question}");
        assert!(info.ordered);
        let tickets = tickets(&info);
        let at_once =
            try_join_all(tickets.iter().map(|t| fetch(&client, t.clone()))).await.unwrap();
        for batch in &at_once {
            assert_eq!(batch.schema().as_ref(), &announced(&info), "{question}");
        }
        assert_eq!(sorted(rows(&at_once)), sorted(text(&expected)), "{question}");
        let mut in_turn = Vec::new();
        for ticket in &tickets {
            in_turn.push(fetch(&client, ticket.clone()).await.unwrap());
        }
        if endpoints > 1 {
            assert_eq!(rows(&in_turn), rows(&at_once), "{question}: the same order");
            assert!(
                at_once.iter().all(|batch| batch.num_rows() > 0),
                "{question}: all have a part"
            );
        }
        // From the last to the first, by somebody else's connection.
        let mut backwards = Vec::new();
        for ticket in tickets.iter().rev() {
            backwards.insert(0, fetch(&other, ticket.clone()).await.unwrap());
        }
        assert_eq!(sorted(rows(&backwards)), sorted(text(&expected)), "{question}");
    }
    let ordered = info(&client, "SELECT id FROM sales ORDER BY id DESC").await;
    let batch = fetch(&client, tickets(&ordered).remove(0)).await.unwrap();
    assert_eq!(text(&batch)[0], ["799"]);
}

#[tokio::test]
async fn endpoints_are_one_moment() {
    let (server, client) = stocked().await;
    let info = info(&client, "SELECT id FROM sales").await;
    let tickets = tickets(&info);
    let first = fetch(&client, tickets[0].clone()).await.unwrap();
    run(&client, &["DELETE FROM sales WHERE id % 2 = 0", "INSERT INTO sales VALUES (5000, 1)"])
        .await;
    let mut batches = vec![first];
    for ticket in &tickets[1..] {
        batches.push(fetch(&client, ticket.clone()).await.unwrap());
    }
    let again = fetch(&client, tickets[0].clone()).await.unwrap();
    assert_eq!(again, batches[0]);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 800);
    assert_eq!(
        text(&sql(&server.raw().await, "SELECT count(*) FROM sales").await.unwrap()),
        [["401"]]
    );
}

#[tokio::test]
async fn parts_planned_again_are_the_same_parts_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("token.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let security = Security { token_key: Some(key), ..Security::default() };
    let (server, _) = stocked().await;
    let (here, there) =
        (server.another(security.clone()).await, server.another(security.clone()).await);
    let client = here.raw().await;
    run(&client, &["SET pareto.parallel_endpoints = 3"]).await;
    let tickets = tickets(&info(&client, "SELECT id FROM sales").await);
    let mut batches = Vec::new();
    for (ticket, server) in tickets.iter().zip([&here, &there, &there]) {
        batches.push(fetch(&server.raw().await, ticket.clone()).await.unwrap());
    }
    let ids = sorted(rows(&batches));
    assert_eq!(ids.len(), 800);
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "none twice");
    // A server that has never seen the query cannot give the moment it was announced at.
    run(&client, &["INSERT INTO sales VALUES (5000, 1)"]).await;
    let late = server.another(security).await;
    let status = fetch(&late.raw().await, tickets[0].clone()).await.unwrap_err();
    assert!(status.message().contains("changed"), "{}", status.message());
    assert_eq!(fetch(&client, tickets[0].clone()).await.unwrap(), batches[0]);
}
