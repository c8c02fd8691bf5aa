//! A server for one test, and the client calls that tests make all the time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{FlightDescriptor, FlightInfo, Ticket};
use futures::TryStreamExt;
use pareto_engine::{Engine, EngineOptions};
use pareto_server::security::Security;
use pareto_server::serve::{ServeOptions, Server};
use prost::Message;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// A running server; dropping it stops it and removes its warehouse.
pub(crate) struct TestServer {
    pub(crate) flight: SocketAddr,
    pub(crate) http: SocketAddr,
    engine: Arc<Engine>,
    _stop: oneshot::Sender<()>,
    _task: JoinHandle<()>,
    warehouse: Arc<TempDir>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::secured(Security::default()).await
    }

    /// A server with certificates, tokens or issuers of its own.
    pub(crate) async fn secured(security: Security) -> Self {
        let warehouse = Arc::new(TempDir::new().unwrap());
        let engine = Engine::open(options(&warehouse)).await.unwrap();
        Self::over(engine, warehouse, security).await
    }

    /// Another server of the same warehouse, as after a restart: it has the data, and remembers nobody.
    pub(crate) async fn another(&self, security: Security) -> Self {
        Self::over(Arc::clone(&self.engine), Arc::clone(&self.warehouse), security).await
    }

    async fn over(engine: Arc<Engine>, warehouse: Arc<TempDir>, security: Security) -> Self {
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let options = ServeOptions { flight: any_port, http: Some(any_port), security };
        let server = Box::pin(Server::bind(Arc::clone(&engine), options)).await.unwrap();
        let (flight, http) = (server.flight_addr(), server.http_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let running = server.run(async {
                stopped.await.ok();
            });
            Box::pin(running).await.unwrap();
        });
        Self { flight, http, engine, _stop: stop, _task: task, warehouse }
    }

    /// Runs statements as the owner of the warehouse, past the wire.
    pub(crate) async fn owner(&self, statements: &[&str]) {
        let session = self.engine.session();
        for statement in statements {
            if let Err(error) = session.execute(statement).await {
                panic!("{statement}\n{error}");
            }
        }
    }

    /// How long a login by password takes that is refused, past the wire, which would make it wait.
    pub(crate) async fn refused_login(&self, user: &str) -> Duration {
        let started = Instant::now();
        self.engine.login(user, "a wrong password").await.unwrap_err();
        started.elapsed()
    }

    /// A new connection, and so a new session.
    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.flight)).unwrap().connect().await.unwrap()
    }

    /// A client that speaks Flight SQL.
    pub(crate) async fn client(&self) -> FlightSqlServiceClient<Channel> {
        FlightSqlServiceClient::new(self.channel().await)
    }

    /// A client that speaks Flight, for everything the other one hides.
    pub(crate) async fn raw(&self) -> FlightServiceClient<Channel> {
        FlightServiceClient::new(self.channel().await)
    }
}

/// A small engine on a warehouse in an empty folder.
pub(crate) fn options(folder: &TempDir) -> EngineOptions {
    EngineOptions {
        warehouse: folder.path().join("warehouse").to_str().unwrap().to_owned(),
        memory_limit_bytes: Some(512 << 20),
        threads: Some(2),
        ..EngineOptions::default()
    }
}

/// A descriptor for SQL text.
pub(crate) fn query(sql: &str) -> FlightDescriptor {
    command(&CommandStatementQuery { query: sql.to_owned(), transaction_id: None })
}

/// A descriptor for any command.
pub(crate) fn command(message: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(message.as_any().encode_to_vec())
}

/// The one ticket of an info.
pub(crate) fn ticket(info: &FlightInfo) -> Ticket {
    assert_eq!(info.endpoint.len(), 1);
    info.endpoint[0].ticket.clone().unwrap()
}

/// The schema an info announces.
pub(crate) fn announced(info: &FlightInfo) -> Schema {
    info.clone().try_decode_schema().unwrap()
}

/// All rows behind a ticket as one batch, with the schema that the stream itself said.
pub(crate) async fn fetch(
    client: &FlightServiceClient<Channel>,
    ticket: Ticket,
) -> Result<RecordBatch, Status> {
    let messages =
        client.clone().max_decoding_message_size(usize::MAX).do_get(ticket).await?.into_inner();
    let mut stream = arrow_flight::decode::FlightRecordBatchStream::new_from_flight_data(
        messages.map_err(arrow_flight::error::FlightError::from),
    );
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(Status::from)? {
        batches.push(batch);
    }
    let schema: SchemaRef = stream.schema().map_or_else(|| Arc::new(Schema::empty()), Arc::clone);
    Ok(concat_batches(&schema, &batches).unwrap())
}

/// Asks, checks that GetSchema, FlightInfo and the stream have one schema, and fetches.
pub(crate) async fn ask(
    client: &FlightServiceClient<Channel>,
    descriptor: FlightDescriptor,
) -> Result<RecordBatch, Status> {
    let mut client = client.clone();
    let schema: Schema =
        client.get_schema(descriptor.clone()).await?.into_inner().try_into().unwrap();
    let info = client.get_flight_info(descriptor).await?.into_inner();
    assert_eq!(announced(&info), schema);
    let batch = fetch(&client, ticket(&info)).await?;
    assert_eq!(batch.schema().as_ref(), &schema);
    Ok(batch)
}

/// Runs SQL and fetches its rows.
pub(crate) async fn sql(
    client: &FlightServiceClient<Channel>,
    text: &str,
) -> Result<RecordBatch, Status> {
    let mut client = client.clone();
    let info = client.get_flight_info(query(text)).await?.into_inner();
    let batch = fetch(&client, ticket(&info)).await?;
    assert_eq!(batch.schema().as_ref(), &announced(&info));
    Ok(batch)
}

/// Runs SQL that must work.
pub(crate) async fn run(client: &FlightServiceClient<Channel>, statements: &[&str]) {
    for statement in statements {
        if let Err(status) = sql(client, statement).await {
            panic!("{statement}\n{}", status.message());
        }
    }
}

/// Every value as text, row by row, NULL as `-`.
pub(crate) fn text(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = arrow::util::display::FormatOptions::default().with_null("-");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect())
        .collect()
}
