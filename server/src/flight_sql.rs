//! The Flight SQL front: the ten calls of Arrow Flight, each decoded at the edge and handed to the file that knows it.
//!
//! ```text
//!                 descriptor, ticket, body ──> command.rs ──┬─> statement.rs   SQL text; ticket.rs, redeem.rs
//!                                                           ├─> substrait.rs   plans in place of text
//!                                                           ├─> prepared.rs    prepared statements, parameters
//!  tonic ──> FlightSql ──> claim.rs, sessions.rs (who calls)├─> metadata.rs    what exists, what the server can do
//!                                                           ├─> poll.rs        statements that take long
//!                                                           ├─> action.rs      cancel, renew, options, transactions
//!                                                           ├─> exchange.rs    the wire alone
//!                 FlightData <── stream.rs <── wire.rs <────┴─> ingest.rs      rows in bulk
//! ```
//!
//! The dispatch is our own because the one that comes with `arrow-flight` answers half of the protocol with
//! "unimplemented" and cannot be extended. This is the only part of Pareto that knows gRPC, and it knows no SQL: every
//! question about data goes to a [`pareto_engine::Session`]. It holds no state beyond sessions, prepared statements,
//! transactions, polls and tickets, each on a bounded shelf.

pub(crate) mod action;
pub(crate) mod attempts;
pub(crate) mod bulk_insert;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod command;
pub(crate) mod compute;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod handshake;
pub(crate) mod ingest;
pub(crate) mod like;
pub(crate) mod metadata;
pub(crate) mod parcel;
pub(crate) mod poll;
pub(crate) mod prepared;
pub(crate) mod redeem;
pub(crate) mod session_options;
pub(crate) mod sessions;
pub(crate) mod spool;
pub(crate) mod statement;
pub(crate) mod stream;
pub(crate) mod substrait;
pub(crate) mod ticket;
pub(crate) mod transaction;
pub(crate) mod upload;
pub(crate) mod wire;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::DoPutUpdateResult;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self as streams, BoxStream};
use pareto_engine::Engine;
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use self::claim::Claim;
use self::command::{Fetch, Put, Query};
use self::compute::Compute;
use self::poll::Polled;
use self::prepared::PreparedStatement;
use self::redeem::Ticketed;
use self::sessions::{Caller, Gate, Sessions};
use self::transaction::Transactions;
use self::upload::Upload;
use self::wire::Types;
use crate::handle::Shelf;
use crate::status::internal;

const MAX_PREPARED: usize = 16_384;
const PREPARED_IDLE: Duration = Duration::from_secs(12 * 3_600);
const MAX_TICKETS: usize = 16_384;
const MAX_CANCELLED: usize = 65_536;
const MAX_POLLS: usize = 1_024;
const POLL_IDLE: Duration = Duration::from_secs(120);

/// The service.
#[derive(Clone)]
pub(crate) struct FlightSql {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) prepared: Arc<Shelf<Arc<PreparedStatement>>>,
    pub(crate) tickets: Arc<Shelf<Arc<Ticketed>>>,
    /// Whose tickets are worth nothing any more, for as long as they would be.
    pub(crate) cancelled: Arc<Shelf<()>>,
    pub(crate) polls: Arc<Shelf<Arc<Polled>>>,
    pub(crate) transactions: Arc<Transactions>,
    /// Results that are being sent.
    pub(crate) running: Arc<AtomicU64>,
    /// Where statements are planned and run, apart from the threads that serve the wire.
    pub(crate) compute: Compute,
}

/// How busy the front is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    pub(crate) sessions: usize,
    pub(crate) prepared: usize,
    pub(crate) tickets: usize,
    pub(crate) streams: usize,
}

impl FlightSql {
    pub(crate) fn new(engine: Arc<Engine>, gate: Gate, compute: Compute) -> Self {
        let life = gate.ticket_lifetime;
        Self {
            sessions: Arc::new(Sessions::new(engine, gate)),
            prepared: Arc::new(Shelf::new("prepared statement", MAX_PREPARED, PREPARED_IDLE)),
            tickets: Arc::new(Shelf::new("ticket", MAX_TICKETS, life)),
            cancelled: Arc::new(Shelf::new("cancelled ticket", MAX_CANCELLED, life)),
            polls: Arc::new(Shelf::new("poll", MAX_POLLS, POLL_IDLE)),
            transactions: Arc::new(Transactions::new()),
            running: Arc::default(),
            compute,
        }
    }

