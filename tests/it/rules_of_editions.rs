//! The rules that open editions again and take them back, against the table of their precedence.

use judgement_ledger::{
    judgement::{
        Assessment, AssessmentId, AssessmentLocked, AssessmentOrder, AssessmentPublished,
        AssessmentReopened, AssessmentWithdrawn, Current, Event, ExpectedRevision, Fallback,
        FrameworkId, Peer, Phase, Refusal, RefuseSignOff, ReopenAssessment, Revision, Role,
        SignOffRefused, SignedOff, Text, WithdrawAssessment, current,
    },
    merkle::leaf_hash,
};

use crate::rules::{
    Past, Row, act, check, command, common, expected_revision, explained, finish, given, graded,
    locked, opened, organisation, person, signature, text, word,
};

/// An act with a reason and without words, or as the row breaks it.
fn reasoned(row: &Row<'_>) -> judgement_ledger::judgement::Act<Text> {
    let mut reasoned = explained(6);
    reasoned.rationale = None;
    if row.breaks("why") {
        reasoned.reason = None;
    }
    common(row, &mut reasoned);
    reasoned
}

pub fn publish(past: &mut Past, edition: u32) {
    let published = AssessmentPublished {
        edition,
        letter_date: jiff::civil::date(2006, 11, 1),
        digest: past.digest(),
        audiences: Vec::new(),
    };
    past.tell(&Event::AssessmentPublished(published), &act(7), person(1));
}

pub fn lock(past: &mut Past, edition: u32) {
    let digest = past.digest();
    past.tell(&Event::AssessmentLocked(AssessmentLocked { edition, digest }), &act(7), person(1));
}

pub fn sign(past: &mut Past, signer: &str, edition: u32) {
    let organisation = organisation(signer);
    let event = SignedOff { organisation, edition, digest: past.digest(), signature: signature() };
    past.tell(&Event::SignedOff(event), &act(7), person(1));
}

fn reopen(past: &mut Past, edition: u32) {
    let reopened = AssessmentReopened { edition, authority: text("the chief"), reference: None };
    past.tell(&Event::AssessmentReopened(reopened), &act(7), person(1));
}

fn withdraw(past: &mut Past, edition: u32, fallback: Fallback) {
    let withdrawn = AssessmentWithdrawn { edition, fallback };
    past.tell(&Event::AssessmentWithdrawn(withdrawn), &act(7), person(1));
}

pub fn published() -> Past {
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    lock(&mut past, 1);
    for signer in ["csci", "ofsted"] {
        sign(&mut past, signer, 1);
    }
    publish(&mut past, 1);
    past
}

#[test]
fn refusals_to_sign_are_refused_in_the_order_of_the_table() {
    check("RefuseSignOff", |row| {
        let signed: &[&str] = if row.breaks("signed") { &["ofsted"] } else { &[] };
        let past = locked(row, signed);
        let mut act = act(6);
        common(row, &mut act);
        let order = RefuseSignOff {
            organisation: organisation(if row.breaks("own") { "csci" } else { "ofsted" }),
            edition: if row.breaks("edition") { 2 } else { 1 },
            digest: if row.breaks("digest") { leaf_hash(b"other") } else { past.digest() },
            objection: text("social care is not 3"),
            expected: row.breaks("stale").then(|| ExpectedRevision::At(Revision::new(77))),
        };
        finish(row, past, command(act, AssessmentOrder::RefuseSignOff(order)))
    });
}

#[test]
fn reopening_is_refused_in_the_order_of_the_table() {
    check("Reopen", |row| {
        let past = if row.breaks("closed") { given(&[opened()]) } else { published() };
        let (authority, reference) = (text("the chief inspector"), None);
        let expected = expected_revision(row, past.records);
        let order = ReopenAssessment { authority, reference, expected };
        finish(row, past, command(reasoned(row), AssessmentOrder::Reopen(order)))
    });
}

fn earlier() -> AssessmentId {
    AssessmentId::parse("subjects/leicester-city/assessments/apa-2005").unwrap()
}

#[test]
fn withdrawal_is_refused_in_the_order_of_the_table() {
    check("Withdraw", |row| {
        let mut past = if row.breaks("published") { given(&[opened()]) } else { published() };
        if !row.breaks("fallback") {
            past.peers = vec![peer("apa-2005", "apa", "2005")];
        }
        let fallback = Some(Fallback::Assessment(earlier()));
        let expected = expected_revision(row, past.records);
        let order = WithdrawAssessment { edition: 1, fallback, expected };
        finish(row, past, command(reasoned(row), AssessmentOrder::Withdraw(order)))
    });
}

