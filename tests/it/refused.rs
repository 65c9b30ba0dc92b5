//! What is refused and what is not, as clients see it: each of these was answered wrongly once.

use judgement_ledger::pb::{
    self, assessment_service_client::AssessmentServiceClient, command::Order,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::served::{
    Authorised, Served, act, assessment, date, explained, last, member, present, reason_of, text,
};

const HEALTHY: &str = "being-healthy";

fn client(served: &Served, login: &str) -> AssessmentServiceClient<Authorised> {
    served.assessments(login)
}

/// The fields that a refusal names.
fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|it| it.field_violations);
    violations.into_iter().flatten().map(|it| it.field).collect()
}

fn entry(name: &str, id: &str, kind: pb::EntryKind, said: &str) -> pb::RecordEntryRequest {
    pb::RecordEntryRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        entry_id: id.to_owned(),
        content: Some(pb::EntryContent {
            kind: kind.into(),
            section: HEALTHY.to_owned(),
            text: Some(present(said)),
            ..pb::EntryContent::default()
        }),
        ..pb::RecordEntryRequest::default()
    }
}

async fn write(served: &Served, name: &str, id: &str, said: &str) -> u64 {
    let request = entry(name, id, pb::EntryKind::Evidence, said);
    client(served, "inspector").record_entry(request).await.unwrap().into_inner().position
}

async fn rewrite(served: &Served, name: &str, id: &str, said: Option<&str>, at: u64) -> u64 {
    let content = entry(name, id, pb::EntryKind::Evidence, said.unwrap_or_default()).content;
    let revision = match said {
        Some(_) => pb::revise_entry_request::Revision::Content(content.unwrap()),
        None => pb::revise_entry_request::Revision::Strike(true),
    };
    let request = pb::ReviseEntryRequest {
        assessment: name.to_owned(),
        act: Some(explained("DATA_CORRECTED")),
        entry_id: id.to_owned(),
        revision: Some(revision),
        expected: Some(last(at)),
        ..pb::ReviseEntryRequest::default()
    };
    client(served, "inspector").revise_entry(request).await.unwrap().into_inner().position
}

fn resting_on(entry: &str, position: u64) -> pb::Act {
    pb::Act { evidence: vec![pb::EvidenceCited { entry: entry.to_owned(), position }], ..act() }
}

#[tokio::test]
async fn evidence_is_an_entry_at_one_of_its_own_wordings() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let first = write(&served, &name, "ev-1", "75 %").await;
    let other = write(&served, &name, "ev-2", "of something else").await;
    let second = rewrite(&served, &name, "ev-1", Some("57 %"), first).await;

    for nowhere in [999_999, other, first - 1] {
        let act = resting_on("ev-1", nowhere);
        let set = served.set_as("inspector", &name, HEALTHY, "good", act, None).await;
        let status = set.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{nowhere}");
        let (reason, metadata) = reason_of(&status);
        assert_eq!((reason.as_str(), metadata["entries"].as_str()), ("DANGLING_REFERENCE", "ev-1"));
        assert!(status.message().contains(&format!("last record is {second}")), "{status:?}");
        assert_eq!(fields(&status), ["act.evidence[0].position"]);
    }
    let rests_on = |row: &pb::AuditRow| row.evidence[0].position;
    let mut at = None;
    for (cited, meant) in [(first, first), (second, second), (0, second)] {
        let cites = resting_on("ev-1", cited);
        let act = pb::Act { evidence: cites.evidence, ..explained("DATA_CORRECTED") };
        let set = served.set_as("inspector", &name, HEALTHY, "good", act, at).await.unwrap();
        at = Some(last(set.position));
        let rows = served.history(&name, HEALTHY).await;
        assert_eq!(rows.last().map(rests_on), Some(meant));
    }
    served.stop().await;
}

