//! Who issues credentials, as a file of the operator's says.
//!
//! ```json
//! {"issuers": [{
//!   "issuer": "https://id.ofsted.example/realms/staff",
//!   "audience": "judgement-ledger",
//!   "keys": "https://id.ofsted.example/realms/staff/certs",
//!   "organisations": ["ofsted"],
//!   "claims": {"login": "preferred_username", "roles": "/realm_access/roles"},
//!   "roles": {"apa-inspectors": "inspector", "apa-moderators": "moderator"},
//!   "leewaySeconds": 30
//! }]}
//! ```
//!
//! | field | what | if left out |
//! |---|---|---|
//! | `issuer` | the `iss` of its tokens, to the letter | needed |
//! | `audience` | what must be, or be among, the `aud` of its tokens | `judgement-ledger` |
//! | `keys` | its public keys: a file or an HTTPS address of a JWK set, or a file of one key in PEM | needed |
//! | `ca` | a file of certificates in PEM that alone vouch for that address | those that browsers trust |
//! | `organisations` | for whom it speaks. No two issuers speak for one, nor an issuer and client certificates, or one login could be two persons | needed |
//! | `claims` | which claim says what: see [`super::claims`] | `sub`, `org`, `roles` |
//! | `roles` | which of its names of roles stands for which role | their own names |
//! | `leewaySeconds` | how far its clock may differ, 0 to 60 | 30 |
//!
//! Paths are relative to the file. It and the files that it names are read again when they change; keys
//! at an address every five minutes, and at once for a token that names a key which is not there, but not
//! more often than every ten seconds. Where they cannot be had, those that were had last count for a day.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{
    claims::{self, Mapping},
    source::{Source, SourceError},
};
use crate::judgement::OrganisationId;

/// For whom tokens are, if the issuer does not say otherwise.
pub(super) const AUDIENCE: &str = "judgement-ledger";

/// How far an issuer's clock may differ, in seconds: by default, and at most.
pub(super) const LEEWAY_S: u8 = 30;
const LEEWAY_S_MAX: u8 = 60;

/// An issuer whose tokens are taken.
pub(super) struct Issuer {
    pub(super) name: String,
    pub(super) audience: String,
    pub(super) leeway_s: i64,
    pub(super) mapping: Mapping,
    pub(super) keys: Arc<Source>,
}