fn peer(name: &str, family: &str, version: &str) -> Peer {
    Peer {
        assessment: AssessmentId::parse(&format!("subjects/leicester-city/assessments/{name}"))
            .unwrap(),
        framework: FrameworkId::new(family, version).unwrap(),
    }
}

fn withdrawing(past: &Past, edition: u32, fallback: Option<Fallback>) -> Result<Fallback, Refusal> {
    let expected = Some(ExpectedRevision::Any);
    let order = WithdrawAssessment { edition, fallback, expected };
    match past.decide(&command(explained(9), AssessmentOrder::Withdraw(order)))? {
        Event::AssessmentWithdrawn(event) => Ok(event.fallback),
        other => panic!("{} is no withdrawal", other.name()),
    }
}

#[test]
fn a_withdrawal_falls_back_to_the_latest_of_the_same_framework_id_unless_it_states_another() {
    let mut past = published();
    assert_eq!(withdrawing(&past, 1, None), Ok(Fallback::NotRated));
    past.peers = vec![peer("sif-2006", "sif", "2013"), peer("apa-2005", "apa", "2005")];
    assert_eq!(withdrawing(&past, 1, None), Ok(Fallback::Assessment(earlier())));
    assert_eq!(withdrawing(&past, 1, Some(Fallback::NotRated)), Ok(Fallback::NotRated));
    let stated = Fallback::Assessment(past.peers[0].assessment.clone());
    assert_eq!(withdrawing(&past, 1, Some(stated.clone())), Ok(stated));
    past.peers = vec![peer("sif-2006", "sif", "2013")];
    assert_eq!(withdrawing(&past, 1, None), Ok(Fallback::NotRated), "another framework id");
}

#[test]
fn only_the_edition_in_force_is_withdrawn_and_only_once() {
    let state = |past: &Past, edition| match withdrawing(past, edition, None).unwrap_err() {
        Refusal::NotPublished { state, .. } => state,
        other => panic!("{other:?}"),
    };
    let mut past = published();
    assert_eq!(state(&past, 2), "it was not published");
    reopen(&mut past, 2);
    assert!(withdrawing(&past, 1, None).is_ok(), "while edition 2 is open");
    lock(&mut past, 2);
    publish(&mut past, 2);
    assert_eq!(state(&past, 1), "a later edition superseded it");
    withdraw(&mut past, 2, Fallback::NotRated);
    assert_eq!(state(&past, 2), "it was withdrawn");
    let assessment = past.assessment.unwrap();
    assert_eq!(assessment.in_force(), None, "a superseded edition never returns by itself");
}

#[test]
fn an_objection_opens_the_edition_again_and_what_others_signed_lapses() {
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    lock(&mut past, 1);
    sign(&mut past, "ofsted", 1);
    let signed = past.records;
    let refused = SignOffRefused {
        organisation: organisation("csci"),
        edition: 1,
        digest: past.digest(),
        objection: text("social care is not 3"),
    };
    past.tell(&Event::SignOffRefused(refused), &act(8), person(1));
    let assessment = past.assessment.unwrap();
    assert_eq!((assessment.edition, &assessment.phase), (1, &Phase::Open));
    let lapsed = assessment.lapsed_by(judgement_ledger::judgement::Position::new(signed)).unwrap();
    assert_eq!(lapsed, assessment.last);
    assert_eq!(assessment.signatures().count(), 0);
}

#[test]
fn the_number_of_an_edition_advances_only_after_a_publication() {
    let reopening = |past: &Past| {
        let (authority, reference) = (text("the chief inspector"), Some(text("minute 4")));
        let expected = Some(ExpectedRevision::Any);
        let order = ReopenAssessment { authority, reference, expected };
        match past.decide(&command(explained(9), AssessmentOrder::Reopen(order))) {
            Ok(Event::AssessmentReopened(event)) => event.edition,
            other => panic!("{other:?}"),
        }
    };
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    lock(&mut past, 1);
    assert_eq!(reopening(&past), 1);
    reopen(&mut past, 1);
    lock(&mut past, 1);
    publish(&mut past, 1);
    assert_eq!(reopening(&past), 2);
    withdraw(&mut past, 1, Fallback::NotRated);
    assert_eq!(reopening(&past), 2, "withdrawn, then re-awarded");
}

