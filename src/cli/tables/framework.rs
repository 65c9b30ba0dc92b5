//! Frameworks: all in a table, or one with its areas and scales.

use super::{lines, listing};
use crate::{
    pb,
    wording::{NOTHING, label, words},
};

/// The frameworks, a row each.
pub(in crate::cli) fn overview(width: u16, frameworks: &[pb::Framework]) -> Vec<String> {
    let mut table = listing(width, ["Framework", "Title", "Areas", "Signed by"]);
    for framework in frameworks {
        table.add_row([
            framework.name.clone(),
            framework.title.clone(),
            framework.areas.len().to_string(),
            list(&framework.signed_by),
        ]);
    }
    lines(&table)
}

/// One framework: what is graded on which scales, what levels there are, which reasons it takes.
pub(in crate::cli) fn detail(width: u16, framework: &pb::Framework) -> Vec<String> {
    let mut out = vec![
        framework.title.clone(),
        format!("{}; signed by {}.", framework.name, list(&framework.signed_by)),
        String::new(),
    ];
    let mut areas = listing(width, ["Area", "Label", "Scales", "Seen by"]);
    for area in &framework.areas {
        let (scales, seen_by) = (list(&area.scales), list(&area.visible_to));
        areas.add_row([area.id.clone(), label(&area.label), scales, seen_by]);
    }
    out.extend(lines(&areas));
    let mut scales = listing(width, ["Scale", "Kind", "Levels, best first"]);
    for scale in &framework.scales {
        let kind = words(scale.kind().as_str_name(), "KIND_");
        scales.add_row([scale.id.clone(), kind, levels(scale)]);
    }
    out.push(String::new());
    out.extend(lines(&scales));
    let reasons: Vec<_> = framework.reasons.iter().map(reason).collect();
    out.extend([String::new(), format!("Reasons: {}", reasons.join(", "))]);
    out
}

fn levels(scale: &pb::Scale) -> String {
    let mut levels: Vec<_> = scale.levels.iter().collect();
    levels.sort_by_key(|level| std::cmp::Reverse(level.rank));
    let shown = |level: &&pb::Level| match level.words.as_slice() {
        [] => level.code.clone(),
        words => words.join(" or "),
    };
    levels.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn reason(reason: &pb::Reason) -> String {
    let by = if reason.moderation { " (by a moderator)" } else { "" };
    format!("{}{by}", reason.code)
}

fn list(words: &[String]) -> String {
    if words.is_empty() { NOTHING.to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn a_framework_shows_areas_scales_and_reasons() {
        assert_eq!(
            detail(90, &sample::framework()).join("\n"),
            "2006 annual performance assessment
frameworks/apa/versions/2006; signed by ofsted, csci.

 Area                            Label                    Scales      Seen by
───────────────────────────────────────────────────────────────────────────────────────
 childrens-services              The local authority's    apa-1-4     audit-commission
                                 children's services
 enjoying-and-achieving          Enjoying and achieving   apa-words   –
 achieving-economic-well-being   Achieving economic       apa-words   –
                                 well-being
 management                      Management               –           –

 Scale       Kind      Levels, best first
──────────────────────────────────────────
 apa-1-4     ordered   4, 3, 2, 1
 apa-words   ordered   good, adequate

Reasons: INITIAL, MODERATION (by a moderator)"
        );
    }

    #[test]
    fn frameworks_are_listed_a_row_each() {
        assert_eq!(
            overview(90, &[sample::framework()]).join("\n"),
            " Framework                      Title                                Areas   Signed by
──────────────────────────────────────────────────────────────────────────────────────────
 frameworks/apa/versions/2006   2006 annual performance assessment   4       ofsted, csci"
        );
    }
}
