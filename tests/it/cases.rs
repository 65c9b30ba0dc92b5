//! The cases that trip naive systems (Spec §7), against the real server, and the table that says
//! which test shows each of them.

use std::{fs, path::Path};

use judgement_ledger::pb::{self, EntryKind, FollowUpStatus, figure_value::Stated};
use tonic::{Code, Status};

use crate::served::{
    Served, act, assessment, date, explained, grade, last, member, present, reason_of, text, time,
};

const APA_2006: &str = "frameworks/apa/versions/2006";
const APA_2005: &str = "frameworks/apa/versions/2005";

/// Each case in the words of the specification and in its order, and a test that shows it.
const CASES: &[(&str, &str)] = &[
    ("same grade re-awarded", "the_same_level_again_is_reaffirmed_whatever_its_word_and_its_scale"),
    (
        "change after publication",
        "scenario_14_what_is_changed_after_publication_is_read_once_the_next_edition_is_out",
    ),
    (
        "wrong decider recorded",
        "scenario_18_a_wrong_decider_is_corrected_and_the_former_marked_as_a_mistake",
    ),
    ("two people at once", "scenario_8_of_two_at_once_one_wins_and_a_third_elsewhere_succeeds"),
    (
        "retry after a lost answer",
        "scenario_9_a_retry_gets_the_first_answer_and_another_content_is_refused",
    ),
    (
        "area of another year's framework",
        "scenario_6_an_area_of_another_years_framework_is_refused",
    ),
    (
        "grade outside the scale",
        "scenario_5_a_grade_outside_the_scale_is_refused_with_the_valid_ones",
    ),
    (
        "word offered for a numbered area",
        "a_word_offered_for_a_numbered_area_is_refused_with_the_numbers",
    ),
    (
        "backdated effective date",
        "scenario_4_a_backdated_grade_holds_from_its_day_and_is_known_from_its_record",
    ),
    ("clock going back", "a_clock_set_back_400_days_changes_neither_order_nor_what_was_known"),
    ("withdrawn, then re-awarded", "withdrawn_then_re_awarded"),
    (
        "the first assessment ever withdrawn",
        "the_first_assessment_ever_withdrawn_is_not_rated_and_not_not_found",
    ),
    (
        "edition 1 withdrawn while edition 2 is open",
        "edition_1_is_withdrawn_while_edition_2_is_open",
    ),
    ("framework revised mid-cycle", "a_framework_revised_mid_cycle_binds_new_assessments_only"),
    ("one organisation objects", "scenario_10_one_organisation_objects"),
    (
        "editing after the first signature",
        "editing_after_the_first_signature_needs_the_edition_to_be_opened_again",
    ),
    (
        "personal data in a rationale",
        "scenario_19_a_rationale_that_names_a_child_is_erased_by_two_credentials",
    ),
    ("personal data in a rationale", "personal_data_in_a_letter_is_in_no_answer_any_more"),
    ("redactor asking too much", "a_redactor_who_asks_too_much_is_told_which_texts_there_are"),
    ("erasure under a preservation hold", "nothing_is_erased_under_a_preservation_hold"),
    ("scale where 1 is best", "on_a_scale_where_1_is_best_a_smaller_number_is_raised"),
    ("council renamed", "a_council_is_renamed_and_each_day_keeps_its_name"),
    ("a year without assessment", "a_subject_is_followed_over_the_years_and_gaps_are_told"),
    ("figure in evidence wrong", "a_figure_in_evidence_that_was_wrong"),
    ("figure in evidence wrong", "a_wrong_figure_in_evidence_is_revised_and_the_former_stays"),
    (
        "one earlier assessment cited under several labels",
        "scenario_16_what_became_of_last_years_items_is_cited_first_and_linked_later",
    ),
    ("history entered years later", "scenario_21_what_stood_on_7_december"),
];

/// How many scenarios the specification has (§8).
const SCENARIOS: u32 = 21;

