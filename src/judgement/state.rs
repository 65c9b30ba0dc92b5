//! The states of an edition and the steps between them: the diagram of Spec §4.1, in one place.

/// The state of the working edition, or of the last one where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Grades and entries may change.
    Open,
    /// Closed for signing.
    Locked,
    /// Signed by all who must.
    Signed,
    /// Public; there is no working edition.
    Published,
    /// Taken back; there is no working edition.
    Withdrawn,
}
