//! What the outside knows of a ledger: what it was told, held against what the ledger says after a
//! fault. The oracle shares nothing with the server but the wire.

use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

use judgement_ledger::pb;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    process::{Assessments, Binary, Home, assessments, audits, frameworks},
    served::{act, explained, last},
};

/// How many callers there are, each with an assessment of its own.
pub const CALLERS: usize = 8;

const AREA: &str = "capacity-to-improve";

/// Everything that was told, and what was not.
#[derive(Default)]
pub struct Oracle {
    /// The last grade of each caller, where it knows one.
    lasts: HashMap<usize, u64>,
    acknowledged: Vec<pb::Receipt>,
    /// What was sent and never answered.
    unanswered: Vec<(usize, Sent)>,
    /// Every record that was read, by its request; a record that was read stays.
    read: HashMap<Vec<u8>, Read>,
    by_position: HashMap<u64, Vec<u8>>,
    /// How far the ledger was read.
    head: u64,
    newest: HashMap<String, (u64, pb::Record)>,
}

/// A record as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Read {
    position: u64,
    revision: u64,
    id: Vec<u8>,
}

/// What a caller sends: one grade, or three at once, all or none.
#[derive(Clone)]
pub enum Sent {
    One(Box<pb::SetGradeRequest>),
    Batch(pb::ApplyBatchRequest),
}

impl Sent {
    fn new(caller: usize, round: u64, before: Option<u64>) -> Self {
        let level = if round.is_multiple_of(2) { "2" } else { "3" };
        let first = grade(caller, level, before.map(last));
        if !round.is_multiple_of(3) {
            return Self::One(Box::new(first));
        }
        let previous =
            || pb::Expectation { last: Some(pb::expectation::Last::PreviousInBatch(true)) };
        let rest = ["3", "2"].map(|level| grade(caller, level, Some(previous())));
        let order = |request| pb::Command { order: Some(pb::command::Order::SetGrade(request)) };
        let commands = [first].into_iter().chain(rest).map(order).collect();
        Self::Batch(pb::ApplyBatchRequest { commands, validate_only: false })
    }

    async fn send(self, client: &mut Assessments) -> Result<Vec<pb::Receipt>, Status> {
        match self {
            Self::One(request) => Ok(vec![client.set_grade(*request).await?.into_inner()]),
            Self::Batch(request) => Ok(client.apply_batch(request).await?.into_inner().receipts),
        }
    }

    /// The request ids, as records hold them.
    fn ids(&self) -> Vec<Vec<u8>> {
        let id = |request: &pb::SetGradeRequest| {
            let id = &request.act.as_ref().unwrap().request_id;
            uuid::Uuid::parse_str(id).unwrap().as_bytes().to_vec()
        };
        match self {
            Self::One(request) => vec![id(request)],
            Self::Batch(batch) => {
                let ids = batch.commands.iter().map(|command| match &command.order {
                    Some(pb::command::Order::SetGrade(request)) => id(request),
                    other => panic!("{other:?}"),
                });
                ids.collect()
            }
        }
    }
}

pub fn name(caller: usize) -> String {
    format!("subjects/leicester-city/assessments/caller-{caller}")
}

fn grade(caller: usize, level: &str, expected: Option<pb::Expectation>) -> pb::SetGradeRequest {
    pb::SetGradeRequest {
        assessment: name(caller),
        act: Some(explained("FACTUAL_ACCURACY")),
        area: AREA.to_owned(),
        grade: Some(pb::Grade {
            award: Some(pb::grade::Award::Level(level.to_owned())),
            ..pb::Grade::default()
        }),
        expected,
        ..pb::SetGradeRequest::default()
    }
}