#[test]
fn what_is_published_is_opened_again_by_the_publisher_and_what_is_not_by_the_lead_inspector() {
    let by = |past: &Past, role: Role| {
        let (authority, reference) = (text("the chief inspector"), None);
        let expected = Some(ExpectedRevision::Any);
        let order = ReopenAssessment { authority, reference, expected };
        let mut command = command(explained(9), AssessmentOrder::Reopen(order));
        command.caller.roles = vec![role];
        past.decide(&command)
    };
    let mut locked = given(&[opened(), graded("staying-safe", word("good"))]);
    lock(&mut locked, 1);
    assert!(by(&locked, Role::LeadInspector).is_ok());
    let needs: &[Role] = &[Role::LeadInspector];
    assert_eq!(by(&locked, Role::Publisher).unwrap_err(), Refusal::NotPermitted { needs });
    let published = published();
    assert!(by(&published, Role::Publisher).is_ok());
    let needs: &[Role] = &[Role::Publisher];
    assert_eq!(by(&published, Role::LeadInspector).unwrap_err(), Refusal::NotPermitted { needs });
    let never = Past::empty();
    let needs: &[Role] = &[Role::LeadInspector, Role::Publisher];
    assert_eq!(by(&never, Role::Consumer).unwrap_err(), Refusal::NotPermitted { needs });
    for role in [Role::LeadInspector, Role::Publisher] {
        assert!(matches!(by(&never, role), Err(Refusal::UnknownAssessment { .. })));
    }
}

/// An assessment of the subject whose first letter bears this date; withdrawn, if it fell back.
fn lettered(name: &str, year: i16, fallback: Option<Fallback>) -> Assessment {
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    let first = AssessmentPublished {
        edition: 1,
        letter_date: jiff::civil::date(year, 11, 1),
        digest: past.digest(),
        audiences: Vec::new(),
    };
    past.tell(&Event::AssessmentPublished(first), &act(7), person(1));
    if let Some(fallback) = fallback {
        withdraw(&mut past, 1, fallback);
    }
    let id = AssessmentId::parse(&format!("subjects/leicester-city/assessments/{name}")).unwrap();
    Assessment { id, ..past.assessment.unwrap() }
}

fn rated(name: &str, edition: u32, instead_of: Option<&str>) -> Current {
    let id = |name: &str| {
        AssessmentId::parse(&format!("subjects/leicester-city/assessments/{name}")).unwrap()
    };
    Current::Rated { assessment: id(name), edition, instead_of: instead_of.map(id) }
}

fn to(name: &str) -> Option<Fallback> {
    let id = AssessmentId::parse(&format!("subjects/leicester-city/assessments/{name}")).unwrap();
    Some(Fallback::Assessment(id))
}

fn holding(assessments: &[Assessment]) -> Current {
    let all: Vec<&Assessment> = assessments.iter().collect();
    current(&all, "apa")
}

#[test]
fn an_assessment_is_as_late_as_its_first_letter() {
    let (old, new) = (lettered("apa-2005", 2005, None), lettered("apa-2006", 2006, None));
    assert_eq!(holding(&[new.clone(), old.clone()]), rated("apa-2006", 1, None));
    // A second edition of the old one comes out after the new one, and changes nothing.
    let mut amended = old;
    let mut second = amended.published[0].clone();
    (second.number, second.letter_date) = (2, jiff::civil::date(2007, 2, 1));
    amended.published.push(second);
    assert_eq!(holding(&[amended.clone(), new]), rated("apa-2006", 1, None));
    assert_eq!(holding(&[amended]), rated("apa-2005", 2, None));
}

#[test]
fn a_fallback_is_followed_to_what_is_in_force_and_never_in_a_circle() {
    let last = || lettered("apa-2004", 2004, None);
    let middle = |fallback| lettered("apa-2005", 2005, fallback);
    let first = |fallback| lettered("apa-2006", 2006, fallback);
    let instead = Some("apa-2006");
    let stated = [first(to("apa-2004")), middle(None), last()];
    assert_eq!(holding(&stated), rated("apa-2004", 1, instead), "as stated, though 2005 is later");
    let followed = [first(to("apa-2005")), middle(to("apa-2004")), last()];
    assert_eq!(holding(&followed), rated("apa-2004", 1, instead));
    let id = followed[0].id.clone();
    let not_rated = Current::NotRated { instead_of: Some(id) };
    for nowhere in [
        vec![first(Some(Fallback::NotRated)), middle(None)],
        vec![first(to("apa-2005")), middle(to("apa-2006"))],
        vec![first(to("apa-2005"))],
    ] {
        assert_eq!(holding(&nowhere), not_rated, "{nowhere:?}");
    }
    assert_eq!(holding(&[]), Current::NotRated { instead_of: None });
}
