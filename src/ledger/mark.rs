//! What sums up the ledger at the end of a group, so that opening need not fold every record.

use bytes::Bytes;
use jiff::Timestamp;

use crate::merkle::{Frontier, FrontierError};

/// The right edge of the tree and the time of the last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The tree over all records.
    pub frontier: Frontier,
    /// When the last of them was recorded.
    pub recorded_at: Timestamp,
}

const VERSION: u8 = 1;

/// Why the bytes of a mark cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadMark {
    /// Another version wrote it, or it is cut short.
    #[error("the journal's mark is not of version 1, or cut short")]
    Shape,
    /// Its time does not exist.
    #[error("the journal's mark has an impossible time")]
    Time(#[source] jiff::Error),
    /// Its frontier is none.
    #[error("the journal's mark has a malformed tree frontier")]
    Frontier(#[source] FrontierError),
}

impl Summary {
    /// Of an empty ledger.
    pub(super) fn empty() -> Self {
        Self { frontier: Frontier::empty(), recorded_at: Timestamp::UNIX_EPOCH }
    }

    /// version (1 byte) ‖ microseconds since 1970 (8 bytes, big-endian) ‖ frontier.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        bytes.extend(self.recorded_at.as_microsecond().to_be_bytes());
        bytes.extend(self.frontier.to_bytes());
        Bytes::from(bytes)
    }

    /// Reads what a mark's bytes say.
    ///
    /// # Errors
    /// [`BadMark`] if they are no mark.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadMark> {
        let (version, rest) = bytes.split_first().ok_or(BadMark::Shape)?;
        let (time, frontier) = rest.split_first_chunk::<8>().ok_or(BadMark::Shape)?;
        if *version != VERSION {
            return Err(BadMark::Shape);
        }
        Ok(Self {
            recorded_at: Timestamp::from_microsecond(i64::from_be_bytes(*time))
                .map_err(BadMark::Time)?,
            frontier: Frontier::from_bytes(frontier).map_err(BadMark::Frontier)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mut frontier = Frontier::empty();
        (0_u8..5).for_each(|leaf| frontier.push(leaf_hash(&[leaf])));
        let recorded_at = Timestamp::from_microsecond(1_160_000_000_123_456).unwrap();
        let summary = Summary { frontier, recorded_at };
        assert_eq!(Summary::from_bytes(&summary.to_bytes()).unwrap(), summary);
    }

    #[test]
    fn what_is_no_mark_is_refused() {
        for bad in [&b""[..], b"\x01", b"\x02\0\0\0\0\0\0\0\0", b"\x01\0\0\0\0\0\0\0\0\xff"] {
            assert!(Summary::from_bytes(bad).is_err(), "{bad:?}");
        }
    }
}
