//! Where a record stands: in the ledger and in its stream.

use std::fmt;

/// The place of a record in the ledger: 1, 2, 3 … without a gap. [`Position::START`] is before
/// the first. (Spec §2)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

/// The place of a record in its stream: 1, 2, 3 … without a gap. [`Revision::START`] is before
/// the first. (Spec §2)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

macro_rules! counter {
    ($name:ident) => {
        impl $name {
            /// Before the first record.
            pub const START: Self = Self(0);

            /// The `number`-th record; 0 is [`Self::START`].
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number, counted from 1; 0 for [`Self::START`].
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The next one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one `count` later.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }

            /// How many records lie after `earlier`, up to and with this one; 0 if none.
            #[must_use]
            pub const fn since(self, earlier: Self) -> u64 {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(Position);
counter!(Revision);
