//! The composition root: where flags become a running server. Everything that a server is made
//! of is chosen, opened and joined here, and nowhere else.

use std::{
    convert::Infallible,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{self, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    admin_socket::AdminSocket,
    demo::DemonstrationClock,
    engine::{Engine, EngineError, EngineOptions, JournalAt},
    face::{self, Believed, ConsolePages, Listen, Place, Tokens},
    failure::Failure,
    first::Made,
    key_files::KeyFiles,
    output,
    probes::Probes,
    reload,
    signing::SignerOptions,
};
use crate::{
    backup,
    console::{self, Spoken},
    journal::file,
    judgement::{OrganisationId, Role, Text},
    ledger::{self, Reading, Stop, system_clock},
    rpc::{
        self, About, Credentials, Identity, Limits, Listener, Reflection, ServeOptions, TlsFiles,
        WentDown,
    },
    vault::{self, system_entropy},
};

/// What a server is started with.
pub(super) struct Setup {
    /// Where it listens.
    pub(super) listen: Listen,
    /// What it speaks there, if not plain text.
    pub(super) tls: Option<TlsFiles>,
    /// The directory that it may write to; it is there, and this process's alone.
    pub(super) data: PathBuf,
    /// Where its journal lies.
    pub(super) journal: JournalAt,
    /// The directory of its keyring; by default one within its own.
    pub(super) keys_dir: Option<PathBuf>,
    /// What time it is.
    pub(super) clock: Clock,
    /// In which zone a time is a day. (Spec §4.5)
    pub(super) time_zone: TimeZone,
    /// Where its keys are.
    pub(super) keys: Keys,
    /// What signs it; by default a directory beside the master key.
    pub(super) signer: Option<SignerOptions>,
    /// The size of a journal segment.
    pub(super) segment_mib: u32,
    /// How much memory the views' caches may take.
    pub(super) cache_mib: u32,
    /// From which origins browsers may call.
    pub(super) allow_origins: Vec<http::HeaderValue>,
    /// How much it takes at once, and how long it takes to go down.
    pub(super) limits: Limits,
    /// Whether it tells what services it has.
    pub(super) reflection: Reflection,
    /// Whether there are pages for people.
    pub(super) console: ConsolePages,
    /// What is told to whoever watches over it.
    pub(super) probes: Probes,
    /// Where the operator's socket is to be; none where there is no operator.
    pub(super) admin_socket: Option<PathBuf>,
}

/// What time it is.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// The machine's clock, held against its monotonic one. (Spec §4.5)
    System,
    /// One that a demonstration sets. It jumps, so it is its own monotonic clock, and the server
    /// says loudly that it runs on it.
    Demonstration(DemonstrationClock),
}

/// Where keys are.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// In files that stay.
    Files {
        /// The key that wraps the keys of texts.
        master: PathBuf,
        /// Whose credentials are believed.
        believed: Believed,
    },
    /// Beside the data directory, made where they are not there: a ledger to look at, whose keys need
    /// no place of their own.
    Beside,
}

impl Keys {
    /// The file of the master key of the ledger in `data`.
    fn master(&self, data: &Path) -> PathBuf {
        match self {
            Self::Files { master, .. } => master.clone(),
            Self::Beside => master_key(data),
        }
    }

    /// What signs the ledger in `data` by default.
    pub(super) fn signer(&self, data: &Path) -> SignerOptions {
        SignerOptions::beside(&self.master(data))
    }
}

/// A credential to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The login.
    pub(super) name: Text,
    /// For whom it acts.
    pub(super) organisation: OrganisationId,
    /// What it may do.
    pub(super) roles: Vec<Role>,
    /// For how long, from the server's now.
    pub(super) valid: Duration,
}

/// Makes credentials that one server accepts.
pub(super) type Mint = Box<dyn Fn(&Login) -> Result<String, Failure> + Send + Sync>;

/// A server that runs.
pub(super) struct Running {
    /// Where it listens.
    pub(super) place: Place,
    /// Makes credentials for it.
    pub(super) mint: Mint,
    /// Cancelled to stop it: calls under way are finished, then it ends.
    pub(super) stop: CancellationToken,
    /// Ends when it has stopped, or with why it had to. (an outcome unknown, a disk that failed)
    pub(super) ended: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Stops the server and waits until it has ended.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        ended(self.ended).await
    }
}

