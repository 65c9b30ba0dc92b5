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
    Identity, reads,
    sight::{Reach, Recipient, Sight},
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

/// A published edition as it was when it was published, as far as that is known at a moment, and what
/// is seen of it; 0 means the one in force. It is read for a recipient, else as the caller's own reach
/// allows: only who sees all learns that there is something that is not published, and reads by its
/// number what was withdrawn. Who asks for another recipient must see all of it.
async fn published(
    ledger: &Ledger,
    name: &AssessmentId,
    (edition, known): (u32, KnownAt),
    (reach, seen_by): (&Reach, Option<SeenBy>),
) -> Result<(AssessmentRead, Sight), Status> {
    let view = if edition == 0 { View::Published } else { View::Edition(edition) };
    let as_of = AsOf { view, known, effective: None, stated: None };
    let absent = || Box::pin(reads::absent(ledger, name, as_of, reach));
    let Some((read, own)) = reads::seen(ledger, name, as_of, reach).await? else {
        return Err(absent().await);
    };
    let sight = match seen_by {
        Some(SeenBy::Another(_)) if reads::is_public(&own) => return Err(absent().await),
        Some(SeenBy::Another(recipient) | SeenBy::Oneself(recipient)) => {
            Sight::Published(recipient)
        }
        None => own.clone(),
    };
    let hidden = read.holds == Holds::Withdrawn
        || (reads::is_public(&sight) && reads::was_withdrawn(&read, view));
    match (hidden, reads::is_public(&own)) {
        (false, _) => Ok((read, sight)),
        (true, false) => Err(withdrawn(&read)),
        (true, true) => Err(absent().await),
    }
}

/// By whom something is seen.
pub(super) enum SeenBy {
    /// By the caller's own organisation, as a recipient.
    Oneself(Recipient),
    /// By another recipient.
    Another(Recipient),
}

impl SeenBy {
    /// What a request asks for, if the caller may ask that.
    ///
    /// # Errors
    /// `NOT_PERMITTED`.
    fn asked(recipient: Recipient, who: &Identity) -> Result<Self, Status> {
        recipient.must_be_of(who)?;
        Ok(if recipient.is_of(who) { Self::Oneself(recipient) } else { Self::Another(recipient) })
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
