//! Opening what is sealed: blocks read as needed, the ones used last kept open.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use uuid::Uuid;

use crate::{disk::Disk, judgement::Text, record::Opening};

use super::{
    block::{Block, SlotKey},
    error::VaultError,
    keyring::Keyring,
    master_key::MasterKey,
    sealed::{self, Binding, SealedText},
    slot::{BlockNumber, Slot},
};

/// So many blocks stay open: 262,144 keys in 9 MB. Texts are read a record at a time, and what is
/// read together was mostly written together.
const BLOCKS_OPEN_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// What became of a sealed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsealed {
    /// It is there, and its commitment admits it.
    Present {
        /// The salt of its commitment. Who has it and the text can prove the text for ever.
        opening: Opening,
        /// The text.
        text: Text,
    },
    /// Its key was destroyed: nobody can read it again.
    Destroyed,
}

/// Reads sealed texts, and writes nothing: for the checking of a copied keyring, and inside
/// [`Vault`](super::Vault) for all reading.
///
/// A reader on its own does not learn of what another process destroys while it keeps a block
/// open; let it live no longer than one piece of work.
pub struct Reader {
    keyring: Arc<Keyring>,
    /// Guards the open blocks. It is held to look one up or put one in, never while a file is
    /// read or a text is opened.
    cache: Mutex<OpenBlocks>,
}

struct OpenBlocks {
    blocks: LruCache<BlockNumber, Arc<Block>>,
    /// How often a block was forgotten. What was read from the disk before that must not be kept.
    forgotten: u64,
}

impl Reader {
    /// Opens the keyring in `disk` for reading.
    ///
    /// # Errors
    /// `WrongMasterKey`, `OtherLedger`, `NewerFormat` or `Damaged` if the newest block does not
    /// open; `Io`.
    pub fn open(disk: Arc<dyn Disk>, master: MasterKey, ledger: Uuid) -> Result<Self, VaultError> {
        let keyring = Keyring { disk, master, ledger };
        keyring.newest()?;
        Ok(Self::of(Arc::new(keyring)))
    }

    pub(super) fn of(keyring: Arc<Keyring>) -> Self {
        let blocks = LruCache::new(BLOCKS_OPEN_MAX);
        Self { keyring, cache: Mutex::new(OpenBlocks { blocks, forgotten: 0 }) }
    }

    /// The text at `index` (from 0) among the sealed texts of a record, if it belongs where
    /// `binding` says.
    ///
    /// # Errors
    /// - `Malformed`, `OtherCount`: `blob` is not what was sealed for this record.
    /// - `NotAuthentic`: the text was altered, or belongs to another record, field or commitment.
    /// - `Missing`: the block with its key is gone.
    /// - `Damaged`, `WrongMasterKey`, `OtherLedger`, `NewerFormat`, `Io`: the block does not open.
    pub fn unseal(
        &self,
        blob: &[u8],
        index: usize,
        binding: &Binding<'_>,
    ) -> Result<Unsealed, VaultError> {
        let texts = sealed::parse(blob)?;
        let text = texts.get(index).ok_or(VaultError::OtherCount {
            sought: index.saturating_add(1),
            found: texts.len(),
        })?;
        self.unseal_one(text, binding)
    }

    /// All sealed texts of a record, one for each of `bindings`, in order. One that does not open
    /// does not keep the others from it: each has its own result, as [`Reader::unseal`] gives it.
    ///
    /// # Errors
    /// `Malformed`, or `OtherCount` if there are more or fewer texts than bindings.
    pub fn unseal_all(
        &self,
        blob: &[u8],
        bindings: &[Binding<'_>],
    ) -> Result<Vec<Result<Unsealed, VaultError>>, VaultError> {
        let texts = sealed::parse(blob)?;
        if texts.len() != bindings.len() {
            return Err(VaultError::OtherCount { sought: bindings.len(), found: texts.len() });
        }
        // Texts that are sealed together mostly have their keys in one block.
        let mut last: Option<Arc<Block>> = None;
        let mut unseal = |(text, binding): (&SealedText<'_>, &Binding<'_>)| {
            let block = match last.take().filter(|block| block.number() == text.slot.block()) {
                Some(block) => block,
                None => self.block_of(text.slot)?,
            };
            let unsealed = self.unseal_under(&block, text, binding);
            last = Some(block);
            unsealed
        };
        Ok(texts.iter().zip(bindings).map(&mut unseal).collect())
    }

    fn unseal_one(
        &self,
        text: &SealedText<'_>,
        binding: &Binding<'_>,
    ) -> Result<Unsealed, VaultError> {
        let block = self.block_of(text.slot)?;
        self.unseal_under(&block, text, binding)
    }

    /// Opens a text with its key in `block`.
    fn unseal_under(
        &self,
        block: &Block,
        text: &SealedText<'_>,
        binding: &Binding<'_>,
    ) -> Result<Unsealed, VaultError> {
        match block.key(text.slot.index()) {
            Some(SlotKey::Present(key)) => {
                let (opening, text) = text.open(key, binding)?;
                Ok(Unsealed::Present { opening, text })
            }
            Some(SlotKey::Destroyed) => Ok(Unsealed::Destroyed),
            None => Err(self.missing(text.slot)),
        }
    }

    /// The block that holds the key of `slot`: an open one, or the one on the disk.
    pub(super) fn block_of(&self, slot: Slot) -> Result<Arc<Block>, VaultError> {
        let number = slot.block();
        let forgotten = {
            let mut cache = self.cache();
            if let Some(block) = cache.blocks.get(&number) {
                return Ok(Arc::clone(block));
            }
            cache.forgotten
        };
        let block = self.keyring.load(number)?.ok_or_else(|| self.missing(slot))?;
        let block = Arc::new(block);
        let mut cache = self.cache();
        // A destruction since then may have replaced the file: what was read may answer this
        // call, which began before the destruction ended, but no later one.
        if cache.forgotten == forgotten {
            cache.blocks.put(number, Arc::clone(&block));
        }
        Ok(block)
    }

    /// The keyring that it reads.
    pub(super) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Drops the block from memory, and keeps out what is being read from its old file. Its keys
    /// are zeroed once the calls that still use them end.
    pub(super) fn forget(&self, number: BlockNumber) {
        let mut cache = self.cache();
        cache.blocks.pop(&number);
        cache.forgotten = cache.forgotten.wrapping_add(1);
    }

    /// Drops all blocks from memory, as [`Self::forget`] does one.
    pub(super) fn forget_all(&self) {
        let mut cache = self.cache();
        cache.blocks.clear();
        cache.forgotten = cache.forgotten.wrapping_add(1);
    }

    pub(super) fn missing(&self, slot: Slot) -> VaultError {
        VaultError::Missing { file: self.keyring.describe(slot.block()), slot }
    }

    /// Whatever panicked while it held this lock, the open blocks are whole.
    fn cache(&self) -> MutexGuard<'_, OpenBlocks> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
