//! A connection of an attacker, in plain text or over TLS.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Buf as _;
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split,
    },
    net::{TcpSocket, TcpStream},
    sync::Mutex as Turn,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use super::frames::{self, ACK, PING, SETTINGS, frame};
use crate::served::Clients;

/// From where attackers come: another address of this machine than honest callers have.
pub const ATTACKERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What is attacked.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Option<TlsConnector>,
    /// How a library connects to it.
    pub endpoint: Endpoint,
    /// Credentials.
    pub tokens: Clients,
    /// The seed of what is random.
    pub seed: u64,
    /// Every connection that was made: none is closed by the attacker.
    pub held: Arc<Mutex<Vec<std::net::TcpStream>>>,
    /// What an attacker saw that must not be.
    pub notes: Arc<Mutex<BTreeSet<String>>>,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// What an attacker does with what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Reads nothing.
    Deaf,
    /// Reads, and answers nothing: not even whether it is there.
    Hears,
    /// Says that it is there when it is asked.
    Polite,
}

/// A connection.
pub struct Line {
    writing: Arc<Turn<WriteHalf<Box<dyn Duplex>>>>,
    /// Kept by who reads nothing.
    _reading: Option<Mutex<ReadHalf<Box<dyn Duplex>>>>,
}

impl Target {
    /// A credential of somebody who may call a method.
    pub fn token(&self, path: &str) -> String {
        self.tokens.token(match path.rsplit(['/', '.']).nth(1).unwrap() {
            "AuditService" => "auditor",
            "FrameworkService" => "admin",
            _ if path.ends_with("PublishAssessments") => "publisher",
            _ => "inspector",
        })
    }

    /// A connection that keeps to the rules, from where attackers come.
    pub fn channel(&self) -> Channel {
        self.endpoint.clone().local_address(Some(ATTACKERS)).connect_lazy()
    }

    pub fn note(&self, note: String) {
        self.notes.lock().unwrap().insert(note);
    }

    /// A connection of which nothing is said yet, kept until the end of the test.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(ATTACKERS, 0))?;
        let stream = timeout(CONNECT_MAX, socket.connect(self.address)).await??;
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        self.held.lock().unwrap().push(stream.try_clone()?);
        TcpStream::from_std(stream)
    }

    /// A connection over which HTTP is spoken: over TLS, where that is so.
    pub async fn line(&self, manner: Manner) -> io::Result<Line> {
        let stream = self.connect().await?;
        let stream: Box<dyn Duplex> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = "127.0.0.1".try_into().unwrap();
                Box::new(timeout(CONNECT_MAX, tls.connect(name, stream)).await??)
            }
        };
        let (reading, writing) = split(stream);
        let writing = Arc::new(Turn::new(writing));
        let reading = match manner {
            Manner::Deaf => Some(Mutex::new(reading)),
            Manner::Hears => {
                tokio::spawn(hear(reading));
                None
            }
            Manner::Polite => {
                tokio::spawn(answer(reading, Arc::clone(&writing)));
                None
            }
        };
        Ok(Line { writing, _reading: reading })
    }

    /// The same, on which the client has said its preface and these settings.
    pub async fn greeted(&self, manner: Manner, settings: &[(u16, u32)]) -> io::Result<Line> {
        let line = self.line(manner).await?;
        line.say(&frames::greeting(settings)).await?;
        Ok(line)
    }
}

impl Line {
    /// Says something, be it no frame at all.
    pub async fn say(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writing = self.writing.lock().await;
        writing.write_all(bytes).await?;
        writing.flush().await
    }
}

async fn hear(mut reading: ReadHalf<Box<dyn Duplex>>) {
    let mut said = vec![0; 1 << 16];
    while reading.read(&mut said).await.is_ok_and(|read| read > 0) {}
}

/// Acknowledges settings and pings; takes nothing else.
async fn answer(
    mut reading: ReadHalf<Box<dyn Duplex>>,
    writing: Arc<Turn<WriteHalf<Box<dyn Duplex>>>>,
) {
    let mut said = bytes::BytesMut::new();
    while reading.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
        let (found, taken) = frames::frames(&said);
        let asked = found.iter().filter(|it| it.flags & ACK == 0);
        let answers: Vec<_> = asked
            .flat_map(|it| match it.kind {
                PING => frame(PING, ACK, 0, it.content),
                SETTINGS => frame(SETTINGS, ACK, 0, b""),
                _ => Vec::new(),
            })
            .collect();
        said.advance(taken);
        let mut writing = writing.lock().await;
        if writing.write_all(&answers).await.is_err() || writing.flush().await.is_err() {
            return;
        }
    }
}
