//! The rules of holds, challenges, drafts, corrections and names, against the table of their
//! precedence.

use judgement_ledger::judgement::{
    AreaId, AssessmentOrder, AudienceDigest, AudienceId, Caller, ChallengeDecided, ChallengeId,
    ChallengeKind, ChallengeReceived, Challenged, Command, CorrectRecord, Correctable,
    CorrectedField, Correction, DecideChallenge, Decider, Deciding, DraftShared, Event, Expected,
    HoldId, HoldKind, HoldPlaced, HoldReleased, Item, Known, Label, Order, PlaceHold, Point,
    PointOutcome, Position, ReasonCode, ReceiveChallenge, RecordCorrected, RecordId, Refusal,
    ReleaseHold, RenameSubject, Role, ShareDraft, Stops, SubjectId, Text,
};

use crate::{
    rules::{
        Past, Row, TODAY, TOMORROW, YESTERDAY, act, ask, check, command, common, entry_id,
        expected, explained, finish, given, graded, opened, organisation, person, set, text, word,
        worded, written,
    },
    rules_of_editions::{lock, published},
};

fn hold_id() -> HoldId {
    HoldId::parse("court-1").unwrap()
}

fn challenge_id() -> ChallengeId {
    ChallengeId::parse("council-1").unwrap()
}

fn area(id: &str) -> AreaId {
    AreaId::parse(id).unwrap()
}

/// An act that gives a reason, unless the row breaks that.
fn said(row: &Row<'_>) -> judgement_ledger::judgement::Act<Text> {
    let mut said = explained(6);
    if row.breaks("why") {
        (said.reason, said.rationale) = (None, None);
    }
    common(row, &mut said);
    said
}

fn held(stops: Stops) -> Event<Text> {
    Event::HoldPlaced(HoldPlaced { hold: hold_id(), kind: HoldKind::Court, stops })
}

#[test]
fn placing_a_hold_is_refused_in_the_order_of_the_table() {
    check("PlaceHold", |row| {
        let taken: &[_] =
            if row.breaks("taken") { &[opened(), held(Stops::Both)] } else { &[opened()] };
        let (hold, kind, stops) = (hold_id(), HoldKind::Court, Stops::Publication);
        let order = AssessmentOrder::PlaceHold(PlaceHold { hold, kind, stops });
        finish(row, given(taken), command(said(row), order))
    });
}

#[test]
fn releasing_a_hold_is_refused_in_the_order_of_the_table() {
    check("ReleaseHold", |row| {
        let mut past = given(&[opened(), held(Stops::Both)]);
        let mut last = 2;
        if row.breaks("released") {
            past.tell(&Event::HoldReleased(HoldReleased { hold: hold_id() }), &act(3), person(1));
            last = 3;
        }
        let hold = if row.breaks("hold") { HoldId::parse("none").unwrap() } else { hold_id() };
        let order = ReleaseHold { hold, expected: expected(row, last) };
        finish(row, past, command(said(row), AssessmentOrder::ReleaseHold(order)))
    });
}

fn received() -> Event<Text> {
    let about = Challenged::Area(area("staying-safe"));
    let points = vec![Point { about, text: text("it is better") }];
    let (from, kind) = (text("the council"), ChallengeKind::Representation);
    let challenge = challenge_id();
    Event::ChallengeReceived(ChallengeReceived { challenge, from, kind, points, due: None })
}

#[test]
fn challenges_are_refused_in_the_order_of_the_table() {
    check("ReceiveChallenge", |row| {
        let past =
            if row.breaks("taken") { given(&[opened(), received()]) } else { given(&[opened()]) };
        let of = if row.breaks("area") { "education" } else { "staying-safe" };
        let mut points =
            vec![Point { about: Challenged::Area(area(of)), text: text("it is better") }];
        if row.breaks("entry") {
            let about = Challenged::Entry(entry_id("nowhere"));
            points.push(Point { about, text: text("it is 57 %") });
        }
        let (from, kind) = (text("the council"), ChallengeKind::Accuracy);
        let order = ReceiveChallenge { challenge: challenge_id(), from, kind, points, due: None };
        finish(row, past, command(said(row), AssessmentOrder::ReceiveChallenge(order)))
    });
}

fn decided(outcome: PointOutcome) -> Event<Text> {
    let (challenge, why) = (challenge_id(), text("the evidence stands"));
    Event::ChallengeDecided(ChallengeDecided { challenge, point: 1, outcome, why })
}

#[test]
fn decisions_on_challenges_are_refused_in_the_order_of_the_table() {
    check("DecideChallenge", |row| {
        let past = given(&[opened(), received(), decided(PointOutcome::Refused)]);
        let none = ChallengeId::parse("none").unwrap();
        let order = DecideChallenge {
            challenge: if row.breaks("challenge") { none } else { challenge_id() },
            point: if row.breaks("point") { 2 } else { 1 },
            outcome: PointOutcome::Upheld,
            why: text("on second thoughts"),
            expected: expected(row, 3),
        };
        finish(row, past, command(said(row), AssessmentOrder::DecideChallenge(order)))
    });
}

