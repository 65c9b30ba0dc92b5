//! The way in: connections, until they speak HTTP.
//!
//! Who connects has not shown anything yet, and costs a descriptor and some memory. So each gets a
//! short time to shake hands and to begin to speak, there may be only so many, and of those that have
//! not begun only so many from one address: with one number for all, a single machine that connects
//! and says nothing would keep everybody else out. For the same reason one address has at most half of all
//! connections. What is within the limits is handed on with the bytes that were read ahead.

mod asked;
mod budget;
mod connection;
mod counted;
mod turned;
mod unread;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::pki_types::CertificateDer};

use super::{caller::Now, certificate::ClientCertificate, tls::Tls, vouched::Vouched};
use crate::metrics::Metrics;

use connection::Counted;
use turned::{NotBegun, Turned};

pub(crate) use connection::{Connection, Peer};
pub(crate) use counted::{ByAddress, OneOf};
pub(crate) use unread::{Unread, UnreadAnswer};

/// How long TLS may take to be agreed on: some round trips.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// How long a connection may take to say its first words.
const FIRST_WORDS_MAX: Duration = Duration::from_secs(3);

/// How many connections from one address may be without first words. Honest ones need
/// milliseconds, so that this is plenty for all that stand behind one proxy.
const UNFINISHED_PER_ADDRESS: usize = 64;

/// How many connections in all may be without first words.
const UNFINISHED_MAX: usize = 1_024;

/// How many connections wait to be taken over by HTTP.
const READY: usize = 64;

/// How long after an error another connection is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the kernel asks a silent peer whether it is there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(10);

/// What a client of HTTP/2 says first. (RFC 9113 §3.4)
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// From machines.
    Tcp(TcpListener),
    /// From this machine, under a path.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// What is accepted, before anything is known of it.
enum Raw {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// Connections that have begun to speak.
pub(super) struct Doorway {
    ready: mpsc::Receiver<Connection>,
    /// Those that have not, and the task that accepts; they end with this.
    _accepting: JoinSet<()>,
}

impl Stream for Doorway {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

impl Doorway {
    /// Opens it: at most `connections_max` at once, over TLS by a clock, or in plain text. What is
    /// turned away is counted by `metrics`.
    pub(super) fn open(
        listener: Listener,
        tls: Option<(Arc<Tls>, Now)>,
        connections_max: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (handing, ready) = mpsc::channel(READY);
        let admission = Admission {
            tls,
            handing,
            connections: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
            unfinished: Arc::new(Semaphore::new(UNFINISHED_MAX)),
            unfinished_of_one: ByAddress::at_most(UNFINISHED_PER_ADDRESS),
            of_one: ByAddress::at_most(connections_max.div_ceil(2)),
            turned: Turned::counted_by(metrics),
        };
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, admission));
        Self { ready, _accepting: accepting }
    }
}

/// Accepts until nobody takes connections any more.
async fn accept(listener: Listener, admission: Admission) {
    let mut admitting = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = admission.handing.closed() => return,
            Some(_) = admitting.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(raw) => {
                    if let Some(admitted) = admission.clone().admit(raw) {
                        admitting.spawn(admitted);
                    }
                }
                Err(error) => {
                    // Where there is no descriptor for another connection, asking again at once
                    // would take a processor to itself.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Raw> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok(Raw::Tcp(stream, from))
            }
            Self::Unix(listener) => Ok(Raw::Unix(listener.accept().await?.0)),
        }
    }
}

/// Who is let in.
#[derive(Clone)]
struct Admission {
    tls: Option<(Arc<Tls>, Now)>,
    handing: mpsc::Sender<Connection>,
    connections: Arc<Semaphore>,
    unfinished: Arc<Semaphore>,
    unfinished_of_one: Arc<ByAddress>,
    of_one: Arc<ByAddress>,
    turned: Turned,
}

impl Raw {
    /// From where it comes; nothing on this machine.
    fn from(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, from) => Some(*from),
            Self::Unix(_) => None,
        }
    }
}