/// Why a file of issuers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuersError {
    /// It cannot be read.
    #[error("it cannot be opened: {0}")]
    Unreadable(#[from] io::Error),
    /// It has another form.
    #[error("the file of issuers cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// There is none in it.
    #[error("the file names no issuer")]
    Empty,
    /// Two are called the same.
    #[error("{issuer} stands twice")]
    Twice {
        /// Which one.
        issuer: String,
    },
    /// It speaks for nobody, or an id is none.
    #[error("{issuer}: organisations must be ids of organisations, one at least")]
    Organisations {
        /// Which issuer.
        issuer: String,
    },
    /// Two issuers speak for one organisation.
    #[error("two issuers speak for {organisation}: one login could be two persons")]
    Shared {
        /// For which one.
        organisation: OrganisationId,
    },
    /// An issuer speaks for an organisation whose logins client certificates name.
    #[error(
        "an issuer and client certificates speak for {organisation}: one person could be two logins"
    )]
    Certified {
        /// For which one.
        organisation: OrganisationId,
    },
    /// A role is none.
    #[error("{issuer}: {role} is no role that a login may have")]
    Role {
        /// Which issuer.
        issuer: String,
        /// What was written.
        role: String,
    },
    /// The leeway is too large.
    #[error("{issuer}: leewaySeconds may be {LEEWAY_S_MAX} at most")]
    Leeway {
        /// Which issuer.
        issuer: String,
    },
    /// Its keys cannot be used.
    #[error("{issuer}: keys {source}")]
    Keys {
        /// Which issuer.
        issuer: String,
        /// Why not.
        #[source]
        source: SourceError,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    issuers: Vec<Stated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stated {
    issuer: String,
    audience: Option<String>,
    keys: String,
    ca: Option<PathBuf>,
    organisations: Vec<String>,
    #[serde(default)]
    claims: StatedClaims,
    roles: Option<BTreeMap<String, String>>,
    leeway_seconds: Option<u8>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatedClaims {
    login: Option<String>,
    organisation: Option<String>,
    roles: Option<String>,
}

/// Whether a document has the form of such a file, whatever it names.
pub(super) fn has_its_form(document: &[u8]) -> bool {
    serde_json::from_slice::<File>(document).is_ok()
}

/// The issuers that a file names. Paths in it are relative to `folder`.
///
/// # Errors
/// [`IssuersError`].
pub(super) fn read(document: &[u8], folder: &Path) -> Result<Vec<Issuer>, IssuersError> {
    let file: File = serde_json::from_slice(document)?;
    if file.issuers.is_empty() {
        return Err(IssuersError::Empty);
    }
    let (mut names, mut spoken_for) = (BTreeSet::new(), BTreeSet::new());
    let mut issuers = Vec::with_capacity(file.issuers.len());
    for stated in file.issuers {
        if !names.insert(stated.issuer.clone()) {
            return Err(IssuersError::Twice { issuer: stated.issuer });
        }
        let issuer = Issuer::stated(stated, folder)?;
        for organisation in issuer.organisations() {
            if !spoken_for.insert(organisation.clone()) {
                return Err(IssuersError::Shared { organisation: organisation.clone() });
            }
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

/// The files of certificates that a document names, as far as it can be read.
pub(super) fn authorities(document: &[u8], folder: &Path) -> Vec<PathBuf> {
    let Ok(file) = serde_json::from_slice::<File>(document) else { return Vec::new() };
    file.issuers.into_iter().filter_map(|it| it.ca).map(|ca| folder.join(ca)).collect()
}

impl Issuer {
    /// For whom it speaks.
    pub(super) fn organisations(&self) -> impl Iterator<Item = &OrganisationId> {
        self.mapping.organisations.iter().flatten()
    }

    /// Keeps the keys that another one has, if they come from the same place.
    pub(super) fn keep_keys_of(&mut self, before: &Self) {
        if self.keys.is_as(&before.keys) {
            self.keys = Arc::clone(&before.keys);
        }
    }

    fn stated(stated: Stated, folder: &Path) -> Result<Self, IssuersError> {
        let Stated { issuer, audience, keys, ca, organisations, claims, roles, leeway_seconds } =
            stated;
        let spoken_for: Option<Vec<_>> =
            organisations.iter().map(|id| OrganisationId::parse(id).ok()).collect();
        let Some(spoken_for) = spoken_for.filter(|those| !those.is_empty()) else {
            return Err(IssuersError::Organisations { issuer });
        };
        let leeway_s = leeway_seconds.unwrap_or(LEEWAY_S);
        if leeway_s > LEEWAY_S_MAX {
            return Err(IssuersError::Leeway { issuer });
        }
        let named = roles.map(|roles| named(&issuer, roles)).transpose()?;
        let usual = Mapping::of_development();
        let mapping = Mapping {
            login: claims.login.unwrap_or(usual.login),
            organisation: claims.organisation.unwrap_or(usual.organisation),
            roles: claims.roles.unwrap_or(usual.roles),
            named,
            organisations: Some(spoken_for),
        };
        let keys = match Source::stated(&keys, ca.as_deref(), folder) {
            Ok(keys) => Arc::new(keys),
            Err(source) => return Err(IssuersError::Keys { issuer, source }),
        };
        Ok(Self {
            name: issuer,
            audience: audience.unwrap_or_else(|| AUDIENCE.to_owned()),
            leeway_s: leeway_s.into(),
            mapping,
            keys,
        })
    }
}

fn named(
    issuer: &str,
    roles: BTreeMap<String, String>,
) -> Result<BTreeMap<String, crate::judgement::Role>, IssuersError> {
    let mut named = BTreeMap::new();
    for (name, written) in roles {
        let role = claims::role(&written)
            .map_err(|_| IssuersError::Role { issuer: issuer.to_owned(), role: written.clone() })?;
        named.insert(name, role);
    }
    Ok(named)
}
