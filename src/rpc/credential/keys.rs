//! The public keys that an issuer signs with.
//!
//! Taken are Ed25519 keys for `EdDSA`, P-256 keys for `ES256` and RSA keys of 2048 bits or more for
//! `RS256`. **The key says the algorithm, never the token**: a token that names another one is refused,
//! and so is one that a public key was used for as if it were a secret, since no key here is one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The smallest modulus of an RSA key, in bytes. (RFC 7518 §3.3)
const MODULUS_BYTES_MIN: usize = 256;

/// The largest: signatures under it take some tenth of a millisecond to check.
const MODULUS_BYTES_MAX: usize = 1_024;

/// How many keys an issuer may have.
const KEYS_MAX: usize = 64;

/// The keys of one issuer, as they were when they were read.
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// What they were read from.
    document: Box<[u8]>,
}

/// The same document, the same keys.
impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

/// One key and what it is for.
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) checking: DecodingKey,
}

/// Why keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// It is neither.
    #[error("is neither a JWK set (RFC 7517) nor a public key in PEM")]
    Form,
    /// None of them is of a kind that is taken.
    #[error(
        "has no key that is taken: Ed25519, P-256, or RSA of 2048 bits or more, for signatures"
    )]
    NoneUsable,
    /// There are more than any issuer needs.
    #[error("has more than {KEYS_MAX} keys")]
    TooMany,
    /// A file in PEM holds several things: which one is the key, nothing says.
    #[error("holds more than one block of PEM: a set of keys is written as a JWK set (RFC 7517)")]
    Several,
    /// Two keys are called the same.
    #[error("has two keys of one kid")]
    SameName,
}

impl KeySet {
    /// The names of the keys that `before` did not have.
    pub(super) fn new_since<'k>(&'k self, before: &'k Self) -> impl Iterator<Item = &'k str> {
        let known = |id: &&str| before.keys.iter().any(|key| key.id.as_deref() == Some(*id));
        self.keys.iter().filter_map(|key| key.id.as_deref()).filter(move |id| !known(id))
    }

    /// Reads a JWK set, or a public key in PEM. Keys of other kinds and for other uses are passed
    /// over, as the RFC wants it; at least one must be left.
    ///
    /// # Errors
    /// [`BadKeys`].
    pub(super) fn read(document: &[u8]) -> Result<Self, BadKeys> {
        let text = std::str::from_utf8(document).map_err(|_| BadKeys::Form)?;
        let keys = if text.trim_start().starts_with('{') { jwks(text)? } else { vec![pem(text)?] };
        if keys.is_empty() {
            return Err(BadKeys::NoneUsable);
        }
        if keys.len() > KEYS_MAX {
            return Err(BadKeys::TooMany);
        }
        let mut named: Vec<_> = keys.iter().filter_map(|key| key.id.as_deref()).collect();
        let all = named.len();
        named.sort_unstable();
        named.dedup();
        if named.len() < all {
            return Err(BadKeys::SameName);
        }
        Ok(Self { keys, document: document.into() })
    }

    /// One key alone.
    pub(super) fn of(algorithm: Algorithm, checking: DecodingKey) -> Self {
        Self { keys: vec![Key { id: None, algorithm, checking }], document: Box::default() }
    }

    /// The key that a token names; of one key alone it need not say the name.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(id), [Key { id: None, .. }]) if !id.is_empty() => self.keys.first(),
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
        }
    }
}

#[derive(Deserialize)]
struct Jwks<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

fn jwks(text: &str) -> Result<Vec<Key>, BadKeys> {
    let set: Jwks<'_> = serde_json::from_str(text).map_err(|_| BadKeys::Form)?;
    Ok(set.keys.iter().filter_map(|key| jwk(key.get())).collect())
}

/// A key that is taken; nothing of those that are not.
fn jwk(text: &str) -> Option<Key> {
    // A private key does not belong into a set that is handed out: its owner must learn of that.
    let plain: Value = serde_json::from_str(text).ok()?;
    if plain.get("d").is_some() {
        tracing::warn!(
            "a key of an issuer is passed over, since its private half stands beside it"
        );
        return None;
    }
    let jwk: Jwk = serde_json::from_value(plain).ok()?;
    let algorithm = algorithm(&jwk)?;
    let common = &jwk.common;
    let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let checks = common.key_operations.as_ref();
    let checks = checks.is_none_or(|those| those.contains(&KeyOperations::Verify));
    let stated = common.key_algorithm.is_none_or(|stated| stated == algorithm.into());
    let checking = DecodingKey::from_jwk(&jwk).ok().filter(|_| signs && checks && stated)?;
    Some(Key { id: jwk.common.key_id, algorithm, checking })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of kinds may grow")]
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        AlgorithmParameters::RSA(key) => fits(modulus_bytes(&key.n)?).then_some(Algorithm::RS256),
        // Secrets, other curves, and whatever the library may come to know.
        _ => None,
    }
}

/// How long a modulus is, in bytes without leading zeros.
fn modulus_bytes(base64url: &str) -> Option<usize> {
    let modulus = URL_SAFE_NO_PAD.decode(base64url).ok()?;
    Some(modulus.iter().skip_while(|byte| **byte == 0).count())
}

fn fits(modulus_bytes: usize) -> bool {
    (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&modulus_bytes)
}

fn pem(text: &str) -> Result<Key, BadKeys> {
    type Read = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;
    if text.matches("-----BEGIN ").count() > 1 {
        return Err(BadKeys::Several);
    }
    let forms: [(Read, Algorithm); 3] = [
        (DecodingKey::from_ed_pem, Algorithm::EdDSA),
        (DecodingKey::from_ec_pem, Algorithm::ES256),
        (DecodingKey::from_rsa_pem, Algorithm::RS256),
    ];
    let read = forms.iter().find_map(|(read, algorithm)| {
        read(text.as_bytes()).ok().map(|checking| (*algorithm, checking))
    });
    let (algorithm, checking) = read.ok_or(BadKeys::Form)?;
    // The same rules as for keys of a set: the curve and the size.
    let jwk = Jwk::from_decoding_key(&checking, Some(algorithm));
    let usable = jwk.ok().and_then(|jwk| self::algorithm(&jwk)) == Some(algorithm);
    if usable { Ok(Key { id: None, algorithm, checking }) } else { Err(BadKeys::NoneUsable) }
}
