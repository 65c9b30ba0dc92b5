//! A subject over the years: its assessments, and what became of items.

use super::{NAME_WIDTH, at_least, lines, listing};
use crate::{
    pb::{self, subject_timeline::Current},
    wording::{
        award, date, label, person,
        rows::{fallback, stream},
        text, words,
    },
};

/// The timeline.
pub(in crate::cli) fn subject_timeline(width: u16, timeline: &pb::SubjectTimeline) -> Vec<String> {
    let current = match &timeline.current {
        Some(Current::CurrentAssessment(name)) => format!("{} holds", stream(name)),
        Some(Current::NotRated(_)) | None => "not rated".to_owned(),
    };
    let mut shown = vec![format!("{}: {current}", timeline.subject)];
    let mut table = listing(width, ["Cycle", "Assessment", "State", "Grades"]);
    for one in &timeline.assessments {
        let assessment = one.assessment.clone().unwrap_or_default();
        table.add_row([
            assessment.cycle.clone(),
            stream(&assessment.name),
            state(one, &assessment),
            grades(&assessment),
        ]);
    }
    at_least(&mut table, 1, NAME_WIDTH);
    if !timeline.assessments.is_empty() {
        shown.extend(lines(&table));
    }
    if !timeline.gap_years.is_empty() {
        let years: Vec<_> = timeline.gap_years.iter().map(ToString::to_string).collect();
        shown.push(format!("Years without an assessment: {}", years.join(", ")));
    }
    if !timeline.items.is_empty() {
        shown.extend([String::new(), "What became of items".to_owned()]);
        shown.extend(timeline.items.iter().map(item));
    }
    shown
}

fn state(one: &pb::TimelineAssessment, assessment: &pb::Assessment) -> String {
    let edition = assessment.editions.last();
    let dated = edition.and_then(|edition| date(edition.letter_date.as_ref()));
    match (one.withdrawn, edition, dated) {
        (true, edition, _) => withdrawn(edition),
        (false, Some(edition), Some(day)) => format!("edition {} of {day}", edition.edition),
        (false, _, _) => "not published".to_owned(),
    }
}

/// That it was withdrawn, why, and by whom as far as the reader may know.
fn withdrawn(edition: Option<&pb::PublishedEdition>) -> String {
    let Some(by) = edition.and_then(|edition| edition.withdrawn.as_ref()) else {
        return "withdrawn".to_owned();
    };
    let who = by.recorded_by.as_ref().map(|who| format!(" by {}", person(Some(who))));
    let (why, instead) = (&by.reason, fallback(&by.fallback));
    format!("withdrawn{}, {why}: {instead}", who.unwrap_or_default())
}

fn grades(assessment: &pb::Assessment) -> String {
    let grade =
        |it: &pb::Judgement| format!("{}: {}", label(&it.area_label), award(it.award.as_ref()));
    assessment.judgements.iter().map(grade).collect::<Vec<_>>().join("\n")
}

fn item(item: &pb::FollowedItem) -> String {
    let named = text(item.words.as_ref()).unwrap_or_default();
    let cited = format!("{} {}", stream(&item.assessment), item.entry_id).trim().to_owned();
    let named =
        [named, cited].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ");
    let step = |it: &pb::FollowedStep| {
        let status = words(it.status().as_str_name(), "FOLLOW_UP_STATUS_");
        format!("{status} ({})", stream(&it.assessment))
    };
    let steps: Vec<_> = item.steps.iter().map(step).collect();
    format!("- {named}: {}", steps.join(" → "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_says_by_whom_why_and_what_holds() {
        let by = pb::Withdrawal { reason: "COURT_ORDER".to_owned(), ..pb::Withdrawal::default() };
        let edition = pb::PublishedEdition { withdrawn: Some(by), ..Default::default() };
        assert_eq!(withdrawn(Some(&edition)), "withdrawn, COURT_ORDER: not rated");
    }

    #[test]
    fn gaps_withdrawals_and_items_are_told() {
        let assessment = |cycle: &str| pb::Assessment {
            name: format!("subjects/leicester-city/assessments/apa-{cycle}"),
            cycle: cycle.to_owned(),
            ..pb::Assessment::default()
        };
        let step = |cycle: &str, status: pb::FollowUpStatus| pb::FollowedStep {
            assessment: assessment(cycle).name,
            status: status.into(),
            ..pb::FollowedStep::default()
        };
        let timeline = pb::SubjectTimeline {
            subject: "subjects/leicester-city".to_owned(),
            assessments: vec![
                pb::TimelineAssessment {
                    assessment: Some(assessment("2006")),
                    in_force: false,
                    withdrawn: true,
                },
                pb::TimelineAssessment {
                    assessment: Some(assessment("2008")),
                    ..pb::TimelineAssessment::default()
                },
            ],
            gap_years: vec![2007],
            current: Some(Current::NotRated(true)),
            items: vec![pb::FollowedItem {
                assessment: assessment("2005").name,
                entry_id: "camhs".to_owned(),
                steps: vec![
                    step("2006", pb::FollowUpStatus::Remains),
                    step("2008", pb::FollowUpStatus::Resolved),
                ],
                ..pb::FollowedItem::default()
            }],
            read: None,
        };
        let shown = subject_timeline(100, &timeline).join("\n");
        for told in [
            "subjects/leicester-city: not rated",
            "withdrawn",
            "not published",
            "Years without an assessment: 2007",
            "- leicester-city/apa-2005 camhs: remains (leicester-city/apa-2006) → resolved (leicester-city/apa-2008)",
        ] {
            assert!(shown.contains(told), "{shown}");
        }
    }
}
