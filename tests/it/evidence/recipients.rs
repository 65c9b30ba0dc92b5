//! Who received what of an assessment.

use std::process::Command;

use judgement_ledger::pb::{self, RecipientKind as Kind};
use tempfile::TempDir;
use tonic::Code;

use super::{case_of, evidence, export_case, export_whole, told::Story};
use crate::served::{Clients, Ground, SUBJECT, Served, reason_of, text};

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
    assert_eq!(recipients(&clients, name, served.head().await).await, []);

    through_the_verb(&served, name, story.order).await;
    served.stop().await;
}

async fn through_the_verb(served: &Served, name: &str, position: u64) {
    let run = async |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_judgement-ledger"));
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
    assert_eq!(answer["recipients"].as_array().unwrap().len(), 2, "{told}");
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
