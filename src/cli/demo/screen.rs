//! The one screen that the demonstration ends with.

use crate::{
    cli::{tables, wording},
    pb,
};

/// What the screen shows.
#[derive(Debug)]
pub(super) struct Screen {
    /// The letter as it stands.
    pub(super) now: pb::Assessment,
    /// What was known of it before.
    pub(super) earlier: pb::Assessment,
    /// How one area's grade came about.
    pub(super) history: Vec<pb::AuditRow>,
    /// What is graded, and how levels are called.
    pub(super) framework: pb::Framework,
}

impl Screen {
    /// The screen, line by line.
    pub(super) fn lines(&self, width: u16) -> Vec<String> {
        let mut lines = tables::summary(width, &self.now, Some(&self.framework));
        lines.extend([
            String::new(),
            "Who changed which grade, when, why, on whose decision".into(),
        ]);
        lines.push(String::new());
        lines.extend(tables::timelines(width, &self.history));
        let earlier = known(&self.earlier);
        lines
            .extend([String::new(), format!("What was known on {earlier}, and what is known now")]);
        lines.push(String::new());
        let earlier = format!("Known {earlier}");
        let then = (earlier.as_str(), &self.earlier);
        lines.extend(tables::beside(width, then, ("Known now", &self.now)));
        lines
    }
}

/// The day of the last record that an answer knows of.
fn known(assessment: &pb::Assessment) -> String {
    let read = assessment.read.unwrap_or_default();
    let time = wording::time(read.recorded_at.as_ref());
    time.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn the_demonstration_fits_one_screen() {
        let mut earlier = sample::assessment();
        earlier.judgements[1].award = Some(sample::worded("good"));
        let screen = Screen {
            now: sample::assessment(),
            earlier,
            history: sample::moderated(),
            framework: sample::framework(),
        };
        let lines = screen.lines(100);
        assert!(lines.len() <= 48, "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
    }
}
