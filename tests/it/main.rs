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
    clippy::too_many_arguments,
    clippy::shadow_unrelated,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test fails by panicking, counts in small numbers, and is no part of any interface"
)]
#![allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value,
    clippy::ref_option,
    reason = "what helps a test is called as the test reads best"
)]
#![allow(clippy::print_stdout, reason = "a test prints its seed, which is shown when it fails")]

mod account;
mod answers;
mod apart;
mod attacks;
mod backup;
mod believed;
mod binary;
mod calls;
mod cases;
mod clock;
mod cluster;
mod console;
mod counted;
mod differential;
mod doors;
mod drafts;
mod editions;
mod elected;
mod engine_faults;
mod erasing;
mod erasure;
mod evidence;
mod face;
mod fair;
mod faulty_journal;
mod filter;
mod foreign;
mod framework_files;
mod fuzzed;
mod golden;
mod image;
mod import;
mod journal;
mod killed;
mod letter;
mod linear;
mod marks;
mod mutations;
mod operated;
mod oracle;
#[cfg(feature = "otel")]
mod otel;
mod power;
mod process;
mod publication;
mod recorder;
mod refusals;
mod refused;
mod replicas;
mod reports;
mod rights;
mod rules;
mod rules_of_editions;
mod rules_of_marks;
mod rules_of_redactions;
mod said;
mod scarce;
mod scenarios;
mod secrets;
mod served;
mod signed;
mod signer;
mod sim_disk;
mod simulation;
mod slow_reader;
mod story;
mod tidy;
mod traced;
mod trailers;
mod turned_away;
mod unreached;
mod walks;
mod watched;
mod web;
mod witnessed;
