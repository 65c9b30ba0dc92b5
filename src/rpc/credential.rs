//! Credentials: signed statements of who a login is, for which organisation, in which roles.
//!
//! A credential is a JWT (RFC 7519) of an [issuer] whose tokens are taken, signed under one of
//! its [keys]: with `EdDSA`, `ES256` or `RS256`, whichever that key is for. Issuer, audience and expiry are
//! required; times are held against the clock that is passed in. A beginning (`nbf`) is not: most
//! issuers state none, and an expiry alone ends what was stolen; where one is stated, it counts. What the
//! [claims] say of the bearer is mapped as the operator wants, and nothing else says who calls: no other
//! claim, no header, nothing in a request. A token that is bound to a client certificate (RFC 8705) is
//! taken over a connection with that certificate alone.
//!
//! Refused, whatever else it says: a token of more than 8 KiB, a name that stands twice among its
//! claims, a header that brings a key along or points to one (`jwk`, `jku`, `x5c`, `x5u`), and one that
//! calls anything critical (RFC 7515 §4.1.11), since nothing beyond the RFC is understood here.

mod claims;
mod development;
mod imprint;
mod issuer;
mod keys;
mod source;
mod trust;

use std::{
    fmt,
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use jsonwebtoken::{Header, TokenData, Validation, dangerous};
use lru::LruCache;

use super::{caller::Identity, certificate::Fingerprint, lasting::Expiry};
use crate::{
    judgement::OrganisationId,
    merkle::{Hash, sha256},
};
use claims::Claims;
use development::Mint;
use issuer::Issuer;
use keys::{Key, KeySet};
use source::Source;
use trust::{Issuers, Trust};

pub(super) use imprint::Imprint;
pub use issuer::IssuersError;
pub use keys::BadKeys;
pub use source::SourceError;

/// The longest credential. Headers of 16 KiB are taken; half of that is plenty for two names and
/// nine roles.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The longest login, in bytes.
pub(super) const LOGIN_BYTES_MAX: usize = 200;

/// How many credentials are remembered as checked: as many callers may take turns.
const CHECKED_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Checks credentials, and makes them for development.
pub struct Credentials {
    trust: Trust,
    mint: Option<Mint>,
    /// Credentials whose signature was found to be good, by their SHA-256: a caller sends the same
    /// one with every call, and checking it costs more than most reads. Held for a look.
    checked: Mutex<LruCache<Hash, Arc<Checked>>>,
}

/// What a credential says that an issuer of ours signed. Whether it is valid is a question of the
/// moment and of the connection.
pub(super) struct Checked {
    identity: Result<Arc<Identity>, CredentialError>,
    imprint: Arc<Imprint>,
    until: Expiry,
    /// From which second on.
    from: Option<i64>,
    bound_to: Option<Fingerprint>,
    /// Among which keys the one was that signed it, and whose they are.
    keys: Arc<KeySet>,
    source: Arc<Source>,
    /// Among whom that one was.
    issuers: Issuers,
}

/// Who bears a credential that is valid, and until when it is.
pub(super) struct Valid {
    pub(super) identity: Arc<Identity>,
    pub(super) until: Expiry,
}

/// Why a credential is not taken. Tells its bearer what to mend, and nobody what the key is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The key cannot be used.
    #[error(
        "the key has {bytes} bytes; exactly 32 are needed, raw, as `head -c 32 /dev/urandom` gives them"
    )]
    BadKey {
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
    /// Its issuer has no key of that name, as far as is known.
    #[error("the credential names a key that its issuer does not have")]
    KeyUnknown,
    /// The issuer's keys cannot be had, so that nothing can be said of it.
    #[error("the keys of the credential's issuer cannot be had: come back")]
    Unchecked,
    /// Its time is over.
    #[error("the credential has expired")]
    Expired,
    /// The client certificate that it comes with has.
    #[error("the client certificate has expired")]
    CertificateExpired,
    /// Nobody vouches any more for the client certificate of its connection.
    #[error("the client certificate is not trusted any more")]
    CertificateTakenBack,
    /// Whether the client certificate of its connection was taken back cannot be said.
    #[error(
        "the list of client certificates that were taken back is past its next update: come back"
    )]
    ListOver,
    /// Its time has not come.
    #[error("the credential is not valid yet")]
    NotYet,
    /// It is bound to a client certificate that this connection does not have.
    #[error("the credential is bound to another client certificate")]
    BoundElsewhere,
    /// It comes over a connection whose certificate is another organisation's.
    #[error("the credential is of another organisation than the client certificate")]
    OtherOrganisation,
    /// It names no login.
    #[error("the credential must name a login of 1 to {LOGIN_BYTES_MAX} bytes")]
    BadLogin,
    /// It names no organisation.
    #[error("the credential must name an organisation by its id")]
    BadOrganisation,
    /// Its issuer does not speak for the organisation.
    #[error("the credential names an organisation for which its issuer does not speak")]
    NotItsOrganisation,
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
    /// Credentials for development, under a seed of 32 secret bytes.
    ///
    /// # Errors
    /// [`CredentialError::BadKey`].
    pub fn new(seed: &[u8]) -> Result<Self, CredentialError> {
        let (mint, issuer) = development::under(seed)?;
        Ok(Self { mint: Some(mint), ..Self::of(Trust::of(vec![issuer])) })
    }

    /// Credentials of the issuers that a document names, whose form [`IssuersError`]'s module
    /// describes. Paths in it are relative to `folder`. Client certificates name nobody beside them.
    ///
    /// # Errors
    /// [`IssuersError`].
    pub fn of_issuers(document: &[u8], folder: &Path) -> Result<Self, IssuersError> {
        Trust::stated(document, folder).map(Self::of)
    }

    /// The same of a file, which is read again by [`Credentials::refresh`].
    ///
    /// # Errors
    /// [`IssuersError`].
    pub fn of_issuers_in(file: &Path) -> Result<Self, IssuersError> {
        Trust::open(file).map(Self::of)
    }

    /// The same, where client certificates may name logins of these organisations, and of no other.
    ///
    /// # Errors
    /// [`IssuersError::Certified`] if an issuer speaks for one of them.
    pub fn certifying(self, those: Vec<OrganisationId>) -> Result<Self, IssuersError> {
        Ok(Self { trust: self.trust.certifying(those)?, ..self })
    }

    /// None: callers are known by their client certificates alone.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Trust::of(Vec::new()))
    }

    fn of(trust: Trust) -> Self {
        Self { trust, mint: None, checked: Mutex::new(LruCache::new(CHECKED_MAX)) }
    }

    /// A credential for `identity` that expires after `lifetime`, for development.
    ///
    /// # Errors
    /// [`CredentialError`] if [`Credentials::verify`] would not take it, or if these are not for
    /// development.
    pub fn mint(
        &self,
        identity: &Identity,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, CredentialError> {
        let mint = self.mint.as_ref().ok_or(CredentialError::NotOurs)?;
        let token = mint.token(identity, now, lifetime)?;
        self.verify(&token, now).map(|_| token)
    }

    /// Who bears `token`, if it is valid at `now` over a connection without a client certificate.
    ///
    /// # Errors
    /// [`CredentialError`] says what is wrong with it.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Identity>, CredentialError> {
        self.checked(token)?.bearer(now, None).map(|valid| valid.identity)
    }

    /// Whether a client certificate may name a login of this organisation.
    pub(super) fn certifies(&self, organisation: &OrganisationId) -> bool {
        self.trust.certifies(organisation)
    }

    /// Reads the issuers again where they changed, and their keys where it is time. Blocks for some
    /// seconds of each issuer that does not answer.
    pub fn refresh(&self) {
        self.trust.refresh();
        self.trust.issuers().iter().for_each(|issuer| issuer.keys.refresh_if_due());
    }

    /// Looks once more for the keys of a token's issuer, as often as that may be.
    pub(super) async fn look_again(&self, token: &str) {
        let issuers = self.trust.issuers();
        let keys = issued(&issuers, token).map(|(issuer, _)| Arc::clone(&issuer.keys));
        if let Ok(keys) = keys {
            keys.look_again().await;
        }
    }

    /// What `token` says, if an issuer of ours signed it.
    pub(super) fn checked(&self, token: &str) -> Result<Arc<Checked>, CredentialError> {
        let bytes = token.len();
        if bytes > TOKEN_BYTES_MAX {
            return Err(CredentialError::TooLong { bytes });
        }
        let key = sha256(&[token.as_bytes()]);
        let known = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        // A key that was taken back counts no more, nor an issuer, whatever was found under it before.
        let holds = |it: &&Arc<Checked>| {
            let current = it.source.current();
            self.trust.holds(&it.issuers) && current.is_some_and(|now| Arc::ptr_eq(&now, &it.keys))
        };
        if let Some(checked) = known().get(&key).filter(holds) {
            return Ok(Arc::clone(checked));
        }
        let issuers = self.trust.issuers();
        let (issuer, header) = issued(&issuers, token)?;
        let keys = issuer.keys.current().ok_or(CredentialError::Unchecked)?;
        let found = keys.find(header.kid.as_deref()).ok_or(CredentialError::KeyUnknown)?;
        let claims = signed(token, issuer, found)?;
        let expires = claims.expiry().ok_or(CredentialError::NotOurs)?;
        let checked = Arc::new(Checked {
            until: Expiry::at(expires.saturating_add(issuer.leeway_s)),
            from: claims.not_before()?.map(|from| from.saturating_sub(issuer.leeway_s)),
            bound_to: claims.bound_to()?,
            identity: issuer.mapping.identity(&claims).map(Arc::new),
            imprint: Arc::new(Imprint::of(issuer, &claims)),
            keys: Arc::clone(&keys),
            source: Arc::clone(&issuer.keys),
            issuers: Arc::clone(&issuers),
        });
        known().put(key, Arc::clone(&checked));
        Ok(checked)
    }
}

