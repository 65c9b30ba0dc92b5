//! The rules of redactions, against the table of their precedence.

use judgement_ledger::{
    judgement::{
        Act, ApproveRedaction, Asked, Caller, Command, CompleteRedaction, Event, FieldPath, HoldId,
        HoldKind, HoldPlaced, HoldReleased, Holder, Item, Known, LegalBasis, Opened, Order,
        Position, RecordId, Redact, Redactable, RedactionCompleted, RedactionRequested, Refusal,
        RefuseRedaction, RequestRedaction, Role, Stage, Stops, StreamId, Text, TextRedacted,
    },
    merkle::leaf_hash,
};
use uuid::Uuid;

use crate::rules::{
    DOCUMENT, Past, Row, act, ask, assessment_id, check, command, common, framework, given, graded,
    opened, organisation, person, set, text, word, worded,
};

const COMMITMENT: [u8; 32] = [5; 32];

fn path(path: &str) -> FieldPath {
    FieldPath::parse(path).unwrap()
}

/// The record at 2, which has a rationale.
fn holder() -> Holder {
    let record = RecordId::new(Uuid::from_u128(2));
    let item = Item { at: Position::new(2), record, hash: leaf_hash(b"2") };
    let owner = organisation("ofsted");
    Holder { item, owner, event: "GradeSet", texts: vec![(path("rationale"), COMMITMENT)] }
}

/// The record at 3, by which person 1 asks for its erasure, or at 4 orders it.
fn asked(at: u64) -> Asked {
    let (record, field, basis) = (Position::new(2), path("rationale"), LegalBasis::ErasureRequest);
    Asked { at: Position::new(at), by: person(1), record, field, basis }
}

fn held(stops: Stops) -> Event<Text> {
    let hold = HoldId::parse("court-1").unwrap();
    Event::HoldPlaced(HoldPlaced { hold, kind: HoldKind::Preservation, stops })
}

/// What there is of the redaction of that rationale.
struct Told {
    past: Past,
    holder: Option<Holder>,
    asked: Option<Asked>,
    last: Option<Stage>,
}

impl Told {
    fn of(asked: Option<Asked>, last: Option<Stage>, row: &Row<'_>) -> Self {
        let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
        if row.breaks("hold") {
            past.tell(&held(Stops::Erasure), &act(5), person(1));
        }
        Self { past, holder: Some(holder()), asked, last }
    }

    fn decide(&self, command: &Command<Text>) -> Result<Event<Text>, Refusal> {
        let framework = framework();
        let opened = |assessment| Opened {
            assessment,
            framework: &framework,
            document: &DOCUMENT,
            wordings: &[],
            peers: &[],
            corrected: None,
            draft: None,
        };
        let known = Redactable {
            holder: self.holder.as_ref(),
            asked: self.asked.as_ref(),
            last: self.last,
            assessment: self.past.assessment.as_ref().map(opened),
        };
        ask(Known::Redaction(known), command)
    }
}

fn ordered(row: &Row<'_>, by: u128, order: Redact<Text>) -> Command<Text> {
    let mut circumstances: Act<Text> = act(9);
    common(row, &mut circumstances);
    let service = matches!(order, Redact::Complete(_));
    let role = if service { Role::Service } else { Role::RecordsOfficer };
    let roles = vec![if row.breaks("role") { Role::Publisher } else { role }];
    let caller = Caller { person: person(by), organisation: organisation("ofsted"), roles };
    let stream = StreamId::Assessment(assessment_id());
    Command { caller, act: circumstances, order: Order::Redact(stream, order) }
}

fn requested(field: &str) -> Redact<Text> {
    Redact::Request(RequestRedaction {
        record: Position::new(2),
        field: path(field),
        basis: LegalBasis::ErasureRequest,
        reference: None,
        replacement: text("a child"),
    })
}

#[test]
fn requests_are_refused_in_the_order_of_the_table() {
    check("RequestRedaction", |row| {
        let last = match (row.breaks("pending"), row.breaks("ordered")) {
            (true, _) => Some(Stage::Requested(Position::new(3))),
            (false, true) => Some(Stage::Ordered(Position::new(4))),
            // What was refused can be asked for again.
            (false, false) => Some(Stage::Refused(Position::new(4))),
        };
        let mut told = Told::of(None, last, row);
        if row.breaks("record") {
            told.holder = None;
        }
        let field = if row.breaks("field") { "area" } else { "rationale" };
        told.decide(&ordered(row, 1, requested(field)))
    });
}

/// A decision on the request at 3, by person 2 unless the row breaks that.
fn decided(row: &Row<'_>, order: Redact<Text>) -> Result<Event<Text>, Refusal> {
    let last = if row.breaks("decision") {
        Stage::Refused(Position::new(4))
    } else {
        Stage::Requested(Position::new(3))
    };
    let asked = (!row.breaks("request")).then(|| asked(3));
    let told = Told::of(asked, Some(last), row);
    let by = if row.breaks("self") { 1 } else { 2 };
    told.decide(&ordered(row, by, order))
}

#[test]
fn approvals_are_refused_in_the_order_of_the_table() {
    check("ApproveRedaction", |row| {
        decided(row, Redact::Approve(ApproveRedaction { request: Position::new(3) }))
    });
}

#[test]
fn refusals_of_redactions_are_refused_in_the_order_of_the_table() {
    check("RefuseRedaction", |row| {
        let (request, ground) = (Position::new(3), text("a court has it"));
        decided(row, Redact::Refuse(RefuseRedaction { request, ground }))
    });
}

