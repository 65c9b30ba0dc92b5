//! Who calls: taken from the credential, never from the request. (Spec §2)

use std::sync::Arc;

use http::{HeaderMap, Request, header::AUTHORIZATION};
use jiff::Timestamp;
use tonic::{Status, body::Body};

use super::{
    credential::{CredentialError, Credentials},
    layers::{Answer, Around, CalledBy, Inner, answered, is_plain},
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

/// The services that answer anybody: whether the server is up, and what it offers.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Lets only those pass who bear a credential, and tells the services who they are.
#[derive(Clone)]
pub(crate) struct Authenticate {
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) now: Now,
    pub(crate) find: Find,
}

impl Authenticate {
    fn identity(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Status> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let header = all.next().ok_or_else(status::no_credential)?;
        // Of two, another hop may have checked the other one.
        if all.next().is_some() {
            return Err(invalid("there is more than one authorization header"));
        }
        let header = header.to_str().map_err(|_| invalid("the authorization is not ASCII"))?;
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(invalid("the authorization must be: Bearer <token>"));
        }
        self.credentials.verify(token.trim(), (self.now)()).map_err(|error| refused(&error))
    }
}

fn invalid(message: &str) -> Status {
    Problem::new(Reason::CredentialInvalid, message).status()
}

fn refused(error: &CredentialError) -> Status {
    let reason = match error {
        CredentialError::Expired => Reason::CredentialExpired,
        CredentialError::KeyTooShort { .. }
        | CredentialError::TooLong { .. }
        | CredentialError::NotOurs
        | CredentialError::NotYet
        | CredentialError::BadLogin
        | CredentialError::BadOrganisation
        | CredentialError::BadRole
        | CredentialError::NoRole
        | CredentialError::AuditorWrites => Reason::CredentialInvalid,
    };
    Problem::new(reason, error.to_string()).status()
}

impl Around for Authenticate {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        // Of files some are open to everybody: who asks for one is told apart, not turned away.
        let file = is_plain(request.uri().path());
        let open = OPEN.iter().any(|service| request.uri().path().starts_with(service));
        if !open {
            match self.identity(request.headers()) {
                Ok(identity) => {
                    note(&request, (self.find)(&identity));
                    request.extensions_mut().insert(identity);
                }
                Err(_) if file => {}
                Err(refusal) => return answered(refusal),
            }
        }
        Box::pin(inner.call(request))
    }
}

/// Tells the log who calls.
fn note(request: &Request<Body>, person: Option<PersonId>) {
    if let (Some(called_by), Some(person)) = (request.extensions().get::<CalledBy>(), person) {
        called_by.note(person);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    fn identify(headers: &[&str]) -> Result<Identity, (tonic::Code, String)> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        check()
            .identity(&map)
            .map(Arc::unwrap_or_clone)
            .map_err(|status| (status.code(), status.get_details_error_info().unwrap().reason))
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
