//! The peer: a Flight SQL server as it is made of the parts that are there.
//!
//! Arrow's `FlightSqlService` over a DataFusion session, results encoded by `FlightDataEncoderBuilder`, tonic with its
//! settings as they are but without the delay of small packets. A statement travels in its ticket and is planned when it
//! is described and again when it is fetched, for such servers keep nothing; a prepared one is its own text. The Parquet
//! files of a folder are tables.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::server::FlightSqlService;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, CommandPreparedStatementQuery, CommandStatementQuery,
    ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket,
};
use bytes::Bytes;
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use futures::{Stream, StreamExt, TryStreamExt};
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// The server.
struct Plain {
    context: SessionContext,
}

/// Serves the Parquet files of a folder until it is killed.
pub(crate) fn serve(folder: Option<&String>) -> Result<(), String> {
    let folder = folder.map(PathBuf::from).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(run(&folder))
}

async fn run(folder: &Path) -> Result<(), String> {
    let context = SessionContext::new();
    for name in ["numbers", "texts"] {
        let file = folder.join(format!("{name}.parquet")).display().to_string();
        let registered = context.register_parquet(name, &file, ParquetReadOptions::default()).await;
        registered.map_err(|error| format!("{file}: {error}"))?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let _ = writeln!(std::io::stderr(), "serving {} on grpc://{address}", folder.display());
    let connections = TcpListenerStream::new(listener).map(|connection| {
        let connection = connection?;
        connection.set_nodelay(true)?;
        Ok::<_, std::io::Error>(connection)
    });
    let service = FlightServiceServer::new(Plain { context });
    let server = tonic::transport::Server::builder().add_service(service);
    server.serve_with_incoming(connections).await.map_err(|error| error.to_string())
}

fn refuse(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

impl Plain {
    async fn plan(&self, sql: &[u8]) -> Result<DataFrame, Status> {
        let sql = std::str::from_utf8(sql).map_err(refuse)?;
        self.context.sql(sql).await.map_err(refuse)
    }

    /// Describes a statement; its text is the ticket.
    async fn describe(
        &self,
        sql: Bytes,
        descriptor: FlightDescriptor,
    ) -> Result<Response<FlightInfo>, Status> {
        let planned = self.plan(&sql).await?;
        let ticket = TicketStatementQuery { statement_handle: sql }.as_any().encode_to_vec();
        let info = FlightInfo::new()
            .try_with_schema(planned.schema().as_arrow())
            .map_err(refuse)?
            .with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket)))
            .with_descriptor(descriptor);
        Ok(Response::new(info))
    }
}

#[tonic::async_trait]
impl FlightSqlService for Plain {
    type FlightService = Self;

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe(query.query.into(), request.into_inner()).await
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe(query.prepared_statement_handle, request.into_inner()).await
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        _: Request<Ticket>,
    ) -> Result<Response<<Self as FlightService>::DoGetStream>, Status> {
        let planned = self.plan(&ticket.statement_handle).await?;
        let rows = planned.execute_stream().await.map_err(refuse)?;
        let rows = rows.map_err(|error| FlightError::from(refuse(error)));
        let messages = FlightDataEncoderBuilder::new().build(rows).map_err(Status::from);
        let messages: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(messages);
        Ok(Response::new(messages))
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        _: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let planned = self.plan(query.query.as_bytes()).await?;
        let options = arrow::ipc::writer::IpcWriteOptions::default();
        let schema = SchemaAsIpc::new(planned.schema().as_arrow(), &options);
        let IpcMessage(dataset_schema) = schema.try_into().map_err(refuse)?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: query.query.into(),
            dataset_schema,
            parameter_schema: Bytes::new(),
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _: ActionClosePreparedStatementRequest,
        _: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}
