//! The transparency service: evidence for those who do not trust the ledger. (Spec §5)
//!
//! Checkpoints, proofs and tiles of hashes need no more than a credential; records need the right to
//! see all. (Spec §5.3) Nothing is proven of a tree that no published checkpoint covers.

use std::sync::Arc;

use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{
    accesses,
    asked::Asked,
    caller::Identity,
    reads,
    sight::{Reach, must_have},
    status::{self, Problem, Reason},
};
use crate::{
    judgement::{AccessKind, AssessmentId, Deed, Position, Revision, StreamId, When},
    ledger::{Included, Ledger, Published, ReadError},
    merkle::{self, Hash, TlogProof},
    pb,
    rpc::served::TransparencyService,
};

/// How many records a page of a trail has where nothing is said, and at most: with a proof each of
/// 64 hashes, the largest page stays below what a client takes.
const TRAIL_DEFAULT: usize = 100;
const TRAIL_MAX: usize = 500;

/// Answers who checks.
pub(super) struct TransparencyApi {
    /// What it answers from.
    pub(super) ledger: Ledger,
}

#[tonic::async_trait]
impl TransparencyService for TransparencyApi {
    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::Checkpoint>, Status> {
        Identity::of(&request)?;
        let published = self.covering(request.into_inner().min_size).await?;
        Ok(Response::new(checkpoint(&published)))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<pb::GetInclusionProofRequest>,
    ) -> Result<Response<pb::InclusionProof>, Status> {
        Identity::of(&request)?;
        let pb::GetInclusionProofRequest { position, tree_size } = request.into_inner();
        let mut asked = Asked::default();
        let index = match position.checked_sub(1) {
            Some(index) if tree_size == 0 || index < tree_size => Some(index),
            Some(_) => asked.violation("tree_size", "is less than the position"),
            None => asked.violation("position", "is required: the first is 1"),
        };
        let index = asked.settle(index)?;
        let published = self.covering(position.max(tree_size)).await?;
        let newest = tree_size == 0 || tree_size == published.head.size;
        let size = if newest { published.head.size } else { tree_size };
        let included = self.included(index, size).await?;
        let beside = newest.then_some(&*published);
        Ok(Response::new(inclusion_proof(&included, beside)))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<pb::GetConsistencyProofRequest>,
    ) -> Result<Response<pb::ConsistencyProof>, Status> {
        Identity::of(&request)?;
        let pb::GetConsistencyProofRequest { from_size, to_size } = request.into_inner();
        let published = self.covering(from_size.max(to_size)).await?;
        let to = if to_size == 0 { published.head.size } else { to_size };
        let grown = self.ledger.consistency(from_size, to).await;
        let grown = grown.map_err(|error| status::of_read(&error))?;
        Ok(Response::new(pb::ConsistencyProof {
            from_size: grown.from.size,
            from_root: bytes_of(&grown.from.root),
            to_size: grown.to.size,
            to_root: bytes_of(&grown.to.root),
            hashes: grown.proof.hashes().iter().map(bytes_of).collect(),
        }))
    }

    async fn get_tile(
        &self,
        request: Request<pb::GetTileRequest>,
    ) -> Result<Response<pb::Tile>, Status> {
        Identity::of(&request)?;
        let pb::GetTileRequest { level, index, width } = request.into_inner();
        let mut asked = Asked::default();
        let tile = u8::try_from(level).ok().zip(width_of(width));
        let tile = tile.and_then(|(row, wide)| merkle::Tile::new(row, index, wide));
        let tile = tile.or_else(|| asked.violation("index", "no tree has such a tile"));
        let tile = asked.settle(tile)?;
        self.covering(tile.leaves().end).await?;
        let hashes = self.ledger.tile(tile).await.map_err(|error| status::of_read(&error))?;
        Ok(Response::new(pb::Tile { hashes }))
    }

