//! What leaves the ledger, and to whom: disclosures, letters, scores. (Spec §5.3, scenarios 12 to
//! 15)

use std::time::Duration;

use judgement_ledger::pb::{
    self, feed_item::Kind, get_feed_response::Message, revision_expectation::State,
};
use tonic::{Code, Streaming, transport::Endpoint};

use crate::{
    editions::Editing,
    evidence::score::check,
    served::{
        Clients, Ground, SUBJECT, Served, act, assessment, date, explained, grade, last, present,
        reason_of,
    },
};

const CHILDREN: &str = "childrens-services";
const CARE: &str = "social-care";
const GRADES: [(&str, &str); 8] = [
    (CHILDREN, "3"),
    ("capacity-to-improve", "3"),
    (CARE, "3"),
    ("being-healthy", "good"),
    ("staying-safe", "good"),
    ("enjoying-and-achieving", "adequate"),
    ("making-a-positive-contribution", "good"),
    ("achieving-economic-well-being", "adequate"),
];

fn any() -> pb::RevisionExpectation {
    pb::RevisionExpectation { state: Some(State::Any(true)) }
}

/// Gives every area its grade.
async fn judge(served: &Served, name: &str, grades: &[(&str, &str)]) {
    for (area, grade) in grades {
        served.award(name, area, grade).await;
    }
}

/// Locks, signs for both, and publishes; the receipt of the publication.
async fn publish(served: &Served, name: &str, signers: &[&str]) -> pb::Receipt {
    let full = pb::AssessmentContent::Full.into();
    let digest = served.get(pb::GetAssessmentRequest { content: full, ..assessment(name) }).await;
    let digest = digest.digest;
    let lock = pb::LockAssessmentRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        digest: digest.clone(),
        expected: Some(any()),
        ..pb::LockAssessmentRequest::default()
    };
    served.assessments("lead").lock_assessment(lock).await.unwrap();
    for login in signers {
        let sign = pb::SignOffAssessmentRequest {
            assessment: name.to_owned(),
            act: Some(act()),
            organisation: (*login).to_owned(),
            edition: 1,
            digest: digest.clone(),
            signature: Some(pb::Signature {
                name: Some(present("A Signatory")),
                ..pb::Signature::default()
            }),
            ..pb::SignOffAssessmentRequest::default()
        };
        served.assessments(login).sign_off_assessment(sign).await.unwrap();
    }
    let publish = pb::PublishAssessmentRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        edition: 1,
        letter_date: Some(date(2006, 11, 1)),
        expected: Some(any()),
        ..pb::PublishAssessmentRequest::default()
    };
    served.assessments("publisher").publish_assessment(publish).await.unwrap().into_inner()
}

/// Leicester's assessment of 2006, with every grade, not yet published.
async fn leicester(served: &Served) -> String {
    let name = served.open("apa-2006").await;
    judge(served, &name, &GRADES).await;
    served.narrate(&name, "staying-safe", "Children are <b>safe</b>.").await.unwrap();
    name
}

async fn disclosed(served: &Served, login: &str, name: &str, recipient: &str) -> pb::Disclosure {
    let request = pb::GetDisclosureRequest {
        name: name.to_owned(),
        recipient: recipient.to_owned(),
        ..pb::GetDisclosureRequest::default()
    };
    served.assessments(login).get_disclosure(request).await.unwrap().into_inner()
}

fn areas(disclosure: &pb::Disclosure) -> Vec<&str> {
    disclosure.judgements.iter().map(|it| it.area.as_str()).collect()
}

