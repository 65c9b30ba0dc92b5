//! Proofs in a file: that an entry is in a log, verified without a network. (C2SP tlog-proof)

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    checkpoint::{Checkpoint, CheckpointError, Origin},
    decimal::parse_decimal,
    hash::{Hash, leaf_hash},
    key::{Verified, Verifier},
    note::SignedNote,
    proof::{InclusionProof, ProofError},
};

/// The first line of the format's first version.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// No path from a leaf to a root has more hashes: sizes are u64.
pub(super) const HASHES_MAX: usize = 64;

/// An inclusion proof with all that it takes to verify it but the entry and the keys. It displays
/// as the file is written. (C2SP tlog-proof "Format")
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Vec<u8>,
    index: u64,
    inclusion: InclusionProof,
    checkpoint: SignedNote,
}

impl TlogProof {
    /// What such files are called after their last dot.
    pub const FILE_EXTENSION: &str = "tlog-proof";

    /// The longest file that is read, in bytes: a checkpoint of the greatest length, and beside it
    /// more than any text that a person types.
    pub const BYTES_MAX: usize = 4_000_000;

    /// The proof for the entry at `index` of the log in the tree of this checkpoint.
    #[must_use]
    pub const fn new(index: u64, inclusion: InclusionProof, checkpoint: SignedNote) -> Self {
        Self { extra: Vec::new(), index, inclusion, checkpoint }
    }

    /// The proof with bytes beside it, which it does not vouch for: the place for what opens a
    /// commitment that the entry holds.
    #[must_use]
    pub fn with_extra(self, extra: Vec<u8>) -> Self {
        Self { extra, ..self }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `TooLong`, or `Malformed` for what is no proof or not written in the one way there is.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(TlogProofError::TooLong);
        }
        let text = str::from_utf8(bytes).map_err(|_| TlogProofError::Malformed)?;
        Self::read(text).ok_or(TlogProofError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        // No line before the checkpoint is empty.
        let (head, checkpoint) = text.split_once("\n\n")?;
        let rest = head.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?;
        let (extra, rest) = match rest.strip_prefix("extra ") {
            None => (Vec::new(), rest),
            Some(rest) => {
                let (encoded, rest) = rest.split_once('\n')?;
                let extra = STANDARD.decode(encoded).ok().filter(|extra| !extra.is_empty())?;
                (extra, rest)
            }
        };
        let mut lines = rest.split('\n');
        let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
        let inclusion = InclusionProof::new(parse_hashes(lines)?);
        let checkpoint = SignedNote::parse(checkpoint.as_bytes()).ok()?;
        Some(Self { extra, index, inclusion, checkpoint })
    }

    /// Bytes that came with the proof and that nobody vouches for; empty if none came.
    #[must_use]
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }

    /// Which entry of the log, from 0, the proof is for.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The hashes from the entry to the root.
    #[must_use]
    pub const fn inclusion(&self) -> &InclusionProof {
        &self.inclusion
    }

    /// The checkpoint with all its signatures, of which none is believed yet.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedNote {
        &self.checkpoint
    }

    /// Checks that `entry` is in the log of this origin, for which one of the `log`'s keys
    /// vouches, and says which of the `witnesses` saw the checkpoint. Whether they are enough is
    /// the caller's to say. (C2SP tlog-proof "Verifying a tlog proof")
    ///
    /// # Errors
    /// `Checkpoint` for one that is not believed, a bad cosignature of a known witness included;
    /// `Inclusion` for a proof that does not lead from the entry to its root.
    pub fn verify(
        &self,
        entry: &[u8],
        origin: &Origin,
        log: &[Verifier],
        witnesses: &[Verifier],
    ) -> Result<Proven, TlogProofError> {
        // 1. "Compute the leaf hash."
        let leaf = leaf_hash(entry);
        // 2. "Check that the checkpoint origin line is acceptable, and that the checkpoint is
        // signed by a log public key".
        let checkpoint = Checkpoint::open(&self.checkpoint, origin, log)?;
        // 3. "Verify all cosignatures for witnesses known to the verifier."
        let cosigned = self.checkpoint.verify(witnesses).map_err(CheckpointError::from)?;
        // 4. "Check that the inclusion proof is valid".
        self.inclusion.verify(&leaf, self.index, checkpoint.head())?;
        Ok(Proven { checkpoint, cosigned })
    }
}

/// Reads hashes, one a line: as many as a path may have.
pub(super) fn parse_hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    let hashes = lines.map(|line| Hash::from_base64(line).ok()).take(HASHES_MAX.saturating_add(1));
    hashes.collect::<Option<Vec<_>>>().filter(|hashes| hashes.len() <= HASHES_MAX)
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.inclusion.hashes().iter().try_for_each(|it| writeln!(f, "{}", it.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What a proof that holds shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The checkpoint whose tree has the entry.
    pub checkpoint: Checkpoint,
    /// Which of the known witnesses saw the checkpoint, and when.
    pub cosigned: Vec<Verified>,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The file has not the form of a proof.
    #[error("this is not a proof of the form {FIRST_LINE}")]
    Malformed,
    /// The file is longer than any that is read.
    #[error("a proof has at most {} bytes", TlogProof::BYTES_MAX)]
    TooLong,
    /// The checkpoint is not believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}
