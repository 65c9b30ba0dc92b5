//! A writer: sets grades and writes entries, alone and in batches, retries until it knows what
//! became of each request, and reads back what it was told.

use judgement_ledger::pb::{self, expectation::Last};

use super::{
    caller::{Answer, Caller},
    told::History,
};
use crate::{
    linear::{Asked, Expected, Stamp, Step, Told as Answered, stands},
    served::{SUBJECT, present},
};

pub(super) const ASSESSMENTS: [&str; 2] = ["apa-2006", "apa-2005"];
/// One unknown outcome in so many is left unknown.
const GIVES_UP: u64 = 4;
const AREAS: [&str; 3] = ["social-care", "capacity-to-improve", "childrens-services"];

/// Something to be recorded: one command, or several of which all are recorded or none.
struct Order {
    assessment: String,
    area: String,
    requests: Vec<Vec<u8>>,
    steps: Vec<Step>,
    sent: Sent,
    what: String,
}

enum Sent {
    Grade(Box<pb::SetGradeRequest>),
    Entry(Box<pb::RecordEntryRequest>),
    Batch(pb::ApplyBatchRequest),
}

/// How a writer comes to know the expectation of an order.
#[derive(Clone, Copy)]
enum Expecting {
    Read,
    Any,
}

/// Registers what the writers need.
pub(super) async fn furnish(caller: &mut Caller) {
    let subject = pb::RegisterSubjectRequest {
        act: Some(act(caller).0),
        subject: SUBJECT.to_owned(),
        display_name: "Leicester City Council".to_owned(),
        kind: "local authority".to_owned(),
        ..pb::RegisterSubjectRequest::default()
    };
    loop {
        let mut client = caller.frameworks();
        let answer = caller.call(client.register_subject(subject.clone())).await;
        caller.trace(&format!("register the subject: {}", outcome(&answer)));
        if matches!(answer, Answer::Done(_)) {
            break;
        }
        caller.pause(100).await;
    }
    for id in ASSESSMENTS {
        let (_, year) = id.split_once('-').unwrap();
        let open = pb::OpenAssessmentRequest {
            assessment: name(id),
            act: Some(act(caller).0),
            framework: format!("frameworks/apa/versions/{year}"),
            cycle: year.to_owned(),
            addressee: Some(pb::Addressee {
                name: Some(present("Ms S Lock")),
                ..pb::Addressee::default()
            }),
            ..pb::OpenAssessmentRequest::default()
        };
        let opening = Asked::Write(vec![Step::Other]);
        let call = caller.notebook.open().tape.asks(&name(id), opening);
        loop {
            let mut client = caller.assessments();
            let answer = caller.call(client.open_assessment(open.clone())).await;
            caller.trace(&format!("open {id}: {}", outcome(&answer)));
            if let Answer::Done(receipt) = answer {
                caller.notebook.open().tape.told(call, recorded(&[receipt]));
                break;
            }
            caller.pause(100).await;
        }
    }
    caller.notebook.open().furnished = true;
}

/// Has `count` orders recorded or refused.
pub(super) async fn write(caller: &mut Caller, count: usize) {
    while !caller.notebook.open().furnished {
        caller.pause(50).await;
    }
    let mut done = 0;
    while done < count {
        let order = order(caller, done).await;
        if let Some(receipts) = see_through(caller, &order).await {
            done += 1;
            read_back(caller, &order, &receipts).await;
        }
        if caller.seeded.below(8) == 0 {
            probe_with_an_expired_credential(caller, &order.assessment).await;
        }
        caller.pause(120).await;
    }
    caller.notebook.open().writers_done += 1;
}

async fn order(caller: &mut Caller, number: usize) -> Order {
    let assessment = name(ASSESSMENTS[caller.seeded.below(2) as usize]);
    let area = AREAS[caller.seeded.below(3) as usize].to_owned();
    let entry = format!("str-{}-{number}-{}", caller.name, caller.seeded.below(1 << 40));
    match caller.seeded.below(4) {
        0 => {
            let (request, id) = entry_request(caller, &assessment, entry);
            let what = format!("entry in {area}");
            Order {
                assessment,
                area,
                requests: vec![id],
                steps: vec![Step::Other],
                sent: Sent::Entry(Box::new(request)),
                what,
            }
        }
        1 => {
            let (grade, first, step) = grade(caller, &assessment, &area, Expecting::Any).await;
            let (written, second) = entry_request(caller, &assessment, entry);
            let orders =
                [pb::command::Order::SetGrade(grade), pb::command::Order::RecordEntry(written)];
            let commands = orders.map(|it| pb::Command { order: Some(it) }).to_vec();
            let batch = pb::ApplyBatchRequest { commands, validate_only: false };
            let requests = vec![first, second];
            caller.notebook.open().batches.push(requests.clone());
            let what = format!("batch on {area}");
            let steps = vec![step, Step::Other];
            Order { assessment, area, requests, steps, sent: Sent::Batch(batch), what }
        }
        drawn => {
            let expecting = if drawn == 2 { Expecting::Any } else { Expecting::Read };
            let (request, id, step) = grade(caller, &assessment, &area, expecting).await;
            let what = format!("grade of {area}");
            Order {
                assessment,
                area,
                requests: vec![id],
                steps: vec![step],
                sent: Sent::Grade(Box::new(request)),
                what,
            }
        }
    }
}