#[test]
fn drafts_are_refused_in_the_order_of_the_table() {
    check("ShareDraft", |row| {
        let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
        past.draft = past.assessment.clone().filter(|_| !row.breaks("there"));
        let audience = if row.breaks("audience") { "a-newspaper" } else { "addressee" };
        let order = ShareDraft {
            recipient: text("the director"),
            position: Some(Position::new(2)),
            audience: AudienceId::parse(audience).unwrap(),
        };
        finish(row, past, command(said(row), AssessmentOrder::ShareDraft(order)))
    });
}

fn corrected(record: u64, to: Correction<Text>) -> Event<Text> {
    let about = judgement_ledger::judgement::About::Area(area("staying-safe"));
    let (record, from) = (Position::new(record), Position::new(record));
    Event::RecordCorrected(RecordCorrected { record, about, from, to })
}

fn reason(code: &str) -> Correction<Text> {
    Correction::Reason(ReasonCode::parse(code).unwrap())
}

#[test]
fn corrections_are_refused_in_the_order_of_the_table() {
    check("Correct", |row| {
        let grade = graded("staying-safe", word("good"));
        let mut past = given(&[opened(), grade.clone(), corrected(2, reason("INITIAL"))]);
        if !row.breaks("record") {
            past.corrected = Some(Correctable::of(&grade));
        }
        if row.breaks("field") {
            past.corrected = Some(Correctable::of(&corrected(2, reason("INITIAL"))));
        }
        let to = reason(if row.breaks("value") { "WHIM" } else { "MODERATION" });
        let order = CorrectRecord { record: Position::new(2), to, expected: expected(row, 3) };
        finish(row, past, command(said(row), AssessmentOrder::Correct(order)))
    });
}

#[test]
fn renaming_is_refused_in_the_order_of_the_table() {
    check("Rename", |row| {
        let mut act = act(6);
        common(row, &mut act);
        if row.breaks("backdated") {
            act.effective_on = Some(YESTERDAY);
        }
        let order = RenameSubject {
            subject: SubjectId::parse("leicester-city").unwrap(),
            name: Label::parse("Leicester").unwrap(),
            expected: expected(row, 1),
        };
        let roles = vec![if row.breaks("role") { Role::Inspector } else { Role::FrameworkAdmin }];
        let caller = Caller { person: person(2), organisation: organisation("ofsted"), roles };
        let item = Item {
            at: Position::new(1),
            record: RecordId::new(uuid::Uuid::from_u128(1)),
            hash: judgement_ledger::merkle::leaf_hash(b"1"),
        };
        let last = (!row.breaks("subject")).then_some(item);
        ask(Known::Subject { last }, &Command { caller, act, order: Order::RenameSubject(order) })
    });
}

fn correcting(
    past: &Past,
    record: &Event<Text>,
    to: Correction<Text>,
) -> Result<Event<Text>, Refusal> {
    let (assessment, peers) = (past.assessment.clone(), Vec::new());
    let past = Past {
        assessment,
        records: past.records,
        peers,
        corrected: Some(Correctable::of(record)),
        draft: None,
    };
    let order = CorrectRecord { record: Position::new(2), to, expected: Some(Expected::Any) };
    past.decide(&command(explained(9), AssessmentOrder::Correct(order)))
}

fn wording() -> Correction<Text> {
    Correction::Transcription(judgement_ledger::judgement::Wording {
        text: Some(text("57 %")),
        quote: None,
        figures: Vec::new(),
        source: None,
    })
}

#[test]
fn a_transcription_is_of_an_entry_and_never_of_a_grade() {
    let past = given(&[opened(), written("one")]);
    assert!(correcting(&past, &written("one"), wording()).is_ok());
    let graded = graded("staying-safe", word("good"));
    let field = CorrectedField::Transcription;
    let refusal = Refusal::NotCorrectable { field, event: "GradeSet" };
    assert_eq!(correcting(&past, &graded, wording()).unwrap_err(), refusal);
    assert_eq!(refusal.to_string(), "the transcription of a record of GradeSet is not corrected");
}

#[test]
fn what_is_being_signed_says_what_it_said() {
    let mut past = given(&[opened(), written("one"), graded("staying-safe", word("good"))]);
    lock(&mut past, 1);
    let refusal = correcting(&past, &written("one"), wording()).unwrap_err();
    assert_eq!(refusal, Refusal::NotOpen { edition: 1, phase: "locked" });
    let day = Correction::DecidedOn(YESTERDAY);
    assert!(correcting(&past, &written("one"), day).is_ok(), "what is signed does not say that");
    assert!(correcting(&published(), &written("one"), wording()).is_ok());
}

