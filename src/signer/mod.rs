//! The signer: the keys that sign the ledger's checkpoints, and the memory of what they signed.
//!
//! Both lie in a directory of their own, *outside* the journal and its backups. A journal that is
//! put back from a backup, or exchanged, brings its own checkpoint along and agrees with itself;
//! it is the signer's memory that does not agree with it. So **the signer never forgets what it
//! signed**: a checkpoint is in its memory, durably, before anybody sees it, and from then on it
//! signs no smaller tree and no other tree of that size. (C2SP tlog-checkpoint "Signatures")
//!
//! This room owns the directory and what is signed. It does not know records: that a larger tree
//! grew from the one signed last is shown by who hands it in; see
//! [`Notary`](crate::ledger::Notary).
//!
//! # The directory
//!
//! | file | what |
//! |---|---|
//! | `<name>.key` | a key that signs: the seed of RFC 8032 §5.1.5, as 64 hexadecimal digits with or without a line end, or as 32 raw bytes |
//! | `<name>.retiring` | a key that signs until the ledger says that it does no more; then the file is removed |
//! | `checkpoint` | the memory, below |
//! | `signer.lock` | keeps others out for as long as one process has the signer for itself |
//! | `signer.shared.lock` | where several share the directory: held while one replaces the memory |
//! | `….new` | a file that was not finished |
//!
//! All keys sign each checkpoint, in the order of their files' names and under one name, the
//! origin of the ledger: so a new key can sign beside the old one for as long as its users need to
//! learn of it. To add a key is to add a file, to retire one is to rename its file; the ledger
//! records either when it starts.
//!
//! # The memory, to the byte
//!
//! Numbers are big-endian.
//!
//! | offset | bytes | content |
//! |---:|---:|---|
//! | 0 | 8 | `jl-sign` and a line feed |
//! | 8 | 4 | format: 1 |
//! | 12 | 4 | *f*, the length of the frontier |
//! | 16 | 4 | *n*, the length of the note |
//! | 20 | *f* | the [`Frontier`] of the tree that was signed |
//! | 20 + *f* | *n* | the checkpoint as it was signed, with all signature lines |
//! | 20 + *f* + *n* | 4 | CRC-32C of all before it |
//!
//! It is replaced in one step. A crash leaves the old one or the new one; who saw the new
//! checkpoint, saw it after the new memory was durable.

mod error;
mod keys;
mod memory;
mod witness;

use std::{io, sync::Arc};

use crate::{
    disk::{
        Disk, ReplaceError,
        contend::{self, Contender, Lock},
        whole,
    },
    merkle::{Checkpoint, Frontier, Origin, SignedNote, TreeHead, Verifier},
};

pub use error::SignerError;
pub use keys::{Key, KeyState, Seed};
pub use witness::{Answered, BadWitness, Witness, WitnessFailure};

use memory::MEMORY;

const LOCK: &str = "signer.lock";

/// Locked, of those that share the directory, by the one that replaces the memory.
const SHARED_LOCK: &str = "signer.shared.lock";

/// Whether a directory has been signed from, or was made to: whether anything of a signer is there.
///
/// # Errors
/// `Io`.
pub fn is_begun(disk: &dyn Disk) -> Result<bool, SignerError> {
    let names = disk.list().map_err(|source| SignerError::io(disk, "", source))?;
    Ok(names.iter().any(|name| name == MEMORY || keys::is_key(name)))
}

/// As whom a signer has signed; `None` if it has signed nothing.
///
/// # Errors
/// `Io`, `NewerFormat`, `Damaged`.
pub fn origin(disk: &dyn Disk) -> Result<Option<Origin>, SignerError> {
    memory::origin(disk)
}

/// A checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The note, with every signature so far.
    pub note: SignedNote,
    /// Which tree it is of.
    pub head: TreeHead,
    /// The edge of that tree.
    pub frontier: Frontier,
}

/// How other processes are kept from signing.
enum Exclusion {
    /// For as long as this one signs: nobody else has the directory.
    Always { _lock: Lock },
    /// While the memory is looked at and replaced: the directory is shared, and whoever is frozen in between
    /// holds nobody up.
    Writing,
}

