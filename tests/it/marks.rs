//! Corrections, holds, challenges, drafts and dated names, as clients see them.

use judgement_ledger::pb::{
    self, corrected_value::Value, get_assessment_request::KnownAt, stated_correction::Field,
    stated_point::About,
};
use tonic::{Code, Status};

use crate::{
    editions::{Editing, current},
    served::{
        SUBJECT, Served, act, assessment, date, explained, grade, last, present, reason_of, text,
        time,
    },
};

const CAPACITY: &str = "capacity-to-improve";

fn decided_by(person: &str) -> Field {
    Field::DecidedBy(pb::StatedDecider {
        who: Some(pb::stated_decider::Who::Person(person.to_owned())),
        role: pb::Role::Inspector.into(),
        ..pb::StatedDecider::default()
    })
}

async fn correct(
    served: &Served,
    name: &str,
    position: u64,
    field: Field,
    expected: Option<pb::Expectation>,
) -> Result<pb::Receipt, Status> {
    let rationale = "the minutes name another".to_owned();
    let request = pb::CorrectRecordRequest {
        assessment: name.to_owned(),
        act: Some(pb::Act { rationale, ..act() }),
        position,
        to: Some(pb::StatedCorrection { field: Some(field) }),
        expected,
        ..pb::CorrectRecordRequest::default()
    };
    let corrected = served.assessments("officer").correct_record(request).await;
    corrected.map(tonic::Response::into_inner)
}

fn person(decider: &pb::Decider) -> &str {
    match decider.who.as_ref().unwrap() {
        pb::decider::Who::Person(person) => text(&person.name),
        pb::decider::Who::Panel(panel) => panic!("{panel:?} is no person"),
    }
}

fn decider_of(value: &Option<pb::CorrectedValue>) -> &str {
    match value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::DecidedBy(decider) => person(decider),
        other => panic!("{other:?} is no decider"),
    }
}

async fn audit(served: &Served, filter: pb::AuditFilter) -> Vec<pb::AuditRow> {
    let order = pb::AuditOrder::OldestFirst.into();
    let request = pb::QueryAuditRequest { filter: Some(filter), order, ..Default::default() };
    served.audits().query_audit(request).await.unwrap().into_inner().rows
}

async fn rows(served: &Served, name: &str, event: &str) -> Vec<pb::AuditRow> {
    let (assessment, event) = (name.to_owned(), event.to_owned());
    audit(served, pb::AuditFilter { assessment, event, ..Default::default() }).await
}

async fn full(served: &Served, name: &str) -> pb::Assessment {
    let content = pb::AssessmentContent::Full.into();
    served.get(pb::GetAssessmentRequest { content, ..assessment(name) }).await
}

#[tokio::test]
async fn scenario_18_a_wrong_decider_is_corrected_and_the_former_marked_as_a_mistake() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let set = served.award(&name, CAPACITY, "3").await;
    served.at("2006-10-12T09:00:00Z");
    let first = correct(&served, &name, set.position, decided_by("a.smith"), None).await.unwrap();
    let stale = correct(&served, &name, set.position, decided_by("b.jones"), None).await;
    assert_eq!(reason_of(&stale.unwrap_err()).0, "EXPECTATION_REQUIRED");
    let before = Some(last(set.position));
    let stale = correct(&served, &name, set.position, decided_by("b.jones"), before).await;
    let (reason, metadata) = reason_of(&stale.unwrap_err());
    assert_eq!(
        (reason.as_str(), metadata["position"].as_str()),
        ("STALE_EXPECTATION", first.position.to_string().as_str())
    );
    let before = Some(last(first.position));
    let second = correct(&served, &name, set.position, decided_by("b.jones"), before).await;
    let second = second.unwrap();

    for rows in [served.history(&name, CAPACITY).await, rows(&served, &name, "GradeSet").await] {
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(person(row.decided_by.as_ref().unwrap()), "b.jones");
        assert_eq!(text(&row.recorded_by.as_ref().unwrap().name), "inspector@ofsted");
        assert_eq!(row.grade.as_ref().unwrap().after.as_ref().unwrap().level, "3");
        let [one, two] = row.corrections.as_slice() else { panic!("{:?}", row.corrections) };
        assert_eq!(
            (decider_of(&one.former), decider_of(&one.corrected)),
            ("inspector@ofsted", "a.smith")
        );
        assert_eq!((decider_of(&two.former), decider_of(&two.corrected)), ("a.smith", "b.jones"));
        assert_eq!((one.from_position, two.from_position), (set.position, first.position));
        assert_eq!((one.position, two.position), (first.position, second.position));
        assert_eq!(text(&two.recorded_by.as_ref().unwrap().name), "officer@ofsted");
        assert_eq!(two.recorded_at, Some(time("2006-10-12T09:00:00Z")));
        assert_eq!(text(&two.rationale), "the minutes name another");
        assert_eq!(two.field(), pb::CorrectedField::DecidedBy);
    }
    // The correction has a row of its own, and is found by who should have been named.
    let rows = rows(&served, &name, "RecordCorrected").await;
    let stated = rows[1].correction.as_ref().unwrap();
    assert_eq!((stated.corrected_record, decider_of(&stated.corrected)), (set.position, "b.jones"));
    let by = pb::AuditFilter { decided_by: "b.jones".to_owned(), ..Default::default() };
    let found: Vec<_> = audit(&served, by).await.iter().map(|row| row.position).collect();
    assert_eq!(found, [second.position]);
    // A correction is no record of its area: who grades next expects the grade.
    let act = explained("FACTUAL_ACCURACY");
    let next =
        served.set_as("inspector", &name, CAPACITY, "2", act, Some(last(set.position))).await;
    assert!(next.is_ok(), "{next:?}");
    served.stop().await;
}