#[tokio::test]
async fn a_recipient_is_disclosed_what_the_framework_shows_it_and_nothing_else() {
    let served = Served::start().await;
    let name = leicester(&served).await;
    publish(&served, &name, &["ofsted", "csci"]).await;

    let all: Vec<_> = GRADES.iter().map(|(area, _)| *area).collect();
    let rows: [(&str, &str, Vec<&str>, bool, usize); 5] = [
        ("consumer", "audit-commission", vec![CHILDREN], false, 1),
        ("csci-consumer", "csci", vec![CHILDREN, CARE], false, 0),
        ("newspaper", "a-newspaper", vec![], false, 0),
        ("council", "leicester-city", all.clone(), true, 0),
        ("other-council", "nottingham-city", vec![], false, 0),
    ];
    for (login, recipient, seen, letter, feeds) in rows {
        let own = disclosed(&served, login, &name, "").await;
        assert_eq!(areas(&own), seen, "{recipient}");
        assert_eq!((own.recipient.as_str(), own.letter), (recipient, letter));
        assert_eq!((own.edition, own.feeds.len()), (1, feeds), "{recipient}");
        assert_eq!(own.letter_date, Some(date(2006, 11, 1)));
        // The auditor asks for another, and is told the same.
        assert_eq!(disclosed(&served, "auditor", &name, recipient).await, own);
        assert_eq!(disclosed(&served, "publisher", &name, recipient).await, own);
        // What is hidden is hidden wherever it is asked for.
        let request = pb::GetAssessmentRequest {
            view: pb::AssessmentView::Published.into(),
            content: pb::AssessmentContent::Full.into(),
            ..assessment(&name)
        };
        let read = served.assessments(login).get_assessment(request).await.unwrap().into_inner();
        let read_areas: Vec<_> = read.judgements.iter().map(|it| it.area.as_str()).collect();
        assert_eq!(read_areas, seen, "{recipient}");
        assert_eq!(read.entries.is_empty(), !letter, "{recipient}");
    }
    let addressee = disclosed(&served, "auditor", &name, "addressee").await;
    assert_eq!((areas(&addressee), addressee.letter), (all, true));
    assert_eq!(addressee.audiences, ["addressee"]);
    served.stop().await;
}

