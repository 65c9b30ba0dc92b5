//! What is stored of an event: its bytes, and commitments in the place of texts.

mod commitment;

pub use commitment::{Commitment, Opening};