/// A subject, and an assessment for each caller, each under a cycle of its own; those that are
/// there already are left as they are.
pub async fn prepare(channel: &Channel) -> Result<(), Status> {
    let there = |status: Status| match status.code() {
        Code::AlreadyExists => Ok(()),
        _ => Err(status),
    };
    let subject = pb::RegisterSubjectRequest {
        act: Some(act()),
        subject: "subjects/leicester-city".to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    frameworks(channel).register_subject(subject).await.map(drop).or_else(there)?;
    for caller in 0..CALLERS {
        let open = pb::OpenAssessmentRequest {
            assessment: name(caller),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: format!("cycle-{caller}"),
            ..pb::OpenAssessmentRequest::default()
        };
        assessments(channel).open_assessment(open).await.map(drop).or_else(there)?;
    }
    Ok(())
}

impl Oracle {
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Lets all callers grade, and `end` befall the server `delay` after the first answer. It is
    /// timed from there, else late rounds would write nothing.
    pub async fn load<T>(
        &mut self,
        binary: Binary,
        delay: Duration,
        end: impl FnOnce(Binary) -> T,
    ) -> T {
        let channel = binary.channel();
        self.load_over(&[channel], delay, |enough| {
            let ended = end(binary);
            drop(enough);
            ended
        })
        .await
    }

    /// The same over several servers. Callers of those that live go on until `end` drops its sender.
    pub async fn load_over<T>(
        &mut self,
        channels: &[Channel],
        delay: Duration,
        end: impl FnOnce(watch::Sender<()>) -> T,
    ) -> T {
        let (told, mut receipts) = mpsc::channel(1 << 16);
        let (enough, goes_on) = watch::channel(());
        let mut callers = JoinSet::new();
        for (caller, channel) in (0..CALLERS).zip(channels.iter().cycle()) {
            let before = self.lasts.get(&caller).copied();
            let calls = (assessments(channel), goes_on.clone());
            let grading = grade_on(calls, caller, before, told.clone());
            callers.spawn(async move { (caller, grading.await) });
        }
        drop(told);
        let first = receipts.recv().await.unwrap();
        tokio::time::sleep(delay).await;
        let ended = tokio::task::block_in_place(|| end(enough));
        let mut told = vec![first];
        while let Some(answered) = receipts.recv().await {
            told.push(answered);
        }
        for (caller, answered) in told {
            self.answered(caller, answered);
        }
        while let Some(grading) = callers.join_next().await {
            let (caller, unanswered) = grading.unwrap();
            self.unanswered.extend(unanswered.map(|sent| (caller, sent)));
        }
        ended
    }

    /// Sends `count` commands of one caller, one after the other, up to the first that fails.
    pub async fn send(&mut self, channel: &Channel, caller: usize, count: u64) -> Option<Status> {
        let mut client = assessments(channel);
        for round in 0..count {
            let sent = Sent::new(caller, round, self.lasts.get(&caller).copied());
            match sent.clone().send(&mut client).await {
                Ok(receipts) => self.answered(caller, receipts),
                Err(status) => {
                    self.unanswered.push((caller, sent));
                    return Some(status);
                }
            }
        }
        None
    }

    fn answered(&mut self, caller: usize, receipts: Vec<pb::Receipt>) {
        self.lasts.insert(caller, receipts.last().unwrap().position);
        self.acknowledged.extend(receipts);
    }

    /// Reads what is new and holds everything against what was told. What was sent without an
    /// answer is there as a whole or not at all.
    pub async fn check(&mut self, channel: &Channel) -> Result<(), String> {
        self.read_on(channel).await?;
        for receipt in &self.acknowledged {
            let lost = || format!("position {} is lost", receipt.position);
            let id = self.by_position.get(&receipt.position).ok_or_else(lost)?;
            let read = &self.read[id];
            let found = uuid::Uuid::from_slice(&read.id).unwrap().to_string();
            if (&found, read.revision) != (&receipt.record_id, receipt.revision) {
                return Err(format!("position {} is another record", receipt.position));
            }
        }
        for (caller, sent) in &self.unanswered {
            let there = sent.ids().iter().filter(|id| self.read.contains_key(*id)).count();
            if there != 0 && there != sent.ids().len() {
                return Err(format!("{there} commands of a batch of caller {caller} are there"));
            }
        }
        self.check_views(channel).await
    }

    /// How many were never answered.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// What was refused was not recorded, and is not sent again.
    pub fn forget_unanswered(&mut self) {
        self.unanswered.clear();
    }

    /// Reads the records after those that were read, checked to be without a gap.
    async fn read_on(&mut self, channel: &Channel) -> Result<(), String> {
        let failed = |status: Status| format!("the records cannot be read: {status}");
        // A server that shares its ledger with others waits until it has what they answered.
        let answered = self.acknowledged.iter().map(|it| it.position).max().unwrap_or_default();
        let request = pb::GetAssessmentRequest {
            name: name(0),
            min_position: answered,
            ..Default::default()
        };
        readable(channel).await;
        // Where it does not get there, what is missing shows below.
        drop(assessments(channel).get_assessment(request).await);
        let request = pb::StreamRecordsRequest {
            after_position: self.head,
            catch_up_only: true,
            ..Default::default()
        };
        let stream = audits(channel).stream_records(request).await.map_err(failed)?;
        let mut stream = stream.into_inner();
        while let Some(message) = stream.message().await.map_err(failed)? {
            let message = message.message.unwrap();
            if let pb::stream_records_response::Message::Record(streamed) = message {
                self.take(streamed)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, streamed: pb::StreamedRecord) -> Result<(), String> {
        let record = streamed.record.unwrap();
        if record.position != self.head + 1 {
            return Err(format!("{} follows {}", record.position, self.head));
        }
        self.head = record.position;
        for text in &streamed.texts {
            let state = text.text.as_ref().unwrap().state.as_ref().unwrap();
            if !matches!(state, pb::text::State::Present(_)) {
                return Err(format!("{} of record {} is {state:?}", text.field, record.position));
            }
        }
        let request = record.request_id.to_vec();
        let read = Read {
            position: record.position,
            revision: record.revision,
            id: record.record_id.to_vec(),
        };
        self.by_position.insert(record.position, request.clone());
        self.newest.insert(record.stream.clone(), (record.position, record));
        match self.read.insert(request, read) {
            None => Ok(()),
            Some(first) => Err(format!("recorded twice: {first:?}")),
        }
    }

    /// The views say what the records say.
    async fn check_views(&self, channel: &Channel) -> Result<(), String> {
        readable(channel).await;
        for caller in 0..CALLERS {
            let Some((position, newest)) = self.newest.get(&name(caller)) else { continue };
            let request = pb::GetAssessmentRequest { name: name(caller), ..Default::default() };
            let read = assessments(channel).get_assessment(request).await;
            let read = read.map_err(|status| format!("caller {caller}: {status}"))?.into_inner();
            if read.revision != newest.revision {
                return Err(format!("caller {caller} is at revision {}", read.revision));
            }
            if let Some(pb::record::Event::GradeSet(set)) = &newest.event {
                let judgement = &read.judgements[0];
                let level = &judgement.award.as_ref().unwrap().level;
                let standing = &set.standing.as_ref().unwrap().level;
                if (judgement.position, level) != (*position, standing) {
                    return Err(format!("caller {caller} stands at {judgement:?}"));
                }
            }
        }
        Ok(())
    }

    /// Sends what was never answered again: it was recorded or not, and is recorded once.
    pub async fn settle(&mut self, channel: &Channel) -> Result<(), String> {
        for (caller, sent) in std::mem::take(&mut self.unanswered) {
            let was_there = sent.ids().iter().all(|id| self.read.contains_key(id));
            let receipts = sent.send(&mut assessments(channel)).await;
            let receipts = receipts.map_err(|status| format!("caller {caller}: {status}"))?;
            if receipts.iter().any(|receipt| receipt.replayed != was_there) {
                return Err(format!("{was_there}, yet it answers {receipts:?}"));
            }
            self.answered(caller, receipts);
        }
        Ok(())
    }

    /// Reads everything once more from the beginning: it is what was read before.
    pub async fn check_again(&mut self, channel: &Channel) -> Result<(), String> {
        let (before, head) = (self.read.clone(), self.head);
        self.read.clear();
        self.by_position.clear();
        self.head = 0;
        self.check(channel).await?;
        let same = |(request, read): (&Vec<u8>, &Read)| self.read.get(request) == Some(read);
        if self.head < head || !before.iter().all(same) {
            return Err("what was read before is not there any more".to_owned());
        }
        Ok(())
    }
}

/// Sends grades until the server is gone, or it is enough. Tells every answer as it comes; gives back what
/// was never answered.
async fn grade_on(
    (mut client, goes_on): (Assessments, watch::Receiver<()>),
    caller: usize,
    mut before: Option<u64>,
    told: mpsc::Sender<(usize, Vec<pb::Receipt>)>,
) -> Option<Sent> {
    for round in 0_u64.. {
        if goes_on.has_changed().is_err() {
            return None;
        }
        let sent = Sent::new(caller, round, before);
        match sent.clone().send(&mut client).await {
            Ok(receipts) => {
                before = receipts.last().map(|receipt| receipt.position);
                drop(told.send((caller, receipts)).await);
            }
            Err(_) => return Some(sent),
        }
    }
    unreachable!("rounds do not end")
}

/// How long a client keeps asking whose reading is refused because the views are not there yet: a
/// start on a machine that is busy with other things.
const READABLE_WITHIN: Duration = Duration::from_mins(2);

/// Asks again as the refusals say, until readings are answered.
async fn readable(channel: &Channel) {
    let began = Instant::now();
    loop {
        let request = pb::GetAssessmentRequest { name: name(0), ..Default::default() };
        let Err(status) = assessments(channel).get_assessment(request).await else { return };
        let pause = status.get_details_retry_info().and_then(|info| info.retry_delay);
        match pause {
            Some(pause) if began.elapsed() < READABLE_WITHIN => tokio::time::sleep(pause).await,
            // Whatever else it is, the caller's own question will tell.
            Some(_) | None => return,
        }
    }
}

/// What stands in the first assessment, by its views alone.
pub async fn standing(channel: &Channel) -> Result<String, Status> {
    let request = pb::GetAssessmentRequest { name: name(0), ..Default::default() };
    Ok(format!("{:?}", assessments(channel).get_assessment(request).await?.into_inner()))
}

/// What the views answer: every assessment, histories and searches in both orders.
pub async fn answers(channel: &Channel) -> Result<Vec<String>, Status> {
    readable(channel).await;
    let mut answers = Vec::new();
    for caller in 0..CALLERS {
        let request = pb::GetAssessmentRequest { name: name(caller), ..Default::default() };
        let answer = assessments(channel).get_assessment(request).await?.into_inner();
        answers.push(format!("{answer:?}"));
        let request = pb::GetGradeHistoryRequest {
            assessment: name(caller),
            page_size: 1000,
            ..Default::default()
        };
        let answer = audits(channel).get_grade_history(request).await?.into_inner();
        answers.push(format!("{:?}", answer.rows));
    }
    for order in [pb::AuditOrder::OldestFirst, pb::AuditOrder::NewestFirst] {
        let request = pb::QueryAuditRequest {
            order: order.into(),
            page_size: 1000,
            filter: Some(pb::AuditFilter {
                change: pb::ChangeKind::Raised.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let answer = audits(channel).query_audit(request).await?.into_inner();
        // Not the token of the next page, which need not be the same twice.
        answers.push(format!("{:?} {:?}", answer.rows, answer.read));
    }
    let list = pb::ListAssessmentsRequest { page_size: 100, ..Default::default() };
    let listed = assessments(channel).list_assessments(list).await?.into_inner();
    answers.push(format!("{listed:?}"));
    Ok(answers)
}

/// The views answer as those do that are folded from the journal alone. The server is stopped.
pub async fn check_replay(home: &Home, binary: Binary) -> Result<(), String> {
    let failed = |status: Status| format!("the views do not answer: {status}");
    let found = answers(&binary.channel()).await.map_err(failed)?;
    binary.kill();
    fs::remove_dir_all(home.data().join("views")).unwrap();
    let binary = home.start();
    let replayed = answers(&binary.channel()).await.map_err(failed)?;
    // In order, so that the next start goes by what the views note.
    assert!(binary.stop().success());
    let differs = found.iter().zip(&replayed).find(|(found, replayed)| found != replayed);
    differs.map_or(Ok(()), |(found, replayed)| Err(format!("{found}\nis not\n{replayed}")))
}
