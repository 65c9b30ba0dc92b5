//! The real binary, killed under load: what it acknowledged is there, whole, and once.
//!
//! `JUDGEMENT_LEDGER_KILLS=1000` runs the long form.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb,
    rpc::{Credentials, Identity},
};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

use crate::served::{Authorised, Bearer, act, explained, last};

const KEY: [u8; 32] = [9; 32];
const CALLERS: usize = 8;
const KILLS: u64 = 20;

/// The real binary, serving a directory that outlives it.
struct Binary {
    child: Child,
    address: String,
}

impl Binary {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_judgement-ledger"))
            .args(["serve", "--listen", "127.0.0.1:0", "--segment-mib", "4", "--log", "warn"])
            .arg("--data")
            .arg(directory.join("data"))
            .arg("--master-key-file")
            .arg(directory.join("master.key"))
            .arg("--token-key-file")
            .arg(directory.join("token.key"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = said.next().expect("the server says where it listens").unwrap();
            if let Some(address) = line.strip_prefix("serving on ") {
                break address.to_owned();
            }
        };
        // What else it says is read and dropped, so that it never waits for a reader.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, address }
    }

    fn channel(&self) -> Channel {
        Endpoint::from_shared(self.address.clone()).unwrap().connect_lazy()
    }

    /// SIGKILL: nothing is flushed, nothing is closed.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn bearer(login: &str, roles: &[Role]) -> Bearer {
    let identity = Identity {
        login: Text::parse(login).unwrap(),
        organisation: OrganisationId::parse("ofsted").unwrap(),
        roles: roles.to_vec(),
    };
    let now = jiff::Timestamp::now();
    let token = Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(1));
    Bearer::new(&token.unwrap())
}

type Assessments = pb::assessment_service_client::AssessmentServiceClient<Authorised>;

fn assessments(channel: &Channel) -> Assessments {
    let roles = [Role::Inspector, Role::LeadInspector, Role::FrameworkAdmin];
    let bearer = bearer("inspector@ofsted", &roles);
    pb::assessment_service_client::AssessmentServiceClient::with_interceptor(
        channel.clone(),
        bearer,
    )
}

fn name(caller: usize) -> String {
    format!("subjects/leicester-city/assessments/caller-{caller}")
}

/// A subject, and an assessment for each caller; each under a cycle of its own.
async fn prepare(channel: &Channel) {
    let bearer = bearer("admin@ofsted", &[Role::FrameworkAdmin]);
    let mut frameworks = pb::framework_service_client::FrameworkServiceClient::with_interceptor(
        channel.clone(),
        bearer,
    );
    let subject = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: "subjects/leicester-city".to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    frameworks.register_subject(subject).await.unwrap();
    for caller in 0..CALLERS {
        let open = pb::OpenAssessmentRequest {
            assessment: name(caller),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: format!("cycle-{caller}"),
            ..pb::OpenAssessmentRequest::default()
        };
        assessments(channel).open_assessment(open).await.unwrap();
    }
}

/// Sets the same grade up and down until the server is gone. Tells every receipt as it comes;
/// gives back the command whose answer never came.
async fn grade_on(
    mut client: Assessments,
    caller: usize,
    mut before: Option<u64>,
    receipts: mpsc::Sender<(usize, pb::Receipt)>,
) -> pb::SetGradeRequest {
    for round in 0_u64.. {
        let level = if round % 2 == 0 { "2" } else { "3" };
        let request = pb::SetGradeRequest {
            assessment: name(caller),
            act: Some(explained("FACTUAL_ACCURACY")),
            area: "capacity-to-improve".to_owned(),
            grade: Some(pb::Grade {
                award: Some(pb::grade::Award::Level(level.to_owned())),
                ..pb::Grade::default()
            }),
            expected: before.map(last),
            ..pb::SetGradeRequest::default()
        };
        match client.set_grade(request.clone()).await {
            Ok(receipt) => {
                before = Some(receipt.get_ref().position);
                drop(receipts.send((caller, receipt.into_inner())).await);
            }
            Err(_) => return request,
        }
    }
    unreachable!("rounds do not end")
}

/// All records of the ledger, checked to be without a gap, by request id.
async fn records(channel: &Channel) -> HashMap<Vec<u8>, pb::Record> {
    let bearer = bearer("auditor@ofsted", &[Role::Auditor]);
    let mut audits =
        pb::audit_service_client::AuditServiceClient::with_interceptor(channel.clone(), bearer);
    let request = pb::StreamRecordsRequest { catch_up_only: true, ..Default::default() };
    let mut stream = audits.stream_records(request).await.unwrap().into_inner();
    let mut found = HashMap::new();
    let mut next = 1;
    while let Some(message) = stream.message().await.unwrap() {
        let message = message.message.unwrap();
        if let pb::stream_records_response::Message::Record(streamed) = message {
            let record = streamed.record.unwrap();
            assert_eq!(record.position, next, "no gap");
            next += 1;
            for text in &streamed.texts {
                let state = text.text.as_ref().unwrap().state.as_ref().unwrap();
                assert!(
                    matches!(state, pb::text::State::Present(_)),
                    "{} of record {} is {state:?}",
                    text.field,
                    record.position
                );
            }
            let id = record.request_id.to_vec();
            assert!(found.insert(id, record).is_none(), "recorded twice");
        }
    }
    found
}

