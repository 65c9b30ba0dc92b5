//! Reads: not served by this build.

use tonic::Status;

use super::{Identity, status};
use crate::{
    ledger::{Ledger, ReadError},
    pb,
};

macro_rules! not_served {
    ($($name:ident($request:ident) -> $answer:ident;)+) => {
        $(
            pub(super) async fn $name(
                _ledger: &Ledger,
                _identity: &Identity,
                _asked: pb::$request,
            ) -> Result<pb::$answer, Status> {
                Err(not_served())
            }
        )+
    };
}

not_served! {
    get_assessment(GetAssessmentRequest) -> Assessment;
    list_assessments(ListAssessmentsRequest) -> ListAssessmentsResponse;
    get_framework(GetFrameworkRequest) -> Framework;
    list_frameworks(ListFrameworksRequest) -> ListFrameworksResponse;
    get_subject(GetSubjectRequest) -> Subject;
    list_subjects(ListSubjectsRequest) -> ListSubjectsResponse;
}

/// The answer in place of a read.
pub(super) fn not_served() -> Status {
    status::of_read(&ReadError::Rebuilding)
}
