//! Prepared statements: schemas, parameters, many rows, and their end.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow_flight::sql::client::{FlightSqlServiceClient, PreparedStatement};
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, Any, CommandPreparedStatementQuery, ProstMessageExt,
};
use arrow_flight::{Action, IpcMessage};
use bytes::Bytes;
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::harness::{TestServer, ask, command, fetch, run, sql, text, ticket};

/// The result of CreatePreparedStatement with the field that the crate's own message lacks.
#[derive(Clone, PartialEq, Message)]
struct Created {
    #[prost(bytes = "bytes", tag = "1")]
    handle: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    dataset_schema: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    parameter_schema: Bytes,
    #[prost(bool, optional, tag = "4")]
    is_update: Option<bool>,
}

async fn create(client: &FlightSqlServiceClient<Channel>, text: &str) -> Created {
    let request =
        ActionCreatePreparedStatementRequest { query: text.to_owned(), transaction_id: None };
    let action = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
    let mut results = client.inner().clone().do_action(action).await.unwrap().into_inner();
    let any = Any::decode(results.message().await.unwrap().unwrap().body).unwrap();
    assert_eq!(
        any.type_url,
        "type.googleapis.com/arrow.flight.protocol.sql.ActionCreatePreparedStatementResult"
    );
    Created::decode(any.value).unwrap()
}

fn rows(columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter(
        columns.into_iter().enumerate().map(|(index, column)| (format!("{index}"), column)),
    )
    .unwrap()
}

fn numbers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

async fn answer(
    client: &FlightSqlServiceClient<Channel>,
    statement: &mut PreparedStatement<Channel>,
) -> Vec<Vec<String>> {
    let info = statement.execute().await.unwrap();
    let batch = fetch(client.inner(), ticket(&info)).await.unwrap();
    assert_eq!(batch.schema().as_ref(), statement.dataset_schema().unwrap(), "one schema");
    text(&batch)
}

async fn start() -> (TestServer, FlightSqlServiceClient<Channel>) {
    let server = TestServer::start().await;
    let client = server.client().await;
    run(
        client.inner(),
        &["CREATE TABLE t (a BIGINT, b VARCHAR)", "INSERT INTO t VALUES (1, 'one'), (2, 'two')"],
    )
    .await;
    (server, client)
}

#[tokio::test]
async fn drivers_are_told_what_is_an_update() {
    let (_server, client) = start().await;
    for (text, is_update) in [
        ("SELECT * FROM t", true),
        ("SELECT ? + a FROM t", true),
        ("SHOW TABLES", true),
        ("INSERT INTO t VALUES (3, 'x')", false),
        ("DELETE FROM t WHERE a = ?", false),
        ("CREATE TABLE u (a BIGINT)", false),
        ("SET pareto.rewrite = off", false),
    ] {
        let created = create(&client, text).await;
        assert_eq!(created.is_update, Some(!is_update), "{text}");
        assert!(
            !created.dataset_schema.is_empty() && !created.parameter_schema.is_empty(),
            "{text}"
        );
    }
    assert_eq!(
        text(&sql(client.inner(), "SELECT count(*) FROM t").await.unwrap()),
        [["2"]],
        "preparing runs nothing"
    );
}

#[tokio::test]
async fn a_query_runs_with_what_is_bound() {
    let (_server, mut client) = start().await;
    let mut statement = client.prepare("SELECT b FROM t WHERE a = ?".into(), None).await.unwrap();
    assert_eq!(statement.parameter_schema().unwrap().fields().len(), 1);
    assert!(statement.parameter_schema().unwrap().field(0).is_nullable());
    for (value, expected) in [(1, "one"), (2, "two")] {
        statement.set_parameters(rows(vec![numbers([value])])).unwrap();
        assert_eq!(answer(&client, &mut statement).await, [[expected]]);
    }
    // Several rows: one run for each, in order.
    statement.set_parameters(rows(vec![numbers([2, 9, 1])])).unwrap();
    assert_eq!(answer(&client, &mut statement).await, [["two"], ["one"]]);
}

#[tokio::test]
async fn two_question_marks_are_two_parameters() {
    let (_server, mut client) = start().await;
    let mut statement = client
        .prepare("SELECT a FROM t WHERE a >= ? AND b <> ? ORDER BY a".into(), None)
        .await
        .unwrap();
    assert_eq!(statement.parameter_schema().unwrap().fields().len(), 2);
    statement
        .set_parameters(rows(vec![numbers([1]), Arc::new(StringArray::from(vec!["one"]))]))
        .unwrap();
    assert_eq!(answer(&client, &mut statement).await, [["2"]]);
}

