//! An interpreter between the integration scenarios of Apache Arrow Flight and a Pareto server.
//!
//! The scenarios' clients (of Go, C++ ..) speak the protocol correctly and a vocabulary of their own: `SELECT STATEMENT` is
//! no SQL. This program stands before a real server and replaces words, never answers:
//!
//! ```text
//! client ──"UPDATE STATEMENT"──> interpreter ──"UPDATE rows_10000 SET id = id"──> pareto serve
//!        <────────────── 10000, as Pareto counted it ───────────────
//! ```
//!
//! Every schema, ticket, count, code and moment is Pareto's own. Put in on the way back is what has another name there:
//!
//! * the scenario's column is described with values no server has (`type_test`, precision 100), so they take the place of
//!   Pareto's, and only where Pareto described the column itself;
//! * options have the scenario's names and types, and those at their defaults are left out (`session_options.rs`);
//! * actions that the scenario has no word for are left out of the list;
//! * an endpoint without a location is one of the connection that is there, and the scenario `location:reuse_connection`
//!   wants that spelled out: the protocol has two ways to say it;
//! * the header `x-middleware` comes back as it went: the interpreter is the middleware.
//!
//! Of the ingestion, a temporary table and a transaction that nobody has begun are taken out; of nothing else. Who
//! calls, and by which session, goes through in both directions.
//!
//! ```sh
//! scenarios grpc://127.0.0.1:31337           # prints the port it listens on
//! scenarios grpc://127.0.0.1:31337 guarded   # the server has users, so nothing is set up
//! ```

mod session_options;

use std::error::Error;
use std::future::ready;
use std::pin::Pin;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, Any, Command, CommandStatementIngest,
    CommandStatementQuery, ProstMessageExt,
};
use arrow_flight::{
    Action, ActionType, BasicAuth, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, IpcMessage, Location, PollInfo, PutResult, SchemaAsIpc,
    SchemaResult, Ticket,
};
use futures::{Stream, StreamExt, TryStreamExt};
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

/// What the scenarios' words stand on.
const SETUP: [&str; 12] = [
    "CREATE SCHEMA test_schema",
    "CREATE TABLE one (id BIGINT)",
    "CREATE TABLE rows_10000 AS SELECT value AS id FROM generate_series(1, 10000)",
    "CREATE TABLE rows_20000 AS SELECT value AS id FROM generate_series(1, 20000)",
    "INSERT INTO one VALUES (1)",
    "CREATE TABLE ones (number INTEGER)",
    "CREATE TABLE tens (number INTEGER)",
    "CREATE TABLE hundreds (number INTEGER)",
    "INSERT INTO ones VALUES (1), (2), (3)",
    "INSERT INTO tens VALUES (10), (20), (30)",
    "INSERT INTO hundreds VALUES (100), (200), (300)",
    "SET pareto.parallel_endpoints = 3",
];

/// The words, and the SQL they are replaced with.
const VOCABULARY: [(&str, &str); 9] = [
    ("SELECT STATEMENT", "SELECT id FROM one"),
    ("UPDATE STATEMENT", "UPDATE rows_10000 SET id = id"),
    ("SELECT PREPARED STATEMENT", "SELECT CAST($1 AS BIGINT) AS id"),
    ("UPDATE PREPARED STATEMENT", "UPDATE rows_20000 SET id = id"),
    ("expiration_time", "SELECT id FROM rows_10000"),
    (
        "ordered",
        "SELECT number FROM ones UNION ALL SELECT number FROM tens UNION ALL SELECT number FROM hundreds",
    ),
    ("reuse", "SELECT id FROM one"),
    ("success", "SELECT id FROM one"),
    (
        "heavy query",
        "SELECT count(*) FROM rows_20000 a, rows_10000 b WHERE (a.id * b.id) % 7 = 3 OR a.id % 11 = b.id % 13",
    ),
];

/// The actions that the scenarios count.
const ACTIONS: [&str; 2] = ["CancelFlightInfo", "RenewFlightEndpoint"];

/// The scenarios' password, and the one in its place: Pareto refuses passwords as short as theirs.
const PASSWORDS: (&str, &str) = ("flight", "arrow and flight");

/// How the protocol spells out that there is no other location.
const SAME_CONNECTION: &str = "arrow-flight-reuse-connection://?";