#[tokio::test]
async fn a_grade_or_an_area_is_set_anew_and_not_corrected() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let set = served.award(&name, CAPACITY, "3").await;
    let transcribed =
        Field::Transcription(pb::Wording { text: Some(present("4")), ..Default::default() });
    for (field, reason) in [
        (Field::Grade(pb::Grade::default()), "INVALID_REQUEST"),
        (Field::Area("social-care".to_owned()), "INVALID_REQUEST"),
        (transcribed, "NOT_CORRECTABLE"),
        (Field::Reason("WHIM".to_owned()), "REASON_NOT_IN_FRAMEWORK"),
        (Field::EffectiveOn(date(2006, 12, 1)), "DATE_IN_FUTURE"),
    ] {
        let status = correct(&served, &name, set.position, field, None).await.unwrap_err();
        assert_eq!((status.code(), reason_of(&status).0.as_str()), (Code::InvalidArgument, reason));
    }
    for nowhere in [1, 9_999] {
        let status = correct(&served, &name, nowhere, decided_by("x"), None).await.unwrap_err();
        assert_eq!(
            (status.code(), reason_of(&status).0.as_str()),
            (Code::NotFound, "RECORD_NOT_FOUND")
        );
    }
    served.stop().await;
}

#[tokio::test]
async fn a_corrected_effective_day_governs_what_held_and_what_was_known_stays_known() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.at("2006-10-10T09:00:00Z");
    let effective = |day| pb::Act {
        effective_on: Some(date(2006, 10, day)),
        rationale: "as agreed".to_owned(),
        ..explained("FACTUAL_ACCURACY")
    };
    let set = served.set_as("inspector", &name, CAPACITY, "2", effective(1), None).await.unwrap();
    let next = Some(last(set.position));
    let next = served.set_as("inspector", &name, CAPACITY, "3", effective(8), next).await.unwrap();
    let day = Field::EffectiveOn(date(2006, 10, 3));
    let corrected = correct(&served, &name, next.position, day, None).await.unwrap();
    let read = async |known: Option<u64>, day| {
        let request = pb::GetAssessmentRequest {
            known_at: known.map(KnownAt::KnownAtPosition),
            effective_at: Some(date(2006, 10, day)),
            ..assessment(&name)
        };
        grade(&served.get(request).await, CAPACITY)
    };
    assert_eq!(read(None, 5).await, "3", "as corrected");
    assert_eq!(read(None, 2).await, "2");
    assert_eq!(read(Some(next.position), 5).await, "2", "as known before the correction");
    let now = served.get(assessment(&name)).await;
    assert_eq!(now.judgements[0].effective_on, Some(date(2006, 10, 3)));
    assert_eq!(now.judgements[0].corrected_at, corrected.position);
    served.stop().await;
}

