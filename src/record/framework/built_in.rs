//! The frameworks that every ledger begins with: data files, checked like any other.

use super::{BadJson, framework_from_json};
use crate::pb;

pub(super) const FILES: [&str; 6] = [
    include_str!("../../frameworks/apa-2005.json"),
    include_str!("../../frameworks/apa-2006.json"),
    include_str!("../../frameworks/apa-2007.json"),
    include_str!("../../frameworks/apa-2008.json"),
    include_str!("../../frameworks/sif-2013.json"),
    include_str!("../../frameworks/report-card-2025.json"),
];

/// The built-in frameworks, oldest first. (Spec §3.6)
///
/// # Errors
/// None in fact: a test reads and checks every file.
pub fn built_in() -> Result<Vec<pb::Framework>, BadJson> {
    FILES.into_iter().map(framework_from_json).collect()
}
