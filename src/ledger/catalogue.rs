//! The frameworks that are registered, held in memory: there are tens of them, not millions.

use std::sync::Arc;

use crate::{
    judgement::{Framework, Item, RegisterFramework},
    merkle::sha256,
};

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

impl Registered {
    /// What an order registered, by which record.
    pub(super) fn new(order: &RegisterFramework, item: Item) -> Self {
        Self {
            framework: Arc::clone(&order.framework),
            document: Arc::clone(&order.document),
            document_sha256: *sha256(&[&order.document]).as_bytes(),
            item,
        }
    }
}
