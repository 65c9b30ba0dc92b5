//! A block of slot keys, in memory and sealed in its file.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    entropy::Entropy,
    error::{Damage, VaultError},
    layout::{self, Parts, SEALED_SLOTS_AT, SLOT_BYTES, SLOTS},
    master_key::MasterKey,
    secret::{SecretKey, draw_nonce},
    slot::{BlockNumber, Slot},
};

// The state of a slot in a file.
const DESTROYED: u8 = 0;
const PRESENT: u8 = 1;

/// A block, opened.
pub(super) struct Block {
    number: BlockNumber,
    /// How many times it was written: 1, and one more with each destruction.
    generation: u64,
    slots: Vec<SlotKey>,
}

/// A slot of an opened block.
pub(super) enum SlotKey {
    Present(SecretKey),
    Destroyed,
}

/// Whose block it is: the same is needed to read it as was to write it.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) ledger: Uuid,
    pub(super) master: &'a MasterKey,
}

impl Block {
    /// A new block full of new keys.
    pub(super) fn draw(number: BlockNumber, entropy: &Entropy) -> Result<Self, VaultError> {
        let keys = (0..SLOTS).map(|_| SecretKey::draw(entropy).map(SlotKey::Present));
        Ok(Self { number, generation: 1, slots: keys.collect::<Result<_, _>>()? })
    }

    /// The key at a place in the block, if there is such a place.
    pub(super) fn key(&self, index: usize) -> Option<&SlotKey> {
        self.slots.get(index)
    }

    /// Turns into the next generation, without the keys at these places; whether any of them was
    /// still there.
    pub(super) fn destroy(&mut self, indexes: impl IntoIterator<Item = usize>) -> bool {
        let mut any = false;
        for index in indexes {
            if let Some(slot @ SlotKey::Present(_)) = self.slots.get_mut(index) {
                // Dropping the key zeroes it.
                *slot = SlotKey::Destroyed;
                any = true;
            }
        }
        if any {
            self.generation = self.generation.saturating_add(1);
        }
        any
    }

    /// How many times it was written.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Which block it is.
    pub(super) const fn number(&self) -> BlockNumber {
        self.number
    }

    /// The keys of a new block, in order, and the slot of the first: to be handed out.
    pub(super) fn into_keys(mut self) -> Result<(Slot, Vec<SecretKey>), VaultError> {
        let first = self.number.first_slot().ok_or(VaultError::Exhausted)?;
        let keys = self.slots.iter_mut().filter_map(|slot| match slot {
            SlotKey::Present(key) => Some(key.take()),
            SlotKey::Destroyed => None, // never in a new block
        });
        Ok((first, keys.collect()))
    }

    /// The bytes of the block's file, under a new block key.
    pub(super) fn to_bytes(
        &self,
        owner: Owner<'_>,
        entropy: &Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let header = layout::header(self.number, self.generation, owner.ledger);
        let block_key = SecretKey::draw(entropy)?;
        let wrap_nonce = draw_nonce(entropy)?;
        let slots_nonce = draw_nonce(entropy)?;
        let mut wrapped = block_key.clone();
        let wrap_tag = owner.master.key().seal(&wrap_nonce, &header, wrapped.as_mut_bytes())?;
        let mut slots = self.slots_in_clear();
        let slots_tag = block_key.seal(&slots_nonce, &header, &mut slots)?;
        let parts = Parts {
            header,
            wrap_nonce,
            wrapped_key: *wrapped.as_bytes(),
            wrap_tag,
            slots_nonce,
            slots: &slots,
            slots_tag,
        };
        Ok(parts.to_bytes())
    }

    /// All slots, one after the other, to be encrypted where they lie. The capacity is exact:
    /// growing would leave copies of keys behind.
    fn slots_in_clear(&self) -> Zeroizing<Vec<u8>> {
        let capacity = self.slots.len().saturating_mul(SLOT_BYTES);
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        for slot in &self.slots {
            match slot {
                SlotKey::Present(key) => {
                    bytes.push(PRESENT);
                    bytes.extend_from_slice(key.as_bytes());
                }
                SlotKey::Destroyed => {
                    bytes.push(DESTROYED);
                    bytes.extend_from_slice(&[0; SecretKey::BYTES]);
                }
            }
        }
        bytes
    }

    /// Opens the bytes of the file `file`, which by its name is that of block `number`.
    ///
    /// # Errors
    /// `NewerFormat`, `OtherLedger`, `WrongMasterKey` or `Damaged`, each naming the file.
    pub(super) fn from_bytes(
        bytes: &[u8],
        number: BlockNumber,
        owner: Owner<'_>,
        file: &str,
    ) -> Result<Self, VaultError> {
        let parts = Parts::of(bytes, file)?;
        let generation = parts.generation(number, owner.ledger, file)?;
        let damaged = |what| Damage { file: file.to_owned(), offset: SEALED_SLOTS_AT, what };

        // The checksum holds, so that what does not open was written under another key.
        let mut block_key = SecretKey::new(parts.wrapped_key);
        owner
            .master
            .key()
            .open(&parts.wrap_nonce, &parts.header, block_key.as_mut_bytes(), &parts.wrap_tag)
            .map_err(|_| VaultError::WrongMasterKey { file: file.to_owned() })?;
        let mut slots = Zeroizing::new(parts.slots.to_vec());
        block_key
            .open(&parts.slots_nonce, &parts.header, &mut slots, &parts.slots_tag)
            .map_err(|_| damaged("the slots are not authentic"))?;
        let (slots, _) = slots.as_chunks();
        let slots: Option<_> = slots.iter().map(read_slot).collect();
        let slots = slots.ok_or_else(|| damaged("a slot has an unknown state"))?;
        Ok(Self { number, generation, slots })
    }
}

fn read_slot([state, key @ ..]: &[u8; SLOT_BYTES]) -> Option<SlotKey> {
    match *state {
        PRESENT => Some(SlotKey::Present(SecretKey::new(*key))),
        DESTROYED => Some(SlotKey::Destroyed),
        _ => None,
    }
}