    async fn get_entry_bundle(
        &self,
        request: Request<pb::GetEntryBundleRequest>,
    ) -> Result<Response<pb::EntryBundle>, Status> {
        let who = Identity::of(&request)?;
        must_have(&who, (Deed::GetEntryBundle, When::Inside), "entry bundles")?;
        let pb::GetEntryBundleRequest { index, width } = request.into_inner();
        let mut asked = Asked::default();
        let bundle = width_of(width).and_then(|width| merkle::EntryBundle::new(index, width));
        let bundle = bundle.or_else(|| asked.violation("index", "no ledger has such a bundle"));
        let bundle = asked.settle(bundle)?;
        self.covering(bundle.entries().end).await?;
        let before = Position::new(bundle.entries().start);
        accesses::note(&self.ledger, &who, (AccessKind::EntryBundles, None), before).await;
        let entries = self.ledger.entry_bundle(bundle).await;
        let entries = entries.map_err(|error| status::of_read(&error))?;
        Ok(Response::new(pb::EntryBundle { entries }))
    }

    async fn get_trail(
        &self,
        request: Request<pb::GetTrailRequest>,
    ) -> Result<Response<pb::Trail>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        reach.must_go_inside("trails")?;
        self.trail(&who, &reach, request.into_inner()).await.map(Response::new)
    }
}

impl TransparencyApi {
    async fn covering(&self, size: u64) -> Result<Arc<Published>, Status> {
        let found = self.ledger.checkpoint_covering(size).await;
        found.map_err(|error| status::of_read(&error))
    }

    async fn included(&self, index: u64, size: u64) -> Result<Included, Status> {
        let included = self.ledger.inclusion(index, size).await;
        included.map_err(|error| status::of_read(&error))
    }

    async fn trail(
        &self,
        who: &Identity,
        reach: &Reach,
        request: pb::GetTrailRequest,
    ) -> Result<pb::Trail, Status> {
        let mut asked = Asked::default();
        let id = asked.required("assessment", AssessmentId::parse(&request.assessment));
        let limit = match usize::try_from(request.page_size) {
            Ok(0) => Some(TRAIL_DEFAULT),
            Ok(size) => Some(size.min(TRAIL_MAX)),
            Err(_) => asked.violation("page_size", "is negative"),
        };
        let (id, limit) = asked.settle(id.zip(limit))?;
        let published = self.covering(request.min_size).await?;
        let until = Position::new(published.head.size);
        let read = |error: ReadError| status::of_read(&error);
        let revision = self.ledger.revision_at(&id, until).await.map_err(read)?;
        let seen = reads::is_seen_inside(&self.ledger, &id, reach).await?;
        let revision = revision.filter(|_| seen).ok_or_else(|| {
            let message = format!("{id} was not opened, as far as is signed");
            Problem::new(Reason::AssessmentNotFound, message).with("assessment", &id).status()
        })?;
        let of = Some(StreamId::Assessment(id.clone()));
        accesses::note(&self.ledger, who, (AccessKind::Trail, of), Position::START).await;
        let _turn = self.ledger.turn().await;
        let after = Revision::new(request.after_revision);
        let found = self.ledger.trail_after(&id, after, until, limit).await.map_err(read)?;
        let mut records = Vec::with_capacity(found.len());
        for record in found {
            let index = record.position.get().saturating_sub(1);
            let included = self.included(index, published.head.size).await?;
            records.push(pb::TrailRecord {
                position: record.position.get(),
                revision: record.revision.get(),
                record: record.stored,
                hashes: included.proof.hashes().iter().map(bytes_of).collect(),
            });
        }
        let checkpoint = Some(checkpoint(&published));
        Ok(pb::Trail { records, checkpoint, revision: revision.get() })
    }
}

fn width_of(given: u32) -> Option<u16> {
    if given == 0 { Some(merkle::Tile::FULL) } else { u16::try_from(given).ok() }
}

fn bytes_of(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

fn checkpoint(published: &Published) -> pb::Checkpoint {
    pb::Checkpoint {
        note: published.text.clone(),
        size: published.head.size,
        root: bytes_of(&published.head.root),
        keys: published.keys.iter().map(ToString::to_string).collect(),
    }
}

fn inclusion_proof(included: &Included, published: Option<&Published>) -> pb::InclusionProof {
    let file = |beside: &Published| {
        let (proof, note) = (included.proof.clone(), beside.note.clone());
        Bytes::from(TlogProof::new(included.index, proof, note).to_string())
    };
    pb::InclusionProof {
        index: included.index,
        tree_size: included.tree.size,
        hashes: included.proof.hashes().iter().map(bytes_of).collect(),
        root: bytes_of(&included.tree.root),
        leaf_hash: bytes_of(&included.leaf),
        checkpoint: published.map(checkpoint),
        tlog_proof: published.map(file).unwrap_or_default(),
    }
}
