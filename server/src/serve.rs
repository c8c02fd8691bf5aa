//! The server process: binds its addresses, serves until told to stop, lets running calls end.
//!
//! ```text
//! Server::bind ──> flight_addr(), http_addr() ──> run(shutdown)
//!                  known before the first call     closes the listeners, drains for 10 s, then leaves
//! ```
//!
//! The wire has two threads of its own: statements are planned and run on the runtime that calls [`Server::run`], and
//! however busy that is, a client can always cancel, close or ask for health.
//!
//! Binding is its own step so that a caller may ask for port 0 and learn the port before anybody can connect. Every
//! message, header and window has a bound; a client that sends more is refused and the others do not notice.

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use pareto_engine::{Engine, EngineError};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::flight_sql::compute::Compute;
use crate::flight_sql::sessions::Gate;
use crate::flight_sql::{FlightSql, connection};
use crate::http;
use crate::jwt::Issuer;
use crate::reflection;
use crate::security::{Security, TICKET_LIFETIME};
use crate::tls::Tls;

/// The largest message a client may send: a batch of an upload, or a very long statement.
const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;
/// Drivers put unknown connection parameters into headers, so these are not tiny.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// Enough data in flight that an upload is not held up by round trips.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// A peer that is gone without saying so is noticed after this and half of it.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Threads that only move bytes: encoding happens on the engine's.
const WIRE_THREADS: usize = 2;
/// How long running calls may take after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Where to listen, and to whom. Port 0 takes any free port.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where Flight SQL clients connect.
    pub flight: SocketAddr,
    /// Where `/health` and `/metrics` are, if anywhere.
    pub http: Option<SocketAddr>,
    /// Who may connect.
    pub security: Security,
}

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not ours to take.
    #[error(
        "error: cannot listen on {address}: {source}\n  hint: is another server running there? choose a port with --{flag}"
    )]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others would get in, or listen in.
    #[error(
        "error: {address} can be reached by others, and the server has no {lacks}\n  hint: give --tls-cert and --tls-key and make a user (CREATE USER), or serve as it is with --insecure"
    )]
    Insecure {
        /// The address that was asked for.
        address: SocketAddr,
        /// What is missing, and what would follow.
        lacks: &'static str,
    },
    /// The certificates cannot be used.
    #[error(
        "error: TLS cannot be set up: {reason}\n  hint: --tls-cert and --tls-key name files in PEM form"
    )]
    Tls {
        /// Why.
        reason: String,
    },
    /// The key for tokens cannot be used.
    #[error("error: the key for tokens cannot be read from {}: {reason}\n  hint: openssl rand -out FILE 32 makes one", .path.display())]
    TokenKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The trusted issuer's keys cannot be used.
    #[error(
        "error: {reason}\n  hint: --jwt-keys names a JWKS document, a file or an https address"
    )]
    Issuer {
        /// Why.
        reason: String,
    },
    /// The warehouse's users could not be looked up.
    #[error("{0}")]
    Catalog(#[from] EngineError),
    /// The transport failed while serving.
    #[error("error: the {front} server stopped: {reason}")]
    Stopped {
        /// Which front.
        front: &'static str,
        /// Why, in the words of the transport.
        reason: String,
    },
}

/// A server that holds its addresses and does not answer yet.
#[derive(Debug)]
pub struct Server {
    engine: Arc<Engine>,
    gate: Gate,
    tls: Option<Arc<Tls>>,
    flight: (StdListener, SocketAddr),
    http: Option<(StdListener, SocketAddr)>,
}

impl Server {
    /// Takes the addresses, if what is known about callers suffices for them. Clients that connect from now on wait until [`Self::run`].
    pub async fn bind(engine: Arc<Engine>, options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions { flight, http, security } = options;
        security.check(flight, engine.has_users().await?)?;
        let gate = gate(&security, flight).await?;
        let tls = security.tls.map(Tls::load).transpose()?.map(Arc::new);
        let flight = listen(flight, "flight")?;
        let http = http.map(|address| listen(address, "http")).transpose()?;
        Ok(Self { engine, gate, tls, flight, http })
    }

    /// Where Flight SQL listens.
    pub const fn flight_addr(&self) -> SocketAddr {
        self.flight.1
    }

