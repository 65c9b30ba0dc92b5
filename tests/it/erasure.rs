//! Erasure as clients see it: asked for by one records officer and ordered by another, after which
//! nothing gives the text again. (Spec §4, §7, §8 scenario 19)

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use judgement_ledger::{
    disk::RealDisk,
    journal::{
        Journal as _, Page,
        file::{FileJournal, FileOptions},
    },
    judgement::Position,
    ledger::filing,
    pb::{
        self, get_assessment_request::KnownAt, render_letter_request,
        stream_records_response::Message,
    },
    record::{Beside, Record},
    vault::{Binding, MasterKey, Reader, Unsealed, system_entropy},
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    binary::{Home, Running, copy},
    editions::Editing,
    served::{
        Clients, Ground, SUBJECT, Served, act, assessment, date, explained, grade, last, present,
        reason_of, text, time,
    },
};

const ENJOYING: &str = "enjoying-and-achieving";
const SAFE: &str = "staying-safe";

/// What must not be found anywhere any more.
pub const CHILD: &str = "Tamsin Okonjo-Quill of 14 Mere Road";

fn request_for(position: u64, field: &str) -> pb::RequestRedactionRequest {
    pb::RequestRedactionRequest {
        act: Some(act()),
        position,
        field: field.to_owned(),
        legal_basis: pb::LegalBasis::ErasureRequest.into(),
        reference: "request 2006/17".to_owned(),
        replacement: "a child".to_owned(),
        ..pb::RequestRedactionRequest::default()
    }
}

async fn request_as(
    clients: &Clients,
    login: &str,
    position: u64,
    field: &str,
) -> Result<pb::Receipt, Status> {
    let asked = clients.assessments(login).request_redaction(request_for(position, field)).await;
    asked.map(tonic::Response::into_inner)
}

async fn request(clients: &Clients, position: u64, field: &str) -> Result<pb::Receipt, Status> {
    request_as(clients, "officer", position, field).await
}

async fn approve_as(
    clients: &Clients,
    login: &str,
    request_position: u64,
) -> Result<pb::Receipt, Status> {
    let order =
        pb::ApproveRedactionRequest { act: Some(act()), request_position, ..Default::default() };
    let ordered = clients.assessments(login).approve_redaction(order).await;
    ordered.map(tonic::Response::into_inner)
}

async fn approve(clients: &Clients, request_position: u64) -> Result<pb::Receipt, Status> {
    approve_as(clients, "officer-2", request_position).await
}

async fn refuse_as(
    clients: &Clients,
    login: &str,
    request_position: u64,
) -> Result<pb::Receipt, Status> {
    let order = pb::RefuseRedactionRequest {
        act: Some(act()),
        request_position,
        ground: "the public interest outweighs it".to_owned(),
        ..Default::default()
    };
    let refused = clients.assessments(login).refuse_redaction(order).await;
    refused.map(tonic::Response::into_inner)
}

/// Erases a text: the position of the order.
async fn erase(clients: &Clients, position: u64, field: &str) -> u64 {
    let asked = request(clients, position, field).await.unwrap().position;
    approve(clients, asked).await.unwrap().position
}

/// Waits until the ledger says that the text of an order is gone; that record.
pub async fn completed(clients: &Clients, order: u64) -> pb::Record {
    let asked = pb::StreamRecordsRequest {
        after_position: order,
        events: vec!["RedactionCompleted".to_owned()],
        ..pb::StreamRecordsRequest::default()
    };
    let mut stream = clients.audits().stream_records(asked).await.unwrap().into_inner();
    loop {
        let message = stream.message().await.unwrap().expect("the stream goes on");
        let Some(Message::Record(record)) = message.message else { continue };
        let record = record.record.unwrap();
        match record.event.as_ref().unwrap() {
            pb::record::Event::RedactionCompleted(it) if it.order_position == order => {
                return record;
            }
            _ => {}
        }
    }
}

/// The same, erased by the ledger as well.
pub async fn erase_wholly(clients: &Clients, position: u64, field: &str) -> u64 {
    erase_wholly_as(clients, ["officer", "officer-2"], position, field).await
}

/// The same, as one of two officers asks for it and the other orders it.
pub async fn erase_wholly_as(
    clients: &Clients,
    officers: [&str; 2],
    position: u64,
    field: &str,
) -> u64 {
    let asked = request_as(clients, officers[0], position, field).await.unwrap().position;
    let order = approve_as(clients, officers[1], asked).await.unwrap().position;
    completed(clients, order).await;
    order
}

