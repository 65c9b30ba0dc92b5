//! The sealed texts of one record: the bytes that lie beside it in the journal. The format stands
//! at the [module](super).

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    judgement::{TEXT_BYTES_MAX, Text},
    record::{Commitment, Opening},
};

use super::{
    error::VaultError,
    secret::{NONCE_BYTES, SecretKey, TAG_BYTES},
    slot::Slot,
};

/// The shortest and the longest sealed text: opening, text and tag.
const SEALED_BYTES_MIN: usize = 48;
const SEALED_BYTES_MAX: usize = SEALED_BYTES_MIN + TEXT_BYTES_MAX;

/// The most that a u64 takes as a variable-length number.
const NUMBER_BYTES_MAX: usize = 10;

/// One text to be sealed, and where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Sealing<'a> {
    /// The record that holds the commitment.
    pub record_id: Uuid,
    /// The field of the record that holds it.
    pub field: &'a str,
    /// The commitment: that of `opening` and `text` in that field of that record.
    pub commitment: Commitment,
    /// The salt of the commitment.
    pub opening: &'a Opening,
    /// The text.
    pub text: &'a Text,
}

impl<'a> Sealing<'a> {
    /// Where the text belongs.
    #[must_use]
    pub const fn binding(&self) -> Binding<'a> {
        Binding { record_id: self.record_id, field: self.field, commitment: self.commitment }
    }
}

/// Where a sealed text belongs: what its record says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The record that holds the commitment.
    pub record_id: Uuid,
    /// The field of the record that holds it.
    pub field: &'a str,
    /// The commitment that stands there.
    pub commitment: Commitment,
}

impl Binding<'_> {
    /// What the cipher authenticates beside the text: `record id ‖ u32 length ‖ field ‖
    /// commitment`, so that a sealed text opens in its own place only.
    fn bound(&self) -> Vec<u8> {
        let field = self.field.as_bytes();
        // The length is that of a name of ours: it never comes near the limit.
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes();
        [self.record_id.as_bytes(), &length[..], field, self.commitment.as_bytes()].concat()
    }

    /// The nonce is the beginning of the commitment. The slot's key alone would allow a fixed
    /// nonce, being used once. The commitment differs with every opening, costs no byte more, and
    /// keeps two texts apart even if a key is used twice after all: when a virtual machine is
    /// rewound to a snapshot, say.
    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        for (byte, of_commitment) in nonce.iter_mut().zip(self.commitment.as_bytes()) {
            *byte = *of_commitment;
        }
        nonce
    }
}

/// Seals `texts` in order, each under the key beside it.
pub(super) fn seal<'a>(
    texts: impl ExactSizeIterator<Item = (&'a Sealing<'a>, &'a (Slot, SecretKey))> + Clone,
) -> Result<Vec<u8>, VaultError> {
    let numbers = |count: usize| count.saturating_mul(NUMBER_BYTES_MAX);
    let capacity = texts.clone().fold(numbers(1), |sum, (sealing, _)| {
        let sealed = SEALED_BYTES_MIN.saturating_add(sealing.text.len());
        sum.saturating_add(numbers(2)).saturating_add(sealed)
    });
    // Never grown, so that no copy of a text is left behind in freed memory.
    let mut blob = Vec::with_capacity(capacity);
    put_number(&mut blob, texts.len());
    for (sealing, (slot, key)) in texts {
        put_u64(&mut blob, slot.get());
        put_number(&mut blob, SEALED_BYTES_MIN.saturating_add(sealing.text.len()));
        let begin = blob.len();
        blob.extend_from_slice(sealing.opening.as_bytes());
        blob.extend_from_slice(sealing.text.as_str().as_bytes());
        let binding = sealing.binding();
        let (_, in_clear) = blob.split_at_mut(begin);
        let tag = key.seal(&binding.nonce(), &binding.bound(), in_clear)?;
        blob.extend_from_slice(&tag);
    }
    Ok(blob)
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    // No target that this compiles for has more than 64 bits.
    put_u64(bytes, u64::try_from(number).unwrap_or(u64::MAX));
}

/// Seven bits a byte, the lowest first; the top bit says that more follow (LEB128).
fn put_u64(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    loop {
        let [lowest, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            bytes.push(lowest);
            return;
        }
        bytes.push(lowest | 0x80);
    }
}

