//! Client certificates: whom they name, over TLS in which both sides show who they are.
//!
//! | of the caller | of the certificate's subject |
//! |---|---|
//! | organisation | `O`: its id, `ofsted` |
//! | login | `CN` |
//! | roles | `OU`, one for each: `inspector` |
//!
//! A certificate without `OU` names nobody: it lets a connection in, and who calls must bear a
//! credential beside it, of the same organisation where the certificate names one. A gateway that
//! passes on the calls of several organisations therefore has a certificate without `O`.
//!
//! Beside issuers of tokens a certificate names logins of those organisations alone that the operator
//! says, and for which no issuer speaks: see [`super::credential`]. Of another one it names nobody.
//!
//! Whoever signs certificates says who is who: the authority that is trusted must sign for this
//! ledger alone.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use x509_parser::{
    certificate::X509Certificate, prelude::FromDer as _, x509::AttributeTypeAndValue,
};

use super::{caller::Identity, credential::CredentialError, lasting::Expiry};
use crate::{
    judgement::{OrganisationId, Role},
    merkle::sha256,
};

/// The SHA-256 of a certificate, by which a credential may be bound to it. (RFC 8705 §3.1)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

/// A client certificate that the trusted authority signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    pub(crate) fingerprint: Fingerprint,
    /// Until when it counts: a connection, and what is resumed of it, may outlive it.
    pub(crate) until: Expiry,
    /// Whose connection it is, if it says so.
    pub(crate) organisation: Option<OrganisationId>,
    /// Who calls, if it names somebody and no credential comes with the call.
    pub(crate) identity: Option<Identity>,
}

impl ClientCertificate {
    /// What a certificate says, which was checked to be signed and valid.
    ///
    /// # Errors
    /// [`CredentialError`] if it says what no certificate may say here.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CredentialError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| CredentialError::NotOurs)?;
        let subject = certificate.subject();
        let organisation = one(subject.iter_organization())?;
        let organisation = organisation.map(OrganisationId::parse).transpose();
        let organisation = organisation.map_err(|_| CredentialError::BadOrganisation)?;
        let mut roles = Vec::new();
        for unit in subject.iter_organizational_unit() {
            let role = unit.as_str().ok().and_then(Role::parse);
            roles.push(role.ok_or(CredentialError::BadRole)?);
        }
        let identity = match (&organisation, roles.is_empty()) {
            (_, true) => None,
            (None, false) => return Err(CredentialError::BadOrganisation),
            (Some(organisation), false) => {
                let login = one(subject.iter_common_name())?.ok_or(CredentialError::BadLogin)?;
                Some(Identity::checked(login, organisation.clone(), roles)?)
            }
        };
        // It counts in the second that it names, too. (RFC 5280 §4.1.2.5)
        let until = Expiry::after(certificate.validity().not_after.timestamp());
        Ok(Self { fingerprint: Fingerprint::of(der), until, organisation, identity })
    }
}

/// The one value that a subject has of its kind. Two would leave open which counts.
fn one<'a>(
    mut values: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>,
) -> Result<Option<&'a str>, CredentialError> {
    let first = values.next().map(AttributeTypeAndValue::as_str).transpose();
    let first = first.map_err(|_| CredentialError::NotOurs)?;
    if values.next().is_some() { Err(CredentialError::NotOurs) } else { Ok(first) }
}

impl Fingerprint {
    pub(crate) fn of(der: &[u8]) -> Self {
        Self(*sha256(&[der]).as_bytes())
    }

    /// As tokens write it.
    pub(crate) fn from_base64url(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