#[tokio::test]
async fn only_auditor_and_publisher_may_ask_for_anothers_view() {
    let served = Served::start().await;
    let name = leicester(&served).await;
    publish(&served, &name, &["ofsted", "csci"]).await;
    for login in ["consumer", "council", "inspector", "lead", "ofsted", "officer", "admin"] {
        let disclosure = pb::GetDisclosureRequest {
            name: name.clone(),
            recipient: "csci".to_owned(),
            ..pb::GetDisclosureRequest::default()
        };
        let letter = pb::RenderLetterRequest {
            name: name.clone(),
            recipient: "addressee".to_owned(),
            ..pb::RenderLetterRequest::default()
        };
        let feed = pb::GetFeedRequest {
            scheme: "CPA".to_owned(),
            recipient: "csci".to_owned(),
            ..pb::GetFeedRequest::default()
        };
        let mut service = served.assessments(login);
        for status in [
            service.get_disclosure(disclosure).await.unwrap_err(),
            service.render_letter(letter).await.unwrap_err(),
            service.get_feed(feed).await.unwrap_err(),
        ] {
            assert_eq!(status.code(), Code::PermissionDenied, "{login}");
            let (reason, metadata) = reason_of(&status);
            assert_eq!(reason, "NOT_PERMITTED");
            assert_eq!(metadata["roles"], "auditor, publisher");
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn what_is_not_published_is_disclosed_to_nobody() {
    let served = Served::start().await;
    let name = leicester(&served).await;
    for (login, edition, reason) in [
        ("council", 0, "ASSESSMENT_NOT_FOUND"),
        ("council", 1, "ASSESSMENT_NOT_FOUND"),
        ("auditor", 0, "ASSESSMENT_NOT_FOUND"),
        ("auditor", 1, "EDITION_NOT_FOUND"),
    ] {
        let disclosure = pb::GetDisclosureRequest {
            name: name.clone(),
            edition,
            ..pb::GetDisclosureRequest::default()
        };
        let letter = pb::RenderLetterRequest {
            name: name.clone(),
            edition,
            ..pb::RenderLetterRequest::default()
        };
        let mut service = served.assessments(login);
        for status in [
            service.get_disclosure(disclosure).await.unwrap_err(),
            service.render_letter(letter).await.unwrap_err(),
        ] {
            assert_eq!((status.code(), reason_of(&status).0.as_str()), (Code::NotFound, reason));
        }
    }
    let malformed = pb::RenderLetterRequest {
        name: "leicester".to_owned(),
        format: 9,
        recipient: "The Public".to_owned(),
        ..pb::RenderLetterRequest::default()
    };
    let status = served.assessments("auditor").render_letter(malformed).await.unwrap_err();
    assert_eq!(reason_of(&status).1["violations"], "3", "all at once");
    served.stop().await;
}

async fn letter(served: &Served, login: &str, name: &str) -> Result<String, tonic::Status> {
    let request =
        pb::RenderLetterRequest { name: name.to_owned(), ..pb::RenderLetterRequest::default() };
    served.assessments(login).render_letter(request).await.map(|it| it.into_inner().text)
}

#[tokio::test]
async fn a_letter_goes_to_its_addressee_and_to_who_sees_all() {
    let served = Served::start().await;
    let name = leicester(&served).await;
    publish(&served, &name, &["ofsted", "csci"]).await;
    for login in ["council", "auditor", "inspector"] {
        let text = letter(&served, login, &name).await.unwrap();
        assert!(text.contains("Children are \\<b\\>safe\\</b\\>."), "{login}: {text}");
        assert!(text.contains("| 3 |"), "{login}: {text}");
    }
    for login in ["consumer", "csci-consumer", "newspaper", "other-council"] {
        let status = letter(&served, login, &name).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{login}");
        assert_eq!(reason_of(&status).1["letter_to"], "addressee");
    }
    served.stop().await;
}

/// The framework of 2006, changed and registered under another version.
async fn revised(
    served: &Served,
    version: &str,
    revise: impl FnOnce(&mut pb::Framework),
) -> String {
    let name = "frameworks/apa/versions/2006".to_owned();
    let request = pb::GetFrameworkRequest { name };
    let built_in = served.frameworks("admin").get_framework(request).await;
    let mut framework = built_in.unwrap().into_inner();
    let name = format!("frameworks/apa/versions/{version}");
    framework.name.clone_from(&name);
    revise(&mut framework);
    let request = pb::RegisterFrameworkRequest {
        act: Some(act()),
        framework: Some(framework),
        ..pb::RegisterFrameworkRequest::default()
    };
    served.frameworks("admin").register_framework(request).await.unwrap();
    name
}

#[tokio::test]
async fn scenario_12_a_new_framework_version_opens_the_table_to_the_public() {
    let served = Served::start().await;
    let before = leicester(&served).await;
    publish(&served, &before, &["ofsted", "csci"]).await;
    let table = [CHILDREN, "capacity-to-improve", CARE];
    let open = revised(&served, "2006-open", |framework| {
        framework.audiences.push("public".to_owned());
        for area in &mut framework.areas {
            if table.contains(&area.id.as_str()) {
                area.visible_to.push("public".to_owned());
            }
        }
    });
    let open = open.await;
    let after = served.open_under("apa-2006-open", &open, "2006-open").await;
    judge(&served, &after, &GRADES).await;
    publish(&served, &after, &["ofsted", "csci"]).await;

    for login in ["newspaper", "other-council"] {
        assert_eq!(areas(&disclosed(&served, login, &after, "").await), table, "{login}");
        assert_eq!(areas(&disclosed(&served, login, &before, "").await), [""; 0], "{login}");
    }
    let public = disclosed(&served, "auditor", &after, "public").await;
    assert_eq!((areas(&public), public.letter), (table.to_vec(), false));
    let commission = disclosed(&served, "consumer", &before, "").await;
    assert_eq!(areas(&commission), [CHILDREN], "what was published does not change");
    served.stop().await;
}

async fn feed(served: &Served, request: pb::GetFeedRequest) -> Streaming<pb::GetFeedResponse> {
    let request = pb::GetFeedRequest { scheme: "CPA".to_owned(), ..request };
    served.assessments("consumer").get_feed(request).await.unwrap().into_inner()
}

/// All that comes until the feed ends, with proofs checked and taken out.
async fn to_end(mut feed: Streaming<pb::GetFeedResponse>) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = feed.message().await.unwrap() {
        messages.push(match message.message.unwrap() {
            Message::Update(update) => Message::Update(proven(update)),
            other @ (Message::CaughtUp(_) | Message::Checkpoint(_)) => other,
        });
    }
    messages
}

/// An update whose items are proven, without their proofs: these name the checkpoint of the moment.
fn proven(mut update: pb::FeedUpdate) -> pb::FeedUpdate {
    for item in &mut update.items {
        let proof = item.proof.take();
        assert_eq!(proof.is_some(), item.position > 0, "what was set is proven: {item:?}");
        if let Some(proof) = proof {
            check(item, &proof).unwrap();
        }
    }
    update
}

async fn next_update(feed: &mut Streaming<pb::GetFeedResponse>) -> pb::FeedUpdate {
    loop {
        match feed.message().await.unwrap().unwrap().message.unwrap() {
            Message::Update(update) => return proven(update),
            Message::CaughtUp(_) | Message::Checkpoint(_) => {}
        }
    }
}

fn catch_up(after_position: u64) -> pb::GetFeedRequest {
    pb::GetFeedRequest { after_position, catch_up_only: true, ..pb::GetFeedRequest::default() }
}

#[tokio::test]
async fn scenario_13_the_cpa_feed_has_a_score_once_it_is_published() {
    let served = Served::start().await;
    let name = leicester(&served).await;
    let head = served.head().await;
    let nothing = to_end(feed(&served, catch_up(0)).await).await;
    assert_eq!(nothing, [Message::CaughtUp(pb::CaughtUp { position: head })], "no item before");

    let mut live = feed(&served, pb::GetFeedRequest::default()).await;
    let published = publish(&served, &name, &["ofsted", "csci"]).await;
    let update = next_update(&mut live).await;
    assert_eq!((update.position, &update.record_id), (published.position, &published.record_id));
    let [score] = update.items.as_slice() else { panic!("{update:?}") };
    let read = served.get(assessment(&name)).await;
    let set = read.judgements.iter().find(|it| it.area == CHILDREN).unwrap();
    assert_eq!(grade(&read, CHILDREN), "3");
    let rows = served.history(&name, CHILDREN).await;
    let expected = pb::FeedItem {
        kind: Kind::Score.into(),
        scheme: "CPA".to_owned(),
        block: "children and young people service block".to_owned(),
        subject: SUBJECT.to_owned(),
        assessment: name.clone(),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        edition: 1,
        letter_date: Some(date(2006, 11, 1)),
        area: CHILDREN.to_owned(),
        award: set.award.clone(),
        record_id: rows[0].record_id.clone(),
        position: set.position,
        fallback: false,
        corrects: None,
        proof: None,
    };
    assert_eq!(*score, expected);

    // From the cursor on there is nothing more, and from before it the same again.
    let head = served.head().await;
    let caught_up = Message::CaughtUp(pb::CaughtUp { position: head });
    assert_eq!(
        to_end(feed(&served, catch_up(published.position)).await).await,
        std::slice::from_ref(&caught_up)
    );
    let again = to_end(feed(&served, catch_up(published.position - 1)).await).await;
    assert_eq!(again, [Message::Update(update), caught_up]);
    drop(live);
    served.stop().await;
}

#[tokio::test]
async fn a_feed_says_why_there_is_no_score_and_takes_nothing_from_other_blocks() {
    let served = Served::start().await;
    let framework = revised(&served, "2006-fed", |framework| {
        for (area, block) in [(CARE, "social care"), ("capacity-to-improve", "capacity")] {
            let area = framework.areas.iter_mut().find(|it| it.id == area).unwrap();
            area.demanded = false;
            area.visible_to.push("audit-commission".to_owned());
            area.feeds.push(pb::Feed {
                consumer: "audit-commission".to_owned(),
                scheme: "CPA".to_owned(),
                block: block.to_owned(),
            });
        }
    });
    let name = served.open_under("apa-2006-fed", &framework.await, "2006").await;
    let without: Vec<_> = GRADES
        .into_iter()
        .filter(|(area, _)| ![CHILDREN, CARE, "capacity-to-improve"].contains(area))
        .collect();
    judge(&served, &name, &without).await;
    for (area, value) in
        [(CHILDREN, pb::NonGrade::SubjectToReview), (CARE, pb::NonGrade::NotApplicable)]
    {
        let request = pb::SetGradeRequest {
            assessment: name.clone(),
            act: Some(act()),
            area: area.to_owned(),
            grade: Some(pb::Grade {
                award: Some(pb::grade::Award::NotGraded(value.into())),
                ..pb::Grade::default()
            }),
            ..pb::SetGradeRequest::default()
        };
        served.assessments("inspector").set_grade(request).await.unwrap();
    }
    publish(&served, &name, &["ofsted", "csci"]).await;

    let kinds = |messages: &[Message]| -> Vec<(String, Kind)> {
        let updates = messages.iter().filter_map(|message| match message {
            Message::Update(update) => Some(&update.items),
            Message::CaughtUp(_) | Message::Checkpoint(_) => None,
        });
        updates.flatten().map(|item| (item.area.clone(), item.kind())).collect()
    };
    let all = to_end(feed(&served, catch_up(0)).await).await;
    let kind = |area: &str, kind| (area.to_owned(), kind);
    let expected = [
        kind(CHILDREN, Kind::SubjectToReview),
        kind("capacity-to-improve", Kind::NotRated),
        kind(CARE, Kind::NotApplicable),
    ];
    assert_eq!(kinds(&all), expected);
    let block = pb::GetFeedRequest { block: "social care".to_owned(), ..catch_up(0) };
    let one = to_end(feed(&served, block).await).await;
    assert_eq!(kinds(&one), [kind(CARE, Kind::NotApplicable)]);
    served.stop().await;
}

#[tokio::test]
async fn a_feed_that_nobody_feeds_is_refused_with_those_that_are_fed() {
    let served = Served::start().await;
    for (login, scheme, block, recipient, field, said) in [
        ("consumer", "CPX", "", "", "scheme", "is not fed to audit-commission, but CPA ("),
        ("consumer", "CPA", "roads", "", "block", "is not fed to audit-commission, but CPA ("),
        ("csci-consumer", "CPA", "", "", "scheme", "no framework feeds scores to csci"),
        ("council", "CPA", "", "", "scheme", "no framework feeds scores to leicester-city"),
        ("auditor", "CPA", "", "", "scheme", "no framework feeds scores to audit-office"),
        ("auditor", "CPA", "", "csci", "scheme", "no framework feeds scores to csci"),
    ] {
        let request = pb::GetFeedRequest {
            scheme: scheme.to_owned(),
            block: block.to_owned(),
            recipient: recipient.to_owned(),
            ..pb::GetFeedRequest::default()
        };
        let status = served.assessments(login).get_feed(request).await.unwrap_err();
        assert_eq!(reason_of(&status).0, "INVALID_REQUEST", "{login}");
        let message = status.message();
        assert!(message.starts_with(field) && message.contains(said), "{login}: {message}");
    }
    let request = pb::GetFeedRequest {
        scheme: "CPA".to_owned(),
        recipient: "audit-commission".to_owned(),
        ..catch_up(0)
    };
    let answer = served.assessments("auditor").get_feed(request).await.unwrap().into_inner();
    assert_eq!(to_end(answer).await.len(), 1, "an auditor may");
    served.stop().await;
}

/// Runs a verb of the real binary as a login; what it said.
async fn verb(served: &Served, login: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, served.token(login)).unwrap();
    let mut command = std::process::Command::new(crate::binary::program());
    command.args(args).args(["--server", &format!("http://{}", served.address)]);
    command.arg("--token-file").arg(token);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (run.status.code(), text(run.stdout), text(run.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verbs_show_what_the_calls_answer() {
    let served = Served::start().await;
    let name = leicester(&served).await;
    let published = publish(&served, &name, &["ofsted", "csci"]).await;
    let short = "leicester-city/apa-2006";

    let (code, said, _) = verb(&served, "council", &["letter", short]).await;
    assert_eq!(code, Some(0));
    assert_eq!(said, letter(&served, "council", &name).await.unwrap());
    let (_, said, _) = verb(&served, "council", &["letter", short, "--format", "html"]).await;
    assert!(said.starts_with("<!DOCTYPE html>") && said.contains("Children are &#60;b&#62;safe"));
    let (_, said, _) = verb(&served, "council", &["letter", short, "--format", "json"]).await;
    let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&answer["edition"], &answer["name"]), (&1.into(), &name.as_str().into()));
    let (code, said, complaints) = verb(&served, "consumer", &["letter", short]).await;
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(complaints.starts_with("error: the letter of "), "{complaints}");

    let csci = ["disclosure", short, "--recipient", "csci"];
    let (code, said, _) = verb(&served, "auditor", &csci).await;
    assert_eq!(code, Some(0));
    assert!(said.contains("as csci sees it (csci).\nIt gets no letter."), "{said}");
    let json = [&csci[..], &["--format", "json"]].concat();
    let (_, said, _) = verb(&served, "auditor", &json).await;
    let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["judgements"].as_array().unwrap().len(), 2);

    let (code, said, news) = verb(&served, "consumer", &["feed", "CPA", "--catch-up-only"]).await;
    assert_eq!(code, Some(0));
    let block = "leicester-city  children and young people service block: 3\n        edition 1 of";
    assert!(said.contains(block), "{said}");
    assert!(news.starts_with("caught up at record "), "{news}");
    let json = ["feed", "CPA", "--catch-up-only", "--format", "json"];
    let (_, said, _) = verb(&served, "consumer", &json).await;
    let first: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(first["update"]["position"], published.position.to_string());
    let (code, _, complaints) = verb(&served, "consumer", &["feed", "CPX"]).await;
    assert_eq!(code, Some(1));
    assert!(complaints.starts_with("error: the feed (go on with --after 0) was refused"));
    served.stop().await;
}

/// How patient the server is here: what is tested is that nothing is taken for longer than this.
const PATIENCE: Duration = Duration::from_millis(300);
/// More than wait for a reader beside what the transport holds.
const PUBLICATIONS: usize = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_scores_who_pauses_gets_every_publication_once() {
    let mut ground = Ground::new();
    ground.limits.reader_patience = PATIENCE;
    let served = Served::on(ground).await.unwrap();
    // A block with a long name fills the buffers of the transport. What waits for the reader are the
    // records of the publications, which become large only when they are taken: so it need not be cut
    // off when it pauses, and where it is, it goes on.
    let framework = revised(&served, "2006-long", |framework| {
        framework.signed_by = vec!["ofsted".to_owned()];
        framework.letter = None;
        framework.areas.truncate(1);
        framework.sections.clear();
        framework.areas[0].feeds[0].block = "b".repeat(100_000);
    });
    let framework = framework.await;
    let mut published = Vec::new();
    for number in 0..PUBLICATIONS {
        let subject = format!("subjects/council-{number}");
        let request = pb::RegisterSubjectRequest {
            act: Some(act()),
            subject: subject.clone(),
            display_name: "A council".to_owned(),
            kind: "local authority".to_owned(),
            ..pb::RegisterSubjectRequest::default()
        };
        served.frameworks("admin").register_subject(request).await.unwrap();
        let name = format!("{subject}/assessments/apa");
        let open = pb::OpenAssessmentRequest {
            assessment: name.clone(),
            act: Some(act()),
            framework: framework.clone(),
            cycle: "2006".to_owned(),
            addressee: Some(pb::Addressee {
                name: Some(present("A Director")),
                ..pb::Addressee::default()
            }),
            ..pb::OpenAssessmentRequest::default()
        };
        served.assessments("lead").open_assessment(open).await.unwrap();
        served.award(&name, CHILDREN, "3").await;
        published.push(publish(&served, &name, &["ofsted"]).await.position);
    }
    // Of what nobody takes, little lies in the reader's own buffer.
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535);
    let reader = Clients { channel: endpoint.connect_lazy(), ..served.clients() };

    let (mut seen, mut after, mut cuts) = (Vec::new(), 0, 0);
    while seen.len() < PUBLICATIONS {
        let request = pb::GetFeedRequest {
            scheme: "CPA".to_owned(),
            after_position: after,
            ..pb::GetFeedRequest::default()
        };
        let mut feed = reader.assessments("consumer").get_feed(request).await.unwrap().into_inner();
        let mut pause = cuts == 0;
        while seen.len() < PUBLICATIONS {
            match feed.message().await {
                Ok(message) => match message.expect("a live feed goes on").message.unwrap() {
                    Message::Update(update) => seen.push(update.position),
                    Message::CaughtUp(_) | Message::Checkpoint(_) => {}
                },
                Err(status) => {
                    let (reason, metadata) = reason_of(&status);
                    assert_eq!(
                        (status.code(), reason.as_str()),
                        (Code::ResourceExhausted, "SLOW_READER")
                    );
                    after = metadata["resume_after"].parse().unwrap();
                    cuts += 1;
                    break;
                }
            }
            if std::mem::take(&mut pause) {
                tokio::time::sleep(PATIENCE * 5).await;
            }
        }
    }
    assert_eq!(seen, published, "every publication once, in order");
    assert!(cuts <= 1, "it was cut off {cuts} times, though it paused once");
    served.stop().await;
}

