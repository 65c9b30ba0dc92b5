//! Entry bundles: what the leaves are the hashes of. (C2SP tlog-tiles "Log entries")

use std::ops::Range;

use super::tile::Tile;

/// Where a bundle lies and how many entries it has: those whose leaf hashes are in the tile of
/// level 0 with the same index and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryBundle(Tile);

impl EntryBundle {
    /// The longest entry that the format can hold, in bytes.
    pub const ENTRY_BYTES_MAX: usize = 65_535;

    /// The bundle at an index, with a width of 1 to 256 entries. `None` as for [`Tile::new`].
    #[must_use]
    pub fn new(index: u64, width: u16) -> Option<Self> {
        Tile::new(0, index, width).map(Self)
    }

    /// All bundles of a tree of `size` leaves, the partial one last.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        Tile::all(size).take_while(|tile| tile.level() == 0).map(Self)
    }

    /// The tile of the entries' leaf hashes.
    #[must_use]
    pub const fn tile(self) -> Tile {
        self.0
    }

    /// How many bundles lie to the left.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.0.index()
    }

    /// How many entries the bundle has: 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.0.width()
    }

    /// The indices of the entries.
    #[must_use]
    pub fn entries(self) -> Range<u64> {
        self.0.leaves()
    }

    /// The entries, each after its length as a big-endian u16.
    ///
    /// # Errors
    /// `WrongWidth` for another number of entries than the bundle has, `TooLong` for an entry of
    /// more than [`EntryBundle::ENTRY_BYTES_MAX`] bytes.
    pub fn encode<E: AsRef<[u8]>>(self, entries: &[E]) -> Result<Vec<u8>, EntryBundleError> {
        if entries.len() != usize::from(self.width()) {
            return Err(EntryBundleError::WrongWidth);
        }
        let mut bytes = Vec::new();
        for entry in entries.iter().map(AsRef::as_ref) {
            let length = u16::try_from(entry.len()).map_err(|_| EntryBundleError::TooLong)?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        Ok(bytes)
    }

    /// Reads what [`EntryBundle::encode`] wrote, and nothing else. Whether the entries belong to
    /// the log, only their leaf hashes tell.
    ///
    /// # Errors
    /// `WrongWidth` for bytes that are not as many entries as the bundle has.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<&[u8]>, EntryBundleError> {
        let mut entries = Vec::with_capacity(usize::from(self.width()));
        let mut rest = bytes;
        for _ in 0..self.width() {
            let (length, after) = rest.split_first_chunk().ok_or(EntryBundleError::WrongWidth)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, others) =
                after.split_at_checked(length).ok_or(EntryBundleError::WrongWidth)?;
            entries.push(entry);
            rest = others;
        }
        if rest.is_empty() { Ok(entries) } else { Err(EntryBundleError::WrongWidth) }
    }
}

/// Why entries are no bundle, or bytes no entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryBundleError {
    /// There are more or fewer entries than the bundle has, or one is cut off.
    #[error("these are not as many entries as the bundle has")]
    WrongWidth,
    /// An entry is longer than the format can say.
    #[error("an entry has more than {} bytes", EntryBundle::ENTRY_BYTES_MAX)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let bundle = EntryBundle::new(3, 3).unwrap();
        assert_eq!((bundle.tile().level(), bundle.entries()), (0, 768..771));
        let longest = vec![7; EntryBundle::ENTRY_BYTES_MAX];
        let entries: [&[u8]; 3] = [b"", b"ab", &longest];
        let bytes = bundle.encode(&entries).unwrap();
        assert_eq!(bytes[..8], [0, 0, 0, 2, b'a', b'b', 0xff, 0xff]);
        assert_eq!(bundle.decode(&bytes), Ok(entries.to_vec()));
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let bundle = EntryBundle::new(0, 2).unwrap();
        let bytes = bundle.encode(&["ab", "c"]).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(bundle.decode(&bytes[..end]), Err(EntryBundleError::WrongWidth), "{end}");
        }
        let mut long = bytes.clone();
        long.extend([0, 0]);
        assert_eq!(bundle.decode(&long), Err(EntryBundleError::WrongWidth));
        assert_eq!(bundle.encode(&["ab"]), Err(EntryBundleError::WrongWidth));
        assert_eq!(bundle.encode(&[vec![0; 65_536], Vec::new()]), Err(EntryBundleError::TooLong));
        assert_eq!(EntryBundle::new(0, 0), None);
    }

    #[test]
    fn a_tree_has_as_many_bundles_as_tiles_of_leaf_hashes() {
        let bundles: Vec<_> = EntryBundle::all(600).map(|it| (it.index(), it.width())).collect();
        assert_eq!(bundles, [(0, 256), (1, 256), (2, 88)]);
    }
}