#[tokio::test]
async fn a_corrected_day_of_decision_governs_reads_by_what_sources_state() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.at("2006-10-20T09:00:00Z");
    let decided = |day| pb::Act { decided_on: Some(date(2006, 10, day)), ..explained("INITIAL") };
    let set = served.set_as("inspector", &name, CAPACITY, "2", decided(2), None).await.unwrap();
    let next = Some(last(set.position));
    let next = served.set_as("inspector", &name, CAPACITY, "3", decided(9), next).await.unwrap();
    let stated = async || {
        let request =
            pb::GetAssessmentRequest { stated_at: Some(date(2006, 10, 5)), ..assessment(&name) };
        grade(&served.get(request).await, CAPACITY)
    };
    assert_eq!(stated().await, "2");
    let day = Field::DecidedOn(date(2006, 10, 4));
    correct(&served, &name, next.position, day, None).await.unwrap();
    assert_eq!(stated().await, "3");
    served.stop().await;
}

#[tokio::test]
async fn a_figure_in_evidence_that_was_wrong() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let entry = pb::RecordEntryRequest {
        assessment: editing.name.clone(),
        act: Some(act()),
        entry_id: "ev-1".to_owned(),
        content: Some(pb::EntryContent {
            kind: pb::EntryKind::Evidence.into(),
            section: "staying-safe".to_owned(),
            text: Some(present("75 % of schools")),
            ..pb::EntryContent::default()
        }),
        ..pb::RecordEntryRequest::default()
    };
    let recorded = served.assessments("inspector").record_entry(entry).await.unwrap().into_inner();
    let digest = editing.digest().await;
    editing.published(1, date(2006, 11, 1)).await;
    let right = || {
        Field::Transcription(pb::Wording {
            text: Some(present("57 % of schools")),
            ..pb::Wording::default()
        })
    };
    let corrected =
        correct(&served, &editing.name, recorded.position, right(), None).await.unwrap();

    let working = full(&served, &editing.name).await;
    let entry = &working.entries[0];
    assert_eq!(text(&entry.content.as_ref().unwrap().text), "57 % of schools");
    assert_eq!(text(&entry.former.as_ref().unwrap().text), "75 % of schools");
    assert_eq!((entry.position, entry.corrected_at), (recorded.position, corrected.position));
    assert_eq!(entry.content.as_ref().unwrap().section, "staying-safe");
    assert_ne!(working.digest, digest, "what is signed next covers the correction");

    let content = pb::AssessmentContent::Full.into();
    let edition = pb::GetAssessmentRequest { edition: 1, content, ..assessment(&editing.name) };
    let edition = served.get(edition).await;
    let entry = &edition.entries[0];
    assert_eq!(text(&entry.content.as_ref().unwrap().text), "75 % of schools", "as it was");
    assert_eq!((entry.corrected_at, &entry.former), (corrected.position, &None), "marked");
    assert_eq!(edition.digest, digest);

    let rows = rows(&served, &editing.name, "EntryRecorded").await;
    let mark = &rows[0].corrections[0];
    let said = |value: &Option<pb::CorrectedValue>| match &value.as_ref().unwrap().value {
        Some(Value::Transcription(transcribed)) => text(&transcribed.text).to_owned(),
        other => panic!("{other:?} is no wording"),
    };
    assert_eq!(
        (said(&mark.former).as_str(), said(&mark.corrected).as_str()),
        ("75 % of schools", "57 % of schools")
    );

    let served = served.without_views().await;
    let name = format!("{SUBJECT}/assessments/apa-2006");
    let again = full(&served, &name).await;
    assert_eq!((again.entries, again.digest), (working.entries, working.digest));
    served.stop().await;
}

fn hold_request(name: &str, id: &str, stops: pb::HoldStops) -> pb::PlaceHoldRequest {
    pb::PlaceHoldRequest {
        assessment: name.to_owned(),
        act: Some(explained("COURT_ORDER")),
        hold_id: id.to_owned(),
        kind: pb::HoldKind::Court.into(),
        stops: stops.into(),
        ..pb::PlaceHoldRequest::default()
    }
}

