//! Handing out evidence, and who received what. (Spec §5)

mod case;
mod recipients;
mod whole;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use tonic::{Request, Response, Status};

use super::{
    Identity,
    asked::Asked,
    sight::{Reach, must_have},
    status::{self, Problem, Reason},
};
use crate::{
    judgement::{AccessRecorded, AssessmentId, Deed, Position, Text, When},
    ledger::{Ledger, Receipt, Taker},
    pb,
    rpc::served::EvidenceService,
};

/// The largest part of a file that is sent at once, in bytes.
const PART_BYTES_MAX: usize = 1 << 20;

/// What is asked for, as a refusal names it.
const TAKEN_OUT: &str = "evidence and cases";

/// Hands out evidence of a ledger.
pub(super) struct EvidenceApi {
    /// Which ledger.
    pub(super) ledger: Ledger,
}

/// Files of a folder, part by part.
type Files = Pin<Box<dyn Stream<Item = Result<pb::ExportedFile, Status>> + Send>>;

#[tonic::async_trait]
impl EvidenceService for EvidenceApi {
    type ExportEvidenceStream = Files;
    type ExportCaseStream = Files;

    async fn export_evidence(
        &self,
        request: Request<pb::ExportEvidenceRequest>,
    ) -> Result<Response<Files>, Status> {
        let who = Identity::of(&request)?;
        must_have(&who, (Deed::ExportEvidence, When::Always), TAKEN_OUT)?;
        whole::export(self.ledger.clone(), &who, &request.into_inner()).await.map(Response::new)
    }

    async fn export_case(
        &self,
        request: Request<pb::ExportCaseRequest>,
    ) -> Result<Response<Files>, Status> {
        let who = Identity::of(&request)?;
        must_have(&who, (Deed::ExportCase, When::Inside), TAKEN_OUT)?;
        case::export(&self.ledger, &who, request.into_inner()).await.map(Response::new)
    }

    async fn get_recipients(
        &self,
        request: Request<pb::GetRecipientsRequest>,
    ) -> Result<Response<pb::GetRecipientsResponse>, Status> {
        let who = Identity::of(&request)?;
        must_have(&who, (Deed::GetRecipients, When::Inside), "recipients")?;
        let reach = Reach::of(&who);
        recipients::recipients(&self.ledger, &reach, &request.into_inner()).await.map(Response::new)
    }
}

/// For what something is taken out, which must be said.
fn purpose(asked: &mut Asked, given: &str) -> Option<Text> {
    if given.trim().is_empty() {
        return asked.violation("purpose", "is required: it is recorded with what is taken out");
    }
    match Text::parse(given) {
        Ok(text) => Some(text),
        Err(error) => asked.violation("purpose", error.to_string()),
    }
}

/// Records that the caller takes something out, before it is handed out.
async fn record(
    ledger: &Ledger,
    who: &Identity,
    access: &AccessRecorded<Text>,
) -> Result<Receipt, Status> {
    let taker = Taker {
        login: who.login.clone(),
        organisation: who.organisation.clone(),
        roles: who.roles.clone(),
    };
    let recorded = ledger.record_access(&taker, access).await;
    recorded.map_err(|error| status::of_submit(&error, 1, &|_| String::new()))
}

/// A text was erased while the evidence was made, by a record that its checkpoint does not cover.
fn erased_meanwhile(record: Position, order: Position) -> Status {
    let message = format!(
        "record {order} erased a text of record {record} while this was made: take it out again"
    );
    let problem = Problem::new(Reason::ErasedMeanwhile, message);
    problem.with("position", record).with("order_position", order).status()
}

/// There is no such assessment.
fn not_opened(assessment: &AssessmentId) -> Status {
    let message = format!("{assessment} was not opened");
    Problem::new(Reason::AssessmentNotFound, message).with("assessment", assessment).status()
}

/// A file in parts that fit into a message.
fn parts(path: &str, content: &Bytes) -> Vec<pb::ExportedFile> {
    let part = |part: &[u8]| pb::ExportedFile {
        path: path.to_owned(),
        content: content.slice_ref(part),
        records_total: 0,
    };
    if content.is_empty() {
        return vec![part(content)];
    }
    content.chunks(PART_BYTES_MAX).map(part).collect()
}