    /// Where HTTP listens.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|(_, address)| *address)
    }

    /// Serves until `shutdown` is ready and the running calls have ended, or [`DRAIN`] later.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let front = FlightSql::new(self.engine, self.gate, Compute::here());
        let wire = Wire::start()?;
        let stop = watch::Sender::new(false);
        let flight = run_flight(front.clone(), self.flight.0, self.tls, stopped(&stop));
        let http = run_http(front, self.http.map(|(listener, _)| listener), stopped(&stop));
        let fronts = wire.spawn(async move { tokio::try_join!(flight, http).map(|_| ()) });
        let deadline = async {
            shutdown.await;
            stop.send_replace(true);
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            outcome = fronts => outcome.unwrap_or_else(|source| Err(failed("wire", source))),
            () = deadline => {
                tracing::warn!(seconds = DRAIN.as_secs(), "calls were still running and are cut off");
                Ok(())
            }
        }
    }
}

/// Binds and serves, for those who know their addresses.
pub async fn serve(
    engine: Arc<Engine>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    Box::pin(Server::bind(engine, options)).await?.run(shutdown).await
}

/// The threads that serve the wire.
#[derive(Debug)]
struct Wire(Option<Runtime>);

impl Wire {
    fn start() -> Result<Self, ServeError> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WIRE_THREADS).thread_name("pareto-wire").enable_all();
        builder.build().map(|runtime| Self(Some(runtime))).map_err(|source| failed("wire", source))
    }

    /// Runs a front there.
    async fn spawn<T: Send + 'static>(
        &self,
        front: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        match &self.0 {
            Some(runtime) => runtime.spawn(front).await,
            None => Ok(front.await),
        }
    }
}

impl Drop for Wire {
    /// A runtime may not be dropped where others wait; what still runs on it is cut off.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What decides who gets in at this address.
async fn gate(security: &Security, address: SocketAddr) -> Result<Gate, ServeError> {
    let issuer = match &security.issuer {
        Some(options) => {
            let opened = Box::pin(Issuer::open(options.clone())).await;
            Some(opened.map_err(|reason| ServeError::Issuer { reason })?)
        }
        None => None,
    };
    Ok(Gate {
        signer: security.signer()?,
        issuer,
        open: security.is_open(address),
        ticket_lifetime: security.ticket_lifetime.unwrap_or(TICKET_LIFETIME),
    })
}

fn failed(front: &'static str, source: impl std::fmt::Display) -> ServeError {
    ServeError::Stopped { front, reason: source.to_string() }
}

fn listen(
    address: SocketAddr,
    flag: &'static str,
) -> Result<(StdListener, SocketAddr), ServeError> {
    let refuse = |source| ServeError::Listen { address, flag, source };
    let listener = StdListener::bind(address).map_err(refuse)?;
    listener.set_nonblocking(true).map_err(refuse)?;
    let bound = listener.local_addr().map_err(refuse)?;
    Ok((listener, bound))
}

/// Ready when the server is told to stop. Each front has its own.
fn stopped(stop: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut stop = stop.subscribe();
    async move {
        // A sender that is gone means stop as well.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }
}

async fn run_flight(
    front: FlightSql,
    listener: StdListener,
    tls: Option<Arc<Tls>>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let listener =
        TcpListener::from_std(listener).map_err(|source| failed("Flight SQL", source))?;
    let service = FlightServiceServer::new(front)
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(usize::MAX);
    let watched = tls.clone();
    let watch = async move {
        match watched {
            Some(tls) => tls.watch().await,
            None => std::future::pending().await,
        }
    };
    let reflection = reflection::service().map_err(|source| failed("reflection", source))?;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<FlightServiceServer<FlightSql>>().await;
    // Whoever watches the health looks for another server from here on, while the running calls end.
    let shutdown = async move {
        shutdown.await;
        reporter.set_not_serving::<FlightServiceServer<FlightSql>>().await;
    };
    let serving = tonic::transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE / 2))
        .add_service(service)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming_shutdown(connection::accept(listener, tls), shutdown);
    tokio::select! {
        served = serving => served.map_err(|source| failed("Flight SQL", source)),
        () = watch => Ok(()),
    }
}

async fn run_http(
    front: FlightSql,
    listener: Option<StdListener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let Some(listener) = listener else { return Ok(()) };
    let listener = TcpListener::from_std(listener).map_err(|source| failed("HTTP", source))?;
    let routes = http::routes(Arc::new(move || front.counters()));
    axum::serve(listener, routes)
        .with_graceful_shutdown(shutdown)
        .await
        .map_err(|source| failed("HTTP", source))
}