#[tokio::test]
async fn what_is_on_hold_is_not_published_until_every_hold_is_released() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    editing.signed(1).await;
    let place = async |login: &str, id: &str, stops| {
        served.assessments(login).place_hold(hold_request(&editing.name, id, stops)).await
    };
    let status = place("lead", "court-1", pb::HoldStops::Both).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "NOT_PERMITTED");
    let placed = place("publisher", "court-1", pb::HoldStops::Both).await.unwrap().into_inner();
    place("officer", "keep-1", pb::HoldStops::Erasure).await.unwrap();
    let status = place("officer", "court-1", pb::HoldStops::Both).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "EXISTS");
    let status = editing.publish(1).await.unwrap_err();
    let (reason, metadata) = reason_of(&status);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "ON_HOLD"));
    assert_eq!(metadata["holds"], "court-1", "what keeps texts does not stop publication");

    let release = async |id: &str, expected| {
        let request = pb::ReleaseHoldRequest {
            assessment: editing.name.clone(),
            act: Some(explained("COURT_ORDER")),
            hold_id: id.to_owned(),
            expected,
            ..pb::ReleaseHoldRequest::default()
        };
        let released = served.assessments("officer").release_hold(request).await;
        released.map(tonic::Response::into_inner)
    };
    assert_eq!(reason_of(&release("none", None).await.unwrap_err()).0, "HOLD_NOT_FOUND");
    assert_eq!(reason_of(&release("court-1", None).await.unwrap_err()).0, "EXPECTATION_REQUIRED");
    let released = release("court-1", Some(last(placed.position))).await.unwrap();
    let again = release("court-1", Some(last(released.position))).await.unwrap_err();
    assert_eq!(reason_of(&again).0, "HOLD_RELEASED");
    editing.publish(1).await.unwrap();

    let shown = full(&served, &editing.name).await.holds;
    let shown: Vec<_> = shown.iter().map(|it| (it.hold_id.as_str(), it.released_at)).collect();
    assert_eq!(shown, [("court-1", released.position), ("keep-1", 0)]);
    let rows = rows(&served, &editing.name, "HoldPlaced").await;
    let hold = rows[0].hold.as_ref().unwrap();
    assert_eq!((hold.kind(), hold.stops()), (pb::HoldKind::Court, pb::HoldStops::Both));
    assert_eq!((hold.position, hold.released_at), (placed.position, released.position));
    served.stop().await;
}

#[tokio::test]
async fn a_refused_point_stays_in_the_history_of_the_grade_that_it_is_against() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let set = served.award(&name, CAPACITY, "2").await;
    let point = |about, said: &str| pb::StatedPoint { about: Some(about), text: said.to_owned() };
    let receive = |points| pb::ReceiveChallengeRequest {
        assessment: name.clone(),
        act: Some(act()),
        challenge_id: "council-1".to_owned(),
        received_from: "the director".to_owned(),
        kind: pb::ChallengeKind::Accuracy.into(),
        points,
        due: Some(date(2006, 11, 1)),
        ..pb::ReceiveChallengeRequest::default()
    };
    let lead = || served.assessments("lead");
    let about = || About::Area(CAPACITY.to_owned());
    let none = lead().receive_challenge(receive(Vec::new())).await.unwrap_err();
    assert_eq!(reason_of(&none).0, "INVALID_REQUEST");
    let points = vec![point(about(), "x"), point(About::Area("education".to_owned()), "y")];
    let status = lead().receive_challenge(receive(points)).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "AREA_NOT_IN_FRAMEWORK");
    let points = vec![point(about(), "it is better"), point(About::Entry("none".to_owned()), "y")];
    let status = lead().receive_challenge(receive(points)).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "DANGLING_REFERENCE");
    let points = vec![point(about(), "it is better")];
    let received = lead().receive_challenge(receive(points)).await.unwrap().into_inner();

    let decide = async |point, outcome: pb::PointOutcome, expected| {
        let request = pb::DecideChallengeRequest {
            assessment: name.clone(),
            act: Some(act()),
            challenge_id: "council-1".to_owned(),
            point,
            outcome: outcome.into(),
            why: "the evidence stands".to_owned(),
            expected,
            ..pb::DecideChallengeRequest::default()
        };
        let decided = served.assessments("lead").decide_challenge(request).await;
        decided.map(tonic::Response::into_inner)
    };
    let refused = pb::PointOutcome::Refused;
    assert_eq!(reason_of(&decide(2, refused, None).await.unwrap_err()).0, "POINT_NOT_FOUND");
    let decided = decide(1, refused, None).await.unwrap();
    let status = decide(1, pb::PointOutcome::Upheld, None).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "EXPECTATION_REQUIRED");

    let read = full(&served, &name).await;
    assert_eq!(grade(&read, CAPACITY), "2", "it changes no grade");
    let challenge = &read.challenges[0];
    assert_eq!(text(&challenge.received_from), "the director");
    assert_eq!((challenge.due, challenge.position), (Some(date(2006, 11, 1)), received.position));
    let shown = &challenge.points[0];
    assert_eq!((text(&shown.text), text(&shown.why)), ("it is better", "the evidence stands"));
    assert_eq!((shown.outcome(), shown.decided_at), (refused, decided.position));
    assert_eq!(shown.against, set.position);

    let row = &served.history(&name, CAPACITY).await[0];
    let against = &row.challenges[0];
    assert_eq!((against.challenge_id.as_str(), against.points.len()), ("council-1", 1));
    assert_eq!(against.points[0].outcome(), refused);
    // A grade that comes later is not what was challenged.
    let (act, expected) = (explained("FACTUAL_ACCURACY"), Some(last(set.position)));
    served.set_as("inspector", &name, CAPACITY, "3", act, expected).await.unwrap();
    assert!(served.history(&name, CAPACITY).await[1].challenges.is_empty());
    let events = rows(&served, &name, "ChallengeReceived").await;
    assert_eq!(text(&events[0].challenge.as_ref().unwrap().points[0].text), "it is better");
    let of_area = pb::AuditFilter { area: CAPACITY.to_owned(), ..Default::default() };
    let found: Vec<_> = audit(&served, of_area).await.iter().map(|row| row.event.clone()).collect();
    assert_eq!(found, ["GradeSet", "ChallengeReceived", "ChallengeDecided", "GradeSet"]);
    served.stop().await;
}

