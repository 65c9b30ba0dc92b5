//! The other assessments of a subject that are in force: what a withdrawal may fall back to.

use std::sync::Arc;

use super::{SubmitError, staging::Stage};
use crate::judgement::{Assessment, AssessmentId, Peer, StreamId, latest_first};

/// The assessments in force of the subject of `id`, but for `id` itself, latest first: in the group
/// so far, else in the journal.
pub(super) async fn of(stage: &mut Stage<'_>, id: &AssessmentId) -> Result<Vec<Peer>, SubmitError> {
    let same = |other: &AssessmentId| other.subject() == id.subject() && other != id;
    let mut others = stage.desk.fold.opened_of(id.subject(), stage.head).await?;
    let staged = stage.outlook.streams.values().filter_map(|it| it.assessment.as_deref());
    others.extend(staged.map(|assessment| assessment.id.clone()));
    others.retain(same);
    others.sort_unstable();
    others.dedup();
    let mut found: Vec<Arc<Assessment>> = Vec::with_capacity(others.len());
    for other in others {
        let stream = stage.stream(&StreamId::Assessment(other)).await?;
        found.extend(stream.and_then(|stream| stream.assessment));
    }
    let latest = latest_first(found.iter().map(AsRef::as_ref)).into_iter();
    let in_force = latest.filter(|assessment| assessment.in_force().is_some());
    let peer =
        |it: &Assessment| Peer { assessment: it.id.clone(), framework: it.framework.clone() };
    Ok(in_force.map(peer).collect())
}
