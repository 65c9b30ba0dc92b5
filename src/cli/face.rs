//! Where a server listens, what it speaks there, and whom it believes.

use std::{
    fmt, fs, io,
    net::{SocketAddr, ToSocketAddrs as _},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

use super::{failure::Failure, socket::Socket};
use crate::{
    judgement::OrganisationId,
    rpc::{
        ClientAuthority, ClientCertificates, Credentials, Limits, Listener, Reflection, Tls,
        TlsFiles, TlsVersion,
    },
};

/// Where a server listens, what it speaks there, and whom it believes.
#[derive(Debug, Clone, Args)]
pub struct FaceFlags {
    /// Where to listen: an address, or `unix:PATH`.
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "JUDGEMENT_LEDGER_LISTEN",
        default_value = "127.0.0.1:50051",
        value_parser = listen
    )]
    pub listen: Listen,
    /// Listen for calls in plain text beyond this machine: say that something in front ends TLS.
    #[arg(long, env = "JUDGEMENT_LEDGER_INSECURE")]
    pub insecure: bool,
    /// The server's certificate and those between it and an authority, in PEM. It, its key, the files of
    /// client certificates, the issuers and what they name are read again when they change, and on SIGHUP.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_TLS_CERTIFICATE",
        requires = "tls_key"
    )]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_TLS_KEY",
        requires = "tls_certificate"
    )]
    pub tls_key: Option<PathBuf>,
    /// Speak TLS 1.2 too, for old clients. Default: TLS 1.3 alone.
    #[arg(long, env = "JUDGEMENT_LEDGER_TLS_12", requires = "tls_certificate")]
    pub tls_12: bool,
    /// The authority whose client certificates say who calls, in PEM: O is the organisation, CN the
    /// login, each OU a role. It must sign for this ledger alone.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_CLIENT_CA",
        requires = "tls_certificate"
    )]
    pub client_ca: Option<PathBuf>,
    /// What that authority took back: certificate revocation lists in PEM. Who shows a certificate is not
    /// let in while a list is past its next update.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_CLIENT_CRL", requires = "client_ca")]
    pub client_crl: Option<PathBuf>,
    /// The organisations of which client certificates may name logins. None of these may have an issuer:
    /// one person could be two logins, and approve of itself. Default: none beside issuers, else any.
    #[arg(
        long,
        value_name = "ORGANISATION",
        env = "JUDGEMENT_LEDGER_CLIENT_ORGANISATIONS",
        value_delimiter = ',',
        value_parser = organisation,
        requires = "client_ca",
        conflicts_with = "dev"
    )]
    pub client_organisations: Vec<OrganisationId>,
    /// Let nobody connect without a client certificate.
    #[arg(long, env = "JUDGEMENT_LEDGER_CLIENT_REQUIRED", requires = "client_ca")]
    pub client_required: bool,
    /// The file of issuers whose tokens say who calls; `token --help` shows its form. Beside them client
    /// certificates say so of --client-organisations alone.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_ISSUERS",
        conflicts_with_all = ["token_key_file", "dev"]
    )]
    pub issuers: Option<PathBuf>,
    /// For development: the file of the key, 32 bytes, under which `token` makes credentials. It is read
    /// once.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_TOKEN_KEY_FILE")]
    pub token_key_file: Option<PathBuf>,
    /// Calls that one caller may make in a second, with as many saved up; 0 means no limit. With a limit
    /// it also has no more than half of all calls, and of all streams, under way, and of the queue.
    #[arg(
        long,
        value_name = "CALLS",
        env = "JUDGEMENT_LEDGER_CALLER_RATE",
        default_value_t = Limits::STANDARD.caller_calls_per_second.map_or(0, NonZeroU32::get)
    )]
    pub caller_rate: u32,
    /// Connections at once, of which one address may have half, unless it is this machine's. Fewer, where
    /// the process may not have so many descriptors.
    #[arg(
        long,
        value_name = "CONNECTIONS",
        env = "JUDGEMENT_LEDGER_CONNECTIONS_MAX",
        default_value_t = Limits::STANDARD.connections_max
    )]
    pub connections_max: usize,
    /// Whether anybody is told what services there are, which `grpcurl` and its like ask for.
    #[arg(long, env = "JUDGEMENT_LEDGER_REFLECTION", default_value = "on")]
    pub reflection: Reflection,
    /// Whether there are pages for people, under /console/, which show what their credential may see.
    #[arg(long, env = "JUDGEMENT_LEDGER_CONSOLE", default_value = "on")]
    pub console: ConsolePages,
}

/// Whether the console is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ConsolePages {
    /// Its pages are there.
    On,
    /// They are not.
    Off,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// On an address; port 0 takes any that is free.
    Tcp(SocketAddr),
    /// Under a path on this machine.
    Unix(PathBuf),
}

