//! Comparisons, counts and timelines, for auditors and for the public.

use std::process::Command;

use judgement_ledger::pb::{
    self, Comparison, EntryDifference, FollowUpStatus, compared_state::KnownAt,
    subject_timeline::Current, text_piece::Side,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    editions::Editing,
    served::{Served, act, explained, last, present, reason_of, time},
    story::{Telling, assessment_of, tell},
};

const SAFE: &str = "staying-safe";
const HEALTHY: &str = "being-healthy";
const CAPACITY: &str = "capacity-to-improve";

fn state(assessment: &str, state: &str) -> Option<pb::ComparedState> {
    let (assessment, state) = (assessment.to_owned(), state.to_owned());
    Some(pb::ComparedState { assessment, state, ..pb::ComparedState::default() })
}

fn at(assessment: &str, position: u64) -> Option<pb::ComparedState> {
    let known_at = Some(KnownAt::KnownAtPosition(position));
    state(assessment, "").map(|state| pb::ComparedState { known_at, ..state })
}

async fn compare(
    served: &Served,
    login: &str,
    before: Option<pb::ComparedState>,
    after: Option<pb::ComparedState>,
) -> Result<pb::CompareAssessmentsResponse, tonic::Status> {
    let request =
        pb::CompareAssessmentsRequest { before, after, ..pb::CompareAssessmentsRequest::default() };
    let answer = served.clients().reports(login).compare_assessments(request).await;
    answer.map(tonic::Response::into_inner)
}

/// The areas of both sides and how they compare.
fn told(compared: &pb::CompareAssessmentsResponse) -> Vec<(String, String, Comparison)> {
    let told = compared.areas.iter();
    told.map(|it| (it.area_before.clone(), it.area_after.clone(), it.comparison())).collect()
}

fn pair(area: &str, comparison: Comparison) -> (String, String, Comparison) {
    (area.to_owned(), area.to_owned(), comparison)
}

async fn revise(served: &Served, name: &str, entry: &str, at: u64, said: Option<&str>) -> u64 {
    let revision = match said {
        None => pb::revise_entry_request::Revision::Strike(true),
        Some(said) => pb::revise_entry_request::Revision::Content(pb::EntryContent {
            kind: pb::EntryKind::Narrative.into(),
            section: entry.trim_start_matches("nar-").to_owned(),
            area: entry.trim_start_matches("nar-").to_owned(),
            order: 1,
            text: Some(present(said)),
            ..pb::EntryContent::default()
        }),
    };
    let request = pb::ReviseEntryRequest {
        assessment: name.to_owned(),
        act: Some(explained("CLERICAL_ERROR")),
        entry_id: entry.to_owned(),
        revision: Some(revision),
        expected: Some(last(at)),
        ..pb::ReviseEntryRequest::default()
    };
    let answer = served.assessments("inspector").revise_entry(request).await;
    answer.unwrap().into_inner().position
}

