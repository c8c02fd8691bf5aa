//! The client behind `pareto sql --connect grpc://..`: one connection, one statement at a time.
//!
//! ```text
//! Remote::connect("grpc://127.0.0.1:31337")
//! execute("SELECT ..")      Outcome::Rows, streaming as the terminal reads
//! execute("INSERT ..")      Outcome::Affected(3)
//! execute("CREATE ..")      Outcome::Done
//! ```
//!
//! It answers with the engine's own types, so that the command line prints a remote result exactly as a local one. An
//! error reads as the server wrote it, with position, excerpt and hint. The settings of `SET` live as long as the
//! connection. A name and a password are sent once, for a token; without TLS they travel in clear.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{FlightDescriptor, FlightInfo, HandshakeRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};
use pareto_engine::{EngineError, ErrorKind, Outcome};
use prost::Message;
use serde::Deserialize;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use crate::status;

/// How long to wait for a server that does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Enough data in flight that a fast reader never waits for the network.
const STREAM_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;

/// What a client tells a server, and what it believes one by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Who connects.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A token, instead of a name and a password.
    pub token: Option<Secret>,
    /// The CA that the server's certificate must be of, as PEM; the system's when not given.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, for a server that asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Text that shows itself to nobody.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Puts the token on every call.
#[derive(Clone)]
struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bearer").field(&self.0.is_some()).finish()
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A connection to a server.
#[derive(Clone, Debug)]
pub struct Remote {
    client: FlightServiceClient<InterceptedService<Channel, Bearer>>,
}

impl Remote {
    /// Connects to `grpc://host:port`, or `grpc+tls://host:port`, and logs in when there is somebody to log in.
    pub async fn connect(url: &str, credentials: &Credentials) -> Result<Self, EngineError> {
        let endpoint = endpoint(url, credentials)?;
        let channel = endpoint.connect().await.map_err(|source| {
            EngineError::new(
                ErrorKind::Unavailable,
                format!("cannot connect to {url}: {}", root_cause(&source)),
            )
            .with_hint("is `pareto serve` running there?")
        })?;
        let bearer = Bearer(log_in(channel.clone(), credentials).await?);
        let client = FlightServiceClient::with_interceptor(channel, bearer);
        Ok(Self { client: client.max_decoding_message_size(usize::MAX) })
    }

    /// Runs one statement.
    pub async fn execute(&self, sql: &str) -> Result<Outcome, EngineError> {
        let mut client = self.client.clone();
        let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let info = client.get_flight_info(descriptor).await.map_err(from_status)?.into_inner();
        let schema = announced(&info)?;
        let records = info.total_records;
        let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket);
        let ticket =
            ticket.ok_or_else(|| EngineError::internal("the server answered without a ticket"))?;
        let messages = client.do_get(ticket).await.map_err(from_status)?.into_inner();
        let batches =
            FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
        let batches =
            batches.map_err(|error| DataFusionError::External(Box::new(from_flight(error))));
        if !schema.fields().is_empty() {
            return Ok(Outcome::Rows(Box::pin(RecordBatchStreamAdapter::new(schema, batches))));
        }
        // An update has run already; a foreign server may run it only now, so it is fetched to the end.
        let mut batches = std::pin::pin!(batches);
        while batches.try_next().await?.is_some() {}
        Ok(u64::try_from(records).map_or(Outcome::Done, Outcome::Affected))
    }
}

/// The header that says who we are: the token given, or the one that the server gives for name and password.
async fn log_in(
    channel: Channel,
    credentials: &Credentials,
) -> Result<Option<MetadataValue<Ascii>>, EngineError> {
    let header = |text: String| {
        let mut value: MetadataValue<Ascii> = text
            .parse()
            .map_err(|_| EngineError::invalid("the token holds characters that cannot be sent"))?;
        value.set_sensitive(true);
        Ok::<_, EngineError>(value)
    };
    if let Some(Secret(token)) = &credentials.token {
        return header(format!("Bearer {}", token.trim())).map(Some);
    }
    let Some(user) = &credentials.user else { return Ok(None) };
    let password = credentials.password.as_ref().map_or("", |Secret(password)| password);
    let basic = STANDARD.encode(format!("{user}:{password}"));
    let mut request = Request::new(stream::iter([HandshakeRequest::default()]));
    request.metadata_mut().insert("authorization", header(format!("Basic {basic}"))?);
    let answer = FlightServiceClient::new(channel).handshake(request).await.map_err(from_status)?;
    let token = answer.metadata().get("authorization").cloned();
    token.map(Some).ok_or_else(|| EngineError::internal("the server answered without a token"))
}

