//! The vault: texts, sealed so that each can be erased alone and for good.
//!
//! A record holds commitments; the texts themselves lie beside it in the journal, *sealed*: each
//! encrypted under a key of its own. The keys lie in the *keyring*, a directory outside the
//! journal and its backups. To erase a text is to destroy its key; the journal is not touched.
//! This module owns sealing, opening and destroying. It does not know records, who may read what,
//! or why a text is erased: what is to be destroyed must be decided, recorded and published first
//! (`TextRedacted`, then a checkpoint), which is the business of the ledger's eraser.
//!
//! # Why an append stays one flush
//!
//! A text may be acknowledged only once its key is durable, but a flush for each key would double
//! the cost of every append. So keys are made before they are needed: a *block* of
//! [`SLOTS_PER_BLOCK`] random keys is written and flushed at once, and only then are its *slots*
//! handed out, one for each text, in memory, without any I/O. A sealed text names its slot and
//! lies in the same frame as its record, so the journal's one flush commits both. The next block
//! is prepared while half of the current one is left.
//!
//! Which slots are used is written nowhere but in the journal, and a crash may lose appends. Every
//! opening therefore begins a new block: a slot that a lost append may have used is never used
//! again, and no key ever seals two texts. The block is made when the first text is sealed, which
//! waits for one flush more. So the cost is one file of 34 kB for each start that seals a text, and
//! none for one that fails, is repeated in vain, or only reads.
//!
//! # A keyring that is shared
//!
//! Several processes may have one keyring open, in a directory that they share. Each seals under blocks
//! of its own, which it prepares with a number after all that are there; and each holds the lock file
//! while it writes, so that no two are in each other's way. The directory must lock
//! across machines and show what was flushed, as a local file system does, or NFS 4. A process that is paused
//! for longer than its lock lasts loses it without a word; so nothing rests on the lock: a block is
//! [contended](crate::disk::contend) for, and neither is a new one written over another's, nor does a
//! destruction bring back a key that another destroyed. What one process
//! destroyed, the others keep in memory until they are told to [forget](Vault::forget) it.
//!
//! # What `destroy` leaves
//!
//! The block is written anew without the keys, under a new block key, to a second file, which is
//! flushed and renamed over the first; then the directory is flushed. A crash at any point leaves
//! one whole file, old or new, under the block's name; calling `destroy` again finishes. On
//! success the directory holds neither the slot's key nor the old block key under which it lay.
//! Then the old file, which has no name any more, is overwritten with zeros and flushed.
//!
//! The overwriting is all that can be done through a file system, and it is not everything: flash
//! memory and copying file systems keep old pages for a while, snapshots and backups of the
//! directory keep them on purpose, and a crash between renaming and overwriting skips it. Such a
//! remnant opens only with the master key. So keep the keyring out of snapshots, its backups few
//! and short-lived, and count an erasure as complete when the last of them has expired. The
//! *length* of an erased text stays visible in the journal.
//!
//! # The keyring, to the byte
//!
//! One file a block, named `block-0000000001.keys` by its number of at least ten digits. A name
//! that ends in `.new` is a file not finished; `keyring.lock` keeps others out of a keyring that one process
//! has for itself, `keyring.shared.lock` one writer out of another's way. Numbers are big-endian.
//!
//! | offset | bytes | content |
//! |---:|---:|---|
//! | 0 | 8 | `jl-keys` and a line feed |
//! | 8 | 4 | format: 1 |
//! | 12 | 4 | slots: 1024 |
//! | 16 | 8 | block number, from 1 |
//! | 24 | 8 | generation: 1, and one more with each rewriting |
//! | 32 | 16 | ledger id |
//! | 48 | 24 | nonce, random |
//! | 72 | 32 + 16 | the block key, sealed under the master key |
//! | 120 | 24 | nonce, random |
//! | 144 | 33,792 + 16 | the slots, sealed under the block key |
//! | 33,952 | 4 | CRC-32C of all before it |
//!
//! *Sealed* is XChaCha20-Poly1305: ciphertext, then a tag of 16 bytes; bytes 0–47 are
//! authenticated with both. A slot is a state (1 present, 0 destroyed) and a key of 32 bytes
//! (zeros if destroyed). Slot `n` lies in block `n / 1024` at place `n % 1024`. The checksum tells
//! damage from a wrong master key. A file of a newer format is refused and left as it is.
//!
//! # The sealed texts of a record, to the byte
//!
//! Nothing for a record without texts, else: number of texts; for each, in order: slot, length of
//! what follows, sealed text. Numbers here are LEB128 in their shortest form. A sealed text is
//! `opening (32) ‖ text`, encrypted with XChaCha20-Poly1305 under the slot's key, then the tag
//! (16). Authenticated with it: `record id (16) ‖ u32 length ‖ field ‖ commitment (32)`; nonce: the
//! first 24 bytes of the commitment. The format of a blob has no number: a new one would need a
//! new slot of the journal's entry.
//!
//! # Memory
//!
//! Keys, openings and decrypted bytes are zeroed when they are dropped, and the buffers they pass
//! through never grow. Copies that the compiler leaves on the stack, swapped pages and core dumps
//! are beyond that; nor is a [`Text`](crate::judgement::Text) zeroed, which its readers copy at
//! will.

