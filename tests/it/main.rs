//! The one program of tests from outside: rules, stores, the real server, the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    clippy::shadow_unrelated,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test fails by panicking, counts in small numbers, and is no part of any interface"
)]
#![allow(clippy::print_stdout, reason = "a test prints its seed, which is shown when it fails")]
#![allow(
    clippy::shadow_unrelated,
    reason = "a test that opens a journal twice calls it a journal twice"
)]

mod face;
mod faulty_journal;
mod journal;
mod letter;
mod rules;
mod scenarios;
mod served;
mod sim_disk;
mod tidy;
