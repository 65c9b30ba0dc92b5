//! A framework in a request, read by the one reader of frameworks.

use crate::{judgement::Framework, pb, record};

/// The framework that a message describes, or every fault of it: (path, what is wrong there).
pub(super) fn framework_of(message: &pb::Framework) -> Result<Framework, Vec<(String, String)>> {
    record::framework_of(message)
        .map_err(|faults| faults.into_iter().map(|fault| (fault.path, fault.what)).collect())
}
