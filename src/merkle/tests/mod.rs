//! What no single file can be tested for alone: all proofs of all small trees, published vectors,
//! and code that is not ours.

mod known;
mod proofs;