/// Waits until a server has ended.
pub(super) async fn ended(server: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    let ended = server.await;
    ended.map_err(|error| Failure::Start { doing: "end the server", source: error.into() })?
}

/// Opens or creates the ledger in `setup.data`, binds, and serves until stopped.
///
/// # Errors
/// If the ledger cannot be opened or the address not bound.
pub(super) async fn start(setup: Setup) -> Result<Running, Failure> {
    let opening = |source: EngineError| Failure::start("open the ledger", source);
    let (clock, now) = clocks(&setup.clock);
    let credentials = Arc::new(credentials(&setup)?);
    let in_files = matches!(setup.journal, JournalAt::Directory);
    let kept = matches!(setup.keys, Keys::Files { .. }) && in_files;
    let made = Made::by_opening(&setup.data, &setup.keys.master(&setup.data));
    let key_files = key_files(&setup);
    let tls = setup.tls.map(face::speak).transpose()?;
    let spoken = if tls.is_some() { Spoken::Tls } else { Spoken::PlainText };
    let keeping_new = reload::keep_new(Arc::clone(&credentials), tls.clone());
    let (listener, place) = face::bind(&setup.listen, tls.is_some()).await?;
    let options = EngineOptions {
        signer: setup.signer.unwrap_or_else(|| setup.keys.signer(&setup.data)),
        master_key: setup.keys.master(&setup.data),
        keys: setup.keys_dir.unwrap_or_else(|| setup.data.join("keys")),
        data: setup.data,
        journal: setup.journal,
        clock,
        entropy: system_entropy(),
        zone: setup.time_zone,
        segment_bytes: u64::from(setup.segment_mib).saturating_mul(MIB),
        cache_bytes: u64::from(setup.cache_mib).saturating_mul(MIB),
        metrics: Arc::clone(setup.probes.metrics()),
    };
    let rebuilding = output::rebuilding();
    let probes = &setup.probes;
    let engine = Engine::open(options, &|at, head| {
        rebuilding.show(at.get(), head.get());
        probes.opening(at.get(), head.get());
    })
    .await
    .map_err(opening)?;
    rebuilding.done();
    if kept {
        made.tell(Uuid::from_bytes(engine.ledger_id()));
    }
    key_files.check();
    probes.open(engine.ledger().vitals());
    let serving = ServeOptions {
        credentials: Arc::clone(&credentials),
        tls,
        now: Arc::clone(&now),
        origins: setup.allow_origins,
        reflection: setup.reflection,
        pages: (setup.console == ConsolePages::On).then(|| console::pages(spoken)),
        limits: setup.limits,
    };
    let admin = match operator(setup.admin_socket.as_deref(), &engine) {
        Ok(admin) => admin,
        Err(failure) => {
            engine.close().await.map_err(opening)?;
            return Err(failure);
        }
    };
    let stop = CancellationToken::new();
    let serving = (serving, keeping_new);
    let ended = tokio::spawn(run(listener, admin, engine, serving, stop.clone()));
    let mint: Mint = Box::new(move |login| mint_with(&credentials, login, now()));
    Ok(Running { place, mint, stop, ended })
}

/// Where its keys lie.
fn key_files(setup: &Setup) -> KeyFiles {
    let credentials = match &setup.keys {
        Keys::Files { believed, .. } => match &believed.tokens {
            Tokens::Development(path) => Some(path.clone()),
            Tokens::Issuers(_) | Tokens::Nobody => None,
        },
        Keys::Beside => Some(token_key(&setup.data)),
    };
    let signer = setup.signer.clone().unwrap_or_else(|| setup.keys.signer(&setup.data));
    let files = credentials.into_iter().chain([setup.keys.master(&setup.data)]).collect();
    KeyFiles { files, signer: signer.directory }
}

/// The operator's socket, and what is told on it.
type Operator = Option<(AdminSocket, About)>;

fn operator(path: Option<&Path>, engine: &Engine) -> Result<Operator, Failure> {
    let Some(path) = path else { return Ok(None) };
    let formats = vec![
        ("journal", file::FORMAT_VERSION),
        ("keyring", vault::FORMAT_VERSION),
        ("backup", backup::FORMAT_VERSION),
    ];
    let (ledger_id, origin) = (engine.ledger_id(), engine.origin().to_owned());
    let about = About { ledger_id, started_at: Timestamp::now(), origin, formats };
    Ok(Some((AdminSocket::bind(path)?, about)))
}

