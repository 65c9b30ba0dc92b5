//! A call, as the log knows it: which it is, and who makes it. And the lines that are written of it.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderValue, Request};
use tonic::{Code, Status, body::Body};

use super::{call_id::CallId, method::Method};
use crate::{
    judgement::{OrganisationId, PersonId},
    metrics::Metrics,
    rpc::{
        certificate::ClientCertificate,
        credential::{CredentialError, Imprint},
        doorway::Peer,
        status::{Reason, defect, reason},
    },
};

/// A call under way; stands among the extensions of its request, so that whatever learns more of its
/// caller can say so, and whatever refuses a part of it. Says nothing of a caller but opaque ids: never
/// the login, which is a text.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Called(Arc<Known>);

#[derive(Debug)]
struct Known {
    method: Arc<str>,
    id: CallId,
    trace_id: Option<String>,
    peer: Option<SocketAddr>,
    certificate: Option<Arc<ClientCertificate>>,
    metrics: Arc<Metrics>,
    person: OnceLock<PersonId>,
    credential: OnceLock<Arc<Imprint>>,
    /// Why that is not taken.
    cause: OnceLock<String>,
}

/// How a call, or a part of it, ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) code: Code,
    pub(super) reason: Option<Reason>,
}

/// One line with all that is said of a call. Without a duration it is of a part of it.
macro_rules! line {
    ($call:expr, $ended:expr, $took:expr, $level:ident, $target:literal) => {{
        let (call, ended, took): (&Known, Ended, Option<Duration>) = ($call, $ended, $took);
        let credential = call.credential.get();
        let certificate = call.certificate.as_deref();
        tracing::$level!(
            target: $target,
            method = &*call.method,
            code = ?ended.code,
            reason = ended.reason.map(Reason::as_str),
            cause = call.cause.get().map(String::as_str),
            ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            person = call.person.get().map(tracing::field::display),
            organisation = call.organisation().map(tracing::field::display),
            issuer = credential.map(|it| it.issuer.as_str()),
            credential = credential.map(|it| it.id.as_str()),
            certificate = certificate.map(|it| tracing::field::debug(&it.fingerprint)),
            peer = call.peer.map(tracing::field::display),
            request_id = call.id.as_str(),
            trace_id = call.trace_id.as_deref(),
        );
    }};
}

impl Called {
    /// A call by whom nobody knows yet.
    pub(super) fn new<B>(
        request: &Request<B>,
        method: &Method,
        id: CallId,
        trace_id: Option<&str>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let peer = request.extensions().get::<Peer>();
        Self(Arc::new(Known {
            method: Arc::clone(&method.path),
            id,
            trace_id: trace_id.map(str::to_owned),
            peer: peer.and_then(|it| it.address),
            certificate: peer.and_then(|it| it.certificate.clone()),
            metrics: Arc::clone(metrics),
            person: OnceLock::new(),
            credential: OnceLock::new(),
            cause: OnceLock::new(),
        }))
    }

    /// The call that a request is.
    ///
    /// # Errors
    /// INTERNAL if no [`Log`](super::Log) stands before the service.
    pub(in crate::rpc) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Status> {
        request.extensions().get::<Self>().cloned().ok_or_else(defect)
    }

    /// The call that a request is, for a layer.
    pub(in crate::rpc) fn within(request: &Request<Body>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// The id of the call, for calls that it makes itself.
    pub(in crate::rpc) fn id_header(&self) -> HeaderValue {
        self.0.id.header()
    }

    /// Notes who calls; the first to say so is right.
    pub(in crate::rpc) fn is_by(&self, person: PersonId) {
        self.0.person.get_or_init(|| person);
    }

    /// Notes what credential the caller bears, be it valid or not.
    pub(in crate::rpc) fn bears(&self, imprint: &Arc<Imprint>) {
        self.0.credential.get_or_init(|| Arc::clone(imprint));
    }

    /// Notes why the credential is not taken, in the words that its bearer is told.
    pub(in crate::rpc) fn is_refused_for(&self, error: &CredentialError) {
        self.0.cause.get_or_init(|| error.to_string());
    }

    /// Counts and logs that one command of the call is refused while the call goes on.
    pub(in crate::rpc) fn refuses(&self, refusal: &Status) {
        let ended = Ended { code: refusal.code(), reason: reason(refusal) };
        self.count(ended);
        match sort(ended.code) {
            Sort::Defect => line!(&self.0, ended, None, warn, "judgement_ledger::call"),
            Sort::Well => line!(&self.0, ended, None, debug, "judgement_ledger::call"),
            Sort::Nobody | Sort::Denied => {
                line!(&self.0, ended, None, info, "judgement_ledger::access");
            }
            Sort::Refused => line!(&self.0, ended, None, info, "judgement_ledger::call"),
        }
    }

    /// Counts and logs how the call ended, and after how long.
    pub(super) fn ends(&self, ended: Ended, took: Duration) {
        self.count(ended);
        let took = Some(took);
        match sort(ended.code) {
            Sort::Defect => line!(&self.0, ended, took, warn, "judgement_ledger::call"),
            Sort::Well => line!(&self.0, ended, took, debug, "judgement_ledger::call"),
            // Each in a place of its own: a flood of the one never hides the other.
            Sort::Nobody => line!(&self.0, ended, took, info, "judgement_ledger::access"),
            Sort::Denied => line!(&self.0, ended, took, info, "judgement_ledger::access"),
            Sort::Refused => line!(&self.0, ended, took, info, "judgement_ledger::call"),
        }
    }

    /// As it is sent back.
    pub(super) fn id(&self) -> &CallId {
        &self.0.id
    }

    fn count(&self, ended: Ended) {
        if let Some(reason) = ended.reason {
            self.0.metrics.refused(reason.as_str());
        }
    }
}

impl Known {
    /// For whom the caller acts: as the credential says, else as the certificate does.
    fn organisation(&self) -> Option<&OrganisationId> {
        let stated = self.credential.get().and_then(|it| it.organisation.as_ref());
        stated.or_else(|| self.certificate.as_ref().and_then(|it| it.organisation.as_ref()))
    }
}

/// What kind of end an end is, for the log.
enum Sort {
    /// It is our own fault.
    Defect,
    /// It went well, or its caller went away: such lines would be thousands a second.
    Well,
    /// Nobody is known to have called.
    Nobody,
    /// Who called may not.
    Denied,
    /// It was refused for what it says, or for now.
    Refused,
}

fn sort(code: Code) -> Sort {
    match code {
        Code::Internal | Code::DataLoss | Code::Unknown => Sort::Defect,
        Code::Ok | Code::Cancelled => Sort::Well,
        Code::Unauthenticated => Sort::Nobody,
        Code::PermissionDenied => Sort::Denied,
        Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unavailable => Sort::Refused,
    }
}
