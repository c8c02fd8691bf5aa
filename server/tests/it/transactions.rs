//! Transactions over the wire: begun, named, ended; what is promised and what is refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionEndSavepointRequest, ActionEndTransactionRequest, Any,
    CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate, EndTransaction,
    ProstMessageExt, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use arrow_flight::{Action, FlightData};
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{TestServer, command, fetch, run, sql, text, ticket};

type Raw = FlightServiceClient<Channel>;

const RELEASE: i32 = 1;
const ROLLBACK: i32 = 2;

async fn act(
    client: &Raw,
    name: &str,
    request: &impl ProstMessageExt,
) -> Result<Option<Any>, Status> {
    let action = Action::new(name, request.as_any().encode_to_vec());
    let answers: Vec<_> =
        client.clone().do_action(action).await?.into_inner().try_collect().await?;
    assert!(answers.len() < 2);
    Ok(answers.first().map(|answer| Any::decode(answer.body.clone()).unwrap()))
}

async fn begin(client: &Raw) -> Bytes {
    let answer = act(client, "BeginTransaction", &ActionBeginTransactionRequest {}).await.unwrap();
    let begun: ActionBeginTransactionResult = answer.unwrap().unpack().unwrap().unwrap();
    begun.transaction_id
}

async fn end(client: &Raw, transaction_id: &Bytes, action: EndTransaction) -> Result<(), Status> {
    let (transaction_id, action) = (transaction_id.clone(), action.into());
    let request = ActionEndTransactionRequest { transaction_id, action };
    act(client, "EndTransaction", &request).await.map(drop)
}

async fn savepoint(client: &Raw, transaction_id: &Bytes, name: &str) -> Bytes {
    let (transaction_id, name) = (transaction_id.clone(), name.to_owned());
    let request = ActionBeginSavepointRequest { transaction_id, name };
    let answer = act(client, "BeginSavepoint", &request).await.unwrap();
    let begun: ActionBeginSavepointResult = answer.unwrap().unpack().unwrap().unwrap();
    begun.savepoint_id
}

async fn end_savepoint(client: &Raw, savepoint_id: &Bytes, action: i32) -> Result<(), Status> {
    let request = ActionEndSavepointRequest { savepoint_id: savepoint_id.clone(), action };
    act(client, "EndSavepoint", &request).await.map(drop)
}

async fn update(client: &Raw, transaction: &Bytes, query: &str) -> Result<i64, Status> {
    let transaction_id = Some(transaction.clone());
    let descriptor = command(&CommandStatementUpdate { query: query.to_owned(), transaction_id });
    let data = FlightData::new().with_descriptor(descriptor);
    let mut answers = client.clone().do_put(stream::iter([data])).await?.into_inner();
    let answer = answers.message().await?.unwrap();
    let result = arrow_flight::sql::DoPutUpdateResult::decode(answer.app_metadata).unwrap();
    Ok(result.record_count)
}

async fn within(
    client: &Raw,
    transaction: &Bytes,
    query: &str,
) -> Result<Vec<Vec<String>>, Status> {
    let transaction_id = Some(transaction.clone());
    let descriptor = command(&CommandStatementQuery { query: query.to_owned(), transaction_id });
    let info = client.clone().get_flight_info(descriptor).await?.into_inner();
    Ok(text(&fetch(client, ticket(&info)).await?))
}

async fn count(client: &Raw) -> String {
    text(&sql(client, "SELECT count(*) FROM t").await.unwrap())[0][0].clone()
}

#[tokio::test]
async fn a_transaction_is_seen_by_its_own_statements_until_it_is_committed() {
    let server = TestServer::start().await;
    let (client, other) = (server.raw().await, server.raw().await);
    run(&client, &["CREATE TABLE t (a BIGINT)", "INSERT INTO t VALUES (1), (2)"]).await;
    let transaction = begin(&client).await;
    assert_eq!(update(&client, &transaction, "DELETE FROM t WHERE a = 1").await.unwrap(), 1);
    assert_eq!(update(&client, &transaction, "INSERT INTO t VALUES (3), (4)").await.unwrap(), 2);
    let seen = within(&client, &transaction, "SELECT a FROM t ORDER BY a").await.unwrap();
    assert_eq!(seen, [["2"], ["3"], ["4"]]);
    // Others, and statements of the same connection that do not name it, see what is committed.
    assert_eq!((count(&client).await, count(&other).await), ("2".to_owned(), "2".to_owned()));
    end(&client, &transaction, EndTransaction::Commit).await.unwrap();
    assert_eq!(count(&other).await, "3");
    let status = end(&client, &transaction, EndTransaction::Commit).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let status = within(&client, &transaction, "SELECT 1").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "it has ended");
}