/// Sends an order until it is known what became of it, or gives up without knowing; its receipts,
/// if it was recorded.
async fn see_through(caller: &mut Caller, order: &Order) -> Option<Vec<pb::Receipt>> {
    let asked = Asked::Write(order.steps.clone());
    let call = caller.notebook.open().tape.asks(&order.assessment, asked);
    caller.notebook.open().tape.made_under(call, order.requests.clone());
    let mut surely_not = true;
    loop {
        let sent = caller.notebook.open().tape.moment();
        let answer = send(caller, order).await;
        caller.trace(&format!("{}: {}", order.what, outcome(&answer)));
        match answer {
            Answer::Done(receipts) => {
                let mut notes = caller.notebook.open();
                notes.acknowledged += receipts.len();
                notes.tape.told(call, recorded(&receipts));
                let answered = order.requests.iter().cloned().zip(receipts.iter().cloned());
                notes.receipts.extend(answered);
                return Some(receipts);
            }
            Answer::Refused(refusal) => {
                let mut notes = caller.notebook.open();
                match refusal.winner.map(Answered::Stale) {
                    Some(told) if surely_not => notes.tape.told(call, told),
                    Some(told) => notes.tape.told_of_the_last_sending(call, sent, told),
                    None if surely_not => notes.tape.void(call),
                    None => {}
                }
                if surely_not {
                    notes.refused.extend(order.requests.iter().cloned());
                }
                return None;
            }
            Answer::NotNow(_) => {}
            Answer::Unknown(_) if caller.seeded.below(GIVES_UP) == 0 => return None,
            Answer::Unknown(_) => surely_not = false,
        }
        caller.pause(150).await;
    }
}

/// What receipts say.
fn recorded(receipts: &[pb::Receipt]) -> Answered {
    let stamp = |it: &pb::Receipt| Stamp { position: it.position, revision: it.revision };
    Answered::Recorded(receipts.iter().map(stamp).collect())
}

async fn send(caller: &mut Caller, order: &Order) -> Answer<Vec<pb::Receipt>> {
    let mut client = caller.assessments();
    match &order.sent {
        Sent::Grade(request) => one(caller.call(client.set_grade((**request).clone())).await),
        Sent::Entry(request) => one(caller.call(client.record_entry((**request).clone())).await),
        Sent::Batch(request) => match caller.call(client.apply_batch(request.clone())).await {
            Answer::Done(response) => Answer::Done(response.receipts),
            Answer::Refused(why) => Answer::Refused(why),
            Answer::NotNow(why) => Answer::NotNow(why),
            Answer::Unknown(why) => Answer::Unknown(why),
        },
    }
}

fn one(answer: Answer<pb::Receipt>) -> Answer<Vec<pb::Receipt>> {
    match answer {
        Answer::Done(receipt) => Answer::Done(vec![receipt]),
        Answer::Refused(why) => Answer::Refused(why),
        Answer::NotNow(why) => Answer::NotNow(why),
        Answer::Unknown(why) => Answer::Unknown(why),
    }
}

/// Who holds a receipt can read what it is for: the assessment, or the area's history.
async fn read_back(caller: &mut Caller, order: &Order, receipts: &[pb::Receipt]) {
    let token = receipts.iter().map(|it| it.position).max().unwrap_or(0);
    if caller.seeded.below(3) > 0 {
        if let Some(read) = read(caller, &order.assessment, token).await {
            let at = read.read.as_ref().map_or(0, |read| read.position);
            if at < token {
                caller.notebook.violated(format!("asked for {token} or later, got {at}"));
            }
        }
        return;
    }
    let request = pb::QueryAuditRequest {
        filter: Some(pb::AuditFilter {
            assessment: order.assessment.clone(),
            area: order.area.clone(),
            event: "GradeSet".to_owned(),
            ..pb::AuditFilter::default()
        }),
        page_size: 1_000,
        min_position: token,
        ..pb::QueryAuditRequest::default()
    };
    let mut client = caller.audits();
    let answer = caller.call(client.query_audit(request)).await;
    caller.trace(&format!("history: {}", outcome(&answer)));
    if let Answer::Done(response) = answer
        && response.next_page_token.is_empty()
    {
        let history = History {
            assessment: order.assessment.clone(),
            area: order.area.clone(),
            until: response.read.map_or(0, |read| read.position),
            positions: response.rows.iter().map(|row| row.position).collect(),
        };
        caller.notebook.open().histories.push(history);
    }
}

