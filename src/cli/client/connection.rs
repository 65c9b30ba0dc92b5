//! A connection to a server: what goes over it, and what became of it.
//!
//! TLS is spoken here and not by tonic, which forgets why a connection ended: with TLS 1.3 a server
//! says what it thinks of a client certificate only after the client believes itself let in. So
//! whatever is heard passes by here first.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::{Status, body::Body, transport::Channel};
use tower::Service;

use super::fault::{Broken, Fault, Spoken};
use crate::cli::refusal::CALL_ID;

/// How TLS begins whatever it says in clear: an alert, then its major version. (RFC 8446 §5.1)
const TLS_ALERT: [u8; 2] = [21, 3];

/// A connection that many callers may share.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Connection {
    channel: Channel,
    heard: Arc<Heard>,
}

impl Connection {
    /// The connection that a channel is, of which that is heard.
    pub(super) fn of(channel: Channel, heard: Arc<Heard>) -> Self {
        Self { channel, heard }
    }

    /// One that is made when it is needed, to nobody.
    #[cfg(test)]
    pub(in crate::cli) fn to_nobody() -> Self {
        let nobody = tonic::transport::Endpoint::from_static("http://127.0.0.1:1");
        Self::of(nobody.connect_lazy(), Heard::from("http://127.0.0.1:1", Spoken::Clear))
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Broken>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let ready = Service::<Request<Body>>::poll_ready(&mut self.channel, cx);
        ready.map_err(|error| self.heard.broken(&error))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answering, heard) = (self.channel.call(request), Arc::clone(&self.heard));
        Box::pin(async move {
            let answer = answering.await.map_err(|error| heard.broken(&error))?;
            let (top, body) = answer.into_parts();
            let body = match top.headers.get(CALL_ID) {
                Some(id) => Body::new(Identified { body, id: id.clone() }),
                None => body,
            };
            Ok(Response::from_parts(top, body))
        })
    }
}

/// A body whose trailers say which call it answers: where a call fails late they are all that is
/// kept of it, and the id stood in its head.
struct Identified {
    body: Body,
    id: HeaderValue,
}

impl http_body::Body for Identified {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            trailers.insert(CALL_ID, self.id.clone());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// What is heard of a server.
#[derive(Debug)]
pub(super) struct Heard {
    server: String,
    spoken: Spoken,
    /// Of the connection that is there now. Held for a look.
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    /// The first bytes that came.
    first: Vec<u8>,
    /// How reading ended.
    ended: Option<Broken>,
}

impl Heard {
    /// From a server that is spoken to like this: nothing so far.
    pub(super) fn from(server: &str, spoken: Spoken) -> Arc<Self> {
        Arc::new(Self { server: server.to_owned(), spoken, now: Mutex::default() })
    }

    /// A connection begins, or begins anew.
    pub(super) fn begin<S>(self: &Arc<Self>, stream: S) -> Listened<S> {
        // What ended the one before still counts: it is made anew before anybody is told of that.
        self.now.lock().unwrap_or_else(PoisonError::into_inner).first.clear();
        Listened { stream, heard: Arc::clone(self), unwritable: None }
    }

    /// That the server is not reached, for this reason unless the error gives one.
    pub(super) fn not_reached(&self, otherwise: Fault, error: &(dyn Error + 'static)) -> Broken {
        let fault = Fault::of(error).unwrap_or(otherwise);
        Broken::among(error).cloned().unwrap_or_else(|| Broken::new(&self.server, fault, error))
    }

    /// Why a call failed of which the transport says no more than this.
    fn broken(&self, error: &(dyn Error + 'static)) -> Broken {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = &now.ended {
            return ended.clone();
        }
        let otherwise = match (self.spoken, now.first.as_slice()) {
            (spoken, []) => Fault::Unheard(spoken),
            (Spoken::Clear | Spoken::Tls, _) => Fault::Broke,
        };
        self.not_reached(otherwise, error)
    }

    fn bytes(&self, bytes: &[u8]) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.first.is_empty() && !bytes.is_empty() {
            now.ended = None;
        }
        let wanted = TLS_ALERT.len().saturating_sub(now.first.len());
        now.first.extend(bytes.iter().take(wanted));
        if wanted > 0 && self.spoken == Spoken::Clear && now.first == TLS_ALERT {
            let alert = io::Error::other("it answered with an alert of TLS");
            now.ended = Some(Broken::new(&self.server, Fault::Tls, &alert));
        }
    }

    fn failed(&self, error: &io::Error) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(fault)) = (&now.ended, Fault::of(error)) {
            now.ended = Some(Broken::new(&self.server, fault, error));
        }
    }
}

/// A stream whose other side is listened to.
pub(super) struct Listened<S> {
    stream: S,
    heard: Arc<Heard>,
    /// Why nothing can be written any more.
    unwritable: Option<io::Error>,
}

impl<S: AsyncRead + Unpin> Listened<S> {
    /// What came of writing. Who does not take what is written may have said why: before anybody is
    /// told that it failed, the other side is heard out, which a connection that broke soon is.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(Err(error)) => {
                self.unwritable = Some(error);
                self.last_words(cx).map(Err)
            }
            going_on @ (Poll::Ready(Ok(_)) | Poll::Pending) => going_on,
        }
    }

    /// Hears the other side out, then says why nothing can be written.
    fn last_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut room = [0; 256];
        loop {
            let mut room = ReadBuf::new(&mut room);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room)) {
                Ok(()) if room.filled().is_empty() => break,
                Ok(()) => self.heard.bytes(room.filled()),
                Err(error) => {
                    self.heard.failed(&error);
                    break;
                }
            }
        }
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        Poll::Ready(self.unwritable.take().unwrap_or_else(broken))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Listened<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, room);
        match &polled {
            Poll::Ready(Ok(())) => {
                self.heard.bytes(room.filled().get(before..).unwrap_or_default());
            }
            Poll::Ready(Err(error)) => self.heard.failed(error),
            Poll::Pending => {}
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Listened<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.unwritable.is_some() {
            return self.last_words(cx).map(Err);
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unwritable.is_some() {
            return self.last_words(cx).map(Err);
        }
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
