//! Who gets in, as whom, and for how long: passwords, tokens, revocation, other people's handles, and metadata that
//! shows nobody what is not theirs.

use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
    CommandGetDbSchemas, CommandGetPrimaryKeys, CommandGetTables, CommandPreparedStatementQuery,
    ProstMessageExt,
};
use arrow_flight::{Action, BasicAuth, FlightDescriptor, FlightInfo, HandshakeRequest, Ticket};
use futures::stream;
use pareto_engine::{ErrorKind, Outcome};
use pareto_server::remote::{Credentials, Remote, Secret};
use pareto_server::security::Security;
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::harness::{TestServer, command, fetch, query, text, ticket};
use crate::plans::{self, carried, plan};

const PASSWORD: &str = "correct horse battery";

/// A warehouse of root (administrator) and ada, who may read `orders` and nothing of `hidden`.
async fn guarded(security: Security) -> TestServer {
    let server = TestServer::secured(security).await;
    let user = |name: &str| format!("CREATE USER {name} PASSWORD '{PASSWORD}'");
    server
        .owner(&[
            &user("root"),
            &user("ada"),
            "CREATE TABLE orders (a BIGINT PRIMARY KEY)",
            "CREATE TABLE hidden (a BIGINT PRIMARY KEY)",
            "CREATE SCHEMA secrets",
            "CREATE TABLE secrets.salary (a BIGINT)",
            "INSERT INTO orders VALUES (1), (2)",
            "GRANT SELECT ON orders TO ada",
        ])
        .await;
    server
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {both}")
}

fn with<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    request
}

/// The `authorization` header of a handshake's answer.
async fn log_in(server: &TestServer, user: &str, password: &str) -> Result<String, Status> {
    let hello = stream::iter([HandshakeRequest::default()]);
    let answer = server.raw().await.handshake(with(&basic(user, password), hello)).await?;
    Ok(answer.metadata().get("authorization").unwrap().to_str().unwrap().to_owned())
}

/// The rows of a query sent with an `authorization` header.
async fn ask(
    client: &FlightServiceClient<Channel>,
    authorization: &str,
    descriptor: FlightDescriptor,
) -> Result<Vec<Vec<String>>, Status> {
    let mut client = client.clone();
    let info = client.get_flight_info(with(authorization, descriptor)).await?.into_inner();
    rows(&client, authorization, ticket(&info)).await
}

async fn rows(
    client: &FlightServiceClient<Channel>,
    authorization: &str,
    ticket: Ticket,
) -> Result<Vec<Vec<String>>, Status> {
    use futures::TryStreamExt;
    let mut client = client.clone().max_decoding_message_size(usize::MAX);
    let messages = client.do_get(with(authorization, ticket)).await?.into_inner();
    let stream = arrow_flight::decode::FlightRecordBatchStream::new_from_flight_data(
        messages.map_err(arrow_flight::error::FlightError::from),
    );
    let batches: Vec<_> = stream.try_collect().await.map_err(Status::from)?;
    Ok(batches.iter().flat_map(text).collect())
}

async fn refused(server: &TestServer, authorization: &str, sql: &str) -> Status {
    ask(&server.raw().await, authorization, query(sql)).await.unwrap_err()
}

#[tokio::test]
async fn a_password_gets_a_token_and_a_token_gets_in() {
    let server = guarded(Security::default()).await;
    let token = log_in(&server, "ada", PASSWORD).await.unwrap();
    let client = server.raw().await;
    assert_eq!(ask(&client, &token, query("SELECT current_user")).await.unwrap(), [["ada"]]);
    // The same session on every connection.
    ask(&client, &token, query("SET pareto.rewrite = off")).await.unwrap();
    let shown = ask(&server.raw().await, &token, query("SHOW pareto.rewrite")).await.unwrap();
    assert_eq!(shown[0][1], "off");
    // The password itself on any call, and the older kind of handshake.
    let header = basic("ada", PASSWORD);
    assert_eq!(ask(&client, &header, query("SELECT count(*) FROM orders")).await.unwrap(), [["2"]]);
    let auth = BasicAuth { username: "ada".to_owned(), password: PASSWORD.to_owned() };
    let hello = HandshakeRequest { payload: auth.encode_to_vec().into(), ..Default::default() };
    let answer = server.raw().await.handshake(stream::iter([hello])).await.unwrap();
    assert!(answer.metadata().get("authorization").is_some());
}

