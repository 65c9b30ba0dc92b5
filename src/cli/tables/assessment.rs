//! What stands in an assessment: who, under what, in which state, and every grade.

use super::{at_least, keep, lines, listing};
use crate::{
    pb,
    wording::{NOTHING, award, corrected, date, label, mark, rows::fallback, text, time, words},
};

/// Wide enough for the names of most areas.
const AREA_WIDTH: u16 = 36;

/// An assessment's state and grades. With its framework, areas without a judgement are shown too.
pub(in crate::cli) fn summary(
    width: u16,
    assessment: &pb::Assessment,
    framework: Option<&pb::Framework>,
) -> Vec<String> {
    let mut summary = heading(assessment);
    summary.push(String::new());
    let mut table = listing(width, ["Area for judgement", "Grade", "Since", "Record"]);
    for judgement in &assessment.judgements {
        table.add_row(row(judgement));
    }
    for (area, value) in unjudged(assessment, framework) {
        table.add_row([area, value.to_owned()]);
    }
    keep(&mut table, [2, 3]);
    at_least(&mut table, 0, AREA_WIDTH);
    summary.extend(lines(&table));
    summary
}

/// Its name, framework, state and the moment that the answer reflects.
fn heading(assessment: &pb::Assessment) -> Vec<String> {
    let state = words(assessment.state().as_str_name(), "ASSESSMENT_STATE_");
    let in_force = assessment.editions.iter().rfind(|edition| edition.withdrawn.is_none());
    let dated = in_force.and_then(|edition| date(edition.letter_date.as_ref()));
    let published = dated.map_or_else(String::new, |day| format!("; latest letter of {day}"));
    let stated = if assessment.as_stated { " As sources state it, not as witnessed." } else { "" };
    let read = assessment.read.unwrap_or_default();
    let mut lines = vec![
        assessment.name.clone(),
        format!(
            "{}, cycle {}; edition {} is {state}{published}.",
            assessment.framework, assessment.cycle, assessment.edition
        ),
        format!(
            "As known at record {} of {} UTC; `--known-at {}` repeats it.{stated}",
            read.position,
            time(read.recorded_at.as_ref()),
            read.position
        ),
    ];
    lines.extend(signatures(assessment));
    lines.extend(assessment.editions.iter().filter_map(withdrawn));
    lines.extend(noted(assessment));
    lines
}

fn withdrawn(edition: &pb::PublishedEdition) -> Option<String> {
    let by = edition.withdrawn.as_ref()?;
    let instead = fallback(&by.fallback);
    let (number, why, at) = (edition.edition, &by.reason, by.position);
    Some(format!("Edition {number} was withdrawn (record {at}, {why}): {instead}."))
}

/// What stands beside the grades: holds that are not released, challenges, drafts.
fn noted(assessment: &pb::Assessment) -> Vec<String> {
    let holds = assessment.holds.iter().filter(|hold| hold.released_at == 0).map(|hold| {
        let kind = words(hold.kind().as_str_name(), "HOLD_KIND_");
        let stops = words(hold.stops().as_str_name(), "HOLD_STOPS_");
        format!("On hold: {} ({kind}, stops {stops}; record {}).", hold.hold_id, hold.position)
    });
    let challenges = assessment.challenges.iter().map(|challenge| {
        let kind = words(challenge.kind().as_str_name(), "CHALLENGE_KIND_");
        let open = challenge.points.iter().filter(|point| point.decided_at == 0).count();
        let open = if open == 0 { "decided".to_owned() } else { format!("{open} open") };
        let (id, points) = (&challenge.challenge_id, challenge.points.len());
        let (of, at) = (if points == 1 { "point" } else { "points" }, challenge.position);
        format!("Challenge: {id} ({kind}, {points} {of}, {open}; record {at}).")
    });
    let drafts = assessment.drafts.iter().map(|draft| {
        let to = text(draft.recipient.as_ref()).unwrap_or_default();
        let (number, audience) = (draft.number, &draft.audience);
        let (known, at) = (draft.known_at_position, draft.position);
        format!("Draft {number} was shown to {to} as {audience}, as known at record {known} (record {at}).")
    });
    holds.chain(challenges).chain(drafts).collect()
}

fn signatures(assessment: &pb::Assessment) -> Option<String> {
    let signed = |it: &pb::SignedSignature| {
        format!("{} (record {}){}", it.organisation, it.position, mark(it.transcribed))
    };
    let signed: Vec<_> = assessment.signatures.iter().map(signed).collect();
    (!signed.is_empty()).then(|| format!("Signed for {}.", signed.join(" and ")))
}

fn row(judgement: &pb::Judgement) -> [String; 4] {
    let descriptor = match judgement.description.as_str() {
        "" => String::new(),
        descriptor => format!(": {descriptor}"),
    };
    let marks = format!("{}{}", mark(judgement.transcribed), corrected(judgement.corrected_at));
    [
        label(&judgement.area_label),
        format!("{}{descriptor}{marks}", award(judgement.award.as_ref())),
        date(judgement.effective_on.as_ref()).unwrap_or_else(|| NOTHING.to_owned()),
        judgement.position.to_string(),
    ]
}

/// The areas of the framework that have no judgement here, and why.
fn unjudged(
    assessment: &pb::Assessment,
    framework: Option<&pb::Framework>,
) -> Vec<(String, &'static str)> {
    let judged = |id: &str| assessment.judgements.iter().any(|it| it.area == id);
    let areas = framework.map(|it| it.areas.as_slice()).unwrap_or_default().iter();
    areas
        .filter(|area| !judged(&area.id))
        .map(|area| {
            let value = if area.scales.is_empty() { "takes no grade" } else { "none yet" };
            (label(&area.label), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn history_entered_later_is_marked() {
        let mut assessment = sample::assessment();
        assessment.signatures[0].transcribed = true;
        let signed = "Signed for csci (record 40) (transcribed) and ofsted (record 41).";
        assert_eq!(signatures(&assessment).unwrap(), signed);
    }

    #[test]
    fn a_summary_shows_every_area_with_grade_descriptor_and_record() {
        let lines = summary(100, &sample::assessment(), Some(&sample::framework()));
        assert_eq!(
            lines.join("\n"),
            "subjects/leicester-city/assessments/apa-2006
frameworks/apa/versions/2006, cycle 2006; edition 1 is published; latest letter of 2006-11-01.
As known at record 42 of 2006-11-01 09:00:00 UTC; `--known-at 42` repeats it.
Signed for csci (record 40) and ofsted (record 41).

 Area for judgement                 Grade                                       Since        Record
────────────────────────────────────────────────────────────────────────────────────────────────────
 The local authority's children's   3: A service that consistently delivers     2006-10-10   10
 services                           above minimum requirements for users
 Enjoying and achieving             adequate                                    2006-10-12   31
 Achieving economic well-being      adequate with an overall improving trend    2006-10-10   14
 Management                         takes no grade"
        );
    }
}
