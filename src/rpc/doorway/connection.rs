//! A connection that speaks HTTP, and who is at its other end.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use super::{PREFACE, asked::Asked, budget::Budget, counted::OneOf, unread::Unread};
use crate::{
    metrics::{Metrics, OpenConnection},
    rpc::{
        certificate::ClientCertificate,
        credential::CredentialError,
        layers::{OF_ONE_BYTES, permits},
        tls::Verdict,
        vouched::Vouched,
    },
};

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
    /// Who vouched for that.
    pub(super) vouched: Option<Arc<Vouched>>,
    /// Room for calls.
    pub(crate) calls: Arc<Semaphore>,
    /// Room for bytes of answers.
    pub(crate) answers: Arc<Semaphore>,
    /// Answers that it has not taken yet.
    pub(crate) unread: Arc<Unread>,
}

impl Peer {
    pub(super) fn at(from: SocketAddr) -> Self {
        Self { address: Some(from), ..Self::local() }
    }

    pub(super) fn local() -> Self {
        let calls = Arc::new(Semaphore::new(CALLS_PER_CONNECTION));
        let answers = permits(OF_ONE_BYTES);
        Self {
            address: None,
            certificate: None,
            vouched: None,
            calls,
            answers,
            unread: Arc::default(),
        }
    }

    /// That the certificate which it showed, if it showed one, is still vouched for.
    ///
    /// # Errors
    /// [`CredentialError`]: it is not.
    pub(crate) fn check_vouched(&self) -> Result<(), CredentialError> {
        match self.vouched.as_ref().map_or(Verdict::Counts, |vouched| vouched.judged()) {
            Verdict::Counts => Ok(()),
            Verdict::ListOver => Err(CredentialError::ListOver),
            Verdict::TakenBack => Err(CredentialError::CertificateTakenBack),
        }
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
    spoken: Spoken,
    peer: Peer,
    /// Until unread answers are looked at again.
    look: Pin<Box<Sleep>>,
    _counted: Counted,
    /// Counted for who watches.
    _open: Option<OpenConnection>,
}

/// What a connection takes up: one of all, and one of its address's.
pub(super) type Counted = (OwnedSemaphorePermit, OneOf);

/// What a peer speaks, and how much of it.
enum Spoken {
    /// HTTP/2, of which some costs work and carries nothing.
    Http2(Budget),
    /// HTTP/1.1, in which a request may have no end.
    Http1(Asked),
}

impl Connection {
    pub(super) fn new(
        stream: Box<dyn Bytestream>,
        said: Bytes,
        peer: Peer,
        counted: Counted,
    ) -> Self {
        let spoken = if said.starts_with(PREFACE) {
            Spoken::Http2(Budget::new())
        } else {
            Spoken::Http1(Asked::default())
        };
        let look = Box::pin(sleep(LOOK_EVERY));
        Self { stream, said, spoken, peer, look, _counted: counted, _open: None }
    }

    /// The same, counted as open for as long as it is.
    pub(in crate::rpc) fn counted_by(self, metrics: &Metrics) -> Self {
        Self { _open: Some(metrics.connection()), ..self }
    }

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

    fn answers(&mut self) {
        match &mut self.spoken {
            Spoken::Http2(_) => {}
            Spoken::Http1(asked) => asked.answered(),
        }
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
        let Self { stream, spoken, peer, .. } = &mut *self;
        match spoken {
            Spoken::Http2(budget) => {
                let before = buffer.filled().len();
                ready!(Pin::new(stream).poll_read(cx, buffer))?;
                budget.charge(buffer.filled().get(before..).unwrap_or_default())?;
            }
            Spoken::Http1(asked) => {
                asked.listen(peer.calls.available_permits() < CALLS_PER_CONNECTION)?;
                let mut room = Asked::room(buffer);
                ready!(Pin::new(stream).poll_read(cx, &mut room))?;
                let read = room.filled().len();
                asked.heard(read);
                buffer.advance(read);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answers();
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answers();
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn connection(said: &'static [u8]) -> (Connection, tokio::io::DuplexStream) {
        let (ours, theirs) = duplex(1 << 20);
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let said = Bytes::from_static(said);
        (Connection::new(Box::new(ours), said, Peer::local(), (permit, OneOf::uncounted())), theirs)
    }

    /// Reads until nothing comes for a moment; how much that was, or why there is no more.
    async fn read(connection: &mut Connection) -> io::Result<usize> {
        let (mut all, mut some) = (0_usize, vec![0; 1 << 19]);
        loop {
            let reading = connection.read(&mut some);
            match tokio::time::timeout(Duration::from_millis(1), reading).await {
                Ok(read) => all = all.saturating_add(read?),
                Err(_) => return Ok(all),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_end_is_closed_in_http_1_1() {
        let (mut connection, mut peer) = connection(b"P");
        peer.write_all(&vec![b'x'; 32 * 1024 - 1]).await.unwrap();
        assert_eq!(read(&mut connection).await.unwrap(), 32 * 1024);
        // Between two answers there is as much again.
        connection.write_all(b"HTTP/1.1 200 OK").await.unwrap();
        peer.write_all(&vec![b'x'; 32 * 1024 - 1]).await.unwrap();
        assert_eq!(read(&mut connection).await.unwrap(), 32 * 1024 - 1);
        // What a call takes is not counted.
        let call = Arc::clone(&connection.peer.calls).try_acquire_owned().unwrap();
        peer.write_all(&vec![b'x'; 500_000]).await.unwrap();
        assert_eq!(read(&mut connection).await.unwrap(), 500_000);
        drop(call);
        connection.write_all(b"HTTP/1.1 200 OK").await.unwrap();
        peer.write_all(&vec![b'x'; 400_000]).await.unwrap();
        let told = read(&mut connection).await.unwrap_err();
        assert_eq!(told.to_string(), "a request without end");
    }
}
