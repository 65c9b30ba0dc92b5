//! The one program of tests from outside: rules, stores, the real server, the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "a test fails by panicking, and is no part of any interface"
)]

mod rules;
