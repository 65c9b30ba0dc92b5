//! Credentials: signed statements of who a login is, for which organisation, in which roles.
//!
//! A credential is a JWT (RFC 7519) signed with HMAC-SHA-256 under a key that the server and
//! whoever mints for it share. The algorithm is pinned, never taken from the token; issuer and
//! audience are fixed; expiry is required and checked against the clock that is passed in.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation};
use lru::LruCache;
use serde::{Deserialize, Serialize};

use super::caller::Identity;
use crate::{
    judgement::{OrganisationId, Role, Text},
    merkle::{Hash, sha256},
};

/// Who issues credentials, and for whom: fixed, so that no other service's token is taken.
const ISSUER: &str = "judgement-ledger";

/// How far two clocks may differ.
const LEEWAY_S: i64 = 30;

/// The longest credential. Headers of 16 KiB are taken; half of that is plenty for two names and
/// nine roles.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The longest login, in bytes.
const LOGIN_BYTES_MAX: usize = 200;

/// The shortest key: as long as the hash (RFC 7518 §3.2).
const KEY_BYTES_MIN: usize = 32;

/// How many credentials are remembered as checked: as many callers may take turns.
const CHECKED_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Mints and checks credentials under one key, held in memory.
pub struct Credentials {
    minting: EncodingKey,
    checking: DecodingKey,
    rules: Validation,
    /// Credentials whose signature was found to be good, by their SHA-256: a caller sends the same
    /// one with every call, and checking it costs more than most reads.
    checked: Mutex<LruCache<Hash, Arc<Checked>>>,
}

/// What a credential says that was signed by us. Whether it is valid is a question of the moment.
struct Checked {
    identity: Result<Arc<Identity>, CredentialError>,
    exp: i64,
    nbf: Option<i64>,
}

/// What a credential says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    org: String,
    roles: Vec<String>,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// Why a credential is not taken. Tells its bearer what to mend, and nobody what the key is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The key cannot be used.
    #[error("the key has {bytes} bytes; at least {KEY_BYTES_MIN} are needed")]
    KeyTooShort {
        /// How many it has.
        bytes: usize,
    },
    /// It is larger than any credential.
    #[error("the credential has {bytes} bytes; at most {TOKEN_BYTES_MAX} are read")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// It is no token, is signed otherwise or by somebody else, or is for another service.
    #[error("the credential is not one of this ledger's")]
    NotOurs,
    /// Its time is over.
    #[error("the credential has expired")]
    Expired,
    /// Its time has not come.
    #[error("the credential is not valid yet")]
    NotYet,
    /// It names no login.
    #[error("the credential's sub must be a login of 1 to {LOGIN_BYTES_MAX} bytes")]
    BadLogin,
    /// It names no organisation.
    #[error("the credential's org must be an organisation's id")]
    BadOrganisation,
    /// It gives a role that nobody has.
    #[error("the credential's roles must be among those that logins have")]
    BadRole,
    /// It gives no role.
    #[error("the credential gives no role")]
    NoRole,
    /// Nobody is auditor and writer at once. (Spec §6)
    #[error("the credential makes its bearer auditor and writer at once")]
    AuditorWrites,
}

impl Credentials {
    /// Credentials under `key`: secret bytes, at least 32 of them.
    ///
    /// # Errors
    /// [`CredentialError::KeyTooShort`].
    pub fn new(key: &[u8]) -> Result<Self, CredentialError> {
        if key.len() < KEY_BYTES_MIN {
            return Err(CredentialError::KeyTooShort { bytes: key.len() });
        }
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library reads the system's clock; times are checked below, against ours.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let (minting, checking) = (EncodingKey::from_secret(key), DecodingKey::from_secret(key));
        Ok(Self { minting, checking, rules, checked: Mutex::new(LruCache::new(CHECKED_MAX)) })
    }

    /// A credential for `identity` that expires after `lifetime`.
    ///
    /// # Errors
    /// [`CredentialError`] if [`Credentials::verify`] would not take it.
    pub fn mint(
        &self,
        identity: &Identity,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, CredentialError> {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: identity.login.as_str().to_owned(),
            org: identity.organisation.to_string(),
            roles: identity.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            exp: now.as_second().saturating_add(seconds),
            nbf: None,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.minting)
            .map_err(|_| CredentialError::NotOurs)?;
        self.verify(&token, now).map(|_| token)
    }

    /// Who bears `token`, if it is valid at `now`.
    ///
    /// # Errors
    /// [`CredentialError`] says what is wrong with it.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Identity>, CredentialError> {
        let bytes = token.len();
        if bytes > TOKEN_BYTES_MAX {
            return Err(CredentialError::TooLong { bytes });
        }
        let checked = self.checked(token)?;
        let now = now.as_second();
        if now >= checked.exp.saturating_add(LEEWAY_S) {
            return Err(CredentialError::Expired);
        }
        if checked.nbf.is_some_and(|from| now < from.saturating_sub(LEEWAY_S)) {
            return Err(CredentialError::NotYet);
        }
        checked.identity.clone()
    }

    /// What `token` says, if it is one of ours.
    fn checked(&self, token: &str) -> Result<Arc<Checked>, CredentialError> {
        let key = sha256(&[token.as_bytes()]);
        let known = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(checked) = known().get(&key) {
            return Ok(Arc::clone(checked));
        }
        let TokenData { header, claims }: TokenData<Claims> =
            jsonwebtoken::decode(token, &self.checking, &self.rules)
                .map_err(|_| CredentialError::NotOurs)?;
        // What a token calls critical must be understood (RFC 7515 §4.1.11); we know nothing.
        if header.crit.is_some() {
            return Err(CredentialError::NotOurs);
        }
        let identity = identity(&claims).map(Arc::new);
        let checked = Arc::new(Checked { identity, exp: claims.exp, nbf: claims.nbf });
        known().put(key, Arc::clone(&checked));
        Ok(checked)
    }
}

fn identity(claims: &Claims) -> Result<Identity, CredentialError> {
    let fits = (1..=LOGIN_BYTES_MAX).contains(&claims.sub.len());
    let login = Text::parse(claims.sub.as_str()).ok().filter(|_| fits);
    let login = login.ok_or(CredentialError::BadLogin)?;
    let organisation =
        OrganisationId::parse(&claims.org).map_err(|_| CredentialError::BadOrganisation)?;
    let mut roles = Vec::with_capacity(claims.roles.len());
    for written in &claims.roles {
        let role = Role::parse(written).filter(|role| *role != Role::Service);
        roles.push(role.ok_or(CredentialError::BadRole)?);
    }
    if roles.is_empty() {
        return Err(CredentialError::NoRole);
    }
    if roles.contains(&Role::Auditor) && roles.iter().copied().any(writes) {
        return Err(CredentialError::AuditorWrites);
    }
    Ok(Identity { login, organisation, roles })
}

/// Whether a role causes events. (Spec §6)
const fn writes(role: Role) -> bool {
    match role {
        Role::Inspector
        | Role::LeadInspector
        | Role::Moderator
        | Role::Signatory
        | Role::Publisher
        | Role::RecordsOfficer
        | Role::FrameworkAdmin
        | Role::Service => true,
        Role::Auditor | Role::Consumer => false,
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(<key>)")
    }
}

#[cfg(test)]
mod tests;
