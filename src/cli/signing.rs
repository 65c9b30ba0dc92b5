//! The signer of a ledger on this machine: where its directory lies, and whether it is the one that
//! the ledger was signed by.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    disk::RealDisk,
    journal::{Journal, JournalError},
    merkle::{Checkpoint, CheckpointError, KeyError, Origin, SignedNote},
    signer::{self, Seed, SharedSigner, SignerError, Signing, Witness},
    vault::{Entropy, EntropyError},
};

/// How often, and after how long each time, it is looked whether another has begun the signer.
const BEGUN_LOOKS: u32 = 200;
const BEGUN_LOOK: Duration = Duration::from_millis(10);

/// Where a ledger's signer is, and as whom it signs.
#[derive(Debug, Clone)]
pub struct SignerOptions {
    /// Its directory, outside that of the ledger; made if the ledger was never signed.
    pub directory: PathBuf,
    /// What the log is called in its checkpoints; by default `judgement-ledger/` and the ledger's
    /// id.
    pub origin: Option<String>,
    /// Who is asked to sign as well.
    pub witnesses: Vec<Witness>,
}

impl SignerOptions {
    /// A directory beside the file of the master key.
    #[must_use]
    pub fn beside(master_key: &Path) -> Self {
        let directory = master_key.with_file_name("signer");
        Self { directory, origin: None, witnesses: Vec::new() }
    }
}

