//! Where a text's key lies: slots, and the blocks they lie in.

use std::fmt;

/// How many keys one block holds.
///
/// A block is flushed once for all of them, so they must be many; it is rewritten to erase one of
/// them, and decrypted to read one of them, so they must be few. 1024 keys are 34 kB: written and
/// flushed in under a millisecond, decrypted in 40 µs. The number is part of the block's format.
pub const SLOTS_PER_BLOCK: u64 = 1024;

/// The place of one key in the keyring: the number of its block times [`SLOTS_PER_BLOCK`], plus
/// its place in the block. A slot's key seals one text and never a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u64);

impl Slot {
    /// The slot of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the slot.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(super) const fn block(self) -> BlockNumber {
        BlockNumber(self.0 / SLOTS_PER_BLOCK)
    }

    /// Its place in its block, counted from 0.
    pub(super) fn index(self) -> usize {
        // Less than 1024, so it never saturates.
        usize::try_from(self.0 % SLOTS_PER_BLOCK).unwrap_or(usize::MAX)
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a block: 1, 2, 3 …; numbers may be missing, none is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BlockNumber(u64);

/// Before and after the number in the name of a block's file.
const NAME: (&str, &str) = ("block-", ".keys");

impl BlockNumber {
    /// The number before the first.
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn get(self) -> u64 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The block's first slot; none if the number is past the last block with 64-bit slots.
    pub(super) fn first_slot(self) -> Option<Slot> {
        let first = self.0.checked_mul(SLOTS_PER_BLOCK)?;
        first.checked_add(SLOTS_PER_BLOCK)?;
        Some(Slot(first))
    }

    /// The name of the block's file, such as `block-0000000001.keys`.
    pub(super) fn file_name(self) -> String {
        let (before, after) = NAME;
        format!("{before}{:010}{after}", self.0)
    }

    /// The number in a name made by [`Self::file_name`]; none for any other name.
    pub(super) fn in_file_name(name: &str) -> Option<Self> {
        let (before, after) = NAME;
        let digits = name.strip_prefix(before)?.strip_suffix(after)?;
        let number = Self(digits.parse().ok()?);
        (number.file_name() == name).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_knows_its_block_and_place() {
        let slot = Slot::new(3 * 1024 + 17);
        assert_eq!((slot.block(), slot.index()), (BlockNumber(3), 17));
        assert_eq!(BlockNumber(3).first_slot(), Some(Slot::new(3 * 1024)));
        assert_eq!(BlockNumber(u64::MAX / 1024).first_slot(), None);
    }

    #[test]
    fn only_names_of_blocks_have_numbers() {
        for number in [1, 9_999_999_999, 10_000_000_000, u64::MAX] {
            let number = BlockNumber(number);
            assert_eq!(BlockNumber::in_file_name(&number.file_name()), Some(number));
        }
        for name in [
            "block-1.keys",
            "block-+000000001.keys",
            "block-00000000001.keys",
            "block-0000000001.keys.new",
            "master.key",
            "",
        ] {
            assert_eq!(BlockNumber::in_file_name(name), None, "{name}");
        }
    }
}