/// The keys and the memory of one ledger's signer. One process at a time signs.
pub struct Signing {
    disk: Arc<dyn Disk>,
    origin: Origin,
    keys: Vec<Key>,
    last: Option<Arc<Signed>>,
    /// What each checkpoint says beside the tree.
    says: Option<String>,
    /// Whether a write of the memory had an unknown outcome: then nothing more is signed.
    poisoned: bool,
    exclusion: Exclusion,
}

impl Signing {
    /// Takes up signing for a ledger in the directory `disk`, which was [begun](begin).
    ///
    /// # Errors
    /// `InUse`; `NoKey`, `KeyMalformed`, `OtherOrigin`, `NewerFormat`, `Damaged`; `Io`.
    pub fn open(disk: Arc<dyn Disk>, origin: Origin) -> Result<Self, SignerError> {
        let lock = lock(&*disk, LOCK)?.ok_or_else(|| in_use(&*disk))?;
        let exclusion = Exclusion::Always { _lock: lock };
        Self::load(disk, origin, exclusion)
    }

    fn load(
        disk: Arc<dyn Disk>,
        origin: Origin,
        exclusion: Exclusion,
    ) -> Result<Self, SignerError> {
        let keys = keys::load(&*disk, &origin)?;
        let last = memory::load(&*disk, &origin)?.map(Arc::new);
        Ok(Self { disk, origin, keys, last, says: None, poisoned: false, exclusion })
    }

    /// Which log it signs for.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The keys, in the order in which they sign.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What was signed last.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Signed>> {
        self.last.as_ref()
    }

    /// Signs the tree that a frontier is the edge of. On return the memory has it, durably: it may
    /// be published.
    ///
    /// # Errors
    /// `Smaller` and `OtherTree` for a tree that contradicts what was signed; `Overtaken`, `InUse` if
    /// another process signs, or `Io`: surely nothing changed; `Unknown`, and `Poisoned` ever after, if
    /// the memory may or may not have it.
    pub fn sign(&mut self, frontier: &Frontier) -> Result<Arc<Signed>, SignerError> {
        let head = TreeHead { size: frontier.size(), root: frontier.root() };
        if let Some(last) = &self.last {
            let signed = last.head.size;
            if head.size < signed {
                return Err(SignerError::Smaller { size: head.size, signed });
            }
            let same = head.size > signed || head == last.head;
            if !same || !frontier.may_follow(&last.frontier) {
                return Err(SignerError::OtherTree { size: head.size, signed });
            }
        }
        let signers: Vec<_> = self.keys.iter().map(Key::signer).collect::<Result<_, _>>()?;
        let checkpoint = Checkpoint::new(self.origin.clone(), head);
        let checkpoint = match &self.says {
            Some(line) => checkpoint.saying(line),
            None => checkpoint,
        };
        let note = checkpoint.sign(&signers)?;
        self.remember(Signed { note, head, frontier: frontier.clone() })
    }

    /// Adds what witnesses say of the checkpoint signed last, for the next start as well. On return
    /// it may be published.
    ///
    /// # Errors
    /// `NotLast` for a note of another checkpoint; `Overtaken`, `InUse`, `Io`, `Unknown`, `Poisoned`.
    pub fn add_cosignatures(&mut self, note: SignedNote) -> Result<Arc<Signed>, SignerError> {
        let same = |last: &&Arc<Signed>| last.note.unverified_text() == note.unverified_text();
        let last = self.last.as_ref().filter(same).ok_or(SignerError::NotLast)?;
        let (head, frontier) = (last.head, last.frontier.clone());
        self.remember(Signed { note, head, frontier })
    }

    /// Removes the files of keys that the ledger has retired: they sign no more.
    ///
    /// # Errors
    /// `Io`, `Unknown`, or `NoKey` if none would be left.
    pub fn drop_retired(&mut self) -> Result<(), SignerError> {
        if self.keys.iter().all(|key| key.state == KeyState::Retiring) {
            return Err(SignerError::NoKey { directory: self.disk.describe("") });
        }
        let (retired, kept) = self.keys.drain(..).partition(|key| key.state == KeyState::Retiring);
        self.keys = kept;
        let retired: Vec<Key> = retired;
        for key in &retired {
            whole::remove_if_there(&*self.disk, &key.file)
                .map_err(|source| SignerError::io(&*self.disk, &key.file, source))?;
        }
        if retired.is_empty() {
            return Ok(());
        }
        self.disk.sync().map_err(|source| SignerError::unknown(&*self.disk, "", source))
    }

    fn remember(&mut self, signed: Signed) -> Result<Arc<Signed>, SignerError> {
        if self.poisoned {
            return Err(SignerError::Poisoned);
        }
        let _others = self.exclude()?;
        let written = self.replace_memory(&memory::encode(&signed));
        self.poisoned |= matches!(written, Err(SignerError::Unknown { .. }));
        written?;
        let signed = Arc::new(signed);
        self.last = Some(Arc::clone(&signed));
        Ok(signed)
    }

    /// Replaces the memory, where it is shared, only if it is what this process knows it to be.
    ///
    /// # Errors
    /// `Overtaken`, `Io`, `Unknown`; `OtherOrigin`, `NewerFormat`, `Damaged`.
    fn replace_memory(&self, content: &[u8]) -> Result<(), SignerError> {
        let disk = &*self.disk;
        let failed = |error| match error {
            ReplaceError::NotBegun(source) => SignerError::io(disk, MEMORY, source),
            ReplaceError::Unknown(source) => SignerError::unknown(disk, MEMORY, source),
        };
        if let Exclusion::Always { .. } = self.exclusion {
            return whole::replace(disk, MEMORY, content).map_err(failed);
        }
        let contender = Contender::enter(disk, MEMORY, content).map_err(failed)?;
        if let Err(overtaken) = self.check_newest() {
            contender.withdraw().map_err(|source| SignerError::io(disk, MEMORY, source))?;
            return Err(overtaken);
        }
        contender.replace().map_err(failed)
    }

    /// That nobody else has signed since this process looked.
    ///
    /// # Errors
    /// `Overtaken`; `Io`, `OtherOrigin`, `NewerFormat`, `Damaged`.
    pub fn check_newest(&self) -> Result<(), SignerError> {
        let disk = &*self.disk;
        if let Exclusion::Writing = self.exclusion
            && memory::load(disk, &self.origin)?.as_ref() != self.last.as_deref()
        {
            return Err(SignerError::Overtaken { file: disk.describe(MEMORY) });
        }
        Ok(())
    }

    /// Keeps others from the memory until the answer is dropped, where they may be. Blocks.
    ///
    /// # Errors
    /// `InUse` if another has the signer for itself; `Io`.
    fn exclude(&self) -> Result<Option<Lock>, SignerError> {
        if let Exclusion::Always { .. } = self.exclusion {
            return Ok(None);
        }
        let disk = &*self.disk;
        drop(waited_for(disk, LOCK)?.ok_or_else(|| in_use(disk))?);
        // One who is frozen with it is waited for no longer: the memory is contended for all the same.
        waited_for(disk, SHARED_LOCK)
    }
}

