//! The portable proof of a score: that the grade was set, and that an edition published it to the
//! consumer. It reveals no other area: of what else the audience sees it holds salted hashes.

use tonic::Status;

use crate::{
    judgement::{AudienceDigest, Event, Feed, Item, Position, audience_proof},
    ledger::{AsOf, AssessmentRead, KnownAt, Ledger, View},
    merkle::TlogProof,
    pb,
    rpc::{
        covering::{Covering, covering},
        reads,
        sight::Recipient,
        status,
    },
};

/// The proof of what an edition published of a feed's area; nothing where no grade was set, or while
/// no checkpoint covers the records.
pub(super) async fn of(
    ledger: &Ledger,
    recipient: &Recipient,
    read: &AssessmentRead,
    feed: &Feed,
) -> Result<Option<pb::FeedProof>, Status> {
    let Some(judgement) = read.assessment.judgements.get(&feed.area) else { return Ok(None) };
    let Some(edition) = read.assessment.published.last() else { return Ok(None) };
    let failed = |error| status::of_read(&error);
    let publication = ledger.record(edition.item.at).await.map_err(failed)?;
    let Event::AssessmentPublished(published) = &publication.event else { return Ok(None) };
    let subject = read.assessment.id.subject();
    let framework = read.framework.framework.as_ref();
    let sees = |digest: &&AudienceDigest| {
        let area = framework.area(&feed.area);
        recipient.belongs_to(&digest.audience, subject)
            && area.is_some_and(|area| area.visible_to.contains(&digest.audience))
    };
    let Some(digest) = published.audiences.iter().find(sees) else { return Ok(None) };
    let Some(item) = item(ledger, read, edition.item.at, (digest, &judgement.item)).await? else {
        tracing::error!(record = %judgement.item.at, "a published grade is not under its digest");
        return Ok(None);
    };
    let grade = ledger.record(judgement.item.at).await.map_err(failed)?;
    let Ok(covering) = covering(ledger, edition.item.at).await else { return Ok(None) };
    Ok(Some(pb::FeedProof {
        grade_record: grade.stored,
        grade_proof: in_log(ledger, &covering, judgement.item.at).await?,
        publication_record: publication.stored.clone(),
        publication_proof: in_log(ledger, &covering, edition.item.at).await?,
        audience: digest.audience.to_string(),
        ..item
    }))
}

/// Where the grade is among what the audience saw when the edition was published.
async fn item(
    ledger: &Ledger,
    read: &AssessmentRead,
    published_at: Position,
    (digest, item): (&AudienceDigest, &Item),
) -> Result<Option<pb::FeedProof>, Status> {
    let before = Position::new(published_at.get().saturating_sub(1));
    let (view, known) = (View::Working, KnownAt::Position(before));
    let as_of = AsOf { view, known, effective: None, stated: None };
    let Some(then) = reads::opened(ledger, &read.assessment.id, as_of).await? else {
        return Ok(None);
    };
    let framework = then.framework.framework.as_ref();
    let proof = audience_proof(&then.assessment, framework, digest, item);
    Ok(proof.map(|proof| pb::FeedProof {
        item_index: proof.index,
        items: proof.items,
        item_path: proof.path.hashes().iter().map(|hash| hash.as_bytes().to_vec().into()).collect(),
        ..pb::FeedProof::default()
    }))
}

async fn in_log(ledger: &Ledger, covering: &Covering, at: Position) -> Result<String, Status> {
    let index = at.get().saturating_sub(1);
    let included = ledger.inclusion(index, covering.head.size).await;
    let included = included.map_err(|error| status::of_read(&error))?;
    Ok(TlogProof::new(index, included.proof, covering.signed.clone()).to_string())
}
