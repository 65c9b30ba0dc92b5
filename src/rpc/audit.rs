//! `AuditService`: not served by this build.

use std::pin::Pin;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::reads::not_served;
use crate::{
    ledger::Ledger,
    pb::{self, audit_service_server::AuditService},
};

/// The history of a ledger, over gRPC.
pub(super) struct AuditApi {
    /// Where it is.
    #[expect(dead_code, reason = "read by the service that takes this one's place")]
    pub(super) ledger: Ledger,
    /// Cancelled when the server goes down: streams end.
    #[expect(dead_code, reason = "read by the service that takes this one's place")]
    pub(super) cancel: CancellationToken,
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    type StreamRecordsStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamRecordsResponse, Status>> + Send>>;

    async fn get_grade_history(
        &self,
        _: Request<pb::GetGradeHistoryRequest>,
    ) -> Result<Response<pb::GetGradeHistoryResponse>, Status> {
        Err(not_served())
    }

    async fn query_audit(
        &self,
        _: Request<pb::QueryAuditRequest>,
    ) -> Result<Response<pb::QueryAuditResponse>, Status> {
        Err(not_served())
    }

    async fn stream_records(
        &self,
        _: Request<pb::StreamRecordsRequest>,
    ) -> Result<Response<Self::StreamRecordsStream>, Status> {
        Err(not_served())
    }
}
