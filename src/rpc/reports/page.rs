//! How comparisons are shown.

use crate::{judgement::Comparison, pb};

/// How two judgements compare, as the API says it.
pub(super) fn comparison(comparison: Comparison) -> i32 {
    i32::from(match comparison {
        Comparison::Raised => pb::Comparison::Raised,
        Comparison::Lowered => pb::Comparison::Lowered,
        Comparison::Same => pb::Comparison::Same,
        Comparison::New => pb::Comparison::New,
        Comparison::Dropped => pb::Comparison::Dropped,
        Comparison::NotComparable => pb::Comparison::NotComparable,
    })
}
