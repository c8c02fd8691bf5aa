//! A socket that sends large results in parcels instead of frame by frame.
//!
//! HTTP/2 cuts a message into frames of 16 KiB and flushes after each. On a bare socket that is a system call, and on the
//! other side a wake-up, for every frame. Here a flush right after a large write waits for what comes next: the task is
//! woken again at once, and a flush with nothing written in between really sends.
//!
//! ```text
//! write 16 KiB, flush, write 16 KiB, flush, .. , flush      one call for up to 256 KiB
//! write 200 bytes, flush                                    sent at once: small answers do not wait
//! ```
//!
//! Nothing stays behind: every turn of the connection ends in a flush, and closing sends the rest first. A connection that
//! has nothing to send holds no memory for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What goes out in one call at most.
const PARCEL_BYTES: usize = 256 * 1024;

/// A write of this size is part of a large result, and more will follow.
const LARGE_BYTES: usize = 8 * 1024;

/// A socket and what waits to be sent on it.
#[derive(Debug)]
pub(crate) struct Parcel<S> {
    socket: S,
    waiting: Vec<u8>,
    /// How much of `waiting` is sent already.
    sent: usize,
    /// The last write was large and no flush has come since.
    is_growing: bool,
}

impl<S: AsyncWrite + Unpin> Parcel<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, waiting: Vec::new(), sent: 0, is_growing: false }
    }

    /// Sends what waits.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            let left = &self.waiting[self.sent..];
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, left))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.waiting.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Makes room for so many bytes.
    fn make_room(&mut self, bytes: usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.len() + bytes > PARCEL_BYTES { self.send(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Parcel<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Parcel<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(data)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.is_growing) && self.waiting.len() < PARCEL_BYTES {
            cx.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(self.send(cx))?;
        self.waiting = Vec::new();
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        ready!(self.make_room(bytes, cx))?;
        if bytes >= PARCEL_BYTES {
            return Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        }
        self.is_growing = bytes >= LARGE_BYTES;
        if self.is_growing && self.waiting.capacity() < PARCEL_BYTES {
            // All at once: growing step by step would copy what waits each time.
            let missing = PARCEL_BYTES - self.waiting.len();
            self.waiting.reserve_exact(missing);
        }
        slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Remembers how much each call brought.
    #[derive(Default)]
    struct Calls(Vec<usize>);

    impl AsyncWrite for Calls {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            data: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(data.len());
            Poll::Ready(Ok(data.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn frames_go_out_together_and_small_answers_at_once() {
        let mut parcel = Parcel::new(Calls::default());
        for _ in 0..20 {
            parcel.write_all(&[1; 16_384]).await.unwrap();
            parcel.flush().await.unwrap();
        }
        parcel.flush().await.unwrap();
        assert_eq!(parcel.socket.0, [16 * 16_384, 4 * 16_384]);
        parcel.write_all(b"small").await.unwrap();
        parcel.flush().await.unwrap();
        assert_eq!(parcel.socket.0.last(), Some(&5));
        parcel.write_all(&[1; 300_000]).await.unwrap();
        assert_eq!(parcel.socket.0.last(), Some(&300_000));
    }

    #[tokio::test]
    async fn what_waits_is_sent_before_the_end_and_in_order() {
        let (near, mut far) = tokio::io::duplex(1_000);
        let sending = tokio::spawn(async move {
            let mut parcel = Parcel::new(near);
            for number in 0..100_u8 {
                parcel.write_all(&[number; 9_000]).await.unwrap();
                parcel.flush().await.unwrap();
            }
            parcel.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        sending.await.unwrap();
        let sent: Vec<u8> = (0..100).flat_map(|number| [number; 9_000]).collect();
        assert!(received == sent);
    }
}