/// The items of the updates among these messages.
fn items(messages: Vec<Message>) -> Vec<pb::FeedItem> {
    let updates = messages.into_iter().filter_map(|message| match message {
        Message::Update(update) => Some(update.items),
        Message::CaughtUp(_) | Message::Checkpoint(_) => None,
    });
    updates.flatten().collect()
}

fn level(award: &Option<pb::Award>) -> &str {
    award.as_ref().map_or("", |award| award.level.as_str())
}

#[tokio::test]
async fn scenario_14_the_feed_corrects_a_score_and_the_first_letter_can_be_rendered_as_it_was() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    editing.published(1, date(2006, 11, 1)).await;
    let first_letter = letter(&served, "council", &name).await.unwrap();
    editing.reopen("publisher", "REPRESENTATION_UPHELD").await.unwrap();
    let read = served.get(assessment(&name)).await;
    let stood = read.judgements.iter().find(|it| it.area == CHILDREN).unwrap().clone();
    let before = level(&stood.award).to_owned();
    let after = if before == "4" { "3" } else { "4" };
    let act = explained("REPRESENTATION_UPHELD");
    let expected = Some(last(stood.position));
    served.set_as("inspector", &name, CHILDREN, after, act, expected).await.unwrap();
    let only_first = items(to_end(feed(&served, catch_up(0)).await).await);
    assert_eq!(only_first.len(), 1, "what is not published is not fed");
    assert_eq!((level(&only_first[0].award), &only_first[0].corrects), (before.as_str(), &None));

    editing.published(2, date(2006, 12, 1)).await;
    let all = items(to_end(feed(&served, catch_up(0)).await).await);
    let [first, second] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(*first, only_first[0]);
    assert_eq!((second.edition, level(&second.award)), (2, after));
    let corrected = second.corrects.as_ref().unwrap();
    assert_eq!((corrected.edition, level(&corrected.award)), (1, before.as_str()));
    assert_eq!(corrected.record_id, first.record_id);
    assert_ne!(second.record_id, first.record_id);

    let request = pb::RenderLetterRequest {
        name: name.clone(),
        edition: 1,
        ..pb::RenderLetterRequest::default()
    };
    let again = served.assessments("council").render_letter(request).await.unwrap().into_inner();
    assert_eq!((again.edition, again.draft, again.superseded_by), (1, 0, 2));
    let notice = "> This is edition 1 of the letter, as it was published. Edition 2 has taken its \
                  place.\n\n";
    assert_eq!(again.text, format!("{notice}{first_letter}"), "marked, and else as it was");
    served.stop().await;
}

