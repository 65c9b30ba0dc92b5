//! The filing rows of a sealed segment: every pair of a key and a slot, sorted, in blocks of 512
//! bytes that each have a checksum, so that a lookup reads and verifies some blocks and no more.
//!
//! All pairs are kept, so [`latest`] is exact for any limit. A pair whose key stands before it in
//! the same block costs a byte or two, so a stream with many entries is cheap; a key of its own
//! costs 15 or 16 bytes.

use bytes::BufMut;

use super::layout::{array_at, put_varint, take, take_varint, u32_at, varint_bytes};
use crate::journal::Key;

/// An entry's number in its segment, from 0.
pub(super) type Slot = u32;

/// The bytes of a block.
pub(super) const BLOCK_BYTES: usize = 512;

const LENGTH_BYTES: usize = 2;
const CHECKSUM_AT: usize = 508;
const KEY_BYTES: usize = 12;

/// Why a lookup in rows failed.
#[derive(Debug)]
pub(super) enum RowsError<E> {
    /// The block of that number is not what was written.
    Damaged(u32),
    /// A block could not be read.
    Unreadable(E),
}

/// The blocks of `pairs`, which come sorted.
pub(super) fn encode(pairs: impl Iterator<Item = (Key, Slot)>) -> Vec<u8> {
    let mut blocks = Vec::new();
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut previous = None;
    for pair in pairs {
        if LENGTH_BYTES.saturating_add(block.len()).saturating_add(cost(previous, pair))
            > CHECKSUM_AT
        {
            put_block(&mut blocks, &block);
            block.clear();
            previous = None;
        }
        put_pair(&mut block, previous, pair);
        previous = Some(pair);
    }
    if !block.is_empty() {
        put_block(&mut blocks, &block);
    }
    blocks
}

/// The newest slot before `before` under `key`, in `blocks` blocks that `read` reads.
///
/// # Errors
/// A damaged block, or what `read` says.
pub(super) fn latest<E>(
    blocks: u32,
    (key, before): (Key, Slot),
    mut read: impl FnMut(u32) -> Result<Vec<u8>, E>,
) -> Result<Option<Slot>, RowsError<E>> {
    let limit = (key, before);
    let mut best = None;
    // Blocks before `low` begin before the limit, blocks from `high` on do not.
    let (mut low, mut high) = (0_u32, blocks);
    while low < high {
        let middle = low.midpoint(high);
        let block = read(middle).map_err(RowsError::Unreadable)?;
        let pairs = decode_block(&block).ok_or(RowsError::Damaged(middle))?;
        match pairs.iter().rfind(|pair| **pair < limit) {
            Some(pair) => {
                best = Some(*pair);
                low = middle.saturating_add(1);
            }
            None => high = middle,
        }
    }
    Ok(best.filter(|(found, _)| *found == key).map(|(_, slot)| slot))
}

/// A pair is a varint whose lowest bit says whether the key is the one before, and then the
/// distance to the slot before; or else the slot, and the key.
fn pair_number(previous: Option<(Key, Slot)>, (key, slot): (Key, Slot)) -> (u64, bool) {
    match previous.filter(|(before, _)| *before == key) {
        Some((_, before)) => (u64::from(slot.saturating_sub(before)) << 1 | 1, true),
        None => (u64::from(slot) << 1, false),
    }
}

fn cost(previous: Option<(Key, Slot)>, pair: (Key, Slot)) -> usize {
    let (number, same_key) = pair_number(previous, pair);
    varint_bytes(number).saturating_add(if same_key { 0 } else { KEY_BYTES })
}

fn put_pair(block: &mut Vec<u8>, previous: Option<(Key, Slot)>, pair: (Key, Slot)) {
    let (number, same_key) = pair_number(previous, pair);
    put_varint(block, number);
    if !same_key {
        block.put_slice(&pair.0.0);
    }
}

fn put_block(blocks: &mut Vec<u8>, pairs: &[u8]) {
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    block.put_u16_le(u16::try_from(pairs.len()).unwrap_or(u16::MAX));
    block.put_slice(pairs);
    block.resize(CHECKSUM_AT, 0);
    block.put_u32_le(crc32c::crc32c(&block));
    blocks.put_slice(&block);
}

fn decode_block(block: &[u8]) -> Option<Vec<(Key, Slot)>> {
    if u32_at(block, CHECKSUM_AT)? != crc32c::crc32c(block.get(..CHECKSUM_AT)?) {
        return None;
    }
    let length = usize::from(array_at(block, 0).map(u16::from_le_bytes)?);
    let mut rest = block.get(LENGTH_BYTES..CHECKSUM_AT)?.get(..length)?;
    let mut pairs: Vec<(Key, Slot)> = Vec::new();
    while !rest.is_empty() {
        let number = take_varint(&mut rest)?;
        let slot = Slot::try_from(number >> 1).ok()?;
        let pair = if number & 1 == 1 {
            let (key, before) = pairs.last()?;
            (*key, before.checked_add(slot)?)
        } else {
            (Key(array_at(take(&mut rest, KEY_BYTES)?, 0)?), slot)
        };
        pairs.push(pair);
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, convert::Infallible};

    use proptest::prelude::*;

    use super::*;

    fn find(blocks: &[u8], key: Key, before: Slot) -> Result<Option<Slot>, RowsError<Infallible>> {
        let count = u32::try_from(blocks.len() / BLOCK_BYTES).unwrap();
        latest(count, (key, before), |number| {
            Ok(blocks.chunks(BLOCK_BYTES).nth(number.try_into().unwrap()).unwrap().to_vec())
        })
    }

    proptest! {
        #[test]
        fn a_lookup_finds_what_a_sorted_set_finds(
            pairs in prop::collection::btree_set((0_u8..6, 0_u32..3000), 0..1500),
            wanted in prop::collection::vec((0_u8..7, 0_u32..3001), 50),
        ) {
            let set: BTreeSet<_> = pairs.into_iter().map(|(key, slot)| (Key([key; 12]), slot)).collect();
            let blocks = encode(set.iter().copied());
            for (key, before) in wanted {
                let key = Key([key; 12]);
                let expected = set.range((key, 0)..(key, before)).last().map(|(_, slot)| *slot);
                prop_assert_eq!(find(&blocks, key, before).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_key_of_its_own_costs_about_sixteen_bytes() {
        let keys =
            (0..10_000_u32).map(|n| (Key(std::array::from_fn(|at| n.to_be_bytes()[at % 4])), n));
        let set: BTreeSet<_> = keys.collect();
        assert!(encode(set.into_iter()).len() < 10_000 * 16);
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let mut blocks = encode([(Key([1; 12]), 5)].into_iter());
        blocks[3] ^= 1;
        assert!(matches!(find(&blocks, Key([1; 12]), 9), Err(RowsError::Damaged(0))));
    }
}