fn id_of(request: &pb::SetGradeRequest) -> Vec<u8> {
    let id = &request.act.as_ref().unwrap().request_id;
    uuid::Uuid::parse_str(id).unwrap().as_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let kills = std::env::var("JUDGEMENT_LEDGER_KILLS").ok();
    let kills = kills.map_or(KILLS, |given| given.parse().unwrap());
    let seed = u64::from(std::process::id());
    println!("seed {seed}, {kills} kills");
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("token.key"), KEY).unwrap();
    let mut lasts: HashMap<usize, u64> = HashMap::new();
    let mut acknowledged: Vec<pb::Receipt> = Vec::new();
    let mut retries: Vec<(usize, pb::SetGradeRequest)> = Vec::new();

    let binary = Binary::start(directory.path());
    prepare(&binary.channel()).await;
    binary.kill();
    for round in 0..kills {
        let binary = Binary::start(directory.path());
        let channel = binary.channel();
        check(&channel, &acknowledged).await;
        settle(&channel, &mut retries, &mut lasts).await;

        let (told, mut receipts) = mpsc::channel(1 << 16);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let before = lasts.get(&caller).copied();
            let grading = grade_on(assessments(&channel), caller, before, told.clone());
            callers.spawn(async move { (caller, grading.await) });
        }
        drop(told);
        // The kill is timed from the first acknowledgement, else late rounds would write nothing.
        let first = receipts.recv().await.unwrap();
        let delay = (seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 48;
        tokio::time::sleep(Duration::from_micros(delay)).await;
        binary.kill();
        let mut told = vec![first];
        while let Some(receipt) = receipts.recv().await {
            told.push(receipt);
        }
        for (caller, receipt) in told {
            lasts.insert(caller, receipt.position);
            acknowledged.push(receipt);
        }
        while let Some(unanswered) = callers.join_next().await {
            retries.push(unanswered.unwrap());
        }
    }
    let binary = Binary::start(directory.path());
    check(&binary.channel(), &acknowledged).await;
    binary.kill();
    println!("{} commands acknowledged, none lost", acknowledged.len());
    assert!(acknowledged.len() > usize::try_from(kills).unwrap(), "there was a load");
}

/// Every acknowledged command is found as it was acknowledged.
async fn check(channel: &Channel, acknowledged: &[pb::Receipt]) {
    let found = records(channel).await;
    let by_position: HashMap<u64, &pb::Record> =
        found.values().map(|record| (record.position, record)).collect();
    for receipt in acknowledged {
        let record = by_position.get(&receipt.position);
        let record = record.unwrap_or_else(|| panic!("position {} is lost", receipt.position));
        let id = uuid::Uuid::from_slice(&record.record_id).unwrap().to_string();
        assert_eq!((&id, record.revision), (&receipt.record_id, receipt.revision));
    }
    // The views say what the records say.
    for caller in 0..CALLERS {
        let of_caller = found.values().filter(|record| record.stream == name(caller));
        let newest = of_caller.max_by_key(|record| record.position).unwrap();
        let request =
            pb::GetAssessmentRequest { name: name(caller), ..pb::GetAssessmentRequest::default() };
        let read = assessments(channel).get_assessment(request).await.unwrap().into_inner();
        assert_eq!(read.revision, newest.revision);
        if let Some(pb::record::Event::GradeSet(set)) = &newest.event {
            let judgement = &read.judgements[0];
            assert_eq!(judgement.position, newest.position);
            let level = &judgement.award.as_ref().unwrap().level;
            assert_eq!(*level, set.standing.as_ref().unwrap().level);
        }
    }
}

/// Commands without an answer were recorded or not; sent again, they are recorded once.
async fn settle(
    channel: &Channel,
    retries: &mut Vec<(usize, pb::SetGradeRequest)>,
    lasts: &mut HashMap<usize, u64>,
) {
    let before = records(channel).await;
    for (caller, request) in retries.drain(..) {
        let was_there = before.contains_key(&id_of(&request));
        let receipt = assessments(channel).set_grade(request).await.unwrap().into_inner();
        assert_eq!(receipt.replayed, was_there);
        lasts.insert(caller, receipt.position);
    }
}
