//! The real server under concurrent callers, several on each assessment, all writing down what
//! they ask and what they are told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use judgement_ledger::pb::{self, expectation::Last, stream_records_response::Message};
use prost::Message as _;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tonic::{Code, Status, transport::Endpoint};

use super::{Asked, CallId, Expected, Stamp, Step, Tape, Told, check, stands};
use crate::{
    served::{Authorised, Clients, SUBJECT, Served, act, assessment, explained, last, reason_of},
    sim_disk::Seeded,
    simulation::{records::Records, variable},
};

type Assessments = pb::assessment_service_client::AssessmentServiceClient<Authorised>;

const ROUNDS: u64 = 25;

/// How many assessments are written to at once, so that groups have records of several.
const ASSESSMENTS: u64 = 3;
const CALLERS: u64 = 4;
const CALLS: u64 = 12;

/// Few, so that callers meet.
const AREAS: [&str; 2] = ["social-care", "capacity-to-improve"];

/// A caller who gives up does so within this, about as long as a command takes.
const PATIENCE_US: u64 = 3_000;

/// What all callers write down.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    tape: Tape,
    /// The request and the receipt of each command that was acknowledged.
    receipts: Vec<(Vec<u8>, pb::Receipt)>,
    /// What was read.
    read: Vec<pb::Assessment>,
    unanswered: u64,
    stale: u64,
}

impl Notes {
    fn open(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap()
    }
}

/// Somebody who writes to an assessment and reads it, on a connection of their own.
struct Caller {
    client: Assessments,
    assessment: String,
    seeded: Seeded,
    notes: Notes,
    /// The last record of each area, as far as it is known.
    lasts: HashMap<String, u64>,
}

impl Caller {
    async fn call(&mut self) {
        if self.seeded.below(5) < 2 {
            self.read().await;
        } else {
            self.write().await;
        }
    }

    async fn read(&mut self) {
        let call = self.notes.open().tape.asks(&self.assessment, Asked::Read);
        let read = self.client.get_assessment(assessment(&self.assessment)).await;
        let read = read.unwrap().into_inner();
        let mut notes = self.notes.open();
        notes.tape.told(call, stands(&read));
        for judgement in read.judgements.iter().filter(|it| it.position > 0) {
            self.lasts.insert(judgement.area.clone(), judgement.position);
        }
        notes.read.push(read);
    }

    /// A grade, or one of each area, all or none.
    async fn write(&mut self) {
        let first = self.seeded.below(2) as usize;
        let areas = if self.seeded.below(4) == 0 { vec![first, 1 - first] } else { vec![first] };
        let graded: Vec<_> = areas.into_iter().map(|area| self.grade(AREAS[area])).collect();
        let (steps, requests): (Vec<_>, Vec<_>) = graded.into_iter().unzip();
        let call = self.notes.open().tape.asks(&self.assessment, Asked::Write(steps));
        let ids = requests.iter().map(request_id).collect();
        self.notes.open().tape.made_under(call, ids);
        let mut patience = (self.seeded.below(6) == 0)
            .then(|| self.seeded.below(PATIENCE_US))
            .map(Duration::from_micros);
        let mut surely_not = true;
        loop {
            let sent = self.notes.open().tape.moment();
            let sending = send(&mut self.client, requests.clone());
            let answer = match patience.take() {
                Some(patience) => timeout(patience, sending).await,
                None => Ok(sending.await),
            };
            match answer {
                Ok(answer) => {
                    let sending = Sending { call, sent, surely_not };
                    return self.answered(sending, &requests, answer);
                }
                Err(_) => surely_not = false,
            }
            self.notes.open().unanswered += 1;
            // One in two never learns what became of it.
            if self.seeded.below(2) == 0 {
                return;
            }
        }
    }

    fn answered(
        &mut self,
        sending: Sending,
        requests: &[pb::SetGradeRequest],
        answer: Result<Vec<pb::Receipt>, Status>,
    ) {
        let mut notes = self.notes.open();
        match answer {
            Ok(receipts) => {
                let stamp =
                    |it: &pb::Receipt| Stamp { position: it.position, revision: it.revision };
                let stamps = receipts.iter().map(stamp).collect();
                notes.tape.told(sending.call, Told::Recorded(stamps));
                for (request, receipt) in requests.iter().zip(receipts) {
                    self.lasts.insert(request.area.clone(), receipt.position);
                    notes.receipts.push((request_id(request), receipt));
                }
            }
            Err(status) => {
                assert_eq!(status.code(), Code::Aborted, "{status:?}");
                let winner = winner(&status);
                let told = Told::Stale(winner);
                if sending.surely_not {
                    notes.tape.told(sending.call, told);
                } else {
                    notes.tape.told_of_the_last_sending(sending.call, sending.sent, told);
                }
                notes.stale += 1;
                let item = reason_of(&status).1.remove("item").unwrap();
                let area = AREAS.into_iter().find(|area| item.ends_with(area)).unwrap();
                self.lasts.insert(area.to_owned(), winner);
            }
        }
    }

