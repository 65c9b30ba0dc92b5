//! `import`: sends a file of steps to a server, in order, none of them twice.
//!
//! # The format
//!
//! A file is `{"steps": [step, …]}`, or steps one after the other, one a line (JSON Lines). A
//! step is the message `ImportStep` of `proto/judgement/ledger/v1/import.proto` in protobuf's
//! JSON mapping: something that is registered, or a command.
//!
//! ```json
//! {"steps": [
//!   {"credential": "admin", "registerSubject": {
//!     "subject": "subjects/leicester-city",
//!     "displayName": "Leicester City Council", "kind": "local authority"}},
//!   {"credential": "lead", "command": {"openAssessment": {
//!     "assessment": "subjects/leicester-city/assessments/apa-2006",
//!     "framework": "frameworks/apa/versions/2006", "cycle": "2006"}}},
//!   {"command": {"setGrade": {
//!     "assessment": "subjects/leicester-city/assessments/apa-2006",
//!     "area": "being-healthy", "grade": {"word": "good"}}}},
//!   {"credential": "lead", "command": {"lockAssessment": {
//!     "assessment": "subjects/leicester-city/assessments/apa-2006",
//!     "expected": {"any": true}}}}
//! ]}
//! ```
//!
//! - `credential` names the login that sends the step; `--token-file lead=FILE` says where its
//!   token is. Without it the step is sent with the token that has no name.
//! - `act.requestId` may be left out. It is then made from the content of this step and all
//!   before it, so that a file imported again, after an interruption or with the refused step
//!   mended, records nothing twice: what was recorded answers "replayed". With `--name` it is made
//!   from that name and the step alone, so that any step may be mended.
//! - `digest` of `lockAssessment` and `signOffAssessment` may be left out: the importer reads it
//!   just before, and so locks and signs what it has just written.
//! - Nothing else is filled in: `"expected": {"any": true}` is said by the file or by nobody.
//!
//! # Order
//!
//! Steps are sent in the order of the file. By default nothing is sent after a step that was
//! refused, so each command waits for the answer to the one before. With `--keep-going` commands
//! of one login are sent ahead of their answers, still in order; it needs a `--name`, since steps
//! after the ones to be mended are then recorded already.

mod callers;
mod digests;
mod file;
mod identity;
mod sender;
mod tally;

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    failure::Failure,
    flags::ServerFlags,
    output::{self, Format, Output},
};
pub(super) use callers::Callers;
pub(super) use file::Step;
pub(super) use identity::identify;
pub(super) use sender::{OnRefusal, Sender};
pub(super) use tally::Tally;

/// What `import` is told.
#[derive(Debug, Clone, Args)]
pub struct ImportFlags {
    /// The file, or `-` for stdin: `{"steps": […]}`, or a step a line.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerFlags,
    /// The file that holds a login's token, for the steps whose `credential` is NAME; without
    /// NAME, for the steps that name none. May be repeated.
    #[arg(
        long = "token-file",
        value_name = "[NAME=]FILE",
        env = "JUDGEMENT_LEDGER_TOKEN_FILES",
        value_delimiter = ',',
        value_parser = callers::named_file
    )]
    pub token_files: Vec<(String, PathBuf)>,
    /// The name of this import: a step that was recorded under it once is not recorded again,
    /// whatever other steps are mended meanwhile. Another import needs another name.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_IMPORT_NAME")]
    pub name: Option<String>,
    /// Go on after a refused step, and send commands ahead of their answers.
    #[arg(long, requires = "name", env = "JUDGEMENT_LEDGER_KEEP_GOING")]
    pub keep_going: bool,
    /// `table` ends with a sentence; `json` prints the receipt of each step.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: Format,
}

/// Imports the file that the flags name.
pub(super) async fn run(flags: &ImportFlags, output: &mut Output) -> Result<(), Failure> {
    let mut steps = file::read(&flags.file)?;
    identify(&mut steps, flags.name.as_deref());
    let callers = Callers::connect(&flags.server, &flags.token_files).await?;
    callers.check(&steps, &file::origin(&flags.file))?;
    let on_refusal = if flags.keep_going { OnRefusal::GoOn } else { OnRefusal::Stop };
    let mut tally = Tally::new(progress(steps.len()), flags.format);
    let sent = Sender::new(&callers, on_refusal, output, &mut tally).send(&mut steps).await;
    tally.finish();
    if flags.format == Format::Table {
        output.line(&tally.to_string())?;
    }
    sent?;
    tally.verdict()
}

/// A bar for whoever watches; nothing else is drawn.
fn progress(steps: usize) -> ProgressBar {
    if !output::is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {per_sec}, {eta} left");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// See [`crate::fuzzing::import_file`].
pub(crate) fn fuzzed_import_file(text: &str) -> Option<Vec<crate::pb::ImportStep>> {
    let mut steps = file::parse(text, "fuzzed").ok()?;
    identify(&mut steps, None);
    Some(steps.into_iter().map(|step| step.message).collect())
}
