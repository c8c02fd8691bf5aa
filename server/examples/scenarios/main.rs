//! An interpreter between the integration scenarios of Apache Arrow Flight and a Pareto server.
//!
//! The scenarios' clients (of Go, Java ..) speak the protocol correctly and a vocabulary of their own: `SELECT STATEMENT` is
//! no SQL. This program stands before a real server and replaces words, never answers:
//!
//! ```text
//! client ──"UPDATE STATEMENT"──> interpreter ──"UPDATE rows_10000 SET id = id"──> pareto serve
//!        <────────────── 10000, as Pareto counted it ───────────────
//! ```
//!
//! Every row, schema, ticket, count, code and moment is Pareto's own, and so are transactions, savepoints and prepared
//! statements. What a scenario fixes and no real server has is put in on the way, and only over what Pareto itself has
//! answered to the same question. Where Pareto has no such answer nothing is put in, and the scenario fails:
//!
//! | Put in | In place of | In |
//! |---|---|---|
//! | SQL, by word, and another one within a transaction | the word | `words.rs` |
//! | a Substrait plan, by what the call wants of it | the bytes `plan`; prepared, it is two statements of Pareto with one handle | `substrait.rs` |
//! | `transaction_id`, `savepoint_id` | the ids that Pareto gave, which go back to Pareto in their place | `transactions.rs` |
//! | five values of GetSqlInfo, which are not true of Pareto | Pareto's, each of the same number and type | `sql_info.rs` |
//! | the description of a column, or none | Pareto's description of the column of that name and type | `description.rs` |
//! | the URI of the connection that is there | no location, which means the same | `flight_info.rs` |
//! | no expiry of the first of three endpoints | the moment that Pareto gave | `flight_info.rs` |
//! | the command, as metadata | the command that Pareto names in the descriptor of its result | `flight_info.rs` |
//! | names and types of options; those at their defaults are left out | Pareto's settings | `session_options.rs` |
//! | a password as long as Pareto wants it; who calls, as an action | the scenarios' password; a query | `callers.rs` |
//! | the header `x-middleware`, as it came | nothing: the interpreter is the middleware | `callers.rs` |
//!
//! Actions that the scenario has no word for are left out of the list. Of the ingestion, a temporary table and a transaction
//! that nobody has begun are taken out; of nothing else. Who calls, and by which session, goes through in both directions.
//!
//! ```sh
//! scenarios grpc://127.0.0.1:31337 testdata/substrait/messages.json           # prints the port it listens on
//! scenarios grpc://127.0.0.1:31337 testdata/substrait/messages.json guarded   # the server has users, so nothing is set up
//! ```

mod callers;
mod description;
mod dictionary;
mod flight_info;
mod session_options;
mod sql_info;
mod substrait;
mod transactions;
mod words;

use std::error::Error;
use std::future::ready;
use std::path::Path;
use std::pin::Pin;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use callers::{echo, onward};
use dictionary::Dictionary;
use substrait::{Plans, Wanted};

