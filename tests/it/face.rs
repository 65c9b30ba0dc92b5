//! The inbound face on a real ledger: commands one by one, in batches and in bulk.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use judgement_ledger::{
    disk::RealDisk,
    journal::MemoryJournal,
    judgement::{OrganisationId, Role, Text},
    ledger::{Covering, Ledger, Parts, Reading, Sequencer, filing},
    metrics::Metrics,
    pb::{
        self, apply_stream_response::Outcome, assessment_service_client::AssessmentServiceClient,
        command::Order, framework_service_client::FrameworkServiceClient,
    },
    record::{built_in, read_snapshot, snapshot_of},
    rpc::{Credentials, Identity, Limits, Now, ServeError, ServeOptions, WentDown, serve},
    vault::{MasterKey, Prepare, Setup, Vault, system_entropy},
    views::{SnapshotCodec, Views, ViewsOptions},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;
use uuid::Uuid;

const NAME: &str = "subjects/leicester-city/assessments/apa-2006";
const LIMITS: Limits =
    Limits { drain_delay: Duration::ZERO, caller_calls_per_second: None, ..Limits::STANDARD };

/// A server on a ledger of its own, on 9 October 2006.
struct Face {
    _files: TempDir,
    channel: Channel,
    credentials: Arc<Credentials>,
    shutdown: CancellationToken,
    served: JoinHandle<Result<WentDown, ServeError>>,
}

fn now() -> Timestamp {
    "2006-10-09T09:00:00Z".parse().unwrap()
}

async fn ledger(files: &TempDir) -> (Ledger, Sequencer) {
    let keys = RealDisk::at(files.path().join("keys")).unwrap();
    let setup = Setup { ledger: Uuid::nil(), prepare: Prepare::Inline, last_slot: None };
    let master = MasterKey::new([7; MasterKey::BYTES]);
    let vault = Vault::open(Arc::new(keys), master, system_entropy(), setup).unwrap();
    let codec = SnapshotCodec { encode: snapshot_of, decode: read_snapshot };
    let options = ViewsOptions::new(Arc::from(b"face".as_slice()), codec);
    let views = files.path().join("views");
    let parts = Parts {
        journal: Arc::new(MemoryJournal::new(filing())),
        vault: Arc::new(vault),
        views: Box::new(move || Views::open(&views, &options)),
        known: None,
        clock: Arc::new(|| Reading { wall: now(), monotonic: Duration::ZERO }),
        entropy: system_entropy(),
        zone: TimeZone::UTC,
        covering: Covering::Journal,
        metrics: Metrics::new(0).unwrap(),
    };
    // Opened from nothing, the views are whole; nobody follows them here.
    let (ledger, sequencer, _, _) = Ledger::open(parts, &|_, _| {}).await.unwrap();
    (ledger, sequencer)
}