pub fn redacted(text: &Option<pb::Text>) -> &pb::text::Erased {
    match text.as_ref().unwrap().state.as_ref().unwrap() {
        pb::text::State::Redacted(redacted) => redacted,
        other => panic!("{other:?} is not redacted"),
    }
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

/// Everything that answers anything about an assessment, by what was asked.
struct Told(Vec<(String, String)>);

impl Told {
    fn add(&mut self, asked: &str, answer: impl std::fmt::Debug) {
        self.0.push((asked.to_owned(), format!("{answer:?}")));
    }

    /// Whatever can be asked about an assessment; `known` is a position before anything was erased.
    async fn of(served: &Served, name: &str, known: u64) -> Self {
        let mut told = Self(Vec::new());
        let audits = || served.audits();
        let query = pb::QueryAuditRequest { page_size: 1_000, ..Default::default() };
        told.add("QueryAudit", audits().query_audit(query.clone()).await.unwrap().into_inner());
        let then = pb::query_audit_request::KnownAt::KnownAtPosition(known);
        let query = pb::QueryAuditRequest { known_at: Some(then), ..query };
        told.add("QueryAudit then", audits().query_audit(query).await.unwrap().into_inner());
        told.add("GetGradeHistory", served.history(name, "").await);
        let stream = pb::StreamRecordsRequest { catch_up_only: true, ..Default::default() };
        let mut stream = audits().stream_records(stream).await.unwrap().into_inner();
        while let Some(message) = stream.message().await.unwrap() {
            told.add("StreamRecords", message);
        }
        told.assessments(served, name, known).await;
        told.letters(served, name).await;
        told.reports(served, name, known).await;
        for words in [
            vec!["audit"],
            vec!["audit", "--format", "csv"],
            vec!["audit", "--format", "jsonl"],
            vec!["history", name],
            vec!["assessment", name],
            vec!["letter", name],
        ] {
            let said = verb(served, &words);
            told.0.push((format!("judgement-ledger {}", words.join(" ")), said));
        }
        told
    }

    async fn assessments(&mut self, served: &Served, name: &str, known: u64) {
        let content = pb::AssessmentContent::Full.into();
        let full = pb::GetAssessmentRequest { content, ..assessment(name) };
        let then = Some(KnownAt::KnownAtPosition(known));
        for (asked, request) in [
            ("GetAssessment", full.clone()),
            ("GetAssessment grades", assessment(name)),
            ("GetAssessment then", pb::GetAssessmentRequest { known_at: then, ..full.clone() }),
            (
                "GetAssessment published",
                pb::GetAssessmentRequest {
                    view: pb::AssessmentView::Published.into(),
                    ..full.clone()
                },
            ),
            (
                "GetAssessment effective",
                pb::GetAssessmentRequest { effective_at: Some(date(2006, 12, 1)), ..full.clone() },
            ),
        ] {
            self.add(asked, served.get(request).await);
        }
        let list = pb::ListAssessmentsRequest { parent: SUBJECT.to_owned(), ..Default::default() };
        let listed = served.assessments("auditor").list_assessments(list).await.unwrap();
        self.add("ListAssessments", listed.into_inner());
    }

    async fn letters(&mut self, served: &Served, name: &str) {
        let letter = pb::RenderLetterRequest { name: name.to_owned(), ..Default::default() };
        for (asked, draft, recipient) in
            [("draft", 1, ""), ("edition", 0, ""), ("addressee's", 0, "addressee")]
        {
            for format in [pb::LetterFormat::Markdown, pb::LetterFormat::Html] {
                let recipient = recipient.to_owned();
                let request = pb::RenderLetterRequest {
                    draft,
                    recipient,
                    format: format.into(),
                    ..letter.clone()
                };
                let rendered = served.assessments("auditor").render_letter(request).await;
                let asked = format!("RenderLetter {asked} {}", format.as_str_name());
                self.0.push((asked, rendered.unwrap().into_inner().text));
            }
        }
        for recipient in ["csci", "addressee"] {
            let request = pb::GetDisclosureRequest {
                name: name.to_owned(),
                recipient: recipient.to_owned(),
                ..Default::default()
            };
            let disclosed = served.assessments("auditor").get_disclosure(request).await.unwrap();
            self.add("GetDisclosure", disclosed.into_inner());
        }
    }

    async fn reports(&mut self, served: &Served, name: &str, known: u64) {
        let state = |state: &str, known_at| pb::ComparedState {
            assessment: name.to_owned(),
            state: state.to_owned(),
            known_at,
            ..pb::ComparedState::default()
        };
        let then = Some(pb::compared_state::KnownAt::KnownAtPosition(known));
        for (before, after) in [
            (state("", then), state("", None)),
            (state("draft-1", None), state("edition-1", None)),
            (state("draft-1", None), state("", None)),
        ] {
            let (before, after) = (Some(before), Some(after));
            let request = pb::CompareAssessmentsRequest { before, after, ..Default::default() };
            let compared = served.clients().reports("auditor").compare_assessments(request).await;
            self.add("CompareAssessments", compared.unwrap().into_inner());
        }
        let request =
            pb::GetSubjectTimelineRequest { subject: SUBJECT.to_owned(), ..Default::default() };
        let timeline = served.clients().reports("auditor").get_subject_timeline(request).await;
        self.add("GetSubjectTimeline", timeline.unwrap().into_inner());
    }

    /// What was asked where these words are in the answer.
    fn saying(&self, words: &str) -> BTreeSet<&str> {
        let saying = self.0.iter().filter(|(_, answer)| answer.contains(words));
        saying.map(|(asked, _)| asked.as_str()).collect()
    }
}

/// The files below a directory that hold these words.
pub fn files_with(directory: &Path, words: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
        } else {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(words.len()).any(|window| window == words.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

/// A grade that was lowered, with why.
async fn lowered(served: &Served, name: &str, rationale: &str) -> u64 {
    let stands = served.history(name, ENJOYING).await.last().unwrap().position;
    let why = pb::Act { rationale: rationale.to_owned(), ..explained("MODERATION") };
    let set = served.set_as("moderator", name, ENJOYING, "adequate", why, Some(last(stands))).await;
    set.unwrap().position
}

/// A ledger, a case of it, and where its last record lowers a grade for a reason that names a child.
async fn naming_a_child() -> (Served, String, u64) {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.award(&name, ENJOYING, "good").await;
    let set = lowered(&served, &name, CHILD).await;
    (served, name, set)
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_19_a_rationale_that_names_a_child_is_erased_by_two_credentials() {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let name = served.open("apa-2006").await;
    served.at("2006-10-09T09:00:00Z");
    served.award(&name, ENJOYING, "good").await;
    let rationale = format!("As {CHILD} told us, the school is not safe.");
    let set = lowered(&served, &name, &rationale).await;
    let before = served.history(&name, ENJOYING).await;
    assert_eq!(text(&before[1].rationale), rationale);
    let known = served.head().await;

    served.at("2006-11-20T10:00:00Z");
    let clients = served.clients();
    let asked = request(&clients, set, "rationale").await.unwrap();
    assert_eq!(asked.stream, name);
    assert_eq!(text(&served.history(&name, ENJOYING).await[1].rationale), rationale, "not yet");
    let order = approve(&clients, asked.position).await.unwrap().position;

    let check = async |served: &Served| {
        let after = served.history(&name, ENJOYING).await;
        let gone = redacted(&after[1].rationale).clone();
        let expected = pb::text::Erased {
            basis: pb::LegalBasis::ErasureRequest.into(),
            time: Some(time("2006-11-20T10:00:00Z")),
            replacement: "a child".to_owned(),
            position: order,
        };
        assert_eq!(gone, expected);
        // Grade, role and time stay: but for the rationale the rows are as they were.
        let kept = pb::AuditRow { rationale: before[1].rationale.clone(), ..after[1].clone() };
        assert_eq!([&after[0], &kept], [&before[0], &before[1]]);
        let then = Some(KnownAt::KnownAtPosition(known));
        let read = served.get(pb::GetAssessmentRequest { known_at: then, ..assessment(&name) });
        assert_eq!(grade(&read.await, ENJOYING), "adequate");

        let query = pb::QueryAuditRequest { page_size: 1_000, ..Default::default() };
        let rows = served.audits().query_audit(query.clone()).await.unwrap().into_inner();
        let then = pb::query_audit_request::KnownAt::KnownAtPosition(known);
        let query = pb::QueryAuditRequest { known_at: Some(then), ..query };
        let then = served.audits().query_audit(query).await.unwrap().into_inner();
        let stream = pb::StreamRecordsRequest { catch_up_only: true, ..Default::default() };
        let mut stream = served.audits().stream_records(stream).await.unwrap().into_inner();
        let mut streamed = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            streamed.push(message);
        }
        let content = pb::AssessmentContent::Full.into();
        let full = served.get(pb::GetAssessmentRequest { content, ..assessment(&name) }).await;
        let mut told = format!("{rows:?}{then:?}{streamed:?}{full:?}{after:?}");
        for format in ["table", "csv", "jsonl"] {
            told += &verb(served, &["audit", "--format", format]);
        }
        told += &verb(served, &["history", &name]);
        assert!(!told.contains(CHILD), "{told}");
        assert!(told.contains("[redacted by record"), "{told}");
        assert!(told.contains("lowered") || told.contains("LOWERED"));
    };
    check(&served).await;
    let completed = completed(&clients, order).await;
    assert_eq!(completed.stream, name);
    assert_eq!(completed.recorded_by.unwrap().role(), pb::Role::Service);
    check(&served).await;
    let served = served.restart().await;
    check(&served).await;
    let served = served.without_views().await;
    check(&served).await;
    // The search sees what lies in the files in clear.
    let data = ground.path.join("data");
    assert!(!files_with(&data, "leicester-city").is_empty());
    assert_eq!(files_with(&data, CHILD), Vec::<PathBuf>::new());
    served.stop().await;
    assert_eq!(files_with(&data, CHILD), Vec::<PathBuf>::new());
}

/// An assessment of which a draft was shared and an edition published, with a child in a paragraph:
/// its name, the record of the paragraph, and the head.
async fn published_with_a_child(served: &Served) -> (String, u64, u64) {
    let editing = Editing::graded(served).await;
    let name = editing.name.clone();
    let said = format!("{CHILD} is safe at school.");
    let written = served.narrate(&name, SAFE, &said).await.unwrap().position;
    let share = pb::ShareDraftRequest {
        assessment: name.clone(),
        act: Some(act()),
        recipient: "the director".to_owned(),
        audience: "addressee".to_owned(),
        ..pb::ShareDraftRequest::default()
    };
    served.assessments("lead").share_draft(share).await.unwrap();
    editing.published(1, date(2006, 11, 1)).await;
    (name, written, served.head().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_in_a_letter_is_in_no_answer_any_more() {
    let served = Served::start().await;
    let (name, written, known) = published_with_a_child(&served).await;
    let before = Told::of(&served, &name, known).await;
    let saying = before.saying(CHILD);
    for asked in [
        "StreamRecords",
        "GetAssessment",
        "GetAssessment then",
        "GetAssessment published",
        "RenderLetter draft LETTER_FORMAT_MARKDOWN",
        "RenderLetter edition LETTER_FORMAT_HTML",
        "RenderLetter addressee's LETTER_FORMAT_MARKDOWN",
        &format!("judgement-ledger letter {name}"),
    ] {
        assert!(saying.contains(asked), "{asked} is not among {saying:?}");
    }
    let editions = served.get(assessment(&name)).await.editions[0].digest.clone();
    let digests = |told: &Told| told.saying("digest").len();

    let order = erase(&served.clients(), written, "text").await;
    let check = async |served: &Served| {
        let after = Told::of(served, &name, known).await;
        assert_eq!(after.saying(CHILD), BTreeSet::new());
        assert_eq!(digests(&after), digests(&before));
        // Markdown writes a backslash before a bracket.
        let letters = after.saying("erased: a child");
        assert_eq!(letters.len(), 7, "{letters:?}");
    };
    check(&served).await;
    completed(&served.clients(), order).await;
    let served = served.restart().await;
    check(&served).await;
    let served = served.without_views().await;
    check(&served).await;
    // The digest that was signed is still that of the edition: no redaction changes a record's hash.
    let read = served.get(assessment(&name)).await;
    let signed: BTreeSet<_> = read.editions.iter().map(|it| it.digest.clone()).collect();
    assert_eq!(signed, BTreeSet::from([editions]));
    served.stop().await;
}

#[tokio::test]
async fn a_redactor_who_asks_too_much_is_told_which_texts_there_are() {
    let (served, name, set) = naming_a_child().await;
    let clients = served.clients();
    for field in ["standing", "area", "recorded_by", "recorded_at", "rationale/0", "text"] {
        let refused = request(&clients, set, field).await.unwrap_err();
        let (reason, metadata) = reason_of(&refused);
        assert_eq!((refused.code(), reason.as_str()), (Code::InvalidArgument, "NOT_ERASABLE"));
        assert_eq!((metadata["field"].as_str(), metadata["fields"].as_str()), (field, "rationale"));
    }
    let beyond = request(&clients, served.head().await + 7, "rationale").await.unwrap_err();
    assert_eq!(
        (beyond.code(), reason_of(&beyond).0.as_str()),
        (Code::NotFound, "RECORD_NOT_FOUND")
    );
    for login in ["inspector", "lead", "publisher", "admin", "auditor", "consumer"] {
        for position in [set, 7_777] {
            let refused = request_as(&clients, login, position, "rationale").await.unwrap_err();
            assert_eq!(reason_of(&refused).0, "NOT_PERMITTED", "{login}");
        }
    }
    for position in [set, 7_777] {
        let refused = approve(&clients, position).await.unwrap_err();
        let (reason, metadata) = reason_of(&refused);
        assert_eq!((refused.code(), reason.as_str()), (Code::NotFound, "REDACTION_NOT_FOUND"));
        assert_eq!(metadata["position"], position.to_string());
    }
    assert_eq!(text(&served.history(&name, ENJOYING).await[1].rationale), CHILD);
    served.stop().await;
}

async fn hold(served: &Served, name: &str, id: &str, stops: pb::HoldStops) -> u64 {
    let request = pb::PlaceHoldRequest {
        assessment: name.to_owned(),
        act: Some(explained("COURT_ORDER")),
        hold_id: id.to_owned(),
        kind: pb::HoldKind::Preservation.into(),
        stops: stops.into(),
        ..pb::PlaceHoldRequest::default()
    };
    served.assessments("officer").place_hold(request).await.unwrap().into_inner().position
}

async fn release(served: &Served, name: &str, id: &str, placed: u64) {
    let request = pb::ReleaseHoldRequest {
        assessment: name.to_owned(),
        act: Some(explained("COURT_ORDER")),
        hold_id: id.to_owned(),
        expected: Some(last(placed)),
        ..pb::ReleaseHoldRequest::default()
    };
    served.assessments("officer").release_hold(request).await.unwrap();
}

#[tokio::test]
async fn nothing_is_erased_under_a_preservation_hold() {
    let (served, name, set) = naming_a_child().await;
    let clients = served.clients();
    hold(&served, &name, "publication-alone", pb::HoldStops::Publication).await;
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    let placed = hold(&served, &name, "court-1", pb::HoldStops::Both).await;
    hold(&served, &name, "keep-1", pb::HoldStops::Erasure).await;
    let why = pb::Act { rationale: CHILD.to_owned(), ..explained("INITIAL") };
    let other = served.set_as("inspector", &name, SAFE, "good", why, None).await.unwrap().position;
    let by_hold = |refused: Status| {
        let (reason, metadata) = reason_of(&refused);
        assert_eq!((refused.code(), reason.as_str()), (Code::FailedPrecondition, "ON_HOLD"));
        metadata["holds"].clone()
    };
    for refused in [
        approve(&clients, asked).await.unwrap_err(),
        request(&clients, other, "rationale").await.unwrap_err(),
    ] {
        assert!(refused.message().starts_with("erasure is on hold"), "{}", refused.message());
        assert_eq!(by_hold(refused), "court-1, keep-1");
    }
    assert_eq!(text(&served.history(&name, ENJOYING).await[1].rationale), CHILD);
    // A hold does not stop that it is refused.
    let refused = refuse_as(&clients, "officer-2", asked).await.unwrap();
    let rows = rows(&served, "RedactionRefused").await;
    let stated = rows[0].redaction.as_ref().unwrap();
    assert_eq!((rows[0].position, stated.request_position), (refused.position, asked));
    assert_eq!(text(&stated.ground), "the public interest outweighs it");

    release(&served, &name, "court-1", placed).await;
    let still = request(&clients, set, "rationale").await.unwrap_err();
    assert_eq!(by_hold(still), "keep-1");
    let placed = rows_of_hold(&served, "keep-1").await;
    release(&served, &name, "keep-1", placed).await;
    let order = erase_wholly(&clients, set, "rationale").await;
    let gone = served.history(&name, ENJOYING).await[1].rationale.clone();
    assert_eq!(redacted(&gone).position, order);
    served.stop().await;
}

async fn rows(served: &Served, event: &str) -> Vec<pb::AuditRow> {
    let filter = pb::AuditFilter { event: event.to_owned(), ..Default::default() };
    let order = pb::AuditOrder::OldestFirst.into();
    let request = pb::QueryAuditRequest { filter: Some(filter), order, ..Default::default() };
    served.audits().query_audit(request).await.unwrap().into_inner().rows
}

async fn rows_of_hold(served: &Served, id: &str) -> u64 {
    let placed = rows(served, "HoldPlaced").await;
    placed.iter().find(|row| row.hold.as_ref().unwrap().hold_id == id).unwrap().position
}

#[tokio::test]
async fn who_asks_for_a_redaction_does_not_decide_it() {
    let (served, name, set) = naming_a_child().await;
    let clients = served.clients();
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    for refused in [
        approve_as(&clients, "officer", asked).await.unwrap_err(),
        refuse_as(&clients, "officer", asked).await.unwrap_err(),
    ] {
        let (reason, metadata) = reason_of(&refused);
        assert_eq!((refused.code(), reason.as_str()), (Code::PermissionDenied, "SELF_APPROVAL"));
        assert_eq!(metadata["request_position"], asked.to_string());
    }
    let again = request_as(&clients, "officer-2", set, "rationale").await.unwrap_err();
    let (reason, metadata) = reason_of(&again);
    assert_eq!((again.code(), reason.as_str()), (Code::FailedPrecondition, "REDACTION_PENDING"));
    assert_eq!(metadata["request_position"], asked.to_string());
    let only_checked = pb::ApproveRedactionRequest {
        act: Some(act()),
        request_position: asked,
        validate_only: true,
    };
    let checked = clients.assessments("officer-2").approve_redaction(only_checked).await.unwrap();
    assert!(checked.into_inner().validated_only);
    assert_eq!(text(&served.history(&name, ENJOYING).await[1].rationale), CHILD);
    served.stop().await;
}

#[tokio::test]
async fn a_redaction_is_decided_once_and_one_that_was_refused_can_be_asked_for_again() {
    let (served, name, set) = naming_a_child().await;
    let clients = served.clients();
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    let refused = refuse_as(&clients, "officer-2", asked).await.unwrap().position;
    let decided = |status: Status| {
        let (reason, metadata) = reason_of(&status);
        assert_eq!(status.code(), Code::FailedPrecondition);
        (reason, metadata["position"].parse::<u64>().unwrap())
    };
    let late = approve(&clients, asked).await.unwrap_err();
    assert_eq!(decided(late), ("REDACTION_DECIDED".to_owned(), refused));
    assert_eq!(text(&served.history(&name, ENJOYING).await[1].rationale), CHILD);

    // Two who order it at once: one of them wins.
    let again = request(&clients, set, "rationale").await.unwrap().position;
    let (one, other) =
        tokio::join!(approve(&clients, again), refuse_as(&clients, "officer-2", again));
    assert_ne!(one.is_ok(), other.is_ok());
    let order = match one {
        Ok(order) => order.position,
        Err(_) => erase(&clients, set, "rationale").await,
    };
    let gone = completed(&clients, order).await.position;
    let late = refuse_as(&clients, "officer-2", again).await.unwrap_err();
    assert_eq!(decided(late), ("REDACTION_DECIDED".to_owned(), gone));
    let late = request(&clients, set, "rationale").await.unwrap_err();
    assert_eq!(decided(late), ("ALREADY_REDACTED".to_owned(), gone));
    served.stop().await;
}

#[tokio::test]
async fn a_redaction_is_told_record_by_record() {
    let (served, name, set) = naming_a_child().await;
    let clients = served.clients();
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    let order = approve(&clients, asked).await.unwrap().position;
    completed(&clients, order).await;
    let stated = async |event: &str| {
        let found = rows(&served, event).await;
        assert_eq!(found.len(), 1, "{event}");
        found[0].redaction.clone().unwrap()
    };
    let of = pb::Redaction {
        redacted_record: set,
        field: "rationale".to_owned(),
        ..pb::Redaction::default()
    };
    let basis = pb::LegalBasis::ErasureRequest.into();
    let requested = pb::Redaction {
        legal_basis: basis,
        reference: Some(present("request 2006/17")),
        replacement: Some(present("a child")),
        ..of.clone()
    };
    assert_eq!(stated("RedactionRequested").await, requested);
    let ordered = pb::Redaction { legal_basis: basis, request_position: asked, ..of.clone() };
    assert_eq!(stated("TextRedacted").await, ordered);
    let completed = stated("RedactionCompleted").await;
    let checkpoint_size = completed.checkpoint_size;
    assert!(checkpoint_size >= order, "a checkpoint covered the order: {checkpoint_size}");
    assert_eq!(completed, pb::Redaction { order_position: order, checkpoint_size, ..of });
    // What is redacted is no change of the assessment, and no record of its area.
    let filter = pb::AuditFilter { area: ENJOYING.to_owned(), ..Default::default() };
    let request = pb::QueryAuditRequest { filter: Some(filter), ..Default::default() };
    let of_area = served.audits().query_audit(request).await.unwrap().into_inner().rows;
    assert_eq!(of_area.len(), 2);
    let why = explained("FACTUAL_ACCURACY");
    let next = served.set_as("inspector", &name, ENJOYING, "good", why, Some(last(set))).await;
    assert!(next.is_ok(), "{next:?}");
    served.stop().await;
}

#[tokio::test]
async fn of_a_request_whose_text_is_erased_the_structure_alone_compares() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let why = pb::Act { rationale: CHILD.to_owned(), ..explained("INITIAL") };
    let first = served.set_as("inspector", &name, ENJOYING, "good", why.clone(), None).await;
    let first = first.unwrap().position;
    let other = pb::Act { rationale: "another".to_owned(), ..why.clone() };
    let again = served.set_as("inspector", &name, ENJOYING, "good", other.clone(), None).await;
    assert_eq!(reason_of(&again.unwrap_err()).0, "KEY_REUSED");

    let clients = served.clients();
    let asked = request_for(first, "rationale");
    let officer = async |request: pb::RequestRedactionRequest| {
        let asked = clients.assessments("officer").request_redaction(request).await;
        asked.map(tonic::Response::into_inner)
    };
    let one = officer(asked.clone()).await.unwrap();
    let two = officer(asked.clone()).await.unwrap();
    assert_eq!((two.position, two.replayed), (one.position, true));
    let differs = pb::RequestRedactionRequest {
        legal_basis: pb::LegalBasis::CourtOrder.into(),
        ..asked.clone()
    };
    assert_eq!(reason_of(&officer(differs).await.unwrap_err()).0, "KEY_REUSED");
    let order = approve(&clients, one.position).await.unwrap().position;
    // From the order on, whether the key is destroyed or not.
    for wait in [false, true] {
        if wait {
            completed(&clients, order).await;
        }
        for act in [why.clone(), other.clone()] {
            let again = served.set_as("inspector", &name, ENJOYING, "good", act, None).await;
            let again = again.unwrap();
            assert_eq!((again.position, again.replayed), (first, true));
        }
        let other = served.set_as("inspector", &name, ENJOYING, "adequate", why.clone(), None);
        assert_eq!(reason_of(&other.await.unwrap_err()).0, "KEY_REUSED");
    }
    served.stop().await;
}

/// The record that registered a person of this name.
async fn registered(served: &Served, name: &str) -> u64 {
    let asked = pb::StreamRecordsRequest {
        events: vec!["PersonRegistered".to_owned()],
        catch_up_only: true,
        ..Default::default()
    };
    let mut stream = served.audits().stream_records(asked).await.unwrap().into_inner();
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(Message::Record(record)) = message.message
            && text(&record.texts[0].text) == name
        {
            return record.record.unwrap().position;
        }
    }
    panic!("{name} was never registered")
}

#[tokio::test]
async fn a_persons_name_is_forgotten() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.award(&name, ENJOYING, "good").await;
    let by = async |served: &Served| {
        let expression = "decider = inspector@ofsted AND event = GradeSet".to_owned();
        let request = pb::QueryAuditRequest { expression, ..Default::default() };
        served.audits().query_audit(request).await.map(|it| it.into_inner().rows)
    };
    assert_eq!(by(&served).await.unwrap().len(), 1);
    let position = registered(&served, "inspector@ofsted").await;
    let clients = served.clients();
    let asked = request(&clients, position, "name").await.unwrap();
    assert_eq!(asked.stream, "ledger");
    let order = approve(&clients, asked.position).await.unwrap().position;
    completed(&clients, order).await;

    let check = async |served: &Served| {
        let history = served.history(&name, ENJOYING).await;
        let person = history[0].recorded_by.clone().unwrap();
        let gone = redacted(&person.name);
        assert_eq!((gone.replacement.as_str(), gone.position), ("a child", order));
        let refused = by(served).await.unwrap_err();
        assert!(refused.message().contains("inspector@ofsted"), "{}", refused.message());
        // Who knows the id still finds what the person did.
        let expression = format!("decider = {} AND event = GradeSet", person.person_id);
        let request = pb::QueryAuditRequest { expression, ..Default::default() };
        let found = served.audits().query_audit(request).await.unwrap().into_inner().rows;
        assert_eq!(found.len(), 1);
        person.person_id
    };
    let former = check(&served).await;
    let served = served.restart().await;
    check(&served).await;
    let served = served.without_views().await;
    check(&served).await;
    // Whoever is called so from now on is somebody else.
    let set = served.award(&name, SAFE, "good").await;
    let history = served.history(&name, SAFE).await;
    let now = history[0].recorded_by.clone().unwrap();
    assert_eq!((history[0].position, text(&now.name)), (set.position, "inspector@ofsted"));
    assert_ne!(now.person_id, former);
    assert_eq!(by(&served).await.unwrap().len(), 1);
    served.stop().await;
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_text_can_be_erased_as_well() {
    let (served, name, set) = naming_a_child().await;
    let clients = served.clients();
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    let order = approve(&clients, asked).await.unwrap().position;
    let replaced = erase_wholly(&clients, asked, "replacement").await;
    let check = async |served: &Served| {
        let history = served.history(&name, ENJOYING).await;
        let gone = redacted(&history[1].rationale);
        assert_eq!((gone.replacement.as_str(), gone.position), ("", order));
        let stated = rows(served, "RedactionRequested").await[0].redaction.clone().unwrap();
        assert_eq!(redacted(&stated.replacement).position, replaced);
        assert_eq!(text(&stated.reference), "request 2006/17");
    };
    check(&served).await;
    let served = served.restart().await;
    check(&served).await;
    served.stop().await;
}

/// A ledger in a home, with a rationale that names a child; its assessment and the grade's record.
pub async fn with_a_child(clients: &Clients) -> (String, u64) {
    let name = format!("{SUBJECT}/assessments/apa-2006");
    let register = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: SUBJECT.to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..Default::default()
    };
    clients.frameworks("admin").register_subject(register).await.unwrap();
    let open = pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(act()),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        ..Default::default()
    };
    clients.assessments("lead").open_assessment(open).await.unwrap();
    let set = graded(clients, &name, ENJOYING).await;
    (name, set)
}

/// A grade whose rationale names a child; its record.
pub async fn graded(clients: &Clients, name: &str, area: &str) -> u64 {
    let why = pb::Act { rationale: CHILD.to_owned(), ..explained("INITIAL") };
    let award = pb::grade::Award::Word("good".to_owned());
    let set = pb::SetGradeRequest {
        assessment: name.to_owned(),
        act: Some(why),
        area: area.to_owned(),
        grade: Some(pb::Grade { award: Some(award), ..pb::Grade::default() }),
        ..pb::SetGradeRequest::default()
    };
    clients.assessments("inspector").set_grade(set).await.unwrap().into_inner().position
}

/// The first text of a record, read from the files of a ledger that was stopped, with its master key
/// and one of its keyrings; `None` if its key was destroyed.
pub async fn unsealed(home: &Home, keys: &str, position: u64) -> Option<String> {
    let disk = |path: &Path| RealDisk::at(path).unwrap();
    let options = FileOptions { segment_bytes: 4 << 20, ..FileOptions::new([0; 16]) };
    let files = Arc::new(disk(&home.path("data/journal")));
    let journal = FileJournal::open(files, filing(), options).unwrap();
    let page = Page { entries_max: 1, bytes_max: 0 };
    let stored = journal.read(Position::new(position - 1), page).await.unwrap();
    let stored = stored.into_iter().next().unwrap();
    let record = Record::decode(&stored.entry.record).unwrap();
    let master = disk(&home.path(""));
    let master = MasterKey::load_or_create(&master, "master.key", &system_entropy()).unwrap();
    let ledger = Uuid::from_bytes(journal.ledger_id());
    let reader = Reader::open(Arc::new(disk(&home.path(keys))), master, ledger).unwrap();
    let texts = Beside::decode(stored.entry.sealed).unwrap().texts;
    let (field, commitment) = record.fields().into_iter().next().unwrap();
    let binding = Binding { record_id: record.id.uuid(), field: &field, commitment };
    match reader.unseal(&texts, 0, &binding).unwrap() {
        Unsealed::Present { text, .. } => Some(text.into_string()),
        Unsealed::Destroyed => None,
    }
}

/// The rationale of the first grade. After a start its views may be folded yet: an answer that says so
/// was waited for, by the server.
pub async fn rationale(clients: &Clients, name: &str) -> Option<pb::Text> {
    let request = pb::GetGradeHistoryRequest { assessment: name.to_owned(), ..Default::default() };
    for _ in 0..12 {
        match clients.audits().get_grade_history(request.clone()).await {
            Ok(answer) => return answer.into_inner().rows[0].rationale.clone(),
            Err(status) => assert_eq!(reason_of(&status).0, "REBUILDING", "{status:?}"),
        }
    }
    panic!("the views are not folded after a minute")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_interrupts_is_erased_after_the_next_start() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    let (name, set) = with_a_child(&clients).await;
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    let order = approve(&clients, asked).await.unwrap().position;
    running.kill();

    let running = Running::start(home.serve());
    let clients = running.clients();
    assert_eq!(redacted(&rationale(&clients, &name).await).position, order);
    completed(&clients, order).await;
    // It is said once, however often the ledger starts.
    running.kill();
    let running = Running::start(home.serve());
    let asked = pb::StreamRecordsRequest {
        events: vec!["RedactionCompleted".to_owned()],
        catch_up_only: true,
        ..Default::default()
    };
    let clients = running.clients();
    let mut stream = clients.audits().stream_records(asked).await.unwrap().into_inner();
    let mut said = 0;
    while let Some(message) = stream.message().await.unwrap() {
        said += u32::from(matches!(message.message, Some(Message::Record(_))));
    }
    assert_eq!(said, 1);
    assert_eq!(redacted(&rationale(&clients, &name).await).position, order);
    running.stop();
    assert_eq!(files_with(&home.path("data"), CHILD), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_keyring_that_is_put_back_is_erased_again() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let clients = running.clients();
    let (name, set) = with_a_child(&clients).await;
    copy(&home.path("data/keys"), &home.path("backup"));
    let asked = request(&clients, set, "rationale").await.unwrap().position;
    let order = approve(&clients, asked).await.unwrap().position;
    completed(&clients, order).await;
    assert!(running.stop().success());
    let block = |of: &str| fs::read(home.path(of).join("block-0000000001.keys")).unwrap();
    let (with_key, without) = (block("backup"), block("data/keys"));
    assert_ne!(with_key, without, "the erasure rewrote the block");

    // The blocks of today, but for the one from which a key was taken.
    let put_back = home.path("data/keys/block-0000000001.keys");
    fs::write(&put_back, &with_key).unwrap();
    let running = Running::start(home.serve());
    let clients = running.clients();
    assert_eq!(redacted(&rationale(&clients, &name).await).position, order);
    // What is erased now, of a block that was begun with this start, is erased after what was before.
    let other = graded(&clients, &name, SAFE).await;
    erase_wholly(&clients, other, "rationale").await;
    assert_ne!(block("data/keys"), with_key, "the key that was put back is gone again");
    assert_eq!(redacted(&rationale(&clients, &name).await).position, order);
    assert!(running.stop().success());
    // Whoever has all files can read it with the backup of the keyring, and with that alone.
    assert_eq!(unsealed(&home, "backup", set).await.as_deref(), Some(CHILD));
    for position in [set, other] {
        assert_eq!(unsealed(&home, "data/keys", position).await, None);
    }
    // Where nothing was put back, a start writes no block anew.
    let before = block("data/keys");
    let running = Running::start(home.serve());
    assert!(running.stop().success());
    assert_eq!(block("data/keys"), before);
}

#[tokio::test]
async fn letters_as_known_before_an_erasure_do_not_give_the_text_either() {
    let served = Served::start().await;
    let (name, written, known) = published_with_a_child(&served).await;
    let render = async || {
        let request = pb::RenderLetterRequest {
            name: name.clone(),
            known_at: Some(render_letter_request::KnownAt::KnownAtPosition(known)),
            ..Default::default()
        };
        served.assessments("auditor").render_letter(request).await.unwrap().into_inner().text
    };
    let before = render().await;
    assert!(before.contains(CHILD), "{before}");
    erase(&served.clients(), written, "text").await;
    let after = render().await;
    let erased = "\\[erased: a child\\]";
    assert_eq!(after, before.replace(&format!("{CHILD} is safe at school."), erased));
    served.stop().await;
}

/// Runs `redact` as somebody: whether it went well, and what it said.
fn redact(served: &Served, login: &str, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(crate::binary::program())
        .arg("redact")
        .args(words)
        .args(["--server", &format!("http://{}", served.address)])
        .env("JUDGEMENT_LEDGER_TOKEN", served.token(login))
        .output()
        .unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verbs_ask_for_a_redaction_and_decide_it() {
    let (served, name, set) = naming_a_child().await;
    let set = set.to_string();
    let asked = |field| {
        let basis = ["--basis", "erasure-request", "--replacement", "a child"];
        let words = [&["request", &set, "--field", field][..], &basis].concat();
        redact(&served, "officer", &words)
    };
    let (code, said) = asked("area");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("NOT_ERASABLE") && said.contains("fields  rationale"), "{said}");
    let (code, said) = asked("rationale");
    assert_eq!(code, Some(0), "{said}");
    let request = rows(&served, "RedactionRequested").await[0].position.to_string();
    assert!(said.contains(&format!("judgement-ledger redact approve {request}")), "{said}");

    let (code, said) = redact(&served, "officer", &["approve", &request]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("SELF_APPROVAL"), "{said}");
    let words = ["refuse", &request, "--ground", "weighed", "--validate-only"];
    let (code, said) = redact(&served, "officer-2", &words);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("only checked"), "{said}");
    let (code, said) = redact(&served, "officer-2", &["approve", &request, "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let receipt: serde_json::Value = serde_json::from_str(&said).unwrap();
    let order: u64 = receipt["position"].as_str().unwrap().parse().unwrap();
    completed(&served.clients(), order).await;
    let shown = verb(&served, &["history", &name]);
    let erased = format!("[redacted by record {order}, erasure request: a child]");
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(&erased), "{shown}");
    let (code, said) = redact(&served, "officer-2", &["refuse", &request, "--ground", "late"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("REDACTION_DECIDED"), "{said}");
    served.stop().await;
}
