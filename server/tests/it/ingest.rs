//! Rows in bulk: every mode, one commit, nothing half done.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::{Int32Type, Schema};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use futures::stream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{TestServer, run, sql, text};

fn command(
    table: &str,
    missing: TableNotExistOption,
    exists: TableExistsOption,
) -> CommandStatementIngest {
    CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: missing.into(),
            if_exists: exists.into(),
        }),
        table: table.to_owned(),
        schema: None,
        catalog: None,
        temporary: false,
        transaction_id: None,
        options: std::collections::HashMap::new(),
    }
}

fn batch(range: std::ops::Range<i64>) -> RecordBatch {
    let names: StringViewArray =
        range.clone().map(|n| (n % 3 != 0).then(|| format!("name {n}"))).collect();
    let kinds: DictionaryArray<Int32Type> =
        range.clone().map(|n| if n % 2 == 0 { "even" } else { "odd" }).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(range))),
        ("name", Arc::new(names)),
        ("kind", Arc::new(kinds)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .unwrap()
}

async fn ingest(
    client: &mut FlightSqlServiceClient<Channel>,
    command: CommandStatementIngest,
    batches: Vec<RecordBatch>,
) -> Result<i64, Status> {
    client
        .execute_ingest(command, stream::iter(batches.into_iter().map(Ok::<_, FlightError>)))
        .await
        .map_err(Status::from)
}

#[tokio::test]
async fn modes() {
    use TableExistsOption as Exists;
    use TableNotExistOption as Missing;
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let raw = client.inner().clone();
    let count = || async {
        text(&sql(&raw, "SELECT count(*), count(name), count(DISTINCT kind) FROM t").await.unwrap())
    };

    let append = command("t", Missing::Fail, Exists::Append);
    let status = ingest(&mut client, append.clone(), vec![batch(0..3)]).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{}", status.message());
    let create = command("t", Missing::Create, Exists::Fail);
    assert_eq!(
        ingest(&mut client, create.clone(), vec![batch(0..30), batch(30..90)]).await.unwrap(),
        90
    );
    assert_eq!(count().await, [["90", "60", "2"]]);
    let status = ingest(&mut client, create, vec![batch(0..3)]).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{}", status.message());
    assert_eq!(ingest(&mut client, append, vec![batch(90..99)]).await.unwrap(), 9);
    assert_eq!(count().await, [["99", "66", "2"]]);
    let replace = command("t", Missing::Create, Exists::Replace);
    assert_eq!(ingest(&mut client, replace, vec![batch(0..3)]).await.unwrap(), 3);
    assert_eq!(count().await, [["3", "2", "2"]]);
}

#[tokio::test]
async fn columns_go_by_name_and_names_may_be_anything() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let raw = client.inner().clone();
    run(
        &raw,
        &[
            "CREATE SCHEMA crm",
            "CREATE TABLE crm.\"Odd 'name\" (a BIGINT, \"B b\" VARCHAR, c BIGINT)",
        ],
    )
    .await;
    let columns: [(&str, ArrayRef); 2] = [
        ("B b", Arc::new(StringArray::from(vec!["x"]))),
        ("a", Arc::new(Int64Array::from(vec![7]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut append = command("Odd 'name", TableNotExistOption::Fail, TableExistsOption::Append);
    append.schema = Some("crm".to_owned());
    assert_eq!(ingest(&mut client, append, vec![batch]).await.unwrap(), 1);
    assert_eq!(
        text(&sql(&raw, "SELECT * FROM crm.\"Odd 'name\"").await.unwrap()),
        [["7", "x", "-"]]
    );
}

#[tokio::test]
async fn what_does_not_fit_changes_nothing() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let raw = client.inner().clone();
    run(&raw, &["CREATE TABLE t (id BIGINT)"]).await;
    let append = command("t", TableNotExistOption::Fail, TableExistsOption::Append);
    let status = ingest(&mut client, append.clone(), vec![batch(0..3)]).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::InvalidArgument | Code::NotFound),
        "{}",
        status.message()
    );
    assert!(status.message().contains("name"), "{}", status.message());
    // The client breaks off in the middle.
    let broken = stream::iter([Ok(batch(0..3)), Err(FlightError::protocol("the client gives up"))]);
    let create = command("fresh", TableNotExistOption::Create, TableExistsOption::Fail);
    assert!(client.execute_ingest(create, broken).await.is_err());
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let status = ingest(&mut client, append, vec![nothing]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
    assert_eq!(text(&sql(&raw, "SELECT count(*) FROM t").await.unwrap()), [["0"]]);
}
