//! What no single file can be tested for alone: all proofs of all small trees, published vectors,
//! and code that is not ours.

mod exchanged;
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod foreign;
mod known;
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod proofs;
mod published;
