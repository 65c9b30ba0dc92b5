//! The frameworks that are registered, held in memory: there are tens of them, not millions.

use std::sync::Arc;

use crate::judgement::{Framework, Item};

/// A framework as it was registered.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The framework, checked.
    pub framework: Arc<Framework>,
    /// The document that it was read from, byte for byte.
    pub document: Arc<[u8]>,
    /// The SHA-256 of the document.
    pub document_sha256: [u8; 32],
    /// The record that registered it.
    pub item: Item,
}
