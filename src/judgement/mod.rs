//! The rules.

mod position;

pub use position::{Position, Revision};
