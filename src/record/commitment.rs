//! Commitments: what a record holds in the place of a text.
//!
//! A commitment binds the ledger to a text without telling it. Who holds the text and its opening
//! can prove that just this text stood there; who has neither learns nothing, not even by guessing
//! short texts, because the opening is 32 random bytes. Once text and opening are erased, the
//! commitment stays in the record, the record's hash stays as it was, and every proof still holds.
//!
//! The format is frozen; another one would be another type in the record.

use std::{fmt, sync::LazyLock};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::judgement::Text;

/// The domain of this use of HMAC, and its key. The version is part of it.
const DOMAIN: &[u8; 35] = b"judgement-ledger/text-commitment/v1";

/// The block of SHA-256, to which HMAC fills every shorter key with zeros (RFC 2104 §2). Filled
/// here already, the key has the one length for which making an HMAC cannot fail.
const HMAC_BLOCK_BYTES: usize = 64;

/// The HMAC under that key with nothing in it yet: the key takes a block of SHA-256 at either end,
/// which need not be hashed again for every text.
static KEYED: LazyLock<Hmac<Sha256>> = LazyLock::new(|| Hmac::new(&key().into()));

/// The secret salt of one commitment: 32 random bytes, drawn anew for every text of every record.
///
/// It is sealed beside its text and erased with it. `Debug` does not show it, and its memory is
/// zeroed when it is dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Opening([u8; Self::BYTES]);

impl Opening {
    /// The length of an opening, in bytes.
    pub const BYTES: usize = 32;

    /// The opening that consists of `bytes`. To make a new one, fill them from the passed-in
    /// source of randomness.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the opening. Who has them and the text can prove the text for ever.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(<secret>)")
    }
}

/// The salted commitment to one text of one record: 32 bytes, public as the record is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; Self::BYTES]);

impl Commitment {
    /// The length of a commitment, in bytes.
    pub const BYTES: usize = 32;

    /// The commitment to `text` as the field `field` of the record `record_id`:
    /// `HMAC-SHA256("judgement-ledger/text-commitment/v1", opening ‖ u32 16 ‖ record id ‖
    /// u32 length ‖ field ‖ u32 length ‖ text)`, lengths in bytes, big-endian.
    ///
    /// Record and field are in it so that a text cannot be moved; the lengths are in it so that no
    /// two fields and texts run together into the same bytes.
    #[must_use]
    pub fn to(opening: &Opening, record_id: Uuid, field: &str, text: &Text) -> Self {
        Self(mac(opening, record_id, field, text).finalize().into_bytes().into())
    }

    /// Whether this is the commitment to `text` under `opening`. The time it takes does not tell
    /// where the two differ.
    #[must_use]
    pub fn admits(&self, opening: &Opening, record_id: Uuid, field: &str, text: &Text) -> bool {
        mac(opening, record_id, field, text).verify_slice(&self.0).is_ok()
    }

    /// The commitment that consists of `bytes`, as a record holds them.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the commitment, as a record holds them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commitment(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

fn mac(opening: &Opening, record_id: Uuid, field: &str, text: &Text) -> Hmac<Sha256> {
    let mut mac = KEYED.clone();
    mac.update(opening.as_bytes());
    for part in [record_id.as_bytes(), field.as_bytes(), text.as_str().as_bytes()] {
        mac.update(&length(part).to_be_bytes());
        mac.update(part);
    }
    mac
}

/// The domain, filled with zeros.
fn key() -> [u8; HMAC_BLOCK_BYTES] {
    let mut key = [0; HMAC_BLOCK_BYTES];
    for (byte, of_domain) in key.iter_mut().zip(DOMAIN) {
        *byte = *of_domain;
    }
    key
}

/// A record id has 16 bytes, a text 65,536 at most and a field's name is ours and short: no length
/// ever comes near the limit at which it would saturate.
fn length(part: &[u8]) -> u32 {
    u32::try_from(part.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        Opening::new(std::array::from_fn(|index| u8::try_from(index).unwrap()))
    }

    fn record() -> Uuid {
        Uuid::parse_str("018f0000-0000-7000-8000-000000000001").unwrap()
    }

    fn text(text: &str) -> Text {
        Text::parse(text).unwrap()
    }

    #[test]
    fn commitments_are_those_of_the_published_vectors() {
        for (content, expected) in [
            (
                "Requires improvement – see visit 12",
                "0a6a48f53fec94f95bb063418b154f1713443f8226e2afdcbaa7245f8a70439d",
            ),
            ("", "51a4d8e47d0339c6a269cd08b7d1e64942cdcb62403cf4d429296d92eabe078d"),
        ] {
            let commitment = Commitment::to(&opening(), record(), "narrative", &text(content));
            assert_eq!(format!("{commitment:?}"), format!("Commitment({expected})"));
            assert!(commitment.admits(&opening(), record(), "narrative", &text(content)));
        }
    }

    #[test]
    fn a_commitment_admits_nothing_else() {
        let content = text("Requires improvement");
        let commitment = Commitment::to(&opening(), record(), "narrative", &content);
        let other_opening = Opening::new([7; Opening::BYTES]);
        assert!(!commitment.admits(&other_opening, record(), "narrative", &content));
        assert!(!commitment.admits(&opening(), Uuid::nil(), "narrative", &content));
        assert!(!commitment.admits(&opening(), record(), "rationale", &content));
        assert!(!commitment.admits(&opening(), record(), "narrative", &text("Requires")));
        // The same bytes in a row, but cut elsewhere.
        let moved = text("eRequires improvement");
        assert!(!commitment.admits(&opening(), record(), "narrativ", &moved));
    }

    #[test]
    fn an_opening_never_shows_itself() {
        assert_eq!(format!("{:?}", opening()), "Opening(<secret>)");
    }
}
