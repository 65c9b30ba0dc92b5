//! What is read of a subject.

use tonic::Status;

use super::{moment, unknown};
use crate::{
    judgement::{Position, StreamId, SubjectId},
    ledger::{KnownAt, Ledger, Moment},
    pb,
    rpc::{
        asked::Asked,
        caller::Identity,
        show,
        sight::{Reach, Sight},
        status::{self, Reason},
    },
};

/// A subject. Registered reference data is for everybody to see, and so is which assessment is in
/// force: not its grades.
///
/// # Errors
/// `BadRequest`, `SUBJECT_NOT_FOUND`, or why the ledger cannot be read.
pub(crate) async fn get_subject(
    ledger: &Ledger,
    who: &Identity,
    request: pb::GetSubjectRequest,
) -> Result<pb::Subject, Status> {
    let mut asked = Asked::default();
    let name = asked.required("name", SubjectId::parse_name(&request.name));
    let day = asked.day("effective_at", request.effective_at.as_ref());
    let id = asked.settle(name)?;
    let known = match request.known_at_position {
        0 => KnownAt::Now,
        position => KnownAt::Position(Position::new(position)),
    };
    let moment = moment(ledger, known).await?;
    let read = ledger.subject(&id, moment).await.map_err(|error| status::of_read(&error))?;
    let stream = StreamId::Subject(id.clone());
    let unknown = || unknown(Reason::SubjectNotFound, "subject", &stream, "is not registered");
    let read = read.ok_or_else(unknown)?;
    let current = Box::pin(current(ledger, &Reach::of(who), &id, moment)).await?;
    Ok(pb::Subject { current, names: show::names(&read), ..show::subject(&read, day) })
}

/// What holds of a subject at a moment, as far as the caller may know that there is something.
pub(super) async fn current(
    ledger: &Ledger,
    reach: &Reach,
    subject: &SubjectId,
    moment: Moment,
) -> Result<Vec<pb::CurrentAssessment>, Status> {
    let current =
        ledger.current_of(subject, moment, |framework| reach.on(framework) == Sight::All).await;
    let current = current.map_err(|error| status::of_read(&error))?;
    Ok(current.into_iter().map(|(family, it)| show::current(family, &it)).collect())
}
