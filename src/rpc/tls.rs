//! TLS, with certificates that are exchanged while it is served.
//!
//! The files are looked at every few seconds and when the process is told to. Where they make a
//! whole, connections that come from then on see it; where they do not (half of them written, a key
//! that belongs to another certificate), the ones before stay, and the log says why. Connections
//! that are there go on as they began, for half an hour, and with streams on them as long as these;
//! a client certificate that is taken back meanwhile ends both (see [`super::vouched`]).
//!
//! Certificates of clients are held against the time by which credentials are (it never runs back
//! behind the ledger), and so are revocation lists: one that is past its next update vouches for
//! nobody. No connection is resumed, since who resumes one shows no certificate; that it still counts
//! is asked again with each call (see [`super::caller`]).

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio_rustls::rustls::{
    self, CertificateError, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem::PemObject as _,
    },
    server::{
        NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};

use super::caller::Now;

/// What is spoken inside: HTTP/2, and HTTP/1.1 for browsers and files.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a server shows, and what it wants to be shown.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Its certificate and those between it and an authority, in PEM.
    pub certificate: PathBuf,
    /// The private key of the certificate, in PEM.
    pub key: PathBuf,
    /// Whether clients show certificates.
    pub clients: ClientCertificates,
    /// The oldest version that is spoken.
    pub oldest: TlsVersion,
}

/// Whether clients show certificates, and whose count.
#[derive(Debug, Clone)]
pub enum ClientCertificates {
    /// They are not asked.
    NotAsked,
    /// Those are checked that are shown; who shows none may still bear a credential.
    Asked(ClientAuthority),
    /// Who shows none is not let in.
    Required(ClientAuthority),
}

/// Who signs client certificates.
#[derive(Debug, Clone)]
pub struct ClientAuthority {
    /// Its certificates, in PEM.
    pub certificates: PathBuf,
    /// What it took back, in PEM: certificate revocation lists. Once there are any, each authority
    /// in the chain must have one whose next update is to come.
    pub revoked: Option<PathBuf>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    V12,
    /// RFC 8446.
    V13,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} holds no {wanted} in PEM")]
    Missing {
        /// Which file.
        path: String,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Certificate and key make no whole.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// An authority of clients cannot be used, or what it took back.
    #[error("{path} cannot be used: {source}")]
    Authority {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: VerifierBuilderError,
    },
}

/// TLS as it is spoken now.
pub struct Tls {
    files: TlsFiles,
    spoken: ArcSwap<Spoken>,
    /// What was read last, and how it failed. Held while the files are read.
    last: Mutex<Last>,
}

/// TLS as a set of files says.
pub(super) struct Spoken {
    config: ServerConfig,
    /// Who says whether a client certificate counts.
    clients: Arc<dyn ClientCertVerifier>,
}

impl Spoken {
    /// Whether a client would be let in with these certificates.
    pub(super) fn judge(&self, chain: &[CertificateDer<'_>], at: Timestamp) -> Verdict {
        let (Some((own, between)), Some(at)) = (chain.split_first(), unix_time(at)) else {
            return Verdict::TakenBack;
        };
        match self.clients.verify_client_cert(own, between, at) {
            Ok(_) => Verdict::Counts,
            Err(error) if list_is_over(&error) => Verdict::ListOver,
            Err(_) => Verdict::TakenBack,
        }
    }
}

/// Of the certificates of a client that was let in before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It would be let in again.
    Counts,
    /// Nobody is, until there is a new revocation list.
    ListOver,
    /// Nobody vouches for it any more.
    TakenBack,
}

struct Last {
    read: Read,
    failed: Option<String>,
}

/// What lies in the files.
#[derive(PartialEq, Eq)]
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
    revoked: Vec<u8>,
}

impl Read {
    /// What is another than before, by name.
    fn other_than(&self, before: &Self) -> Vec<&'static str> {
        let files = [
            ("certificate", self.certificate != before.certificate),
            ("key", self.key != before.key),
            ("client authority", self.authority != before.authority),
            ("revocation list", self.revoked != before.revoked),
        ];
        files.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
    }
}

