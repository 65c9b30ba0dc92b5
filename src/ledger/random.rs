//! Randomness for ids, openings and salts, drawn from the operating system in blocks.

use jiff::Timestamp;
use uuid::{Builder, Uuid};
use zeroize::Zeroizing;

use crate::{
    record::Opening,
    vault::{Entropy, EntropyError},
};

/// One block serves some fifty records: a system call for each would cost more than its hash.
const BLOCK_BYTES: usize = 4_096;

/// Draws fresh random bytes; each byte of a block is given out once.
pub(super) struct Random {
    entropy: Entropy,
    block: Zeroizing<Vec<u8>>,
}

impl Random {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self { entropy, block: Zeroizing::new(Vec::new()) }
    }

    /// `N` fresh bytes, for `N` up to the size of a block.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], EntropyError> {
        if self.block.len() < N {
            self.block.resize(BLOCK_BYTES.max(N), 0);
            (self.entropy)(&mut self.block)?;
        }
        let mut drawn = [0; N];
        let kept = self.block.len().saturating_sub(N);
        for (to, from) in drawn.iter_mut().zip(self.block.drain(kept..)) {
            *to = from;
        }
        Ok(drawn)
    }

    /// A fresh salt for a commitment.
    pub(super) fn opening(&mut self) -> Result<Opening, EntropyError> {
        self.bytes().map(Opening::new)
    }

    /// A fresh random UUID.
    pub(super) fn uuid_v4(&mut self) -> Result<Uuid, EntropyError> {
        self.bytes().map(|bytes| Builder::from_random_bytes(bytes).into_uuid())
    }

    /// A fresh UUIDv7 of this time; before 1970 it says 1970.
    pub(super) fn uuid_v7(&mut self, time: Timestamp) -> Result<Uuid, EntropyError> {
        let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or(0);
        let bytes = self.bytes()?;
        Ok(Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    };

    use super::*;

    #[test]
    fn no_byte_is_given_out_twice() {
        let block = Arc::new(AtomicU8::new(0));
        let entropy: Entropy = Arc::new(move |bytes| {
            bytes.fill(block.fetch_add(1, Ordering::Relaxed));
            Ok(())
        });
        let mut random = Random::new(entropy);
        for _ in 0..128 {
            assert_eq!(random.bytes::<32>().unwrap(), [0; 32]);
        }
        assert_eq!(random.bytes::<32>().unwrap(), [1; 32], "a new block after 4,096 bytes");
    }

    #[test]
    fn a_record_id_is_a_uuid_of_its_time() {
        let mut random = Random::new(crate::vault::system_entropy());
        let time = Timestamp::from_second(1_160_000_000).unwrap();
        let id = random.uuid_v7(time).unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_160_000_000);
    }
}
