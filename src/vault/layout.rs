//! The parts of a block's file: where they lie, and whether they are what was written. The format
//! stands at the [module](super); nothing is decrypted here.

use uuid::Uuid;

use super::{
    error::{Damage, VaultError},
    secret::{NONCE_BYTES, SecretKey, TAG_BYTES},
    slot::{BlockNumber, SLOTS_PER_BLOCK},
};

const MAGIC: &[u8; 8] = b"jl-keys\n";
/// The version of a keyring's files; a newer one is refused untouched.
pub const FORMAT: u32 = 1;

/// [`SLOTS_PER_BLOCK`] as it stands in the file.
pub(super) const SLOTS: u32 = 1024;
const _: () = assert!(SLOTS_PER_BLOCK == 1024, "the number of slots is part of the format");

/// A slot takes a state and a key.
pub(super) const SLOT_BYTES: usize = 33;
const SLOTS_BYTES: usize = 33_792;
pub(super) const HEADER_BYTES: usize = 48;

// Where a part begins that an error may have to name.
const FORMAT_AT: usize = 8;
const SLOTS_AT: usize = 12;
const NUMBER_AT: usize = 16;
const GENERATION_AT: usize = 24;
pub(super) const SEALED_SLOTS_AT: usize = 144;
const CHECKSUM_AT: usize = 33_952;

/// The size of a block's file.
pub(super) const FILE_BYTES: usize = 33_956;

/// The parts of a file whose checksum and header are as they must be.
pub(super) struct Parts<'a> {
    /// All that is in clear; both ciphertexts are bound to it.
    pub(super) header: [u8; HEADER_BYTES],
    pub(super) wrap_nonce: [u8; NONCE_BYTES],
    pub(super) wrapped_key: [u8; SecretKey::BYTES],
    pub(super) wrap_tag: [u8; TAG_BYTES],
    pub(super) slots_nonce: [u8; NONCE_BYTES],
    pub(super) slots: &'a [u8],
    pub(super) slots_tag: [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    /// Cuts a file into its parts.
    ///
    /// # Errors
    /// `NewerFormat` or `Damaged`, naming the file.
    pub(super) fn of(bytes: &'a [u8], file: &str) -> Result<Self, VaultError> {
        let damaged = |offset, what| Damage { file: file.to_owned(), offset, what };
        check_format(bytes, file)?;
        if bytes.len() > FILE_BYTES {
            return Err(damaged(FILE_BYTES, "the file is longer than a block").into());
        }
        let (parts, checksum) =
            Self::cut(bytes).ok_or_else(|| damaged(bytes.len(), "the file is cut off"))?;
        let (content, _) = bytes.split_at(CHECKSUM_AT.min(bytes.len()));
        if crc32c::crc32c(content) != checksum {
            return Err(damaged(CHECKSUM_AT, "the checksum is not that of the file").into());
        }
        Ok(parts)
    }

    fn cut(mut rest: &'a [u8]) -> Option<(Self, u32)> {
        let parts = Self {
            header: take(&mut rest)?,
            wrap_nonce: take(&mut rest)?,
            wrapped_key: take(&mut rest)?,
            wrap_tag: take(&mut rest)?,
            slots_nonce: take(&mut rest)?,
            slots: rest.split_off(..SLOTS_BYTES)?,
            slots_tag: take(&mut rest)?,
        };
        Some((parts, u32::from_be_bytes(take(&mut rest)?)))
    }

    /// The file that consists of these parts and their checksum.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        let parts: [&[u8]; 7] = [
            &self.header,
            &self.wrap_nonce,
            &self.wrapped_key,
            &self.wrap_tag,
            &self.slots_nonce,
            self.slots,
            &self.slots_tag,
        ];
        for part in parts {
            bytes.extend_from_slice(part);
        }
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// The generation of the block, if the file is that of block `number` of `ledger`.
    ///
    /// # Errors
    /// `OtherLedger` or `Damaged`, naming the file.
    pub(super) fn generation(
        &self,
        number: BlockNumber,
        ledger: Uuid,
        file: &str,
    ) -> Result<u64, VaultError> {
        let damaged = |offset, what| Damage { file: file.to_owned(), offset, what };
        let stated =
            Header::read(&self.header).ok_or_else(|| damaged(0, "the header is cut off"))?;
        if stated.ledger != ledger {
            return Err(VaultError::OtherLedger { file: file.to_owned(), found: stated.ledger });
        }
        if stated.slots != SLOTS {
            return Err(damaged(SLOTS_AT, "the number of slots is not 1024").into());
        }
        if stated.number != number.get() {
            return Err(damaged(NUMBER_AT, "the file bears the name of another block").into());
        }
        if stated.generation == 0 {
            return Err(damaged(GENERATION_AT, "there is no generation 0").into());
        }
        Ok(stated.generation)
    }
}

