//! The one place that writes: data to stdout, everything else to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::Failure;

/// As wide as tables are where no terminal says otherwise, and at most.
const WIDTH: u16 = 100;
/// Narrower tables cannot be read.
const WIDTH_MIN: u16 = 60;

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and sentences for people.
    Table,
    /// JSON for programs, one object a line; messages of the services in Protobuf's JSON mapping.
    Json,
}

/// Where data goes.
#[derive(Debug)]
pub(super) struct Output {
    stdout: io::Stdout,
    width: u16,
}

impl Output {
    /// Data to this process's stdout, as wide as its terminal.
    pub(super) fn stdout() -> Self {
        let terminal = comfy_table::Table::new().width();
        let width = terminal.unwrap_or(WIDTH).clamp(WIDTH_MIN, WIDTH);
        Self { stdout: io::stdout(), width }
    }

    /// How many columns tables may take.
    pub(super) fn width(&self) -> u16 {
        self.width
    }

    /// Writes `text` and ends the line. What is written can be read at once.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        let mut stdout = self.stdout.lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Writes bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = self.stdout.lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Writes all `lines`.
    pub(super) fn lines(&mut self, lines: &[String]) -> Result<(), Failure> {
        lines.iter().try_for_each(|line| self.line(line))
    }
}

/// Says `text` to whoever watches, on stderr. Nobody watching is no reason to stop.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Whether somebody watches stderr.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// A bar of records, which shows itself where somebody watches; its length is set once it is known.
pub(super) fn records_bar(doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::hidden();
    if is_watched() {
        let template = "{prefix} {wide_bar} {pos}/{len} records, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(doing);
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar
}

/// A progress bar of the opening of a ledger, shown once that takes more than a moment.
pub(super) struct Rebuilding {
    bar: ProgressBar,
}

/// A bar that nobody sees yet.
pub(super) fn rebuilding() -> Rebuilding {
    Rebuilding { bar: ProgressBar::hidden() }
}

impl Rebuilding {
    /// So many of so many records are folded.
    pub(super) fn show(&self, at: u64, head: u64) {
        if self.bar.length() != Some(head) && is_watched() {
            let template = "rebuilding the views {wide_bar} {pos}/{len} records, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.set_length(head);
        }
        self.bar.set_position(at);
    }

    /// The ledger is open.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
