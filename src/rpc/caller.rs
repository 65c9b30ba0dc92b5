//! Who calls: taken from the credential, never from the request. (Spec §2)
//!
//! A credential names the caller; without one, the client certificate does, if it names somebody.
//! Where both are there they must be of one organisation, so that a credential that was stolen from
//! one is of no use to another.

use std::{sync::Arc, time::Duration};

use http::{Extensions, HeaderMap, Request, header::AUTHORIZATION};
use jiff::Timestamp;
use tonic::{Status, body::Body};

use super::{
    certificate::ClientCertificate,
    credential::{CredentialError, Credentials, LOGIN_BYTES_MAX, Valid},
    doorway::Peer,
    lasting::Lasting,
    layers::{Answer, Around, Called, Inner, Method, Shape, answered, is_plain, lasting},
    status::{self, Problem, Reason},
};
use crate::judgement::{OrganisationId, PersonId, Role, Text};

/// Who calls, as the credential says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The login: a text, since it names a person.
    pub login: Text,
    /// The organisation that the login belongs to.
    pub organisation: OrganisationId,
    /// What the login may do.
    pub roles: Vec<Role>,
}

impl Identity {
    /// Who this is, if there can be such a login.
    ///
    /// # Errors
    /// [`CredentialError`]: there cannot, and why.
    pub(crate) fn checked(
        login: &str,
        organisation: OrganisationId,
        roles: Vec<Role>,
    ) -> Result<Self, CredentialError> {
        let fits = (1..=LOGIN_BYTES_MAX).contains(&login.len());
        let login = Text::parse(login).ok().filter(|_| fits).ok_or(CredentialError::BadLogin)?;
        if roles.is_empty() {
            return Err(CredentialError::NoRole);
        }
        if roles.contains(&Role::Service) {
            return Err(CredentialError::BadRole);
        }
        if roles.contains(&Role::Auditor) && roles.iter().copied().any(Role::writes) {
            return Err(CredentialError::AuditorWrites);
        }
        Ok(Self { login, organisation, roles })
    }

    /// Whether it has any of these roles.
    pub(crate) fn has_one_of(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }

    /// Who makes this call.
    ///
    /// # Errors
    /// UNAUTHENTICATED if nobody is known to: then no [`Authenticate`] stands before the service.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Result<Arc<Self>, Status> {
        request.extensions().get::<Arc<Self>>().map(Arc::clone).ok_or_else(status::no_credential)
    }
}

/// The time, passed in.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Finds the person behind an identity, if the ledger's directory knows one.
pub(crate) type Find = Arc<dyn Fn(&Identity) -> Option<PersonId> + Send + Sync>;

/// When to come back for keys of an issuer that could not be had.
const KEYS_RETRY: Duration = Duration::from_secs(1);

/// The services that answer anybody: whether the server is up, and what it offers.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Whether a path is answered to anybody: such a service, or a file, which is open to everybody or
/// refused.
pub(super) fn is_open(path: &str) -> bool {
    is_plain(path) || OPEN.iter().any(|service| path.starts_with(service))
}

/// Lets only those pass who bear a credential, and tells the services who they are.
#[derive(Clone)]
pub(crate) struct Authenticate {
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) now: Now,
    pub(crate) find: Find,
}

/// Why nobody is known to call.
enum Unknown {
    /// For good: this is the answer.
    Refused(Status),
    /// The issuer of this token may have a new key: another look tells.
    Stale(String),
}

impl Authenticate {
    /// Who bears the credential of these headers, over the connection of this peer.
    fn over(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
        called: Option<&Called>,
    ) -> Result<Valid, Unknown> {
        let vouched = peer.map_or(Ok(()), Peer::check_vouched);
        vouched.map_err(|error| Unknown::Refused(refused(&error, called)))?;
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        self.identity(headers, certificate, called)
    }