/// Reads an assessment at a position or later, and hands the answer in to be judged.
async fn read(caller: &mut Caller, assessment: &str, min_position: u64) -> Option<pb::Assessment> {
    let request = pb::GetAssessmentRequest {
        name: assessment.to_owned(),
        content: pb::AssessmentContent::Full.into(),
        min_position,
        ..pb::GetAssessmentRequest::default()
    };
    let call = caller.notebook.open().tape.asks(assessment, Asked::Read);
    let mut client = caller.assessments();
    let answer = caller.call(client.get_assessment(request)).await;
    caller.trace(&format!("read: {}", outcome(&answer)));
    let mut notes = caller.notebook.open();
    let Answer::Done(read) = answer else {
        notes.tape.void(call);
        return None;
    };
    notes.tape.told(call, stands(&read));
    notes.assessments.push(read.clone());
    Some(read)
}

async fn probe_with_an_expired_credential(caller: &mut Caller, assessment: &str) {
    let request = pb::GetAssessmentRequest { name: assessment.to_owned(), ..Default::default() };
    let mut client = caller.assessments_expired();
    if let Answer::Done(_) = caller.call(client.get_assessment(request)).await {
        caller.notebook.violated("an expired credential was accepted");
    }
}

async fn grade(
    caller: &mut Caller,
    assessment: &str,
    area: &str,
    expecting: Expecting,
) -> (pb::SetGradeRequest, Vec<u8>, Step) {
    let expected = match expecting {
        Expecting::Any => Expected::Any,
        Expecting::Read => {
            let found = read(caller, assessment, 0).await.and_then(|read| {
                let judgement = read.judgements.into_iter().find(|it| it.area == area)?;
                (judgement.position > 0).then_some(judgement.position)
            });
            found.map_or(Expected::NoneYet, Expected::At)
        }
    };
    let last = match expected {
        Expected::Any => Last::Any(true),
        Expected::NoneYet => Last::NoneYet(true),
        Expected::At(position) => Last::Position(position),
    };
    let (act, id) = act(caller);
    let level = (1 + caller.seeded.below(4)).to_string();
    let request = pb::SetGradeRequest {
        assessment: assessment.to_owned(),
        act: Some(act),
        area: area.to_owned(),
        grade: Some(pb::Grade {
            award: Some(pb::grade::Award::Level(level.clone())),
            ..pb::Grade::default()
        }),
        expected: Some(pb::Expectation { last: Some(last) }),
        ..pb::SetGradeRequest::default()
    };
    (request, id, Step::Grade { area: area.to_owned(), expected, level })
}

fn entry_request(
    caller: &mut Caller,
    assessment: &str,
    entry_id: String,
) -> (pb::RecordEntryRequest, Vec<u8>) {
    let (act, id) = act(caller);
    let request = pb::RecordEntryRequest {
        assessment: assessment.to_owned(),
        act: Some(act),
        entry_id,
        content: Some(pb::EntryContent {
            kind: pb::EntryKind::Narrative.into(),
            section: "staying-safe".to_owned(),
            area: "staying-safe".to_owned(),
            order: 1,
            text: Some(present("placements are stable")),
            ..pb::EntryContent::default()
        }),
        ..pb::RecordEntryRequest::default()
    };
    (request, id)
}

/// An act that says why, under a request id of its own.
fn act(caller: &mut Caller) -> (pb::Act, Vec<u8>) {
    let id = caller.request_id();
    let act = pb::Act {
        request_id: id.to_string(),
        reason: "FACTUAL_ACCURACY".to_owned(),
        rationale: format!("weighed again, {}", caller.seeded.below(1_000)),
        ..pb::Act::default()
    };
    (act, id.as_bytes().to_vec())
}

pub(super) fn name(id: &str) -> String {
    format!("{SUBJECT}/assessments/{id}")
}

/// An answer as the trace has it.
fn outcome<T: Told>(answer: &Answer<T>) -> String {
    match answer {
        Answer::Done(it) => it.told(),
        Answer::Refused(why) => format!("refused: {} {:?}", why.reason, why.winner),
        Answer::NotNow(why) => format!("not now: {why}"),
        Answer::Unknown(why) => format!("unknown: {why}"),
    }
}

/// How an answer is told in the trace.
trait Told {
    fn told(&self) -> String;
}

impl Told for pb::Receipt {
    fn told(&self) -> String {
        let time = self.recorded_at.unwrap_or_default();
        let (position, revision, id) = (self.position, self.revision, &self.record_id);
        format!("{position} r{revision} {id} {}.{} {}", time.seconds, time.nanos, self.replayed)
    }
}

impl Told for Vec<pb::Receipt> {
    fn told(&self) -> String {
        self.iter().map(Told::told).collect::<Vec<_>>().join(", ")
    }
}

impl Told for pb::Assessment {
    fn told(&self) -> String {
        let at = self.read.as_ref().map_or(0, |read| read.position);
        format!("r{} at {at}, {} entries", self.revision, self.entries.len())
    }
}

impl Told for pb::QueryAuditResponse {
    fn told(&self) -> String {
        format!("{:?}", self.rows.iter().map(|row| row.position).collect::<Vec<_>>())
    }
}
