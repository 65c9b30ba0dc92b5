//! `AssessmentService`: commands, and what stands.

use std::time::Duration;

use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Identity,
    audit::Ends,
    batch::{apply_batch, publish_assessments},
    bulk::{Answers, Bulk},
    lasting::Lasting,
    layers::Waiting,
    publication::{self, Scores},
    reads::{self, KeptGrades},
    redactions,
    served::{AssessmentAnswer, AssessmentService},
    submit::submit_one,
    wire::{any_order, receipt},
};
use crate::{
    ledger::Ledger,
    pb::{self, command::Order},
};

/// The assessments of a ledger, over gRPC.
pub(super) struct AssessmentApi {
    /// Where they are.
    pub(super) ledger: Ledger,
    /// Cancelled when the server goes down: streams end.
    pub(super) draining: CancellationToken,
    /// How long a stream's reader may take nothing.
    pub(super) patience: Duration,
    /// Answers to be given again.
    pub(super) grades: KeptGrades,
}

impl AssessmentApi {
    /// Any command that is a call of its own.
    async fn order<R: Message>(
        &self,
        request: Request<R>,
        arm: fn(R) -> Order,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        let request = request.into_inner();
        let bytes = request.encoded_len();
        let order = arm(request);
        let recorded =
            submit_one(&self.ledger, &identity, bytes, |at, names| any_order(at, &order, names));
        Ok(Response::new(receipt(&recorded.await?)))
    }
}

#[tonic::async_trait]
impl AssessmentService for AssessmentApi {
    type ApplyStreamStream = Answers;

    async fn open_assessment(
        &self,
        request: Request<pb::OpenAssessmentRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::OpenAssessment).await
    }

    async fn set_addressee(
        &self,
        request: Request<pb::SetAddresseeRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::SetAddressee).await
    }

    async fn set_grade(
        &self,
        request: Request<pb::SetGradeRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::SetGrade).await
    }

    async fn record_entry(
        &self,
        request: Request<pb::RecordEntryRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::RecordEntry).await
    }

    async fn revise_entry(
        &self,
        request: Request<pb::ReviseEntryRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::ReviseEntry).await
    }

    async fn lock_assessment(
        &self,
        request: Request<pb::LockAssessmentRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::LockAssessment).await
    }

    async fn sign_off_assessment(
        &self,
        request: Request<pb::SignOffAssessmentRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::SignOffAssessment).await
    }

    async fn publish_assessment(
        &self,
        request: Request<pb::PublishAssessmentRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::PublishAssessment).await
    }

    async fn publish_assessments(
        &self,
        request: Request<pb::PublishAssessmentsRequest>,
    ) -> Result<Response<pb::PublishAssessmentsResponse>, Status> {
        let identity = Identity::of(&request)?;
        let _room = Waiting::of(&request)?.room(request.get_ref().publications.len())?;
        publish_assessments(&self.ledger, &identity, request.into_inner()).await.map(Response::new)
    }

    async fn refuse_sign_off(
        &self,
        request: Request<pb::RefuseSignOffRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::RefuseSignOff).await
    }

    async fn reopen_assessment(
        &self,
        request: Request<pb::ReopenAssessmentRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::ReopenAssessment).await
    }

    async fn withdraw_assessment(
        &self,
        request: Request<pb::WithdrawAssessmentRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::WithdrawAssessment).await
    }

    async fn place_hold(
        &self,
        request: Request<pb::PlaceHoldRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::PlaceHold).await
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::ReleaseHold).await
    }

    async fn receive_challenge(
        &self,
        request: Request<pb::ReceiveChallengeRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::ReceiveChallenge).await
    }

    async fn decide_challenge(
        &self,
        request: Request<pb::DecideChallengeRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::DecideChallenge).await
    }

    async fn share_draft(
        &self,
        request: Request<pb::ShareDraftRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::ShareDraft).await
    }

    async fn correct_record(
        &self,
        request: Request<pb::CorrectRecordRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        self.order(request, Order::CorrectRecord).await
    }

    async fn request_redaction(
        &self,
        request: Request<pb::RequestRedactionRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        redactions::request(&self.ledger, &identity, &request.into_inner()).await.map(Response::new)
    }

    async fn approve_redaction(
        &self,
        request: Request<pb::ApproveRedactionRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        redactions::approve(&self.ledger, &identity, &request.into_inner()).await.map(Response::new)
    }

    async fn refuse_redaction(
        &self,
        request: Request<pb::RefuseRedactionRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        redactions::refuse(&self.ledger, &identity, &request.into_inner()).await.map(Response::new)
    }

    async fn apply_batch(
        &self,
        request: Request<pb::ApplyBatchRequest>,
    ) -> Result<Response<pb::ApplyBatchResponse>, Status> {
        let identity = Identity::of(&request)?;
        let _room = Waiting::of(&request)?.room(request.get_ref().commands.len())?;
        apply_batch(&self.ledger, &identity, request.into_inner()).await.map(Response::new)
    }

    async fn apply_stream(
        &self,
        request: Request<Streaming<pb::ApplyStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let ends = (self.draining.clone(), Lasting::of(&request));
        let bulk = Bulk::new(self.ledger.clone(), request, ends)?;
        Ok(Response::new(bulk.answers()))
    }

    async fn get_assessment(
        &self,
        request: Request<pb::GetAssessmentRequest>,
    ) -> Result<Response<AssessmentAnswer>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        reads::get_assessment((&self.ledger, &self.grades), &identity, asked)
            .await
            .map(Response::new)
    }

    async fn list_assessments(
        &self,
        request: Request<pb::ListAssessmentsRequest>,
    ) -> Result<Response<pb::ListAssessmentsResponse>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        reads::list_assessments(&self.ledger, &identity, asked).await.map(Response::new)
    }

    async fn render_letter(
        &self,
        request: Request<pb::RenderLetterRequest>,
    ) -> Result<Response<pb::RenderLetterResponse>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        publication::render_letter(&self.ledger, &identity, asked).await.map(Response::new)
    }

    async fn get_disclosure(
        &self,
        request: Request<pb::GetDisclosureRequest>,
    ) -> Result<Response<pb::Disclosure>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        publication::get_disclosure(&self.ledger, &identity, asked).await.map(Response::new)
    }

    type GetFeedStream = Scores;

    async fn get_feed(
        &self,
        request: Request<pb::GetFeedRequest>,
    ) -> Result<Response<Scores>, Status> {
        let identity = Identity::of(&request)?;
        let ends = Ends {
            patience: self.patience,
            cancel: self.draining.clone(),
            lasting: Lasting::of(&request),
        };
        let asked = request.into_inner();
        publication::get_feed(&self.ledger, &identity, asked, ends).await.map(Response::new)
    }
}