#[tokio::test(flavor = "multi_thread")]
async fn two_moments_of_an_assessment_differ_in_grades_and_words() {
    let served = Served::start().await;
    served.at("2006-10-12T09:00:00Z");
    let name = served.open("apa-2006").await;
    let safe = served.award(&name, SAFE, "good").await.position;
    let capacity = served.award(&name, CAPACITY, "2").await.position;
    served.award(&name, "enjoying-and-achieving", "good").await;
    let reworded = served.narrate(&name, SAFE, "Most children are save.").await.unwrap().position;
    let struck = served.narrate(&name, HEALTHY, "Gone soon.").await.unwrap().position;
    let before = struck;
    served.moderate(&name, SAFE, "adequate", safe).await;
    served.moderate(&name, CAPACITY, "3", capacity).await;
    served.award(&name, HEALTHY, "good").await;
    let cut = revise(&served, &name, "nar-staying-safe", reworded, Some("Children.")).await;
    revise(&served, &name, "nar-staying-safe", cut, Some("Most children are safe.")).await;
    revise(&served, &name, "nar-being-healthy", struck, None).await;
    let section = "enjoying-and-achieving";
    let added = served.narrate(&name, section, "They enjoy it.").await.unwrap().position;

    let compared = compare(&served, "auditor", at(&name, before), state(&name, "working")).await;
    let compared = compared.unwrap();
    let expected = [
        pair(CAPACITY, Comparison::Raised),
        pair(HEALTHY, Comparison::New),
        pair(SAFE, Comparison::Lowered),
        pair("enjoying-and-achieving", Comparison::Same),
    ];
    assert_eq!(told(&compared), expected);
    let entries: Vec<_> =
        compared.entries.iter().map(|it| (it.entry_id.as_str(), it.difference())).collect();
    let expected = [
        ("nar-staying-safe", EntryDifference::Changed),
        ("nar-enjoying-and-achieving", EntryDifference::Added),
        ("nar-being-healthy", EntryDifference::Struck),
    ];
    assert_eq!(entries, expected);
    let pieces = &compared.entries[0].texts[0].pieces;
    let pieces: Vec<_> = pieces.iter().map(|it| (it.side(), it.text.as_str())).collect();
    let expected = [
        (Side::Unspecified, "Most children are "),
        (Side::Deleted, "save."),
        (Side::Inserted, "safe."),
    ];
    assert_eq!(pieces, expected);
    assert_eq!(compared.read_before.unwrap().position, before);
    assert_eq!(compared.read_after.unwrap().position, added);

    // Back to front; and there is nothing between a moment and itself, though records were made.
    let back = compare(&served, "auditor", at(&name, added), at(&name, before)).await.unwrap();
    assert!(told(&back).contains(&pair(HEALTHY, Comparison::Dropped)));
    assert!(told(&back).contains(&pair(SAFE, Comparison::Raised)));
    let none = compare(&served, "auditor", state(&name, ""), state(&name, "")).await.unwrap();
    assert!(none.entries.is_empty());
    assert!(none.areas.iter().all(|it| it.comparison() == Comparison::Same));

    // In pages of one entry, which reflect one moment.
    let mut request = pb::CompareAssessmentsRequest {
        before: at(&name, before),
        after: state(&name, ""),
        page_size: 1,
        ..pb::CompareAssessmentsRequest::default()
    };
    let mut paged = Vec::new();
    loop {
        let answer = served.clients().reports("auditor").compare_assessments(request.clone()).await;
        let page = answer.unwrap().into_inner();
        paged.extend(page.entries);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        served.narrate(&name, &format!("late-{}", paged.len()), "No section.").await.unwrap_err();
        assert!(paged.len() < 4);
    }
    assert_eq!(paged, compared.entries);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_frameworks_are_compared_by_concept_or_not_at_all() {
    let served = Served::start().await;
    let older = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
    let newer = served.open("apa-2006").await;
    let other = served.open_under("rc", "frameworks/report-card/versions/2025", "2025").await;
    for (name, area, grade) in [
        (&older, "childrens-services", "3"),
        (&older, "education", "4"),
        (&older, SAFE, "good"),
        (&older, HEALTHY, "good"),
        (&newer, "childrens-services", "2"),
        (&newer, SAFE, "good"),
        (&newer, "enjoying-and-achieving", "adequate"),
        (&other, "inclusion", "strong standard"),
    ] {
        served.award(name, area, grade).await;
    }
    let compared = compare(&served, "auditor", state(&older, ""), state(&newer, "")).await.unwrap();
    let expected = [
        pair("childrens-services", Comparison::Lowered),
        pair(HEALTHY, Comparison::Dropped),
        pair(SAFE, Comparison::Same),
        pair("enjoying-and-achieving", Comparison::New),
        ("education".to_owned(), String::new(), Comparison::NotComparable),
    ];
    assert_eq!(told(&compared), expected);
    assert_eq!(compared.areas[0].concept, "apa.overall");

    let strange = compare(&served, "auditor", state(&newer, ""), state(&other, "")).await.unwrap();
    assert_eq!(strange.areas.len(), 4);
    assert!(strange.areas.iter().all(|it| it.comparison() == Comparison::NotComparable));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_compares_what_is_published_and_shown_to_it() {
    let served = Served::start().await;
    tell(&served.clients(), 0, Telling { long_text_bytes: 100, evidence: 1 }).await;
    let name = assessment_of(0);
    let (published, edition) = (state(&name, "published"), state(&name, "edition-2"));
    let shown = compare(&served, "consumer", published.clone(), edition.clone()).await.unwrap();
    assert_eq!(told(&shown), [pair("childrens-services", Comparison::Same)]);
    assert!(shown.entries.is_empty());
    // There is nothing in what was withdrawn.
    let withdrawn = state(&name, "edition-1");
    let shown = compare(&served, "consumer", published.clone(), withdrawn).await.unwrap();
    assert_eq!(told(&shown), [pair("childrens-services", Comparison::Dropped)]);
    let all = compare(&served, "auditor", published.clone(), edition).await.unwrap();
    assert!(all.areas.len() > 5);
    for hidden in ["working", "draft-1", ""] {
        let refused = compare(&served, "consumer", published.clone(), state(&name, hidden)).await;
        assert_eq!(reason_of(&refused.unwrap_err()).0, "NOT_PERMITTED", "{hidden}");
        let refused = compare(&served, "consumer", state(&name, hidden), published.clone()).await;
        assert_eq!(reason_of(&refused.unwrap_err()).0, "NOT_PERMITTED", "{hidden}");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_there_is_not_found_and_one_that_is_none_is_refused() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let now = || state(&name, "");
    for (which, edition) in [("edition-3", "3"), ("draft-1", "draft-1")] {
        let missing = compare(&served, "auditor", now(), state(&name, which)).await.unwrap_err();
        assert_eq!(missing.code(), Code::NotFound, "{which}");
        let (reason, metadata) = reason_of(&missing);
        assert_eq!((reason.as_str(), metadata["edition"].as_str()), ("EDITION_NOT_FOUND", edition));
    }
    let nowhere = "subjects/leicester-city/assessments/nowhere";
    let missing = compare(&served, "auditor", now(), state(nowhere, "")).await.unwrap_err();
    assert_eq!(reason_of(&missing).0, "ASSESSMENT_NOT_FOUND");
    let at_draft = at(&name, 1).map(|it| pb::ComparedState { state: "draft-1".to_owned(), ..it });
    for (before, after, fields) in [
        (None, now(), vec!["before"]),
        (state(&name, "edition-0"), state("x", ""), vec!["before.state", "after.assessment"]),
        (at_draft, now(), vec!["before.known_at"]),
    ] {
        let refused = compare(&served, "auditor", before, after).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        let named: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    served.stop().await;
}

async fn summarize(
    served: &Served,
    login: &str,
    request: pb::SummarizeGradesRequest,
) -> Result<pb::SummarizeGradesResponse, tonic::Status> {
    let answer = served.clients().reports(login).summarize_grades(request).await;
    answer.map(tonic::Response::into_inner)
}

fn under_2006() -> pb::SummarizeGradesRequest {
    let framework = "frameworks/apa/versions/2006".to_owned();
    pb::SummarizeGradesRequest { framework, ..pb::SummarizeGradesRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn grades_are_counted_and_words_are_told_from_numbers() {
    let served = Served::start().await;
    let older = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
    let newer = served.open("apa-2006").await;
    let again = served.open_under("apa-2006-b", "frameworks/apa/versions/2006", "2006-b").await;
    for (name, area, grade) in [
        (&older, "childrens-services", "3"),
        (&older, SAFE, "good"),
        (&newer, "childrens-services", "2"),
        (&newer, SAFE, "good"),
        (&newer, HEALTHY, "adequate"),
        (&again, SAFE, "good"),
    ] {
        served.award(name, area, grade).await;
    }
    let counted = |sum: &pb::SummarizeGradesResponse| -> Vec<_> {
        let counted = sum.grades.iter().map(|it| {
            let award = it.award.clone().unwrap();
            (it.cycle.clone(), it.area.clone(), award.level, it.worded, it.count)
        });
        counted.collect()
    };
    let row = |cycle: &str, area: &str, level: &str, worded, count| {
        (cycle.to_owned(), area.to_owned(), level.to_owned(), worded, count)
    };
    let sum = summarize(&served, "auditor", under_2006()).await.unwrap();
    assert_eq!(sum.assessments, 2);
    let expected = [
        row("2006-b", SAFE, "good", true, 1),
        row("2006", "childrens-services", "2", false, 1),
        row("2006", HEALTHY, "adequate", true, 1),
        row("2006", SAFE, "good", true, 1),
    ];
    assert_eq!(counted(&sum), expected);
    let of_2006 = sum.movements.iter().filter(|it| it.cycle == "2006");
    let moved: Vec<_> = of_2006.map(|it| (it.area.as_str(), it.comparison(), it.count)).collect();
    let expected = [
        ("childrens-services", Comparison::Lowered, 1),
        (HEALTHY, Comparison::New, 1),
        (SAFE, Comparison::Same, 1),
    ];
    assert_eq!(moved, expected);

    let cycle = pb::SummarizeGradesRequest { cycle: "2006-b".to_owned(), ..under_2006() };
    let one = summarize(&served, "auditor", cycle).await.unwrap();
    assert_eq!((one.assessments, counted(&one)), (1, vec![row("2006-b", SAFE, "good", true, 1)]));

    // Page by page it comes to the same.
    let mut request = pb::SummarizeGradesRequest { page_size: 1, ..under_2006() };
    let (mut assessments, mut counts) = (0, 0);
    loop {
        let page = summarize(&served, "auditor", request.clone()).await.unwrap();
        assessments += page.assessments;
        counts += page.grades.iter().map(|it| it.count).sum::<u32>();
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!((assessments, counts), (2, 4));

    // Nothing is published, and the public learns of nothing else.
    let refused = summarize(&served, "consumer", under_2006()).await.unwrap_err();
    assert_eq!(reason_of(&refused).0, "NOT_PERMITTED");
    let published = pb::SummarizeGradesRequest { published: true, ..under_2006() };
    let none = summarize(&served, "consumer", published.clone()).await.unwrap();
    assert_eq!((none.assessments, none.grades.len()), (0, 0));
    tell(&served.clients(), 0, Telling { long_text_bytes: 100, evidence: 1 }).await;
    let one = summarize(&served, "consumer", published.clone()).await.unwrap();
    let areas: Vec<_> = one.grades.iter().map(|it| it.area.as_str()).collect();
    assert_eq!((one.assessments, areas), (1, vec!["childrens-services"]));
    assert!(summarize(&served, "auditor", published).await.unwrap().grades.len() > 5);
    let unknown = pb::SummarizeGradesRequest {
        framework: "frameworks/apa/versions/1999".to_owned(),
        ..under_2006()
    };
    let unknown = summarize(&served, "auditor", unknown).await.unwrap_err();
    assert_eq!(reason_of(&unknown).0, "FRAMEWORK_NOT_FOUND");
    served.stop().await;
}

async fn timeline(
    served: &Served,
    login: &str,
    subject: &str,
) -> Result<pb::SubjectTimeline, tonic::Status> {
    let subject = subject.to_owned();
    let request =
        pb::GetSubjectTimelineRequest { subject, ..pb::GetSubjectTimelineRequest::default() };
    let answer = served.clients().reports(login).get_subject_timeline(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn follow_up(
    served: &Served,
    name: &str,
    entry: &str,
    (assessment, item): (&str, &str),
    (status, carried_to): (FollowUpStatus, &str),
) {
    let follow_up = pb::FollowUp {
        assessment: assessment.to_owned(),
        item: item.to_owned(),
        words: Some(present("early years advice")),
        label: Some(present("last year's APA")),
        status: status.into(),
        carried_to: carried_to.to_owned(),
        ..pb::FollowUp::default()
    };
    let content = pb::EntryContent {
        kind: pb::EntryKind::FollowUp.into(),
        section: SAFE.to_owned(),
        order: 1,
        text: Some(present("What became of it.")),
        follow_up: Some(follow_up),
        ..pb::EntryContent::default()
    };
    let request = pb::RecordEntryRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        entry_id: entry.to_owned(),
        content: Some(content),
        ..pb::RecordEntryRequest::default()
    };
    served.assessments("inspector").record_entry(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_is_followed_over_the_years_and_gaps_are_told() {
    let served = Served::start().await;
    // Opened out of order: years decide.
    let latest = served.open_under("apa-2008", "frameworks/apa/versions/2008", "2008").await;
    let older = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
    let newer = served.open("apa-2006").await;
    served.narrate(&newer, SAFE, "Early years advice is to improve.").await.unwrap();
    follow_up(
        &served,
        &newer,
        "fu-1",
        (&older, "afi-3"),
        (FollowUpStatus::Remains, "nar-staying-safe"),
    )
    .await;
    follow_up(&served, &newer, "fu-2", ("", ""), (FollowUpStatus::Improved, "")).await;
    follow_up(
        &served,
        &latest,
        "fu-9",
        (&newer, "nar-staying-safe"),
        (FollowUpStatus::Resolved, ""),
    )
    .await;

    let told = timeline(&served, "auditor", "subjects/leicester-city").await.unwrap();
    let years: Vec<_> =
        told.assessments.iter().map(|it| it.assessment.as_ref().unwrap().cycle.as_str()).collect();
    assert_eq!(years, ["2005", "2006", "2008"]);
    assert_eq!(told.gap_years, [2007]);
    assert_eq!(told.current, Some(Current::NotRated(true)));
    assert!(told.assessments.iter().all(|it| !it.in_force && !it.withdrawn));
    let items: Vec<_> = told
        .items
        .iter()
        .map(|item| {
            let steps = item.steps.iter().map(|it| (it.entry_id.as_str(), it.status()));
            (item.assessment.as_str(), item.entry_id.as_str(), steps.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        (
            older.as_str(),
            "afi-3",
            vec![("fu-1", FollowUpStatus::Remains), ("fu-9", FollowUpStatus::Resolved)],
        ),
        ("", "", vec![("fu-2", FollowUpStatus::Improved)]),
    ];
    assert_eq!(items, expected);

    // The public knows of nothing that is not published.
    let public = timeline(&served, "consumer", "subjects/leicester-city").await.unwrap();
    assert!(public.assessments.is_empty() && public.items.is_empty());
    assert_eq!(public.current, Some(Current::NotRated(true)));
    let unknown = timeline(&served, "auditor", "subjects/nowhere").await.unwrap_err();
    assert_eq!(reason_of(&unknown).0, "SUBJECT_NOT_FOUND");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_holds() {
    let served = Served::start().await;
    tell(&served.clients(), 0, Telling { long_text_bytes: 100, evidence: 1 }).await;
    for login in ["auditor", "consumer"] {
        let told = timeline(&served, login, "subjects/council-0").await.unwrap();
        assert_eq!(told.current, Some(Current::CurrentAssessment(assessment_of(0))), "{login}");
        assert!(told.assessments[0].in_force && !told.assessments[0].withdrawn);
        let judged = told.assessments[0].assessment.as_ref().unwrap().judgements.len();
        assert_eq!(judged == 1, login == "consumer", "{judged}");
        assert_eq!(told.items.is_empty(), login == "consumer");
    }
    served.stop().await;
}

/// Runs a verb of the binary against a server.
fn verb(served: &Served, words: &[&str]) -> String {
    let output = Command::new(crate::binary::program())
        .args(words)
        .args(["--server", &format!("http://{}", served.address)])
        .env("JUDGEMENT_LEDGER_TOKEN", served.token("auditor"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verbs_show_what_is_compared_counted_and_lined_up() {
    let served = Served::start().await;
    served.at("2006-10-12T09:00:00Z");
    let name = served.open("apa-2006").await;
    let first = served.award(&name, SAFE, "good").await.position;
    served.moderate(&name, SAFE, "adequate", first).await;
    let before = format!("leicester-city/apa-2006@{first}");
    let shown = verb(&served, &["compare", &before, "@working"]);
    assert!(shown.contains("Staying safe") && shown.contains("LOWERED"), "{shown}");
    let shown = verb(&served, &["summary", "apa/2006"]);
    assert!(shown.contains("Assessments counted: 1") && shown.contains("adequate"), "{shown}");
    let shown = verb(&served, &["timeline", "leicester-city"]);
    assert!(shown.contains("not rated") && shown.contains("leicester-city/apa-2006"), "{shown}");
    for words in [
        vec!["compare", &before, "leicester-city/apa-2006"],
        vec!["summary", "apa/2006"],
        vec!["timeline", "leicester-city"],
    ] {
        let words = [words, vec!["--format", "json"]].concat();
        let shown = verb(&served, &words);
        assert_eq!(shown.lines().count(), 1, "{words:?}");
        serde_json::from_str::<serde_json::Value>(&shown).unwrap();
    }
    served.stop().await;
}

#[tokio::test]
async fn a_draft_is_compared_as_it_was_shown() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    served.narrate(&name, SAFE, "Children are safe.").await.unwrap();
    let share = pb::ShareDraftRequest {
        assessment: name.clone(),
        act: Some(act()),
        recipient: "the commission".to_owned(),
        audience: "audit-commission".to_owned(),
        ..pb::ShareDraftRequest::default()
    };
    served.assessments("lead").share_draft(share).await.unwrap();
    let compared = compare(&served, "auditor", state(&name, "draft-1"), state(&name, "")).await;
    let compared = compared.unwrap();
    let shown = compared.areas.iter().filter(|area| area.before.is_some());
    let shown: Vec<_> = shown.map(|area| area.area_before.as_str()).collect();
    assert_eq!(shown, ["childrens-services"]);
    let entries: Vec<_> = compared.entries.iter().map(pb::EntryComparison::difference).collect();
    assert_eq!(entries, [EntryDifference::Added], "it was shown no letter");
    served.stop().await;
}

#[tokio::test]
async fn a_time_to_come_is_the_same_moment_on_every_page() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let before = served.head().await;
    for section in [SAFE, "enjoying-and-achieving"] {
        served.narrate(&name, section, "They are well.").await.unwrap();
    }
    let later = state(&name, "").map(|it| pb::ComparedState {
        known_at: Some(KnownAt::KnownAtTime(time("2030-01-01T00:00:00Z"))),
        ..it
    });
    let mut request = pb::CompareAssessmentsRequest {
        before: at(&name, before),
        after: later,
        page_size: 1,
        ..pb::CompareAssessmentsRequest::default()
    };
    let mut entries = Vec::new();
    loop {
        let page = served.clients().reports("auditor").compare_assessments(request.clone()).await;
        let page = page.unwrap().into_inner();
        entries.extend(page.entries.into_iter().map(|it| it.entry_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        // It comes before the others in the letter.
        served.narrate(&name, HEALTHY, "They are well.").await.unwrap();
    }
    entries.sort_unstable();
    assert_eq!(entries, ["nar-enjoying-and-achieving", "nar-staying-safe"]);
    served.stop().await;
}