#[tokio::test]
async fn what_the_council_had_been_shown_and_when() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let set = served.award(&name, CAPACITY, "2").await;
    let (act_1, expected) = (explained("FACTUAL_ACCURACY"), Some(last(set.position)));
    served.set_as("inspector", &name, CAPACITY, "3", act_1, expected).await.unwrap();
    let share = |position, audience: &str| pb::ShareDraftRequest {
        assessment: name.clone(),
        act: Some(act()),
        recipient: "the director of children's services".to_owned(),
        known_at_position: position,
        audience: audience.to_owned(),
        ..pb::ShareDraftRequest::default()
    };
    let lead = || served.assessments("lead");
    let status = lead().share_draft(share(set.position, "a-newspaper")).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "AUDIENCE_NOT_IN_FRAMEWORK");
    for nowhere in [1, 9_999] {
        let status = lead().share_draft(share(nowhere, "addressee")).await.unwrap_err();
        assert_eq!(reason_of(&status).0, "POSITION_OUTSIDE_ASSESSMENT");
    }
    served.at("2006-10-12T09:00:00Z");
    let first = share(set.position, "addressee");
    let shared = lead().share_draft(first.clone()).await.unwrap().into_inner();
    let again = lead().share_draft(first).await.unwrap().into_inner();
    assert_eq!(again, pb::Receipt { replayed: true, ..shared.clone() });
    let now = lead().share_draft(share(0, "addressee")).await.unwrap().into_inner();

    let drafts = full(&served, &name).await.drafts;
    let numbers: Vec<_> = drafts.iter().map(|it| (it.number, it.known_at_position)).collect();
    assert_eq!(numbers, [(1, set.position), (2, shared.position)]);
    assert_eq!(text(&drafts[0].recipient), "the director of children's services");
    assert_eq!(drafts[0].recorded_at, Some(time("2006-10-12T09:00:00Z")));
    assert_eq!((drafts[0].position, drafts[1].position), (shared.position, now.position));
    assert_ne!((&drafts[0].root, &drafts[0].salt), (&drafts[1].root, &drafts[1].salt));
    // What was shown then can be read for ever.
    let known_at = Some(KnownAt::KnownAtPosition(drafts[0].known_at_position));
    let shown = served.get(pb::GetAssessmentRequest { known_at, ..assessment(&name) }).await;
    assert_eq!(grade(&shown, CAPACITY), "2");
    let rows = rows(&served, &name, "DraftShared").await;
    let draft = rows[0].draft.as_ref().unwrap();
    assert_eq!((draft.audience.as_str(), draft.known_at_position), ("addressee", set.position));
    served.stop().await;
}

