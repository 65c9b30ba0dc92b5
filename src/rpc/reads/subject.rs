//! What is read of a subject.

use tonic::Status;

use super::unknown;
use crate::{
    judgement::{StreamId, SubjectId},
    ledger::{Ledger, Moment},
    pb,
    rpc::{
        asked::Asked,
        caller::Identity,
        show,
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
    _who: &Identity,
    request: pb::GetSubjectRequest,
) -> Result<pb::Subject, Status> {
    let mut asked = Asked::default();
    let name = asked.required("name", SubjectId::parse_name(&request.name));
    let id = asked.settle(name)?;
    let read = ledger.subject(&id).await.map_err(|error| status::of_read(&error))?;
    let name = StreamId::Subject(id.clone());
    let unknown = || unknown(Reason::SubjectNotFound, "subject", &name, "is not registered");
    let subject = show::subject(&read.ok_or_else(unknown)?);
    let current = Box::pin(current(ledger, &id, ledger.head())).await?;
    Ok(pb::Subject { current, ..subject })
}

/// What holds of a subject at a moment.
pub(super) async fn current(
    ledger: &Ledger,
    subject: &SubjectId,
    moment: Moment,
) -> Result<Vec<pb::CurrentAssessment>, Status> {
    let current = ledger.current_of(subject, moment).await;
    let current = current.map_err(|error| status::of_read(&error))?;
    Ok(current.into_iter().map(|(family, it)| show::current(family, &it)).collect())
}
