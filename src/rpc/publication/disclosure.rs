//! `GetDisclosure`: what one recipient may see, and nothing else.

use tonic::Status;

use super::{SeenBy, feeds, published};
use crate::{
    judgement::{AssessmentId, Feed},
    ledger::{AssessmentRead, KnownAt, Ledger},
    pb,
    rpc::{
        asked::Asked,
        caller::Identity,
        reads,
        show::{self, Detail, Scope},
        sight::{Reach, Recipient},
        status,
    },
};

/// What a recipient may see of a published edition. (Spec §5, `GetDisclosure`)
///
/// # Errors
/// `NOT_PERMITTED`, `BadRequest`, `ASSESSMENT_NOT_FOUND`, `EDITION_NOT_FOUND`, or why the ledger
/// cannot be read.
pub(in crate::rpc) async fn get_disclosure(
    ledger: &Ledger,
    who: &Identity,
    request: pb::GetDisclosureRequest,
) -> Result<pb::Disclosure, Status> {
    let mut asked = Asked::default();
    let name = asked.required("name", AssessmentId::parse(&request.name));
    let recipient = Recipient::take(&mut asked, who, &request.recipient);
    let (name, recipient) = asked.settle(name.zip(recipient))?;
    let seen_by = SeenBy::asked(recipient.clone(), who)?;

    reads::reached(ledger, request.min_position).await?;
    let (at, reach) = ((request.edition, KnownAt::Now), Reach::of(who));
    let (read, sight) = published(ledger, &name, at, (&reach, Some(seen_by))).await?;
    let edition = read.assessment.published.last().ok_or_else(status::defect)?;
    let (number, letter_date) = (edition.number, edition.letter_date);
    let framework = read.framework.framework.as_ref();
    let subject = name.subject();
    let audiences = framework.audiences.iter().filter(|it| recipient.belongs_to(it, subject));
    let scope = Scope { detail: Detail::Grades, sight, as_stated: false };
    let shown = reads::shown(ledger, &read, &scope, Vec::new()).await?;
    Ok(pb::Disclosure {
        name: name.to_string(),
        recipient: recipient.to_string(),
        audiences: audiences.map(ToString::to_string).collect(),
        edition: number,
        letter_date: Some(show::date(letter_date)),
        judgements: shown.judgements,
        letter: recipient.gets_letter(framework, subject),
        feeds: fed(&read, &recipient)?,
        read: Some(show::moment(read.moment)),
    })
}

/// The scores that a recipient is fed: of areas that it sees.
fn fed(read: &AssessmentRead, recipient: &Recipient) -> Result<Vec<pb::DisclosedFeed>, Status> {
    let feeds = feeds(read)?;
    let feeds = feeds.iter().filter(|feed| is_fed(read, feed, recipient));
    let shown = feeds.map(|feed| pb::DisclosedFeed {
        area: feed.area.to_string(),
        scheme: feed.scheme.clone(),
        block: feed.block.clone(),
    });
    Ok(shown.collect())
}

/// Whether a feed takes the grade of an area of this assessment to `recipient`: it must be the
/// feed's consumer, and see the area.
pub(super) fn is_fed(read: &AssessmentRead, feed: &Feed, recipient: &Recipient) -> bool {
    let subject = read.assessment.id.subject();
    let area = read.framework.framework.area(&feed.area);
    recipient.belongs_to(&feed.consumer, subject)
        && area.is_some_and(|area| recipient.sees(area, subject))
}
