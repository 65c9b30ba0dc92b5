//! Two moments of one assessment, side by side.

use super::{lines, listing};
use crate::{
    pb,
    wording::{award, label},
};

/// The grades known at one moment beside those known at a later one. `earlier` and `later` each
/// name their moment. Only what differs is shown; the rest is counted.
pub(in crate::cli) fn beside(
    width: u16,
    earlier: (&str, &pb::Assessment),
    later: (&str, &pb::Assessment),
) -> Vec<String> {
    let mut table = listing(width, ["Area for judgement", earlier.0, later.0]);
    let mut equal: usize = 0;
    for judgement in &later.1.judgements {
        let before = earlier.1.judgements.iter().find(|it| it.area == judgement.area);
        let before = award(before.and_then(|it| it.award.as_ref()));
        let after = award(judgement.award.as_ref());
        if before == after {
            equal = equal.saturating_add(1);
        } else {
            table.add_row([label(&judgement.area_label), before, after]);
        }
    }
    let mut lines = lines(&table);
    if equal > 0 {
        lines.push(format!(" Areas with the same grade at both moments: {equal}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn what_changed_between_two_moments_is_shown() {
        let (now, mut then) = (sample::assessment(), sample::assessment());
        then.judgements.truncate(2);
        then.judgements[1].award = Some(sample::worded("good"));
        let lines = beside(100, ("known at 11", &then), ("known at 42", &now));
        assert_eq!(
            lines.join("\n"),
            " Area for judgement              known at 11   known at 42
────────────────────────────────────────────────────────────────────────────────────────
 Enjoying and achieving          good          adequate
 Achieving economic well-being   –             adequate with an overall improving trend
 Areas with the same grade at both moments: 1"
        );
    }
}