/// Whose credentials are believed.
#[derive(Debug, Clone)]
pub(super) struct Believed {
    /// Whose tokens.
    pub(super) tokens: Tokens,
    /// Of which organisations client certificates name logins; not said, if of none.
    pub(super) certified: Vec<OrganisationId>,
}

/// Whose tokens are believed.
#[derive(Debug, Clone)]
pub(super) enum Tokens {
    /// Those made under the key in this file, for development.
    Development(PathBuf),
    /// Those of the issuers that this file names.
    Issuers(PathBuf),
    /// None: client certificates alone say who calls.
    Nobody,
}

impl FaceFlags {
    /// Nobody listens in plain text beyond this machine by accident.
    ///
    /// # Errors
    /// [`Failure::misused`].
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Listen::Tcp(address) = &self.listen else { return Ok(()) };
        if address.ip().is_loopback() || self.insecure || self.tls_certificate.is_some() {
            return Ok(());
        }
        Err(Failure::misused(format!(
            "{address} can be reached from outside and this server would speak plain text there: give \
             it a certificate with --tls-certificate and --tls-key, listen on 127.0.0.1 behind a proxy \
             that ends TLS, or say --insecure"
        )))
    }

    /// Whose credentials are believed; of `--dev` its own.
    pub(super) fn believed(&self) -> Option<Believed> {
        let tokens = match (&self.issuers, &self.token_key_file, &self.client_ca) {
            (Some(issuers), _, _) => Tokens::Issuers(issuers.clone()),
            (None, Some(key), _) => Tokens::Development(key.clone()),
            (None, None, Some(_)) => Tokens::Nobody,
            (None, None, None) => return None,
        };
        Some(Believed { tokens, certified: self.client_organisations.clone() })
    }

    /// The files of TLS, if it is spoken.
    pub(super) fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.tls_certificate.clone().zip(self.tls_key.clone())?;
        let authority = self
            .client_ca
            .clone()
            .map(|certificates| ClientAuthority { certificates, revoked: self.client_crl.clone() });
        let clients = match authority {
            None => ClientCertificates::NotAsked,
            Some(authority) if self.client_required => ClientCertificates::Required(authority),
            Some(authority) => ClientCertificates::Asked(authority),
        };
        let oldest = if self.tls_12 { TlsVersion::V12 } else { TlsVersion::V13 };
        Some(TlsFiles { certificate, key, clients, oldest })
    }

    /// How much is taken at once.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            connections_max: self.connections_max.min(connections_that_fit()),
            caller_calls_per_second: NonZeroU32::new(self.caller_rate),
            ..Limits::STANDARD
        }
    }
}

/// Descriptors that connections leave to everything else, segments before all: a quarter, or as many as
/// a large ledger needs.
const DESCRIPTORS_KEPT_MAX: u64 = 1_024;

/// How many at least: what a ledger has open for itself, and what it opens for a moment.
const DESCRIPTORS_KEPT_MIN: u64 = 48;

/// How many connections this process may have, once it may have as many descriptors as it can: if
/// connections took the last one, the journal could not begin a segment.
fn connections_that_fit() -> usize {
    let allowed = getrlimit(Resource::Nofile);
    let most = Rlimit { current: allowed.maximum, maximum: allowed.maximum };
    let raised = setrlimit(Resource::Nofile, most).is_ok();
    let descriptors = if raised { most.current } else { allowed.current };
    descriptors.map_or(usize::MAX, |descriptors| {
        let kept = (descriptors / 4).clamp(DESCRIPTORS_KEPT_MIN, DESCRIPTORS_KEPT_MAX);
        usize::try_from(descriptors.saturating_sub(kept)).unwrap_or(usize::MAX)
    })
}

/// The credentials that are believed.
///
/// # Errors
/// If a file cannot be read, or does not hold what it should.
pub(super) fn credentials(believed: &Believed) -> Result<Credentials, Failure> {
    let misused = |path: &Path, error: &dyn std::error::Error| {
        Failure::misused(format!("{}: {error}", path.display()))
    };
    let credentials = match &believed.tokens {
        Tokens::Development(path) => {
            let failed =
                |source| Failure::File { doing: "read the key", path: path.clone(), source };
            let key = fs::read(path).map(zeroize::Zeroizing::new).map_err(failed)?;
            Credentials::new(&key).map_err(|error| misused(path, &error))?
        }
        Tokens::Issuers(path) => {
            Credentials::of_issuers_in(path).map_err(|error| misused(path, &error))?
        }
        Tokens::Nobody => Credentials::none(),
    };
    if believed.certified.is_empty() {
        return Ok(credentials);
    }
    let certifying = credentials.certifying(believed.certified.clone());
    certifying.map_err(|error| Failure::misused(format!("--client-organisations: {error}")))
}