    /// Whether the caller of a stream would be let in again, as who it is: for no longer does it
    /// go on.
    fn still(
        &self,
        identity: &Arc<Identity>,
        headers: &HeaderMap,
        peer: Option<Peer>,
    ) -> impl Fn() -> bool + Send + Sync + 'static {
        let mut bears = HeaderMap::new();
        if let Some(token) = headers.get(AUTHORIZATION) {
            bears.insert(AUTHORIZATION, token.clone());
        }
        let (again, identity) = (self.clone(), Arc::clone(identity));
        move || {
            let found = again.over(&bears, peer.as_ref(), None);
            found.is_ok_and(|valid| valid.identity == identity)
        }
    }

    fn identity(
        &self,
        headers: &HeaderMap,
        certificate: Option<&ClientCertificate>,
        called: Option<&Called>,
    ) -> Result<Valid, Unknown> {
        let Some(token) = token(headers).map_err(Unknown::Refused)? else {
            return self.named(certificate, called).map_err(Unknown::Refused);
        };
        let found = self.bearer(token, certificate, called);
        found.map_err(|error| {
            if error == CredentialError::KeyUnknown {
                Unknown::Stale(token.to_owned())
            } else {
                Unknown::Refused(refused(&error, called))
            }
        })
    }

    /// Who bears the credential of these headers, over such a connection.
    ///
    /// # Errors
    /// UNAUTHENTICATED, or UNAVAILABLE where the issuer's keys cannot be had.
    pub(super) async fn known(
        &self,
        headers: &HeaderMap,
        connection: &Extensions,
    ) -> Result<Valid, Status> {
        let called = connection.get::<Called>();
        let looked = || self.over(headers, connection.get::<Peer>(), called);
        match looked() {
            Ok(known) => Ok(known),
            Err(Unknown::Refused(refusal)) => Err(refusal),
            Err(Unknown::Stale(token)) => {
                self.credentials.look_again(&token).await;
                looked().map_err(|unknown| match unknown {
                    Unknown::Refused(refusal) => refusal,
                    Unknown::Stale(_) => refused(&CredentialError::KeyUnknown, called),
                })
            }
        }
    }

    /// Whom the certificate names, if it names somebody.
    fn named(
        &self,
        certificate: Option<&ClientCertificate>,
        called: Option<&Called>,
    ) -> Result<Valid, Status> {
        let named = certificate.and_then(|it| Some((it, it.identity.clone()?)));
        let (shown, identity) = named.ok_or_else(status::no_credential)?;
        self.counts(shown).map_err(|error| refused(&error, called))?;
        if !self.credentials.certifies(&identity.organisation) {
            return Err(refused(&CredentialError::NotItsOrganisation, called));
        }
        Ok(Valid { identity: Arc::new(identity), until: shown.until })
    }

    fn bearer(
        &self,
        token: &str,
        certificate: Option<&ClientCertificate>,
        called: Option<&Called>,
    ) -> Result<Valid, CredentialError> {
        let fingerprint = certificate.map(|it| &it.fingerprint);
        let checked = self.credentials.checked(token)?;
        if let Some(called) = called {
            called.bears(checked.imprint());
        }
        certificate.map_or(Ok(()), |certificate| self.counts(certificate))?;
        let Valid { identity, until } = checked.bearer((self.now)(), fingerprint)?;
        let until = certificate.map_or(until, |certificate| until.min(certificate.until));
        let connected = certificate.and_then(|it| it.organisation.as_ref());
        if connected.is_some_and(|organisation| *organisation != identity.organisation) {
            return Err(CredentialError::OtherOrganisation);
        }
        Ok(Valid { identity, until })
    }

    /// A connection outlives the certificate that was shown when it was made.
    fn counts(&self, certificate: &ClientCertificate) -> Result<(), CredentialError> {
        let over = certificate.until.is_over((self.now)());
        if over { Err(CredentialError::CertificateExpired) } else { Ok(()) }
    }

    /// The answer to a token whose issuer may have a new key: none, or to come back with it.
    fn once_more(
        &self,
        token: String,
        certificate: Option<Arc<ClientCertificate>>,
        called: Option<Called>,
    ) -> Answer {
        let again = self.clone();
        Box::pin(async move {
            again.credentials.look_again(&token).await;
            let error = match again.bearer(&token, certificate.as_deref(), called.as_ref()) {
                Ok(_) => CredentialError::Unchecked,
                Err(error) => error,
            };
            Ok(refused(&error, called.as_ref()).into_http())
        })
    }
}

/// The token that a call bears, if it bears one.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Status> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = all.next() else { return Ok(None) };
    // Of two, another hop may have checked the other one.
    if all.next().is_some() {
        return Err(invalid("there is more than one authorization header"));
    }
    let header = header.to_str().map_err(|_| invalid("the authorization is not ASCII"))?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid("the authorization must be: Bearer <token>"));
    }
    Ok(Some(token.trim()))
}

fn invalid(message: &str) -> Status {
    Problem::new(Reason::CredentialInvalid, message).status()
}