/// How the server is believed, and how we are.
fn tls_config(credentials: &Credentials) -> Result<ClientTlsConfig, EngineError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| {
            EngineError::invalid(format!("cannot read {}: {error}", path.display()))
        })
    };
    let config = match &credentials.ca {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match &credentials.identity {
        Some((cert, key)) => Ok(config.identity(Identity::from_pem(read(cert)?, read(key)?))),
        None => Ok(config),
    }
}

fn endpoint(url: &str, credentials: &Credentials) -> Result<Endpoint, EngineError> {
    let wrong = || {
        EngineError::invalid(format!("\"{url}\" is not the address of a server"))
            .with_hint("write grpc://HOST:PORT or grpc+tls://HOST:PORT")
    };
    let (http, tls) = match url.split_once("://") {
        Some(("grpc" | "grpc+tcp" | "http", rest)) => (format!("http://{rest}"), false),
        Some(("grpc+tls" | "grpcs" | "https", rest)) => (format!("https://{rest}"), true),
        Some(_) | None => return Err(wrong()),
    };
    let endpoint = Endpoint::from_shared(http)
        .map_err(|_| wrong())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    if tls {
        endpoint.tls_config(tls_config(credentials)?).map_err(|source| {
            EngineError::invalid(format!("TLS for {url} cannot be set up: {}", root_cause(&source)))
        })
    } else {
        Ok(endpoint)
    }
}

fn announced(info: &FlightInfo) -> Result<SchemaRef, EngineError> {
    if info.schema.is_empty() {
        return Ok(Arc::new(Schema::empty()));
    }
    info.clone().try_decode_schema().map(Arc::new).map_err(|source| {
        EngineError::internal(format!("the server's schema is not readable: {source}"))
    })
}

/// The server's text without the "error: " that the command line writes itself.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands the status over")]
fn from_status(status: Status) -> EngineError {
    let kind = status::kind(status.code());
    let text = status.message().trim();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    if text.is_empty() {
        return EngineError::new(kind, format!("the server answered {}", status.code()));
    }
    EngineError::new(kind, text)
}

fn from_flight(error: FlightError) -> EngineError {
    match error {
        FlightError::Tonic(status) => from_status(*status),
        other => EngineError::internal(format!("the server's answer is not readable: {other}")),
    }
}

/// The innermost cause, which is the one that says what happened ("Connection refused").
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for url in ["grpc://localhost:31337", "grpc+tls://db.example.com:443", "http://127.0.0.1:1"]
        {
            assert!(endpoint(url, &Credentials::default()).is_ok(), "{url}");
        }
        for url in ["", "localhost:31337", "ftp://localhost", "grpc://", "grpc://a b:1"] {
            let refused = endpoint(url, &Credentials::default()).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{url}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = |text: &str| Some(Secret::from(text.to_owned()));
        let (password, token) = (secret("horse"), secret("p1.x"));
        let shown = format!("{:?}", Credentials { password, token, ..Credentials::default() });
        assert!(!shown.contains("horse") && !shown.contains("p1.x"), "{shown}");
    }

    #[test]
    fn errors_read_as_the_server_wrote_them() {
        let error =
            from_status(Status::invalid_argument("error: no table \"x\"\n  at line 1, column 15"));
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert_eq!(error.to_string(), "error: no table \"x\"\n  at line 1, column 15");
        assert_eq!(from_status(Status::unavailable("")).kind, ErrorKind::Unavailable);
    }
}
