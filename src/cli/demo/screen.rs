//! The one screen that the demonstration ends with.

use crate::{cli::tables, pb};

/// What the screen shows.
#[derive(Debug)]
pub(super) struct Screen {
    /// The letter as it was published, and on which day.
    pub(super) letter: (String, pb::Assessment),
    /// What was known before, and on which day.
    pub(super) earlier: (String, pb::Assessment),
    /// How one area's grade came about.
    pub(super) history: Vec<pb::AuditRow>,
    /// What is graded, and how levels are called.
    pub(super) framework: pb::Framework,
    /// What a consumer was told from the letter on.
    pub(super) scores: Vec<pb::FeedUpdate>,
}

impl Screen {
    /// The screen, line by line.
    pub(super) fn lines(&self, width: u16) -> Vec<String> {
        let ((day, letter), (earlier_day, earlier)) = (&self.letter, &self.earlier);
        let mut lines = tables::summary(width, letter, Some(&self.framework));
        lines.extend([
            String::new(),
            "Who changed which grade, when, why, on whose decision".into(),
        ]);
        lines.extend(tables::timelines(width, &self.history));
        let known = "What was known on";
        lines
            .extend([String::new(), format!("{known} {earlier_day}, beside what the letter says")]);
        let names = [format!("Known on {earlier_day}"), format!("Letter of {day}")];
        let [before, after] = names.each_ref().map(String::as_str);
        lines.extend(tables::beside(width, (before, earlier), (after, letter)));
        lines.extend([String::new(), AFTERWARDS.into()]);
        lines.extend(self.scores.iter().flat_map(tables::scores));
        lines
    }
}

/// What comes after the letter.
const AFTERWARDS: &str =
    "After publication (invented): a representation is upheld, and the score is corrected";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn the_demonstration_fits_one_screen() {
        let mut earlier = sample::assessment();
        earlier.judgements[1].award = Some(sample::worded("good"));
        let screen = Screen {
            letter: ("2006-11-01".to_owned(), sample::assessment()),
            earlier: ("2006-10-11".to_owned(), earlier),
            scores: vec![sample::score(), sample::score()],
            history: sample::moderated(),
            framework: sample::framework(),
        };
        let lines = screen.lines(100);
        assert!(lines.len() <= 48, "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
    }
}
