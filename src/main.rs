//! The binary: parses the command line, runs the verb, and says how it ended.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use judgement_ledger::cli::{self, Cli};
use mimalloc::MiMalloc;

/// Nearly all memory of a command is taken by one thread and given back by another, which the
/// system's allocator pays for with locks: a fifth of the sequencer's time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::report(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