#[tokio::test]
async fn a_wording_earlier_in_the_same_batch_can_be_cited_by_its_position() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.award(&name, HEALTHY, "good").await;
    let next = served.head().await + 1;
    let content = |said| entry(&name, "ev-1", pb::EntryKind::Evidence, said).content.unwrap();
    let revise = pb::ReviseEntryRequest {
        assessment: name.clone(),
        act: Some(explained("DATA_CORRECTED")),
        entry_id: "ev-1".to_owned(),
        revision: Some(pb::revise_entry_request::Revision::Content(content("57 %"))),
        expected: Some(pb::Expectation {
            last: Some(pb::expectation::Last::PreviousInBatch(true)),
        }),
        ..pb::ReviseEntryRequest::default()
    };
    let record = entry(&name, "ev-1", pb::EntryKind::Evidence, "75 %");
    let command = |order| pb::Command { order: Some(order) };
    let commands = vec![
        command(Order::RecordEntry(record)),
        command(Order::ReviseEntry(revise)),
        served.set_command(&name, "staying-safe", "good", resting_on("ev-1", next), None),
    ];
    let receipts = served.batch(commands).await.unwrap();
    assert_eq!(receipts[0].position, next);
    assert_eq!(served.history(&name, "staying-safe").await[0].evidence[0].position, next);
    served.stop().await;
}

#[tokio::test]
async fn an_entry_that_was_struck_is_cited_by_the_wording_that_it_had() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let first = write(&served, &name, "ev-1", "75 %").await;
    let struck = rewrite(&served, &name, "ev-1", None, first).await;
    for no_wording in [0, struck] {
        let act = resting_on("ev-1", no_wording);
        let set = served.set_as("inspector", &name, HEALTHY, "good", act, None).await;
        assert_eq!(reason_of(&set.unwrap_err()).0, "DANGLING_REFERENCE");
    }
    let act = resting_on("ev-1", first);
    served.set_as("inspector", &name, HEALTHY, "good", act, None).await.unwrap();
    served.stop().await;
}

#[tokio::test]
async fn every_violation_has_its_path_in_the_request() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let mut dangling = entry(&name, "ev-1", pb::EntryKind::Evidence, "see elsewhere");
    let content = dangling.content.as_mut().unwrap();
    content.relates_to = vec!["n1".to_owned(), "n1".to_owned()];
    content.paragraph = "n1".to_owned();
    let alone = client(&served, "inspector").record_entry(dangling.clone()).await.unwrap_err();
    assert_eq!(reason_of(&alone).1["entries"], "n1", "once, however often it is named");
    let paths = ["content.relates_to[0]", "content.relates_to[1]", "content.paragraph"];
    assert_eq!(fields(&alone), paths);

    let command = pb::Command { order: Some(Order::RecordEntry(dangling)) };
    let first = served.set_command(&name, HEALTHY, "good", act(), None);
    let batch = served.batch(vec![first.clone(), command.clone()]).await.unwrap_err();
    assert_eq!(fields(&batch), paths.map(|path| format!("commands[1].record_entry.{path}")));

    let mut elsewhere = entry(&name, "ev-1", pb::EntryKind::Evidence, "of another framework");
    elsewhere.content.as_mut().unwrap().area = "education".to_owned();
    let entry_of = client(&served, "inspector").record_entry(elsewhere).await.unwrap_err();
    assert_eq!(fields(&entry_of), ["content.area"]);
    let grade_of = served.set_as("inspector", &name, "education", "3", act(), None).await;
    assert_eq!(fields(&grade_of.unwrap_err()), ["area"]);

    let outside = served.set_command(&name, HEALTHY, "satisfactory", act(), None);
    let refused = served.batch(vec![outside.clone()]).await.unwrap_err();
    assert_eq!(fields(&refused), ["commands[0].set_grade.grade.word"]);
    let request = pb::ApplyStreamRequest { command: Some(outside) };
    let stream = client(&served, "inspector").apply_stream(tokio_stream::once(request)).await;
    let answer = stream.unwrap().into_inner().message().await.unwrap().unwrap();
    let Some(pb::apply_stream_response::Outcome::Refusal(refusal)) = answer.outcome else {
        panic!("{answer:?} is no refusal");
    };
    let details = prost::Message::encode_to_vec(&refusal).into();
    let streamed = Status::with_details(Code::InvalidArgument, refusal.message, details);
    assert_eq!(fields(&streamed), ["command.set_grade.grade.word"]);
    served.stop().await;
}

#[tokio::test]
async fn the_fields_of_a_refusal_are_those_of_its_request() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let mut order = served.set_request(&name, "social-care", "2", act(), None);
    order.grade.as_mut().unwrap().scale = "nope".to_owned();
    let status = client(&served, "inspector").set_grade(order).await.unwrap_err();
    let (reason, metadata) = reason_of(&status);
    assert_eq!((reason.as_str(), metadata["given"].as_str()), ("LEVEL_NOT_ON_SCALE", "nope"));
    assert_eq!(fields(&status), ["grade.scale"]);
    assert!(status.message().contains("nope"), "{}", status.message());
    served.stop().await;
}