/// One sealed text, not opened yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SealedText<'a> {
    pub(super) slot: Slot,
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl SealedText<'_> {
    /// The opening and the text, if `key` and `binding` are those it was sealed with.
    pub(super) fn open(
        &self,
        key: &SecretKey,
        binding: &Binding<'_>,
    ) -> Result<(Opening, Text), VaultError> {
        let not_authentic = || VaultError::NotAuthentic { slot: self.slot };
        let mut clear = Zeroizing::new(self.ciphertext.to_vec());
        key.open(&binding.nonce(), &binding.bound(), &mut clear, self.tag)
            .map_err(|_| not_authentic())?;
        let (opening, text) = clear.split_first_chunk().ok_or_else(not_authentic)?;
        let opening = Opening::new(*opening);
        let text = str::from_utf8(text).map_err(|_| not_authentic())?;
        let text = Text::parse(text).map_err(|_| not_authentic())?;
        // The cipher alone does not commit to its key: the commitment has the last word.
        if !binding.commitment.admits(&opening, binding.record_id, binding.field, &text) {
            return Err(not_authentic());
        }
        Ok((opening, text))
    }
}

/// The slots that the sealed texts of a record name, in the order of the texts.
///
/// # Errors
/// `Malformed` if `blob` is not what [`Vault::seal`](super::Vault::seal) returned.
pub fn slots_of(blob: &[u8]) -> Result<Vec<Slot>, VaultError> {
    Ok(parse(blob)?.iter().map(|sealed| sealed.slot).collect())
}

/// Takes the sealed texts of a record apart. Only what [`seal`] writes is accepted: no number
/// longer than it need be, nothing after the last text, no blob for a record without texts.
pub(super) fn parse(blob: &[u8]) -> Result<Vec<SealedText<'_>>, VaultError> {
    if blob.is_empty() {
        return Ok(Vec::new());
    }
    let mut rest = Unread { blob, rest: blob };
    let count = rest.number()?;
    if count == 0 {
        return Err(rest.malformed("no text is sealed, yet there are bytes"));
    }
    let mut texts = Vec::new();
    for _ in 0..count {
        let slot = Slot::new(rest.number()?);
        texts.push(rest.text(slot)?);
    }
    if !rest.rest.is_empty() {
        return Err(rest.malformed("bytes follow the last text"));
    }
    Ok(texts)
}

/// The part of a blob that is not read yet.
struct Unread<'a> {
    blob: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Unread<'a> {
    fn number(&mut self) -> Result<u64, VaultError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err(self.malformed("the bytes are cut off"));
            };
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits || (*byte == 0 && shift > 0) {
                return Err(self.malformed("a number is too long"));
            }
            self.rest = rest;
            number |= shifted;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.malformed("a number is too long"))
    }

    fn text(&mut self, slot: Slot) -> Result<SealedText<'a>, VaultError> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if !(SEALED_BYTES_MIN..=SEALED_BYTES_MAX).contains(&length) {
            return Err(self.malformed("no text has this length"));
        }
        let parts = self.rest.split_off(..length).and_then(<[u8]>::split_last_chunk);
        let (ciphertext, tag) = parts.ok_or_else(|| self.malformed("the bytes are cut off"))?;
        Ok(SealedText { slot, ciphertext, tag })
    }

    fn malformed(&self, what: &'static str) -> VaultError {
        let offset = self.blob.len().saturating_sub(self.rest.len());
        VaultError::Malformed { offset, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written() {
        for number in [0, 1, 127, 128, 1024, 16_383, 16_384, u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_u64(&mut bytes, number);
            assert!(bytes.len() <= NUMBER_BYTES_MAX);
            let mut unread = Unread { blob: &bytes, rest: &bytes };
            assert_eq!(unread.number().unwrap(), number);
            assert!(unread.rest.is_empty());
        }
    }

    #[test]
    fn a_number_has_one_form() {
        let too_long: [&[u8]; 4] = [&[0x80, 0x00], &[0x81, 0x80, 0x00], &[0xff; 10], &[0x80; 11]];
        for bytes in too_long {
            let error = Unread { blob: bytes, rest: bytes }.number().unwrap_err();
            assert!(error.to_string().ends_with("a number is too long"), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn malformed_blobs_are_refused() {
        let mut text = vec![1, 5, 48];
        text.extend([0; 48]);
        assert_eq!(slots_of(&text).unwrap(), [Slot::new(5)]);
        for end in 1..text.len() {
            assert!(parse(&text[..end]).is_err(), "{end}");
        }
        let mut long = text.clone();
        long.push(0);
        assert!(parse(&long).is_err(), "bytes after the last text");
        text[2] = 47;
        assert!(parse(&text).is_err(), "too short for a text");
        assert!(parse(&[0]).is_err(), "no text, yet a byte");
        assert!(parse(&[]).unwrap().is_empty());
    }
}