impl Face {
    async fn start() -> Self {
        let files = TempDir::new().unwrap();
        let (ledger, sequencer) = ledger(&files).await;
        tokio::spawn(sequencer.run());
        let credentials = Arc::new(Credentials::new(&[7; 32]).unwrap());
        let clock: Now = Arc::new(now);
        let options =
            ServeOptions { limits: LIMITS, ..ServeOptions::new(Arc::clone(&credentials), clock) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let until = shutdown.clone().cancelled_owned();
        let served = tokio::spawn(serve(listener, ledger, options, until));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let face = Self { _files: files, channel, credentials, shutdown, served };
        face.register().await;
        face
    }

    /// The framework of 2006 and its subject.
    async fn register(&self) {
        let framework = built_in().unwrap().into_iter().find(|it| it.name.ends_with("2006"));
        let mut client = FrameworkServiceClient::new(self.channel.clone());
        let request = pb::RegisterFrameworkRequest { act: act(), framework, validate_only: false };
        client.register_framework(self.by("framework-admin", request)).await.unwrap();
        let request = pb::RegisterSubjectRequest {
            act: act(),
            validate_only: false,
            subject: "subjects/leicester-city".to_owned(),
            display_name: "Leicester City Council".to_owned(),
            kind: "local authority".to_owned(),
        };
        client.register_subject(self.by("framework-admin", request)).await.unwrap();
    }

    fn assessments(&self) -> AssessmentServiceClient<Channel> {
        AssessmentServiceClient::new(self.channel.clone())
    }

    /// A request by somebody who has every one of these roles.
    fn by<T>(&self, roles: &str, message: T) -> Request<T> {
        let identity = Identity {
            login: Text::parse(format!("{roles}@ofsted")).unwrap(),
            organisation: OrganisationId::parse("ofsted").unwrap(),
            roles: roles.split(' ').map(|role| Role::parse(role).unwrap()).collect(),
        };
        let token = self.credentials.mint(&identity, now(), Duration::from_mins(5)).unwrap();
        let mut request = Request::new(message);
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    async fn batch(&self, commands: Vec<Order>) -> Result<Vec<pb::Receipt>, Status> {
        let commands = commands.into_iter().map(|order| pb::Command { order: Some(order) });
        let batch = pb::ApplyBatchRequest { commands: commands.collect(), validate_only: false };
        let request = self.by("inspector lead-inspector", batch);
        self.assessments().apply_batch(request).await.map(|answer| answer.into_inner().receipts)
    }

    async fn stop(self) {
        self.shutdown.cancel();
        drop(self.channel);
        assert_eq!(self.served.await.unwrap().unwrap(), WentDown::InOrder);
    }
}

fn act() -> Option<pb::Act> {
    Some(pb::Act { request_id: Uuid::new_v4().to_string(), ..pb::Act::default() })
}

fn open() -> Order {
    Order::OpenAssessment(pb::OpenAssessmentRequest {
        assessment: NAME.to_owned(),
        act: act(),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: "2006".to_owned(),
        ..pb::OpenAssessmentRequest::default()
    })
}

fn award(word: &str) -> pb::SetGradeRequest {
    pb::SetGradeRequest {
        assessment: NAME.to_owned(),
        act: act(),
        area: "being-healthy".to_owned(),
        grade: Some(pb::Grade {
            award: Some(pb::grade::Award::Word(word.to_owned())),
            ..pb::Grade::default()
        }),
        ..pb::SetGradeRequest::default()
    }
}

fn strength(number: usize) -> Order {
    let text = format!("Strength {number}");
    Order::RecordEntry(pb::RecordEntryRequest {
        assessment: NAME.to_owned(),
        act: act(),
        entry_id: format!("s-{number}"),
        content: Some(pb::EntryContent {
            kind: i32::from(pb::EntryKind::Strength),
            section: "being-healthy".to_owned(),
            text: Some(pb::Text { state: Some(pb::text::State::Present(text)) }),
            ..pb::EntryContent::default()
        }),
        ..pb::RecordEntryRequest::default()
    })
}

fn told(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap().reason)
}

fn in_stream(order: Order) -> pb::ApplyStreamRequest {
    pb::ApplyStreamRequest { command: Some(pb::Command { order: Some(order) }) }
}

#[tokio::test]
async fn a_command_is_recorded_and_a_retry_gets_the_same_receipt() {
    let face = Face::start().await;
    face.batch(vec![open()]).await.unwrap();
    let grade = award("good");
    let mut client = face.assessments();
    let send = || face.by("inspector", grade.clone());
    let first = client.set_grade(send()).await.unwrap().into_inner();
    assert_eq!((first.stream.as_str(), first.revision), (NAME, 2));
    assert_eq!(first.change(), pb::ChangeKind::Awarded);
    let again = client.set_grade(send()).await.unwrap().into_inner();
    assert_eq!(again, pb::Receipt { replayed: true, ..first.clone() });

    let other = pb::SetGradeRequest { act: grade.act.clone(), ..award("adequate") };
    let refused = client.set_grade(face.by("inspector", other)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::AlreadyExists, "KEY_REUSED".to_owned()));
    let metadata = refused.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata.get("position"), Some(&first.position.to_string()));
    face.stop().await;
}

