//! One accepted TCP connection, numbered among the live ones and carrying its own sessions.
//!
//! tonic puts [`ConnectionInfo`] into every request of the connection; when the last copy is gone the connection is
//! closed and all its requests are over, so the sessions it carries end by themselves. The number of connections is
//! bounded: one too many is closed at once, the others do not notice. With TLS, greetings go on side by side and have
//! to end in time, so that nobody waits for a client that says nothing. What is sent goes through a [`Parcel`].
//!
//! ```text
//! listener ──> permit? ──yes──> TLS greeting, if any ──> Connection { socket, info } ──> tonic
//!                      └─no───> closed        └─fails, 10 s──> closed
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::transport::server::Connected;

use super::parcel::Parcel;
use super::sessions::ConnectionSessions;
use crate::tls::Tls;

/// An idle connection costs a socket and a few kilobytes; this many fit a default server with room to spare.
const MAX_CONNECTIONS: usize = 8_192;

/// How long to wait when the process has no sockets left, before trying to accept again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a client may take to agree on TLS.
const GREETING: Duration = Duration::from_secs(10);

/// What requests know about the connection they came by.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo(Arc<Carried>);

#[derive(Debug)]
struct Carried {
    sessions: ConnectionSessions,
    peer: Option<IpAddr>,
}

impl ConnectionInfo {
    fn new(peer: Option<IpAddr>) -> Self {
        Self(Arc::new(Carried { sessions: ConnectionSessions::default(), peer }))
    }

    pub(crate) fn sessions(&self) -> &ConnectionSessions {
        &self.0.sessions
    }

    /// Where the connection comes from.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.0.peer
    }
}

/// Bytes in clear, or hidden.
type Socket = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A socket with its place among the live connections.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Parcel<Socket>,
    info: ConnectionInfo,
    _place: OwnedSemaphorePermit,
}

/// A listener, what it needs to take connections in, and those that are still greeting.
struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    tls: Option<Arc<Tls>>,
    greeting: JoinSet<Option<Connection>>,
}

/// The connections of a listener, never failing: a failed accept is logged and tried again.
pub(crate) fn accept(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let door = Door { listener, places, tls, greeting: JoinSet::new() };
    stream::unfold(door, |mut door| async move {
        let connection = door.next().await;
        Some((Ok(connection), door))
    })
}

impl Door {
    async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, peer)) => {
                        if let Some(connection) = self.take_in(socket, peer) {
                            return connection;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection failed");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(greeted) = self.greeting.join_next() => {
                    if let Ok(Some(connection)) = greeted {
                        return connection;
                    }
                }
            }
        }
    }

    /// The connection, unless there is no place for it or it has to agree on TLS first.
    fn take_in(&mut self, socket: TcpStream, peer: SocketAddr) -> Option<Connection> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(%peer, limit = MAX_CONNECTIONS, "connection refused, too many are open");
            return None;
        };
        // Small answers must not wait for a full packet.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY was not set");
        }
        let info = ConnectionInfo::new(Some(peer.ip()));
        let Some(tls) = &self.tls else {
            return Some(Connection::new(Either::Left(socket), info, place));
        };
        let acceptor = tls.acceptor();
        self.greeting.spawn(async move {
            match tokio::time::timeout(GREETING, acceptor.accept(socket)).await {
                Ok(Ok(socket)) => {
                    Some(Connection::new(Either::Right(Box::new(socket)), info, place))
                }
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "no TLS with this client");
                    None
                }
                Err(_) => {
                    tracing::debug!(%peer, "a client did not agree on TLS in time");
                    None
                }
            }
        });
        None
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl Connection {
    fn new(socket: Socket, info: ConnectionInfo, place: OwnedSemaphorePermit) -> Self {
        Self { socket: Parcel::new(socket), info, _place: place }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
