//! What a log and a witness say to each other. (C2SP tlog-witness)
//!
//! The bodies of requests and answers only: who sends them, and what a witness remembers, is said
//! elsewhere.

use std::fmt;

use super::{
    checkpoint::Origin,
    decimal::parse_decimal,
    digest::sha256,
    key::Verifier,
    note::{NoteError, Signature, SignedNote},
    proof::ConsistencyProof,
    tlog_proof::parse_hashes,
};

/// The request of a log that its checkpoint be cosigned: the body of `POST
/// <submission prefix>/add-checkpoint`, as which it displays. (C2SP tlog-witness "add-checkpoint")
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: ConsistencyProof,
    checkpoint: SignedNote,
}

impl AddCheckpoint {
    /// Where the request goes, below the witness's submission prefix.
    pub const PATH: &str = "add-checkpoint";

    /// "The client MUST NOT send more than 63 consistency proof lines."
    pub const HASHES_MAX: usize = 63;

    /// The request to cosign a checkpoint, given the size that the witness cosigned last and the
    /// proof from there.
    ///
    /// # Errors
    /// `Malformed` for a proof of more hashes than may be sent.
    pub fn new(
        old: u64,
        proof: ConsistencyProof,
        checkpoint: SignedNote,
    ) -> Result<Self, WitnessError> {
        if proof.hashes().len() > Self::HASHES_MAX {
            return Err(WitnessError::Malformed);
        }
        Ok(Self { old, proof, checkpoint })
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// `Malformed` for any other bytes.
    pub fn parse(body: &[u8]) -> Result<Self, WitnessError> {
        Self::read(body).ok_or(WitnessError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (head, checkpoint) = str::from_utf8(body).ok()?.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = parse_decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof = ConsistencyProof::new(parse_hashes(lines)?);
        Self::new(old, proof, SignedNote::parse(checkpoint.as_bytes()).ok()?).ok()
    }

    /// The size that the log believes the witness to have cosigned last.
    #[must_use]
    pub const fn old(&self) -> u64 {
        self.old
    }

    /// The proof from that size to the checkpoint's.
    #[must_use]
    pub const fn proof(&self) -> &ConsistencyProof {
        &self.proof
    }

    /// The checkpoint to cosign.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedNote {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.hashes().iter().try_for_each(|it| writeln!(f, "{}", it.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// A witness's answer to a request that it grants (200): signature lines, as which it displays.
/// None of them is believed yet: see [`Cosignatures::add_to`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignatures(Vec<Signature>);

impl Cosignatures {
    /// The answer of these signatures.
    #[must_use]
    pub const fn new(signatures: Vec<Signature>) -> Self {
        Self(signatures)
    }

    /// Reads the body of an answer: one or more lines.
    ///
    /// # Errors
    /// `Malformed` for any other bytes, and for more than a note may have.
    pub fn parse(body: &[u8]) -> Result<Self, WitnessError> {
        Self::read(body).ok_or(WitnessError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        if body.len() > SignedNote::BYTES_MAX {
            return None;
        }
        let lines = str::from_utf8(body).ok()?.strip_suffix('\n')?.split('\n');
        let most = SignedNote::SIGNATURES_MAX;
        let signatures = lines.take(most.saturating_add(1)).map(|line| Signature::parse(line).ok());
        signatures.collect::<Option<Vec<_>>>().filter(|it| it.len() <= most).map(Self)
    }

    /// The signatures, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.0
    }

    /// The checkpoint with those of the signatures that are of these witnesses' keys; the others
    /// are ignored. ("It can move the valid signatures to its own view of the checkpoint.")
    ///
    /// # Errors
    /// `BadSignature` if one of these keys is said to have signed and has not, `NotSigned` if none
    /// of them has, or has without saying when; `TooManySignatures`.
    pub fn add_to(
        &self,
        checkpoint: &SignedNote,
        witnesses: &[Verifier],
    ) -> Result<SignedNote, NoteError> {
        let mut cosigned = checkpoint.clone();
        let mut signed = false;
        for signature in &self.0 {
            let known = |it: &&Verifier| signature.is_by(it.name(), it.id());
            let Some(witness) = witnesses.iter().find(known) else { continue };
            let verified = witness.verify(checkpoint.unverified_text(), signature);
            let Some(verified) = verified else {
                let (name, id) = (signature.name().clone(), signature.id());
                return Err(NoteError::BadSignature { name, id });
            };
            // "The timestamp MUST NOT be zero."
            if verified.time.is_none_or(|time| time.seconds() == 0) {
                return Err(NoteError::NotSigned);
            }
            cosigned.add(signature.clone())?;
            signed = true;
        }
        if signed { Ok(cosigned) } else { Err(NoteError::NotSigned) }
    }
}

impl fmt::Display for Cosignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// A witness's answer to a request from another size than the one that it cosigned last (409): that
/// size, on a line, as which it displays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CosignedSize(pub u64);

impl CosignedSize {
    /// The `Content-Type` of the answer.
    pub const CONTENT_TYPE: &str = "text/x.tlog.size";

    /// Reads the body of an answer.
    ///
    /// # Errors
    /// `Malformed` for any other bytes.
    pub fn parse(body: &[u8]) -> Result<Self, WitnessError> {
        let line = str::from_utf8(body).ok().and_then(|body| body.strip_suffix('\n'));
        line.and_then(parse_decimal).map(Self).ok_or(WitnessError::Malformed)
    }
}

impl fmt::Display for CosignedSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0)
    }
}

/// Where a witness shows the newest checkpoint that it cosigned of a log, below its monitoring
/// prefix. (C2SP tlog-witness "Monitor Retrieval Mechanism")
#[must_use]
pub fn monitoring_path(origin: &Origin) -> String {
    format!("{}/checkpoint", sha256(&[origin.as_str().as_bytes()]))
}

/// What was said is not of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The bytes are not what a log or a witness says here.
    #[error("this is not what logs and witnesses say to each other")]
    Malformed,
}
