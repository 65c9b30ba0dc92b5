//! The keys that sign notes: their names, their ids, and the text by which a key is handed on.
//! (C2SP signed-note "Signatures", "Verifier keys")
//!
//! What is written here is Ed25519, alone and as a witness's cosignature. Notes may bear several
//! signatures and all that signs takes several signers, so that keys change without a gap, and
//! another algorithm (ML-DSA-44, type 0x06) can come to stand beside this one.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use super::{
    cosignature::{self, PosixTime},
    digest::sha256,
    note::Signature,
};

/// The name of a key, by convention a URL without its scheme: not empty, no space of Unicode's, no
/// plus and no control character. (C2SP signed-note "Format")
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Reads a name.
    ///
    /// # Errors
    /// `Name` for a text that is none.
    pub fn parse(name: &str) -> Result<Self, KeyError> {
        let odd = |it: char| it.is_whitespace() || it < ' ' || it == '+';
        if name.is_empty() || name.contains(odd) {
            return Err(KeyError::Name);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first four bytes of a digest over a key and its name, shown as eight hexadecimal digits.
///
/// It finds a key and proves nothing: anyone can make a key with the same id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The id that consists of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The bytes, in the order in which a signature line has them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// `SHA-256(key name ‖ 0x0A ‖ signature type ‖ public key)[:4]`.
    /// (C2SP signed-note "Signatures")
    fn of(name: &KeyName, signature_type: SignatureType, key: &[u8; 32]) -> Self {
        let digest = sha256(&[name.0.as_bytes(), b"\n", &[signature_type.byte()], key]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What a key's signatures look like and what they are over.
/// (C2SP signed-note "Signature types")
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// `0x01`: an Ed25519 signature over the text of a note.
    Ed25519,
    /// `0x04`: a witness's Ed25519 signature over a time and a checkpoint.
    /// (C2SP tlog-cosignature)
    Cosignature,
}

impl SignatureType {
    /// The byte that stands for the type in ids and verifier keys.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    const fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            byte => Err(KeyError::UnknownType { byte }),
        }
    }
}

/// A public key by which signatures of one name are verified; as text, a "vkey".
/// (C2SP signed-note "Verifier keys")
///
/// # Examples
/// ```
/// use judgement_ledger::merkle::{SignedNote, Verifier};
///
/// let note = "This is an example message.\n\n\
///     — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
/// let key = Verifier::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")?;
/// let note = SignedNote::parse(note.as_bytes())?;
/// assert_eq!(note.open(&[key])?, "This is an example message.\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: KeyName,
    id: KeyId,
    signature_type: SignatureType,
    key: VerifyingKey,
}

impl Verifier {
    /// The verifier for a key in the encoding of RFC 8032.
    ///
    /// # Errors
    /// `Key` for bytes that are no key, or one under which anyone can sign.
    pub fn new(
        name: KeyName,
        signature_type: SignatureType,
        key: &[u8; 32],
    ) -> Result<Self, KeyError> {
        let id = KeyId::of(&name, signature_type, key);
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Key)?;
        if key.is_weak() {
            return Err(KeyError::Key);
        }
        Ok(Self { name, id, signature_type, key })
    }

    /// Reads `<name>+<hex id>+<base64 of type ‖ key>`.
    ///
    /// # Errors
    /// What is wrong first: `Malformed`, `Name`, `UnknownType`, `Key`, `OtherId`.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let (name, rest) = vkey.split_once('+').ok_or(KeyError::Malformed)?;
        let (id, encoded) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let name = KeyName::parse(name)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::Malformed)?;
        let (&first, key) = bytes.split_first().ok_or(KeyError::Malformed)?;
        let signature_type = SignatureType::from_byte(first)?;
        let key = key.try_into().map_err(|_| KeyError::Key)?;
        let verifier = Self::new(name, signature_type, key)?;
        if verifier.id.to_string() == id { Ok(verifier) } else { Err(KeyError::OtherId) }
    }

    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key under its name and type.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What the key's signatures look like.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The key in the encoding of RFC 8032.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// What a signature of this key over the text of a note says; `None` if it is not good.
    pub(super) fn verify(&self, text: &str, signature: &Signature) -> Option<Verified> {
        let time = match self.signature_type {
            SignatureType::Ed25519 => {
                let good = verifies(&self.key, text.as_bytes(), signature.bytes());
                good.then_some(None)?
            }
            SignatureType::Cosignature => {
                Some(cosignature::verify(&self.key, text, signature.bytes())?)
            }
        };
        Some(Verified { name: self.name.clone(), id: self.id, time })
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.signature_type.byte()];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

/// Whether these are the 64 bytes of a signature over the message, as RFC 8032 §5.1.7 verifies it,
/// and no other form of one: a signature is as unalterable as what it signs.
pub(super) fn verifies(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let signature = ed25519_dalek::Signature::from_slice(signature);
    signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// A signature that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The name of the key.
    pub name: KeyName,
    /// The id of the key.
    pub id: KeyId,
    /// When a witness says that it saw the checkpoint; no other signature has a time.
    pub time: Option<PosixTime>,
}