/// Whose ledger a file says that it belongs to.
///
/// # Errors
/// As [`Parts::of`].
pub(super) fn ledger_of(bytes: &[u8], file: &str) -> Result<Uuid, VaultError> {
    let parts = Parts::of(bytes, file)?;
    let what = "the header is cut off";
    let damage = || Damage { file: file.to_owned(), offset: 0, what };
    Ok(Header::read(&parts.header).ok_or_else(damage)?.ledger)
}

/// Whether a file is that of block `number` of `ledger`, as far as can be told without a key.
///
/// # Errors
/// As [`Parts::of`] and [`Parts::generation`].
pub(super) fn check(
    bytes: &[u8],
    number: BlockNumber,
    ledger: Uuid,
    file: &str,
) -> Result<(), VaultError> {
    Parts::of(bytes, file)?.generation(number, ledger, file).map(drop)
}

/// What a file says of itself in clear.
struct Header {
    slots: u32,
    number: u64,
    generation: u64,
    ledger: Uuid,
}

impl Header {
    fn read(mut rest: &[u8]) -> Option<Self> {
        rest.split_off(..SLOTS_AT)?;
        Some(Self {
            slots: u32::from_be_bytes(take(&mut rest)?),
            number: u64::from_be_bytes(take(&mut rest)?),
            generation: u64::from_be_bytes(take(&mut rest)?),
            ledger: Uuid::from_bytes(take(&mut rest)?),
        })
    }
}

/// The header of a block's file.
pub(super) fn header(number: BlockNumber, generation: u64, ledger: Uuid) -> [u8; HEADER_BYTES] {
    let format = FORMAT.to_be_bytes();
    let slots = SLOTS.to_be_bytes();
    let number = number.get().to_be_bytes();
    let generation = generation.to_be_bytes();
    let parts: [&[u8]; 6] = [MAGIC, &format, &slots, &number, &generation, ledger.as_bytes()];
    let mut header = [0; HEADER_BYTES];
    for (place, byte) in header.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    header
}

/// Magic and format come first: in a newer format everything else may have any shape.
fn check_format(mut bytes: &[u8], file: &str) -> Result<(), VaultError> {
    let damaged = |offset, what| Damage { file: file.to_owned(), offset, what };
    let cut_off = damaged(bytes.len(), "the file is cut off");
    let (Some(magic), Some(version)) = (take(&mut bytes), take(&mut bytes)) else {
        return Err(cut_off.into());
    };
    if &magic != MAGIC {
        return Err(damaged(0, "the file is not a block of keys").into());
    }
    match u32::from_be_bytes(version) {
        0 => Err(damaged(FORMAT_AT, "there is no format 0").into()),
        FORMAT => Ok(()),
        newer => Err(VaultError::NewerFormat { file: file.to_owned(), version: newer }),
    }
}

/// Takes a part off the front.
fn take<const BYTES: usize>(rest: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (part, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*part)
}