mod block;
mod entropy;
mod error;
mod files;
mod keyring;
mod layout;
mod master_key;
mod reader;
mod sealed;
mod secret;
mod slot;
mod stock;

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::shadow_unrelated,
    reason = "an overflow fails the test, and a vault opened again is the same vault"
)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use uuid::Uuid;

use crate::{disk::Disk, record::Opening};

pub use entropy::{Entropy, EntropyError, system_entropy};
pub use error::{Damage, VaultError};
pub use keyring::{check_newest, check_reached, inspect, is_begun, is_block};
pub use layout::FORMAT as FORMAT_VERSION;
pub use master_key::MasterKey;
pub use reader::{Reader, Unsealed};
pub use sealed::{Binding, Sealing, slots_of};
pub use slot::{SLOTS_PER_BLOCK, Slot};
pub use stock::Prepare;

use block::SlotKey;
use keyring::{Keyring, Writer};
use slot::BlockNumber;
use stock::{Preparer, Stock};

/// What a vault is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// The ledger whose texts it holds; every block is bound to it.
    pub ledger: Uuid,
    /// Who prepares keys.
    pub prepare: Prepare,
    /// A slot that the journal names, the highest if known: a keyring that does not reach it is
    /// older than the journal, and is refused.
    pub last_slot: Option<Slot>,
}

/// Seals texts, opens them and destroys them. One process at a time has a keyring open as a vault,
/// unless it is [shared](Vault::share); within it, any thread may call any method.
pub struct Vault {
    reader: Reader,
    writer: Arc<Writer>,
    stock: Arc<Stock>,
    entropy: Entropy,
    /// Last, so that everything is still there while the thread ends.
    _preparer: Preparer,
}

impl Vault {
    /// Opens the keyring in the directory `disk`, empty or not. A new block is begun in it with the first
    /// text that is sealed.
    ///
    /// # Errors
    /// Before anything is written: `InUse`; `WrongMasterKey`, `OtherLedger`, `NewerFormat` or
    /// `Damaged` if the newest block does not open; `OlderThanJournal`. Then `Io`, `Unknown`,
    /// `Entropy`.
    pub fn open(
        disk: Arc<dyn Disk>,
        master: MasterKey,
        entropy: Entropy,
        setup: Setup,
    ) -> Result<Self, VaultError> {
        let keyring = Arc::new(Keyring { disk, master, ledger: setup.ledger });
        let writer = Writer::lock(Arc::clone(&keyring), Arc::clone(&entropy))?;
        Self::begin((keyring, writer), entropy, setup)
    }

    /// Opens a keyring that other processes have open as vaults as well, in a directory that they share.
    /// Each hands out keys of blocks of its own.
    ///
    /// # Errors
    /// As [`Self::open`]; `InUse` only if another process writes for long.
    pub fn share(
        disk: Arc<dyn Disk>,
        master: MasterKey,
        entropy: Entropy,
        setup: Setup,
    ) -> Result<Self, VaultError> {
        let keyring = Arc::new(Keyring { disk, master, ledger: setup.ledger });
        let writer = Writer::share(Arc::clone(&keyring), Arc::clone(&entropy));
        Self::begin((keyring, writer), entropy, setup)
    }

    fn begin(
        (keyring, writer): (Arc<Keyring>, Writer),
        entropy: Entropy,
        setup: Setup,
    ) -> Result<Self, VaultError> {
        let newest = keyring.newest()?;
        if let Some(slot) = setup.last_slot.filter(|slot| slot.block() > newest) {
            return Err(VaultError::OlderThanJournal { file: keyring.describe(newest), slot });
        }
        // Past this line the keyring is written.
        writer.tidy()?;
        let writer = Arc::new(writer);
        let stock = Arc::new(Stock::begin(Arc::clone(&writer), newest.next(), setup.prepare));
        let preparer = Preparer::start(&stock).map_err(|source| VaultError::Io {
            file: "the thread that prepares keys".to_owned(),
            source,
        })?;
        Ok(Self { reader: Reader::of(keyring), writer, stock, entropy, _preparer: preparer })
    }

    /// Whether the vault can still be written to: a flush of new keys fails where nobody waits for
    /// it, and whoever goes on after one does not know what is on the disk.
    ///
    /// # Errors
    /// `Poisoned`.
    pub fn check_usable(&self) -> Result<(), VaultError> {
        self.writer.check_usable()
    }