#[tokio::test]
async fn a_batch_that_repeats_one_bound_request_among_new_ones_is_refused_as_a_key_reused() {
    let face = Face::start().await;
    face.batch(vec![open()]).await.unwrap();
    let bound = Order::SetGrade(award("good"));
    let first = face.batch(vec![bound.clone()]).await.unwrap().remove(0);
    let refused = face.batch(vec![strength(1), bound.clone()]).await.unwrap_err();
    assert_eq!(told(&refused), (Code::AlreadyExists, "KEY_REUSED".to_owned()));
    let metadata = refused.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata.get("position"), Some(&first.position.to_string()));
    let again = face.batch(vec![bound]).await.unwrap();
    assert_eq!(again, [pb::Receipt { replayed: true, ..first }]);
    face.stop().await;
}

#[tokio::test]
async fn what_is_only_checked_is_answered_alike_and_not_recorded() {
    let face = Face::start().await;
    face.batch(vec![open()]).await.unwrap();
    let check = pb::SetGradeRequest { validate_only: true, ..award("good") };
    let mut client = face.assessments();
    let checked = client.set_grade(face.by("inspector", check)).await.unwrap().into_inner();
    assert_eq!((checked.position, checked.validated_only), (0, true));
    assert_eq!(checked.change(), pb::ChangeKind::Awarded);
    let recorded = client.set_grade(face.by("inspector", award("good"))).await.unwrap();
    assert_eq!(recorded.into_inner().revision, 2, "the first grade of the area all the same");
    face.stop().await;
}

#[tokio::test]
async fn a_batch_has_a_request_id_for_each_of_its_commands() {
    let face = Face::start().await;
    face.batch(vec![open()]).await.unwrap();
    let (first, mut second) = (award("good"), award("adequate"));
    second.act.clone_from(&first.act);
    let twice = vec![Order::SetGrade(first.clone()), Order::SetGrade(second)];
    let refused = face.batch(twice).await.unwrap_err();
    assert_eq!(told(&refused), (Code::InvalidArgument, "INVALID_REQUEST".to_owned()));
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "commands[1].set_grade.act.request_id");
    assert_eq!(violations[0].description, "is that of command 0 already");
    // Neither was recorded.
    let recorded = face.batch(vec![Order::SetGrade(first)]).await.unwrap();
    assert!(!recorded[0].replayed);
    face.stop().await;
}

#[tokio::test]
async fn a_batch_is_recorded_whole_or_not_at_all() {
    let face = Face::start().await;
    let refused = vec![open(), strength(1), Order::SetGrade(award("satisfactory"))];
    let status = face.batch(refused).await.unwrap_err();
    assert_eq!(told(&status), (Code::InvalidArgument, "LEVEL_NOT_ON_SCALE".to_owned()));
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata.get("command").map(String::as_str), Some("2"));

    let receipts = face.batch(vec![open(), strength(1), strength(2)]).await.unwrap();
    let revisions: Vec<_> = receipts.iter().map(|receipt| receipt.revision).collect();
    assert_eq!(revisions, [1, 2, 3]);
    face.stop().await;
}

#[tokio::test]
async fn a_command_of_more_than_256_kib_is_too_large_wherever_it_comes() {
    let face = Face::start().await;
    let mut large = award("good");
    large.act.as_mut().unwrap().rationale = "x".repeat(256 * 1024);
    let too_large = (Code::ResourceExhausted, "COMMAND_TOO_LARGE".to_owned());
    let mut client = face.assessments();
    let alone = client.set_grade(face.by("inspector", large.clone())).await.unwrap_err();
    assert_eq!(told(&alone), too_large);
    let batched = face.batch(vec![open(), Order::SetGrade(large.clone())]).await.unwrap_err();
    assert_eq!(told(&batched), too_large);
    let metadata = batched.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata.get("command").map(String::as_str), Some("1"));
    let stream = tokio_stream::once(in_stream(Order::SetGrade(large)));
    let mut answers = client.apply_stream(face.by("inspector", stream)).await.unwrap().into_inner();
    let Some(Outcome::Refusal(streamed)) = answers.message().await.unwrap().unwrap().outcome else {
        panic!("it was recorded");
    };
    assert_eq!(streamed.code, i32::from(Code::ResourceExhausted));
    face.stop().await;
}

