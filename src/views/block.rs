//! A block: up to 512 positions of one term, ascending, in a few hundred bytes.
//!
//! It lies under the term's key and its first position, big-endian, so that the blocks of a term
//! lie one after the other in the order of their positions, and the block that speaks of a
//! position is found by one look into an ordered tree.

use crate::judgement::Position;

use super::{Reason, frame};

/// How many positions a block holds at most: a page of fifty newest reads one block or two, and a
/// block of a frequent term is about 600 bytes, a small part of a page of the store.
pub(super) const POSITIONS_MAX: usize = 512;

/// The bytes that `position` adds to a term's key.
const POSITION_BYTES: usize = 8;

/// `name` followed by `position`: the key of a block, or of a snapshot.
pub(super) fn key_at(name: &[u8], position: Position) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len().saturating_add(POSITION_BYTES));
    key.extend_from_slice(name);
    key.extend_from_slice(&position.get().to_be_bytes());
    key
}

/// The position that ends a key.
pub(super) fn position_of(key: &[u8]) -> Option<Position> {
    key.last_chunk::<POSITION_BYTES>().map(|bytes| Position::new(u64::from_be_bytes(*bytes)))
}

/// The value of a block of these positions, which must ascend; `key` must end in the first.
///
/// It says the number of positions, how far the last is from the first, and how far each is from
/// the one before.
pub(super) fn encode(key: &[u8], positions: &[Position]) -> Vec<u8> {
    let mut body = Vec::with_capacity(positions.len().saturating_add(8));
    let count = u64::try_from(positions.len()).unwrap_or(u64::MAX);
    frame::push_number(&mut body, count);
    if let (Some(first), Some(last)) = (positions.first(), positions.last()) {
        frame::push_number(&mut body, last.since(*first));
    }
    for (one, next) in positions.iter().zip(positions.iter().skip(1)) {
        frame::push_number(&mut body, next.since(*one));
    }
    frame::seal(key, &body)
}

/// The positions that the block `value` under `key` holds: at least one, ascending. Nothing if
/// it is not what was written.
pub(super) fn decode(key: &[u8], value: &[u8]) -> Option<Vec<Position>> {
    let first = position_of(key)?;
    let mut body = frame::open(key, value)?;
    let count = usize::try_from(frame::take_number(&mut body)?).ok()?;
    if !(1..=POSITIONS_MAX).contains(&count) {
        return None;
    }
    let last = frame::take_number(&mut body)?;
    let mut positions = Vec::with_capacity(count);
    let mut position = first;
    positions.push(position);
    while positions.len() < count {
        let step = frame::take_number(&mut body)?;
        position = Position::new(position.get().checked_add(step)?);
        positions.push(position);
    }
    let ascending = positions.is_sorted_by(|one, next| one < next);
    (ascending && body.is_empty() && position.since(first) == last).then_some(positions)
}

/// The positions of a block up to `written`, past which it says nothing.
///
/// # Errors
/// [`Reason::Damaged`] if it is not what was written.
pub(super) fn read(key: &[u8], value: &[u8], written: Position) -> Result<Vec<Position>, Reason> {
    let mut positions = decode(key, value).ok_or(Reason::Damaged("a block of positions"))?;
    positions.truncate(positions.partition_point(|position| *position <= written));
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_block_is_read_as_it_was_written(
            positions in prop::collection::btree_set(1_u64.., 1..POSITIONS_MAX),
            name: Vec<u8>,
        ) {
            let positions: Vec<Position> = positions.into_iter().map(Position::new).collect();
            let key = key_at(&name, positions[0]);
            prop_assert_eq!(decode(&key, &encode(&key, &positions)), Some(positions));
        }

        #[test]
        fn nothing_but_a_block_is_read_as_one(key: Vec<u8>, body: Vec<u8>) {
            // Even under a right checksum.
            if let Some(positions) = decode(&key, &frame::seal(&key, &body)) {
                prop_assert!(positions.is_sorted());
                prop_assert_eq!(positions.iter().collect::<BTreeSet<_>>().len(), positions.len());
            }
        }
    }

    #[test]
    fn a_block_with_a_flipped_byte_is_refused() {
        let positions: Vec<Position> = [3, 4, 900, 70_000].map(Position::new).to_vec();
        let key = key_at(b"term", positions[0]);
        let value = encode(&key, &positions);
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut flipped = value.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(decode(&key, &flipped), None, "byte {at}, bit {bit}");
            }
        }
        let elsewhere = key_at(b"tern", positions[0]);
        assert_eq!(decode(&elsewhere, &value), None);
    }
}