/// A key that signs notes under a name: Ed25519, type `0x01`. (C2SP signed-note "Ed25519
/// signatures")
///
/// Its secret leaves no trace in memory and none in logs.
pub struct Signer {
    name: KeyName,
    key: SigningKey,
}

impl Signer {
    /// The signer whose secret key is `seed`: the 32 random bytes of RFC 8032 §5.1.5.
    #[must_use]
    pub fn new(name: KeyName, seed: &[u8; 32]) -> Self {
        Self { name, key: SigningKey::from_bytes(seed) }
    }

    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The public side of the key, by which its signatures are verified.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.verifier_of(SignatureType::Ed25519)
    }

    pub(super) fn verifier_of(&self, signature_type: SignatureType) -> Verifier {
        let key = self.key.verifying_key();
        let id = KeyId::of(&self.name, signature_type, key.as_bytes());
        Verifier { name: self.name.clone(), id, signature_type, key }
    }

    /// The signature over the text of a note.
    pub(super) fn sign(&self, text: &str) -> Signature {
        let id = self.verifier().id;
        Signature::new(self.name.clone(), id, self.sign_bytes(text.as_bytes()).to_vec())
    }

    pub(super) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("verifier", &self.verifier().to_string()).finish()
    }
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty or has a space, a plus or a control character.
    #[error("the name of a key is not empty and has no space, no plus and no control character")]
    Name,
    /// The text has not the form of a key.
    #[error("a key is written as <name>+<eight hexadecimal digits>+<base64>")]
    Malformed,
    /// The key makes signatures that this program does not know.
    #[error("this program does not know signatures of type {byte:#04x}")]
    UnknownType {
        /// The byte that stands for the type.
        byte: u8,
    },
    /// The bytes are no Ed25519 key, or one under which anyone can sign.
    #[error("the bytes are no usable Ed25519 key")]
    Key,
    /// The id is not that of the key and its name: one of the three was mistyped.
    #[error("the key, its name and its id do not belong together")]
    OtherId,
}

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for (vkey, signature_type) in [
            (VKEY, SignatureType::Ed25519),
            (
                "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                SignatureType::Ed25519,
            ),
            (
                "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
                SignatureType::Ed25519,
            ),
            (
                "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
                SignatureType::Cosignature,
            ),
        ] {
            let verifier = Verifier::parse(vkey).unwrap();
            assert_eq!(verifier.to_string(), vkey);
            assert_eq!(verifier.signature_type(), signature_type);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let identity = [&[1, 1][..], &[0; 31]].concat();
        let weak = format!("n+00000000+{}", STANDARD.encode(identity));
        for (vkey, error) in [
            ("", KeyError::Malformed),
            ("example.com/foo", KeyError::Malformed),
            ("example.com/foo+530d903a", KeyError::Malformed),
            ("example.com/foo+530d903a+", KeyError::Malformed),
            (&VKEY.replace("3U2k", "3U2"), KeyError::Malformed),
            (&VKEY.replace("3U2k", "3U2k="), KeyError::Malformed),
            (&VKEY.replace("example.com/foo", ""), KeyError::Name),
            (&VKEY.replace("example.com/foo", "a b"), KeyError::Name),
            (&VKEY.replace("530d903a", "530D903A"), KeyError::OtherId),
            (&VKEY.replace("530d903a", "530d903b"), KeyError::OtherId),
            (&VKEY.replace("530d903a", "0530d903a"), KeyError::OtherId),
            (&VKEY.replace("foo", "bar"), KeyError::OtherId),
            (&VKEY.replace("+Aeky", "+Aekz"), KeyError::OtherId),
            (&VKEY.replace("+Aeky", "+Buky"), KeyError::UnknownType { byte: 6 }),
            ("n+00000000+AQ==", KeyError::Key),
            (&weak, KeyError::Key),
        ] {
            assert_eq!(Verifier::parse(vkey), Err(error), "{vkey}");
        }
    }

    #[test]
    fn a_name_has_no_space_and_no_plus() {
        for odd in ["", " ", "a b", "a+b", "a\n", "a\u{a0}b", "a\u{2003}b", "a\u{85}b", "a\u{1}b"] {
            assert_eq!(KeyName::parse(odd), Err(KeyError::Name), "{odd:?}");
        }
        assert_eq!(KeyName::parse("日本.example/ü").unwrap().as_str(), "日本.example/ü");
    }

    #[test]
    fn a_signer_shows_no_secret() {
        let signer = Signer::new(KeyName::parse("a").unwrap(), &[0x5a; 32]);
        let shown = format!("{signer:?}");
        assert!(shown.contains(&signer.verifier().to_string()), "{shown}");
        assert!(!shown.contains("90, 90") && !shown.to_lowercase().contains("5a5a"), "{shown}");
    }
}