#[tokio::test]
async fn a_council_is_renamed_and_each_day_keeps_its_name() {
    let served = Served::start().await;
    served.at("2006-10-10T09:00:00Z");
    let get = async |day: Option<i32>, known_at_position| {
        let effective_at = day.map(|day| date(2006, 10, day));
        let request =
            pb::GetSubjectRequest { name: SUBJECT.to_owned(), effective_at, known_at_position };
        served.frameworks("auditor").get_subject(request).await.unwrap().into_inner()
    };
    let registered = get(None, 0).await;
    let rename = |expected| pb::RenameSubjectRequest {
        act: Some(pb::Act { effective_on: Some(date(2006, 10, 5)), ..explained("CLERICAL_ERROR") }),
        subject: SUBJECT.to_owned(),
        display_name: "Leicester".to_owned(),
        expected,
        ..pb::RenameSubjectRequest::default()
    };
    let admin = || served.frameworks("admin");
    let status = admin().rename_subject(rename(None)).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "EXPECTATION_REQUIRED");
    let expected = Some(last(registered.position));
    let status = served.frameworks("lead").rename_subject(rename(expected)).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "NOT_PERMITTED");
    let renamed = admin().rename_subject(rename(expected)).await.unwrap().into_inner();
    let status = admin().rename_subject(rename(expected)).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "STALE_EXPECTATION");
    let mut unknown = rename(expected);
    unknown.subject = "subjects/nowhere".to_owned();
    let status = admin().rename_subject(unknown).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "SUBJECT_NOT_FOUND");

    for (day, name) in
        [(None, "Leicester"), (Some(5), "Leicester"), (Some(4), "Leicester City Council")]
    {
        assert_eq!(get(day, 0).await.display_name, name, "{day:?}");
    }
    let then = get(Some(5), renamed.position - 1).await;
    assert_eq!(then.display_name, "Leicester City Council", "not known yet");
    let names = get(None, 0).await.names;
    let from: Vec<_> = names.iter().map(|it| (it.effective_on, it.position)).collect();
    assert_eq!(from, [(None, registered.position), (Some(date(2006, 10, 5)), renamed.position)]);
    let list = pb::ListSubjectsRequest::default();
    let listed = served.frameworks("auditor").list_subjects(list).await.unwrap().into_inner();
    assert_eq!(listed.subjects[0].display_name, "Leicester");
    let events = audit(
        &served,
        pb::AuditFilter { event: "SubjectRenamed".to_owned(), ..Default::default() },
    );
    assert_eq!(events.await[0].display_name, "Leicester");
    served.stop().await;
}

#[tokio::test]
async fn several_assessments_are_published_together_or_not_at_all() {
    let served = Served::start().await;
    let one = Editing::graded(&served).await;
    let other = Editing::of_2005(&served).await;
    one.signed(1).await;
    let publish = async |validate_only| {
        let publications = vec![one.publication(1), other.publication(1)];
        let request = pb::PublishAssessmentsRequest { publications, validate_only };
        let published = served.assessments("publisher").publish_assessments(request).await;
        published.map(|it| it.into_inner().receipts)
    };
    let head = served.head().await;
    let status = publish(false).await.unwrap_err();
    let (reason, metadata) = reason_of(&status);
    assert_eq!((reason.as_str(), metadata["command"].as_str()), ("NOT_LOCKED", "1"));
    assert_eq!(served.head().await, head, "nothing was published");
    assert!(current(&served).await.not_rated);
    other.signed(1).await;
    let head = served.head().await;
    assert!(publish(true).await.unwrap().iter().all(|it| it.validated_only));
    assert_eq!(served.head().await, head);

    let receipts = publish(false).await.unwrap();
    let positions: Vec<_> = receipts.iter().map(|it| it.position).collect();
    assert!(positions[0] > head);
    assert_eq!(positions[1], positions[0] + 1, "one after the other");
    for (receipt, editing) in receipts.iter().zip([&one, &other]) {
        assert_eq!(receipt.stream, editing.name);
        assert_eq!(
            served.get(assessment(&editing.name)).await.state(),
            pb::AssessmentState::Published
        );
    }
    let empty = pb::PublishAssessmentsRequest::default();
    let status = served.assessments("publisher").publish_assessments(empty).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "INVALID_REQUEST");
    let marked = pb::PublishAssessmentRequest { validate_only: true, ..one.publication(1) };
    let marked = pb::PublishAssessmentsRequest { publications: vec![marked], validate_only: false };
    let status = served.assessments("publisher").publish_assessments(marked).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "INVALID_REQUEST");
    served.stop().await;
}
