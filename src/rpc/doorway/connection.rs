//! A connection that speaks HTTP, and who is at its other end.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use super::{PREFACE, budget::Budget, unread::Unread};
use crate::rpc::certificate::ClientCertificate;

/// How many calls may be under way on one connection, streams among them: as many callers share one
/// at most, and one connection alone must not take all that a server answers at once.
const CALLS_PER_CONNECTION: usize = 256;

/// How long an answer may wait for its reader. One who takes nothing for so long has gone, or wants to
/// keep the memory: the connection is closed, with all that it holds.
const UNREAD_MAX: Duration = Duration::from_secs(30);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// From where it comes; nothing on this machine.
    pub(crate) address: Option<SocketAddr>,
    /// What it showed.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    /// Room for calls.
    pub(crate) calls: Arc<Semaphore>,
    /// Answers that it has not taken yet.
    pub(crate) unread: Arc<Unread>,
}

impl Peer {
    pub(super) fn at(from: SocketAddr, certificate: Option<Arc<ClientCertificate>>) -> Self {
        Self { address: Some(from), certificate, ..Self::local() }
    }

    pub(super) fn local() -> Self {
        let calls = Arc::new(Semaphore::new(CALLS_PER_CONNECTION));
        Self { address: None, certificate: None, calls, unread: Arc::default() }
    }
}

/// Bytes both ways.
pub(super) trait Bytestream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Bytestream for S {}

/// A connection that speaks HTTP.
pub(crate) struct Connection {
    stream: Box<dyn Bytestream>,
    /// What was read ahead.
    said: Bytes,
    /// What of HTTP/2 costs work and carries nothing.
    budget: Option<Budget>,
    peer: Peer,
    /// Until unread answers are looked at again.
    look: Pin<Box<Sleep>>,
    _counted: OwnedSemaphorePermit,
}

impl Connection {
    pub(super) fn new(
        stream: Box<dyn Bytestream>,
        said: Bytes,
        peer: Peer,
        counted: OwnedSemaphorePermit,
    ) -> Self {
        let budget = said.starts_with(PREFACE).then(Budget::new);
        let look = Box::pin(sleep(LOOK_EVERY));
        Self { stream, said, budget, peer, look, _counted: counted }
    }
}

impl Connection {
    /// Closes it where an answer waits for too long. The transport always waits to read, and so comes
    /// by here.
    fn look(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.look.as_mut().poll(cx).is_ready() {
            if self.peer.unread.waits_for(UNREAD_MAX) {
                tracing::debug!("a connection is closed: its peer does not take what it asked for");
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.look = Box::pin(sleep(LOOK_EVERY));
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.look(cx)?;
        if self.said.has_remaining() {
            let some = self.said.len().min(buffer.remaining());
            buffer.put_slice(&self.said.split_to(some));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let (Poll::Ready(Ok(())), Some(budget)) = (&polled, &mut self.budget) {
            let read = buffer.filled().get(before..).unwrap_or_default();
            budget.charge(read)?;
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