#[test]
fn every_case_and_every_scenario_has_a_test_that_is_there() {
    let mut sources = String::new();
    for root in ["tests/it", "src"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), &mut sources);
    }
    for (case, test) in CASES {
        assert!(sources.contains(&format!("fn {test}(")), "{case}: there is no test {test}");
    }
    for number in 1..=SCENARIOS {
        assert!(sources.contains(&format!("fn scenario_{number}_")), "scenario {number}");
    }
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/SPEC.md");
    let Ok(spec) = fs::read_to_string(spec) else { return };
    let (_, cases) = spec.split_once("## 7. Cases that trip naive systems").unwrap();
    let (cases, _) = cases.split_once("\n## ").unwrap();
    let cases = cases.trim().trim_end_matches('.').replace('\n', " ");
    let known: Vec<_> = CASES.iter().map(|(case, _)| *case).collect();
    for case in cases.split(" · ") {
        // What stands in brackets says more of the case.
        let (short, _) = case.split_once(" (").unwrap_or((case, ""));
        assert!(known.contains(&short), "{case} has no test");
    }
}

fn collect(path: &Path, sources: &mut String) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|it| it == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[tokio::test]
async fn a_word_offered_for_a_numbered_area_is_refused_with_the_numbers() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let refused = served.set_as("inspector", &name, "social-care", "good", act(), None).await;
    let status = refused.unwrap_err();
    let (reason, metadata) = reason_of(&status);
    assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "LEVEL_NOT_ON_SCALE"));
    for valid in ["1", "2", "3", "4"] {
        assert!(metadata["valid"].contains(valid), "{metadata:?}");
    }
    assert!(!metadata["valid"].contains("good"), "{metadata:?}");
    served.stop().await;
}

#[tokio::test]
async fn a_framework_revised_mid_cycle_binds_new_assessments_only() {
    let served = Served::start().await;
    let before = served.open("apa-2006").await;
    let mut revised = framework(&served, APA_2006).await;
    revised.name = "frameworks/apa/versions/2006-revised".to_owned();
    let mut education = revised.areas[2].clone();
    education.id = "education".to_owned();
    education.label = "Education".to_owned();
    education.concept = String::new();
    revised.areas.push(education);
    register(&served, &revised).await.unwrap();
    let after = served.open_under("apa-2006-late", &revised.name, "2006").await;

    let awarded = |name: &str| {
        let name = name.to_owned();
        let served = &served;
        async move { served.set_as("inspector", &name, "education", "3", act(), None).await }
    };
    let refused = awarded(&before).await.unwrap_err();
    assert_eq!(reason_of(&refused).0, "AREA_NOT_IN_FRAMEWORK");
    assert_eq!(awarded(&after).await.unwrap().change(), pb::ChangeKind::Awarded);
    let pinned = served.get(assessment(&before)).await.framework;
    assert_eq!(pinned, APA_2006, "it is pinned for ever");
    served.stop().await;
}

#[tokio::test]
async fn on_a_scale_where_1_is_best_a_smaller_number_is_raised() {
    let served = Served::start().await;
    let mut schools = framework(&served, APA_2006).await;
    schools.name = "frameworks/schools/versions/2006".to_owned();
    // Section 5 inspections of those years: 1 outstanding … 4 inadequate.
    for level in &mut schools.scales[0].levels {
        let number: i32 = level.code.parse().unwrap();
        level.rank = 5 - number;
    }
    register(&served, &schools).await.unwrap();
    let name = served.open_under("schools-2006", &schools.name, "2006").await;
    let area = "capacity-to-improve";
    let mut at = served.award(&name, area, "3").await.position;
    for (level, change) in [
        ("1", pb::ChangeKind::Raised),
        ("4", pb::ChangeKind::Lowered),
        ("4", pb::ChangeKind::Reaffirmed),
    ] {
        let act = explained("FACTUAL_ACCURACY");
        let set = served.set_as("inspector", &name, area, level, act, Some(last(at))).await;
        let receipt = set.unwrap();
        assert_eq!(receipt.change(), change, "to {level}");
        at = receipt.position;
    }
    served.stop().await;
}

