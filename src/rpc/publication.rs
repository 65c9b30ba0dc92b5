//! What leaves the ledger once it is published: letters, disclosures, scores. (Spec §5)
//!
//! Who sees what of it is decided by [`super::sight`]; what a letter looks like, by
//! [`crate::letter`].

mod disclosure;
mod feed;
mod letter;
mod proof;

use tonic::Status;

use super::{
    reads,
    sight::Sight,
    status::{self, Problem, Reason},
};
use crate::{
    judgement::AssessmentId,
    ledger::{AsOf, AssessmentRead, Holds, KnownAt, Ledger, View},
    pb,
    record::{feeds_of, layout_of},
};

pub(super) use disclosure::get_disclosure;
pub(super) use feed::{Scores, get_feed};
pub(super) use letter::render_letter;

/// A published edition as it was when it was published, as far as that is known at a moment; 0 means
/// the one in force. It is read by `sight`, for a caller whose own sight is `own`: only who sees all
/// learns that there is something that is not published, and reads by its number what was withdrawn.
async fn published(
    ledger: &Ledger,
    name: &AssessmentId,
    (edition, known): (u32, KnownAt),
    (own, sight): (&Sight, &Sight),
) -> Result<AssessmentRead, Status> {
    let view = if edition == 0 { View::Published } else { View::Edition(edition) };
    let as_of = AsOf { view, known, effective: None, stated: None };
    let hidden = |read: &AssessmentRead| {
        read.holds == Holds::Withdrawn
            || (reads::is_public(sight) && reads::was_withdrawn(read, view))
    };
    match reads::opened(ledger, name, as_of).await? {
        Some(read) if !hidden(&read) => Ok(read),
        Some(read) if !reads::is_public(own) => Err(withdrawn(&read)),
        Some(_) | None => Err(Box::pin(reads::absent(ledger, name, as_of, own)).await),
    }
}

/// Nothing is in force, since what was has been withdrawn.
fn withdrawn(read: &AssessmentRead) -> Status {
    let id = &read.known.id;
    let last = read.known.published.last();
    let (number, by) = last.map_or((0, 0), |edition| {
        let by = edition.withdrawn.as_ref().map_or(0, |withdrawn| withdrawn.item.at.get());
        (edition.number, by)
    });
    let message = format!(
        "edition {number} of {id} was withdrawn by record {by}: nothing is in force; ask for the \
         edition by its number to see it as it was"
    );
    let problem = Problem::new(Reason::EditionNotFound, message);
    problem.with("assessment", id).with("edition", number).status()
}

/// How the framework of an assessment lays out letters.
fn layout(read: &AssessmentRead) -> Result<crate::judgement::Layout, Status> {
    layout_of(&document(read)?).map_err(|_| status::defect())
}

/// Where the framework of an assessment feeds grades to.
fn feeds(read: &AssessmentRead) -> Result<Vec<crate::judgement::Feed>, Status> {
    feeds_of(&document(read)?).map_err(|_| status::defect())
}

fn document(read: &AssessmentRead) -> Result<pb::Framework, Status> {
    super::show::framework(&read.framework).map_err(|error| status::of_read(&error))
}
