//! What a ledger says of itself when it is asked everything: every record with its texts, every
//! assessment in every view and at several moments, every history and a set of audit queries.

use std::{collections::BTreeSet, sync::LazyLock};

use judgement_ledger::pb::{
    self, get_assessment_request::KnownAt, stream_records_response::Message,
};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tonic::{Response, Status};

use crate::served::{Clients, date};

static MESSAGES: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).unwrap());

/// An answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: Answer,
}

/// A message as encoded, or how the call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Message { name: String, bytes: Vec<u8> },
    Refused { code: String, message: String },
}

impl Answer {
    fn of(name: &str, message: &impl prost::Message) -> Self {
        let name = format!("judgement.ledger.v1.{name}");
        Self::Message { name, bytes: message.encode_to_vec() }
    }

    fn refused(status: &Status) -> Self {
        let (code, message) = (format!("{:?}", status.code()), status.message().to_owned());
        Self::Refused { code, message }
    }

    /// The same, to be read.
    pub fn json(&self) -> Value {
        match self {
            Self::Message { name, bytes } => {
                let message = MESSAGES.get_message_by_name(name).unwrap();
                let message = DynamicMessage::decode(message, bytes.as_slice()).unwrap();
                serde_json::to_value(message).unwrap()
            }
            Self::Refused { code, message } => json!({ "refused": code, "message": message }),
        }
    }
}

/// All records with their texts, from the first on; how the stream ended if not well.
pub async fn records(clients: &Clients) -> (Vec<pb::StreamedRecord>, Result<(), Status>) {
    let mut records = Vec::new();
    let request = pb::StreamRecordsRequest { catch_up_only: true, ..Default::default() };
    let mut stream = match clients.audits().stream_records(request).await {
        Ok(stream) => stream.into_inner(),
        Err(status) => return (records, Err(status)),
    };
    loop {
        match stream.message().await {
            Ok(None) => return (records, Ok(())),
            Ok(Some(message)) => {
                if let Some(Message::Record(record)) = message.message {
                    records.push(record);
                }
            }
            Err(status) => return (records, Err(status)),
        }
    }
}

/// Everything. Which assessments and positions are asked for is taken from `names` and `head`,
/// not from the ledger: what it has forgotten must be missed.
pub async fn account(clients: &Clients, names: &[String], head: u64) -> Vec<Said> {
    let mut account = Account { clients, said: Vec::new() };
    // A position that is not there would be waited for.
    let head = head.min(account.stream().await);
    account.registered(names).await;
    for name in names {
        account.assessment(name, head).await;
    }
    account.audit(names).await;
    account.said
}

struct Account<'c> {
    clients: &'c Clients,
    said: Vec<Said>,
}