#[tokio::test]
async fn a_wrong_figure_in_evidence_is_revised_and_the_former_stays() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.at("2006-10-09T09:00:00Z");
    let content = evidence(figure("care leavers in education", decimal("57"), Vec::new()));
    let first = record(&served, &name, "ev-1", content).await.unwrap();
    served.at("2006-10-12T09:00:00Z");
    let corrected = evidence(figure("care leavers in education", decimal("75"), Vec::new()));
    let revised = revise(&served, &name, "ev-1", corrected, first.position).await.unwrap();

    let value = |read: &pb::Assessment| {
        let content = read.entries[0].content.as_ref().unwrap();
        content.figures[0].value.clone().unwrap().stated.unwrap()
    };
    let now = served.get(full(&name)).await;
    assert_eq!(value(&now), Stated::Decimal(number("75")));
    let known_at =
        Some(pb::get_assessment_request::KnownAt::KnownAtTime(time("2006-10-10T00:00:00Z")));
    let then = served.get(pb::GetAssessmentRequest { known_at, ..full(&name) }).await;
    assert_eq!(value(&then), Stated::Decimal(number("57")));

    let filter = pb::AuditFilter {
        assessment: name.clone(),
        event: "EntryRevised".to_owned(),
        ..pb::AuditFilter::default()
    };
    let request =
        pb::QueryAuditRequest { filter: Some(filter), ..pb::QueryAuditRequest::default() };
    let rows = served.audits().query_audit(request).await.unwrap().into_inner().rows;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.position, row.reason.as_str()), (revised.position, "DATA_CORRECTED"));
    assert_eq!(text(&row.rationale), "weighed again");
    served.stop().await;
}

/// The letter cites one earlier assessment under several labels, before it is in the ledger; once it
/// is, the citations are linked.
#[tokio::test]
async fn scenario_16_what_became_of_last_years_items_is_cited_first_and_linked_later() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let improvement = pb::EntryContent {
        kind: EntryKind::AreaForImprovement.into(),
        section: "key-strengths-and-areas-for-improvement".to_owned(),
        area: "staying-safe".to_owned(),
        text: Some(present("early years advice, guidance and support")),
        ..pb::EntryContent::default()
    };
    record(&served, &name, "afi-ss-1", improvement).await.unwrap();
    let cited = [
        ("fu-1", "2005 annual performance assessment", "CAMHS", FollowUpStatus::Resolved, ""),
        ("fu-2", "2004-05 APA", "teenage pregnancies", FollowUpStatus::Improved, ""),
        (
            "fu-3",
            "last year's APA",
            "early years advice, guidance and support",
            FollowUpStatus::Remains,
            "afi-ss-1",
        ),
    ];
    let mut positions = Vec::new();
    for (id, label, words, status, carried_to) in cited {
        let content = follow_up(label, words, status, carried_to);
        positions.push(record(&served, &name, id, content).await.unwrap().position);
    }
    let linked = |it: &pb::Entry| {
        let follow_up = it.content.as_ref().unwrap().follow_up.as_ref().unwrap();
        (follow_up.assessment.clone(), follow_up.item.clone())
    };
    let follow_ups = |read: &pb::Assessment| -> Vec<pb::Entry> {
        let wanted = |it: &&pb::Entry| it.entry_id.starts_with("fu-");
        read.entries.iter().filter(wanted).cloned().collect()
    };
    let before = follow_ups(&served.get(full(&name)).await);
    assert_eq!(before.len(), 3);
    assert!(before.iter().all(|it| linked(it) == (String::new(), String::new())), "only cited");

    // apa/2005 is loaded; now they can be linked, each of them to the same assessment.
    let earlier = served.open_under("apa-2005", APA_2005, "2005").await;
    for (number, (id, label, words, status, carried_to)) in cited.into_iter().enumerate() {
        let item = format!("afi-{}", number + 1);
        let content = pb::EntryContent {
            kind: EntryKind::AreaForImprovement.into(),
            section: "staying-safe".to_owned(),
            text: Some(present(words)),
            ..pb::EntryContent::default()
        };
        record(&served, &earlier, &item, content).await.unwrap();
        let mut content = follow_up(label, words, status, carried_to);
        let link = content.follow_up.as_mut().unwrap();
        (link.assessment, link.item) = (earlier.clone(), item);
        revise(&served, &name, id, content, positions[number]).await.unwrap();
    }
    let after = follow_ups(&served.get(full(&name)).await);
    let expected: Vec<_> =
        (1..=3).map(|number| (earlier.clone(), format!("afi-{number}"))).collect();
    assert_eq!(after.iter().map(linked).collect::<Vec<_>>(), expected);
    let said = |it: &pb::Entry| {
        let follow_up = it.content.as_ref().unwrap().follow_up.as_ref().unwrap();
        (text(&follow_up.label).to_owned(), follow_up.status(), follow_up.carried_to.clone())
    };
    let kept: Vec<_> = after.iter().map(said).collect();
    assert_eq!(kept, before.iter().map(said).collect::<Vec<_>>(), "the labels stay as cited");
    assert_eq!(kept[2], ("last year's APA".to_owned(), FollowUpStatus::Remains, "afi-ss-1".into()));

    // What is carried on must be there.
    let nowhere = follow_up("last year", "play", FollowUpStatus::Remains, "afi-99");
    let refused = record(&served, &name, "fu-4", nowhere).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    served.stop().await;
}