#[tokio::test]
async fn nobody_gets_in_without_proof() {
    let server = guarded(Security::default()).await;
    for (user, password) in [("ada", "wrong"), ("ada", ""), ("nobody", PASSWORD), ("admin", "")] {
        let status = log_in(&server, user, password).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{user}");
        assert!(status.message().contains("the user name or the password is wrong"), "{status}");
        let status = refused(&server, &basic(user, password), "SELECT 1").await;
        assert_eq!(status.code(), Code::Unauthenticated, "{user}");
    }
    let mut client = server.raw().await;
    let status = client.get_flight_info(query("SELECT 1")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let hello = stream::iter([HandshakeRequest::default()]);
    assert_eq!(client.handshake(hello).await.unwrap_err().code(), Code::Unauthenticated);
    let ping = Action::new("pareto.Ping", vec![]);
    assert_eq!(client.do_action(ping).await.unwrap_err().code(), Code::Unauthenticated);
    let token = log_in(&server, "ada", PASSWORD).await.unwrap();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    for header in ["Bearer p1.", "Bearer eyJhbGciOiJub25lIn0.e30.", &forged] {
        assert_eq!(refused(&server, header, "SELECT 1").await.code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = guarded(Security::default()).await;
    for _ in 0..5 {
        log_in(&server, "ada", "guess").await.unwrap_err();
    }
    let status = log_in(&server, "ada", PASSWORD).await.unwrap_err();
    assert!(status.message().contains("too many failed logins"), "{status}");
    assert!(log_in(&server, "root", PASSWORD).await.is_ok(), "others are not held up");
}

#[tokio::test]
async fn revocation_bites_at_the_next_statement() {
    let server = guarded(Security::default()).await;
    let (token, client) = (log_in(&server, "ada", PASSWORD).await.unwrap(), server.raw().await);
    let read = || query("SELECT count(*) FROM orders");
    ask(&client, &token, read()).await.unwrap();
    // A prepared statement and a ticket from before.
    let request = ActionCreatePreparedStatementRequest {
        query: "SELECT count(*) FROM orders".to_owned(),
        transaction_id: None,
    };
    let action = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
    let answer = client.clone().do_action(with(&token, action)).await.unwrap();
    let body = answer.into_inner().message().await.unwrap().unwrap().body;
    let any = Any::decode(body).unwrap();
    let created = ActionCreatePreparedStatementResult::decode(any.value).unwrap();
    let handle = created.prepared_statement_handle;
    let prepared =
        || command(&CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() });
    let info = client.clone().get_flight_info(with(&token, read())).await.unwrap().into_inner();
    assert_eq!(ask(&client, &token, prepared()).await.unwrap(), [["2"]]);

    server.owner(&["REVOKE SELECT ON orders FROM ada"]).await;
    let gone = ask(&client, &token, read()).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound, "{gone}");
    assert_eq!(ask(&client, &token, prepared()).await.unwrap_err().code(), Code::NotFound);
    let status = rows(&client, &token, ticket(&info)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");

    server.owner(&["GRANT SELECT ON orders TO ada"]).await;
    ask(&client, &token, prepared()).await.unwrap();
    let header = basic("ada", PASSWORD);
    ask(&client, &header, read()).await.unwrap();
    server.owner(&["ALTER USER ada PASSWORD 'staple of the battery'"]).await;
    for header in [&token, &header] {
        let status = ask(&client, header, read()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    }
    let token = log_in(&server, "ada", "staple of the battery").await.unwrap();
    ask(&client, &token, read()).await.unwrap();
    server.owner(&["DROP USER ada", &format!("CREATE USER ada PASSWORD '{PASSWORD}'")]).await;
    let status = ask(&client, &token, read()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "another ada: {status}");
}

#[tokio::test]
async fn revocation_ends_a_query_that_is_running() {
    let server = guarded(Security::default()).await;
    for (revoke, code) in [
        ("REVOKE SELECT ON orders FROM ada", Code::PermissionDenied),
        ("DROP USER ada", Code::Unauthenticated),
    ] {
        server.owner(&["GRANT SELECT ON orders TO ada"]).await;
        let (token, mut client) =
            (log_in(&server, "ada", PASSWORD).await.unwrap(), server.raw().await);
        let endless = "SELECT a, value FROM orders, generate_series(1, 1000000000000)";
        let info = client.get_flight_info(with(&token, query(endless))).await.unwrap().into_inner();
        let mut messages = client.do_get(with(&token, ticket(&info))).await.unwrap().into_inner();
        messages.message().await.unwrap().unwrap();
        server.owner(&[revoke]).await;
        let end = loop {
            match messages.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended as if it were complete"),
                Err(status) => break status,
            }
        };
        assert_eq!(end.code(), code, "{end}");
    }
}

#[tokio::test]
async fn revocation_ends_a_part_that_is_running() {
    let server = guarded(Security::default()).await;
    let rows = "SELECT value AS a FROM generate_series(1, 400000)";
    let (create, insert) =
        (format!("CREATE TABLE wide AS {rows}"), format!("INSERT INTO wide {rows}"));
    server.owner(&[&create, &insert, "GRANT SELECT ON wide TO ada"]).await;
    let (token, mut client) = (log_in(&server, "ada", PASSWORD).await.unwrap(), server.raw().await);
    let set = query("SET pareto.parallel_endpoints = 2");
    client.get_flight_info(with(&token, set)).await.unwrap();
    // 200 MB, more than may be on its way.
    let select = query("SELECT a, repeat('x', 500) AS filler FROM wide");
    let info = client.get_flight_info(with(&token, select)).await.unwrap().into_inner();
    assert_eq!(info.endpoint.len(), 2);
    let part = info.endpoint[1].ticket.clone().unwrap();
    let mut messages = client.do_get(with(&token, part)).await.unwrap().into_inner();
    messages.message().await.unwrap().unwrap();
    server.owner(&["REVOKE SELECT ON wide FROM ada"]).await;
    let end = loop {
        match messages.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the part ended as if it were complete"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::PermissionDenied, "{end}");
}

#[tokio::test]
async fn an_open_warehouse_closes_with_its_first_user() {
    let server = TestServer::start().await;
    let mut client = server.raw().await;
    let info = client.get_flight_info(query("SELECT 1")).await.unwrap().into_inner();
    fetch(&client, ticket(&info)).await.unwrap();
    let create = format!("CREATE USER root PASSWORD '{PASSWORD}'");
    client.get_flight_info(query(&create)).await.unwrap();
    let status = client.get_flight_info(query("SELECT 1")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let token = log_in(&server, "root", PASSWORD).await.unwrap();
    ask(&client, &token, query("CREATE SCHEMA crm")).await.unwrap();
}

#[tokio::test]
async fn what_one_may_not_see_is_not_there() {
    let server = guarded(Security::default()).await;
    let (token, client) = (log_in(&server, "ada", PASSWORD).await.unwrap(), server.raw().await);
    let tables = CommandGetTables {
        include_schema: true,
        table_types: vec!["TABLE".to_owned(), "BASE TABLE".to_owned()],
        ..Default::default()
    };
    let names: Vec<String> = ask(&client, &token, command(&tables))
        .await
        .unwrap()
        .iter()
        .map(|row| row[2].clone())
        .collect();
    assert_eq!(names, ["orders"]);
    let schemas = ask(&client, &token, command(&CommandGetDbSchemas::default())).await.unwrap();
    assert!(!schemas.iter().any(|row| row[1] == "secrets"), "{schemas:?}");
    let keys = |table: &str| {
        command(&CommandGetPrimaryKeys {
            catalog: None,
            db_schema: Some("public".to_owned()),
            table: table.to_owned(),
        })
    };
    assert_eq!(ask(&client, &token, keys("orders")).await.unwrap().len(), 1);
    assert!(ask(&client, &token, keys("hidden")).await.unwrap().is_empty());
    let read = query("SELECT * FROM hidden");
    let unknown = ask(&client, &token, read).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let denied = ask(&client, &token, query("INSERT INTO orders VALUES (3)")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert!(denied.message().contains("GRANT INSERT ON public.orders TO ada"), "{denied}");
    // A plan sees and may do what SQL sees and may do.
    let orders = carried(plan(&plans::read("orders")));
    assert_eq!(ask(&client, &token, orders).await.unwrap().len(), 2);
    let hidden = carried(plan(&plans::read("hidden")));
    assert_eq!(ask(&client, &token, hidden).await.unwrap_err().code(), Code::NotFound);
    let write = carried(plan(&plans::insert("orders", &plans::read("orders"))));
    assert_eq!(ask(&client, &token, write).await.unwrap_err().code(), Code::PermissionDenied);
    let files = ask(&client, &token, query("SELECT * FROM read_csv('/etc/passwd')")).await;
    assert_eq!(files.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn handles_are_worth_nothing_to_others() {
    let server = guarded(Security::default()).await;
    let client = server.raw().await;
    let ada = log_in(&server, "ada", PASSWORD).await.unwrap();
    let root = log_in(&server, "root", PASSWORD).await.unwrap();
    let info: FlightInfo = client
        .clone()
        .get_flight_info(with(&root, query("SELECT * FROM hidden")))
        .await
        .unwrap()
        .into_inner();
    let stolen = rows(&client, &ada, ticket(&info)).await.unwrap_err();
    assert_eq!(stolen.code(), Code::NotFound, "{stolen}");
    assert!(rows(&client, &root, ticket(&info)).await.unwrap().is_empty());
    // A cookie says which session, and proves nothing.
    let mut body = Vec::new();
    arrow_flight::Empty {}.encode(&mut body).unwrap();
    let options = Action::new("SetSessionOptions", body);
    let header = basic("root", PASSWORD);
    let answer = client.clone().do_action(with(&header, options)).await.unwrap();
    let cookie = answer.metadata().get("set-cookie").unwrap().to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let mut request = Request::new(query("SELECT 1"));
    request.metadata_mut().insert("cookie", cookie.parse().unwrap());
    let status = server.raw().await.get_flight_info(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut request = with(&ada, query("SELECT current_user"));
    request.metadata_mut().insert("cookie", cookie.parse().unwrap());
    let info = server.raw().await.get_flight_info(request).await.unwrap().into_inner();
    assert_eq!(rows(&client, &ada, ticket(&info)).await.unwrap(), [["ada"]]);
}

#[tokio::test]
async fn tokens_end_are_renewed_and_outlive_a_server_that_shares_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("token.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let short = Security {
        token_key: Some(key.clone()),
        token_lifetime: Some(Duration::from_secs(6)),
        ..Security::default()
    };
    let server = guarded(short).await;
    let token = log_in(&server, "ada", PASSWORD).await.unwrap();
    let mut client = server.raw().await;
    tokio::time::sleep(Duration::from_millis(4_200)).await;
    // More than half its time is over: a newer one comes with the answer.
    let answer = client.get_flight_info(with(&token, query("SELECT 1"))).await.unwrap();
    let renewed = answer.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
    assert_ne!(renewed, token);
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    let status = refused(&server, &token, "SELECT 1").await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("expired"), "{status}");
    ask(&client, &renewed, query("SELECT 1")).await.unwrap();
    // Ada's stamp is of her own warehouse: a token of another one's ada is worth nothing, whoever signed it.
    let other = guarded(Security { token_key: Some(key), ..Security::default() }).await;
    let token = log_in(&server, "ada", PASSWORD).await.unwrap();
    assert_eq!(refused(&other, &token, "SELECT 1").await.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn our_own_client_logs_in() {
    let server = guarded(Security::default()).await;
    let url = format!("grpc://{}", server.flight);
    let secret = |text: &str| Some(Secret::from(text.to_owned()));
    let ada = |password: &str| Credentials {
        user: Some("ada".to_owned()),
        password: secret(password),
        ..Credentials::default()
    };
    let remote = Remote::connect(&url, &ada(PASSWORD)).await.unwrap();
    assert!(matches!(remote.execute("SELECT * FROM orders").await.unwrap(), Outcome::Rows(_)));
    let Err(error) = remote.execute("DROP TABLE orders").await else { panic!("ada may not") };
    assert_eq!(error.kind, ErrorKind::Denied);
    let Err(error) = Remote::connect(&url, &ada("wrong")).await else { panic!("wrong") };
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    let header = log_in(&server, "ada", PASSWORD).await.unwrap();
    let token = secret(header.strip_prefix("Bearer ").unwrap());
    let remote =
        Remote::connect(&url, &Credentials { token, ..Credentials::default() }).await.unwrap();
    assert!(matches!(remote.execute("SELECT * FROM orders").await.unwrap(), Outcome::Rows(_)));
    let remote = Remote::connect(&url, &Credentials::default()).await.unwrap();
    let Err(error) = remote.execute("SELECT 1").await else { panic!("nobody") };
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn uploads_need_the_right_to_insert_and_none_to_files() {
    use arrow::array::{Int64Array, RecordBatch};
    use arrow_flight::sql::client::FlightSqlServiceClient;
    use arrow_flight::sql::{CommandStatementIngest, TableDefinitionOptions, TableExistsOption};
    use std::sync::Arc;
    let server = guarded(Security::default()).await;
    let mut client = FlightSqlServiceClient::new(server.channel().await);
    client.handshake("ada", PASSWORD).await.unwrap();
    let values: Arc<dyn arrow::array::Array> = Arc::new(Int64Array::from(vec![3, 4]));
    let batch = RecordBatch::try_from_iter([("a", values)]).unwrap();
    let append = || CommandStatementIngest {
        table: "orders".to_owned(),
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: 2,
            if_exists: TableExistsOption::Append.into(),
        }),
        ..Default::default()
    };
    let batches = || stream::iter([Ok(batch.clone())]);
    let refused = client.execute_ingest(append(), batches()).await;
    assert!(format!("{:?}", refused.unwrap_err()).contains("lacks INSERT"));
    server.owner(&["GRANT INSERT ON orders TO ada"]).await;
    assert_eq!(client.execute_ingest(append(), batches()).await.unwrap(), 2);
}

#[tokio::test]
async fn the_time_of_a_refused_login_tells_nobody_whether_the_user_exists() {
    let server = guarded(Security::default()).await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does happens to both.
    for _ in 0..21 {
        known.push(server.refused_login("ada").await);
        unknown.push(server.refused_login("nobody").await);
    }
    known.sort();
    unknown.sort();
    let (known, unknown) = (known[10].as_secs_f64(), unknown[10].as_secs_f64());
    // A login without a hash to check takes a thousandth of one with it.
    assert!((0.5..2.0).contains(&(known / unknown)), "{known} s and {unknown} s");
}

#[tokio::test]
async fn a_token_from_basic_auth_names_its_user_in_a_header_of_its_own() {
    let server = guarded(Security::default()).await;
    let mut client = server.raw().await;
    let auth = BasicAuth { username: "ada".to_owned(), password: PASSWORD.to_owned() };
    let hello = HandshakeRequest { protocol_version: 0, payload: auth.encode_to_vec().into() };
    let answers = client.handshake(stream::iter([hello])).await.unwrap();
    let token = answers.into_inner().message().await.unwrap().unwrap().payload;
    let with_token = |token: &[u8]| {
        let mut request = Request::new(query("SELECT count(*) FROM orders"));
        let value = MetadataValue::from_bytes(token);
        request.metadata_mut().insert_bin("auth-token-bin", value);
        request
    };
    client.get_flight_info(with_token(&token)).await.unwrap();
    for wrong in [&b""[..], b"p1.nonsense", b"ada"] {
        let refused = client.get_flight_info(with_token(wrong)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_revoked_right_closes_tickets_in_parts_too() {
    let server = guarded(Security::default()).await;
    server.owner(&["INSERT INTO orders VALUES (3)", "INSERT INTO orders VALUES (4)"]).await;
    let header = log_in(&server, "ada", PASSWORD).await.unwrap();
    let mut client = server.raw().await;
    let set = query("SET pareto.parallel_endpoints = 2");
    client.get_flight_info(with(&header, set)).await.unwrap();
    let select = query("SELECT a FROM orders");
    let info = client.get_flight_info(with(&header, select)).await.unwrap().into_inner();
    assert_eq!(info.endpoint.len(), 2);
    let ticket = info.endpoint[1].ticket.clone().unwrap();
    client.do_get(with(&header, ticket.clone())).await.unwrap();
    server.owner(&["REVOKE SELECT ON orders FROM ada"]).await;
    let refused = client.do_get(with(&header, ticket)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{}", refused.message());
}
