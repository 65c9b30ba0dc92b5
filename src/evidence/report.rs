//! What a verification found, once all of it holds.

use super::{examination::Examined, texts::TextCounts, trust::CheckedCheckpoint};

/// A verification that found nothing wrong: what was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// How many records there are.
    pub records: u64,
    /// How many streams they make.
    pub streams: u64,
    /// The root of the tree over them: 64 hexadecimal digits.
    pub root: String,
    /// What became of their texts.
    pub texts: TextCounts,
    /// The checkpoints that hold, and who vouches for them.
    pub checkpoints: Vec<CheckedCheckpoint>,
    /// The keys of the log, as it names them itself.
    pub keys: Vec<String>,
    /// What is odd and harms nothing: a sentence each.
    pub remarks: Vec<String>,
}

impl Report {
    pub(super) fn new(
        examined: Examined,
        checkpoints: Vec<CheckedCheckpoint>,
        remarks: Vec<String>,
    ) -> Self {
        let Examined { size, root, streams, texts, keys } = examined;
        let root = root.to_string();
        Self { records: size, streams, root, texts, checkpoints, keys, remarks }
    }
}