#[tokio::test]
async fn scenario_17_evidence_keeps_what_it_is_compared_with() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let compared = [
        figure(
            "permanent exclusions in secondary schools",
            None,
            vec![pb::Comparator {
                kind: "similar_areas".to_owned(),
                relation: Some(present("almost twice")),
                ..pb::Comparator::default()
            }],
        ),
        figure(
            "care leavers in education, employment or training",
            decimal("75"),
            vec![pb::Comparator {
                kind: "previous_year".to_owned(),
                value: decimal("53.8"),
                unit: Some(present("%")),
                ..pb::Comparator::default()
            }],
        ),
        figure(
            "play areas",
            decimal("16"),
            vec![pb::Comparator {
                kind: "target".to_owned(),
                value: decimal("9"),
                ..pb::Comparator::default()
            }],
        ),
    ];
    let mut sent = Vec::new();
    for (number, figure) in (1..).zip(compared) {
        let content = evidence(figure);
        let id = format!("ev-{number}");
        record(&served, &name, &id, content.clone()).await.unwrap();
        sent.push((id, content));
    }
    let read = served.get(full(&name)).await;
    let found: Vec<_> =
        read.entries.into_iter().map(|it| (it.entry_id, it.content.unwrap())).collect();
    assert_eq!(found, sent, "decimals as written, and no value where none is stated");
    served.stop().await;
}