/// Serves until told to stop, or until the ledger stops by itself.
async fn run(
    listener: Listener,
    operator: Operator,
    engine: Engine,
    (options, keeping_new): (ServeOptions, impl Future<Output = Infallible>),
    stop: CancellationToken,
) -> Result<(), Failure> {
    // However this ends, by a panic too, whoever waits for it is told: a process that serves nothing
    // must not live on.
    let _ends = stop.clone().drop_guard();
    let stopped = engine.ledger().stopped();
    let told = {
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = stopped.cancelled() => {}
            }
        }
    };
    let over = CancellationToken::new();
    let served = async {
        let served = tokio::select! {
            served = rpc::serve(listener, engine.ledger().clone(), options, told) => served,
            never = keeping_new => match never {},
        };
        over.cancel();
        served
    };
    let operated = async {
        if let Some((socket, about)) = operator {
            socket.serve(engine.ledger().clone(), about, over.cancelled()).await;
        }
    };
    let (served, ()) = tokio::join!(served, operated);
    stop.cancel();
    let why = engine.close().await.map_err(|error| Failure::start("close the ledger", error))?;
    match why {
        Stop::Closed => {
            let went_down = served.map_err(|error| Failure::start("serve", error))?;
            tell_of_cut(went_down);
            Ok(())
        }
        Stop::Unknown(_)
        | Stop::Keys(_)
        | Stop::Views(_)
        | Stop::Overtaken { .. }
        | Stop::Behind { .. }
        | Stop::Others(_) => Err(Failure::start("go on", why)),
    }
}

/// A peer that takes nothing is no reason to end badly: all that was answered is there, and the ledger
/// is closed in order.
fn tell_of_cut(went_down: WentDown) {
    match went_down {
        WentDown::InOrder => {}
        WentDown::Cut { calls, after_s } => tracing::warn!(
            calls,
            after_s,
            "calls that did not end in time were cut off; whatever was answered is there"
        ),
    }
}

const MIB: u64 = 1 << 20;

/// The ledger's clock, and the time against which credentials expire.
fn clocks(clock: &Clock) -> (ledger::Clock, rpc::Now) {
    match clock {
        Clock::System => (system_clock(), Arc::new(Timestamp::now)),
        Clock::Demonstration(demonstration) => {
            tracing::warn!("this server runs on a demonstration clock: its times are not real");
            let (time, now) = (demonstration.clone(), demonstration.clone());
            let read = move || {
                let wall = time.now();
                // Its own monotonic clock: its jumps are on purpose.
                let since = wall.duration_since(Timestamp::UNIX_EPOCH);
                let monotonic = Duration::try_from(since).unwrap_or(Duration::ZERO);
                Reading { wall, monotonic }
            };
            (Arc::new(read), Arc::new(move || now.now()))
        }
    }
}

/// What a path names once its links are followed, as far as it is there.
pub(super) fn real(path: &Path) -> PathBuf {
    let absolute = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // What is not there yet has no links: those above it count.
    let there = absolute.ancestors().find(|it| it.exists()).unwrap_or(&absolute);
    let rest = absolute.strip_prefix(there).unwrap_or(Path::new(""));
    there.canonicalize().unwrap_or_else(|_| there.to_owned()).join(rest)
}

/// The credentials that are believed.
fn credentials(setup: &Setup) -> Result<Credentials, Failure> {
    match &setup.keys {
        Keys::Files { believed, .. } => face::credentials(believed),
        Keys::Beside => {
            let path = token_key(&setup.data);
            if !path.exists() {
                make_key(&path)?;
            }
            face::credentials(&development(path))
        }
    }
}

/// Those that are made under a key are believed, and no others.
fn development(key: PathBuf) -> Believed {
    Believed { tokens: Tokens::Development(key), certified: Vec::new() }
}

/// Where the ledger lies in a directory that holds its keys, too.
pub(super) fn ledger_in(directory: &Path) -> PathBuf {
    directory.join("ledger")
}

