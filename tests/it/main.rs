//! The one program of tests from outside.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow in a test is a failed test, which is what it should be"
)]
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "tests count in small numbers"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it must be"
)]
#![allow(clippy::print_stdout, reason = "a test prints its seed, which is shown when it fails")]
#![allow(
    clippy::shadow_unrelated,
    reason = "a test that opens a journal twice calls it a journal twice"
)]

mod faulty_journal;
mod journal;
mod sim_disk;
