//! Connections that are turned away, as the log tells of them.

use std::{io, net::SocketAddr, sync::Arc};

use tokio_rustls::rustls::{self, CertificateError};

use crate::{
    metrics::Metrics,
    rpc::{certificate::Fingerprint, credential::CredentialError, status::Reason, tls},
};

/// Why a connection did not begin.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// The certificate that it showed, or showed none, is no reason to let it in.
    Certificate {
        /// As a call would be told.
        reason: Reason,
        /// In words of the code.
        why: String,
        /// Of a certificate that is the authority's, but says what none may say here. Of others nothing
        /// is proven.
        certificate: Option<Fingerprint>,
    },
    /// No client certificate is taken: the revocation list is past its next update.
    ListOver,
    /// It went away, said nothing in time, or speaks something else: nobody asked for anything yet.
    Left(io::Error),
}

impl NotBegun {
    /// A certificate of the authority's that says what none may say here.
    pub(super) fn odd(error: &CredentialError, der: &[u8]) -> Self {
        Self::Certificate {
            reason: Reason::CredentialInvalid,
            why: error.to_string(),
            certificate: Some(Fingerprint::of(der)),
        }
    }
}

impl From<io::Error> for NotBegun {
    fn from(error: io::Error) -> Self {
        let spoken = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
        if spoken.is_some_and(tls::list_is_over) {
            return Self::ListOver;
        }
        match spoken.and_then(|it| Some((reason_of(it)?, it.to_string()))) {
            Some((reason, why)) => Self::Certificate { reason, why, certificate: None },
            None => Self::Left(error),
        }
    }
}

/// The reason for which TLS refuses a client's certificate, if that is what it refuses.
fn reason_of(error: &rustls::Error) -> Option<Reason> {
    use CertificateError::{Expired, ExpiredContext};
    if let rustls::Error::InvalidCertificate(wrong) = error {
        let over = matches!(wrong, Expired | ExpiredContext { .. });
        return Some(if over { Reason::CredentialExpired } else { Reason::CredentialInvalid });
    }
    let none = matches!(error, rustls::Error::NoCertificatesPresented);
    none.then_some(Reason::CredentialMissing)
}

/// Tells of connections that are turned away, by the reasons that calls have, and counts them.
#[derive(Debug, Clone)]
pub(super) struct Turned {
    metrics: Arc<Metrics>,
}

impl Turned {
    pub(super) fn counted_by(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// There are too many connections, or too many from there.
    pub(super) fn too_many(&self, peer: Option<SocketAddr>) {
        self.metrics.refused(Reason::Busy.as_str());
        tracing::info!(
            target: "judgement_ledger::access",
            reason = Reason::Busy.as_str(),
            peer = peer.map(tracing::field::display),
            "a connection is closed: there are too many"
        );
    }

    /// A connection did not begin.
    pub(super) fn did_not_begin(&self, peer: Option<SocketAddr>, why: &NotBegun) {
        let peer = peer.map(tracing::field::display);
        match why {
            NotBegun::Certificate { reason, why, certificate } => {
                self.metrics.refused(reason.as_str());
                tracing::info!(
                    target: "judgement_ledger::access",
                    reason = reason.as_str(),
                    why,
                    certificate = certificate.as_ref().map(tracing::field::debug),
                    peer,
                    "a connection is closed: its client certificate is not taken"
                );
            }
            NotBegun::ListOver => {
                let reason = Reason::CredentialUnchecked.as_str();
                self.metrics.refused(reason);
                tracing::warn!(
                    target: "judgement_ledger::access",
                    reason,
                    peer,
                    "a connection is closed: no client certificate is taken, since the revocation list \
                     is past its next update; put a new one in its place"
                );
            }
            NotBegun::Left(error) => tracing::debug!(%error, peer, "a connection did not begin"),
        }
    }
}