#[test]
fn a_day_that_has_not_come_is_no_correction() {
    let past = given(&[opened(), graded("staying-safe", word("good"))]);
    let grade = graded("staying-safe", word("good"));
    for (to, field) in [
        (Correction::DecidedOn(TOMORROW), "to.decided_on"),
        (Correction::EffectiveOn(TOMORROW), "to.effective_on"),
    ] {
        assert_eq!(correcting(&past, &grade, to).unwrap_err(), Refusal::DateInFuture { field });
    }
    assert!(correcting(&past, &grade, Correction::DecidedOn(TODAY)).is_ok());
}

#[test]
fn a_corrected_decider_is_who_cannot_moderate() {
    let decider = |person| Decider {
        who: Deciding::Person(person),
        role: None,
        organisation: organisation("ofsted"),
    };
    let moderate = |past: &Past| {
        let order = set(worded("adequate"), Some(Expected::Any));
        past.decide(&command(explained(9), order))
    };
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    assert!(moderate(&past).is_ok(), "person 1 decided, person 2 moderates");
    past.tell(&corrected(2, Correction::DecidedBy(decider(person(2)))), &act(7), person(3));
    let refusal = moderate(&past).unwrap_err();
    assert_eq!(refusal, Refusal::SelfModeration { area: area("staying-safe") });
    let item = past.assessment.as_ref().unwrap().last_of_area(&area("staying-safe"));
    assert_eq!(item.unwrap().at, Position::new(2), "a correction is no record of its area");
}

#[test]
fn a_hold_stops_publication_only_if_it_says_so() {
    for (stops, publication, erasure) in [
        (Stops::Publication, true, false),
        (Stops::Erasure, false, true),
        (Stops::Both, true, true),
    ] {
        assert_eq!((stops.publication(), stops.erasure()), (publication, erasure));
    }
}

#[test]
fn who_may_note_challenges_depends_on_publication() {
    let by = |past: &Past, role| {
        let about = Challenged::Area(area("staying-safe"));
        let points = vec![Point { about, text: text("it is better") }];
        let (challenge, kind) = (challenge_id(), ChallengeKind::Complaint);
        let order = ReceiveChallenge { challenge, from: text("x"), kind, points, due: None };
        let mut command = command(explained(9), AssessmentOrder::ReceiveChallenge(order));
        command.caller.roles = vec![role];
        past.decide(&command).is_ok()
    };
    let roles = [Role::LeadInspector, Role::Publisher];
    let before = given(&[opened()]);
    assert_eq!(roles.map(|role| by(&before, role)), [true, false]);
    let mut past = published();
    assert_eq!(roles.map(|role| by(&past, role)), [false, true]);
    let reopened = judgement_ledger::judgement::AssessmentReopened {
        edition: 2,
        authority: text("the chief"),
        reference: None,
    };
    past.tell(&Event::AssessmentReopened(reopened), &act(8), person(1));
    assert_eq!(roles.map(|role| by(&past, role)), [true, true]);
}

#[test]
fn a_refused_point_changes_no_grade_and_a_point_knows_what_it_is_against() {
    let mut past = given(&[opened(), graded("staying-safe", word("good")), received()]);
    let before = past.assessment.clone().unwrap();
    past.tell(&decided(PointOutcome::Refused), &act(8), person(1));
    let after = past.assessment.unwrap();
    assert_eq!(after.judgements, before.judgements);
    let point = after.challenges[&challenge_id()].point(1).unwrap();
    assert_eq!(point.against, before.last_of_area(&area("staying-safe")));
    assert_eq!(point.decided, Some((after.last, PointOutcome::Refused)));
    assert_eq!(after.challenges[&challenge_id()].point(0), None);
    assert_eq!(after.challenges[&challenge_id()].point(2), None);
}

#[test]
fn a_draft_is_digested_for_its_audience_with_a_salt_of_its_own() {
    let past = given(&[opened(), graded("staying-safe", word("good"))]);
    let shared = |position| {
        let (assessment, draft) = (past.assessment.clone(), past.assessment.clone());
        let past = Past { assessment, draft, ..Past::empty() };
        let audience = AudienceId::parse("addressee").unwrap();
        let order = ShareDraft { recipient: text("the director"), position, audience };
        match past.decide(&command(act(9), AssessmentOrder::ShareDraft(order))).unwrap() {
            Event::DraftShared(DraftShared { position, digest, .. }) => (position, digest),
            other => panic!("{}", other.name()),
        }
    };
    let (position, AudienceDigest { audience, salt, root }) = shared(None);
    assert_eq!((position, audience.as_str()), (Position::new(2), "addressee"));
    assert_ne!(salt, [0; 32]);
    let (assessment, framework) = (past.assessment.as_ref().unwrap(), crate::rules::framework());
    let again =
        judgement_ledger::judgement::audience_digest(assessment, &framework, &audience, salt);
    assert_eq!(again.root, root);
    assert_eq!(shared(Some(Position::new(2))).0, Position::new(2));
}