    fn grade(&mut self, area: &str) -> (Step, pb::SetGradeRequest) {
        let level = (1 + self.seeded.below(4)).to_string();
        let known = self.lasts.get(area).copied();
        let (expected, expectation) = match known {
            _ if self.seeded.below(5) == 0 => {
                (Expected::Any, pb::Expectation { last: Some(Last::Any(true)) })
            }
            Some(position) => (Expected::At(position), last(position)),
            None => (Expected::NoneYet, pb::Expectation { last: Some(Last::NoneYet(true)) }),
        };
        let request = pb::SetGradeRequest {
            assessment: self.assessment.clone(),
            act: Some(explained("FACTUAL_ACCURACY")),
            area: area.to_owned(),
            grade: Some(pb::Grade {
                award: Some(pb::grade::Award::Level(level.clone())),
                ..pb::Grade::default()
            }),
            expected: Some(expectation),
            ..pb::SetGradeRequest::default()
        };
        (Step::Grade { area: area.to_owned(), expected, level }, request)
    }
}

fn request_id(request: &pb::SetGradeRequest) -> Vec<u8> {
    let id = &request.act.as_ref().unwrap().request_id;
    uuid::Uuid::parse_str(id).unwrap().as_bytes().to_vec()
}

/// One sending of a command.
struct Sending {
    call: CallId,
    sent: u64,
    /// Every sending of it was answered.
    surely_not: bool,
}

/// The record that a refusal names, 0 for none.
fn winner(status: &Status) -> u64 {
    let (reason, metadata) = reason_of(status);
    assert_eq!(reason, "STALE_EXPECTATION", "{status:?}");
    metadata["position"].parse().unwrap()
}

async fn send(
    client: &mut Assessments,
    mut requests: Vec<pb::SetGradeRequest>,
) -> Result<Vec<pb::Receipt>, Status> {
    if requests.len() == 1 {
        return Ok(vec![client.set_grade(requests.remove(0)).await?.into_inner()]);
    }
    let command = |it| pb::Command { order: Some(pb::command::Order::SetGrade(it)) };
    let commands = requests.into_iter().map(command).collect();
    let batch = pb::ApplyBatchRequest { commands, validate_only: false };
    Ok(client.apply_batch(batch).await?.into_inner().receipts)
}

