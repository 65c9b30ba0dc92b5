//! The rules.

mod position;
mod text;

pub use position::{Position, Revision};
pub use text::{TEXT_BYTES_MAX, Text, TextTooLong};
