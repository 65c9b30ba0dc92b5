//! What became of the steps of an import.

use std::fmt;

use indicatif::ProgressBar;

use crate::{
    cli::{
        failure::Failure,
        json,
        output::{self, Format, Output},
    },
    pb,
};

/// Counts answers, and shows them as they come.
#[derive(Debug)]
pub(in crate::cli) struct Tally {
    progress: ProgressBar,
    format: Format,
    recorded: usize,
    replayed: usize,
    refused: usize,
    /// The last position that an answer named.
    position: u64,
}

impl Tally {
    /// Nothing counted yet.
    pub(in crate::cli) fn new(progress: ProgressBar, format: Format) -> Self {
        Self { progress, format, recorded: 0, replayed: 0, refused: 0, position: 0 }
    }

    /// Where the reader must be to see what was imported.
    pub(in crate::cli) fn position(&self) -> u64 {
        self.position
    }

    /// A step was answered with a receipt.
    pub(super) fn receipt(
        &mut self,
        receipt: &pb::Receipt,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let count = if receipt.replayed { &mut self.replayed } else { &mut self.recorded };
        *count = count.saturating_add(1);
        self.position = self.position.max(receipt.position);
        self.progress.inc(1);
        match self.format {
            Format::Table => Ok(()),
            Format::Json => output.line(&json::line(receipt)?),
        }
    }

    /// A step was refused, and the import goes on.
    pub(super) fn refusal(&mut self, failure: &Failure) {
        self.count_refusal();
        self.progress.suspend(|| failure.lines().iter().for_each(|line| output::note(line)));
    }

    /// A step was refused.
    pub(super) fn count_refusal(&mut self) {
        self.refused = self.refused.saturating_add(1);
        self.progress.inc(1);
    }

    /// Takes the progress away.
    pub(super) fn finish(&self) {
        self.progress.finish_and_clear();
    }

    /// Whether all was well.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match self.refused {
            0 => Ok(()),
            refused => Err(Failure::Incomplete {
                what: format!(
                    "{} refused; mend what is refused and import the file again under the same \
                     name: what is recorded is not recorded twice",
                    counted(refused)
                ),
            }),
        }
    }
}

fn counted(steps: usize) -> String {
    if steps == 1 { "1 step was".to_owned() } else { format!("{steps} steps were") }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, replayed, refused, position, .. } = self;
        write!(f, "{recorded} recorded, {replayed} replayed, {refused} refused")?;
        if *position > 0 { write!(f, "; up to record {position}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_says_what_became_of_the_steps() {
        let mut tally = Tally::new(ProgressBar::hidden(), Format::Table);
        let mut output = Output::stdout();
        let recorded = pb::Receipt { position: 7, ..pb::Receipt::default() };
        let replayed = pb::Receipt { position: 3, replayed: true, ..pb::Receipt::default() };
        tally.receipt(&recorded, &mut output).unwrap();
        tally.receipt(&replayed, &mut output).unwrap();
        assert_eq!(tally.to_string(), "1 recorded, 1 replayed, 0 refused; up to record 7");
        assert!(tally.verdict().is_ok());
        tally.count_refusal();
        let failure = tally.verdict().unwrap_err();
        assert_eq!(failure.exit_code(), 1);
        assert!(failure.lines()[0].contains("1 step was refused"), "{:?}", failure.lines());
    }
}
