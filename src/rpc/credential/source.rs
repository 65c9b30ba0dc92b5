//! Where the keys of an issuer come from, and how they stay new.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{sync::watch, task::spawn_blocking, time::Instant};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use super::keys::{BadKeys, KeySet};

/// How often keys at an address are looked at: an issuer that rotates its keys shows the new one some
/// time before it signs with it.
const REFRESH_EVERY: Duration = Duration::from_mins(5);

/// The least time between two looks that tokens caused: whoever makes names of keys up causes no
/// more.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);

/// How long keys count that can no longer be looked at. An issuer that is away for a day is rather
/// gone than slow, and one that took a key back must be heard at last.
const KEPT_MAX: Duration = Duration::from_hours(24);

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest document of keys, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 256 << 10;

/// Where keys come from, and the newest that were there.
pub(super) struct Source {
    /// Nowhere where they were given, and never change.
    place: Option<Place>,
    current: ArcSwapOption<Dated>,
    /// When it was looked at last. Held for the time of a comparison.
    looked_at: Mutex<Option<Instant>>,
    /// Whether somebody looks on behalf of a token.
    looking: watch::Sender<bool>,
    /// How the last look failed, so that the log says so once.
    failed: Mutex<Option<String>>,
}

/// Keys, and when they were had.
struct Dated {
    keys: Arc<KeySet>,
    at: Instant,
}

enum Place {
    /// A file.
    File(PathBuf),
    /// An address, and what vouches for it, if not those that browsers trust.
    Address { url: String, agent: Agent, ca: Option<Vec<u8>> },
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// They are at an address that anybody between could answer for.
    #[error("must be a file or an https address")]
    Insecure,
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file of certificates has none in it.
    #[error("{path} holds no certificate in PEM")]
    NoCertificate {
        /// Which file.
        path: String,
    },
    /// The address does not answer.
    #[error("{url} does not answer: {source}")]
    Unreachable {
        /// Which address.
        url: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// What is there is of no use.
    #[error("{place}: {source}")]
    Bad {
        /// What was read.
        place: String,
        /// Why it is of no use.
        #[source]
        source: BadKeys,
    },
}

impl Source {
    /// Keys that never change.
    pub(super) fn of(keys: KeySet) -> Self {
        let source = Self::at(None);
        source.keep(keys);
        source
    }

    /// The place that a file of issuers names. A file is read now; an address later, since it may be
    /// away for a while.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(super) fn stated(
        place: &str,
        ca: Option<&Path>,
        folder: &Path,
    ) -> Result<Self, SourceError> {
        if !place.contains("://") {
            let file = Place::File(folder.join(place));
            let keys = file.read()?;
            let source = Self::at(Some(file));
            source.keep(keys);
            return Ok(source);
        }
        if !is_secure(place) {
            return Err(SourceError::Insecure);
        }
        let ca = ca.map(|ca| folder.join(ca));
        let vouching = ca.as_deref().map(read).transpose()?;
        let mut tls = TlsConfig::builder();
        if let Some((ca, vouching)) = ca.as_deref().zip(vouching.as_deref()) {
            tls = tls.root_certs(roots(ca, vouching)?);
        }
        let settings = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            // Between two looks whoever is there closes what is kept open.
            .max_idle_connections(0)
            .tls_config(tls.build());
        let agent = settings.build().into();
        Ok(Self::at(Some(Place::Address { url: place.to_owned(), agent, ca: vouching })))
    }

