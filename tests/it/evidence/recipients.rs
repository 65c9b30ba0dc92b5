//! Who received what of an assessment.

use std::process::Command;

use judgement_ledger::pb::{
    self, RecipientKind as Kind, audit_service_client::AuditServiceClient,
    stream_records_response::Message,
};
use tempfile::TempDir;
use tonic::{Code, Streaming};

use super::{case_of, evidence, export_case, export_whole, told::Story};
use crate::served::{Bearer, Clients, Ground, SUBJECT, Served, reason_of, text};

async fn recipients(clients: &Clients, name: &str, position: u64) -> Vec<pb::Recipient> {
    let request = pb::GetRecipientsRequest {
        assessment: name.to_owned(),
        position,
        ..pb::GetRecipientsRequest::default()
    };
    let answer = evidence(clients, "auditor").get_recipients(request).await.unwrap().into_inner();
    assert!(answer.read.is_some());
    answer.recipients
}

fn kinds(of: &[pb::Recipient]) -> Vec<Kind> {
    of.iter().map(pb::Recipient::recipient_kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_received_a_draft_a_letter_grades_or_evidence_is_told_in_order() {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let clients = served.clients();
    let story = Story::tell(&clients, &ground.path).await;
    let name = story.name.as_str();
    let folder = TempDir::new().unwrap();
    let before = served.head().await;
    export_whole(&clients, "the yearly audit", &folder.path().join("whole")).await;
    let court = case_of(name, pb::CaseKind::Court);
    export_case(&clients, court, &folder.path().join("case")).await;

    // The story was read as a stream while it was told, which is in the list, too.
    let told = recipients(&clients, name, 0).await;
    let all: Vec<_> =
        told.iter().filter(|it| it.recipient_kind() != Kind::Stream).cloned().collect();
    let streams: Vec<_> = told.iter().filter(|it| it.recipient_kind() == Kind::Stream).collect();
    assert_eq!(streams.len(), 1, "once a day: {streams:?}");
    assert_eq!(streams[0].organisation, "audit-office");
    assert!(all.windows(2).all(|pair| pair[0].position <= pair[1].position), "oldest first");
    let draft = &all[0];
    assert_eq!(draft.recipient_kind(), Kind::Draft);
    assert_eq!((draft.audience.as_str(), draft.draft.as_str()), ("addressee", "draft-1"));
    assert_eq!(text(&draft.name), crate::story::ODD);
    assert!(draft.first_position <= draft.last_position && draft.last_position < draft.position);

    let published: Vec<_> = all.iter().filter(|it| it.edition > 0).collect();
    let editions = |edition| {
        let of = published.iter().filter(|it| it.edition == edition);
        of.map(|it| (it.audience.as_str(), it.recipient_kind())).collect::<Vec<_>>()
    };
    assert_eq!(editions(1), editions(2), "the same audiences under the same framework");
    assert!(editions(1).contains(&("addressee", Kind::Letter)), "{:?}", editions(1));
    assert!(editions(1).contains(&("audit-commission", Kind::Grades)), "{:?}", editions(1));

    let [.., whole, case] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(kinds(&[whole.clone(), case.clone()]), [Kind::Evidence, Kind::Case]);
    assert_eq!((whole.first_position, whole.last_position), (1, before));
    assert_eq!(text(&whole.purpose), "the yearly audit");
    assert_eq!(text(&case.purpose), "CO/1234/2007");
    assert!(case.last_position >= story.order);
    for taken in [whole, case] {
        let person = taken.person.as_ref().unwrap();
        assert_eq!(text(&person.name), "auditor@audit-office");
        assert_eq!(taken.organisation, "audit-office");
    }
    assert_eq!(all.len(), 1 + published.len() + 2);

    // Who received what one record says: those whose share reaches it.
    let of_order = recipients(&clients, name, story.order).await;
    assert!(kinds(&of_order).ends_with(&[Kind::Evidence, Kind::Case]), "{of_order:?}");
    assert!(of_order.iter().all(|it| it.draft.is_empty() && it.edition == 0), "{of_order:?}");
    let of_open = recipients(&clients, name, story.open.0).await;
    assert_eq!(of_open, told, "it was there before the first of them");
    // The stream may go on until the day is over.
    let of_last = recipients(&clients, name, served.head().await).await;
    assert_eq!(kinds(&of_last), [Kind::Stream]);

    through_the_verb(&served, name, story.order).await;
    served.stop().await;
}

async fn through_the_verb(served: &Served, name: &str, position: u64) {
    let run = async |more: &[&str]| {
        let mut command = Command::new(crate::binary::program());
        command.args(["recipients", name, "--server", &format!("http://{}", served.address)]);
        command.args(more).env("JUDGEMENT_LEDGER_TOKEN", served.token("auditor"));
        let run = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    };
    let told = run(&[]).await;
    for said in ["draft-1", "addressee", "audit-commission", "the yearly audit", "CO/1234/2007"] {
        assert!(told.contains(said), "{said} is not in {told}");
    }
    let told = run(&["--position", &position.to_string(), "--format", "json"]).await;
    let answer: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(answer["recipients"].as_array().unwrap().len(), 3, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_are_told_to_who_sees_all() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let clients = served.clients();
    let asked = |assessment: &str| pb::GetRecipientsRequest {
        assessment: assessment.to_owned(),
        ..pb::GetRecipientsRequest::default()
    };
    for login in ["auditor", "officer", "lead", "publisher"] {
        let answer = evidence(&clients, login).get_recipients(asked(&name)).await.unwrap();
        assert_eq!(answer.into_inner().recipients, [], "{login}");
    }
    for login in ["consumer", "council", "newspaper"] {
        let refused = evidence(&clients, login).get_recipients(asked(&name)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{login}");
        assert_eq!(reason_of(&refused).0, "NOT_PERMITTED");
    }
    let unknown = format!("{SUBJECT}/assessments/apa-1999");
    let refused = evidence(&clients, "auditor").get_recipients(asked(&unknown)).await.unwrap_err();
    assert_eq!(reason_of(&refused).0, "ASSESSMENT_NOT_FOUND");
    let refused = evidence(&clients, "auditor").get_recipients(asked("leicester")).await;
    assert_eq!(reason_of(&refused.unwrap_err()).0, "INVALID_REQUEST");
    served.stop().await;
}

/// Begins a stream of all records after a position.
async fn streamed(
    clients: &Clients,
    login: &str,
    after_position: u64,
) -> Streaming<pb::StreamRecordsResponse> {
    let bearer = Bearer::new(&clients.token(login));
    let channel = clients.channel.clone();
    let mut audits = AuditServiceClient::with_interceptor(channel, bearer);
    let request = pb::StreamRecordsRequest { after_position, ..Default::default() };
    audits.stream_records(request).await.unwrap().into_inner()
}

/// Reads on until this record was told.
async fn until(stream: &mut Streaming<pb::StreamRecordsResponse>, position: u64) {
    loop {
        let message = stream.message().await.unwrap().expect("the stream goes on");
        if let Some(Message::Record(record)) = message.message
            && record.record.unwrap().position == position
        {
            return;
        }
    }
}

fn of_streams(told: &[pb::Recipient]) -> Vec<(&str, u64, u64)> {
    let streams = told.iter().filter(|it| it.recipient_kind() == Kind::Stream);
    streams.map(|it| (it.organisation.as_str(), it.first_position, it.last_position)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_a_record_by_a_stream_that_went_on_is_named_as_its_recipient() {
    let served = Served::start().await;
    let clients = served.clients();
    let name = served.open("apa-2006").await;
    let begun = served.head().await;
    let mut stream = streamed(&clients, "auditor", begun).await;
    // Told on the same day, and on the third one after.
    let soon = served.award(&name, "staying-safe", "good").await.position;
    until(&mut stream, soon).await;
    let told = recipients(&clients, &name, soon).await;
    assert_eq!(of_streams(&told), [("audit-office", begun + 1, served.head().await)]);
    served.at("2006-10-04T08:00:00Z");
    let late = served.award(&name, "being-healthy", "good").await.position;
    until(&mut stream, late).await;
    let told = recipients(&clients, &name, late).await;
    assert_eq!(of_streams(&told), [("audit-office", late, served.head().await)]);
    // What it was told before is what the first record of its reading tells, and no more.
    let told = recipients(&clients, &name, soon).await;
    assert_eq!(of_streams(&told), [("audit-office", begun + 1, late - 1)]);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_from_further_back_on_the_same_day_is_recorded_again() {
    let served = Served::start().await;
    let clients = served.clients();
    let name = served.open("apa-2006").await;
    let set = served.award(&name, "staying-safe", "good").await.position;
    let head = served.head().await;
    let mut stream = streamed(&clients, "auditor", head).await;
    until(&mut stream, head + 1).await;
    assert_eq!(of_streams(&recipients(&clients, &name, set).await), [], "it began after that");
    let mut stream = streamed(&clients, "auditor", 0).await;
    until(&mut stream, set).await;
    let told = recipients(&clients, &name, set).await;
    assert_eq!(of_streams(&told), [("audit-office", 1, served.head().await)]);
    // The other way round nothing more is recorded.
    let before = served.head().await;
    let mut stream = streamed(&clients, "auditor", 3).await;
    until(&mut stream, set).await;
    assert_eq!(served.head().await, before, "once a day");
    served.stop().await;
}

/// Spec §5.3: a stream tells an insider of the assessments that the organisation judges, and nobody is
/// a recipient of what was never told.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_an_assessment_received_nothing_of_it_by_a_stream_of_all() {
    let served = Served::start().await;
    let clients = served.clients();
    let name = served.open_under("sif-2013", "frameworks/sif/versions/2013", "2013").await;
    let set = served.award(&name, "adoption", "good").await.position;
    for login in ["csci-inspector", "inspector", "auditor"] {
        // It begins once that is recorded.
        drop(streamed(&clients, login, 0).await);
    }
    for position in [0, set] {
        let told = recipients(&clients, &name, position).await;
        let organisations: Vec<_> = of_streams(&told).into_iter().map(|it| it.0).collect();
        assert_eq!(organisations, ["ofsted", "audit-office"]);
    }
    served.stop().await;
}
