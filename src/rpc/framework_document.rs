//! Where the framework's own reader is plugged in: `crate::record::framework_of`.

use crate::{judgement::Framework, pb};

/// The framework that a message describes, or every fault of it: (path, what is wrong there).
pub(super) fn framework_of(message: &pb::Framework) -> Result<Framework, Vec<(String, String)>> {
    // To be switched on when `record` is merged:
    // `crate::record::framework_of(message)
    //      .map_err(|faults| faults.into_iter().map(|it| (it.path, it.what)).collect())`
    let what = format!("of {} areas cannot be read by this version", message.areas.len());
    Err(vec![(String::new(), what)])
}