    /// A new opening, for a text about to be sealed.
    ///
    /// # Errors
    /// `Entropy`.
    pub fn draw_opening(&self) -> Result<Opening, VaultError> {
        let mut opening = [0; Opening::BYTES];
        (self.entropy)(&mut opening)?;
        Ok(Opening::new(opening))
    }

    /// Seals the texts of one record, each under a key of its own that is durable already: what
    /// is returned may be stored at once. No texts give no bytes.
    ///
    /// It does no I/O, unless it is the first call, the keys at hand are used up, or
    /// [`Prepare::Inline`] finds them low.
    /// Slots taken by a call that fails, or whose bytes are never stored, stay unused.
    ///
    /// # Errors
    /// `Io`, `Unknown`, `Poisoned` or `Entropy` if keys are needed and cannot be prepared.
    pub fn seal(&self, texts: &[Sealing<'_>]) -> Result<Bytes, VaultError> {
        if texts.is_empty() {
            return Ok(Bytes::new());
        }
        let keys = self.stock.take(texts.len())?;
        sealed::seal(texts.iter().zip(&keys)).map(Bytes::from)
    }

    /// One sealed text of a record: see [`Reader::unseal`].
    ///
    /// # Errors
    /// As [`Reader::unseal`].
    pub fn unseal(
        &self,
        blob: &[u8],
        index: usize,
        binding: &Binding<'_>,
    ) -> Result<Unsealed, VaultError> {
        self.reader.unseal(blob, index, binding)
    }

    /// All sealed texts of a record: see [`Reader::unseal_all`].
    ///
    /// # Errors
    /// As [`Reader::unseal_all`].
    pub fn unseal_all(
        &self,
        blob: &[u8],
        bindings: &[Binding<'_>],
    ) -> Result<Vec<Result<Unsealed, VaultError>>, VaultError> {
        self.reader.unseal_all(blob, bindings)
    }

    /// The names of the keyring's files, for a copy of it. What is destroyed while it is made may be
    /// in it.
    ///
    /// # Errors
    /// `Io`.
    pub fn files(&self) -> Result<Vec<String>, VaultError> {
        self.reader.keyring().files()
    }

    /// The bytes of one of the keyring's files as it is now, wrapped by the master key; none if there
    /// is no such file.
    ///
    /// # Errors
    /// `Io`.
    pub fn file(&self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        self.reader.keyring().file(name)
    }

    /// Destroys the keys of `slots`, for good on return: the texts sealed under them can never be
    /// read again, and every other text can. Slots destroyed already are no error, so a call that
    /// a crash or an error cut short is simply made again. Several slots of one block cost one
    /// rewriting; where all are destroyed already, the block is read once and nothing is written.
    ///
    /// # Errors
    /// - `NotUsed`, `Missing`: nothing was destroyed; no text lies under a slot, or its block is
    ///   gone.
    /// - `Remnant`: all are destroyed, but an old file's bytes could not be overwritten.
    /// - Any other: some may be destroyed and some not.
    pub fn destroy(&self, slots: &[Slot]) -> Result<(), VaultError> {
        let mut blocks: BTreeMap<BlockNumber, BTreeSet<Slot>> = BTreeMap::new();
        for slot in slots {
            if !self.stock.has_handed_out(*slot) {
                return Err(VaultError::NotUsed { slot: *slot });
            }
            self.reader.block_of(*slot)?;
            blocks.entry(slot.block()).or_default().insert(*slot);
        }
        // Past this line keys are destroyed.
        let mut remnant = Ok(());
        for (number, slots_of_block) in blocks {
            if self.are_destroyed(&slots_of_block)? {
                continue;
            }
            match self.destroy_in(number, &slots_of_block) {
                Err(error @ VaultError::Remnant { .. }) => remnant = Err(error),
                outcome => outcome?,
            }
        }
        remnant
    }

    /// Drops all keys from memory: another process that shares the keyring has destroyed some. Those
    /// that are left are read again when they are needed.
    pub fn forget(&self) {
        self.reader.forget_all();
    }

    /// Whether nothing is left to do for these slots of one block. What is read as destroyed is so
    /// durably, unless a write of this process had an unknown outcome: see [`Writer::destroy`].
    fn are_destroyed(&self, slots: &BTreeSet<Slot>) -> Result<bool, VaultError> {
        self.check_usable()?;
        for slot in slots {
            match self.reader.block_of(*slot)?.key(slot.index()) {
                Some(SlotKey::Destroyed) => {}
                Some(SlotKey::Present(_)) | None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn destroy_in(&self, number: BlockNumber, slots: &BTreeSet<Slot>) -> Result<(), VaultError> {
        let outcome = self.writer.destroy(number, slots.iter().map(|slot| slot.index()));
        // Whatever the outcome: what counts from now on is what the disk says.
        self.reader.forget(number);
        match (outcome?, slots.first()) {
            (None, Some(slot)) => Err(self.reader.missing(*slot)),
            (None, None) | (Some(()), _) => Ok(()),
        }
    }
}