/// A history like that of a council whose grades were lowered within days: entered from its sources
/// years later, read as it was on the evening before.
#[tokio::test]
async fn scenario_21_what_stood_on_7_december() {
    let served = Served::start().await;
    served.at("2011-05-27T09:00:00Z");
    let officer = || served.assessments("officer");
    let name = "subjects/leicester-city/assessments/apa-2008".to_owned();
    let opened = pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(read_of(1, "the letter of instruction")),
        framework: "frameworks/apa/versions/2008".to_owned(),
        cycle: "2008".to_owned(),
        ..pb::OpenAssessmentRequest::default()
    };
    let before = served.head().await;
    officer().open_assessment(opened).await.unwrap();
    let mut lasts = Vec::new();
    for area in ["childrens-services", "staying-safe"] {
        let act = read_of(3, "the draft letter, as produced in court");
        let set = served.set_as("officer", &name, area, "3", act, None).await.unwrap();
        lasts.push((area, set.position));
    }
    let shown = pb::ShareDraftRequest {
        assessment: name.clone(),
        act: Some(read_of(5, "the covering message of 5 December")),
        recipient: "the director of children's services".to_owned(),
        audience: "addressee".to_owned(),
        ..pb::ShareDraftRequest::default()
    };
    let draft = officer().share_draft(shown).await.unwrap().into_inner();
    for (area, position) in &lasts {
        let panel = pb::StatedPanel {
            display_name: "consistency panel".to_owned(),
            members: vec![member("a director", ""), member("a reviewer", "")],
            meeting: Some(date(2008, 12, 8)),
            minutes: "disclosed in 2010".to_owned(),
        };
        let instructed = pb::stated_decider::Who::Person("the chief inspector".to_owned());
        let decided = |who| pb::StatedDecider { who: Some(who), ..pb::StatedDecider::default() };
        let act = pb::Act {
            decided_by: Some(decided(pb::stated_decider::Who::Panel(panel))),
            instructed_by: Some(decided(instructed)),
            basis: pb::Basis::SameEvidence.into(),
            reason: "MODERATION".to_owned(),
            rationale: "the evidence of the joint area review was weighed again".to_owned(),
            ..read_of(8, "the minutes of the panel")
        };
        let expected = Some(last(*position));
        let set = served.set_as("officer", &name, area, "1", act, expected).await.unwrap();
        assert_eq!(set.change(), pb::ChangeKind::Lowered);
    }

    let stated = async |day| {
        let request =
            pb::GetAssessmentRequest { stated_at: Some(date(2008, 12, day)), ..assessment(&name) };
        let read = served.get(request).await;
        assert!(read.as_stated, "as the sources say, not witnessed");
        assert!(read.judgements.iter().all(|it| it.transcribed), "{:?}", read.judgements);
        (grade(&read, "childrens-services"), grade(&read, "staying-safe"))
    };
    assert_eq!(stated(7).await, ("3".to_owned(), "3".to_owned()));
    assert_eq!(stated(8).await, ("1".to_owned(), "1".to_owned()));

    let rows = served.history(&name, "childrens-services").await;
    let [first, second] = rows.as_slice() else { panic!("{rows:?}") };
    assert!(rows.iter().all(|row| row.transcribed_from.is_some()), "every row is marked");
    assert_eq!(first.decided_by, None, "who enters history decides nothing");
    assert_eq!(second.decided_on, Some(date(2008, 12, 8)));
    assert_eq!(second.basis(), pb::Basis::SameEvidence);
    let named = |decider: &Option<pb::Decider>| match decider.as_ref().unwrap().who.as_ref() {
        Some(pb::decider::Who::Panel(panel)) => text(&panel.name).to_owned(),
        Some(pb::decider::Who::Person(person)) => text(&person.name).to_owned(),
        None => panic!("nobody is named"),
    };
    assert_eq!(named(&second.decided_by), "consistency panel");
    assert_eq!(named(&second.instructed_by), "the chief inspector");
    assert_eq!(text(&second.recorded_by.as_ref().unwrap().name), "officer@ofsted");

    let read = served.get(full(&name)).await;
    let [seen] = read.drafts.as_slice() else { panic!("{:?}", read.drafts) };
    assert_eq!(text(&seen.recipient), "the director of children's services");
    assert_eq!(seen.position, draft.position);
    let known_at =
        Some(pb::get_assessment_request::KnownAt::KnownAtPosition(seen.known_at_position));
    let shown = served.get(pb::GetAssessmentRequest { known_at, ..assessment(&name) }).await;
    assert_eq!(grade(&shown, "staying-safe"), "3", "what the council had been shown");

    let known_at = Some(pb::get_assessment_request::KnownAt::KnownAtPosition(before));
    let request = pb::GetAssessmentRequest { known_at, ..assessment(&name) };
    let unknown = served.assessments("auditor").get_assessment(request).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "before it was entered nothing was known of it");
    served.stop().await;
}

