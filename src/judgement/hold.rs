//! Holds: what must not happen to an assessment for the time being. (Spec §4)

use super::{HoldId, Item};

/// Why something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldKind {
    /// A representation is being looked at.
    Representation,
    /// A complaint is being looked at.
    Complaint,
    /// A court has it.
    Court,
    /// Somebody asked for information.
    InformationRequest,
    /// What is there must be kept.
    Preservation,
}

/// What a hold stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stops {
    /// Publication.
    Publication,
    /// Erasure.
    Erasure,
    /// Publication and erasure.
    Both,
}

impl Stops {
    /// Whether nothing may be published.
    #[must_use]
    pub const fn publication(self) -> bool {
        match self {
            Self::Publication | Self::Both => true,
            Self::Erasure => false,
        }
    }

    /// Whether nothing may be erased.
    #[must_use]
    pub const fn erasure(self) -> bool {
        match self {
            Self::Erasure | Self::Both => true,
            Self::Publication => false,
        }
    }
}

/// See [`super::Event::HoldPlaced`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldPlaced {
    /// The id that the client chose.
    pub hold: HoldId,
    /// Why it is placed.
    pub kind: HoldKind,
    /// What it stops.
    pub stops: Stops,
}

/// See [`super::Event::HoldReleased`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldReleased {
    /// Which hold.
    pub hold: HoldId,
}

/// A hold as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The record that placed it.
    pub placed: Item,
    /// Why it was placed.
    pub kind: HoldKind,
    /// What it stops until it is released.
    pub stops: Stops,
    /// The record that released it, if any did.
    pub released: Option<Item>,
}

impl Hold {
    /// Its last record.
    #[must_use]
    pub fn last(&self) -> Item {
        self.released.unwrap_or(self.placed)
    }
}