#[test]
fn completions_are_refused_in_the_order_of_the_table() {
    check("CompleteRedaction", |row| {
        let last = if row.breaks("decision") { 5 } else { 4 };
        let asked = (!row.breaks("order")).then(|| asked(4));
        let told = Told::of(asked, Some(Stage::Ordered(Position::new(last))), row);
        let order = CompleteRedaction { order: Position::new(4), checkpoint_size: 12 };
        told.decide(&ordered(row, 7, Redact::Complete(order)))
    });
}

const KEPT: Row<'_> = Row { line: 0, broken: Vec::new(), refusal: "-" };

#[test]
fn what_is_redacted_is_named_by_its_record_hash_field_and_commitment() {
    let told = Told::of(None, None, &KEPT);
    let request = told.decide(&ordered(&KEPT, 1, requested("rationale"))).unwrap();
    let record_hash = holder().item.hash;
    let (record, basis) = (Position::new(2), LegalBasis::ErasureRequest);
    assert_eq!(
        request,
        Event::RedactionRequested(RedactionRequested {
            record,
            record_hash,
            field: path("rationale"),
            basis,
            reference: None,
            replacement: text("a child"),
        })
    );
    let stage = Some(Stage::Requested(Position::new(3)));
    let told = Told::of(Some(asked(3)), stage, &KEPT);
    let approve = Redact::Approve(ApproveRedaction { request: Position::new(3) });
    assert_eq!(
        told.decide(&ordered(&KEPT, 2, approve)).unwrap(),
        Event::TextRedacted(TextRedacted {
            request: Position::new(3),
            record,
            record_hash,
            record_id: holder().item.record,
            field: path("rationale"),
            commitment: COMMITMENT,
            basis,
        })
    );
    let told = Told::of(Some(asked(4)), Some(Stage::Ordered(Position::new(4))), &KEPT);
    let complete = CompleteRedaction { order: Position::new(4), checkpoint_size: 12 };
    let (order, field) = (Position::new(4), path("rationale"));
    assert_eq!(
        told.decide(&ordered(&KEPT, 7, Redact::Complete(complete))).unwrap(),
        Event::RedactionCompleted(RedactionCompleted { order, record, field, checkpoint_size: 12 })
    );
}

#[test]
fn who_asks_for_what_is_no_text_is_told_which_texts_there_are() {
    let told = Told::of(None, None, &KEPT);
    for field in ["area", "recorded_by", "standing", "qualifier", "rationale/0"] {
        let refusal = told.decide(&ordered(&KEPT, 1, requested(field))).unwrap_err();
        let fields = vec![path("rationale")];
        let expected = Refusal::NotErasable { field: path(field), event: "GradeSet", fields };
        assert_eq!(refusal, expected);
    }
    let none =
        Refusal::NotErasable { field: path("name"), event: "HoldPlaced", fields: Vec::new() };
    let said = "a record of HoldPlaced has no text at name; this one has none";
    assert_eq!(none.to_string(), said);
}

#[test]
fn only_a_hold_on_erasure_that_is_not_released_stops_it() {
    let mut told = Told::of(None, None, &KEPT);
    told.past.tell(&held(Stops::Publication), &act(6), person(1));
    assert!(told.decide(&ordered(&KEPT, 1, requested("rationale"))).is_ok());
    told.past.tell(&held(Stops::Both), &act(7), person(1));
    let refusal = told.decide(&ordered(&KEPT, 1, requested("rationale"))).unwrap_err();
    let holds = vec![HoldId::parse("court-1").unwrap()];
    assert_eq!(refusal, Refusal::OnHold { what: "erasure", holds });
    assert_eq!(refusal.to_string(), "erasure is on hold: court-1");
    let hold = HoldId::parse("court-1").unwrap();
    told.past.tell(&Event::HoldReleased(HoldReleased { hold }), &act(8), person(1));
    assert!(told.decide(&ordered(&KEPT, 1, requested("rationale"))).is_ok());
}

#[test]
fn a_redaction_is_no_record_of_the_area_that_it_is_about() {
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    let before = past.assessment.clone().unwrap();
    let digest = past.digest();
    let (record, field) = (Position::new(2), path("rationale"));
    let redacted = TextRedacted {
        request: Position::new(3),
        record,
        record_hash: leaf_hash(b"2"),
        record_id: RecordId::new(Uuid::from_u128(2)),
        field: field.clone(),
        commitment: COMMITMENT,
        basis: LegalBasis::ErasureRequest,
    };
    past.tell(&Event::TextRedacted(redacted), &act(4), person(1));
    let order = Position::new(4);
    let completed = RedactionCompleted { order, record, field, checkpoint_size: 0 };
    past.tell(&Event::RedactionCompleted(completed), &act(5), person(1));
    let after = past.assessment.clone().unwrap();
    assert_eq!(past.digest(), digest);
    assert_eq!((&after.judgements, &after.passed), (&before.judgements, &before.passed));
    assert_eq!(after.revision.get(), before.revision.get() + 2);
    // Who grades next expects the grade. (Spec §4.2)
    let expected = Some(judgement_ledger::judgement::Expected::At(Position::new(2)));
    let next = set(worded("adequate"), expected);
    let explained = crate::rules::explained(7);
    assert!(past.decide(&command(explained, next)).is_ok());
}