#[tokio::test]
async fn a_moderator_of_an_assessment_never_opened_hears_that_it_is_not_there() {
    let served = Served::start().await;
    let name = "subjects/leicester-city/assessments/never";
    let set = served.set_as("moderator", name, HEALTHY, "good", explained("MODERATION"), None);
    let status = set.await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).0.as_str()),
        (Code::NotFound, "ASSESSMENT_NOT_FOUND")
    );
    served.stop().await;
}

/// A panel of ofsted on which these sat.
fn panel(members: &[pb::StatedMember]) -> pb::Act {
    let panel = pb::StatedPanel {
        display_name: "joint panel".to_owned(),
        members: members.to_vec(),
        ..pb::StatedPanel::default()
    };
    let who = Some(pb::stated_decider::Who::Panel(panel));
    let decided_by = Some(pb::StatedDecider { who, ..pb::StatedDecider::default() });
    pb::Act { decided_by, ..explained("MODERATION") }
}

#[tokio::test]
async fn who_decided_cannot_moderate_on_a_panel_of_another_organisation() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let set = served.set_as("csci-inspector", &name, HEALTHY, "good", act(), None).await.unwrap();
    let moderate = |act| {
        let expected = Some(last(set.position));
        served.set_as("moderator", &name, HEALTHY, "adequate", act, expected)
    };
    let (of_ofsted, of_csci) =
        (member("moderator@ofsted", ""), member("csci-inspector@csci", "csci"));
    let by_name = panel(&[of_ofsted.clone(), of_csci]);
    let status = moderate(by_name).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).0.as_str()),
        (Code::PermissionDenied, "SELF_MODERATION")
    );
    let recorder = served.history(&name, HEALTHY).await[0].recorded_by.clone().unwrap();
    let by_id = panel(&[of_ofsted.clone(), member(&recorder.person_id, "")]);
    assert_eq!(reason_of(&moderate(by_id).await.unwrap_err()).0, "SELF_MODERATION");
    let others = panel(&[of_ofsted, member("somebody.else", "csci")]);
    assert_eq!(moderate(others).await.unwrap().change(), pb::ChangeKind::Lowered);
    served.stop().await;
}

/// Copied from minutes that do not say who decided.
fn transcribed() -> pb::Act {
    pb::Act {
        decided_on: Some(date(2006, 9, 20)),
        transcription: Some(pb::Transcription {
            source: "minutes of 20 September".to_owned(),
            ..pb::Transcription::default()
        }),
        ..act()
    }
}

#[tokio::test]
async fn history_entered_later_is_nobodys_decision_unless_its_source_says_whose() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.set_as("officer", &name, HEALTHY, "good", transcribed(), None).await.unwrap();
    let inspector = pb::stated_decider::Who::Person("a.inspector".to_owned());
    let decided_by = pb::StatedDecider { who: Some(inspector), ..pb::StatedDecider::default() };
    let stated = pb::Act { decided_by: Some(decided_by), ..transcribed() };
    served.set_as("officer", &name, "staying-safe", "good", stated, None).await.unwrap();
    served.award(&name, "social-care", "3").await;

    let unknown = &served.history(&name, HEALTHY).await[0];
    assert_eq!(unknown.decided_by, None);
    assert_eq!(text(&unknown.recorded_by.as_ref().unwrap().name), "officer@ofsted");
    let known = &served.history(&name, "staying-safe").await[0];
    assert!(known.decided_by.is_some());

    for (decider, rows) in [("officer@ofsted", 0), ("a.inspector", 1), ("inspector@ofsted", 1)] {
        let filter = pb::AuditFilter {
            assessment: name.clone(),
            decided_by: decider.to_owned(),
            ..pb::AuditFilter::default()
        };
        let request = pb::QueryAuditRequest { filter: Some(filter), ..Default::default() };
        let found = served.audits().query_audit(request).await.unwrap().into_inner().rows;
        assert_eq!(found.len(), rows, "{decider}");
    }
    assert_eq!(served.get(assessment(&name)).await.judgements.len(), 3);
    served.stop().await;
}
