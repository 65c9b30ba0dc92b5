//! A ledger on this machine's disk: its directory, its keys, its stores and its sequencer, opened
//! and joined.

mod room;
mod store;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::signing::{self, SignerOptions, SigningError};
use store::Store;

use crate::{
    disk::{RealDisk, Reserve},
    journal::{Journal, JournalError, Page, file, postgres},
    judgement::Position,
    ledger::{
        self, BuiltInError, Clock, Covering, Eraser, Follower, Ledger, Notary, NotaryError, Parts,
        Progress, Sequencer, SigningInTurn, Stop,
    },
    metrics::Metrics,
    record::{Beside, read_snapshot, snapshot_of},
    signer::{SharedSigner, Signed, Signing, Witness},
    vault::{self, Entropy, MasterKey, Setup, Slot, Vault, VaultError, slots_of},
    views::{Known, SnapshotCodec, Views, ViewsError, ViewsOptions},
};
pub use store::JournalAt;

/// What a ledger is opened with.
pub struct EngineOptions {
    /// The directory that holds the ledger, or its views alone; this process's alone while it is open.
    pub data: PathBuf,
    /// Where its journal lies.
    pub journal: JournalAt,
    /// The directory of the keyring, which a ledger shares that others serve as well.
    pub keys: PathBuf,
    /// The file of the master key; made if it is not there.
    pub master_key: PathBuf,
    /// What signs the ledger.
    pub signer: SignerOptions,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// In which time zone days begin.
    pub zone: TimeZone,
    /// The size of the journal's segments, in bytes.
    pub segment_bytes: u64,
    /// How much memory the caches of the views may take, in bytes.
    pub cache_bytes: u64,
    /// Where it counts and measures what it does.
    pub metrics: Arc<Metrics>,
}

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A directory or file cannot be used.
    #[error("{path} cannot be used")]
    Directory {
        /// Which one.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The journal cannot be opened.
    #[error("the journal cannot be opened")]
    Journal(#[from] file::OpenError),
    /// The journal in a database cannot be opened.
    #[error("the journal in PostgreSQL cannot be opened")]
    Postgres(#[from] postgres::OpenError),
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Unreadable(#[from] JournalError),
    /// The disk has no room for a journal to begin.
    #[error(
        "{path}: a ledger with segments of {segment_mib} MiB needs {needed_mib} MiB to begin, which the \
         disk has not: make room, or say smaller segments with --segment-mib (4 at least)"
    )]
    NoRoom {
        /// The ledger's directory.
        path: String,
        /// How large a segment is to be.
        segment_mib: u64,
        /// How much is taken at the start.
        needed_mib: u64,
        /// What the disk said.
        #[source]
        source: file::OpenError,
    },
    /// There is no master key for a keyring that is shared.
    #[error(
        "{path}: there is no master key, and none is made for a ledger that several servers share, since \
         each would make another: draw it once, for example with `openssl rand -hex 32 >{path}`, and give \
         it to all of them"
    )]
    NoSharedKey {
        /// Where it should be.
        path: String,
    },
    /// The keyring cannot be opened.
    #[error("the keyring cannot be opened")]
    Vault(#[from] VaultError),
    /// The views cannot be opened.
    #[error("the views cannot be opened")]
    Views(#[from] ViewsError),
    /// The ledger cannot be opened.
    #[error("the ledger cannot be opened")]
    Ledger(#[from] ledger::OpenError),
    /// The built-in frameworks cannot be registered.
    #[error("the built-in frameworks cannot be registered")]
    BuiltIn(#[from] BuiltInError),
    /// The ledger cannot be signed.
    #[error("the ledger cannot be signed")]
    Signing(#[from] SigningError),
    /// The notary failed.
    #[error("the notary failed")]
    Notary(#[from] NotaryError),
    /// The ledger stopped before it was open.
    #[error("the ledger stopped before it was open")]
    Stopped(#[source] Stop),
    /// A thread cannot be started or ended badly.
    #[error("a thread of the ledger failed")]
    Thread,
}

/// An open ledger.
pub struct Engine {
    ledger: Ledger,
    store: Store,
    /// As whom it is signed.
    origin: String,
    threads: Threads,
    _watch: room::Watch,
}

/// The threads of a ledger. Appends block the thread that awaits them, and so does what the views,
/// the keyring and the signer do: each has one of its own.
struct Threads {
    sequencer: JoinHandle<Stop>,
    follower: JoinHandle<Result<(), ledger::OpenError>>,
    eraser: JoinHandle<()>,
    /// None until the ledger's first records are there.
    notary: Option<JoinHandle<Result<(), NotaryError>>>,
}

impl Threads {
    fn start(
        sequencer: Sequencer,
        follower: Follower,
        eraser: Eraser,
    ) -> Result<Self, EngineError> {
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let (runtime, other, third) = (Handle::current(), Handle::current(), Handle::current());
        let sequencer = named("sequencer").spawn(move || runtime.block_on(sequencer.run()));
        let sequencer = sequencer.map_err(|_| EngineError::Thread)?;
        let follower = named("views-follower").spawn(move || other.block_on(follower.run()));
        let follower = follower.map_err(|_| EngineError::Thread)?;
        let eraser = named("eraser").spawn(move || third.block_on(eraser.run()));
        let eraser = eraser.map_err(|_| EngineError::Thread)?;
        Ok(Self { sequencer, follower, eraser, notary: None })
    }

    /// Starts to sign.
    fn notarise(
        &mut self,
        notary: impl Future<Output = Result<(), NotaryError>> + Send + 'static,
    ) -> Result<(), EngineError> {
        let (runtime, named) = (Handle::current(), std::thread::Builder::new());
        let notary = named.name("notary".to_owned()).spawn(move || runtime.block_on(notary));
        self.notary = Some(notary.map_err(|_| EngineError::Thread)?);
        Ok(())
    }

    /// Waits until all have ended, which they do once the ledger is closed. Blocks.
    fn join(self) -> Result<Stop, EngineError> {
        let stop = self.sequencer.join().map_err(|_| EngineError::Thread)?;
        self.eraser.join().map_err(|_| EngineError::Thread)?;
        let notarised = self.notary.map(JoinHandle::join).transpose();
        let notarised = notarised.map_err(|_| EngineError::Thread)?.transpose();
        let followed = self.follower.join().map_err(|_| EngineError::Thread)?;
        if let Stop::Closed = stop {
            followed?;
            notarised?;
        } else if let Err(error) = notarised {
            // What stopped the sequencer says more than that its journal takes no checkpoint.
            tracing::debug!(%error, "the last head is not signed");
        }
        Ok(stop)
    }
}

impl Engine {
    /// Opens the ledger in a directory, creating what is missing.
    ///
    /// # Errors
    /// [`EngineError`]; a second process, a newer format or damage change nothing.
    pub async fn open(options: EngineOptions, progress: Progress<'_>) -> Result<Self, EngineError> {
        let EngineOptions { data, master_key, clock, entropy, zone, metrics, .. } = &options;
        let keys = disk_at(&options.keys)?;
        check_keys(&keys, master_key, entropy)?;
        let reserve = Reserve::of(data, room::reserve_bytes(options.segment_bytes));
        let store = Store::open(&options, &reserve).await?;
        let (journal, id) = (store.journal(), store.id());
        metrics.durability_is(journal.durability().as_str());
        // Of a ledger that is refused nothing is touched, so the room comes after the journal, which
        // needs none to open; views do.
        let watch = room::Watch::over(&reserve, metrics)?;
        let vault = open_vault(&options, (keys, reserve), (&*journal, id)).await?;
        let signer = Signer::of(&options.signer, (&*journal, id), entropy).await?;
        let origin = signer.origin();
        let (path, cache_bytes) = (data.join("views"), options.cache_bytes);
        close_to_others(&path);
        let views_options = views_options(id, cache_bytes);
        let known = Known::noted(&path, id.as_bytes(), views_options.codec);
        let views = move || Views::open(&path, &views_options);
        let parts = Parts {
            journal,
            vault: Arc::new(vault),
            views: Box::new(views),
            known,
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            zone: zone.clone(),
            covering: Covering::Notary,
            metrics: Arc::clone(metrics),
        };
        let (ledger, sequencer, follower, eraser) = Ledger::open(parts, progress).await?;
        // Before the sequencer runs: nothing is added to a journal that is not the one signed.
        let notary = signer.notary(&ledger, options.signer.witnesses.clone()).await?;
        let mut threads = Threads::start(sequencer, follower, eraser)?;
        if let Err(error) = begin(&ledger, notary, &mut threads).await {
            ledger.close();
            // Why the views cannot be had, or what stopped the sequencer, says more than that the
            // ledger was closed for it.
            return Err(match blocking(|| threads.join()).await?? {
                Stop::Closed => error,
                stop @ (Stop::Unknown(_)
                | Stop::Keys(_)
                | Stop::Views(_)
                | Stop::Overtaken { .. }
                | Stop::Behind { .. }
                | Stop::Others(_)) => EngineError::Stopped(stop),
            });
        }
        Ok(Self { ledger, store, origin, threads, _watch: watch })
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What it is called in its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The ledger's id.
    #[must_use]
    pub fn ledger_id(&self) -> [u8; 16] {
        self.store.id().into_bytes()
    }

    /// Closes the ledger after the group in hand: why its sequencer stopped. Every other handle
    /// should be gone, so that the views can be sealed and the next start is quick.
    ///
    /// # Errors
    /// [`EngineError`]; nothing that was answered is lost by it.
    pub async fn close(self) -> Result<Stop, EngineError> {
        let Self { ledger, store, origin: _, threads, _watch } = self;
        ledger.close();
        let stop = blocking(|| threads.join()).await??;
        if let Err(error) = blocking(move || ledger.close_views()).await? {
            tracing::warn!(%error, "the views are not whole: the next start mends them");
        }
        match (&stop, store.close().await) {
            (Stop::Closed, closed) => closed?,
            // What stopped it says more than that the journal is not closed for that reason.
            (_, Err(error)) => tracing::debug!(%error, "the journal is left as it is"),
            (_, Ok(())) => {}
        }
        Ok(stop)
    }
}

/// What signs the ledger.
enum Signer {
    /// A signer that this process has for itself.
    Own(Signing),
    /// One that the processes share which serve the ledger, with what it remembered before the ledger was
    /// opened.
    Shared(SharedSigner, Option<Signed>),
}

/// Who signs with it.
enum Signs {
    Always(Notary),
    InTurn(SigningInTurn),
}

impl Signer {
    async fn of(
        options: &SignerOptions,
        (journal, id): (&dyn Journal, Uuid),
        entropy: &Entropy,
    ) -> Result<Self, EngineError> {
        if !journal.is_shared() {
            return Ok(Self::Own(signing::open(options, journal, id, entropy).await?));
        }
        let signer = signing::share(options, journal, id, entropy).await?;
        let remembered = signer.remembered().map_err(SigningError::from)?;
        Ok(Self::Shared(signer, remembered))
    }

    fn origin(&self) -> String {
        match self {
            Self::Own(signing) => signing.origin().to_string(),
            Self::Shared(signer, _) => signer.origin().to_string(),
        }
    }

    async fn notary(self, ledger: &Ledger, witnesses: Vec<Witness>) -> Result<Signs, EngineError> {
        Ok(match self {
            Self::Own(signing) => Signs::Always(ledger.notarised_by(signing, witnesses).await?),
            Self::Shared(signer, remembered) => {
                Signs::InTurn(ledger.notarised_in_turn((signer, remembered), witnesses).await?)
            }
        })
    }
}

/// The first records of a ledger, and its first checkpoint after a start.
async fn begin(ledger: &Ledger, signs: Signs, threads: &mut Threads) -> Result<(), EngineError> {
    let recording = ledger.read_only().is_none();
    if recording {
        ledger.register_built_in().await?;
    }
    match signs {
        Signs::Always(mut notary) => {
            if recording {
                notary.begin().await?;
            }
            threads.notarise(notary.run())
        }
        Signs::InTurn(in_turn) => threads.notarise(in_turn.run()),
    }
}

/// The keyring of a ledger: this process's alone, unless others serve the ledger as well.
async fn open_vault(
    options: &EngineOptions,
    (keys, reserve): (RealDisk, Arc<Reserve>),
    (journal, ledger): (&dyn Journal, Uuid),
) -> Result<Vault, EngineError> {
    let last_slot = last_slot(journal).await?;
    let setup = Setup { ledger, prepare: vault::Prepare::Background, last_slot };
    let entropy = Arc::clone(&options.entropy);
    if journal.is_shared() {
        let master = shared_master_key(&options.master_key)?;
        return Ok(blocking(move || Vault::share(Arc::new(keys), master, entropy, setup)).await??);
    }
    let master = load_master_key(&options.master_key, &entropy)?;
    let keys = Arc::new(keys.with_reserve(reserve));
    Ok(blocking(move || Vault::open(keys, master, entropy, setup)).await??)
}

/// Views hold grades in clear, in files whose modes sled chooses: so nobody else comes to where they are,
/// of a ledger either that was made when they did.
fn close_to_others(views: &Path) {
    let Ok(found) = fs::metadata(views) else { return };
    let mode = found.permissions().mode();
    if mode & 0o077 != 0
        && let Err(error) = fs::set_permissions(views, fs::Permissions::from_mode(mode & 0o7700))
    {
        tracing::warn!(%error, "{} is open to others, and they hold grades in clear", views.display());
    }
}

/// Does blocking work on a thread for that.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| EngineError::Thread)
}

/// The directory at a path as a disk.
pub(super) fn disk_at(path: &Path) -> Result<RealDisk, EngineError> {
    RealDisk::at(path)
        .map_err(|source| EngineError::Directory { path: path.display().to_string(), source })
}

/// Removes a directory and all that is in it, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(EngineError::Directory { path: path.display().to_string(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether a keyring that is there opens. Before the journal is opened, which may clear away what
/// a crash left behind: of a ledger that is refused nothing is touched.
pub(super) fn check_keys(
    keys: &RealDisk,
    master_key: &Path,
    entropy: &Entropy,
) -> Result<(), EngineError> {
    if !vault::is_begun(keys)? {
        return Ok(());
    }
    if !master_key.exists() {
        let file = master_key.display().to_string();
        return Err(VaultError::MasterKeyMissing { file }.into());
    }
    Ok(vault::check_newest(keys, &load_master_key(master_key, entropy)?)?)
}

/// The master key in a file that is there; none is made.
///
/// # Errors
/// [`EngineError`] if there is no such file, or no master key in it.
pub(super) fn read_master_key(path: &Path) -> Result<MasterKey, EngineError> {
    if !path.exists() {
        let file = path.display().to_string();
        return Err(VaultError::MasterKeyMissing { file }.into());
    }
    load_master_key(path, &vault::system_entropy())
}

/// The master key of a keyring that several processes share: none of them makes it, since each would make
/// another.
fn shared_master_key(path: &Path) -> Result<MasterKey, EngineError> {
    if path.exists() {
        return read_master_key(path);
    }
    Err(EngineError::NoSharedKey { path: path.display().to_string() })
}

fn load_master_key(path: &Path, entropy: &Entropy) -> Result<MasterKey, EngineError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("master.key");
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let disk = disk_at(parent.unwrap_or(Path::new(".")))?;
    Ok(MasterKey::load_or_create(&disk, name, entropy)?)
}

/// How far back to look for a text: one group.
const LAST_ENTRIES: Page = Page { entries_max: 1_024, bytes_max: 16 << 20 };

/// The highest slot that the journal's last records name: a keyring that does not reach it is
/// older than the journal.
pub(super) async fn last_slot(journal: &dyn Journal) -> Result<Option<Slot>, EngineError> {
    let head = journal.head().await?.position.get();
    let back = u64::try_from(LAST_ENTRIES.entries_max).unwrap_or(u64::MAX);
    let after = Position::new(head.saturating_sub(back));
    let mut highest = None;
    for stored in journal.read(after, LAST_ENTRIES).await? {
        let beside = Beside::decode(stored.entry.sealed).unwrap_or_default();
        highest = highest.max(slots_of(&beside.texts)?.into_iter().max());
    }
    Ok(highest)
}

/// One half of the caches for sled's pages, one quarter for assessments; the rest is what sled
/// takes beyond what it is told.
pub(super) fn views_options(ledger: Uuid, cache_bytes: u64) -> ViewsOptions {
    let codec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };
    let assessments = usize::try_from(cache_bytes / 4).unwrap_or(usize::MAX);
    ViewsOptions {
        pages_bytes: cache_bytes / 2,
        assessments_bytes: assessments,
        ..ViewsOptions::new(Arc::from(ledger.as_bytes().as_slice()), codec)
    }
}
