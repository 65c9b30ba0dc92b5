//! What the tests of this room stand on.

pub(super) mod ground;
pub(super) mod several;