    /// Who sends a request.
    fn caller<T>(
        &self,
        request: &Request<T>,
    ) -> impl Future<Output = Result<Caller, Status>> + Send + use<T> {
        // The request itself may not be held while others wait.
        let (claim, sessions) = (Claim::of(request), Arc::clone(&self.sessions));
        async move { sessions.caller(claim?).await }
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            sessions: self.sessions.len(),
            prepared: self.prepared.len(),
            tickets: self.tickets.len(),
            streams: usize::try_from(self.running.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
        }
    }

    /// Who is calling, and which types they read.
    fn recognize<T>(
        &self,
        request: &Request<T>,
    ) -> impl Future<Output = Result<(Self, Caller, Types), Status>> + Send + use<T> {
        let (front, caller) = (self.clone(), self.caller(request));
        let asked = Types::asked(request.metadata());
        async move {
            let caller = caller.await?;
            let types = asked.of(&caller.session);
            Ok((front, caller, types))
        }
    }

    async fn info(
        &self,
        caller: &Caller,
        types: Types,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Status> {
        match Query::decode(&descriptor)? {
            Query::Statement(command) => {
                statement::info(self, caller, command, types, descriptor).await
            }
            Query::Substrait(command) => {
                substrait::info(self, caller, command, types, descriptor).await
            }
            Query::Prepared(command) => prepared::info(self, caller, command, descriptor).await,
            Query::Metadata(command) => {
                let schema = wire::schema_bytes(&metadata::schema(&command))?;
                let endpoint =
                    FlightEndpoint::new().with_ticket(Ticket::new(descriptor.cmd.clone()));
                let mut info =
                    FlightInfo::new().with_descriptor(descriptor).with_endpoint(endpoint);
                info.schema = schema;
                Ok(info)
            }
        }
    }

    async fn schema(
        &self,
        caller: &Caller,
        types: Types,
        descriptor: &FlightDescriptor,
    ) -> Result<SchemaResult, Status> {
        let schema = match Query::decode(descriptor)? {
            Query::Statement(command) => statement::schema(self, caller, &command, types).await?,
            Query::Substrait(command) => substrait::schema(self, caller, command, types).await?,
            Query::Prepared(command) => prepared::schema(self, caller, &command)?,
            Query::Metadata(command) => metadata::schema(&command),
        };
        Ok(SchemaResult { schema: wire::schema_bytes(&schema)? })
    }

    async fn fetch(
        &self,
        caller: &Caller,
        types: Types,
        ticket: &Ticket,
    ) -> Result<stream::Messages, Status> {
        match Fetch::decode(&ticket.ticket)? {
            Fetch::Ticket(ticket) => redeem::fetch(self, caller, &ticket).await,
            Fetch::Query(Query::Metadata(command)) => {
                stream::encode_batch(&metadata::batch(caller, &command, types).await?)
            }
            // Some clients fetch a prepared statement without asking for its info first.
            Fetch::Query(Query::Prepared(command)) => {
                let info =
                    prepared::info(self, caller, command, FlightDescriptor::default()).await?;
                self.fetch_info(caller, info).await
            }
            Fetch::Query(Query::Statement(command)) => {
                let descriptor = FlightDescriptor::default();
                let info = statement::info(self, caller, command, types, descriptor).await?;
                self.fetch_info(caller, info).await
            }
            Fetch::Query(Query::Substrait(command)) => {
                let descriptor = FlightDescriptor::default();
                let info = substrait::info(self, caller, command, types, descriptor).await?;
                self.fetch_info(caller, info).await
            }
        }
    }

    async fn fetch_info(
        &self,
        caller: &Caller,
        info: FlightInfo,
    ) -> Result<stream::Messages, Status> {
        let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket);
        match ticket.map(|ticket| Fetch::decode(&ticket.ticket)).transpose()? {
            Some(Fetch::Ticket(ticket)) => redeem::fetch(self, caller, &ticket).await,
            Some(Fetch::Query(_)) | None => {
                Err(internal("fetching the result", "the statement got no ticket"))
            }
        }
    }