/// What is told of a credential that is not taken, to its bearer and to the log.
fn refused(error: &CredentialError, called: Option<&Called>) -> Status {
    if let Some(called) = called {
        called.is_refused_for(error);
    }
    let problem = |reason| Problem::new(reason, error.to_string());
    match error {
        CredentialError::Expired | CredentialError::CertificateExpired => {
            problem(Reason::CredentialExpired)
        }
        CredentialError::Unchecked | CredentialError::ListOver => {
            problem(Reason::CredentialUnchecked).retry_after(KEYS_RETRY)
        }
        CredentialError::BadKey { .. }
        | CredentialError::TooLong { .. }
        | CredentialError::NotOurs
        | CredentialError::KeyUnknown
        | CredentialError::CertificateTakenBack
        | CredentialError::NotYet
        | CredentialError::BoundElsewhere
        | CredentialError::OtherOrganisation
        | CredentialError::BadLogin
        | CredentialError::BadOrganisation
        | CredentialError::NotItsOrganisation
        | CredentialError::BadRole
        | CredentialError::NoRole
        | CredentialError::AuditorWrites => problem(Reason::CredentialInvalid),
    }
    .status()
}

impl Around for Authenticate {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        // Of files some are open to everybody: who asks for one is told apart, not turned away.
        let file = is_plain(request.uri().path());
        if file || !is_open(request.uri().path()) {
            let peer = request.extensions().get::<Peer>().cloned();
            let called = Called::within(&request);
            match self.over(request.headers(), peer.as_ref(), called.as_ref()) {
                Ok(Valid { identity, until }) => {
                    if let (Some(called), Some(person)) = (called, (self.find)(&identity)) {
                        called.is_by(person);
                    }
                    if Method::of(&request) == Shape::Streaming {
                        let still = self.still(&identity, request.headers(), peer);
                        let ends = Lasting::until(until, Arc::clone(&self.now), still);
                        request.extensions_mut().insert(identity);
                        return streamed(inner, request, ends);
                    }
                    request.extensions_mut().insert(identity);
                }
                Err(_) if file => {}
                Err(Unknown::Refused(refusal)) => return answered(refusal),
                Err(Unknown::Stale(token)) => {
                    let certificate = peer.and_then(|peer| peer.certificate);
                    return self.once_more(token, certificate, called);
                }
            }
        }
        Box::pin(inner.call(request))
    }
}

/// Passes on the call of a stream that ends with its caller's credential.
fn streamed<S: Inner>(inner: &mut S, mut request: Request<Body>, ends: Lasting) -> Answer {
    request.extensions_mut().insert(ends.clone());
    let answer = inner.call(request);
    Box::pin(async move { Ok(answer.await?.map(|body| lasting(body, ends))) })
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn check() -> Authenticate {
        Authenticate {
            credentials: Arc::new(Credentials::new(&[7; 32]).unwrap()),
            now: Arc::new(|| Timestamp::UNIX_EPOCH),
            find: Arc::new(|_| None),
        }
    }

    fn auditor() -> Identity {
        Identity {
            login: Text::parse("a.jones").unwrap(),
            organisation: OrganisationId::parse("nao").unwrap(),
            roles: vec![Role::Auditor],
        }
    }

    fn token(lifetime: u64) -> String {
        let lifetime = Duration::from_secs(lifetime);
        check().credentials.mint(&auditor(), Timestamp::UNIX_EPOCH, lifetime).unwrap()
    }

    fn identify_over(
        headers: &[&str],
        certificate: Option<&ClientCertificate>,
    ) -> Result<Identity, (tonic::Code, String)> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        let known =
            check().identity(&map, certificate, None).map(|valid| (*valid.identity).clone());
        known.map_err(|unknown| {
            let Unknown::Refused(status) = unknown else { panic!("its key is known") };
            (status.code(), status.get_details_error_info().unwrap().reason)
        })
    }

    fn identify(headers: &[&str]) -> Result<Identity, (tonic::Code, String)> {
        identify_over(headers, None)
    }

    #[test]
    fn a_bearer_is_who_the_credential_says() {
        let header = format!("Bearer {}", token(60));
        assert_eq!(identify(&[&header]), Ok(auditor()));
        assert_eq!(identify(&[&header.replace("Bearer", "bearer")]), Ok(auditor()));
    }

    #[test]
    fn nobody_passes_without_exactly_one_credential() {
        let header = format!("Bearer {}", token(60));
        let no = |reason: &str| Err((tonic::Code::Unauthenticated, reason.to_owned()));
        assert_eq!(identify(&[]), no("CREDENTIAL_MISSING"));
        assert_eq!(identify(&[&header, &header]), no("CREDENTIAL_INVALID"));
        assert_eq!(identify(&["Basic YTpi"]), no("CREDENTIAL_INVALID"));
        assert_eq!(identify(&["Bearer"]), no("CREDENTIAL_INVALID"));
        assert_eq!(identify(&[&token(60)]), no("CREDENTIAL_INVALID"));
    }
}