#[tokio::test]
async fn scenario_15_the_feed_says_that_a_withdrawn_score_is_none() {
    let served = Served::start().await;
    let editing = Editing::graded(&served).await;
    let name = editing.name.clone();
    editing.published(1, date(2006, 11, 1)).await;
    let mut live = feed(&served, pb::GetFeedRequest::default()).await;
    let first = next_update(&mut live).await.items[0].clone();
    let withdrawn = editing.withdraw(1).await.unwrap();
    let update = next_update(&mut live).await;
    assert_eq!(update.position, withdrawn.position);
    let [item] = update.items.as_slice() else { panic!("{update:?}") };
    assert_eq!((item.kind(), &item.award, item.fallback), (Kind::NotRated, &None, false));
    let corrected = item.corrects.as_ref().unwrap();
    assert_eq!((&corrected.assessment, corrected.edition), (&name, 1));
    assert_eq!((&corrected.award, &corrected.record_id), (&first.award, &first.record_id));

    // Nothing of it is shown to the public any more; who sees all reads it by its number, marked.
    for edition in [0, 1] {
        let request = pb::RenderLetterRequest { name: name.clone(), edition, ..Default::default() };
        let status = served.assessments("council").render_letter(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        let request =
            pb::GetDisclosureRequest { name: name.clone(), edition, ..Default::default() };
        let status = served.assessments("consumer").get_disclosure(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }
    let request = pb::RenderLetterRequest { name: name.clone(), edition: 1, ..Default::default() };
    let letter = served.assessments("auditor").render_letter(request).await.unwrap().into_inner();
    assert!(letter.text.contains("It has been withdrawn."), "{}", letter.text);
    let request = pb::RenderLetterRequest { name: name.clone(), ..Default::default() };
    let status = served.assessments("auditor").render_letter(request).await.unwrap_err();
    assert!(status.message().contains("was withdrawn by record"), "{status}");

    // The next edition corrects what its readers had: that there was no score.
    editing.reopen("publisher", "COMPLAINT_UPHELD").await.unwrap();
    editing.published(2, date(2006, 12, 1)).await;
    let [next] = &next_update(&mut live).await.items[..] else { panic!("one item") };
    assert_eq!((next.kind(), next.edition), (Kind::Score, 2));
    let corrected = next.corrects.as_ref().unwrap();
    assert_eq!((corrected.kind(), &corrected.award), (Kind::NotRated, &None));
    drop(live);
    served.stop().await;
}

#[tokio::test]
async fn a_withdrawn_score_falls_back_to_the_one_before_if_that_is_fed_as_well() {
    let served = Served::start().await;
    let earlier = revised(&served, "2004", |_| {}).await;
    let before = served.open_under("apa-2004", &earlier, "2004").await;
    judge(&served, &before, &GRADES).await;
    publish(&served, &before, &["ofsted", "csci"]).await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    let withdrawn = editing.withdraw(1).await.unwrap();
    let all = items(to_end(feed(&served, catch_up(withdrawn.position - 1)).await).await);
    let [item] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((item.kind(), level(&item.award), item.fallback), (Kind::Score, "3", true));
    assert_eq!((&item.assessment, item.edition), (&before, 1));
    assert_eq!(item.corrects.as_ref().unwrap().assessment, editing.name);
    served.stop().await;
}
