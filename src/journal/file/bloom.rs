//! A bloom filter over the keys of a sealed segment: says for sure that a key is not there.

use super::layout::{array_at, wide};
use crate::journal::Key;

/// Bits for each distinct key: with seven probes, 1 lookup in 5,000 reads a segment in vain. Every
/// command looks for its request in all segments: in vain, since mostly it is new. So over a hundred
/// segments (twelve million records) 1 command in 50 waits for the disk; with half of the bits nearly
/// each would. Filters of any density are read.
const BITS_PER_KEY: usize = 20;
const PROBES: u64 = 7;

/// The filter; its bytes are kept in memory and in the footer alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bloom(Vec<u8>);

impl Bloom {
    /// A filter that holds exactly `keys`, which may repeat one after the other.
    pub(super) fn of(keys: impl Iterator<Item = Key> + Clone) -> Self {
        let mut previous = None;
        let distinct = keys.clone().filter(|key| previous.replace(*key) != Some(*key)).count();
        let bytes = distinct.saturating_mul(BITS_PER_KEY).div_ceil(8).max(8);
        let mut filter = Self(vec![0; bytes]);
        for key in keys {
            for (byte, bit) in filter.probes(key) {
                if let Some(byte) = filter.0.get_mut(byte) {
                    *byte |= bit;
                }
            }
        }
        filter
    }

    /// The filter whose bytes these are.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `key` may be among the keys; `false` is for sure.
    pub(super) fn may_hold(&self, key: Key) -> bool {
        self.probes(key).all(|(byte, bit)| self.0.get(byte).is_none_or(|found| found & bit != 0))
    }

    /// Where a key's bits are: a byte's index and a bit of it. A key is part of a SHA-256, so its
    /// own bytes are as good as any hash of them.
    fn probes(&self, key: Key) -> impl Iterator<Item = (usize, u8)> + use<> {
        let bits = wide(self.0.len()).saturating_mul(8).max(1);
        let start = array_at(&key.0, 0).map_or(0, u64::from_le_bytes);
        let step = u64::from(array_at(&key.0, 8).map_or(0, u32::from_le_bytes)) | 1;
        (0..PROBES).map(move |probe| {
            let at = start.wrapping_add(probe.wrapping_mul(step)).checked_rem(bits).unwrap_or(0);
            (usize::try_from(at / 8).unwrap_or(usize::MAX), 1 << (at % 8))
        })
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn key(number: u32) -> Key {
        Key(Sha256::digest(number.to_le_bytes())[..12].try_into().unwrap())
    }

    #[test]
    fn every_key_is_held_and_few_others_seem_to_be() {
        let filter = Bloom::of((0..5000).map(key));
        assert_eq!(filter.as_bytes().len(), 12_500);
        assert!((0..5000).all(|number| filter.may_hold(key(number))));
        let wrong = (5000..15_000).filter(|number| filter.may_hold(key(*number))).count();
        assert!(wrong < 15, "{wrong} of 10000");
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        assert!(!Bloom::of([].into_iter()).may_hold(key(1)));
    }
}