/// A lock of a signer's directory, unless another process has it.
fn lock(disk: &dyn Disk, name: &str) -> Result<Option<Lock>, SignerError> {
    disk.lock(name).map_err(|source| SignerError::io(disk, name, source))
}

/// The same, once another gives it back; none if that takes long.
fn waited_for(disk: &dyn Disk, name: &str) -> Result<Option<Lock>, SignerError> {
    contend::waited_for(disk, name).map_err(|source| SignerError::io(disk, name, source))
}

fn in_use(disk: &dyn Disk) -> SignerError {
    SignerError::InUse { file: disk.describe(LOCK) }
}

/// The signer of a ledger that several processes serve, in a directory that they share. One of them at a
/// time signs; all can see what was signed last.
#[derive(Clone)]
pub struct SharedSigner {
    disk: Arc<dyn Disk>,
    origin: Origin,
    says: String,
}

impl SharedSigner {
    /// The signer in the directory `disk`, which was [begun](begin). Each checkpoint says this line beside
    /// its tree.
    #[must_use]
    pub fn at(disk: Arc<dyn Disk>, origin: Origin, says: String) -> Self {
        Self { disk, origin, says }
    }

    /// Which log it signs for.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What was signed last, by whichever process.
    ///
    /// # Errors
    /// `OtherOrigin`, `NewerFormat`, `Damaged`; `Io`.
    pub fn remembered(&self) -> Result<Option<Signed>, SignerError> {
        memory::load(&*self.disk, &self.origin)
    }

