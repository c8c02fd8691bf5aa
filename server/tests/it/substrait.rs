//! Substrait plans: by every call, prepared, and bounded.

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionCreatePreparedSubstraitPlanRequest, Any, DoPutUpdateResult, ProstMessageExt,
};
use arrow_flight::{Action, FlightData, FlightDescriptor, IpcMessage, Ticket};
use bytes::Bytes;
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{TestServer, announced, ask, fetch, run, sql, text, ticket};
use crate::plans::{carried, insert, kept, message, number, plan, read, substrait};

async fn start() -> (TestServer, FlightServiceClient<Channel>) {
    let server = TestServer::start().await;
    let client = server.raw().await;
    let statements = [
        "CREATE TABLE channel (channel_id INT NOT NULL, name VARCHAR)",
        "INSERT INTO channel VALUES (1, 'store'), (2, 'web')",
        "CREATE TABLE notes (id BIGINT NOT NULL, text VARCHAR, amount DECIMAL(10, 2))",
    ];
    run(&client, &statements).await;
    (server, client)
}

/// DoPut of a command; the count it answers.
async fn put(
    client: &FlightServiceClient<Channel>,
    descriptor: FlightDescriptor,
) -> Result<i64, Status> {
    let first = FlightData { flight_descriptor: Some(descriptor), ..FlightData::default() };
    let mut client = client.clone();
    let answer = client.do_put(futures::stream::iter([first])).await?;
    let result = answer.into_inner().message().await?.unwrap();
    Ok(DoPutUpdateResult::decode(result.app_metadata).unwrap().record_count)
}

#[tokio::test]
async fn a_plan_travels_by_every_call() {
    let (_server, client) = start().await;
    let query = carried(kept("query: columns in another order"));
    let expected = [["store", "1"], ["web", "2"]];
    // GetSchema, GetFlightInfo and the stream have one schema.
    let answer = ask(&client, query.clone()).await.unwrap();
    assert_eq!(text(&answer), expected);
    let poll = client.clone().poll_flight_info(query.clone()).await.unwrap().into_inner();
    let info = poll.info.unwrap();
    assert_eq!(announced(&info).field(0).name(), "name");
    assert_eq!(text(&fetch(&client, ticket(&info)).await.unwrap()), expected);
    // As with SQL, a plan is no ticket.
    let status = fetch(&client, Ticket::new(query.cmd)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    let write = carried(kept("write: insert"));
    assert_eq!(put(&client, write.clone()).await.unwrap(), 3);
    let info = client.clone().get_flight_info(write).await.unwrap().into_inner();
    assert_eq!(info.total_records, 3);
    let count = sql(&client, "SELECT count(*) FROM notes").await.unwrap();
    assert_eq!(text(&count), [["6"]]);
}

/// The result of CreatePreparedStatement with the field that the crate's own message lacks.
#[derive(Clone, PartialEq, Message)]
struct Created {
    #[prost(bytes = "bytes", tag = "2")]
    dataset_schema: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    parameter_schema: Bytes,
    #[prost(bool, optional, tag = "4")]
    is_update: Option<bool>,
}

#[tokio::test]
async fn a_prepared_plan_says_what_it_is() {
    let (_server, client) = start().await;
    let check = async |plan: &str, columns: &[&str], parameters: &[&str], is_update: bool| {
        let request = ActionCreatePreparedSubstraitPlanRequest {
            plan: Some(substrait(kept(plan))),
            transaction_id: None,
        };
        let action = Action::new("CreatePreparedSubstraitPlan", request.as_any().encode_to_vec());
        let mut results = client.clone().do_action(action).await.unwrap().into_inner();
        let any = Any::decode(results.message().await.unwrap().unwrap().body).unwrap();
        let created = Created::decode(any.value).unwrap();
        let names = |schema: Bytes| {
            let schema = arrow::datatypes::Schema::try_from(IpcMessage(schema)).unwrap();
            schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(created.dataset_schema), columns, "{plan}");
        assert_eq!(names(created.parameter_schema), parameters, "{plan}");
        assert_eq!(created.is_update, Some(is_update), "{plan}");
    };
    check("query: columns in another order", &["name", "channel_id"], &[], false).await;
    check("write: insert", &[], &[], true).await;
    check("write: insert of parameters", &[], &["$1", "$2"], true).await;
    check("write: delete of a parameter", &[], &["$1"], true).await;
}

#[tokio::test]
async fn plans_are_bounded() {
    let (_server, client) = start().await;
    let check = async |relations: Vec<u8>, expected: &str| {
        let status = ask(&client, carried(relations)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
        assert!(status.message().contains(expected), "{}", status.message());
    };
    // FilterRel over FilterRel over ..
    let mut deep = read("channel");
    for _ in 0..5_000 {
        deep = message(2, &message(2, &deep));
    }
    check(plan(&deep), "nested too deeply").await;
    // A cast of a cast of ..
    let cast_to_bool = message(1, &message(1, &[]));
    let mut cast = message(1, &number(1, 1));
    for _ in 0..5_000 {
        cast = message(11, &[cast_to_bool.clone(), message(2, &cast)].concat());
    }
    let filter = message(2, &[message(2, &read("channel")), message(3, &cast)].concat());
    check(plan(&filter), "nested too deeply").await;
    // Each relation of the plan is the one before it, joined with itself.
    let mut relations = message(3, &message(1, &read("channel")));
    for place in 0..30 {
        let before = message(21, &number(1, place));
        let cross = message(12, &[message(2, &before), message(3, &before)].concat());
        relations.extend(message(3, &message(1, &cross)));
    }
    check(relations, "too many relations").await;
    let itself = message(3, &message(1, &message(21, &number(1, 0))));
    check(itself, "nested too deeply").await;
    for garbage in [vec![], vec![0xff; 40], b"SELECT 1".to_vec()] {
        check(garbage, "").await;
    }
    // What fits still runs.
    let mut rows = read("channel");
    for _ in 0..90 {
        rows = message(2, &[message(2, &rows), message(3, &message(1, &number(1, 1)))].concat());
    }
    assert_eq!(ask(&client, carried(plan(&rows))).await.unwrap().num_rows(), 2);
    assert_eq!(put(&client, carried(plan(&insert("channel", &read("channel"))))).await.unwrap(), 2);
}