/// How the scenarios describe the column `id`.
const DESCRIPTION: [(&str, &str); 9] = [
    ("TABLE_NAME", "test"),
    ("IS_AUTO_INCREMENT", "1"),
    ("IS_CASE_SENSITIVE", "0"),
    ("TYPE_NAME", "type_test"),
    ("SCHEMA_NAME", "schema_test"),
    ("IS_SEARCHABLE", "1"),
    ("CATALOG_NAME", "catalog_test"),
    ("PRECISION", "100"),
    ("REMARKS", "test column"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("which server? grpc://HOST:PORT")?;
    let channel =
        Endpoint::from_shared(address.replacen("grpc://", "http://", 1))?.connect().await?;
    let mut client = FlightSqlServiceClient::new(channel.clone());
    let guarded = std::env::args().nth(2).is_some_and(|word| word == "guarded");
    for statement in SETUP.into_iter().filter(|_| !guarded) {
        client.execute_update(statement.to_owned(), None).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    #[expect(clippy::print_stdout, reason = "who started it waits for the port")]
    {
        println!("{}", listener.local_addr()?.port());
    }
    let interpreter = Interpreter(FlightServiceClient::new(channel));
    Server::builder()
        .add_service(FlightServiceServer::new(interpreter))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

/// The SQL behind a word; anything else is left as it is.
fn translate(text: &str) -> String {
    let found = VOCABULARY.iter().find(|(word, _)| *word == text);
    found.map_or(text, |(_, sql)| *sql).to_owned()
}

fn translate_descriptor(mut descriptor: FlightDescriptor) -> Result<FlightDescriptor, Status> {
    let bare = std::str::from_utf8(&descriptor.cmd).ok();
    let word = bare.filter(|bare| VOCABULARY.iter().any(|(word, _)| word == bare));
    let command = if let Some(word) = word {
        CommandStatementQuery { query: translate(word), transaction_id: None }.as_any()
    } else {
        let any = Any::decode(descriptor.cmd.clone());
        match any.ok().and_then(|any| Command::try_from(any).ok()) {
            Some(Command::CommandStatementQuery(mut command)) => {
                command.query = translate(&command.query);
                command.as_any()
            }
            Some(Command::CommandStatementUpdate(mut command)) => {
                command.query = translate(&command.query);
                command.as_any()
            }
            Some(Command::CommandStatementIngest(command)) => plain(command)?.as_any(),
            _ => return Ok(descriptor),
        }
    };
    descriptor.cmd = command.encode_to_vec().into();
    Ok(descriptor)
}

/// The scenario's ingestion, checked, without what Pareto has not.
fn plain(mut command: CommandStatementIngest) -> Result<CommandStatementIngest, Status> {
    let came_whole = command.catalog.as_deref() == Some("test_catalog")
        && command.temporary
        && command.transaction_id.as_deref() == Some(b"123")
        && command.options.len() == 2;
    if !came_whole {
        return Err(Status::invalid_argument("the ingestion is not the scenario's"));
    }
    command.catalog = None;
    command.temporary = false;
    command.transaction_id = None;
    Ok(command)
}

fn translate_action(mut action: Action) -> Result<Action, Status> {
    if action.r#type == "CreatePreparedStatement" {
        let wrong = |error: &dyn Error| Status::invalid_argument(error.to_string());
        let any = Any::decode(action.body.clone()).map_err(|error| wrong(&error))?;
        let request: Option<ActionCreatePreparedStatementRequest> =
            any.unpack().map_err(|error| wrong(&error))?;
        if let Some(mut request) = request {
            request.query = translate(&request.query);
            action.body = request.as_any().encode_to_vec().into();
        }
    }
    Ok(session_options::translate_request(action))
}

/// The scenario's description in place of Pareto's, on the scenario's column and no other.
fn describe(schema: &Schema) -> Option<Schema> {
    let [field] = schema.fields().as_ref() else { return None };
    let described = field.metadata().contains_key("ARROW:FLIGHT:SQL:TYPE_NAME");
    if field.name() != "id" || *field.data_type() != DataType::Int64 || !described {
        return None;
    }
    let metadata = DESCRIPTION
        .iter()
        .map(|(key, value)| (format!("ARROW:FLIGHT:SQL:{key}"), (*value).to_owned()))
        .collect();
    Some(Schema::new(vec![Field::clone(field).with_metadata(metadata)]))
}

fn describe_schema(bytes: bytes::Bytes) -> Result<bytes::Bytes, Status> {
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let wrong = |error: arrow::error::ArrowError| Status::internal(error.to_string());
    let schema = Schema::try_from(IpcMessage(bytes.clone())).map_err(wrong)?;
    let Some(schema) = describe(&schema) else { return Ok(bytes) };
    let IpcMessage(bytes) =
        SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).try_into().map_err(wrong)?;
    Ok(bytes)
}

/// A message of an upload; the first has a descriptor. One that cannot be translated ends the upload.
fn translate_data(mut data: FlightData) -> Option<FlightData> {
    if let Some(descriptor) = data.flight_descriptor.take() {
        data.flight_descriptor = Some(translate_descriptor(descriptor).ok()?);
    }
    Some(data)
}

/// The first message of a stream is its schema.
fn describe_data(data: FlightData) -> FlightData {
    let described = Schema::try_from(&data).ok().and_then(|schema| describe(&schema));
    match described {
        Some(schema) => SchemaAsIpc::new(&schema, &IpcWriteOptions::default()).into(),
        None => data,
    }
}

/// A request to Pareto from whoever sent this one, for the same session.
fn onward<T>(headers: &MetadataMap, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for name in ["authorization", "cookie"] {
        if let Some(value) = headers.get(name) {
            request.metadata_mut().insert(name, value.clone());
        }
    }
    if let Some(token) = headers.get_bin("auth-token-bin") {
        request.metadata_mut().insert_bin("auth-token-bin", token.clone());
    }
    request
}

/// The header that the scenarios' middleware sends and waits for, in any answer.
fn echo<T>(
    headers: &MetadataMap,
    mut answer: Result<Response<T>, Status>,
) -> Result<Response<T>, Status> {
    if let Some(value) = headers.get("x-middleware") {
        match &mut answer {
            Ok(response) => response.metadata_mut().insert("x-middleware", value.clone()),
            Err(status) => status.metadata_mut().insert("x-middleware", value.clone()),
        };
    }
    answer
}

/// A greeting with Pareto's password in place of the scenarios'.
fn translate_greeting(mut greeting: HandshakeRequest) -> HandshakeRequest {
    if let Ok(mut auth) = BasicAuth::decode(greeting.payload.clone())
        && auth.password == PASSWORDS.0
    {
        PASSWORDS.1.clone_into(&mut auth.password);
        greeting.payload = auth.encode_to_vec().into();
    }
    greeting
}

/// The service: Pareto behind a dictionary.
struct Interpreter(FlightServiceClient<Channel>);

impl Interpreter {
    /// The scenarios' action without a name asks who is calling, which in Pareto is a query.
    async fn who(&self, headers: &MetadataMap) -> Result<arrow_flight::Result, Status> {
        let query = CommandStatementQuery {
            query: "SELECT current_user()".to_owned(),
            transaction_id: None,
        };
        let descriptor = FlightDescriptor::new_cmd(query.as_any().encode_to_vec());
        let mut client = self.0.clone();
        let info = client.get_flight_info(onward(headers, descriptor)).await?.into_inner();
        let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket);
        let rows = client.do_get(onward(headers, ticket.unwrap_or_default())).await?.into_inner();
        let mut rows =
            FlightRecordBatchStream::new_from_flight_data(rows.map_err(FlightError::from));
        let batch = rows.try_next().await.map_err(Status::from)?;
        let user = batch.as_ref().and_then(|batch| batch.column(0).as_string_opt::<i32>());
        let user = user.ok_or_else(|| Status::internal("who is calling is no text"))?;
        Ok(arrow_flight::Result { body: user.value(0).to_owned().into() })
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl FlightService for Interpreter {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let requests =
            request.into_inner().filter_map(|one| ready(one.ok().map(translate_greeting)));
        Ok(self.0.clone().handshake(requests).await?.map(|answers| answers.boxed()))
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        let (headers, _, criteria) = request.into_parts();
        let answers = self.0.clone().list_flights(onward(&headers, criteria)).await?;
        Ok(answers.map(|answers| answers.boxed()))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let descriptor = translate_descriptor(request.get_ref().clone())?;
        let asked = onward(request.metadata(), descriptor);
        let mut answer = self.0.clone().get_flight_info(asked).await;
        if let Ok(answer) = &mut answer {
            let info = answer.get_mut();
            info.schema = describe_schema(std::mem::take(&mut info.schema))?;
            if request.get_ref().cmd == "reuse" {
                for endpoint in info.endpoint.iter_mut().filter(|one| one.location.is_empty()) {
                    endpoint.location.push(Location { uri: SAME_CONNECTION.to_owned() });
                }
            }
        }
        echo(request.metadata(), answer)
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let (headers, _, descriptor) = request.into_parts();
        let asked = onward(&headers, translate_descriptor(descriptor)?);
        self.0.clone().poll_flight_info(asked).await
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let (headers, _, descriptor) = request.into_parts();
        let asked = onward(&headers, translate_descriptor(descriptor)?);
        let mut result = self.0.clone().get_schema(asked).await?.into_inner();
        result.schema = describe_schema(result.schema)?;
        Ok(Response::new(result))
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let (headers, _, ticket) = request.into_parts();
        let answers = self.0.clone().do_get(onward(&headers, ticket)).await?;
        Ok(answers.map(|answers| answers.map_ok(describe_data).boxed()))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let (headers, _, messages) = request.into_parts();
        let messages = messages.filter_map(|one| ready(one.ok().and_then(translate_data)));
        let answers = self.0.clone().do_put(onward(&headers, messages)).await?;
        Ok(answers.map(|answers| answers.boxed()))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        if request.get_ref().r#type.is_empty() {
            let user = self.who(request.metadata()).await?;
            return Ok(Response::new(futures::stream::iter([Ok(user)]).boxed()));
        }
        let action = translate_action(request.get_ref().clone())?;
        let name = action.r#type.clone();
        let answers = self.0.clone().do_action(onward(request.metadata(), action)).await?;
        Ok(answers.map(|answers| {
            answers.map_ok(move |answer| session_options::translate_result(&name, answer)).boxed()
        }))
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        let (headers, _, nothing) = request.into_parts();
        let answers = self.0.clone().list_actions(onward(&headers, nothing)).await?;
        let counted = |action: &ActionType| ready(ACTIONS.contains(&action.r#type.as_str()));
        Ok(answers.map(|answers| answers.try_filter(counted).boxed()))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let messages = request.into_inner().filter_map(|one| ready(one.ok()));
        Ok(self.0.clone().do_exchange(messages).await?.map(|answers| answers.boxed()))
    }
}
