//! Cosignatures: a witness says when it saw which checkpoint, and that the log only grew until
//! then. (C2SP tlog-cosignature, Ed25519)

use ed25519_dalek::VerifyingKey;

use super::{
    checkpoint::Checkpoint,
    key::{KeyName, SignatureType, Signer, Verifier, verifies},
    note::Signature,
};

/// A POSIX time in whole seconds, as a witness states it: at most 2^63 − 1.
/// (C2SP tlog-cosignature "Format")
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PosixTime(u64);

impl PosixTime {
    /// The time so many seconds after the epoch; `None` beyond 2^63 − 1.
    #[must_use]
    pub fn new(seconds: u64) -> Option<Self> {
        i64::try_from(seconds).is_ok().then_some(Self(seconds))
    }

    /// The seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

/// What a cosignature signs: a header, the time, and the whole text of the checkpoint.
/// (C2SP tlog-cosignature "Ed25519 signed message")
fn message(time: PosixTime, checkpoint: &str) -> String {
    format!("cosignature/v1\ntime {}\n{checkpoint}", time.0)
}

/// The time that a good cosignature states: `u64 time ‖ 64 bytes of signature`.
/// (C2SP tlog-cosignature "Format")
pub(super) fn verify(key: &VerifyingKey, checkpoint: &str, blob: &[u8]) -> Option<PosixTime> {
    let (seconds, signature) = blob.split_first_chunk()?;
    let time = PosixTime::new(u64::from_be_bytes(*seconds))?;
    verifies(key, message(time, checkpoint).as_bytes(), signature).then_some(time)
}

/// A witness's key: Ed25519, type `0x04`. It signs checkpoints only. One key belongs to one
/// cosigner, since what is signed does not name it. (C2SP tlog-cosignature)
///
/// Whether the log is consistent with what the witness saw before is the witness's to check, and
/// to keep, before it signs. (C2SP tlog-witness)
#[derive(Debug)]
pub struct Cosigner(Signer);

impl Cosigner {
    /// The cosigner whose secret key is `seed`: the 32 random bytes of RFC 8032 §5.1.5.
    #[must_use]
    pub fn new(name: KeyName, seed: &[u8; 32]) -> Self {
        Self(Signer::new(name, seed))
    }

    /// The public side of the key, by which its cosignatures are verified.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.0.verifier_of(SignatureType::Cosignature)
    }

    /// States that the checkpoint was the newest one seen of its log at this time.
    #[must_use]
    pub fn cosign(&self, checkpoint: &Checkpoint, time: PosixTime) -> Signature {
        let signature = self.0.sign_bytes(message(time, &checkpoint.to_string()).as_bytes());
        let blob = [time.0.to_be_bytes().as_slice(), signature.as_slice()].concat();
        Signature::new(self.0.name().clone(), self.verifier().id(), blob)
    }
}
