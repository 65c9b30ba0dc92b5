//! What a client says to the ledger, and what it believes of the answers.

use std::{env, fmt::Debug};

use prost::Message;
use tonic::{Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::{ErrorInfo, StatusExt};

use crate::{
    Caller, DEADLINE, Failure,
    generated::{
        google::rpc::Code,
        judgement::ledger::v1::{
            assessment_service_client::AssessmentServiceClient,
            audit_service_client::AuditServiceClient,
            transparency_service_client::TransparencyServiceClient, *,
        },
    },
    proof::{self, LogKey},
    retries::Retries,
};

const AREA: &str = "enjoying-and-achieving";

type Calls = InterceptedService<Channel, Caller>;

pub struct Story {
    assessment: String,
    retries: Retries,
    lead: AssessmentServiceClient<Calls>,
    inspector: AssessmentServiceClient<Calls>,
    audit: AuditServiceClient<Calls>,
    transparency: TransparencyServiceClient<Calls>,
}

impl Story {
    /// The story of an assessment, as told over a channel.
    pub fn new(assessment: String, channel: &Channel, retries: Retries) -> Result<Self, Failure> {
        let lead = InterceptedService::new(channel.clone(), Caller::of("LEDGER_LEAD")?);
        let inspector = InterceptedService::new(channel.clone(), Caller::of("LEDGER_INSPECTOR")?);
        Ok(Self {
            assessment,
            retries,
            lead: AssessmentServiceClient::new(lead),
            inspector: AssessmentServiceClient::new(inspector.clone()),
            audit: AuditServiceClient::new(inspector.clone()),
            transparency: TransparencyServiceClient::new(inspector),
        })
    }

    /// Records the opening, a grade, and the one that it is lowered to.
    pub async fn write(&self) -> Result<[Receipt; 3], Failure> {
        let opening = OpenAssessmentRequest {
            assessment: self.assessment.clone(),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: "2006".to_owned(),
            ..Default::default()
        };
        let lead = &self.lead;
        let opened =
            self.retries.call(async || lead.clone().open_assessment(opening.clone()).await).await?;
        println!("opened: revision {}", opened.revision);

        let start = self.grade("good", act(), expectation::Last::NoneYet(true));
        let first = self.set_grade(&start).await?;
        println!("graded: {} good", bare(first.change()));

        let seen = expectation::Last::Position(first.position);
        let why = Act {
            reason: "DATA_CORRECTED".to_owned(),
            basis: Basis::DataCorrected.into(),
            rationale: "The results of one school were counted twice.".to_owned(),
            ..act()
        };
        let lowering = self.grade("adequate", why.clone(), seen);
        let second = self.set_grade(&lowering).await?;
        println!("graded: {} adequate", bare(second.change()));

        let late = Act { request_id: act().request_id, ..why.clone() };
        let (code, info) = refusal(self.set_grade(&self.grade("adequate", late, seen)).await)?;
        let winner = [info.metadata.get("position"), info.metadata.get("record_id")];
        check(
            winner == [Some(&second.position.to_string()), Some(&second.record_id)],
            format!("another record won: {info:?}"),
        )?;
        println!("refused: {code} {}, and the winner is our own record", info.reason);

        // As after an answer that was lost: nothing is recorded twice under one request id.
        let again = self.set_grade(&lowering).await?;
        check(
            again == Receipt { replayed: true, ..second.clone() },
            format!("another receipt: {again:?}"),
        )?;
        println!("repeated: the same receipt, replayed");

        let (code, info) = refusal(self.set_grade(&self.grade("inadequate", why, seen)).await)?;
        println!("refused: {code} {}", info.reason);
        Ok([opened, first, second])
    }

    fn grade(&self, word: &str, act: Act, last: expectation::Last) -> SetGradeRequest {
        SetGradeRequest {
            assessment: self.assessment.clone(),
            act: Some(act),
            area: AREA.to_owned(),
            grade: Some(Grade {
                award: Some(grade::Award::Word(word.to_owned())),
                ..Grade::default()
            }),
            expected: Some(Expectation { last: Some(last) }),
            ..SetGradeRequest::default()
        }
    }

    async fn set_grade(&self, order: &SetGradeRequest) -> Result<Receipt, Status> {
        let inspector = &self.inspector;
        self.retries.call(async || inspector.clone().set_grade(order.clone()).await).await
    }

    pub async fn read(&self, [opened, first, second]: &[Receipt; 3]) -> Result<(), Failure> {
        let nonsense =
            StreamRecordsRequest { expression: "nonsense =".to_owned(), ..Default::default() };
        let answer = async {
            self.audit.clone().stream_records(nonsense).await?.into_inner().message().await
        };
        let (code, info) = refusal(tokio::time::timeout(DEADLINE, answer).await?)?;
        println!("refused stream: {code} {}", info.reason);

        let asked = GetGradeHistoryRequest {
            assessment: self.assessment.clone(),
            area: AREA.to_owned(),
            min_position: second.position,
            ..Default::default()
        };
        let audit = &self.audit;
        let history = self
            .retries
            .call(async || audit.clone().get_grade_history(asked.clone()).await)
            .await?;
        let changes: Vec<String> =
            history.rows.into_iter().filter_map(|row| row.grade).map(told).collect();
        println!("history: {}", changes.join(", "));

        let known_at = get_assessment_request::KnownAt::KnownAtPosition(first.position);
        let before = self.word(Some(known_at), second).await?;
        println!("known before: {before}, known now: {}", self.word(None, second).await?);

        let mut sent = self.records(0, 1).await?;
        let last = sent.first().ok_or("no record was sent")?.position;
        sent.extend(self.records(last, usize::MAX).await?);
        let events: Vec<&str> = sent.iter().map(event).collect();
        let positions: Vec<u64> = sent.iter().map(|record| record.position).collect();
        check(
            positions == [opened.position, first.position, second.position],
            format!("other records were sent: {positions:?}"),
        )?;
        println!("streamed: {}, then {}", events[0], events[1..].join(", "));
        Ok(())
    }

    /// The word that stands, or stood as known at a moment.
    async fn word(
        &self,
        known_at: Option<get_assessment_request::KnownAt>,
        receipt: &Receipt,
    ) -> Result<String, Failure> {
        let asked = GetAssessmentRequest {
            name: self.assessment.clone(),
            min_position: receipt.position,
            known_at,
            ..Default::default()
        };
        let inspector = &self.inspector;
        let answer = self
            .retries
            .call(async || inspector.clone().get_assessment(asked.clone()).await)
            .await?;
        let judgement = answer.judgements.into_iter().find(|it| it.area == AREA);
        Ok(judgement.and_then(|it| it.award).ok_or("the area has no grade")?.word)
    }

    /// The records after a position, at most so many: the stream is cancelled by being dropped.
    async fn records(&self, after: u64, most: usize) -> Result<Vec<Record>, Failure> {
        let asked = StreamRecordsRequest {
            after_position: after,
            streams: vec![self.assessment.clone()],
            catch_up_only: true,
            ..Default::default()
        };
        let read = async {
            let mut answers = self.audit.clone().stream_records(asked).await?.into_inner();
            let mut records = Vec::new();
            while records.len() < most
                && let Some(answer) = answers.message().await?
            {
                if let Some(stream_records_response::Message::Record(it)) = answer.message {
                    records.extend(it.record);
                }
            }
            Ok(records)
        };
        // In tonic the deadline of a call ends with the head of its answer.
        tokio::time::timeout(DEADLINE, read).await?
    }

    pub async fn prove(&self, receipt: &Receipt) -> Result<(), Failure> {
        let asked = GetTrailRequest {
            assessment: self.assessment.clone(),
            min_size: receipt.position,
            ..Default::default()
        };
        let transparency = &self.transparency;
        let trail =
            self.retries.call(async || transparency.clone().get_trail(asked.clone()).await).await?;
        let tree = trail.checkpoint.ok_or("the trail has no checkpoint")?;
        let proven = trail.records.iter().find(|it| it.position == receipt.position);
        let proven = proven.ok_or("the trail lacks the record")?;
        let root =
            |record: &[u8]| proof::fold(record, proven.position - 1, tree.size, &proven.hashes);
        let says = Record::decode(&proven.record[..])?;
        check(says.position == receipt.position, format!("it is another record: {says:?}"))?;
        check(
            root(&proven.record).as_ref() == Some(&tree.root),
            "the proof does not lead to the root",
        )?;
        let mut spoiled = proven.record.clone();
        spoiled[0] ^= 1;
        check(root(&spoiled).as_ref() != Some(&tree.root), "a spoiled record leads to the root")?;
        println!("proved: the record is in the tree, and a spoiled one is not");

        // The text of a note ends with the newline before its last empty line; signatures follow.
        let note = String::from_utf8(tree.note)?;
        let (text, signatures) = note.rsplit_once("\n\n").ok_or("the checkpoint is no note")?;
        let key = LogKey::parse(&env::var("LEDGER_KEY")?)?;
        let signed = |text: &str| key.signed(&format!("{text}\n"), signatures);
        check(signed(text), "the checkpoint is not signed by LEDGER_KEY")?;
        let lines: Vec<&str> = text.lines().collect();
        let [origin, size, root, ..] = lines[..] else {
            return Err("the note is cut short".into());
        };
        check(
            size == tree.size.to_string() && proof::decoded(root)? == tree.root,
            "another tree is signed",
        )?;
        check(!signed(&format!("{origin}\n{size}0\n{root}")), "a spoiled text is signed, too")?;
        println!("signed: the ledger signed that tree, and not a spoiled one");
        Ok(())
    }
}

/// A command of its own: its id is made once, however often it is sent.
fn act() -> Act {
    Act { request_id: uuid::Uuid::new_v4().to_string(), ..Act::default() }
}

/// Why a call is refused: its code, and the ErrorInfo in the details of its status.
fn refusal(answer: Result<impl Debug, Status>) -> Result<(String, ErrorInfo), Failure> {
    match answer {
        Ok(answer) => Err(format!("it was not refused: {answer:?}").into()),
        Err(status) => match status.get_details_error_info() {
            Some(info) => {
                let code = Code::try_from(i32::from(status.code()))?;
                Ok((code.as_str_name().to_owned(), info))
            }
            None => Err(status.into()),
        },
    }
}

fn bare(change: ChangeKind) -> &'static str {
    change.as_str_name().trim_start_matches("CHANGE_KIND_")
}

/// `AWARDED good`, or `LOWERED good to adequate`.
fn told(it: GradeChange) -> String {
    let change = bare(it.change());
    let words: Vec<String> =
        it.before.into_iter().chain(it.after).map(|award| award.word).collect();
    format!("{change} {}", words.join(" to "))
}

fn event(record: &Record) -> &'static str {
    match record.event {
        Some(record::Event::AssessmentOpened(_)) => "AssessmentOpened",
        Some(record::Event::GradeSet(_)) => "GradeSet",
        _ => "another event",
    }
}

fn check(held: bool, otherwise: impl Into<String>) -> Result<(), Failure> {
    if held { Ok(()) } else { Err(otherwise.into().into()) }
}
