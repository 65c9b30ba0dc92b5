//! How a connection comes about, in clear or over TLS.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    },
};
use tonic::transport::{Channel, Endpoint};

use super::{
    connection::{Connection, Heard},
    fault::{Broken, Fault, Spoken},
};
use crate::cli::{failure::Failure, flags::ServerFlags};

/// Nobody waits longer for a server that does not answer the telephone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call answers, or begins to, within this time: the server's own limit and some way to go.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a silent connection is asked whether it still lives, so that a stream that waits for
/// days learns of a server that died.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Connects to a server, or says why not.
///
/// # Errors
/// [`Failure::Unreachable`]; [`Failure::Misused`] where a file does not hold what its flag says.
pub(in crate::cli) async fn dial(flags: &ServerFlags) -> Result<Connection, Failure> {
    let server = &*flags.server;
    let misused = |error: tonic::transport::Error| Failure::misused(error.to_string());
    if server.starts_with("unix:") {
        let heard = Heard::from(server, Spoken::Clear);
        let endpoint = with_limits(Endpoint::from_shared(server.to_owned()).map_err(misused)?);
        return reached(endpoint.connect().await, heard);
    }
    let bad = |what: &str| Failure::misused(format!("{server} {what}"));
    let uri: Uri = server.parse().map_err(|_| bad("is no URL"))?;
    let host = uri.host().ok_or_else(|| bad("names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let (spoken, port, tls) = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
        let name = ServerName::try_from(host.clone()).map_err(|_| bad("names no host"))?;
        (Spoken::Tls, 443, Some((TlsConnector::from(Arc::new(config(flags)?)), name)))
    } else {
        (Spoken::Clear, 80, None)
    };
    let port = uri.port_u16().unwrap_or(port);
    let heard = Heard::from(server, spoken);
    // What tonic knows as http it leaves alone: TLS is spoken below it.
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let endpoint = Endpoint::from_shared(format!("http://{authority}")).map_err(misused)?;
    let line = Line { host, port, tls, heard: Arc::clone(&heard) };
    let connector = tower::service_fn(move |_| line.clone().connect());
    let endpoint = with_limits(endpoint.origin(uri));
    reached(endpoint.connect_with_connector(connector).await, heard)
}

fn with_limits(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

fn reached(
    tried: Result<Channel, tonic::transport::Error>,
    heard: Arc<Heard>,
) -> Result<Connection, Failure> {
    match tried {
        Ok(channel) => Ok(Connection::of(channel, heard)),
        Err(error) => Err(Failure::Unreachable(heard.not_reached(Fault::NoWay, &error))),
    }
}

/// Where a connection goes, and how.
#[derive(Clone)]
struct Line {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    heard: Arc<Heard>,
}

/// Bytes both ways.
trait Bytestream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Bytestream for S {}

impl Line {
    async fn connect(self) -> Result<TokioIo<Box<dyn Bytestream>>, Broken> {
        let tcp = TcpStream::connect((&*self.host, self.port)).await;
        let tcp = tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp));
        let tcp = tcp.map_err(|error| self.heard.not_reached(Fault::NoWay, &error))?;
        let stream: Box<dyn Bytestream> = match &self.tls {
            None => Box::new(self.heard.begin(tcp)),
            Some((connector, name)) => {
                let spoken = connector.connect(name.clone(), tcp).await;
                let otherwise = Fault::Unheard(Spoken::Tls);
                let tls = spoken.map_err(|error| self.heard.not_reached(otherwise, &error))?;
                Box::new(self.heard.begin(tls))
            }
        };
        Ok(TokioIo::new(stream))
    }
}

/// TLS as the flags say.
fn config(flags: &ServerFlags) -> Result<ClientConfig, Failure> {
    let unusable =
        |error: rustls::Error| Failure::misused(format!("TLS cannot be spoken: {error}"));
    let mut roots = RootCertStore::empty();
    match &flags.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for each in certificates(path, "--ca")? {
                roots.add(each).map_err(|error| {
                    Failure::misused(format!("{} is no authority (--ca): {error}", path.display()))
                })?;
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots);
    let shown = flags.certificate.as_deref().zip(flags.certificate_key.as_deref());
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some((path, key_path)) => {
            let chain = certificates(path, "--certificate")?;
            let key = PrivateKeyDer::from_pem_slice(&read(key_path)?).map_err(|_| {
                let what = "holds no private key in PEM (--certificate-key)";
                Failure::misused(format!("{} {what}", key_path.display()))
            })?;
            config.with_client_auth_cert(chain, key).map_err(|error| {
                Failure::misused(format!(
                    "{} (--certificate) and {} (--certificate-key) cannot be used together: {error}",
                    path.display(),
                    key_path.display()
                ))
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The certificates in the file that a flag names.
fn certificates(path: &Path, flag: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or_else(|| {
        Failure::misused(format!("{} holds no certificate in PEM ({flag})", path.display()))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |source: io::Error| Failure::File { doing: "read", path: path.into(), source };
    fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_the_next_step() {
        for server in ["http://127.0.0.1:1", "https://127.0.0.1:1", "unix:/nowhere/at.all"] {
            let failure = dial(&ServerFlags::at(server.to_owned())).await.unwrap_err();
            let said = format!(
                "error: nothing listens on {server}; start it with `judgement-ledger serve --dev`, \
                 or name another with --server"
            );
            assert_eq!(failure.lines().first(), Some(&said));
            assert_eq!(failure.exit_code(), 1);
        }
    }
}