/// Who of these issued a token, as it says itself; nothing of it is proven yet.
fn issued<'i>(issuers: &'i [Issuer], token: &str) -> Result<(&'i Issuer, Header), CredentialError> {
    let TokenData { header, claims }: TokenData<Claims> =
        dangerous::insecure_decode(token).map_err(|_| CredentialError::NotOurs)?;
    let brings_a_key = header.jwk.is_some()
        || header.jku.is_some()
        || header.x5c.is_some()
        || header.x5u.is_some();
    if brings_a_key || header.crit.is_some() {
        return Err(CredentialError::NotOurs);
    }
    let named = claims.issuer().ok_or(CredentialError::NotOurs)?;
    let issuer = issuers.iter().find(|issuer| issuer.name == named);
    Ok((issuer.ok_or(CredentialError::NotOurs)?, header))
}

impl Checked {
    /// What the log may say of it, whether it is valid or not.
    pub(super) fn imprint(&self) -> &Arc<Imprint> {
        &self.imprint
    }

    /// Who bears it, if it is valid at `now` over a connection with this client certificate.
    pub(super) fn bearer(
        &self,
        now: Timestamp,
        certificate: Option<&Fingerprint>,
    ) -> Result<Valid, CredentialError> {
        if self.until.is_over(now) {
            return Err(CredentialError::Expired);
        }
        if self.from.is_some_and(|from| now.as_second() < from) {
            return Err(CredentialError::NotYet);
        }
        if self.bound_to.as_ref().is_some_and(|bound| certificate != Some(bound)) {
            return Err(CredentialError::BoundElsewhere);
        }
        Ok(Valid { identity: self.identity.clone()?, until: self.until })
    }
}

/// The claims that an issuer signed under a key, for us.
fn signed(token: &str, issuer: &Issuer, key: &Key) -> Result<Claims, CredentialError> {
    let mut rules = Validation::new(key.algorithm);
    rules.set_issuer(&[&issuer.name]);
    rules.set_audience(&[&issuer.audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud"]);
    // The library reads the system's clock; times are checked against ours.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    jsonwebtoken::decode(token, &key.checking, &rules)
        .map(|TokenData { claims, .. }| claims)
        .map_err(|_| CredentialError::NotOurs)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(<keys>)")
    }
}

/// See [`crate::fuzzing::issuers`].
pub(crate) fn fuzzed_issuers(document: &[u8]) -> (bool, bool) {
    (issuer::has_its_form(document), KeySet::read(document).is_ok())
}

#[cfg(test)]
mod tests;
