//! Signed notes: a text, and under it who signed it. (C2SP signed-note)

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::key::{KeyId, KeyName, Signer, Verified, Verifier};

/// What opens a signature line: an em dash and a space.
const LINE_PREFIX: &str = "— ";

/// One signature line: whose it is, and the bytes that only the key's type explains.
/// (C2SP signed-note "Signatures")
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

impl Signature {
    /// The signature of a key. Nothing is checked.
    pub(super) const fn new(name: KeyName, id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// Reads a line without the newline at its end: `— <name> <base64 of id ‖ signature>`.
    ///
    /// # Errors
    /// `Malformed` for any other text.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix(LINE_PREFIX).ok_or(NoteError::Malformed)?;
        let (name, encoded) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
        let name = KeyName::parse(name).map_err(|_| NoteError::Malformed)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Malformed)?;
        let (id, signature) = bytes.split_first_chunk().ok_or(NoteError::Malformed)?;
        if signature.is_empty() {
            return Err(NoteError::Malformed);
        }
        Ok(Self { name, id: KeyId::new(*id), bytes: signature.to_vec() })
    }

    /// The name of the key that is said to have signed.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key that is said to have signed.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The signature, without the id before it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_by(&self, name: &KeyName, id: KeyId) -> bool {
        self.name == *name && self.id == id
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes(), self.bytes.as_slice()].concat();
        write!(f, "{LINE_PREFIX}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text with its signatures, of which none is believed yet: [`SignedNote::open`] hands out the
/// text once a key that is trusted vouches for it. (C2SP signed-note)
///
/// It displays as it is written. What was parsed displays as the very same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<Signature>,
}

impl SignedNote {
    /// The longest note that is read, in bytes: what the reference implementation takes.
    pub const BYTES_MAX: usize = 1_000_000;

    /// The most signatures that a note may have. The specification demands that 16 be taken; no
    /// log has so many witnesses, and each signature that is known costs a verification.
    pub const SIGNATURES_MAX: usize = 100;

    /// Signs a text with each of the signers, in their order.
    ///
    /// # Errors
    /// `NotSigned` without a signer, `Malformed` for a text that no note can have: one that does
    /// not end with a newline or has a control character. `TooLong` and `TooManySignatures` for
    /// what nobody would read.
    pub fn sign(text: String, signers: &[Signer]) -> Result<Self, NoteError> {
        if !is_text(&text) {
            return Err(NoteError::Malformed);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        if signers.is_empty() {
            return Err(NoteError::NotSigned);
        }
        let mut note = Self { text, signatures: Vec::new() };
        for signer in signers {
            let signature = signer.sign(&note.text);
            note.add(signature)?;
        }
        Ok(note)
    }

    /// Reads a note. The last empty line parts the text from the signatures.
    ///
    /// # Errors
    /// `TooLong`, `TooManySignatures`, or `Malformed` for what is no note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        if !is_text(note) {
            return Err(NoteError::Malformed);
        }
        let (body, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        if lines.lines().count() > Self::SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let signatures: Vec<_> = lines.lines().map(Signature::parse).collect::<Result<_, _>>()?;
        if signatures.is_empty() {
            return Err(NoteError::Malformed);
        }
        Ok(Self { text: format!("{body}\n"), signatures })
    }

    /// The signature lines, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The text, before anyone has vouched for it: to find out which keys to ask for, no more.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Adds a signature line, in place of an earlier one of the same key: what a witness said
    /// last counts.
    ///
    /// # Errors
    /// `TooManySignatures`: the note is as it was.
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        let earlier = self.signatures.iter_mut().find(|it| it.is_by(&signature.name, signature.id));
        if let Some(earlier) = earlier {
            *earlier = signature;
            return Ok(());
        }
        if self.signatures.len() >= Self::SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Which of these keys have signed: one answer for each key, in the order of the lines.
    /// Signatures of other keys are ignored. There may be none; see [`SignedNote::open`].
    ///
    /// # Errors
    /// `BadSignature` if one of these keys is said to have signed and has not: then nothing that
    /// the note says is to be believed. `Ambiguous` if two of the keys have one name and one id.
    pub fn verify(&self, verifiers: &[Verifier]) -> Result<Vec<Verified>, NoteError> {
        let mut found: Vec<Verified> = Vec::new();
        for signature in &self.signatures {
            let mut known = verifiers.iter().filter(|it| signature.is_by(it.name(), it.id()));
            let Some(key) = known.next() else { continue };
            let (name, id) = (signature.name.clone(), signature.id);
            if known.any(|other| other != key) {
                return Err(NoteError::Ambiguous { name, id });
            }
            let Some(good) = key.verify(&self.text, signature) else {
                return Err(NoteError::BadSignature { name, id });
            };
            if !found.iter().any(|it| it.name == good.name && it.id == good.id) {
                found.push(good);
            }
        }
        Ok(found)
    }

    /// The text, for which at least one of these keys vouches.
    ///
    /// # Errors
    /// `NotSigned` if none of them has signed; else as [`SignedNote::verify`].
    pub fn open(&self, verifiers: &[Verifier]) -> Result<&str, NoteError> {
        if self.verify(verifiers)?.is_empty() {
            return Err(NoteError::NotSigned);
        }
        Ok(&self.text)
    }
}

/// Whether a note may have this text: it ends with a newline, and has no other control character
/// of ASCII's. (C2SP signed-note "Format")
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.contains(|it: char| it < ' ' && it != '\n')
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Why a note is none, or is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text has not the form of a note or of a signature line.
    #[error("this is not a signed note")]
    Malformed,
    /// The note is longer than any that is read.
    #[error("a note has at most {} bytes", SignedNote::BYTES_MAX)]
    TooLong,
    /// The note has more signatures than any that is read.
    #[error("a note has at most {} signatures", SignedNote::SIGNATURES_MAX)]
    TooManySignatures,
    /// No key that is trusted has signed the note.
    #[error("no trusted key has signed the note")]
    NotSigned,
    /// A key that is trusted is said to have signed the note and has not.
    #[error("the signature of {name} ({id}) is not good")]
    BadSignature {
        /// The name of the key.
        name: KeyName,
        /// The id of the key.
        id: KeyId,
    },
    /// Two keys that are trusted cannot be told apart.
    #[error("two of the trusted keys are called {name} ({id})")]
    Ambiguous {
        /// The name of both keys.
        name: KeyName,
        /// The id of both keys.
        id: KeyId,
    },
}