/// History of a day in December 2008, entered later from a source.
fn read_of(day: i32, source: &str) -> pb::Act {
    let source = source.to_owned();
    pb::Act {
        decided_on: Some(date(2008, 12, day)),
        transcription: Some(pb::Transcription { source, ..pb::Transcription::default() }),
        ..act()
    }
}

async fn framework(served: &Served, name: &str) -> pb::Framework {
    let request = pb::GetFrameworkRequest { name: name.to_owned() };
    served.frameworks("auditor").get_framework(request).await.unwrap().into_inner()
}

async fn register(served: &Served, framework: &pb::Framework) -> Result<(), Status> {
    let framework = Some(framework.clone());
    let request =
        pb::RegisterFrameworkRequest { act: Some(act()), framework, validate_only: false };
    served.frameworks("admin").register_framework(request).await.map(|_| ())
}

fn full(name: &str) -> pb::GetAssessmentRequest {
    pb::GetAssessmentRequest { content: pb::AssessmentContent::Full.into(), ..assessment(name) }
}

async fn record(
    served: &Served,
    name: &str,
    id: &str,
    content: pb::EntryContent,
) -> Result<pb::Receipt, Status> {
    let request = pb::RecordEntryRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        entry_id: id.to_owned(),
        content: Some(content),
        ..pb::RecordEntryRequest::default()
    };
    let recorded = served.assessments("inspector").record_entry(request).await;
    recorded.map(tonic::Response::into_inner)
}

async fn revise(
    served: &Served,
    name: &str,
    id: &str,
    content: pb::EntryContent,
    last_at: u64,
) -> Result<pb::Receipt, Status> {
    let request = pb::ReviseEntryRequest {
        assessment: name.to_owned(),
        act: Some(explained("DATA_CORRECTED")),
        entry_id: id.to_owned(),
        revision: Some(pb::revise_entry_request::Revision::Content(content)),
        expected: Some(last(last_at)),
        ..pb::ReviseEntryRequest::default()
    };
    let revised = served.assessments("inspector").revise_entry(request).await;
    revised.map(tonic::Response::into_inner)
}

fn evidence(figure: pb::Figure) -> pb::EntryContent {
    pb::EntryContent {
        kind: EntryKind::Evidence.into(),
        section: "enjoying-and-achieving".to_owned(),
        area: "enjoying-and-achieving".to_owned(),
        figures: vec![figure],
        ..pb::EntryContent::default()
    }
}

fn figure(
    measure: &str,
    value: Option<pb::FigureValue>,
    comparators: Vec<pb::Comparator>,
) -> pb::Figure {
    let measure = Some(present(measure));
    pb::Figure { measure, value, comparators, ..pb::Figure::default() }
}

fn number(written: &str) -> pb::google::r#type::Decimal {
    pb::google::r#type::Decimal { value: written.to_owned() }
}

fn decimal(written: &str) -> Option<pb::FigureValue> {
    Some(pb::FigureValue { stated: Some(Stated::Decimal(number(written))) })
}

fn follow_up(
    label: &str,
    words: &str,
    status: FollowUpStatus,
    carried_to: &str,
) -> pb::EntryContent {
    pb::EntryContent {
        kind: EntryKind::FollowUp.into(),
        section: "staying-safe".to_owned(),
        follow_up: Some(pb::FollowUp {
            label: Some(present(label)),
            words: Some(present(words)),
            status: status.into(),
            carried_to: carried_to.to_owned(),
            ..pb::FollowUp::default()
        }),
        ..pb::EntryContent::default()
    }
}
