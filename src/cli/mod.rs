//! The command line.

mod client;
mod failure;
mod flags;
mod json;
mod output;
mod refusal;
mod tables;
mod wording;
pub use failure::Failure;
pub use flags::*;
pub use output::Format;