/// Where the master key lies, if it lies beside the ledger.
pub(super) fn master_key(data: &Path) -> PathBuf {
    data.with_file_name("master.key")
}

/// Where the key of credentials lies, if it lies beside the ledger.
pub(super) fn token_key(data: &Path) -> PathBuf {
    data.with_file_name("token.key")
}

/// Makes a key that nobody else may read.
fn make_key(path: &Path) -> Result<(), Failure> {
    let mut key = Zeroizing::new([0; 32]);
    system_entropy()(key.as_mut()).map_err(|error| Failure::start("draw a key", error))?;
    let failed = |source| Failure::File { doing: "write the key", path: path.to_owned(), source };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(key.as_ref())).map_err(failed)
}

/// Makes a credential with the key in `key_file`.
///
/// # Errors
/// If the file holds no key, or nobody may bear such a credential.
pub(super) fn mint(login: &Login, key_file: &Path) -> Result<String, Failure> {
    let credentials = face::credentials(&development(key_file.to_owned()))?;
    mint_with(&credentials, login, Timestamp::now())
}

fn mint_with(credentials: &Credentials, login: &Login, now: Timestamp) -> Result<String, Failure> {
    let identity = Identity {
        login: login.name.clone(),
        organisation: login.organisation.clone(),
        roles: login.roles.clone(),
    };
    credentials
        .mint(&identity, now, login.valid)
        .map_err(|error| Failure::misused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tonic::transport::Endpoint;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_peer_that_takes_nothing_is_cut_off_and_the_end_is_a_good_one() {
        let directory = tempfile::tempdir().unwrap();
        let data = ledger_in(directory.path());
        fs::create_dir_all(&data).unwrap();
        let drain_max = Duration::from_millis(200);
        let running = start(Setup {
            listen: "127.0.0.1:0".parse().map(Listen::Tcp).unwrap(),
            tls: None,
            data,
            journal: JournalAt::Directory,
            keys_dir: None,
            clock: Clock::System,
            time_zone: TimeZone::UTC,
            keys: Keys::Beside,
            signer: None,
            segment_mib: 4,
            cache_mib: 16,
            allow_origins: Vec::new(),
            limits: Limits { drain_delay: Duration::ZERO, drain_max, ..Limits::STANDARD },
            probes: Probes::new().unwrap(),
            admin_socket: None,
            reflection: Reflection::Hidden,
            console: ConsolePages::Off,
        });
        let running = running.await.unwrap();
        // It has room for one byte of an answer, and takes none.
        let endpoint = Endpoint::from_shared(running.place.url()).unwrap();
        let channel = endpoint.initial_stream_window_size(1).connect().await.unwrap();
        let mut health = HealthClient::new(channel);
        let untaken = health.watch(HealthCheckRequest::default()).await.unwrap();
        running.stop().await.unwrap();
        drop(untaken);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_stumbles_ends_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let master_key = directory.path().join("master.key");
        let options = EngineOptions {
            signer: SignerOptions::beside(&master_key),
            master_key,
            data: directory.path().join("data"),
            journal: JournalAt::Directory,
            keys: directory.path().join("data/keys"),
            clock: system_clock(),
            entropy: system_entropy(),
            zone: TimeZone::UTC,
            segment_bytes: 4 << 20,
            cache_bytes: 16 << 20,
            metrics: crate::metrics::Metrics::new(0).unwrap(),
        };
        let engine = Engine::open(options, &|_, _| {}).await.unwrap();
        let listen = "127.0.0.1:0".parse().map(Listen::Tcp).unwrap();
        let (listener, _) = face::bind(&listen, false).await.unwrap();
        let credentials = Arc::new(Credentials::new(&[7; 32]).unwrap());
        let serving = ServeOptions::new(credentials, Arc::new(Timestamp::now));
        let stop = CancellationToken::new();
        let stumbles = std::future::poll_fn(|_| -> Poll<Infallible> { panic!("a defect") });
        let serves = run(listener, None, engine, (serving, stumbles), stop.clone());
        let serves = tokio::spawn(serves);
        tokio::time::timeout(Duration::from_secs(30), stop.cancelled()).await.unwrap();
        assert!(matches!(ended(serves).await, Err(Failure::Start { doing: "end the server", .. })));
    }
}
