//! Drafts: what somebody outside was shown before publication, and when. (Spec §4)

use super::{
    AudienceDigest, AudienceId, Item, Position,
    texts::{Texts, Visit, one},
};

/// See [`super::Event::DraftShared`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftShared<T> {
    /// Who was shown it.
    pub recipient: T,
    /// What was shown: the assessment as known at this position.
    pub position: Position,
    /// As whom it was shown, and the root over what that audience sees of it. (Spec §4.8)
    pub digest: AudienceDigest,
}

/// A draft that was shared. The first is `draft-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The record of it.
    pub item: Item,
    /// What was shown: the assessment as known at this position.
    pub position: Position,
    /// As whom.
    pub audience: AudienceId,
}

impl<T> Texts<T> for DraftShared<T> {
    type With<U> = DraftShared<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<DraftShared<U>, E> {
        Ok(DraftShared {
            recipient: one(self.recipient, at, "recipient", visit)?,
            position: self.position,
            digest: self.digest,
        })
    }
}