    async fn put(&self, caller: &Caller, requests: Streaming<FlightData>) -> Result<Bytes, Status> {
        let (descriptor, upload) = Upload::open(requests).await?;
        let count = match Put::decode(&descriptor)? {
            Put::Update(command) => statement::update(self, caller, &command).await?,
            Put::Substrait(command) => substrait::update(self, caller, command).await?,
            Put::PreparedUpdate(command) => prepared::update(self, caller, command, upload).await?,
            Put::Ingest(command) => ingest::ingest(self, caller, command, upload).await?,
            Put::Bind(command) => {
                return Ok(prepared::bind(self, caller, command, upload)
                    .await?
                    .encode_to_vec()
                    .into());
            }
        };
        Ok(DoPutUpdateResult { record_count: count }.encode_to_vec().into())
    }
}

/// An answer that hands out a newer token, for those clients (ADBC) that take it.
fn renewing<T>(answer: T, token: Option<String>) -> Response<T> {
    let mut response = Response::new(answer);
    if let Some(header) = token.and_then(|token| format!("Bearer {token}").parse().ok()) {
        response.metadata_mut().insert("authorization", header);
    }
    response
}

type Stream<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl FlightService for FlightSql {
    type HandshakeStream = Stream<HandshakeResponse>;
    type ListFlightsStream = Stream<FlightInfo>;
    type DoGetStream = Stream<FlightData>;
    type DoPutStream = Stream<PutResult>;
    type DoActionStream = Stream<arrow_flight::Result>;
    type ListActionsStream = Stream<ActionType>;
    type DoExchangeStream = Stream<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        handshake::shake(self, request).await
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let (front, caller, types) = self.recognize(&request).await?;
        let renewed = caller.renewed.clone();
        let work = async move { front.info(&caller, types, request.into_inner()).await };
        Ok(renewing(self.compute.run(work).await?, renewed))
    }

    /// Only waits for what runs elsewhere, so it may stay on the wire's threads.
    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let (front, caller, types) = self.recognize(&request).await?;
        poll::poll(&front, &caller, types, request.into_inner()).await.map(Response::new)
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let (front, caller, types) = self.recognize(&request).await?;
        let work = async move { front.schema(&caller, types, &request.into_inner()).await };
        self.compute.run(work).await.map(Response::new)
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let (front, caller, types) = self.recognize(&request).await?;
        let renewed = caller.renewed.clone();
        let work = async move { front.fetch(&caller, types, &request.into_inner()).await };
        Ok(renewing(self.compute.run(work).await?, renewed))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let (front, caller, _) = self.recognize(&request).await?;
        let work = async move { front.put(&caller, request.into_inner()).await };
        let app_metadata = self.compute.run(work).await?;
        Ok(Response::new(streams::iter([Ok(PutResult { app_metadata })]).boxed()))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let (front, caller, types) = self.recognize(&request).await?;
        let answer = action::run(&front, &caller, request.into_inner(), types).await?;
        let results = answer.body.map(|body| Ok(arrow_flight::Result { body }));
        let mut response = Response::new(streams::iter(results).boxed());
        if let Some(cookie) = answer.cookie {
            let header = cookie
                .to_header()
                .parse()
                .map_err(|source| internal("writing the cookie", source))?;
            response.metadata_mut().insert("set-cookie", header);
        }
        Ok(response)
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        self.caller(&request).await?;
        Ok(Response::new(streams::iter(action::list().into_iter().map(Ok)).boxed()))
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.caller(&request).await?;
        // There are no flights without a query. Tools that list before they ask get an empty list, not an error.
        Ok(Response::new(streams::empty().boxed()))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.caller(&request).await?;
        exchange::exchange(request.into_inner()).await.map(Response::new)
    }
}
