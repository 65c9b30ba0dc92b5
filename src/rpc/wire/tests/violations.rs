//! Every fault of a request, at its own path, all at once.

use super::*;

#[test]
fn all_violations_of_a_request_are_told_at_once() {
    let slug = "must be 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit";
    let request = pb::SetGradeRequest {
        assessment: "leicester".to_owned(),
        act: Some(pb::Act {
            request_id: "0".to_owned(),
            decided_by: Some(pb::StatedDecider {
                who: Some(pb::stated_decider::Who::Person(REQUEST.to_owned())),
                role: 99,
                organisation: "Ofsted".to_owned(),
            }),
            decided_on: Some(day(2006, 2, 29)),
            effective_on: Some(day(2006, 0, 0)),
            basis: -1,
            instructed_by: Some(pb::StatedDecider {
                who: Some(pb::stated_decider::Who::Panel(pb::StatedPanel {
                    members: vec![member("", ""), member("b", "CSCI")],
                    ..pb::StatedPanel::default()
                })),
                ..pb::StatedDecider::default()
            }),
            reason: "moderation".to_owned(),
            rationale: "x".repeat(64 * 1024 + 1),
            evidence: vec![
                pb::EvidenceCited { entry: "ev-01".to_owned(), position: 1 },
                pb::EvidenceCited::default(),
            ],
            transcription: Some(pb::Transcription {
                source: String::new(),
                source_sha256: vec![7; 31].into(),
            }),
        }),
        area: String::new(),
        grade: Some(pb::Grade {
            award: Some(pb::grade::Award::NotGraded(0)),
            scale: "apa-1-4".to_owned(),
            qualifier: String::new(),
        }),
        expected: Some(pb::Expectation { last: Some(pb::expectation::Last::Any(false)) }),
        validate_only: false,
    };
    let day = "must be a day of the calendar: year, month and day";
    assert_eq!(
        faults(&Given::SetGrade(request)),
        [
            "assessment must be subjects/{subject}/assessments/{assessment}".to_owned(),
            "act.request_id must be a UUID in hyphenated form that is not nil".to_owned(),
            "act.decided_by.role has no value 99 in this version".to_owned(),
            format!("act.decided_by.organisation {slug}"),
            "act.decided_by.person is a person's id that the directory does not know".to_owned(),
            format!("act.decided_on {day}"),
            format!("act.effective_on {day}"),
            "act.basis has no value -1 in this version".to_owned(),
            "act.instructed_by.panel.display_name is required".to_owned(),
            "act.instructed_by.panel.members[0].person is required".to_owned(),
            format!("act.instructed_by.panel.members[1].organisation {slug}"),
            "act.reason must be 1 to 63 of A-Z, 0-9 and '_', beginning with a letter".to_owned(),
            "act.rationale has 65537 bytes; at most 65536 are kept".to_owned(),
            "act.evidence[1].entry is required".to_owned(),
            "act.transcription.source is required".to_owned(),
            "act.transcription.source_sha256 must be 32 bytes, not 31".to_owned(),
            "area is required".to_owned(),
            "grade.not_graded is required".to_owned(),
            "grade.scale is for a level only".to_owned(),
            "expected.any must be true".to_owned(),
        ]
    );
}

#[test]
fn violations_deep_inside_an_entry_have_their_path() {
    use pb::{figure_value::Stated, text::State};
    let value = |stated| Some(pb::FigureValue { stated: Some(stated) });
    let redacted = pb::Text { state: Some(State::Redacted(pb::text::Erased::default())) };
    let figures = vec![
        pb::Figure { measure: text("a"), ..pb::Figure::default() },
        pb::Figure { value: Some(pb::FigureValue::default()), ..pb::Figure::default() },
        pb::Figure {
            measure: text("b"),
            value: value(Stated::Decimal(google::Decimal { value: "1e3".to_owned() })),
            comparators: vec![pb::Comparator {
                value: value(Stated::Words(pb::Text::default())),
                due: Some(day(2006, 0, 1)),
                ..pb::Comparator::default()
            }],
            ..pb::Figure::default()
        },
    ];
    let content = pb::EntryContent {
        kind: 0,
        section: String::new(),
        text: text(""),
        quote: Some(redacted),
        figures,
        relates_to: vec!["ok".to_owned(), "Not ok".to_owned()],
        ..pb::EntryContent::default()
    };
    assert_eq!(
        faults(&record_entry(content)),
        [
            "content.kind is required",
            "content.section is required",
            "content.text.present is required",
            "content.quote is a command's text: only `present` may be set",
            "content.figures[1].measure is required",
            "content.figures[1].value is required",
            "content.figures[2].value.decimal must be digits with an optional sign and point, at \
             most 40",
            "content.figures[2].comparators[0].kind is required",
            "content.figures[2].comparators[0].value.words.present is required",
            "content.figures[2].comparators[0].due must be a date of the calendar; month and day, \
             or the day, may be 0",
            "content.relates_to[1] must be 1 to 63 of a-z, 0-9 and '-', beginning and ending with \
             a letter or digit",
        ]
    );
}