impl Account<'_> {
    fn add<M: prost::Message>(
        &mut self,
        question: impl Into<String>,
        message: &str,
        answer: Result<Response<M>, Status>,
    ) {
        let answer = match answer {
            Ok(answer) => Answer::of(message, answer.get_ref()),
            Err(status) => Answer::refused(&status),
        };
        self.said.push(Said { question: question.into(), answer });
    }

    /// Everything that was recorded; how many records there are.
    async fn stream(&mut self) -> u64 {
        let (records, end) = records(self.clients).await;
        for (position, record) in (1..).zip(&records) {
            let answer = Answer::of("StreamedRecord", record);
            self.said.push(Said { question: format!("record {position}"), answer });
        }
        let at = records.len() as u64;
        let caught_up = Answer::of("CaughtUp", &pb::CaughtUp { position: at });
        let answer = end.map_or_else(|status| Answer::refused(&status), |()| caught_up);
        self.said.push(Said { question: "the end of the stream".to_owned(), answer });
        at
    }

    async fn registered(&mut self, names: &[String]) {
        let mut frameworks = self.clients.frameworks("auditor");
        let listed = frameworks.list_frameworks(pb::ListFrameworksRequest::default()).await;
        self.add("frameworks", "ListFrameworksResponse", listed);
        let subjects: BTreeSet<_> =
            names.iter().map(|name| name.split("/assessments/").next().unwrap()).collect();
        for subject in subjects {
            let request = pb::GetSubjectRequest { name: subject.to_owned(), ..Default::default() };
            let answer = frameworks.get_subject(request).await;
            self.add(subject, "Subject", answer);
            let request = pb::ListAssessmentsRequest {
                parent: subject.to_owned(),
                ..pb::ListAssessmentsRequest::default()
            };
            let answer = self.clients.assessments("auditor").list_assessments(request).await;
            self.add(format!("assessments of {subject}"), "ListAssessmentsResponse", answer);
        }
    }

    async fn assessment(&mut self, name: &str, head: u64) {
        let whole = pb::GetAssessmentRequest {
            name: name.to_owned(),
            content: pb::AssessmentContent::Full.into(),
            ..pb::GetAssessmentRequest::default()
        };
        let known = |position| pb::GetAssessmentRequest {
            known_at: Some(KnownAt::KnownAtPosition(position)),
            ..whole.clone()
        };
        let mut questions = vec![
            ("now".to_owned(), whole.clone()),
            (
                "published".to_owned(),
                pb::GetAssessmentRequest {
                    view: pb::AssessmentView::Published.into(),
                    ..whole.clone()
                },
            ),
            ("edition 1".to_owned(), pb::GetAssessmentRequest { edition: 1, ..whole.clone() }),
            (
                "effective".to_owned(),
                pb::GetAssessmentRequest { effective_at: Some(date(2006, 9, 25)), ..whole.clone() },
            ),
            (
                "stated".to_owned(),
                pb::GetAssessmentRequest { stated_at: Some(date(2006, 9, 30)), ..whole.clone() },
            ),
        ];
        for part in 1..=2 {
            let position = head * part / 3;
            questions.push((format!("at {position}"), known(position)));
        }
        for (moment, question) in questions {
            let answer = self.clients.assessments("auditor").get_assessment(question).await;
            self.add(format!("{name} {moment}"), "Assessment", answer);
        }
        let request = pb::GetGradeHistoryRequest {
            assessment: name.to_owned(),
            page_size: 1_000,
            ..pb::GetGradeHistoryRequest::default()
        };
        let answer = self.clients.audits().get_grade_history(request).await;
        self.add(format!("{name} history"), "GetGradeHistoryResponse", answer);
    }

    async fn audit(&mut self, names: &[String]) {
        let filter = pb::AuditFilter::default;
        let mut filters = vec![
            pb::AuditFilter { recorded_by: "inspector@ofsted".to_owned(), ..filter() },
            pb::AuditFilter { decided_by: "chief@csci".to_owned(), ..filter() },
            pb::AuditFilter { decided_by: "lead@ofsted".to_owned(), ..filter() },
            pb::AuditFilter { organisation: "csci".to_owned(), ..filter() },
            pb::AuditFilter { reason: "MODERATION".to_owned(), ..filter() },
            pb::AuditFilter { basis: pb::Basis::SameEvidence.into(), ..filter() },
            pb::AuditFilter { change: pb::ChangeKind::Vacated.into(), ..filter() },
            pb::AuditFilter { area: "staying-safe".to_owned(), ..filter() },
            pb::AuditFilter { concept: "ecm.staying-safe".to_owned(), ..filter() },
            pb::AuditFilter { event: "SignedOff".to_owned(), ..filter() },
            pb::AuditFilter { event: "PersonRegistered".to_owned(), ..filter() },
            pb::AuditFilter {
                effective_from: Some(date(2006, 9, 20)),
                effective_to: Some(date(2006, 9, 20)),
                ..filter()
            },
            filter(),
        ];
        filters.extend(names.first().map(|name| pb::AuditFilter {
            assessment: name.clone(),
            area: "capacity-to-improve".to_owned(),
            ..filter()
        }));
        for filter in filters {
            let question = format!("audit {}", Answer::of("AuditFilter", &filter).json());
            let request = pb::QueryAuditRequest {
                filter: Some(filter),
                order: pb::AuditOrder::OldestFirst.into(),
                page_size: 1_000,
                ..pb::QueryAuditRequest::default()
            };
            let answer = self.clients.audits().query_audit(request).await;
            self.add(question, "QueryAuditResponse", answer);
        }
    }
}