    /// Takes up signing from what was signed last. Another process may do the same: of two signatures the
    /// second is refused.
    ///
    /// # Errors
    /// As [`Signing::open`], but for `InUse`.
    pub fn take(&self) -> Result<Signing, SignerError> {
        let disk = Arc::clone(&self.disk);
        let signing = Signing::load(disk, self.origin.clone(), Exclusion::Writing)?;
        Ok(Signing { says: Some(self.says.clone()), ..signing })
    }
}

/// Begins a signer in a directory that has none: with this key, and having signed nothing.
///
/// # Errors
/// `Begun` if there is one; `Io`, `Unknown`.
pub fn begin(disk: &dyn Disk, seed: &Seed) -> Result<(), SignerError> {
    // Of those that share the directory one begins it.
    let locked = disk.lock(LOCK).map_err(|source| SignerError::io(disk, LOCK, source))?;
    let _lock = locked.ok_or_else(|| SignerError::Begun { directory: disk.describe("") })?;
    if is_begun(disk)? {
        return Err(SignerError::Begun { directory: disk.describe("") });
    }
    keys::add(disk, "1", seed).map(drop)
}

/// Begins a signer anew for a ledger whose signer is lost: with this key, and with the memory of a
/// checkpoint that the journal kept, to whose tree `frontier` belongs.
///
/// # Errors
/// `Begun` if there is one; `Malformed` if the note is no checkpoint of that tree; `Io`, `Unknown`.
pub fn begin_again(
    disk: &dyn Disk,
    seed: &Seed,
    note: SignedNote,
    frontier: Frontier,
) -> Result<(), SignerError> {
    if is_begun(disk)? {
        return Err(SignerError::Begun { directory: disk.describe("") });
    }
    let head = TreeHead { size: frontier.size(), root: frontier.root() };
    let checkpoint = Checkpoint::parse(note.unverified_text()).ok();
    if checkpoint.is_none_or(|it| *it.head() != head) {
        return Err(SignerError::Malformed);
    }
    // The memory first: a key without it would believe to have signed nothing.
    let content = memory::encode(&Signed { note, head, frontier });
    whole::replace(disk, MEMORY, &content).map_err(|error| match error {
        ReplaceError::NotBegun(source) => SignerError::io(disk, MEMORY, source),
        ReplaceError::Unknown(source) => SignerError::unknown(disk, MEMORY, source),
    })?;
    keys::add(disk, "1", seed).map(drop)
}

/// Adds a key to a signer that does not run: it signs from the next start on. The file's name.
///
/// # Errors
/// `Io`, `Unknown`.
pub fn add_key(disk: &dyn Disk, seed: &Seed) -> Result<String, SignerError> {
    let names = disk.list().map_err(|source| SignerError::io(disk, "", source))?;
    let numbers = names.iter().filter_map(|name| name.split_once('.')?.0.parse::<u64>().ok());
    let next = numbers.max().unwrap_or(0).saturating_add(1);
    keys::add(disk, &next.to_string(), seed)
}

/// Marks a key of a signer that does not run as retiring: at the next start the ledger records that
/// it signs no more, and once that is signed, by this key as well, its file is removed.
///
/// # Errors
/// `UnknownKey` if none of the keys is this one, `NoKey` if no other would be left; `Io`, `Unknown`.
pub fn retire_key(disk: &dyn Disk, origin: &Origin, key: &Verifier) -> Result<(), SignerError> {
    let keys = keys::load(disk, origin)?;
    let found = keys.iter().find(|it| it.verifier == *key).ok_or(SignerError::UnknownKey)?;
    let others = keys.iter().filter(|it| it.verifier != *key && it.state == KeyState::Signing);
    if others.count() == 0 {
        return Err(SignerError::NoKey { directory: disk.describe("") });
    }
    keys::retire(disk, found)
}

impl SignerError {
    fn io(disk: &dyn Disk, name: &str, source: io::Error) -> Self {
        Self::Io { file: disk.describe(name), source }
    }

    fn unknown(disk: &dyn Disk, name: &str, source: io::Error) -> Self {
        Self::Unknown { file: disk.describe(name), source }
    }
}