#[tokio::test]
async fn an_update_runs_for_every_row_in_one_commit() {
    let (_server, mut client) = start().await;
    let mut insert = client.prepare("INSERT INTO t VALUES (?, ?)".into(), None).await.unwrap();
    let names: ArrayRef = Arc::new(StringArray::from_iter(
        (0..1_000).map(|n| (n % 10 != 0).then(|| format!("name {n}"))),
    ));
    insert.set_parameters(rows(vec![numbers(1_000..2_000), names])).unwrap();
    assert_eq!(insert.execute_update().await.unwrap(), 1_000);
    let counted =
        sql(client.inner(), "SELECT count(*), count(b), min(a), max(a) FROM t WHERE a >= 1000")
            .await
            .unwrap();
    assert_eq!(text(&counted), [["1000", "900", "1000", "1999"]]);
    let history = sql(client.inner(), "DESCRIBE HISTORY t").await.unwrap();
    assert_eq!(history.num_rows(), 3, "create, insert of two, insert of a thousand");

    let mut delete = client.prepare("DELETE FROM t WHERE a = $1".into(), None).await.unwrap();
    delete.set_parameters(rows(vec![numbers([1, 2, 1_000])])).unwrap();
    assert_eq!(delete.execute_update().await.unwrap(), 3);
}

#[tokio::test]
async fn a_bound_update_by_the_query_path_runs_once() {
    let (_server, mut client) = start().await;
    let mut insert = client.prepare("INSERT INTO t VALUES (?, ?)".into(), None).await.unwrap();
    insert
        .set_parameters(rows(vec![numbers([7]), Arc::new(StringArray::from(vec!["seven"]))]))
        .unwrap();
    let info = insert.execute().await.unwrap();
    assert_eq!(info.total_records, 1);
    fetch(client.inner(), ticket(&info)).await.unwrap();
    assert_eq!(
        text(&sql(client.inner(), "SELECT b FROM t WHERE a = 7").await.unwrap()),
        [["seven"]]
    );
}

#[tokio::test]
async fn wrong_parameters_are_refused_by_number() {
    let (_server, mut client) = start().await;
    let mut statement = client.prepare("SELECT b FROM t WHERE a = ?".into(), None).await.unwrap();
    let status = Status::from(statement.execute().await.unwrap_err());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("1 parameter and none was bound"), "{}", status.message());
    statement.set_parameters(rows(vec![numbers([1]), numbers([2])])).unwrap();
    let status = Status::from(statement.execute().await.unwrap_err());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("1 parameter and 2 were bound"), "{}", status.message());
    statement
        .set_parameters(rows(vec![Arc::new(StringArray::from(vec!["not a number"]))]))
        .unwrap();
    let status = match statement.execute().await {
        Ok(info) => fetch(client.inner(), ticket(&info)).await.unwrap_err(),
        Err(error) => Status::from(error),
    };
    assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
}

#[tokio::test]
async fn a_closed_statement_is_gone() {
    let (_server, mut client) = start().await;
    let created = create(&client, "SELECT a FROM t ORDER BY a").await;
    let query = CommandPreparedStatementQuery { prepared_statement_handle: created.handle };
    let batch = ask(client.inner(), command(&query)).await.unwrap();
    assert_eq!(text(&batch), [["1"], ["2"]]);
    let statement = client.prepare("SELECT 1".into(), None).await.unwrap();
    statement.close().await.unwrap();
    let forged =
        CommandPreparedStatementQuery { prepared_statement_handle: Bytes::from_static(&[1; 17]) };
    assert_eq!(ask(client.inner(), command(&forged)).await.unwrap_err().code(), Code::NotFound);
}

/// The types of a statement's result and of its parameters.
async fn types(
    client: &FlightSqlServiceClient<Channel>,
    text: &str,
) -> (Vec<DataType>, Vec<DataType>) {
    let created = create(client, text).await;
    let types = |bytes: Bytes| -> Vec<DataType> {
        let schema = Schema::try_from(IpcMessage(bytes)).unwrap();
        schema.fields().iter().map(|field| field.data_type().clone()).collect()
    };
    (types(created.dataset_schema), types(created.parameter_schema))
}

#[tokio::test]
async fn parameters_have_the_type_of_their_place() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let (_, parameters) = types(
        &client,
        "SELECT CAST(? AS INT), TRY_CAST(? AS DATE), upper(?) FROM generate_series(1, 9) LIMIT ? OFFSET ?",
    )
    .await;
    let expected =
        [DataType::Int32, DataType::Date32, DataType::Utf8, DataType::Int64, DataType::Int64];
    assert_eq!(parameters, expected);
}

#[tokio::test]
async fn java_gets_the_types_it_reads() {
    let server = TestServer::start().await;
    run(&server.raw().await, &["CREATE TABLE t (at TIMESTAMP)"]).await;
    let address = format!("http://{}", server.flight);
    let java =
        Endpoint::from_shared(address).unwrap().user_agent("grpc-java-netty/1.73.0").unwrap();
    let java = FlightSqlServiceClient::new(java.connect().await.unwrap());
    let question = "SELECT CAST(1 AS TINYINT UNSIGNED) AS a, CAST(1 AS INT UNSIGNED) AS b, \
        CAST(1 AS BIGINT UNSIGNED) AS c FROM t WHERE at = ?";
    let (result, parameters) = types(&java, question).await;
    assert_eq!(result, [DataType::Int16, DataType::Int64, DataType::UInt64]);
    assert_eq!(parameters, [DataType::Timestamp(TimeUnit::Millisecond, None)]);
    let (result, parameters) = types(&server.client().await, question).await;
    assert_eq!(result, [DataType::UInt8, DataType::UInt32, DataType::UInt64]);
    assert_eq!(parameters, [DataType::Timestamp(TimeUnit::Microsecond, None)]);
}