#[test]
fn an_empty_request_lacks_all_that_is_required_of_it() {
    let rows: Vec<(Given, &[&str])> = vec![
        (
            Given::OpenAssessment(pb::OpenAssessmentRequest::default()),
            &["assessment", "act", "framework", "cycle"],
        ),
        (
            Given::SetAddressee(pb::SetAddresseeRequest::default()),
            &["assessment", "act", "addressee"],
        ),
        (Given::SetGrade(pb::SetGradeRequest::default()), &["assessment", "act", "area", "grade"]),
        (
            Given::RecordEntry(pb::RecordEntryRequest::default()),
            &["assessment", "act", "entry_id", "content"],
        ),
        (
            Given::ReviseEntry(pb::ReviseEntryRequest::default()),
            &["assessment", "act", "entry_id", "content"],
        ),
        (
            Given::LockAssessment(pb::LockAssessmentRequest::default()),
            &["assessment", "act", "digest"],
        ),
        (
            Given::SignOffAssessment(pb::SignOffAssessmentRequest::default()),
            &["assessment", "act", "organisation", "edition", "digest", "signature"],
        ),
        (
            Given::PublishAssessment(pb::PublishAssessmentRequest::default()),
            &["assessment", "act", "edition", "letter_date"],
        ),
        (
            Given::RefuseSignOff(pb::RefuseSignOffRequest::default()),
            &["assessment", "act", "organisation", "edition", "digest", "objection"],
        ),
        (
            Given::ReopenAssessment(pb::ReopenAssessmentRequest::default()),
            &["assessment", "act", "authority"],
        ),
        (
            Given::WithdrawAssessment(pb::WithdrawAssessmentRequest::default()),
            &["assessment", "act", "edition"],
        ),
        (
            Given::PlaceHold(pb::PlaceHoldRequest::default()),
            &["assessment", "act", "hold_id", "kind", "stops"],
        ),
        (Given::ReleaseHold(pb::ReleaseHoldRequest::default()), &["assessment", "act", "hold_id"]),
        (
            Given::ReceiveChallenge(pb::ReceiveChallengeRequest::default()),
            &["assessment", "act", "challenge_id", "received_from", "kind", "points"],
        ),
        (
            Given::DecideChallenge(pb::DecideChallengeRequest::default()),
            &["assessment", "act", "challenge_id", "point", "outcome", "why"],
        ),
        (
            Given::ShareDraft(pb::ShareDraftRequest::default()),
            &["assessment", "act", "recipient", "audience"],
        ),
        (
            Given::CorrectRecord(pb::CorrectRecordRequest::default()),
            &["assessment", "act", "position", "to"],
        ),
    ];
    for (given, required) in rows {
        let told: Vec<_> = order(&given).unwrap_err().into_iter().map(|it| it.0).collect();
        assert_eq!(told, required, "{given:?}");
    }
}

#[test]
fn points_and_corrections_say_what_they_are_about() {
    use pb::stated_correction::Field;
    let points = vec![pb::StatedPoint::default(); 2];
    let challenge =
        pb::ReceiveChallengeRequest { points, ..pb::ReceiveChallengeRequest::default() };
    let told = faults(&Given::ReceiveChallenge(challenge));
    let told: Vec<_> = told.iter().filter(|it| it.starts_with("points")).collect();
    let needs = |index| {
        [
            format!("points[{index}] needs an area or an entry"),
            format!("points[{index}].text is required"),
        ]
    };
    assert_eq!(told, needs(0).iter().chain(&needs(1)).collect::<Vec<_>>());
    let many = vec![pb::StatedPoint::default(); 1_001];
    let many =
        pb::ReceiveChallengeRequest { points: many, ..pb::ReceiveChallengeRequest::default() };
    let too_many = faults(&Given::ReceiveChallenge(many));
    let taken = "points has 1001; at most 1000 are taken".to_owned();
    assert!(too_many.contains(&taken), "{too_many:?}");

    let corrected = |field| {
        let to = Some(pb::StatedCorrection { field });
        let request = pb::CorrectRecordRequest { to, ..pb::CorrectRecordRequest::default() };
        faults(&Given::CorrectRecord(request)).last().unwrap().clone()
    };
    let anew = "is set anew, not corrected";
    for (field, why) in [
        (None, "to needs what is right instead".to_owned()),
        (Some(Field::Grade(pb::Grade::default())), format!("to.grade {anew}")),
        (Some(Field::Area("social-care".to_owned())), format!("to.area {anew}")),
        (
            Some(Field::DecidedBy(pb::StatedDecider::default())),
            "to.decided_by needs a person or a panel".to_owned(),
        ),
    ] {
        assert_eq!(corrected(field), why);
    }
}