impl Admission {
    /// What becomes of a connection, if there is room for it; else it is closed.
    fn admit(self, raw: Raw) -> Option<impl Future<Output = ()> + Send + 'static> {
        let room = |counter: &Arc<Semaphore>| Arc::clone(counter).try_acquire_owned().ok();
        let counted = room(&self.connections);
        let unfinished = room(&self.unfinished);
        let peer = raw.from();
        let (unfinished_of_one, of_one) = match peer {
            Some(from) => (self.unfinished_of_one.one_more(from.ip()), self.of_one(from.ip())),
            None => (Some(OneOf::uncounted()), Some(OneOf::uncounted())),
        };
        let (Some(counted), Some(unfinished), Some(unfinished_of_one), Some(of_one)) =
            (counted, unfinished, unfinished_of_one, of_one)
        else {
            self.turned.too_many(peer);
            return None;
        };
        Some(async move {
            let begun = self.begin(raw, (counted, of_one)).await;
            drop((unfinished, unfinished_of_one));
            match begun {
                // Nobody takes it any more when the server goes down.
                Ok(connection) => drop(self.handing.send(connection).await),
                Err(why) => self.turned.did_not_begin(peer, &why),
            }
        })
    }

    /// A connection of those that one address may have: half of all, so that there is always room for
    /// somebody else.
    fn of_one(&self, from: IpAddr) -> Option<OneOf> {
        self.of_one.one_more_from_elsewhere(from)
    }

    /// Shakes hands, and waits for the first words.
    async fn begin(&self, raw: Raw, counted: Counted) -> Result<Connection, NotBegun> {
        match raw {
            Raw::Unix(stream) => Ok(first_words(stream, Peer::local(), counted).await?),
            Raw::Tcp(stream, from) => {
                stream.set_nodelay(true)?;
                keep_alive(&stream)?;
                let Some((tls, now)) = &self.tls else {
                    return Ok(first_words(stream, Peer::at(from), counted).await?);
                };
                let agreed = TlsAcceptor::from(tls.spoken(now)).accept(stream);
                let encrypted = timeout(HANDSHAKE_MAX, agreed).await.map_err(io::Error::from)??;
                let shown = encrypted.get_ref().1.peer_certificates();
                let read = |der: &CertificateDer<'_>| {
                    ClientCertificate::read(der).map_err(|error| NotBegun::odd(&error, der))
                };
                let own = shown.and_then(<[_]>::first);
                let certificate = own.map(read).transpose()?.map(Arc::new);
                let vouched = shown.map(|chain| Arc::new(Vouched::new(chain, tls, now)));
                let peer = Peer { certificate, vouched, ..Peer::at(from) };
                Ok(first_words(encrypted, peer, counted).await?)
            }
        }
    }
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    Ok(rustix::net::sockopt::set_tcp_keepidle(stream, TCP_KEEPALIVE)?)
}

/// Waits until a connection has said so much that HTTP goes on from there: the preface of HTTP/2, or
/// something else, which can only be a request of HTTP/1.1.
async fn first_words<S>(mut stream: S, peer: Peer, counted: Counted) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut said = BytesMut::with_capacity(PREFACE.len());
    let listen = async {
        while said.len() < PREFACE.len() && PREFACE.starts_with(&said) {
            if stream.read_buf(&mut said).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
        Ok(())
    };
    timeout(FIRST_WORDS_MAX, listen).await??;
    let said: Bytes = said.freeze();
    Ok(Connection::new(Box::new(stream), said, peer, counted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_at_most_half_of_all_connections_unless_it_is_this_machine() {
        let (handing, _ready) = mpsc::channel(1);
        let admission = Admission {
            tls: None,
            handing,
            connections: Arc::new(Semaphore::new(4)),
            unfinished: Arc::new(Semaphore::new(UNFINISHED_MAX)),
            unfinished_of_one: ByAddress::at_most(UNFINISHED_PER_ADDRESS),
            of_one: ByAddress::at_most(2),
            turned: Turned::counted_by(Metrics::new(0).unwrap()),
        };
        let from = |address: &str| admission.of_one(address.parse().unwrap());
        let (first, _second) = (from("192.0.2.1"), from("192.0.2.1"));
        assert!(first.is_some() && from("192.0.2.1").is_none());
        assert!(from("192.0.2.2").is_some(), "there is room for another");
        drop(first);
        assert!(from("192.0.2.1").is_some(), "what came free is given again");
        for here in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let all: Vec<_> = (0..9).map(|_| from(here)).collect();
            assert!(all.iter().all(Option::is_some));
        }
    }
}