#[tokio::test]
async fn rollback_and_savepoints_take_back_what_they_should() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)"]).await;
    let transaction = begin(&client).await;
    update(&client, &transaction, "INSERT INTO t VALUES (1)").await.unwrap();
    let first = savepoint(&client, &transaction, "s").await;
    update(&client, &transaction, "INSERT INTO t VALUES (2)").await.unwrap();
    let second = savepoint(&client, &transaction, "s").await;
    update(&client, &transaction, "UPDATE t SET a = a * 10").await.unwrap();
    end_savepoint(&client, &second, ROLLBACK).await.unwrap();
    end_savepoint(&client, &second, RELEASE).await.unwrap();
    let seen = within(&client, &transaction, "SELECT a FROM t ORDER BY a").await.unwrap();
    assert_eq!(seen, [["1"], ["2"]]);
    assert_eq!(end_savepoint(&client, &second, ROLLBACK).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        end_savepoint(&client, &first, 0).await.unwrap_err().code(),
        Code::InvalidArgument,
        "neither"
    );
    end_savepoint(&client, &first, ROLLBACK).await.unwrap();
    let seen = within(&client, &transaction, "SELECT a FROM t").await.unwrap();
    assert_eq!(seen, [["1"]]);
    let status = end(&client, &transaction, EndTransaction::Unspecified).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    end(&client, &transaction, EndTransaction::Rollback).await.unwrap();
    assert_eq!(count(&client).await, "0");
    let status = end_savepoint(&client, &first, ROLLBACK).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
}

#[tokio::test]
async fn what_cannot_be_promised_is_refused_and_a_lost_race_is_aborted() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)", "CREATE TABLE u (a BIGINT)"]).await;
    run(&client, &["INSERT INTO t VALUES (1)"]).await;
    let transaction = begin(&client).await;
    update(&client, &transaction, "UPDATE t SET a = 2").await.unwrap();
    let status = update(&client, &transaction, "INSERT INTO u VALUES (1)").await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("hint: COMMIT before it"), "{}", status.message());
    run(&client, &["UPDATE t SET a = 3"]).await;
    let status = end(&client, &transaction, EndTransaction::Commit).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted, "{}", status.message());
    assert_eq!(text(&sql(&client, "SELECT a FROM t").await.unwrap()), [["3"]]);
    for (id, code) in [
        (Bytes::from_static(b"1"), Code::InvalidArgument),
        (Bytes::from_static(&[1; 17]), Code::NotFound),
    ] {
        let status = within(&client, &id, "SELECT 1").await.unwrap_err();
        assert_eq!(status.code(), code, "an id that is none");
    }
}

#[tokio::test]
async fn rows_in_bulk_go_to_the_transaction_that_the_session_has_open() {
    let server = TestServer::start().await;
    let raw = server.raw().await;
    run(&raw, &["CREATE TABLE t (a BIGINT)"]).await;
    let channel = server.channel().await;
    let (raw, mut client) =
        (FlightServiceClient::new(channel.clone()), FlightSqlServiceClient::new(channel));
    let append = |transaction_id: Option<Bytes>| CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Fail.into(),
            if_exists: TableExistsOption::Append.into(),
        }),
        table: "t".to_owned(),
        transaction_id,
        ..CommandStatementIngest::default()
    };
    let rows = || {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        stream::iter([Ok(RecordBatch::try_from_iter([("a", column)]).unwrap())])
    };
    let transaction = begin(&raw).await;
    assert_eq!(client.execute_ingest(append(None), rows()).await.unwrap(), 3);
    assert_eq!(client.execute_ingest(append(Some(transaction.clone())), rows()).await.unwrap(), 3);
    assert_eq!(count(&raw).await, "0");
    assert_eq!(within(&raw, &transaction, "SELECT count(*) FROM t").await.unwrap(), [["6"]]);
    end(&raw, &transaction, EndTransaction::Commit).await.unwrap();
    assert_eq!(count(&raw).await, "6");
    // Without an open transaction they are committed at once.
    assert_eq!(client.execute_ingest(append(None), rows()).await.unwrap(), 3);
    assert_eq!(count(&raw).await, "9");
}

#[tokio::test]
async fn closing_a_session_rolls_back_what_it_left_open() {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(&client, &["CREATE TABLE t (a BIGINT)"]).await;
    let transaction = begin(&client).await;
    update(&client, &transaction, "INSERT INTO t VALUES (1)").await.unwrap();
    let close = Action::new("CloseSession", vec![]);
    client.clone().do_action(close).await.unwrap();
    let status = within(&client, &transaction, "SELECT 1").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(count(&server.raw().await).await, "0");
}