#[test]
fn an_empty_registration_lacks_all_that_is_required_of_it() {
    let paths = |read: Result<Ordered, Faults>| -> Vec<_> {
        read.unwrap_err().into_iter().map(|it| it.0).collect()
    };
    let subject = pb::RegisterSubjectRequest::default();
    let read = with_names(|at, names| register_subject(at, &subject, names));
    assert_eq!(paths(read), ["act", "subject", "display_name", "kind"]);
    let framework = pb::RegisterFrameworkRequest::default();
    let registered = with_names(|at, names| register_framework(at, &framework, names));
    assert_eq!(paths(registered), ["act", "framework"]);
    let renamed = pb::RenameSubjectRequest::default();
    let renamed = with_names(|at, names| rename_subject(at, &renamed, names));
    assert_eq!(paths(renamed), ["act", "subject", "display_name"]);
}

#[test]
fn an_empty_redaction_lacks_all_that_is_required_of_it() {
    let of = &StreamId::Ledger;
    let paths = |read: Result<Ordered, Faults>| -> Vec<_> {
        read.unwrap_err().into_iter().map(|it| it.0).collect()
    };
    let requested = |given: &pb::RequestRedactionRequest| {
        paths(with_names(|at, names| request_redaction(at, (of, given), names)))
    };
    let empty = requested(&pb::RequestRedactionRequest::default());
    assert_eq!(empty, ["act", "position", "field", "legal_basis", "replacement"]);
    let wrong = requested(&pb::RequestRedactionRequest {
        act: Some(act()),
        position: 3,
        field: "the child's name".to_owned(),
        legal_basis: 77,
        replacement: "a child".to_owned(),
        ..Default::default()
    });
    assert_eq!(wrong, ["field", "legal_basis"]);
    let approval = pb::ApproveRedactionRequest::default();
    let approved = with_names(|at, names| approve_redaction(at, (of, &approval), names));
    assert_eq!(paths(approved), ["act", "request_position"]);
    let refusal = pb::RefuseRedactionRequest::default();
    let refused = with_names(|at, names| refuse_redaction(at, (of, &refusal), names));
    assert_eq!(paths(refused), ["act", "request_position", "ground"]);
}

#[test]
fn every_number_of_a_closed_set_is_read_and_none_beyond() {
    use super::closed::{
        basis_if_any, follow_up_status, letter_part_if_any, non_grade, one_of, role_if_any,
    };
    use crate::judgement::{ChallengeKind, HoldKind, PointOutcome, Stops};
    let taken = |reads: fn(&At<'_>, i32) -> bool| -> Vec<i32> {
        (-1..=11).filter(|number| read(|at| Ok(reads(&at, *number))).is_ok_and(|it| it)).collect()
    };
    let roles = taken(|at, it| role_if_any(at, it).is_ok_and(|it| it.is_some()));
    assert_eq!(roles, [1, 2, 3, 4, 5, 6, 7, 8, 9], "nobody decides as the service");
    let bases = taken(|at, it| basis_if_any(at, it).is_ok_and(|it| it.is_some()));
    assert_eq!(bases, [1, 2, 3, 4, 5]);
    let parts = taken(|at, it| letter_part_if_any(at, it).is_ok_and(|it| it.is_some()));
    assert_eq!(parts, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(taken(|at, it| follow_up_status(at, it).is_ok()), [1, 2, 3, 4, 5]);
    assert_eq!(taken(|at, it| one_of::<HoldKind>(at, it).is_ok()), [1, 2, 3, 4, 5]);
    assert_eq!(taken(|at, it| one_of::<Stops>(at, it).is_ok()), [1, 2, 3]);
    assert_eq!(taken(|at, it| one_of::<ChallengeKind>(at, it).is_ok()), [1, 2, 3]);
    assert_eq!(taken(|at, it| one_of::<PointOutcome>(at, it).is_ok()), [1, 2, 3]);
    assert_eq!(taken(|at, it| non_grade(at, it).is_ok()), [1, 2, 3]);
}