/// The actions that the scenarios count.
const ACTIONS: [&str; 2] = ["CancelFlightInfo", "RenewFlightEndpoint"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("which server? grpc://HOST:PORT")?;
    let plans = arguments.next().ok_or("which plans? testdata/substrait/messages.json")?;
    let plans = Plans::read(Path::new(&plans))?;
    let channel =
        Endpoint::from_shared(address.replacen("grpc://", "http://", 1))?.connect().await?;
    let mut client = FlightSqlServiceClient::new(channel.clone());
    let guarded = arguments.next().is_some_and(|word| word == "guarded");
    for statement in words::SETUP.into_iter().filter(|_| !guarded) {
        client.execute_update(statement.to_owned(), None).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    #[expect(clippy::print_stdout, reason = "who started it waits for the port")]
    {
        println!("{}", listener.local_addr()?.port());
    }
    let pareto = FlightServiceClient::new(channel);
    let interpreter = Interpreter { pareto, dictionary: Dictionary::new(plans) };
    Server::builder()
        .add_service(FlightServiceServer::new(interpreter))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

/// The service: Pareto behind a dictionary.
struct Interpreter {
    pareto: FlightServiceClient<Channel>,
    dictionary: Dictionary,
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
            request.into_inner().filter_map(|one| ready(one.ok().map(callers::translate_greeting)));
        Ok(self.pareto.clone().handshake(requests).await?.map(|answers| answers.boxed()))
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        let (headers, _, criteria) = request.into_parts();
        let answers = self.pareto.clone().list_flights(onward(&headers, criteria)).await?;
        Ok(answers.map(|answers| answers.boxed()))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let (headers, _, said) = request.into_parts();
        let asked = self.dictionary.descriptor(said.clone(), Wanted::Rows)?;
        let mut answer = self.pareto.clone().get_flight_info(onward(&headers, asked.clone())).await;
        if let Ok(answer) = &mut answer {
            flight_info::spell_out(&said, &asked, answer.get_mut())?;
        }
        echo(&headers, answer)
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let (headers, _, said) = request.into_parts();
        let asked = self.dictionary.descriptor(said, Wanted::Rows)?;
        self.pareto.clone().poll_flight_info(onward(&headers, asked)).await
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let (headers, _, said) = request.into_parts();
        let asked = self.dictionary.descriptor(said, Wanted::Rows)?;
        let mut result =
            self.pareto.clone().get_schema(onward(&headers, asked)).await?.into_inner();
        result.schema = description::of_schema(result.schema)?;
        Ok(Response::new(result))
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let (headers, _, ticket) = request.into_parts();
        let replaces = sql_info::is_asked_for(&ticket);
        let answers = self.pareto.clone().do_get(onward(&headers, ticket)).await?;
        if replaces {
            return Ok(Response::new(sql_info::replaced(answers.into_inner()).await?.boxed()));
        }
        Ok(answers.map(|answers| answers.map_ok(description::of_data).boxed()))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let (headers, _, mut messages) = request.into_parts();
        let first = messages.message().await?;
        let mut first = first.ok_or_else(|| Status::invalid_argument("the upload is empty"))?;
        let bound = first.flight_descriptor.as_ref().and_then(dictionary::bound);
        if let Some(said) = first.flight_descriptor.take() {
            first.flight_descriptor = Some(self.dictionary.descriptor(said, Wanted::Count)?);
        }
        let messages = messages.filter_map(|one| ready(one.ok()));
        let messages = stream::once(ready(first)).chain(messages);
        let answers = self.pareto.clone().do_put(onward(&headers, messages)).await?;
        let put_back = move |answer| dictionary::put_result(bound.as_ref(), answer);
        Ok(answers.map(|answers| answers.map_ok(put_back).boxed()))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let (headers, _, action) = request.into_parts();
        if action.r#type.is_empty() {
            let user = callers::who(self.pareto.clone(), &headers).await?;
            return Ok(Response::new(stream::iter([Ok(user)]).boxed()));
        }
        let name = action.r#type.clone();
        let mut results = Vec::new();
        let mut answered = Response::new(());
        for action in self.dictionary.actions(action)? {
            let answer = self.pareto.clone().do_action(onward(&headers, action)).await?;
            let (metadata, of_one, extensions) = answer.into_parts();
            answered = Response::from_parts(metadata, (), extensions);
            results.extend(of_one.try_collect::<Vec<_>>().await?);
        }
        let results = self.dictionary.results(&name, results)?;
        Ok(answered.map(|()| stream::iter(results.into_iter().map(Ok)).boxed()))
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        let (headers, _, nothing) = request.into_parts();
        let answers = self.pareto.clone().list_actions(onward(&headers, nothing)).await?;
        let counted = |action: &ActionType| ready(ACTIONS.contains(&action.r#type.as_str()));
        Ok(answers.map(|answers| answers.try_filter(counted).boxed()))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let messages = request.into_inner().filter_map(|one| ready(one.ok()));
        Ok(self.pareto.clone().do_exchange(messages).await?.map(|answers| answers.boxed()))
    }
}