/// Why a ledger cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The directory cannot be used.
    #[error("{path} cannot be used")]
    Directory {
        /// Which one.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The ledger was signed, and its signer is not there.
    #[error(
        "{directory}: the ledger was signed up to record {signed}, but its signer is not here: name \
         its directory with --signer-dir, or bring it back from its backup. If it is lost for good, \
         `judgement-ledger signer recover --data DIR --signer-dir {directory}` begins another one where \
         the journal says it ended"
    )]
    Missing {
        /// Where it should be.
        directory: String,
        /// How many records the checkpoint in the journal covers.
        signed: u64,
    },
    /// The signer's memory is older than the journal.
    #[error(
        "{directory}: the signer remembers {remembered} signed records, but the journal keeps a \
         checkpoint over {signed}: an older directory was put back, or it is another ledger's. \
         Bring back the newest; if it is lost for good, move this one away and run \
         `judgement-ledger signer recover --data DIR --signer-dir {directory}`"
    )]
    Forgot {
        /// Its directory.
        directory: String,
        /// How many records it signed, as it remembers.
        remembered: u64,
        /// How many records the checkpoint in the journal covers.
        signed: u64,
    },
    /// The journal keeps something that is no checkpoint.
    #[error("what the journal keeps as its checkpoint is none")]
    NoCheckpoint(#[source] CheckpointError),
    /// The name cannot be one of a log.
    #[error("{given:?} cannot be the origin of a log: say a name such as ledger.example.org/apa")]
    Origin {
        /// What was given.
        given: String,
        /// Why not.
        #[source]
        source: KeyError,
    },
    /// The signer refused.
    #[error("the signer cannot be opened")]
    Signer(#[from] SignerError),
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
    /// There is no randomness to draw a key from.
    #[error("there is no randomness")]
    Entropy(#[from] EntropyError),
}

/// As whom a ledger is signed.
///
/// # Errors
/// `Origin` for a name that no log can have.
pub(super) fn origin_of(given: Option<&str>, ledger: Uuid) -> Result<Origin, SigningError> {
    let name = given.map_or_else(|| format!("judgement-ledger/{ledger}"), str::to_owned);
    let key_name = crate::merkle::KeyName::parse(&name);
    key_name.map(Origin::from).map_err(|source| SigningError::Origin { given: name, source })
}

/// A key that nobody has seen.
///
/// # Errors
/// `Entropy`.
pub(super) fn draw(entropy: &Entropy) -> Result<Seed, SigningError> {
    let mut seed = Zeroizing::new([0; Seed::BYTES]);
    entropy(seed.as_mut())?;
    Ok(Seed::new(seed))
}

/// The checkpoint that the journal keeps.
///
/// # Errors
/// `NoCheckpoint`, `Journal`.
pub(super) async fn kept(
    journal: &dyn Journal,
) -> Result<Option<(SignedNote, Checkpoint)>, SigningError> {
    let Some(bytes) = journal.checkpoint().await? else { return Ok(None) };
    let bad = SigningError::NoCheckpoint;
    let note = SignedNote::parse(&bytes).map_err(|error| bad(error.into()))?;
    let checkpoint = Checkpoint::parse(note.unverified_text()).map_err(bad)?;
    Ok(Some((note, checkpoint)))
}

/// The signer's directory as a disk.
///
/// # Errors
/// `Directory`.
pub(super) fn disk_at(path: &Path) -> Result<RealDisk, SigningError> {
    RealDisk::at(path)
        .map_err(|source| SigningError::Directory { path: path.display().to_string(), source })
}

/// Opens the signer of a ledger, or begins it where the ledger was never signed.
///
/// # Errors
/// [`SigningError`]; `Missing` and `Forgot` where it is not the one by which the ledger was signed.
pub(super) async fn open(
    options: &SignerOptions,
    journal: &dyn Journal,
    ledger: Uuid,
    entropy: &Entropy,
) -> Result<Signing, SigningError> {
    let signed = signed_in(journal).await?;
    let (disk, origin) = begun(options, ledger, signed, entropy)?;
    let signing = Signing::open(Arc::new(disk), origin)?;
    let remembered = signing.last().map_or(0, |last| last.head.size);
    remembers(options, remembered, signed)?;
    Ok(signing)
}

/// The signer of a ledger that several processes serve, in a directory that they share; begun where the
/// ledger was never signed.
///
/// # Errors
/// As [`open`].
pub(super) async fn share(
    options: &SignerOptions,
    journal: &dyn Journal,
    ledger: Uuid,
    entropy: &Entropy,
) -> Result<SharedSigner, SigningError> {
    // What the journal keeps was in the signer's memory before: so it is asked first.
    let covered = signed_in(journal).await?;
    let (disk, origin) = begun(options, ledger, covered, entropy)?;
    let signer = SharedSigner::at(
        Arc::new(disk),
        origin,
        format!("durability {}", journal.durability().as_str()),
    );
    let remembered = signer.remembered()?.map_or(0, |last| last.head.size);
    remembers(options, remembered, covered)?;
    Ok(signer)
}

/// How many records the checkpoint in the journal covers.
async fn signed_in(journal: &dyn Journal) -> Result<Option<u64>, SigningError> {
    Ok(kept(journal).await?.map(|(_, checkpoint)| checkpoint.head().size))
}

/// The directory of a signer that is there, or is made since nothing was signed.
fn begun(
    options: &SignerOptions,
    ledger: Uuid,
    signed: Option<u64>,
    entropy: &Entropy,
) -> Result<(RealDisk, Origin), SigningError> {
    let SignerOptions { directory, origin, .. } = options;
    let origin = origin_of(origin.as_deref(), ledger)?;
    // Of a ledger that is refused nothing is touched, nor made.
    let begun = directory.exists() && signer::is_begun(&disk_at(directory)?)?;
    if let (false, Some(signed)) = (begun, signed) {
        return Err(SigningError::Missing { directory: directory.display().to_string(), signed });
    }
    let disk = disk_at(directory)?;
    if !begun {
        match signer::begin(&disk, &draw(entropy)?) {
            Ok(()) => {}
            // Another process that shares it was first, and may be about to finish.
            Err(SignerError::Begun { .. }) => {
                for _ in 0..BEGUN_LOOKS {
                    if signer::is_begun(&disk)? {
                        break;
                    }
                    thread::sleep(BEGUN_LOOK);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((disk, origin))
}

/// That a signer remembers as much as the journal says that it signed.
fn remembers(
    options: &SignerOptions,
    remembered: u64,
    signed: Option<u64>,
) -> Result<(), SigningError> {
    match signed {
        Some(signed) if signed > remembered => {
            let directory = options.directory.display().to_string();
            Err(SigningError::Forgot { directory, remembered, signed })
        }
        Some(_) | None => Ok(()),
    }
}
