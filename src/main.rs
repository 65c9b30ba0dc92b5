//! The binary: parses the command line, runs the verb, and says how it ended.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use judgement_ledger::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::report(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