    /// Whether another one's keys come from the same place, for which the same vouches.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Some(Place::File(one)), Some(Place::File(another))) => one == another,
            (
                Some(Place::Address { url, ca, .. }),
                Some(Place::Address { url: other_url, ca: other_ca, .. }),
            ) => url == other_url && ca == other_ca,
            (Some(Place::File(_) | Place::Address { .. }) | None, _) => false,
        }
    }

    fn at(place: Option<Place>) -> Self {
        Self {
            place,
            current: ArcSwapOption::empty(),
            looked_at: Mutex::new(None),
            looking: watch::Sender::new(false),
            failed: Mutex::new(None),
        }
    }

    /// The newest keys, unless they are too old to count.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        let current = self.current.load();
        let dated = current.as_ref()?;
        let counts = match self.place {
            None | Some(Place::File(_)) => true,
            Some(Place::Address { .. }) => dated.at.elapsed() < KEPT_MAX,
        };
        counts.then(|| Arc::clone(&dated.keys))
    }

    /// Reads the keys again, if it is time: files always, an address now and then. Blocks for some
    /// seconds at most.
    pub(super) fn refresh_if_due(&self) {
        let Some(place) = &self.place else { return };
        let every = match place {
            Place::File(_) => Duration::ZERO,
            Place::Address { .. } if self.current.load().is_none() => REFRESH_PAUSE,
            Place::Address { .. } => REFRESH_EVERY,
        };
        if self.takes_a_look(every) {
            self.refresh(place);
        }
    }

    /// Looks once more, since a token names a key that is not there. Who comes meanwhile waits for
    /// what is found; after that, none of them looks for a while.
    pub(super) async fn look_again(self: Arc<Self>) {
        match self.place {
            None | Some(Place::File(_)) => return,
            Some(Place::Address { .. }) => {}
        }
        let mut looking = self.looking.subscribe();
        if self.takes_a_look(REFRESH_PAUSE) {
            self.looking.send_replace(true);
            // It goes on although the caller goes away: others wait for it.
            let source = Arc::clone(&self);
            drop(spawn_blocking(move || {
                source.place.iter().for_each(|place| source.refresh(place));
                source.looking.send_replace(false);
            }));
        }
        // An error means that the issuers were exchanged: nothing more is to be waited for.
        drop(looking.wait_for(|looking| !looking).await);
    }

    /// Whether the last look is so long ago; then this one begins.
    fn takes_a_look(&self, every: Duration) -> bool {
        let mut last = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < every) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }

    /// Reads the keys again. Those that were there stay where that fails.
    fn refresh(&self, place: &Place) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match place.read() {
            Ok(keys) => {
                if failed.take().is_some() {
                    tracing::info!("keys of an issuer can be had again");
                }
                self.keep(keys);
            }
            Err(error) => {
                let said = error.to_string();
                if failed.as_ref() != Some(&said) {
                    tracing::warn!(%error, "keys of an issuer cannot be had; the last ones count");
                    *failed = Some(said);
                }
            }
        }
    }

    fn keep(&self, keys: KeySet) {
        let before = self.current.load();
        let keys = match before.as_ref() {
            // What is known of tokens stays known as long as the keys are the same.
            Some(dated) if *dated.keys == keys => Arc::clone(&dated.keys),
            Some(dated) => {
                let new: Vec<_> = keys.new_since(&dated.keys).collect();
                tracing::info!(?new, "keys of an issuer were exchanged");
                Arc::new(keys)
            }
            None => Arc::new(keys),
        };
        self.current.store(Some(Arc::new(Dated { keys, at: Instant::now() })));
    }
}

impl Place {
    fn read(&self) -> Result<KeySet, SourceError> {
        let (place, document) = match self {
            Self::File(path) => (path.display().to_string(), read(path)?),
            Self::Address { url, agent, .. } => (url.clone(), fetch(url, agent)?),
        };
        KeySet::read(&document).map_err(|source| SourceError::Bad { place, source })
    }
}

fn fetch(url: &str, agent: &Agent) -> Result<Vec<u8>, SourceError> {
    let unreachable =
        |source| SourceError::Unreachable { url: url.to_owned(), source: Box::new(source) };
    let mut answer = agent.get(url).call().map_err(unreachable)?;
    let limited = answer.body_mut().with_config().limit(DOCUMENT_BYTES_MAX);
    limited.read_to_vec().map_err(unreachable)
}

/// Whether nobody between can answer in the place of an address: it is asked over TLS, or lies on this
/// machine.
fn is_secure(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let on_this_machine = matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => on_this_machine,
        Some(_) | None => false,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    fs::read(path)
        .map_err(|source| SourceError::Unreadable { path: path.display().to_string(), source })
}

/// The certificates that a file holds.
fn roots(path: &Path, text: &[u8]) -> Result<RootCerts, SourceError> {
    let found: Vec<_> = ureq::tls::parse_pem(text)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    if found.is_empty() {
        return Err(SourceError::NoCertificate { path: path.display().to_string() });
    }
    Ok(RootCerts::new_with_certs(&found))
}
