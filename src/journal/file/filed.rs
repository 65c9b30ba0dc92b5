//! Under which keys the entries of a segment are filed that still takes frames.

use std::{iter, num::NonZeroU32};

use foldhash::{HashMap, HashMapExt as _};

use super::rows::Slot;
use crate::journal::Key;

/// Every key of every entry, in the order of filing: about 50 bytes of memory each. Each command
/// adds some and looks one up, and most keys are random, so that they are found by hash: in a sorted
/// tree every step would miss the processor's caches. They are sorted once, when the segment is
/// sealed.
#[derive(Debug, Clone)]
pub(super) struct Filed {
    rows: Vec<Row>,
    /// Where the newest row of a key is.
    newest: HashMap<Key, u32>,
}

/// One entry filed under one key.
#[derive(Debug, Clone, Copy)]
struct Row {
    key: Key,
    slot: Slot,
    /// Where the row before it of the same key is, if there is one.
    before: Option<Before>,
}

/// Where a row is, stored so that its absence takes no room.
#[derive(Debug, Clone, Copy)]
struct Before(NonZeroU32);

impl Before {
    fn new(place: u32) -> Option<Self> {
        place.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    const fn place(self) -> u32 {
        self.0.get().saturating_sub(1)
    }
}

impl Filed {
    /// Nothing yet.
    pub(super) fn empty() -> Self {
        Self { rows: Vec::new(), newest: HashMap::new() }
    }

    /// Adds entries, none of them before one that is there already. An entry that says a key twice
    /// is filed once.
    pub(super) fn extend(&mut self, filed: impl IntoIterator<Item = (Key, Slot)>) {
        for (key, slot) in filed {
            // A segment has fewer bytes than this counts, so it never saturates.
            let place = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            let newest = self.newest.get(&key).and_then(|at| Before::new(*at));
            if newest.and_then(|at| self.row(at)).is_some_and(|row| row.slot == slot) {
                continue;
            }
            self.rows.push(Row { key, slot, before: newest });
            self.newest.insert(key, place);
        }
    }

    /// The newest slot before `before` under `key`. It goes back entry by entry, so what is asked
    /// for the head, as by every command, is found at once.
    pub(super) fn latest(&self, key: Key, before: Slot) -> Option<Slot> {
        let newest = self.newest.get(&key).and_then(|at| Before::new(*at));
        let mut older = iter::successors(newest.and_then(|at| self.row(at)), |row| {
            row.before.and_then(|at| self.row(at))
        });
        older.find(|row| row.slot < before).map(|row| row.slot)
    }

    /// All of them by key, then by slot. An append waits for it, so they are sorted as numbers of
    /// sixteen bytes, which takes a third of the time.
    pub(super) fn sorted(&self) -> Vec<(Key, Slot)> {
        let mut numbers: Vec<_> = self.rows.iter().map(|row| number(row.key, row.slot)).collect();
        numbers.sort_unstable();
        numbers.into_iter().map(pair).collect()
    }

    fn row(&self, at: Before) -> Option<&Row> {
        self.rows.get(usize::try_from(at.place()).ok()?)
    }
}

/// The twelve bytes of the key, then the four of the slot: in the order of the pairs.
fn number(Key(key): Key, slot: Slot) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(key.into_iter().chain(slot.to_be_bytes())) {
        *to = from;
    }
    u128::from_be_bytes(bytes)
}

fn pair(number: u128) -> (Key, Slot) {
    let [key @ .., a, b, c, d] = number.to_be_bytes();
    (Key(key), Slot::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_lookup_finds_what_a_sorted_set_finds(
            entries in prop::collection::vec(prop::collection::vec(0_u8..6, 0..4), 0..200),
            wanted in prop::collection::vec((0_u8..7, 0_u32..201), 50),
        ) {
            let mut filed = Filed::empty();
            let mut set = BTreeSet::new();
            for (slot, keys) in (0_u32..).zip(&entries) {
                filed.extend(keys.iter().map(|key| (Key([*key; 12]), slot)));
                set.extend(keys.iter().map(|key| (Key([*key; 12]), slot)));
            }
            for (key, before) in wanted {
                let key = Key([key; 12]);
                let expected = set.range((key, 0)..(key, before)).last().map(|(_, slot)| *slot);
                prop_assert_eq!(filed.latest(key, before), expected);
            }
            prop_assert_eq!(filed.sorted(), set.into_iter().collect::<Vec<_>>());
        }
    }
}
