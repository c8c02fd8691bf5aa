//! One accepted TCP connection, numbered among the live ones and carrying its own session.
//!
//! tonic puts [`ConnectionInfo`] into every request of the connection; when the last copy is gone the connection is
//! closed and all its requests are over, so the session it carries ends by itself. The number of connections is
//! bounded: one too many is closed at once, the others do not notice.
//!
//! ```text
//! listener ──> permit? ──yes──> Connection { socket, info } ──> tonic
//!                      └─no───> closed
//! ```

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::Connected;

use super::sessions::ConnectionSession;

/// An idle connection costs a socket and a few kilobytes; this many fit a default server with room to spare.
const MAX_CONNECTIONS: usize = 8_192;

/// How long to wait when the process has no sockets left, before trying to accept again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What requests know about the connection they came by.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo(Arc<ConnectionSession>);

impl ConnectionInfo {
    pub(crate) fn session(&self) -> &ConnectionSession {
        &self.0
    }
}

/// A socket with its place among the live connections.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    info: ConnectionInfo,
    _place: OwnedSemaphorePermit,
}

/// The connections of a listener, never failing: a failed accept is logged and tried again.
pub(crate) fn accept(listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    stream::unfold((listener, places), |(listener, places)| async move {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        tracing::warn!(%peer, limit = MAX_CONNECTIONS, "connection refused, too many are open");
                        continue;
                    };
                    // Small answers must not wait for a full packet.
                    if let Err(error) = socket.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "TCP_NODELAY was not set");
                    }
                    let info = ConnectionInfo(Arc::default());
                    return Some((
                        Ok(Connection { socket, info, _place: place }),
                        (listener, places),
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
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