#[tokio::test]
async fn a_framework_with_faults_is_refused_with_all_of_them() {
    let face = Face::start().await;
    let mut framework = built_in().unwrap().remove(0);
    framework.name = "frameworks/apa/versions/2099".to_owned();
    framework.areas[0].scales = vec!["nowhere".to_owned()];
    framework.reasons[0].code = "initial".to_owned();
    let request = pb::RegisterFrameworkRequest {
        act: act(),
        framework: Some(framework),
        validate_only: false,
    };
    let mut client = FrameworkServiceClient::new(face.channel.clone());
    let refused = client.register_framework(face.by("framework-admin", request)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::InvalidArgument, "INVALID_REQUEST".to_owned()));
    let told = refused.get_details_bad_request().unwrap().field_violations;
    let paths: Vec<_> = told.iter().map(|it| it.field.as_str()).collect();
    for path in ["framework.areas[0].scales[0]", "framework.reasons[0].code"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    face.stop().await;
}

#[tokio::test]
async fn bulk_commands_build_on_one_another_and_a_bad_one_fails_alone() {
    const COUNT: usize = 2_000;
    let face = Face::start().await;
    let malformed = |number: usize| number % 100 == 7;
    let refused = |number: usize| number % 100 == 8;
    let order = move |number: usize| match number {
        0 => open(),
        _ if malformed(number) => {
            Order::SetGrade(pb::SetGradeRequest { area: String::new(), ..award("good") })
        }
        _ if refused(number) => Order::SetGrade(award("satisfactory")),
        _ => strength(number),
    };
    let commands = tokio_stream::iter((0..COUNT).map(order).map(in_stream));
    // Nobody knows this caller yet: the first command introduces the person, the others wait.
    let request = face.by("inspector lead-inspector", commands);
    let mut answers = face.assessments().apply_stream(request).await.unwrap().into_inner();
    let mut revision = 0;
    for number in 0..COUNT {
        match answers.message().await.unwrap().unwrap().outcome.unwrap() {
            Outcome::Receipt(receipt) => {
                revision += 1;
                assert_eq!(receipt.revision, revision, "in the order of the commands");
                assert!(!malformed(number) && !refused(number));
            }
            Outcome::Refusal(status) => {
                assert_eq!(status.code, i32::from(Code::InvalidArgument), "{status:?}");
                assert!(malformed(number) || refused(number), "{number}: {status:?}");
            }
        }
    }
    assert_eq!(answers.message().await.unwrap(), None);
    face.stop().await;
}

#[tokio::test]
async fn bulk_work_is_told_to_go_on_elsewhere_when_the_server_goes_down() {
    let face = Face::start().await;
    let (commands, incoming) = mpsc::channel(8);
    let request = face.by("inspector lead-inspector", ReceiverStream::new(incoming));
    let mut answers = face.assessments().apply_stream(request).await.unwrap().into_inner();
    commands.send(in_stream(open())).await.unwrap();
    let first = answers.message().await.unwrap().unwrap().outcome.unwrap();
    assert!(matches!(first, Outcome::Receipt(_)), "{first:?}");
    face.shutdown.cancel();
    let ended = answers.message().await.unwrap_err();
    assert_eq!(told(&ended), (Code::Unavailable, "DRAINING".to_owned()));
    drop((answers, commands));
    face.stop().await;
}

#[tokio::test]
async fn many_calls_at_once_introduce_a_new_caller_once() {
    const CALLS: usize = 64;
    let face = Face::start().await;
    face.batch(vec![open()]).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..CALLS {
        let Order::RecordEntry(entry) = strength(number) else { panic!("another order") };
        // Nobody has called as this login before, and each call brings the person along.
        let request = face.by("inspector", entry);
        let mut client = face.assessments();
        calls.spawn(async move { client.record_entry(request).await });
    }
    let mut revisions: Vec<_> =
        calls.join_all().await.into_iter().map(|it| it.unwrap().into_inner().revision).collect();
    revisions.sort_unstable();
    let all: Vec<_> = (2..).take(CALLS).collect();
    assert_eq!(revisions, all);
    face.stop().await;
}
