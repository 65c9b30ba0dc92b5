//! `FrameworkService`: what assessments are made of.

use prost::Message;
use tonic::{Request, Response, Status};

use super::{
    Identity, reads,
    served::FrameworkService,
    submit::submit_one,
    wire::{receipt, register_framework, register_subject, rename_subject},
};
use crate::{ledger::Ledger, pb};

/// The frameworks and subjects of a ledger, over gRPC.
pub(super) struct FrameworkApi {
    /// Where they are.
    pub(super) ledger: Ledger,
}

#[tonic::async_trait]
impl FrameworkService for FrameworkApi {
    async fn register_framework(
        &self,
        request: Request<pb::RegisterFrameworkRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        let given = request.into_inner();
        let recorded = submit_one(&self.ledger, &identity, given.encoded_len(), |at, names| {
            register_framework(at, &given, names)
        });
        Ok(Response::new(receipt(&recorded.await?)))
    }

    async fn register_subject(
        &self,
        request: Request<pb::RegisterSubjectRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        let given = request.into_inner();
        let recorded = submit_one(&self.ledger, &identity, given.encoded_len(), |at, names| {
            register_subject(at, &given, names)
        });
        Ok(Response::new(receipt(&recorded.await?)))
    }

    async fn rename_subject(
        &self,
        request: Request<pb::RenameSubjectRequest>,
    ) -> Result<Response<pb::Receipt>, Status> {
        let identity = Identity::of(&request)?;
        let given = request.into_inner();
        let recorded = submit_one(&self.ledger, &identity, given.encoded_len(), |at, names| {
            rename_subject(at, &given, names)
        });
        Ok(Response::new(receipt(&recorded.await?)))
    }

    async fn get_framework(
        &self,
        request: Request<pb::GetFrameworkRequest>,
    ) -> Result<Response<pb::Framework>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        reads::get_framework(&self.ledger, &identity, &asked).map(Response::new)
    }

    async fn list_frameworks(
        &self,
        request: Request<pb::ListFrameworksRequest>,
    ) -> Result<Response<pb::ListFrameworksResponse>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        reads::list_frameworks(&self.ledger, &identity, asked).await.map(Response::new)
    }

    async fn get_subject(
        &self,
        request: Request<pb::GetSubjectRequest>,
    ) -> Result<Response<pb::Subject>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        reads::get_subject(&self.ledger, &identity, asked).await.map(Response::new)
    }

    async fn list_subjects(
        &self,
        request: Request<pb::ListSubjectsRequest>,
    ) -> Result<Response<pb::ListSubjectsResponse>, Status> {
        let identity = Identity::of(&request)?;
        let asked = request.into_inner();
        reads::list_subjects(&self.ledger, &identity, asked).await.map(Response::new)
    }
}