/// TLS as its files say.
///
/// # Errors
/// If it cannot be spoken.
pub(super) fn speak(files: TlsFiles) -> Result<Arc<Tls>, Failure> {
    Tls::open(files).map(Arc::new).map_err(|error| Failure::misused(error.to_string()))
}

/// Where a server listens, now that it does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On an address, in plain text.
    Plain(SocketAddr),
    /// On an address, over TLS.
    Encrypted(SocketAddr),
    /// Under a path.
    Path(Socket),
}

impl Place {
    /// The address as clients are told it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Plain(address) => format!("http://{address}"),
            Self::Encrypted(address) => format!("https://{address}"),
            Self::Path(socket) => format!("unix:{}", socket.path().display()),
        }
    }
}

/// Who may open the socket of callers: whoever may come to where it lies. Callers show credentials.
const MODE: u32 = 0o666;

/// Listens.
///
/// # Errors
/// Whatever the system says, or that somebody listens there already.
pub(super) async fn bind(listen: &Listen, encrypted: bool) -> Result<(Listener, Place), Failure> {
    match listen {
        Listen::Tcp(address) => {
            let at = address.to_string();
            let failed = |source: io::Error| Failure::Listen { at, flag: "--listen", source };
            let bound = TcpListener::bind(address).await;
            let bound = bound.and_then(|it| it.local_addr().map(|place| (it, place)));
            let (listener, bound) = bound.map_err(failed)?;
            let place = if encrypted { Place::Encrypted(bound) } else { Place::Plain(bound) };
            Ok((listener.into(), place))
        }
        Listen::Unix(path) => {
            let (listener, socket) = Socket::bind(path, MODE)?;
            Ok((listener.into(), Place::Path(socket)))
        }
    }
}

fn organisation(given: &str) -> Result<OrganisationId, String> {
    OrganisationId::parse(given).map_err(|error| error.to_string())
}

fn listen(given: &str) -> Result<Listen, String> {
    if let Some(path) = given.strip_prefix("unix:") {
        let named = !path.is_empty();
        return named.then(|| Listen::Unix(path.into())).ok_or_else(|| "say unix:PATH".to_owned());
    }
    let wanted = "say HOST:PORT, such as 127.0.0.1:50051, or unix:PATH";
    let mut found = given.to_socket_addrs().map_err(|error| format!("{error}; {wanted}"))?;
    found.next().map(Listen::Tcp).ok_or_else(|| wanted.to_owned())
}

/// The configuration, as it is said at start.
impl fmt::Display for FaceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &Option<PathBuf>| {
            path.as_ref().map_or_else(|| "none".to_owned(), |it| it.display().to_string())
        };
        let spoken = match (&self.listen, &self.tls_certificate, self.tls_12) {
            (Listen::Unix(_), _, _) | (_, None, _) => "plain text",
            (_, Some(_), false) => "TLS 1.3",
            (_, Some(_), true) => "TLS 1.2 and 1.3",
        };
        writeln!(f, "  listen           {}, {spoken}", self.listen)?;
        if let Some(certificate) = &self.tls_certificate {
            writeln!(f, "  certificate      {}", certificate.display())?;
            let needed = if self.client_required { ", required" } else { "" };
            writeln!(f, "  client CA        {}{needed}", path(&self.client_ca))?;
        }
        if self.client_ca.is_some() {
            let those: Vec<_> =
                self.client_organisations.iter().map(OrganisationId::as_str).collect();
            let those = match (those.is_empty(), &self.issuers) {
                (false, _) => format!("logins of {}", those.join(", ")),
                (true, Some(_)) => "nobody: issuers do".to_owned(),
                (true, None) => "logins of any organisation".to_owned(),
            };
            writeln!(f, "  certificates     name {those}")?;
        }
        match (&self.issuers, &self.token_key_file) {
            (Some(issuers), _) => writeln!(f, "  issuers          {}", issuers.display())?,
            (None, Some(key)) => {
                writeln!(f, "  token key file   {}, for development", key.display())?;
            }
            (None, None) if self.client_ca.is_some() => {
                writeln!(f, "  tokens           none: client certificates say who calls")?;
            }
            (None, None) => writeln!(f, "  token key file   made to throw away")?,
        }
        match self.caller_rate {
            0 => writeln!(f, "  calls a second   no limit")?,
            rate => writeln!(f, "  calls a second   {rate} of one caller")?,
        }
        writeln!(f, "  connections      {} at most", self.connections_max)?;
        match self.reflection {
            Reflection::Offered => writeln!(f, "  reflection       on")?,
            Reflection::Hidden => writeln!(f, "  reflection       off")?,
        }
        match self.console {
            ConsolePages::On => write!(f, "  console          /console/"),
            ConsolePages::Off => write!(f, "  console          off"),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