impl Tls {
    /// TLS as the files say.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let read = files.read()?;
        let spoken = ArcSwap::from_pointee(files.spoken(&read)?);
        Ok(Self { files, spoken, last: Mutex::new(Last { read, failed: None }) })
    }

    /// Looks at the files again. Blocks.
    pub fn refresh(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = self.files.read().and_then(|read| {
            let changed = read != last.read;
            let spoken = changed.then(|| self.files.spoken(&read)).transpose()?;
            Ok(spoken.map(|spoken| (read, spoken)))
        });
        match tried {
            Ok(None) => last.failed = None,
            Ok(Some((read, spoken))) => {
                let changed = read.other_than(&last.read).join(", ");
                self.spoken.store(Arc::new(spoken));
                *last = Last { read, failed: None };
                tracing::info!(changed, "files of TLS were exchanged");
            }
            Err(error) => {
                let said = error.to_string();
                if last.failed.as_ref() != Some(&said) {
                    tracing::error!(%error, "files of TLS are not exchanged; those before stay");
                    last.failed = Some(said);
                }
            }
        }
    }

    /// TLS as it is spoken from now on, until the files are exchanged.
    pub(super) fn current(&self) -> Arc<Spoken> {
        self.spoken.load_full()
    }

    /// What is shown to a connection that comes now, and by which clock it is held against.
    pub(super) fn spoken(&self, now: &Now) -> Arc<ServerConfig> {
        let mut config = self.spoken.load().config.clone();
        config.time_provider = Arc::new(Clock(Arc::clone(now)));
        Arc::new(config)
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Read, TlsError> {
        let authority = match &self.clients {
            ClientCertificates::NotAsked => None,
            ClientCertificates::Asked(authority) | ClientCertificates::Required(authority) => {
                Some(authority)
            }
        };
        let revoked = authority.and_then(|it| it.revoked.as_deref());
        let read_if_any = |path: Option<&Path>| path.map_or_else(|| Ok(Vec::new()), read);
        Ok(Read {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            authority: read_if_any(authority.map(|it| it.certificates.as_path()))?,
            revoked: read_if_any(revoked)?,
        })
    }

    fn spoken(&self, read: &Read) -> Result<Spoken, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let missing =
            |path: &Path, wanted| TlsError::Missing { path: path.display().to_string(), wanted };
        let shown = certificates(&read.certificate);
        let shown = shown.ok_or_else(|| missing(&self.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&read.key);
        let key = key.map_err(|_| missing(&self.key, "private key"))?;
        let clients = self.verifier(read, Arc::clone(&provider))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(self.oldest.and_newer())?
            .with_client_cert_verifier(Arc::clone(&clients));
        let mut config = config.with_single_cert(shown, key)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // Who resumes a connection is not asked for a certificate: see the module.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Spoken { config, clients })
    }

    fn verifier(
        &self,
        read: &Read,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let (authority, required) = match &self.clients {
            ClientCertificates::NotAsked => return Ok(WebPkiClientVerifier::no_client_auth()),
            ClientCertificates::Asked(authority) => (authority, false),
            ClientCertificates::Required(authority) => (authority, true),
        };
        let missing =
            |path: &Path, wanted| TlsError::Missing { path: path.display().to_string(), wanted };
        let mut roots = RootCertStore::empty();
        let trusted = certificates(&read.authority);
        for each in trusted.ok_or_else(|| missing(&authority.certificates, "certificate"))? {
            roots.add(each)?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let Some(path) = &authority.revoked {
            let lists: Result<Vec<_>, _> =
                CertificateRevocationListDer::pem_slice_iter(&read.revoked).collect();
            let lists = lists.ok().filter(|lists| !lists.is_empty());
            // Whoever keeps a new list away must not thereby keep what it takes back.
            builder = builder
                .with_crls(lists.ok_or_else(|| missing(path, "certificate revocation list"))?)
                .enforce_revocation_expiration();
        }
        if !required {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|source| {
            let lists = matches!(source, VerifierBuilderError::InvalidCrl(_));
            let path = authority.revoked.as_ref().filter(|_| lists);
            let path = path.unwrap_or(&authority.certificates).display().to_string();
            TlsError::Authority { path, source }
        })
    }
}

impl TlsVersion {
    fn and_newer(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
        static NEWER: [&SupportedProtocolVersion; 1] = [&TLS13];
        match self {
            Self::V12 => &BOTH,
            Self::V13 => &NEWER,
        }
    }
}

/// The clock by which credentials are checked, for certificates.
struct Clock(Now);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        unix_time((self.0)())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A time as certificates are held against; none of those before 1970.
fn unix_time(at: Timestamp) -> Option<UnixTime> {
    let second = u64::try_from(at.as_second()).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(second)))
}

/// Whether a client was not let in since the revocation list is past its next update: nobody is then,
/// until there is a new one.
pub(super) const fn list_is_over(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::ExpiredRevocationList
                | CertificateError::ExpiredRevocationListContext { .. }
        )
    )
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path)
        .map_err(|source| TlsError::Unreadable { path: path.display().to_string(), source })
}

/// All certificates in a file; nothing where there is none, or one that is broken.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty())
}
