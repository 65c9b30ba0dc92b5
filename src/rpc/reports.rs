//! What follows from several assessments, or from several moments of one: comparisons, counts and
//! timelines. Nothing here computes a grade. (Spec §3.5, §5)

mod compare;
mod difference;
mod page;
mod side;
mod summary;
mod timeline;

use tonic::{Request, Response, Status};

use super::{Identity, sight::Reach};
use crate::{ledger::Ledger, pb, rpc::served::ReportService};

/// Answers who compares, counts and lines up.
pub(super) struct ReportApi {
    /// What it answers from.
    pub(super) ledger: Ledger,
}

#[tonic::async_trait]
impl ReportService for ReportApi {
    async fn compare_assessments(
        &self,
        request: Request<pb::CompareAssessmentsRequest>,
    ) -> Result<Response<pb::CompareAssessmentsResponse>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        compare::compare(&self.ledger, &reach, request.into_inner()).await.map(Response::new)
    }

    async fn summarize_grades(
        &self,
        request: Request<pb::SummarizeGradesRequest>,
    ) -> Result<Response<pb::SummarizeGradesResponse>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        summary::summarize(&self.ledger, &reach, request.into_inner()).await.map(Response::new)
    }

    async fn get_subject_timeline(
        &self,
        request: Request<pb::GetSubjectTimelineRequest>,
    ) -> Result<Response<pb::SubjectTimeline>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        timeline::timeline(&self.ledger, &reach, request.into_inner()).await.map(Response::new)
    }
}
