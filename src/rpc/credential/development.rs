//! Credentials that the ledger makes itself, for development: signed with Ed25519 under a seed of 32
//! bytes, which whoever mints them has, and the server, too.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;

use super::{
    CredentialError,
    claims::Mapping,
    issuer::{AUDIENCE, Issuer, LEEWAY_S},
    keys::KeySet,
    source::Source,
};
use crate::rpc::caller::Identity;

/// Who issues them: the ledger itself.
const ISSUER: &str = "judgement-ledger";

/// How long a seed is. (RFC 8032 §5.1.5)
const SEED_BYTES: usize = 32;

/// What stands before a seed in a private key of PKCS #8. (RFC 8410 §7)
const PKCS8_BEFORE_SEED: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Makes credentials.
pub(super) struct Mint {
    signing: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    org: &'a str,
    roles: Vec<&'a str>,
    exp: i64,
}

/// What makes credentials under `seed`, and the issuer that takes them.
///
/// # Errors
/// [`CredentialError::BadKey`].
pub(super) fn under(seed: &[u8]) -> Result<(Mint, Issuer), CredentialError> {
    let exact: [u8; SEED_BYTES] =
        seed.try_into().map_err(|_| CredentialError::BadKey { bytes: seed.len() })?;
    let public = ed25519_dalek::SigningKey::from_bytes(&exact).verifying_key();
    let pkcs8 = zeroize::Zeroizing::new([&PKCS8_BEFORE_SEED[..], &exact].concat());
    let signing = EncodingKey::from_ed_der(&pkcs8);
    let keys = KeySet::of(Algorithm::EdDSA, DecodingKey::from_ed_der(public.as_bytes()));
    let issuer = Issuer {
        name: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        leeway_s: LEEWAY_S.into(),
        mapping: Mapping::of_development(),
        keys: Source::of(keys).into(),
    };
    Ok((Mint { signing }, issuer))
}

impl Mint {
    /// A token for `identity` that expires after `lifetime`.
    ///
    /// # Errors
    /// [`CredentialError::NotOurs`] if it cannot be signed.
    pub(super) fn token(
        &self,
        identity: &Identity,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, CredentialError> {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: identity.login.as_str(),
            org: identity.organisation.as_str(),
            roles: identity.roles.iter().map(|role| role.as_str()).collect(),
            exp: now.as_second().saturating_add(seconds),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.signing)
            .map_err(|_| CredentialError::NotOurs)
    }
}