/// Follows the records until it was sent the one at the position that `end` tells.
async fn follow(clients: Clients, notes: Notes, mut end: watch::Receiver<u64>) -> Vec<pb::Record> {
    let mut stream = clients
        .audits()
        .stream_records(pb::StreamRecordsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut sent: Vec<pb::Record> = Vec::new();
    let is_done =
        |sent: &[pb::Record], end: u64| end > 0 && sent.last().is_some_and(|it| it.position >= end);
    loop {
        let known_end = *end.borrow_and_update();
        if is_done(&sent, known_end) {
            return sent;
        }
        tokio::select! {
            message = stream.message() => {
                if let Some(Message::Record(streamed)) = message.unwrap().unwrap().message {
                    let record = streamed.record.unwrap();
                    notes.open().tape.hears(record.position);
                    sent.push(record);
                }
            }
            Ok(()) = end.changed() => {}
        }
    }
}

/// What a run left.
pub struct Run {
    written: Written,
    /// What a subscriber was sent meanwhile.
    sent: Vec<pb::Record>,
    /// What a reader was sent who came afterwards.
    reread: Vec<pb::Record>,
}

/// Opens an assessment; its name.
async fn open(served: &Served, notes: &Notes, id: &str) -> String {
    let name = format!("{SUBJECT}/assessments/{id}");
    let request = pb::OpenAssessmentRequest {
        assessment: name.clone(),
        act: Some(act()),
        framework: "frameworks/apa/versions/2006".to_owned(),
        cycle: id.to_owned(),
        ..pb::OpenAssessmentRequest::default()
    };
    let call = notes.open().tape.asks(&name, Asked::Write(vec![Step::Other]));
    let receipt = served.assessments("lead").open_assessment(request).await.unwrap().into_inner();
    let stamp = Stamp { position: receipt.position, revision: receipt.revision };
    notes.open().tape.told(call, Told::Recorded(vec![stamp]));
    name
}

/// Lets callers loose on a server, `rounds` times, each on new assessments.
pub async fn run(rounds: u64, seed: u64) -> Run {
    let served = Served::start().await;
    let notes = Notes::default();
    let (end, told_end) = watch::channel(0);
    let subscriber = tokio::spawn(follow(served.clients(), notes.clone(), told_end));
    let mut seeded = Seeded(seed);
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
    let connections: Vec<_> = (0..CALLERS).map(|_| endpoint.connect_lazy()).collect();
    for round in 0..rounds {
        let mut names = Vec::new();
        for number in 0..ASSESSMENTS {
            names.push(open(&served, &notes, &format!("round-{round}-{number}")).await);
        }
        let mut callers = JoinSet::new();
        for (name, connection) in
            names.iter().flat_map(|name| connections.iter().map(move |it| (name, it)))
        {
            let clients = Clients { channel: connection.clone(), ..served.clients() };
            let mut caller = Caller {
                client: clients.assessments("inspector"),
                assessment: name.clone(),
                seeded: Seeded(seeded.next()),
                notes: notes.clone(),
                lasts: HashMap::new(),
            };
            callers.spawn(async move {
                for _ in 0..CALLS {
                    caller.call().await;
                }
            });
        }
        while let Some(done) = callers.join_next().await {
            done.unwrap();
        }
    }
    let head = served.head().await;
    end.send(head).unwrap();
    let sent = subscriber.await.unwrap();
    // Not on the tape: this is not about when something is heard, but what.
    let (_end, told_end) = watch::channel(head);
    let reread = follow(served.clients(), Notes::default(), told_end).await;
    served.stop().await;
    let mut written = std::mem::take(&mut *notes.open());
    let stored: Vec<_> = reread.iter().map(|it| Bytes::from(it.encode_to_vec())).collect();
    if let Ok(records) = Records::of(&stored) {
        written.tape.settle(|request| records.stamp_of(request));
    }
    Run { written, sent, reread }
}

impl Run {
    pub fn tape(&self) -> &Tape {
        &self.written.tape
    }

    /// Every answer is right: in its assessment, in the ledger's one order, and by the records.
    fn check(&self) -> Result<usize, String> {
        let histories = check(self.tape())?;
        let stored: Vec<_> = self.reread.iter().map(|it| Bytes::from(it.encode_to_vec())).collect();
        // Each position once and in order, each record chained to the one before it in its stream,
        // no request twice.
        let records = Records::of(&stored)?;
        if !self.reread.starts_with(&self.sent) {
            return Err("a subscriber was sent something else than who came later".to_owned());
        }
        for (request, receipt) in &self.written.receipts {
            if !records.bears_out(request, receipt) {
                return Err(format!("the ledger has something else than {receipt:?}"));
            }
        }
        self.written.read.iter().try_for_each(|read| records.bear_out(read))?;
        Ok(histories)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_on_the_real_server_happens_at_one_moment() {
    let seed = variable("JUDGEMENT_LEDGER_LINEAR_SEED").unwrap_or(u64::from(std::process::id()));
    let rounds = variable("JUDGEMENT_LEDGER_LINEAR").unwrap_or(ROUNDS);
    println!("JUDGEMENT_LEDGER_LINEAR_SEED={seed} JUDGEMENT_LEDGER_LINEAR={rounds}");
    let (mut histories, mut calls, mut unanswered, mut stale) = (0, 0, 0, 0);
    // A server for so many rounds, so that what was read is soon held against all its records.
    for (number, begun) in (0..rounds).step_by(ROUNDS as usize).enumerate() {
        let run = run(ROUNDS.min(rounds - begun), seed + number as u64).await;
        histories += run.check().unwrap_or_else(|what| panic!("{what}"));
        calls += run.tape().calls().count();
        unanswered += run.written.unanswered;
        stale += run.written.stale;
    }
    println!("{histories} histories, {calls} calls, {stale} refused, {unanswered} given up");
    assert!(stale > rounds && unanswered > rounds, "callers hardly met");
}
